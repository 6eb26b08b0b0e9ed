package logtest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/events"
	"parley/events/logtest"
	"parley/events/memlog"
)

// A survivor is a durable store without a disk: a log in memory that outlives
// the logs that are opened on it.
type survivor struct {
	t   *testing.T
	log *memlog.Log
}

func newSurvivor(t *testing.T) logtest.Store { return &survivor{t: t} }

func (s *survivor) Durable() bool { return true }

func (s *survivor) Open(_ testing.TB, o logtest.Options) events.Log {
	if s.log == nil {
		s.log = memlog.New(memlog.Options{Now: o.Now, Keep: o.Keep, KeepOf: o.KeepOf, SweepEvery: -1})
		s.t.Cleanup(func() { s.log.Close() })
	}
	return &life{log: s.log}
}

// A life is a log from its opening to its closing.
type life struct {
	log    events.Log
	mu     sync.Mutex
	closed bool
	busy   sync.WaitGroup
}

var errClosed = events.Refuse(events.CodeUnavailable, "closed")

func during[T any](l *life, call func() (T, error)) (T, error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		var none T
		return none, errClosed
	}
	l.busy.Add(1)
	l.mu.Unlock()
	defer l.busy.Done()
	return call()
}

func (l *life) Open(ctx context.Context, ns string) (events.Head, error) {
	return during(l, func() (events.Head, error) { return l.log.Open(ctx, ns) })
}

func (l *life) Head(ctx context.Context, ns string) (events.Head, error) {
	return during(l, func() (events.Head, error) { return l.log.Head(ctx, ns) })
}

func (l *life) Append(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
	return during(l, func() (events.Receipt, error) { return l.log.Append(ctx, ns, b) })
}

func (l *life) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	return during(l, func() (events.Page, error) { return l.log.Read(ctx, ns, q) })
}

func (l *life) Removed(ctx context.Context, ns string, stretches []string) ([]uint64, error) {
	return during(l, func() ([]uint64, error) { return l.log.Removed(ctx, ns, stretches) })
}

func (l *life) Find(ctx context.Context, ns string, t time.Time) (uint64, error) {
	return during(l, func() (uint64, error) { return l.log.Find(ctx, ns, t) })
}

func (l *life) Rooms(ctx context.Context, ns, after string, limit int) (rooms []events.Stretch, more bool, err error) {
	rooms, err = during(l, func() (rooms []events.Stretch, err error) {
		rooms, more, err = l.log.Rooms(ctx, ns, after, limit)
		return rooms, err
	})
	return rooms, more, err
}

func (l *life) Erase(ctx context.Context, ns string, e events.Erasure) (events.Receipt, error) {
	return during(l, func() (events.Receipt, error) { return l.log.Erase(ctx, ns, e) })
}

func (l *life) Namespaces(ctx context.Context) ([]string, error) {
	return during(l, func() ([]string, error) { return l.log.Namespaces(ctx) })
}

func (l *life) Forget(ctx context.Context, ns string) (bool, error) {
	return during(l, func() (bool, error) { return l.log.Forget(ctx, ns) })
}

func (l *life) Sweep(ctx context.Context) error {
	_, err := during(l, func() (struct{}, error) { return struct{}{}, l.log.Sweep(ctx) })
	return err
}

func (l *life) Tail(f func(events.Segment)) { l.log.Tail(f) }

func (l *life) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.busy.Wait()
	return nil
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) { logtest.Run(t, newBroken) }
