package pump

import (
	"context"
	"net"
	"sync"
	"time"
)

// Options are a pump's bounds. The zero value is useful.
type Options struct {
	// Stall is how long a socket may take nothing of what is written to it before
	// its stream is ended; 0 means 30 seconds. Whatever it takes, however little,
	// starts the time anew.
	Stall time.Duration

	// Noise is how many bytes the client of a socket that was taken over may send
	// all in all. They are thrown away; one more ends the stream. 0 means 16 KiB.
	Noise int
}

// A Pump runs streams. Its methods may be called at once.
type Pump struct {
	o Options

	mu      sync.Mutex
	streams map[*running]struct{}
	cut     bool
	idle    chan struct{} // closed when streams is empty; nil when nobody waits
}

// A running stream is one that the pump can cut.
type running struct{ stop context.CancelCauseFunc }

// New makes a pump, which holds nothing until it has streams.
func New(o Options) *Pump {
	if o.Stall <= 0 {
		o.Stall = 30 * time.Second
	}
	if o.Noise <= 0 {
		o.Noise = 16 << 10
	}
	return &Pump{o: o, streams: make(map[*running]struct{})}
}

// Take runs the stream on a socket that is the pump's from now on: the pump
// closes it. Take returns at once.
func (p *Pump) Take(conn net.Conn, s Stream) {
	ctx, stop := context.WithCancelCause(context.Background())
	r := p.begin(stop)
	tune(conn)
	go func() {
		k := &socket{conn: conn, stall: p.o.Stall}
		err := k.serve(ctx, stop, &s, p.o.Noise)
		stop(err)
		p.end(r, &s, Result{Bytes: k.taken, Err: err})
	}()
}

// Run runs the stream on a writer that somebody else owns and returns when it
// has ended. ctx ends when the client has hung up.
func (p *Pump) Run(ctx context.Context, w Writer, s Stream) {
	ctx, stop := context.WithCancelCause(ctx)
	r := p.begin(stop)
	t := &response{w: w, stall: p.o.Stall, piece: streamPiece}
	err := t.serve(ctx, &s)
	stop(err)
	p.end(r, &s, Result{Bytes: t.taken, Err: err})
}

func (p *Pump) begin(stop context.CancelCauseFunc) *running {
	r := &running{stop}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[r] = struct{}{}
	if p.cut {
		stop(ErrCut)
	}
	return r
}

func (p *Pump) end(r *running, s *Stream, result Result) {
	if s.End != nil {
		s.End(result)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.streams, r)
	if len(p.streams) == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// Streams gives how many streams are running.
func (p *Pump) Streams() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.streams)
}

// Wait returns nil when no stream is running, or the cause of ctx when that ends
// first.
func (p *Pump) Wait(ctx context.Context) error {
	p.mu.Lock()
	if len(p.streams) == 0 {
		p.mu.Unlock()
		return nil
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Cut closes the sockets of all streams, whatever they are doing, and of those
// that are still to come. It does not wait.
func (p *Pump) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for r := range p.streams {
		r.stop(ErrCut)
	}
}
