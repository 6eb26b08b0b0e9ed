package events

import (
	"slices"
	"sort"
	"sync"
	"time"
)

// A room is a stretch that somebody listens to: a room's, a member's own,
// everyone's, or everything. It exists while it has cursors.
//
// Everything of the stretch at or below floor is in the log; everything above
// it, up to the namespace's watermark, is in window.
type room struct {
	name   string
	number uint64 // no other room of this process has it, or had

	mu     sync.Mutex
	floor  uint64
	window []*Event // ascending, all above floor
	bytes  int
	raised uint32 // how often raise was called: what was read from the log before is old
	read   bool   // since windows.relieve came by
	over   bool   // it has no cursors any more, and windows.total nothing of it
	listed bool   // in windows.rooms; under windows.mu too, where it changes
	place  int32  // there; under windows.mu

	// Under namespace.mu:
	touched bool    // something came in with the segment that is being taken
	seats   []*seat // of the cursors in the room, in no order
}

// A seat is a cursor's place in a room.
type seat struct {
	cursor *Cursor
	room   *room
	from   uint64 // only numbers above it are heard
	at     int32  // in room.seats; under namespace.mu
}

// put adds the newest event and keeps the window within its bounds by dropping
// the older half, so that the cost of trimming is spread over what it made room for.
// The half is only dropped when it is old, so that who is a moment late while much is
// said need not read the log, and is not the later for it.
func (r *room) put(e *Event, reg *Registry) {
	r.mu.Lock()
	before := r.weight()
	r.window = append(r.window, e)
	r.bytes += e.Size()
	for n := r.surplusLocked(e.Time, &reg.o); n > 0; n = r.surplusLocked(e.Time, &reg.o) {
		r.trimLocked(n)
	}
	listed := r.weighLocked(before, &reg.windows)
	r.mu.Unlock()
	if !listed {
		reg.windows.add(r)
	}
}

// momentBytes is how many times WindowBytes a window holds at most, however young.
const momentBytes = 8

// surplusLocked gives how many of its oldest events the window is to drop: half of it,
// or none.
func (r *room) surplusLocked(now time.Time, o *Options) int {
	n := len(r.window)
	half := (n + 1) / 2
	switch {
	case n <= o.Window && (r.bytes <= o.WindowBytes || n == 1):
		return 0
	case now.Sub(r.window[half-1].Time) < o.WindowAge && r.bytes <= momentBytes*o.WindowBytes:
		return 0
	}
	return half
}

// weight is what the window takes in memory, about: an event's bytes are there twice,
// as they were said and as they are written, and there is what an event is besides.
// An event that lies in several rooms weighs in each of them.
func (r *room) weight() int64 { return int64(len(r.window)*640 + 2*r.bytes) }

// weighLocked has the windows' sum follow a change, and reports whether they know the
// room.
func (r *room) weighLocked(before int64, w *windows) (listed bool) {
	if !r.over {
		w.total.Add(r.weight() - before)
	}
	return r.listed
}

// shed drops the older half of a window that weighs no less than least, unless it is
// to be spared because it was read.
func (r *room) shed(w *windows, least int64, spare bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.weight()
	if len(r.window) == 0 || before < least {
		return
	}
	if spare && r.read {
		r.read = false
		return
	}
	r.trimLocked((len(r.window) + 1) / 2)
	r.weighLocked(before, w)
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
func (r *room) raise(seq uint64, w *windows) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raised++
	if seq <= r.floor {
		return
	}
	n := sort.Search(len(r.window), func(i int) bool { return r.window[i].Seq > seq })
	if n > 0 {
		before := r.weight()
		r.trimLocked(n)
		r.weighLocked(before, w)
	}
	r.floor = seq
}

// A footing is what a window stood on when it was read.
type footing struct {
	floor  uint64
	raised uint32
	cut    uint64 // the number that it was read to: less than was asked for when the limit was met
}

// after appends to dst the window's events in (after, upto], at most limit.
func (r *room) after(dst []*Event, after, upto uint64, limit int) ([]*Event, footing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read = true
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
func (r *room) fill(told []*Event, from uint64, f footing, reg *Registry) bool {
	for len(told) > 0 && told[0].Seq <= from {
		told = told[1:]
	}
	bytes := 0
	for _, e := range told {
		bytes += e.Size()
	}
	r.mu.Lock()
	switch {
	case r.floor != f.floor, r.raised != f.raised, from >= f.floor,
		len(r.window)+len(told) > reg.o.Window, r.bytes+bytes > reg.o.WindowBytes:
		r.mu.Unlock()
		return false
	}
	before := r.weight()
	r.window = append(slices.Clone(told), r.window...)
	r.bytes += bytes
	r.floor = from
	listed := r.weighLocked(before, &reg.windows)
	r.mu.Unlock()
	if !listed && len(told) > 0 {
		reg.windows.add(r)
	}
	return true
}
