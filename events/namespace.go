package events

import (
	"container/list"
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
	known   bool        // the watermark is the log's, and rooms may be opened
	opened  atomic.Bool // epoch, key and settings are there, and do not change any more
	epoch   string
	key     []byte
	time    time.Time // of the last event that the tail brought
	kept    uint64    // the highest number that an append of this node was answered with
	held    []Signal  // volatile events whose place the tail has not come to yet
	touched []*room   // see room.touched; empty between segments
	rooms   map[string]*room

	settings Settings
	streams  []*Cursor          // open here, in no order
	people   map[string]*person // by member
	rosters  map[string]*roster
	stirred  []*roster // have something to tell
	tellAt   time.Time // when the first of them does
	fades    []fade    // in order of time
	timer    *time.Timer
	wake     time.Time // when it rings; zero when it does not

	asks    map[string]*ask   // by what answers are sent to
	keyed   map[string]*ask   // by the key under which they may be asked again
	open    map[*ask]struct{} // that wait for somebody
	over    list.List         // asks in the order in which they were over
	askCost int               // of all asks

	arrived time.Time // when other nodes were told that it is known here
	outbox  []Signal  // for the other nodes; sent by flush
	sending sync.Mutex

	speakers memo

	pins atomic.Int64 // calls that are at work in it; raised under Registry.mu
	uses atomic.Int64 // how often somebody has come or gone

	// Under Registry.mu.
	seen     int64         // uses when Sweep last looked
	quiet    time.Time     // since when Sweep has seen nobody; zero when it has
	retiring chan struct{} // closed when it is known whether it is forgotten; nil when it is not about to be
}

// roomsMade counts the rooms of all registries, for the memory that pages are made in
// may be used for any of them.
var roomsMade atomic.Uint64

func newNamespace(r *Registry, name string) *namespace {
	return &namespace{
		name: name, reg: r,
		rooms:   make(map[string]*room),
		people:  make(map[string]*person),
		rosters: make(map[string]*roster),
	}
}

// without takes a key out of a map. The last one takes the map with it, which would
// stay as large as it ever was.
func without[K comparable, V any](m map[K]V, key K) map[K]V {
	delete(m, key)
	if len(m) == 0 {
		return make(map[K]V)
	}
	return m
}

// shrunk gives a list in less memory once it has become much shorter than it was.
func shrunk[T any](list []T) []T {
	if cap(list) > 64 && len(list) < cap(list)/4 {
		return slices.Clone(list)
	}
	return list
}

// enterLocked puts a seat into a room, which is made where it is not there yet:
// empty, with its floor at the watermark. A guessed floor would be a hole.
func (n *namespace) enterLocked(s *seat, name string) {
	r := n.rooms[name]
	if r == nil {
		r = &room{name: name, number: roomsMade.Add(1), floor: n.watermark.Load()}
		n.rooms[name] = r
	}
	s.room, s.at = r, int32(len(r.seats))
	r.seats = append(r.seats, s)
}

// exitLocked takes a seat out of its room, and the room out of memory with its
// last seat.
func (n *namespace) exitLocked(s *seat) {
	r, last := s.room, len(s.room.seats)-1
	r.seats[s.at] = r.seats[last]
	r.seats[s.at].at = s.at
	r.seats[last] = nil
	r.seats = shrunk(r.seats[:last])
	if last == 0 {
		n.rooms = without(n.rooms, r.name)
		n.reg.windows.drop(r)
	}
}

// tail takes a segment into the windows: rooms first, then their cursors' notes of
// where to look, then the watermark, then the bells. A segment that does not follow on from the watermark says that the
// tail was broken: every floor rises to where the segment starts, and the log
// answers for the hole.
func (n *namespace) tail(s Segment) {
	n.mu.Lock()
	defer n.unlock()
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
	if s.After > mark {
		n.raiseLocked(s.After)
		mark = s.After
	}
	for _, e := range s.Events {
		if e.Seq > mark {
			n.putLocked(e)
		}
	}
	for _, r := range n.touched {
		for _, s := range r.seats {
			s.cursor.touch(s, last)
		}
	}
	n.watermark.Store(last)
	for _, e := range s.Events {
		if e.Seq > mark && !e.AckBy.IsZero() {
			n.askedLocked(e)
		}
	}
	n.releaseLocked(last)
	for i, r := range n.touched {
		for _, s := range r.seats {
			s.cursor.bell()
		}
		r.touched, n.touched[i] = false, nil
	}
	n.touched = n.touched[:0]
}

func (n *namespace) touchLocked(r *room) {
	if !r.touched {
		r.touched = true
		n.touched = append(n.touched, r)
	}
}

func (n *namespace) putLocked(e *Event) {
	if e.Event == ErasedEvent {
		// What was erased must not be read from a window any more.
		n.raiseLocked(e.Seq - 1)
	}
	var few [4]*room
	for _, r := range n.stretchesLocked(few[:0], e) {
		r.put(e, n.reg)
		n.touchLocked(r)
	}
}

func (n *namespace) raiseLocked(seq uint64) {
	for _, r := range n.rooms {
		r.raise(seq, &n.reg.windows)
		n.touchLocked(r)
	}
}

// stretchesLocked appends the rooms in memory whose stretch the event lies in.
func (n *namespace) stretchesLocked(out []*room, e *Event) []*room {
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
	if !s.Volatile.AckBy.IsZero() {
		n.askedLocked(s.Volatile)
	}
	var few [4]*room
	stretches := n.stretchesLocked(few[:0], s.Volatile)
	for _, r := range stretches {
		for _, seat := range r.seats {
			if c := seat.cursor; !c.left.has(seat) && c.offer(s.Volatile, s.After, len(stretches) > 1) {
				c.bell()
			}
		}
	}
}
