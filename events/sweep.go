package events

import (
	"context"
	"slices"
	"time"
)

// Sweep forgets the namespaces that nobody has used for Options.Idle: their place in
// memory, and where nothing is kept in them, their log too. A later namespace of the
// same name is another one, with another epoch and other members. Whoever owns the
// registry calls it now and then; once a minute is often enough.
func (r *Registry) Sweep(ctx context.Context) error {
	names, err := r.o.Log.Namespaces(ctx)
	if err != nil {
		return err
	}
	for _, n := range r.all() {
		names = append(names, n.name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		n := r.retire(name)
		if n == nil {
			continue
		}
		_, err := r.o.Log.Forget(ctx, name)
		r.mu.Lock()
		delete(r.namespaces, name)
		close(n.retiring)
		r.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// retire gives a namespace that nobody uses and, until its retiring is closed, nobody
// can: nil where there is none to give.
func (r *Registry) retire(name string) *namespace {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	n := r.namespaces[name]
	switch {
	case n == nil && now.Sub(r.started) < r.o.Idle, n != nil && n.retiring != nil:
		return nil
	case n == nil:
		n = newNamespace(r, name)
		r.namespaces[name] = n
	case !n.unused():
		n.quiet, n.seen = time.Time{}, n.uses.Load()
		return nil
	case n.quiet.IsZero():
		n.quiet = now
		return nil
	case now.Sub(n.quiet) < r.o.Idle:
		return nil
	}
	n.retiring = make(chan struct{})
	return n
}

// unused reports whether nobody has used the namespace since it was looked at last.
// It is called under Registry.mu.
func (n *namespace) unused() bool {
	if n.pins.Load() > 0 || n.uses.Load() != n.seen {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.streams)+len(n.people)+len(n.rosters)+len(n.asks)+len(n.held) == 0
}
