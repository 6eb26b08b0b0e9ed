package pump_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"parley/handlers/pump"
)

// script is a source that gives what it was handed.
type script struct {
	bell *pump.Bell
	beat string

	mu    sync.Mutex
	pages [][]byte
	done  bool
}

func newScript(pages ...string) *script {
	s := &script{bell: pump.NewBell(), beat: "."}
	for _, p := range pages {
		s.pages = append(s.pages, []byte(p))
	}
	return s
}

func (s *script) say(page string) {
	s.mu.Lock()
	s.pages = append(s.pages, []byte(page))
	s.mu.Unlock()
	s.bell.Ring()
}

func (s *script) finish() {
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
	s.bell.Ring()
}

func (s *script) Next(_ context.Context, p *pump.Page, _ bool) pump.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pages) > 0 {
		p.Bytes = append(p.Bytes, s.pages[0]...)
		s.pages = s.pages[1:]
	}
	switch {
	case len(s.pages) > 0:
		return pump.More
	case s.done:
		return pump.Done
	}
	return pump.Dry
}

func (s *script) Soon() {}

func (s *script) Back(uint64) {}

func (s *script) Beat(p *pump.Page) { p.Bytes = append(p.Bytes, s.beat...) }

func (s *script) stream(first string) (pump.Stream, <-chan pump.Result) {
	ended := make(chan pump.Result, 1)
	return pump.Stream{
		Source: s, Bell: s.bell, First: []byte(first), Heartbeat: 15 * time.Second,
		End: func(r pump.Result) { ended <- r },
	}, ended
}

func read(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

func TestAStreamMovesPagesAndHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := pump.New(pump.Options{})
		s := newScript("one ", "two ")
		st, ended := s.stream("hello ")
		began := time.Now()
		p.Take(ours, st)
		read(t, theirs, "hello one two ")
		read(t, theirs, ".")
		if d := time.Since(began); d != 15*time.Second {
			t.Errorf("first heartbeat after %v", d)
		}
		time.Sleep(10 * time.Second)
		s.say("three")
		read(t, theirs, "three")
		for i := range 3 {
			read(t, theirs, ".")
			if d, want := time.Since(began), time.Duration(25+15*(i+1))*time.Second; d != want {
				t.Errorf("heartbeat %d after %v, want %v", i, d, want)
			}
		}
		s.bell.Ring() // for nothing: no page, and no reason to put the heartbeat off
		read(t, theirs, ".")
		if d := time.Since(began); d != 85*time.Second {
			t.Errorf("heartbeat after an empty ring at %v", d)
		}
		s.finish()
		if rest, err := io.ReadAll(theirs); err != nil || len(rest) > 0 {
			t.Errorf("after the end: %q, %v", rest, err)
		}
		if r := <-ended; r.Err != nil || r.Bytes != int64(len("hello one two .three....")) {
			t.Errorf("ended with %+v", r)
		}
		if err := p.Wait(t.Context()); err != nil || p.Streams() != 0 {
			t.Errorf("Wait: %v, %d streams", err, p.Streams())
		}
	})
}

// A pipe's Write returns what was read of it when its deadline comes by, so this
// fails where a write that was cut short is taken for a dead one, or is written
// again from its start.
func TestATricklingReaderIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := pump.New(pump.Options{})
		text := "every byte of this takes twenty-nine seconds"
		s := newScript(text)
		st, ended := s.stream("")
		p.Take(ours, st)
		var got []byte
		for range text {
			time.Sleep(29 * time.Second)
			b := make([]byte, 1)
			if _, err := theirs.Read(b); err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			got = append(got, b...)
		}
		if string(got) != text {
			t.Errorf("got %q", got)
		}
		theirs.Close()
		if r := <-ended; !errors.Is(r.Err, pump.ErrGone) || r.Bytes != int64(len(text)) {
			t.Errorf("ended with %+v", r)
		}
	})
}

