package pump

import (
	"context"
	"sync"
	"time"
)

// A Writer is a way to a client that somebody else owns: a response of HTTP/2 or
// over TLS. Write may keep what it is given until Flush. A deadline that passes
// makes a write fail, now and for good; the zero time is none.
type Writer interface {
	Write(p []byte) (int, error)
	Flush() error
	SetWriteDeadline(t time.Time) error
}

// A response writes to a Writer. How much of one write was taken cannot be seen
// from here, and a failed one cannot be taken up again, so writes are small:
// each that succeeds shows that the client is taking something.
type response struct {
	w     Writer
	stall time.Duration
	piece int // bytes of one write
	taken int64

	mu   sync.Mutex // guards the deadline
	over bool       // the deadline has passed for good, or the writer was given back
}

// How much is written at once: of a stream, and of an answer that has an end.
const (
	streamPiece = 2 << 10
	answerPiece = 16 << 10
)

func (t *response) serve(ctx context.Context, s *Stream) error {
	stopped := context.AfterFunc(ctx, t.cut)
	err := run(ctx, s, t)
	if ctx.Err() != nil && err != nil && err != ErrStalled {
		// The owner ends the context too when a write has failed, so that behind a
		// stall it says nothing about the client.
		err = context.Cause(ctx)
	}
	stopped()
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	switch err {
	case nil, ErrStalled, ErrNoise, ErrCut:
		return err
	}
	return ErrGone // whatever the owner's context says
}

func (t *response) write(p []byte) error {
	// Between writes there is no deadline: HTTP/2 ends a stream when one passes,
	// also when nothing is being written.
	defer t.deadline(time.Time{})
	for len(p) > 0 {
		n := min(len(p), t.piece)
		began := time.Now()
		if !t.deadline(began.Add(t.stall)) {
			return ErrGone
		}
		if err := t.send(p[:n]); err != nil {
			if time.Since(began) >= t.stall {
				return ErrStalled
			}
			return ErrGone
		}
		t.taken += int64(n)
		p = p[n:]
	}
	return nil
}

func (t *response) send(p []byte) error {
	if _, err := t.w.Write(p); err != nil {
		return err
	}
	return t.w.Flush()
}

// deadline reports false when no more is to be written. A writer that knows no
// deadlines is used without.
func (t *response) deadline(at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	_ = t.w.SetWriteDeadline(at)
	return true
}

func (t *response) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.over = true
		_ = t.w.SetWriteDeadline(time.Unix(1, 0))
	}
}

// WriteAll writes one answer that has an end, with a deadline for each part of it
// instead of one for all: a client that takes nothing for the length of a stall
// is given up, one that takes anything is not. It returns one of this package's
// errors.
func (p *Pump) WriteAll(ctx context.Context, w Writer, body []byte) error {
	t := &response{w: w, stall: p.o.Stall, piece: answerPiece}
	return t.serve(ctx, &Stream{First: body, Source: nothing{}, Bell: NewBell()})
}

type nothing struct{}

func (nothing) Next(context.Context, *Page, bool) State { return Done }
func (nothing) Soon()                                   {}
func (nothing) Back(uint64)                             {}
func (nothing) Beat(*Page)                              {}
