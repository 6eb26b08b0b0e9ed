package pump_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/handlers/pump"
)

// A record is a source over numbered lines that are all there from the start, or
// come while it is read: what a cursor on a log is.
type record struct {
	bell *pump.Bell
	pad  string // makes lines long
	page int    // lines a page
	far  func(at uint64) bool
	last atomic.Uint64 // lines that there are
	over atomic.Bool

	at    uint64 // told up to here
	asked int32  // readers in Next at once
	fars  atomic.Int64
}

func (s *record) grow(n uint64) {
	s.last.Add(n)
	s.bell.Ring()
}

func (s *record) finish() {
	s.over.Store(true)
	s.bell.Ring()
}

func (s *record) Next(_ context.Context, p *pump.Page, near bool) pump.State {
	if atomic.AddInt32(&s.asked, 1) != 1 {
		panic("a source is asked by two at once")
	}
	defer atomic.AddInt32(&s.asked, -1)
	over, last := s.over.Load(), s.last.Load()
	if s.far != nil && s.at < last && s.far(s.at) {
		if near {
			return pump.Far
		}
		s.fars.Add(1)
	}
	for n := 0; n < s.page && s.at < last; n++ {
		s.at++
		p.Bytes = fmt.Appendf(p.Bytes, "%d%s\n", s.at, s.pad)
		p.Mark(s.at)
	}
	switch {
	case s.at < last:
		return pump.More
	case over:
		return pump.Done
	}
	return pump.Dry
}

func (s *record) Back(at uint64) { s.at = at }

func (s *record) Soon() {}

func (s *record) Beat(p *pump.Page) { p.Bytes = append(p.Bytes, "beat\n"...) }

func (s *record) stream() (pump.Stream, <-chan pump.Result) {
	ended := make(chan pump.Result, 1)
	s.bell = pump.NewBell()
	return pump.Stream{Source: s, Bell: s.bell, First: []byte("hello\n"), End: func(r pump.Result) { ended <- r }}, ended
}

// lines reads to the end and tells what is not hello and 1 to last, each once and
// in order.
func lines(r io.Reader, pad string, last uint64) error {
	b := bufio.NewReaderSize(r, 64<<10)
	if s, err := b.ReadString('\n'); err != nil || s != "hello\n" {
		return fmt.Errorf("it begins with %q, %v", s, err)
	}
	for n := uint64(1); ; n++ {
		s, err := b.ReadString('\n')
		if err == io.EOF && s == "" && n == last+1 {
			return nil
		}
		if want := fmt.Sprint(n, pad, "\n"); s != want {
			return fmt.Errorf("line %d is %.40q (%d bytes), %v", n, s, len(s), err)
		}
	}
}

// What a full socket does not take stays a position: the source is asked again from
// there, and the reader misses nothing and gets nothing twice.
func TestAFullSocketIsAPosition(t *testing.T) {
	for _, pad := range []string{"", strings.Repeat(".", 100), strings.Repeat(".", 60_000)} {
		t.Run(fmt.Sprint(len(pad)), func(t *testing.T) {
			ours, theirs := tcp(t)
			s := &record{pad: pad, page: 300}
			last := uint64(40<<20) / uint64(len(pad)+100)
			s.last.Store(last)
			st, ended := s.stream()
			pump.New(pump.Options{}).Take(ours, st)
			s.finish()
			if err := lines(theirs, pad, last); err != nil {
				t.Error(err)
			}
			theirs.Close()
			if r := <-ended; r.Err != nil {
				t.Errorf("ended with %+v", r)
			}
		})
	}
}

func TestPagesFromFar(t *testing.T) {
	ours, theirs := tcp(t)
	s := &record{page: 7, far: func(at uint64) bool { return at%100 < 50 }}
	st, ended := s.stream()
	pump.New(pump.Options{}).Take(ours, st)
	go func() {
		for range 1000 {
			s.grow(10)
		}
		s.finish()
	}()
	if err := lines(theirs, "", 10_000); err != nil {
		t.Error(err)
	}
	theirs.Close()
	if r := <-ended; r.Err != nil || s.fars.Load() == 0 {
		t.Errorf("ended with %+v after %d pages from far", r, s.fars.Load())
	}
}

// A client that hangs up while its page is read from far ends its stream once the
// page is there, and no sooner: the source is in use until then.
func TestAHangUpWhileAway(t *testing.T) {
	ours, theirs := tcp(t)
	reading, goOn := make(chan struct{}), make(chan struct{})
	s := &record{page: 1, far: func(uint64) bool { return true }}
	st, ended := s.stream()
	slow := &slowFar{record: s, reading: reading, goOn: goOn}
	st.Source = slow
	s.last.Store(1)
	pump.New(pump.Options{}).Take(ours, st)
	<-reading
	theirs.Close()
	select {
	case r := <-ended:
		t.Fatalf("ended with %+v while its source was asked", r)
	case goOn <- struct{}{}:
	}
	if r := <-ended; !errors.Is(r.Err, pump.ErrGone) {
		t.Errorf("ended with %+v", r)
	}
}

type slowFar struct {
	*record
	reading, goOn chan struct{}
}

func (s *slowFar) Next(ctx context.Context, p *pump.Page, near bool) pump.State {
	if !near {
		s.reading <- struct{}{}
		<-s.goOn
	}
	return s.record.Next(ctx, p, near)
}