func TestADeadReaderIsClosedAfterTheStall(t *testing.T) {
	for _, stall := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			p := pump.New(pump.Options{Stall: stall})
			st, ended := newScript("page").stream("")
			began := time.Now()
			p.Take(ours, st)
			r := <-ended
			want := stall
			if want == 0 {
				want = 30 * time.Second
			}
			if d := time.Since(began); !errors.Is(r.Err, pump.ErrStalled) || d != want || r.Bytes != 0 {
				t.Errorf("ended with %+v after %v", r, d)
			}
		})
	}
}

func TestAHangUpIsNoticedAtOnce(t *testing.T) {
	for name, ready := range map[string]string{"while dry": "", "while writing": "page"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				st, ended := newScript(ready).stream("")
				began := time.Now()
				pump.New(pump.Options{}).Take(ours, st)
				synctest.Wait()
				theirs.Close()
				if r := <-ended; !errors.Is(r.Err, pump.ErrGone) || time.Since(began) != 0 {
					t.Errorf("ended with %+v after %v", r, time.Since(began))
				}
			})
		})
	}
}

func TestNoiseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		st, ended := newScript().stream("")
		pump.New(pump.Options{Noise: 1000}).Take(ours, st)
		if _, err := theirs.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case r := <-ended:
			t.Fatalf("ended within the bound: %+v", r)
		default:
		}
		if _, err := theirs.Write([]byte("!")); err != nil {
			t.Fatal(err)
		}
		if r := <-ended; !errors.Is(r.Err, pump.ErrNoise) {
			t.Errorf("ended with %+v", r)
		}
	})
}

func TestCutEndsWhateverItIsDoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pump.New(pump.Options{})
		var results []<-chan pump.Result
		for _, ready := range []string{"", "nobody reads this"} {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			st, ended := newScript(ready).stream("")
			p.Take(ours, st)
			results = append(results, ended)
		}
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Wait: %v", err)
		}
		p.Cut()
		ours, theirs := net.Pipe()
		defer theirs.Close()
		st, late := newScript("too late").stream("")
		p.Take(ours, st)
		for _, ended := range append(results, late) {
			if r := <-ended; !errors.Is(r.Err, pump.ErrCut) {
				t.Errorf("ended with %+v", r)
			}
		}
		if err := p.Wait(t.Context()); err != nil {
			t.Errorf("Wait: %v", err)
		}
	})
}

// tcp gives both ends of a connection over the loopback.
func tcp(t *testing.T) (ours, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return a.(*net.TCPConn), c.(*net.TCPConn)
}

func TestHangUpsOfRealSockets(t *testing.T) {
	hangUps := map[string]func(*net.TCPConn){
		"close":      func(c *net.TCPConn) { c.Close() },
		"half-close": func(c *net.TCPConn) { c.CloseWrite() },
		"reset":      func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
	}
	for name, hangUp := range hangUps {
		t.Run(name, func(t *testing.T) {
			ours, theirs := tcp(t)
			st, ended := newScript().stream("hello")
			pump.New(pump.Options{}).Take(ours, st)
			read(t, theirs, "hello")
			began := time.Now()
			hangUp(theirs)
			if r := <-ended; !errors.Is(r.Err, pump.ErrGone) {
				t.Errorf("ended with %+v", r)
			}
			if d := time.Since(began); d > time.Second {
				t.Errorf("noticed after %v", d)
			}
		})
	}
}

// The last page of a stream arrives although the client had something to say that
// nobody read: a close right away would reset the connection over it.
func TestTheLastPageArrives(t *testing.T) {
	for range 20 {
		ours, theirs := tcp(t)
		page := bytes.Repeat([]byte("last "), 20_000)
		s := newScript(string(page))
		s.done = true
		st, ended := s.stream("")
		pump.New(pump.Options{}).Take(ours, st)
		if _, err := theirs.Write([]byte("something nobody asked for")); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(theirs)
		if err != nil || !bytes.Equal(got, page) {
			t.Fatalf("%d of %d bytes, %v", len(got), len(page), err)
		}
		theirs.Close()
		if r := <-ended; r.Err != nil {
			t.Fatalf("ended with %+v", r)
		}
	}
}

// valve is a writer that takes bytes while it is open and obeys deadlines, as a
// response of HTTP/2 does: one that passes ends it, also between writes.
type valve struct {
	open chan struct{}

	mu    sync.Mutex
	took  bytes.Buffer
	sizes []int
	timer *time.Timer
	dead  chan struct{}
	ended atomic.Bool
}

