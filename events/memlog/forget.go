package memlog

import (
	"context"
	"maps"
	"slices"
)

// Namespaces lists the namespaces that have a log; see [events.Log].
func (l *Log) Namespaces(ctx context.Context) ([]string, error) {
	if err := l.enter(ctx); err != nil {
		return nil, err
	}
	defer l.leave()
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Sorted(maps.Keys(l.namespaces)), nil
}

// Forget removes a namespace's log that holds nothing; see [events.Log]. It has
// the turn meanwhile, so that no append is between its number and the tail, and
// does not wait for it: who has the turn is appending.
func (l *Log) Forget(ctx context.Context, ns string) (bool, error) {
	if err := l.enter(ctx); err != nil {
		return false, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil || !n.tryTake() {
		return false, nil
	}
	defer n.give()
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.forgotten || n.holdsLocked(now) {
		return false, nil
	}
	n.forgotten = true
	delete(l.namespaces, ns)
	return true, nil
}

// turn gives the namespace, made where there is none, with the turn to append to
// it, which is to be given back. One that was forgotten while its turn was waited
// for is not it any more.
func (l *Log) turn(ctx context.Context, ns string) (*namespace, error) {
	for {
		n, err := l.open(ns)
		if err != nil {
			return nil, err
		}
		if err := n.take(ctx); err != nil {
			return nil, err
		}
		if !n.forgotten {
			return n, nil
		}
		n.give()
	}
}
