package pump

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Stream is one source on its way to one socket.
type Stream struct {
	Source Source
	Bell   *Bell  // rung when the source may have more
	First  []byte // written before the source is asked, in one write; may be empty

	// Heartbeat is how long nothing may be written before the source's Beat is;
	// 0 means never.
	Heartbeat time.Duration

	// End is called once, when the stream has ended and its socket is closed or
	// given back. Nil is allowed.
	End func(Result)
}

// A Result says how a stream went.
type Result struct {
	Bytes int64 // that the socket took
	Err   error // nil when the source was done and its last page was taken
}

// Why a stream ended before its source was done. A Result's Err is one of them.
var (
	ErrGone    = errors.New("the client hung up")
	ErrStalled = errors.New("the client took nothing for too long")
	ErrNoise   = errors.New("the client sent more than a listener has to say")
	ErrCut     = errors.New("the stream was cut")
)

// A sink takes pages: write returns once all of p is taken, or with one of the
// errors above.
type sink interface{ write(p []byte) error }

// pages are the buffers of streams that are writing. One that is dry holds none.
var pages = sync.Pool{New: func() any { return new(Page) }}

// maxPooled keeps a few large pages from staying for good.
const maxPooled = 256 << 10

// run moves pages until the source is done or ctx ends, whose cause it gives.
func run(ctx context.Context, s *Stream, to sink) error {
	if len(s.First) > 0 {
		if err := to.write(s.First); err != nil {
			return err
		}
		s.First = nil
	}
	var beat *time.Timer
	var beats <-chan time.Time
	if s.Heartbeat > 0 {
		beat = time.NewTimer(s.Heartbeat)
		defer beat.Stop()
		beats = beat.C
	}
	rung := s.Bell.Listen()
	due := false
	for {
		wrote, state, err := step(ctx, s, to, due)
		if err != nil {
			return err
		}
		if wrote {
			due = false
			if beat != nil {
				beat.Reset(s.Heartbeat)
			}
		}
		if state == Done {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if state == More {
			continue
		}
		select {
		case <-rung:
		case <-beats:
			due = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// step asks for one page and writes it. When a heartbeat is due and there is
// nothing to tell, the heartbeat is the page: it is made after the source was
// asked, so that it speaks of where the source is now.
func step(ctx context.Context, s *Stream, to sink, due bool) (wrote bool, state State, err error) {
	page := pages.Get().(*Page)
	defer func() {
		if cap(page.Bytes) <= maxPooled {
			pages.Put(page)
		}
	}()
	page.reset()
	state = s.Source.Next(ctx, page, false)
	if len(page.Bytes) == 0 && state == Dry && due {
		s.Source.Beat(page)
	}
	if len(page.Bytes) == 0 {
		return false, state, nil
	}
	return true, state, to.write(page.Bytes)
}
