package events

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A namespace is what the registry has in memory of one: the rooms that somebody
// listens to and the number up to which the tail has filled them.
type namespace struct {
	name string
	reg  *Registry

	// watermark is the number up to which everything is in the windows. It is
	// written under mu and read by cursors without it, before they look at rooms.
	watermark atomic.Uint64

	mu      sync.Mutex
	known   bool // the watermark is the log's, and rooms may be opened
	opened  bool // epoch and key are the log's
	epoch   string
	key     []byte
	time    time.Time // of the last event that the tail brought
	kept    uint64    // the highest number that an append of this node was answered with
	held    []Signal  // volatile events whose place the tail has not come to yet
	rooms   map[string]*room
	members map[string][]*Cursor // streams by member, oldest first
}

// enterLocked puts the cursor into a room, which is made where it is not there
// yet: empty, with its floor at the watermark. A guessed floor would be a hole.
func (n *namespace) enterLocked(name string, c *Cursor) *room {
	r := n.rooms[name]
	if r == nil {
		r = &room{name: name, floor: n.watermark.Load(), cursors: make(map[*Cursor]struct{})}
		n.rooms[name] = r
	}
	r.mu.Lock()
	r.cursors[c] = struct{}{}
	r.mu.Unlock()
	return r
}

// exitLocked takes the cursor out of a room, and the room out of memory with its
// last cursor.
func (n *namespace) exitLocked(r *room, c *Cursor) {
	r.mu.Lock()
	delete(r.cursors, c)
	empty := len(r.cursors) == 0
	r.mu.Unlock()
	if empty && n.rooms[r.name] == r {
		delete(n.rooms, r.name)
	}
}

// tail takes a segment into the windows: rooms first, then the watermark, then
// the bells. A segment that does not follow on from the watermark says that the
// tail was broken: every floor rises to where the segment starts, and the log
// answers for the hole.
func (n *namespace) tail(s Segment) {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := s.After + uint64(len(s.Events))
	mark := n.watermark.Load()
	if len(s.Events) > 0 {
		n.time = s.Events[len(s.Events)-1].Time
	}
	if !n.known {
		n.known = true
		n.watermark.Store(last)
		return
	}
	if last <= mark {
		return
	}
	touched := make(map[*room]struct{}, 4)
	if s.After > mark {
		n.raiseLocked(s.After, touched)
		mark = s.After
	}
	for _, e := range s.Events {
		if e.Seq > mark {
			n.putLocked(e, touched)
		}
	}
	n.watermark.Store(last)
	n.releaseLocked(last)
	for r := range touched {
		r.ring()
	}
}

func (n *namespace) putLocked(e *Event, touched map[*room]struct{}) {
	if e.Event == ErasedEvent {
		// What was erased must not be read from a window any more.
		n.raiseLocked(e.Seq-1, touched)
	}
	for _, r := range n.stretchesLocked(e) {
		r.put(e, n.reg.o.Window, n.reg.o.WindowBytes)
		touched[r] = struct{}{}
	}
}

func (n *namespace) raiseLocked(seq uint64, touched map[*room]struct{}) {
	for _, r := range n.rooms {
		r.raise(seq)
		touched[r] = struct{}{}
	}
}

// stretchesLocked gives the rooms in memory whose stretch the event lies in.
func (n *namespace) stretchesLocked(e *Event) []*room {
	out := make([]*room, 0, 4)
	for _, t := range e.To {
		if r := n.rooms[t]; r != nil {
			out = append(out, r)
		}
	}
	if r := n.rooms[Everything]; r != nil && !e.OnlyMembers() {
		out = append(out, r)
	}
	return out
}

// ring rings the bell of every cursor in the room.
func (r *room) ring() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.cursors {
		c.bell()
	}
}

// maxHeld bounds the volatile events that wait for the tail.
const maxHeld = 256

// volatile takes an event without a number whose place is after a number, and
// offers it once the tail has come that far.
func (n *namespace) volatile(s Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.After > n.watermark.Load() {
		if len(n.held) < maxHeld {
			n.held = append(n.held, s)
		}
		return
	}
	n.offerLocked(s)
}

// releaseLocked offers what was held for numbers up to mark.
func (n *namespace) releaseLocked(mark uint64) {
	n.held = slices.DeleteFunc(n.held, func(s Signal) bool {
		if s.After > mark {
			return false
		}
		n.offerLocked(s)
		return true
	})
}

// offerLocked offers a volatile event to the streams that are up to date.
func (n *namespace) offerLocked(s Signal) {
	offered := make(map[*Cursor]struct{})
	for _, r := range n.stretchesLocked(s.Volatile) {
		r.mu.Lock()
		for c := range r.cursors {
			offered[c] = struct{}{}
		}
		r.mu.Unlock()
	}
	for c := range offered {
		if c.offer(s.Volatile, s.After) {
			c.bell()
		}
	}
}
