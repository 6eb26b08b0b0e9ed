package pump_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parley/handlers/pump"
)

// A site is a web server whose requests are answered with streams of one pump:
// taken over where the connection is cleartext HTTP/1, run in the request's
// goroutine where it is not.
type site struct {
	pump *pump.Pump
	web  *httptest.Server
	next chan pump.Stream
}

func newSite(t *testing.T, secure bool, o pump.Options) *site {
	s := &site{pump: pump.New(o), next: make(chan pump.Stream, 1)}
	s.web = httptest.NewUnstartedServer(http.HandlerFunc(s.answer))
	if s.web.EnableHTTP2 = secure; secure {
		s.web.StartTLS()
	} else {
		s.web.Start()
	}
	t.Cleanup(s.web.Close)
	return s
}

func (s *site) answer(w http.ResponseWriter, r *http.Request) {
	st := <-s.next
	if r.TLS == nil {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		s.pump.Take(conn, st)
		return
	}
	s.pump.Run(r.Context(), struct {
		http.ResponseWriter
		*http.ResponseController
	}{w, http.NewResponseController(w)}, st)
}

// A listener is the client's end of a stream.
type listener struct {
	body io.Reader    // what the stream says
	sock *net.TCPConn // what carries it
	half func() error // ends the client's half of the connection
	stop func()       // hangs up as this protocol does it
}

// leave closes the connection. A test may do it more than once.
func (l *listener) leave() {
	l.stop()
	l.sock.Close()
}

// A transport opens a stream on a site.
type transport struct {
	name   string
	secure bool
	open   func(t *testing.T, s *site) *listener
}

var transports = []transport{
	{"TCP", false, openTCP},
	{"TLS", true, openTLS},
	{"HTTP2", true, openHTTP2},
}

// dial gives a connection that holds little of what is not read from it.
func (s *site) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", s.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	sock := c.(*net.TCPConn)
	sock.SetReadBuffer(128 << 10)
	return sock
}

const request = "GET / HTTP/1.1\r\nHost: pump.test\r\n\r\n"

func openTCP(t *testing.T, s *site) *listener {
	t.Helper()
	sock := s.dial(t)
	if _, err := io.WriteString(sock, request); err != nil {
		t.Fatal(err)
	}
	return &listener{body: sock, sock: sock, half: sock.CloseWrite, stop: func() {}}
}

func openTLS(t *testing.T, s *site) *listener {
	t.Helper()
	sock := s.dial(t)
	conn := tls.Client(sock, &tls.Config{InsecureSkipVerify: true})
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{body: resp.Body, sock: sock, half: conn.CloseWrite, stop: func() { conn.Close() }}
}

