package memlog

import (
	"context"
	"crypto/rand"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"parley/events"
)

// A namespace is the log of one namespace.
type namespace struct {
	name  string
	epoch string
	key   []byte        // nobody changes it
	total *atomic.Int64 // the log's size

	// turn is the right to append, a lock that can be given up on. It is held
	// from the number to the tail, so that segments come in order.
	turn chan struct{}

	// forgotten is written with the turn and under mu: it is in no map any more,
	// and nothing is appended to it.
	forgotten bool

	mu        sync.RWMutex
	last      uint64
	lastTime  time.Time
	size      int64               // of all
	all       []*entry            // in order of number
	stretches map[string]*stretch // those with events or a mark of their own
	removed   uint64              // the highest number taken by age, bytes or disk
	counted   uint64              // the highest number taken by count from any stretch
	keys      keys
	deadlines deadlines
}

// An entry is an event and the number of stretches that hold it, Everything not
// counted: it goes for good with the last of them.
type entry struct {
	events.Event
	held int
	gone bool // it is in no stretch any more, or about to be
}

// A stretch is the events of one target, or Everything.
type stretch struct {
	entries []*entry // in order of number
	removed uint64   // the highest number that its count took
}

func newNamespace(name string, total *atomic.Int64) *namespace {
	n := &namespace{
		name:      name,
		epoch:     events.NewEpoch(),
		key:       make([]byte, 32),
		total:     total,
		turn:      make(chan struct{}, 1),
		stretches: map[string]*stretch{},
		keys:      newKeys(),
	}
	rand.Read(n.key)
	return n
}

// take waits for the turn to append. Whoever has it gives it back.
func (n *namespace) take(ctx context.Context) error {
	select {
	case n.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}

// tryTake takes the turn when nobody has it.
func (n *namespace) tryTake() bool {
	select {
	case n.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

func (n *namespace) give() { <-n.turn }

func (n *namespace) head() events.Head {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return events.Head{Epoch: n.epoch, Key: slices.Clone(n.key), Last: n.last, Removed: n.removed}
}

// addLocked numbers the entries and puts them into their stretches. It gives the
// segment for the tail.
func (n *namespace) addLocked(now time.Time, entries []*entry) events.Segment {
	seg := events.Segment{Namespace: n.name, After: n.last, Events: make([]*events.Event, 0, len(entries))}
	n.lastTime = events.Stamp(now, n.lastTime)
	for _, e := range entries {
		n.last++
		e.Seq, e.Time = n.last, n.lastTime
		for _, target := range e.To {
			n.putLocked(target, e)
		}
		e.held = len(e.To)
		if !e.OnlyMembers() {
			n.putLocked(events.Everything, e)
		}
		n.all = append(n.all, e)
		n.grewLocked(int64(e.Size()))
		if e.TTL > 0 {
			n.deadlines.add(e)
		}
		seg.Events = append(seg.Events, &e.Event)
	}
	return seg
}

// holdsLocked reports whether there is an event that lives or a key that is
// remembered. What has outlived its time goes.
func (n *namespace) holdsLocked(now time.Time) bool {
	n.keys.forget(now)
	n.dropLocked(n.deadlines.expired(now))
	return len(n.all) > 0 || len(n.keys.known) > 0
}

func (n *namespace) putLocked(name string, e *entry) {
	s := n.stretches[name]
	if s == nil {
		s = &stretch{}
		n.stretches[name] = s
	}
	s.entries = append(s.entries, e)
}

func (n *namespace) grewLocked(by int64) {
	n.size += by
	n.total.Add(by)
}

// removedLocked is the mark of a stretch.
func (n *namespace) removedLocked(name string) uint64 {
	if name == events.Everything {
		return max(n.removed, n.counted)
	}
	if s := n.stretches[name]; s != nil {
		return max(n.removed, s.removed)
	}
	return n.removed
}

// dropLocked takes events, in order of number and each still there, out of
// every stretch. It leaves the marks alone.
func (n *namespace) dropLocked(gone []*entry) {
	if len(gone) == 0 {
		return
	}
	touched := map[string]bool{events.Everything: true}
	for _, e := range gone {
		e.gone = true
		n.grewLocked(-int64(e.Size()))
		for _, target := range e.To {
			touched[target] = true
		}
	}
	first, last := gone[0].Seq, gone[len(gone)-1].Seq
	n.all = without(n.all, first, last)
	for name := range touched {
		if s := n.stretches[name]; s != nil {
			s.entries = without(s.entries, first, last)
			n.tidyLocked(name, s)
		}
	}
}

// tidyLocked forgets a stretch that has nothing more to say.
func (n *namespace) tidyLocked(name string, s *stretch) {
	if len(s.entries) == 0 && s.removed <= n.removed {
		delete(n.stretches, name)
	}
}

// after gives the index of the first entry numbered above seq.
func after(entries []*entry, seq uint64) int {
	return sort.Search(len(entries), func(i int) bool { return entries[i].Seq > seq })
}

// from gives the index of the first entry whose time is not before t.
func from(entries []*entry, t time.Time) int {
	return sort.Search(len(entries), func(i int) bool { return !entries[i].Time.Before(t) })
}

// without gives entries less those that are gone, which have numbers from first
// to last. Only that range is looked at; where nothing is left below it the rest
// is not even moved. Freed places are emptied so that they keep no event alive.
func without(entries []*entry, first, last uint64) []*entry {
	lo, hi := after(entries, first-1), after(entries, last)
	kept := lo
	for _, e := range entries[lo:hi] {
		if !e.gone {
			entries[kept] = e
			kept++
		}
	}
	if kept == 0 {
		clear(entries[:hi])
		return entries[hi:]
	}
	return slices.Delete(entries, kept, hi)
}
