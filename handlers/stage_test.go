package handlers_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"parley/events"
	"parley/events/memlog"
	"parley/handlers"
)

// A stage is a whole server with a log in memory, reached over pipes, so that all
// of it can run in virtual time, or over TCP.
type stage struct {
	t    *testing.T
	log  *memlog.Log
	sick atomic.Pointer[events.Error] // what reading the log answers, when set
	reg  *events.Registry
	srv  *handlers.Server
	said *lockedBuffer
	dial func() net.Conn
}

type stageOptions struct {
	tcp     bool
	closed  bool // the log is not open yet
	keep    events.Keep
	window  int // events that a room's window holds at most
	page    bool
	server  handlers.Options
	streams int
}

func newStage(t *testing.T, o stageOptions) *stage {
	t.Helper()
	st := &stage{t: t, said: &lockedBuffer{}, log: memlog.New(memlog.Options{SweepEvery: -1, Keep: o.keep})}
	of := events.Options{Log: sickLog{st.log, st}, Window: o.window, Streams: o.streams}
	if of.Window > 0 {
		of.WindowAge = -1
	}
	st.reg = events.NewRegistry(of)
	o.server.Logger = slog.New(slog.NewJSONHandler(st.said, nil))
	if o.page {
		o.server.Page = fstest.MapFS{"index.html": {Data: []byte("<!doctype html><title>the page</title>")}}
	}
	st.srv = handlers.New(o.server)
	if !o.closed {
		st.srv.Open(st.reg)
	}
	web := &http.Server{Handler: st.srv.Handler()}
	var l net.Listener
	if o.tcp {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		st.dial = func() net.Conn {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			c.SetDeadline(time.Now().Add(30 * time.Second))
			return c
		}
	} else {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		st.dial, l = p.dial, p
	}
	served := make(chan struct{})
	go func() { defer close(served); web.Serve(l) }()
	t.Cleanup(func() {
		st.reg.Drain()
		web.Close()
		<-served
		st.log.Close()
	})
	return st
}

// sickLog is a log whose reads can be made to fail.
type sickLog struct {
	events.Log
	st *stage
}

func (l sickLog) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	if err := l.st.sick.Load(); err != nil {
		return events.Page{}, err
	}
	return l.Log.Read(ctx, ns, q)
}

// pipes is a listener whose connections are net.Pipes.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// lockedBuffer is where the server's log goes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A heard is an answer whose body is still coming.
type heard struct {
	*http.Response
	conn net.Conn
	sse  *sseParser
}

// request writes a request and returns the connection that the answer comes on.
func (st *stage) request(method, target string, header ...string) net.Conn {
	st.t.Helper()
	conn := st.dial()
	st.t.Cleanup(func() { conn.Close() })
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: parley.test\r\n", method, target)
	for i := 0; i < len(header); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", header[i], header[i+1])
	}
	b.WriteString("\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		st.t.Fatal(err)
	}
	return conn
}

// do asks and reads the head of the answer.
func (st *stage) do(method, target string, header ...string) *heard {
	st.t.Helper()
	conn := st.request(method, target, header...)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		st.t.Fatalf("%s %s: %v", method, target, err)
	}
	return &heard{Response: resp, conn: conn, sse: newSSEParser(resp.Body)}
}

func (st *stage) get(target string, header ...string) *heard {
	st.t.Helper()
	return st.do("GET", target, header...)
}

// listen opens an event stream and reads its hello.
func (st *stage) listen(target string, header ...string) *heard {
	st.t.Helper()
	r := st.get(target, append(header, "Accept", "text/event-stream")...)
	if r.StatusCode != 200 {
		st.t.Fatalf("GET %s: %s", target, r.Status)
	}
	if e := r.event(st.t); e.name != "hello" {
		st.t.Fatalf("GET %s begins with %+v", target, e)
	}
	return r
}

// event gives the next event, past heartbeats.
func (r *heard) event(t *testing.T) sseEvent {
	t.Helper()
	for range 4 {
		b, err := r.sse.block()
		if err != nil {
			t.Fatalf("no event: %v", err)
		}
		if b.event != nil {
			return *b.event
		}
	}
	t.Fatal("no event, only heartbeats")
	return sseEvent{}
}

// rest reads what is left until the end of the answer. A stream that only goes on
// beating has none.
func (r *heard) rest(t *testing.T) string {
	t.Helper()
	const most = 4 << 20
	b, err := io.ReadAll(io.LimitReader(r.Body, most))
	if err != nil || len(b) == most {
		t.Fatalf("no end after %d bytes: %v", len(b), err)
	}
	return string(b)
}

// post says something as whoever holds a connection ID, "" for a back end.
func (st *stage) post(ns, room, cid string, bodies ...events.Body) events.Published {
	st.t.Helper()
	p, err := st.reg.Publish(st.t.Context(), events.Anonymous(cid), ns, events.Post{To: []string{room}, Bodies: bodies})
	if err != nil {
		st.t.Fatal(err)
	}
	return p
}

func (st *stage) say(ns, room, cid, words string) string {
	st.t.Helper()
	return st.post(ns, room, cid, said(words)).First.String()
}

func said(words string) events.Body {
	data, err := events.TextData([]byte(words))
	if err != nil {
		panic(err)
	}
	return events.Body{Data: data}
}

// eventually waits for a condition of a server in real time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came that " + what)
		}
	}
}

var errLogAway = events.Refuse(events.CodeUnavailable, "the log is away")

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