func openHTTP2(t *testing.T, s *site) *listener {
	t.Helper()
	l := &listener{sock: s.dial(t)}
	conn := tls.Client(l.sock, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	l.half = conn.CloseWrite
	client := &http.Transport{
		ForceAttemptHTTP2: true,
		HTTP2:             &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return conn, conn.HandshakeContext(ctx)
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.web.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 2 {
		t.Fatalf("it speaks %s", resp.Proto)
	}
	l.body = resp.Body
	l.stop = func() { // resets the stream, and leaves the connection
		cancel()
		resp.Body.Close()
	}
	return l
}

// listen opens a stream of a record and reads its hello.
func (s *site) listen(t *testing.T, tr transport, rec *record) (*listener, <-chan pump.Result) {
	t.Helper()
	st, ended := rec.stream()
	s.next <- st
	l := tr.open(t, s)
	t.Cleanup(l.leave)
	read(t, l.body, "hello\n")
	return l, ended
}

// endless has more to say than any buffer on the way holds.
const endless = 1 << 40

// Sockets that do what sockets do, over each transport: whatever becomes of the
// one, its stream ends as it should and its neighbour's hears everything.
func TestSocketsOverEveryTransport(t *testing.T) {
	const stall = 2 * time.Second
	hangUps := map[string]func(*listener){
		"is reset":     func(l *listener) { l.sock.SetLinger(0); l.sock.Close() },
		"half-closes":  func(l *listener) { l.half() },
		"hangs up":     func(l *listener) { l.stop(); l.sock.Close() },
		"stops itself": func(l *listener) { l.stop() },
	}
	type behaviour struct {
		name string
		more uint64 // lines that there are from the start
		do   func(t *testing.T, l *listener, rec *record)
		want error
		took time.Duration // at least, after do
	}
	var behaviours []behaviour
	for name, hangUp := range hangUps {
		behaviours = append(behaviours,
			behaviour{name: name + " while dry", want: pump.ErrGone,
				do: func(_ *testing.T, l *listener, _ *record) { hangUp(l) }},
			behaviour{name: name + " while it is written to", more: endless, want: pump.ErrGone,
				do: func(t *testing.T, l *listener, _ *record) {
					if err := numbered(l.body, "", 1, 10_000); err != nil {
						t.Error(err)
					}
					hangUp(l)
				}},
		)
	}
	behaviours = append(behaviours,
		behaviour{name: "takes nothing", more: endless, want: pump.ErrStalled, took: stall,
			do: func(*testing.T, *listener, *record) {}},
		behaviour{name: "takes a little and then nothing", more: endless, want: pump.ErrStalled, took: stall,
			do: func(t *testing.T, l *listener, _ *record) {
				if err := numbered(l.body, "", 1, 100_000); err != nil {
					t.Error(err)
				}
			}},
		behaviour{name: "trickles", more: 400_000, want: nil, took: stall,
			do: func(t *testing.T, l *listener, rec *record) {
				rec.finish()
				slowly := time.NewTicker(stall / 20)
				defer slowly.Stop()
				if err := numbered(&trickle{r: l.body, tick: slowly.C, most: 16 << 10, ticks: 25}, "", 1, 400_000); err != nil {
					t.Error(err)
				}
				if n, err := l.body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("after the last line: %d bytes, %v", n, err)
				}
				l.leave()
			}},
		behaviour{name: "reads byte by byte", more: 20_000, want: nil,
			do: func(t *testing.T, l *listener, rec *record) {
				rec.finish()
				if err := numbered(&trickle{r: l.body, most: 1}, "", 1, 20_000); err != nil {
					t.Error(err)
				}
				if n, err := l.body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("after the last line: %d bytes, %v", n, err)
				}
				l.leave()
			}},
	)
	for _, tr := range transports {
		for _, b := range behaviours {
			if tr.name == "TCP" && strings.HasPrefix(b.name, "stops itself") {
				continue // a bare socket has no other way to hang up
			}
			t.Run(tr.name+"/"+b.name, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, tr.secure, pump.Options{Stall: stall})
				beside := &record{page: 3}
				neighbour, besideEnded := s.listen(t, tr, beside)
				rec := &record{page: 300}
				rec.last.Store(b.more)
				l, ended := s.listen(t, tr, rec)

				began := time.Now()
				b.do(t, l, rec)
				beside.grow(1000)
				if err := numbered(neighbour.body, "", 1, 1000); err != nil {
					t.Errorf("the neighbour: %v", err)
				}
				if r := <-ended; !errors.Is(r.Err, b.want) || b.more > 0 && r.Bytes == 0 {
					t.Errorf("ended with %+v, want %v", r, b.want)
				}
				if d := time.Since(began); d < b.took {
					t.Errorf("ended after %v", d)
				}
				beside.grow(1000)
				beside.finish()
				if err := numbered(neighbour.body, "", 1001, 2000); err != nil {
					t.Errorf("the neighbour afterwards: %v", err)
				}
				neighbour.leave()
				if r := <-besideEnded; r.Err != nil && !errors.Is(r.Err, pump.ErrGone) {
					t.Errorf("the neighbour ended with %+v", r)
				}
				if err := s.pump.Wait(t.Context()); err != nil || s.pump.Streams() != 0 {
					t.Errorf("%d streams are left, %v", s.pump.Streams(), err)
				}
			})
		}
	}
}

// On one connection of HTTP/2 a stream that nobody reads is closed, and the one
// beside it neither waits for it nor ends with it.
func TestStreamsThatShareAConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t, true, pump.Options{Stall: time.Second})
	client := s.web.Client()
	client.Transport.(*http.Transport).HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}
	open := func(rec *record) (io.ReadCloser, <-chan pump.Result) {
		st, ended := rec.stream()
		s.next <- st
		resp, err := client.Get(s.web.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		read(t, resp.Body, "hello\n")
		return resp.Body, ended
	}
	stuck, live := &record{page: 300}, &record{page: 3}
	stuck.last.Store(endless)
	_, stuckEnded := open(stuck)
	body, liveEnded := open(live)
	live.grow(10_000)
	if err := numbered(body, "", 1, 10_000); err != nil {
		t.Error(err)
	}
	if r := <-stuckEnded; !errors.Is(r.Err, pump.ErrStalled) {
		t.Errorf("the one that nobody reads ended with %+v", r)
	}
	live.grow(10_000)
	live.finish()
	if err := numbered(body, "", 10_001, 20_000); err != nil {
		t.Error(err)
	}
	if r := <-liveEnded; r.Err != nil {
		t.Errorf("the one beside it ended with %+v", r)
	}
}

// A trickle gives at most so many bytes at once, and each of its first reads only
// after a tick.
type trickle struct {
	r     io.Reader
	tick  <-chan time.Time
	ticks int
	most  int
}

func (t *trickle) Read(p []byte) (int, error) {
	if t.ticks > 0 {
		t.ticks--
		<-t.tick
	}
	return t.r.Read(p[:min(len(p), t.most)])
}

// numbered reads the lines from first to last, not a byte more, and tells what is
// not one of them in its place.
func numbered(r io.Reader, pad string, first, last uint64) error {
	var want, got []byte
	for n := first; n <= last; {
		want = want[:0]
		for ; n <= last && len(want) < 16<<10; n++ {
			want = fmt.Appendf(want, "%d%s\n", n, pad)
		}
		got = append(got[:0], want...)
		if k, err := io.ReadFull(r, got); err != nil || string(got) != string(want) {
			return fmt.Errorf("before line %d: %d of %d bytes, %.40q…, %v", n, k, len(want), got, err)
		}
	}
	return nil
}
