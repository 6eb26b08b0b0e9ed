package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"parley/client"
)

// A pipes is a listener whose connections are pipes, so that time around a real
// http.Server can be virtual.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, errors.New("nobody listens")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A fake is a server that behaves as a test wants, request by request.
type fake struct {
	t      *testing.T
	client *client.Client

	mu   sync.Mutex
	seen []*http.Request
}

// serve starts a fake that answers the nth request, from 0, with answers[n], and
// every later one with the last of them.
func serve(t *testing.T, o client.Options, answers ...http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{t: t}
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// net/http tells that a client has left only once its body has been read.
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.mu.Lock()
		n := len(f.seen)
		f.seen = append(f.seen, r.Clone(context.Background()))
		f.mu.Unlock()
		answers[min(n, len(answers)-1)](w, r)
	})}
	go func() { _ = s.Serve(p) }()
	transport := &http.Transport{DialContext: p.dial}
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{}
	}
	o.HTTPClient.Transport = transport
	t.Cleanup(func() {
		_ = s.Close()
		transport.CloseIdleConnections()
	})
	c, err := client.New("http://parley.test/base/", o)
	if err != nil {
		t.Fatal(err)
	}
	f.client = c
	return f
}

// requests gives what came so far.
func (f *fake) requests() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*http.Request(nil), f.seen...)
}

// stream answers with a stream of these blocks and, unless a word ends it, holds
// it open until the client leaves.
func stream(blocks ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		say(w, blocks...)
		<-r.Context().Done()
	}
}

// closes answers with a stream of these blocks and closes it in good order.
func closes(blocks ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { say(w, blocks...) }
}

func say(w http.ResponseWriter, blocks ...string) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	_, _ = w.Write([]byte(strings.Join(blocks, "")))
	_ = http.NewResponseController(w).Flush()
}

// refuses answers with a problem document.
func refuses(status int, code string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"type":"about:blank","title":"No","status":%d,"detail":"it says no","code":%q}`, status, code)
	}
}

// breaks drops the connection in the middle of whatever it is.
func breaks(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

func hello(at int) string {
	return fmt.Sprintf("retry: 2000\nid: e4f1-%d\nevent: hello\ndata: {\"ns\":\"acme\",\"rooms\":[\"lobby\"],\"member\":\"k3x9\",\"heartbeat\":15,\"resumed\":%t}\n\n", at, at > 0)
}

func message(n int) string {
	return fmt.Sprintf("id: e4f1-%d\nevent: message\ndata: {\"id\":\"e4f1-%d\",\"room\":\"lobby\",\"event\":\"message\",\"from\":\"abcd\",\"data\":\"word %d\",\"time\":\"2026-11-23T01:02:03.456Z\"}\n\n", n, n, n)
}

func heartbeat(at int) string { return fmt.Sprintf(": hb\nid: e4f1-%d\n\n", at) }
