package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"parley/events"
)

// call sends a request with a body, each header as "Name: value", and reads the
// whole answer.
func (st *stage) call(method, target, body string, headers ...string) reply {
	st.t.Helper()
	conn := st.dial()
	defer conn.Close()
	go func() {
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: parley.test\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s",
			method, target, len(body), strings.Join(append(headers, ""), "\r\n"), body)
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		st.t.Fatalf("%s %s: %v", method, target, err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		st.t.Fatalf("%s %s: %v", method, target, err)
	}
	return reply{st.t, res.StatusCode, res.Header, string(b)}
}

// A listener reads a stream in the background, so that it is never slow.
type listener struct {
	*heard
	st  *stage
	mu  sync.Mutex
	got []sseEvent
	end chan struct{}
}

// attend opens a stream as whoever holds a connection ID.
func (st *stage) attend(cid, target string, header ...string) *listener {
	st.t.Helper()
	l := &listener{heard: st.listen(target, append(header, "Connection-ID", cid)...), st: st, end: make(chan struct{})}
	go func() {
		defer close(l.end)
		for {
			b, err := l.sse.block()
			if err != nil {
				return
			}
			if b.event != nil {
				l.mu.Lock()
				l.got = append(l.got, *b.event)
				l.mu.Unlock()
			}
		}
	}()
	return l
}

// told gives what came since it was asked before, in virtual time, as lines
// "event data".
func (l *listener) told() string {
	l.st.t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, e := range l.got {
		b.WriteString(e.name + " " + e.data + "\n")
	}
	l.got = nil
	return b.String()
}

// words gives what of told was said.
func (l *listener) words(t *testing.T) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(l.told()) {
		if _, data, found := strings.Cut(line, `"data":"`); found {
			word, _, _ := strings.Cut(data, `"`)
			out = append(out, word)
		}
	}
	return strings.Join(out, " ")
}

// leave hangs up.
func (l *listener) leave() {
	l.conn.Close()
	<-l.end
	synctest.Wait()
}

// member gives the public ID of who holds a connection ID in acme.
func (st *stage) member(cid string) string {
	st.t.Helper()
	head, err := st.log.Open(st.t.Context(), "acme")
	if err != nil {
		st.t.Fatal(err)
	}
	return events.Member(head.Key, "", cid)
}

// as gives the header that says who one is.
func as(cid string) string { return "Connection-ID: " + cid }

// names puts people in the place of their members' IDs and dates.
func (st *stage) names(s string) string {
	for cid, name := range map[string]string{ann: "<ann>", bob: "<bob>", cyd: "<cyd>"} {
		s = strings.ReplaceAll(s, st.member(cid), name)
	}
	return s
}
