package events

import (
	"slices"
	"sort"
	"sync"
)

// A room is a stretch that somebody listens to: a room's, a member's own,
// everyone's, or everything. It exists while it has cursors.
//
// Everything of the stretch at or below floor is in the log; everything above
// it, up to the namespace's watermark, is in window.
type room struct {
	name string

	mu     sync.Mutex
	floor  uint64
	raised int      // how often raise was called: what was read from the log before is old
	window []*Event // ascending, all above floor
	bytes  int

	// Under namespace.mu:
	seats   []*seat // of the cursors in the room, in no order
	touched bool    // something came in with the segment that is being taken
}

// A seat is a cursor's place in a room.
type seat struct {
	cursor *Cursor
	room   *room
	name   string // the room's
	from   uint64 // only numbers above it are heard
	at     int    // in room.seats; under namespace.mu
}

// put adds the newest event and keeps the window within its bounds by dropping
// the older half, so that the cost of trimming is spread over what it made room for.
func (r *room) put(e *Event, events, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.window = append(r.window, e)
	r.bytes += e.Size()
	for len(r.window) > events || r.bytes > bytes && len(r.window) > 1 {
		r.trimLocked((len(r.window) + 1) / 2)
	}
}

func (r *room) trimLocked(n int) {
	for _, e := range r.window[:n] {
		r.bytes -= e.Size()
	}
	r.floor = r.window[n-1].Seq
	r.window = append([]*Event(nil), r.window[n:]...)
}

// raise lifts the floor to at least seq: from now on the log answers for
// everything up to it.
func (r *room) raise(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raised++
	if seq <= r.floor {
		return
	}
	n := sort.Search(len(r.window), func(i int) bool { return r.window[i].Seq > seq })
	if n > 0 {
		r.trimLocked(n)
	}
	r.floor = seq
}

// A footing is what a window stood on when it was read.
type footing struct {
	floor  uint64
	raised int
	cut    uint64 // the number that it was read to: less than was asked for when the limit was met
}

// after appends to dst the window's events in (after, upto], at most limit.
func (r *room) after(dst []*Event, after, upto uint64, limit int) ([]*Event, footing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := footing{r.floor, r.raised, upto}
	i := sort.Search(len(r.window), func(i int) bool { return r.window[i].Seq > after })
	for n := 0; i < len(r.window) && r.window[i].Seq <= upto; i++ {
		if n == limit {
			f.cut = dst[len(dst)-1].Seq
			break
		}
		dst = append(dst, r.window[i])
		n++
	}
	return dst, f
}

// fill puts below the window what the log told of (from, f.floor], unless the
// window stands elsewhere by now, what was read is old, or there is no room for it.
func (r *room) fill(told []*Event, from uint64, f footing, o Options) bool {
	for len(told) > 0 && told[0].Seq <= from {
		told = told[1:]
	}
	bytes := 0
	for _, e := range told {
		bytes += e.Size()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.floor != f.floor, r.raised != f.raised, from >= f.floor,
		len(r.window)+len(told) > o.Window, r.bytes+bytes > o.WindowBytes:
		return false
	}
	r.window = append(slices.Clone(told), r.window...)
	r.bytes += bytes
	r.floor = from
	return true
}
