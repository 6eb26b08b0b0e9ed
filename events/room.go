package events

import (
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

	mu      sync.Mutex
	floor   uint64
	window  []*Event // ascending, all above floor
	bytes   int
	cursors map[*Cursor]struct{}
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
	if seq <= r.floor {
		return
	}
	n := sort.Search(len(r.window), func(i int) bool { return r.window[i].Seq > seq })
	if n > 0 {
		r.trimLocked(n)
	}
	r.floor = seq
}

// after appends to dst the window's events in (after, upto], at most limit, and
// gives the floor that they stand on. cut is the number that the window has been
// read to: upto, or less when the limit was met.
func (r *room) after(dst []*Event, after, upto uint64, limit int) (out []*Event, floor, cut uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := sort.Search(len(r.window), func(i int) bool { return r.window[i].Seq > after })
	n := 0
	for ; i < len(r.window) && r.window[i].Seq <= upto; i++ {
		if n == limit {
			return dst, r.floor, dst[len(dst)-1].Seq
		}
		dst = append(dst, r.window[i])
		n++
	}
	return dst, r.floor, upto
}
