package memlog

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"parley/events"
)

// Options says how a log keeps time and what it keeps. The zero value is useful.
type Options struct {
	// Now is the clock; nil means time.Now. It may be called from any goroutine.
	Now func() time.Time

	// Keep bounds what is retained; its zero fields mean the defaults. Bytes and
	// Disk count Draft.Size, once for each event.
	Keep events.Keep

	// KeepOf gives a namespace's own bounds; see [events.Keep.With]. nil means that
	// none has any. It is called often, from any goroutine and under the log's
	// locks: it must answer at once and not call the log. Its answers may change.
	KeepOf func(ns string) events.Keep

	// SweepEvery is how often the log enforces retention by itself; 0 means each
	// minute. When it is negative only Sweep does.
	SweepEvery time.Duration
}

// A Log is an [events.Log] that ends with its process. It must be closed.
//
// Lock order, outermost first: namespace.turn, Log.mu, namespace.mu. The tail is
// called under its namespace's turn only, which neither a read nor another
// namespace's append ever takes.
type Log struct {
	now  func() time.Time
	keep events.Keep
	own  func(ns string) events.Keep // nil for none

	size  atomic.Int64   // of all namespaces' events
	early chan struct{}  // asks the sweeper not to wait; nil when there is none
	stop  chan struct{}  // closed by Close
	busy  sync.WaitGroup // calls under way, and the sweeper

	mu         sync.RWMutex
	closed     bool
	tail       func(events.Segment)
	namespaces map[string]*namespace
}

var _ events.Log = (*Log)(nil)

// New makes an empty log.
func New(o Options) *Log {
	l := &Log{
		now:        o.Now,
		keep:       o.Keep.WithDefaults(),
		own:        o.KeepOf,
		stop:       make(chan struct{}),
		namespaces: map[string]*namespace{},
	}
	if l.now == nil {
		l.now = time.Now
	}
	if o.SweepEvery == 0 {
		o.SweepEvery = time.Minute
	}
	if o.SweepEvery > 0 {
		l.early = make(chan struct{}, 1)
		l.busy.Go(func() { l.sweepEvery(o.SweepEvery) })
	}
	return l
}

// Tail registers who hears what was appended; see [events.Log].
func (l *Log) Tail(f func(events.Segment)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = f
}

// Open gives the namespace's head and makes its log where there is none; see
// [events.Log].
func (l *Log) Open(ctx context.Context, ns string) (events.Head, error) {
	if err := l.enter(ctx); err != nil {
		return events.Head{}, err
	}
	defer l.leave()
	n, err := l.open(ns)
	if err != nil {
		return events.Head{}, err
	}
	return n.head(), nil
}

// Head gives the namespace's head where it has a log; see [events.Log].
func (l *Log) Head(ctx context.Context, ns string) (events.Head, error) {
	if err := l.enter(ctx); err != nil {
		return events.Head{}, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil {
		return events.Head{}, events.Refuse(events.CodeNotFound, "this namespace has no log")
	}
	return n.head(), nil
}

// Close waits for the calls under way and for the sweeper. A second Close does
// nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		close(l.stop)
	}
	l.busy.Wait()
	return nil
}

// enter begins a call, which leave ends. Close waits for those that began.
func (l *Log) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return events.Refuse(events.CodeUnavailable, "the log is closed")
	}
	l.busy.Add(1)
	return nil
}

func (l *Log) leave() { l.busy.Done() }

func ended(ctx context.Context) error {
	return &events.Error{Code: events.CodeUnavailable, Detail: "the caller no longer waits for the log", Cause: context.Cause(ctx)}
}

// bounds gives what a namespace is kept within.
func (l *Log) bounds(ns string) events.Keep {
	if l.own == nil {
		return l.keep
	}
	return l.keep.With(l.own(ns))
}

// find gives the namespace, or nil.
func (l *Log) find(name string) *namespace {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.namespaces[name]
}

// open gives the namespace and makes it first where there is none.
func (l *Log) open(name string) (*namespace, error) {
	if n := l.find(name); n != nil {
		return n, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.namespaces[name]; n != nil {
		return n, nil
	}
	if most := l.keep.Namespaces; most > 0 && len(l.namespaces) >= most {
		return nil, events.Refuse(events.CodeQuota, "there may be %d namespaces", most)
	}
	n := newNamespace(name, &l.size)
	l.namespaces[name] = n
	return n, nil
}