// What comes while a page is read from far, behind what was read, is heard once
// that page is there: the bell rings for it when the stream is away.
func TestABellWhileAway(t *testing.T) {
	p := pump.New(pump.Options{})
	type listener struct {
		*record
		conn  *net.TCPConn
		ended <-chan pump.Result
	}
	// Other streams of the same loops tell when a turn has been taken.
	var others []listener
	for range 16 {
		ours, theirs := tcp(t)
		s := &record{page: 1}
		st, ended := s.stream()
		p.Take(ours, st)
		read(t, theirs, "hello\n")
		others = append(others, listener{s, theirs, ended})
	}
	ours, theirs := tcp(t)
	s := &record{page: 10, far: func(at uint64) bool { return at == 0 }}
	st, ended := s.stream()
	reading, goOn := make(chan struct{}), make(chan struct{})
	st.Source = &lateFar{record: s, reading: reading, goOn: goOn}
	s.last.Store(1)
	p.Take(ours, st)
	<-reading
	s.grow(1)
	for _, o := range others {
		o.grow(1)
		read(t, o.conn, "1\n")
	}
	goOn <- struct{}{}
	read(t, theirs, "hello\n1\n2\n")
	for _, o := range append(others, listener{s, theirs, ended}) {
		o.conn.Close()
		<-o.ended
	}
}

// lateFar holds back what it has read from far.
type lateFar struct {
	*record
	reading, goOn chan struct{}
}

func (s *lateFar) Next(ctx context.Context, p *pump.Page, near bool) pump.State {
	state := s.record.Next(ctx, p, near)
	if !near {
		s.reading <- struct{}{}
		<-s.goOn
	}
	return state
}

// A socket that takes nothing for the length of a stall is closed, and one that
// takes a little now and then is not.
func TestAStallOfARealSocket(t *testing.T) {
	dead, _ := tcp(t)
	live, theirs := tcp(t)
	p := pump.New(pump.Options{Stall: 2 * time.Second})
	pad := strings.Repeat(".", 1000)
	for _, c := range []*net.TCPConn{dead, live} {
		c.SetWriteBuffer(16 << 10)
	}
	theirs.SetReadBuffer(16 << 10)
	stuck := &record{pad: pad, page: 100}
	stuck.last.Store(1 << 20)
	st, deadEnded := stuck.stream()
	p.Take(dead, st)
	slow := &record{pad: pad, page: 100}
	slow.last.Store(1 << 20)
	st, liveEnded := slow.stream()
	p.Take(live, st)

	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		b := make([]byte, 64<<10)
		every := time.NewTicker(200 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				theirs.Read(b)
			case <-stop:
				return
			}
		}
	})
	if r := <-deadEnded; !errors.Is(r.Err, pump.ErrStalled) {
		t.Errorf("the dead one ended with %+v", r)
	}
	close(stop)
	reading.Wait()
	select {
	case r := <-liveEnded:
		t.Errorf("the slow one ended with %+v", r)
	default:
	}
	theirs.Close()
	if r := <-liveEnded; !errors.Is(r.Err, pump.ErrGone) {
		t.Errorf("the slow one ended with %+v", r)
	}
}

// Streams come and go under load: readers that read everything, that leave in the
// middle, that reset and that half-close. Everybody ends, and the pump is empty.
func TestManyComeAndGo(t *testing.T) {
	p := pump.New(pump.Options{})
	var all sync.WaitGroup
	for i := range 200 {
		ours, theirs := tcp(t)
		s := &record{page: 50, pad: strings.Repeat("x", 200)}
		if i%3 == 0 {
			s.far = func(at uint64) bool { return at%7 == 0 }
		}
		st, ended := s.stream()
		p.Take(ours, st)
		all.Go(func() {
			for range 100 {
				s.grow(20)
			}
			s.finish()
		})
		all.Go(func() {
			switch i % 4 {
			case 0, 1:
				if err := lines(theirs, s.pad, 2000); err != nil {
					t.Errorf("%d: %v", i, err)
				}
				theirs.Close()
			case 2:
				io.CopyN(io.Discard, theirs, int64(i)*500)
				theirs.SetLinger(0)
				theirs.Close()
			case 3:
				io.CopyN(io.Discard, theirs, int64(i)*500)
				theirs.CloseWrite()
				io.Copy(io.Discard, theirs)
			}
			if r := <-ended; (r.Err == nil) != (i%4 < 2) && r.Err != nil {
				if !errors.Is(r.Err, pump.ErrGone) {
					t.Errorf("%d ended with %+v", i, r)
				}
			}
		})
	}
	all.Wait()
	if err := p.Wait(t.Context()); err != nil || p.Streams() != 0 {
		t.Errorf("%v, %d streams are left", err, p.Streams())
	}
}

func TestHeartbeatsOfARealSocket(t *testing.T) {
	ours, theirs := tcp(t)
	s := &record{page: 1}
	st, ended := s.stream()
	st.Heartbeat = 500 * time.Millisecond
	pump.New(pump.Options{}).Take(ours, st)
	read(t, theirs, "hello\nbeat\nbeat\n")
	s.grow(1)
	read(t, theirs, "1\nbeat\n")
	theirs.Close()
	<-ended
}

func TestCutOfRealSockets(t *testing.T) {
	p := pump.New(pump.Options{})
	var results []<-chan pump.Result
	for i := range 20 {
		ours, theirs := tcp(t)
		s := &record{page: 1000, pad: strings.Repeat("x", 1000)}
		if i%2 == 0 {
			s.last.Store(1 << 20) // nobody reads it
		}
		st, ended := s.stream()
		p.Take(ours, st)
		read(t, theirs, "hello\n")
		results = append(results, ended)
	}
	p.Cut()
	for i, ended := range results {
		if r := <-ended; !errors.Is(r.Err, pump.ErrCut) {
			t.Errorf("%d ended with %+v", i, r)
		}
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}
