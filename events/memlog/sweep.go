package memlog

import (
	"container/heap"
	"context"
	"slices"
	"time"

	"parley/events"
)

// Sweep enforces retention now; see [events.Log]. A namespace is locked for its
// own part only.
func (l *Log) Sweep(ctx context.Context) error {
	if err := l.enter(ctx); err != nil {
		return err
	}
	defer l.leave()
	return l.sweep(ctx)
}

func (l *Log) sweep(ctx context.Context) error {
	l.mu.RLock()
	namespaces := make([]*namespace, 0, len(l.namespaces))
	for _, n := range l.namespaces {
		namespaces = append(namespaces, n)
	}
	l.mu.RUnlock()

	now := l.now()
	for _, n := range namespaces {
		if ctx.Err() != nil {
			return ended(ctx)
		}
		n.sweep(now, l.bounds(n.name))
	}
	if l.keep.Disk > 0 {
		return l.sweepDisk(ctx, namespaces)
	}
	return nil
}

// sweep enforces the bounds of one namespace. What outlived its TTL goes first:
// it is not to be taken for something that retention removed.
func (n *namespace) sweep(now time.Time, keep events.Keep) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keys.forget(now)
	n.dropLocked(n.deadlines.expired(now))
	if keep.Age > 0 {
		n.dropOldestLocked(from(n.all, now.Add(-keep.Age)))
	}
	if keep.Events > 0 {
		n.sweepCountsLocked(keep.Events)
	}
	if keep.Bytes > 0 {
		n.dropOldestLocked(n.overLocked(n.size - keep.Bytes))
	}
	for name, s := range n.stretches {
		n.tidyLocked(name, s)
	}
}

// overLocked gives how many of the oldest events make up at least this many
// bytes.
func (n *namespace) overLocked(bytes int64) (count int) {
	for ; bytes > 0 && count < len(n.all); count++ {
		bytes -= int64(n.all[count].Size())
	}
	return count
}

// dropOldestLocked takes the oldest events of the namespace and marks it.
func (n *namespace) dropOldestLocked(count int) {
	if count == 0 {
		return
	}
	gone := slices.Clone(n.all[:count])
	n.removed = gone[count-1].Seq
	n.dropLocked(gone)
}

// sweepCountsLocked takes from each stretch what is beyond its count, and marks
// it. An event that another stretch still holds stays there, and in Everything.
func (n *namespace) sweepCountsLocked(most int) {
	var gone []*entry
	for name, s := range n.stretches {
		beyond := len(s.entries) - most
		if name == events.Everything || beyond <= 0 {
			continue
		}
		for _, e := range s.entries[:beyond] {
			if e.held--; e.held == 0 {
				gone = append(gone, e)
			}
		}
		s.removed = s.entries[beyond-1].Seq
		n.counted = max(n.counted, s.removed)
		clear(s.entries[:beyond])
		s.entries = s.entries[beyond:]
	}
	slices.SortFunc(gone, byNumber)
	n.dropLocked(gone)
}

// sweepDisk takes the oldest events of all namespaces until all together keep
// no more than they may.
func (l *Log) sweepDisk(ctx context.Context, namespaces []*namespace) error {
	var h byOldest
	for _, n := range namespaces {
		if t, ok := n.oldest(); ok {
			h = append(h, oldest{n, t})
		}
	}
	heap.Init(&h)
	for len(h) > 0 && l.size.Load() > l.keep.Disk {
		if ctx.Err() != nil {
			return ended(ctx)
		}
		var next *time.Time // how far this one may go before another is older
		if len(h) > 1 {
			next = &h[1].time
			if len(h) > 2 && h[2].time.Before(*next) {
				next = &h[2].time
			}
		}
		n := h[0].namespace
		n.sweepDisk(l.keep.Disk, next)
		if t, ok := n.oldest(); ok {
			h[0].time = t
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
	}
	return nil
}

// sweepDisk takes this namespace's oldest events, but none after upto.
func (n *namespace) sweepDisk(most int64, upto *time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := n.overLocked(n.total.Load() - most)
	if upto != nil {
		count = min(count, from(n.all, upto.Add(time.Nanosecond)))
	}
	n.dropOldestLocked(count)
}

func (n *namespace) oldest() (time.Time, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if len(n.all) == 0 {
		return time.Time{}, false
	}
	return n.all[0].Time, true
}

// oldest is a namespace and the time of its first event.
type oldest struct {
	namespace *namespace
	time      time.Time
}

type byOldest []oldest

func (h byOldest) Len() int           { return len(h) }
func (h byOldest) Less(i, j int) bool { return h[i].time.Before(h[j].time) }
func (h byOldest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byOldest) Push(x any)        { *h = append(*h, x.(oldest)) }
func (h *byOldest) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// sweepEvery sweeps until Close.
func (l *Log) sweepEvery(d time.Duration) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		case <-l.early:
		}
		_ = l.sweep(context.Background()) // only an ended context ends a sweep early
	}
}

// wakeSweeper asks for a sweep before its time when a namespace, of this size now,
// or all together have grown well past their bounds: a minute of fast writers is a
// lot of memory.
func (l *Log) wakeSweeper(ns string, size int64) {
	if !wellPast(size, l.bounds(ns).Bytes) && !wellPast(l.size.Load(), l.keep.Disk) {
		return
	}
	select {
	case l.early <- struct{}{}:
	default: // asked already, or there is no sweeper
	}
}

func wellPast(size, most int64) bool { return most > 0 && size > most+most/8 }
