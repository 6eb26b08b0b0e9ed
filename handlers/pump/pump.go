package pump

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
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

	// Busy reports whether others than those who are far behind need the processors,
	// publishers above all. While it does, who reads a disk for streams rests three
	// times as long after each page as it took, at most 5 ms. Nil means that nobody
	// does.
	Busy func() bool
}

// A Pump runs streams. Its methods may be called at once.
type Pump struct {
	o Options
	loops
	turn atomic.Uint32 // which loop is next

	mu      sync.Mutex
	count   int                   // of streams
	running map[*running]struct{} // those with a goroutine of their own
	idle    chan struct{}         // closed when count is 0; nil when nobody waits

	cut atomic.Bool
}

// A running stream is one with a goroutine, which the pump can cut.
type running struct{ stop context.CancelCauseFunc }

// New makes a pump, which holds nothing until it has streams.
func New(o Options) *Pump {
	if o.Stall <= 0 {
		o.Stall = 30 * time.Second
	}
	if o.Noise <= 0 {
		o.Noise = 16 << 10
	}
	if o.Busy == nil {
		o.Busy = func() bool { return false }
	}
	p := &Pump{o: o, running: make(map[*running]struct{})}
	p.loops = newLoops(p)
	return p
}

// Take runs the stream on a socket that is the pump's from now on: the pump
// closes it. Take returns at once.
func (p *Pump) Take(conn net.Conn, s Stream) {
	tune(conn)
	p.enter()
	if p.adopt(conn, &s) {
		return
	}
	ctx, stop := context.WithCancelCause(context.Background())
	r := p.begin(stop)
	go func() {
		k := &socket{conn: conn, stall: p.o.Stall}
		err := k.serve(ctx, stop, &s, p.o.Noise)
		stop(err)
		p.end(r)
		p.leave(s.End, Result{Bytes: k.taken, Err: err})
	}()
}

// Run runs the stream on a writer that somebody else owns and returns when it
// has ended. ctx ends when the client has hung up.
func (p *Pump) Run(ctx context.Context, w Writer, s Stream) {
	p.enter()
	ctx, stop := context.WithCancelCause(ctx)
	r := p.begin(stop)
	t := &response{w: w, stall: p.o.Stall, piece: streamPiece}
	err := t.serve(ctx, &s)
	stop(err)
	p.end(r)
	p.leave(s.End, Result{Bytes: t.taken, Err: err})
}

func (p *Pump) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
}

func (p *Pump) leave(told func(Result), result Result) {
	if told != nil {
		told(result)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count--
	if p.count == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

func (p *Pump) begin(stop context.CancelCauseFunc) *running {
	r := &running{stop}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[r] = struct{}{}
	if p.cutting() {
		stop(ErrCut)
	}
	return r
}

func (p *Pump) end(r *running) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, r)
}

func (p *Pump) cutting() bool { return p.cut.Load() }

// Streams gives how many streams are running.
func (p *Pump) Streams() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Wait returns nil when no stream is running, or the cause of ctx when that ends
// first.
func (p *Pump) Wait(ctx context.Context) error {
	p.mu.Lock()
	if p.count == 0 {
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
	p.cut.Store(true)
	for r := range p.running {
		r.stop(ErrCut)
	}
	p.wakeAll()
}
