package handlers_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

func contextWithin(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// What stock proxies speak: no chunks, and the end of the connection is the end
// of the stream.
func TestHTTP10(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		id := st.say("acme", "lobby", "", "before")
		conn := st.dial()
		defer conn.Close()
		io.WriteString(conn, "GET /acme/lobby?since=all HTTP/1.0\r\nHost: parley.test\r\nConnection: keep-alive\r\n\r\n")
		got := make(chan string)
		go func() { b, _ := io.ReadAll(conn); got <- string(b) }()
		synctest.Wait()
		st.reg.Drain()
		head, body, _ := strings.Cut(<-got, "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.0 200 OK\r\n") || strings.Contains(head, "Transfer-Encoding") || !strings.Contains(head, "\r\nConnection: close") {
			t.Errorf("head %q", head)
		}
		if !strings.HasPrefix(body, "retry: ") || !strings.HasSuffix(body, "data: {\"reason\":\"drain\",\"reconnect\":true}\n\n") || !strings.Contains(body, "id: "+id+"\nevent: message") {
			t.Errorf("body %q", body)
		}
	})
}

// The same streams where the connection stays net/http's.
func TestHTTP2AndTLS(t *testing.T) {
	for _, proto := range []int{1, 2} {
		t.Run(fmt.Sprint("HTTP ", proto), func(t *testing.T) {
			st := newStage(t, stageOptions{})
			srv := httptest.NewUnstartedServer(st.srv.Handler())
			srv.EnableHTTP2 = proto == 2
			srv.StartTLS()
			defer srv.Close()
			client := srv.Client()
			defer client.CloseIdleConnections()
			open := func(ctx context.Context, query string) (*http.Response, *sseParser) {
				req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/acme/lobby?"+query, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if resp.ProtoMajor != proto || resp.Header.Get("Content-Type") != typeSSE || resp.ContentLength != -1 {
					t.Fatalf("%s %v", resp.Proto, resp.Header)
				}
				return resp, newSSEParser(resp.Body)
			}
			big := strings.Repeat("x", 50_000)
			for range 20 {
				st.say("acme", "lobby", "", big)
			}
			ctx, hangUp := context.WithCancel(t.Context())
			resp, p := open(ctx, "since=all")
			defer resp.Body.Close()
			for i := range 21 {
				b, err := p.block()
				if err != nil || b.event == nil || i > 0 && !strings.Contains(b.event.data, big) {
					t.Fatalf("%d: %v", i, err)
				}
			}
			st.say("acme", "lobby", "", "live")
			if b, err := p.block(); err != nil || b.event == nil || !strings.Contains(b.event.data, "live") {
				t.Fatalf("%+v, %v", b, err)
			}
			hangUp()
			eventually(t, "the hang-up was noticed", func() bool { return st.reg.Streams() == 0 })

			resp, p = open(t.Context(), "")
			defer resp.Body.Close()
			if _, err := p.block(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := contextWithin(t, 10*time.Second)
			defer cancel()
			go st.srv.Drain(ctx)
			if b, err := p.block(); err != nil || b.event == nil || b.event.name != "bye" {
				t.Errorf("%+v, %v", b, err)
			}
			if _, err := p.block(); err != io.EOF {
				t.Errorf("after the bye: %v", err)
			}
		})
	}
}

// In virtual time over TLS on pipes: idle streams outlive the stall, dead ones do
// not.
func TestDeadlinesWhereTheConnectionIsNotOurs(t *testing.T) {
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	config := cert.TLS.Clone()
	cert.Close()
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		config.NextProtos = []string{"http/1.1"}
		web := &http.Server{Handler: st.srv.Handler()}
		served := make(chan struct{})
		go func() { defer close(served); web.Serve(tls.NewListener(p, config)) }()
		defer func() { web.Close(); <-served }()
		conn := tls.Client(p.dial(), &tls.Config{InsecureSkipVerify: true})
		defer conn.NetConn().Close()
		if _, err := io.WriteString(conn, "GET /acme/lobby?heartbeat=60s HTTP/1.1\r\nHost: parley.test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		sse := newSSEParser(resp.Body)
		for i := range 5 {
			if _, err := sse.block(); err != nil {
				t.Fatalf("block %d: %v", i, err)
			}
		}
		st.say("acme", "lobby", "", "nobody takes this")
		began := time.Now()
		for st.reg.Streams() > 0 && time.Since(began) < time.Minute {
			time.Sleep(time.Second / 2)
		}
		if d := time.Since(began); d < 29*time.Second || d > 32*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

// One of a hundred readers stalls. The others hear everything, soon.
func TestAStalledReaderCostsOthersNothing(t *testing.T) {
	st := newStage(t, stageOptions{tcp: true})
	const readers, said = 100, 400
	words := strings.Repeat("x", 4000)
	var conns []*heard
	for range readers {
		conns = append(conns, st.listen("/acme/lobby"))
	}
	conns[0].conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	var all sync.WaitGroup
	for _, r := range conns[1:] {
		all.Go(func() {
			lines := bufio.NewReaderSize(r.Body, 8<<10)
			for n := 0; n < said; {
				line, err := lines.ReadSlice('\n')
				if err != nil {
					t.Errorf("after %d: %v", n, err)
					return
				}
				if bytes.HasPrefix(line, []byte("event: message")) {
					n++
				}
			}
		})
	}
	for range said {
		st.say("acme", "lobby", "", words)
	}
	all.Wait()
	if n := st.reg.Streams(); n != readers {
		t.Errorf("%d streams", n)
	}
}

// What a stalled reader misses is not kept for it anywhere: 32 MB go past one
// that reads nothing, and the heap is where it was.
func TestMemoryDoesNotGrowWithWhatAStalledReaderMisses(t *testing.T) {
	st := newStage(t, stageOptions{tcp: true, window: 16, keep: events.Keep{Events: 16}})
	stalled := st.listen("/acme/lobby")
	stalled.conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	body := said(strings.Repeat("x", 32<<10))
	miss := func(n int) uint64 {
		for range n {
			st.post("acme", "lobby", "", body)
			if err := st.log.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := miss(100) // fills its socket and the windows
	after := miss(1000)
	if grown := int64(after) - int64(before); grown > 2<<20 {
		t.Errorf("the heap grew by %d KiB while 32 MB were missed", grown>>10)
	}
	if st.reg.Streams() != 1 {
		t.Error("the stalled reader was closed within seconds")
	}
}

func TestHangUpsOfRealClients(t *testing.T) {
	st := newStage(t, stageOptions{tcp: true})
	for name, hangUp := range map[string]func(*net.TCPConn){
		"close":      func(c *net.TCPConn) { c.Close() },
		"half-close": func(c *net.TCPConn) { c.CloseWrite() },
		"reset":      func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
	} {
		r := st.listen("/acme/lobby")
		began := time.Now()
		hangUp(r.conn.(*net.TCPConn))
		eventually(t, "the hang-up was noticed", func() bool { return st.reg.Streams() == 0 })
		if d := time.Since(began); d > time.Second {
			t.Errorf("%s: noticed after %v", name, d)
		}
	}
}