func newValve(open bool) *valve {
	v := &valve{open: make(chan struct{}), dead: make(chan struct{})}
	if open {
		close(v.open)
	}
	return v
}

func (v *valve) Write(p []byte) (int, error) {
	select {
	case <-v.dead:
		return 0, os.ErrDeadlineExceeded
	default:
	}
	select {
	case <-v.open:
	case <-v.dead:
		return 0, os.ErrDeadlineExceeded
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sizes = append(v.sizes, len(p))
	return v.took.Write(p)
}

func (v *valve) Flush() error { return nil }

func (v *valve) SetWriteDeadline(at time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.timer != nil {
		v.timer.Stop()
	}
	if !at.IsZero() {
		v.timer = time.AfterFunc(time.Until(at), func() {
			if v.ended.CompareAndSwap(false, true) {
				close(v.dead)
			}
		})
	}
	return nil
}

func (v *valve) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.took.String()
}

func TestAWriterHasNoDeadlineBetweenWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newValve(true)
		s := newScript()
		st, ended := s.stream("hello ")
		st.Heartbeat = time.Minute // longer than the stall
		ctx, hangUp := context.WithCancel(t.Context())
		go pump.New(pump.Options{}).Run(ctx, v, st)
		time.Sleep(3*time.Minute + time.Second)
		s.say("page")
		synctest.Wait()
		if got := v.text(); got != "hello ...page" {
			t.Errorf("got %q", got)
		}
		hangUp()
		if r := <-ended; !errors.Is(r.Err, pump.ErrGone) || r.Bytes != int64(len("hello ...page")) {
			t.Errorf("ended with %+v", r)
		}
	})
}

func TestAWriterGetsSmallWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newValve(true)
		s := newScript(string(make([]byte, 100_000)))
		s.done = true
		st, ended := s.stream("")
		pump.New(pump.Options{}).Run(t.Context(), v, st)
		if r := <-ended; r.Err != nil || r.Bytes != 100_000 {
			t.Errorf("ended with %+v", r)
		}
		for _, n := range v.sizes {
			if n > 2<<10 {
				t.Fatalf("a write of %d bytes", n)
			}
		}
	})
}

func TestAWriterThatTakesNothing(t *testing.T) {
	ends := map[string]struct {
		end  func(p *pump.Pump, hangUp func())
		want error
		at   time.Duration
	}{
		"stalled": {func(*pump.Pump, func()) {}, pump.ErrStalled, 30 * time.Second},
		"cut":     {func(p *pump.Pump, _ func()) { p.Cut() }, pump.ErrCut, time.Second},
		"gone":    {func(_ *pump.Pump, hangUp func()) { hangUp() }, pump.ErrGone, time.Second},
	}
	for name, tt := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pump.New(pump.Options{})
				st, ended := newScript("page").stream("")
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				began := time.Now()
				go p.Run(ctx, newValve(false), st)
				time.Sleep(time.Second)
				tt.end(p, hangUp)
				if r := <-ended; !errors.Is(r.Err, tt.want) || time.Since(began) != tt.at {
					t.Errorf("ended with %+v after %v", r, time.Since(began))
				}
			})
		})
	}
}

func TestWriteAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pump.New(pump.Options{})
		v := newValve(true)
		body := bytes.Repeat([]byte("x"), 1<<20)
		if err := p.WriteAll(t.Context(), v, body); err != nil || v.text() != string(body) {
			t.Errorf("%d bytes, %v", len(v.text()), err)
		}
		began := time.Now()
		if err := p.WriteAll(t.Context(), newValve(false), body); !errors.Is(err, pump.ErrStalled) || time.Since(began) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestPrefetchMayBeToldAnyAddress(t *testing.T) {
	var b byte
	for _, p := range []unsafe.Pointer{nil, unsafe.Pointer(&b)} {
		pump.Prefetch(p, -3, 5)
		pump.Prefetch(p, 0, 0)
		pump.Prefetch(p, 2, 1)
	}
}
