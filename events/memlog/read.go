package memlog

import (
	"context"
	"slices"
	"time"

	"parley/events"
)

// Read gives a page of a stretch; see [events.Log]. A Limit below 1 counts as 1.
func (l *Log) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	if err := l.enter(ctx); err != nil {
		return events.Page{}, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil {
		return events.Page{}, nil
	}
	now := l.now()
	n.mu.RLock()
	defer n.mu.RUnlock()
	p := events.Page{Removed: n.removedLocked(q.Stretch)}
	if s := n.stretches[q.Stretch]; s != nil && q.After < q.Upto {
		p.Events, p.More = page(s.entries[after(s.entries, q.After):after(s.entries, q.Upto)], q, now)
	}
	return p, nil
}

// page picks from the entries of the range, from its old or its new end.
func page(entries []*entry, q events.Query, now time.Time) (picked []*events.Event, more bool) {
	size := 0
	for i := range entries {
		e := entries[i]
		if q.Newest {
			e = entries[len(entries)-1-i]
		}
		if e.Expired(now) {
			continue
		}
		if full := len(picked) >= q.Limit || q.Bytes > 0 && size >= q.Bytes; full && len(picked) > 0 {
			more = true
			break
		}
		picked = append(picked, &e.Event)
		size += e.Size()
	}
	if q.Newest {
		slices.Reverse(picked)
	}
	return picked, more
}

// Removed gives the marks of stretches; see [events.Log].
func (l *Log) Removed(ctx context.Context, ns string, stretches []string) ([]uint64, error) {
	if err := l.enter(ctx); err != nil {
		return nil, err
	}
	defer l.leave()
	marks := make([]uint64, len(stretches))
	n := l.find(ns)
	if n == nil {
		return marks, nil
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	for i, name := range stretches {
		marks[i] = n.removedLocked(name)
	}
	return marks, nil
}

// Find gives the number of the first event at or after a time; see [events.Log].
// In a namespace without a log it is 1.
func (l *Log) Find(ctx context.Context, ns string, t time.Time) (uint64, error) {
	if err := l.enter(ctx); err != nil {
		return 0, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil {
		return 1, nil
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if i := from(n.all, t); i < len(n.all) {
		return n.all[i].Seq, nil
	}
	return n.last + 1, nil
}
