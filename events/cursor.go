package events

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Cursor is one stream's place in the log: which rooms it has and up to which
// number it has been told everything in them. It holds no events but a few
// volatile ones, so it costs nobody anything to be slow.
//
// Next is called by one reader at a time; everything else by anybody.
//
// There are many, and most of them wait: what can be told from elsewhere is not here,
// and what is small stands together. What nearly every page needs comes first: a
// thousand cursors are no longer in any cache when it is their turn, and each line of
// 64 bytes that is looked at has to come from memory.
type Cursor struct {
	ns   *namespace
	rope Bell
	pos  atomic.Uint64 // written by the reader only

	mu sync.Mutex

	// Where to look for what came since the stream last had everything, so that a
	// page is made without looking at every room. Set by the tail before the
	// watermark.
	fresh   *seat  // something came in here
	freshTo uint64 // up to this number
	many    bool   // and elsewhere
	tracked bool   // all above the position is in what fresh and many say

	current  bool // the last Next gave all there was
	moved    bool // the rooms are others than the stream was told
	released bool

	// Unchanged once it is open.
	listens bool // the stream is over everything
	unseen  bool // the stream makes nobody present
	resumed bool // what Hello says

	// The second line.
	left    leaving // under namespace.mu too, where it changes
	bye     *Bye
	unsent  []unnumbered
	lapses  *lapses     // the reader's own; nil for most
	word    uint64      // of member
	stirred atomic.Bool // there may be something to tell of presence
	at      int32       // in namespace.streams; under namespace.mu

	// The rest.
	member  string
	seats   []*seat
	watches []*watch // under namespace.mu

	// Memory for the seats of most streams, beside the rest of what a page needs.
	firstSeats [5]seat
	firstList  [5]*seat

	// What Hello says besides, from when it was opened.
	connection string
	user       string
	start      uint64

	person *person // whose stream it is; nil for an unseen one, and once it is not its member's any more; under namespace.mu
}

// An unnumbered is a volatile event with its place in the order.
type unnumbered struct {
	after uint64
	event *Event
	at    time.Time
}

// A stream is up to date when its last page gave all there was and its reader
// comes back for the next one soon. One that lets so many volatile events pile up,
// or takes so long, is stuck in writing, and what waited for it is dropped.
const (
	maxUnsent = 64
	maxWait   = time.Second
)

// Hello is what a stream is told first.
type Hello struct {
	Namespace  string
	Rooms      []string // as asked for, each once, or as remembered for who comes back, and changed since; ["*"] for everything
	Member     string
	Connection string // the connection ID, only when it was issued now
	User       string
	Start      ID   // the position that the stream starts from
	Resumed    bool // a position was asked for and no gap follows
}

// A Delivery is a page of a cursor: what the stream is to be told next. Gaps come
// first, then the events in order; Position is where the stream is once it has
// been told all of it. With Bye set there is nothing more, now or later.
type Delivery struct {
	Rooms    []string // the stream's rooms, where they have changed since it was told; comes first
	Presence []*Presence
	Gaps     []Gap
	Events   []*Event // a volatile event has Seq 0
	Position ID
	More     bool // there is more than the page's limits let through, or a bye
	Far      bool // the log would have to be read, and the limit said not to
	Bye      *Bye
}

// Empty reports whether there is nothing to tell.
func (d *Delivery) Empty() bool {
	return d.Rooms == nil && len(d.Presence) == 0 && len(d.Gaps) == 0 && len(d.Events) == 0 && d.Bye == nil
}

// A Limit bounds a page. A zero field means its default.
type Limit struct {
	Events int // default 256
	Bytes  int // of Event.Size; default 256 KiB; one event is given at least

	// Near forbids reading the log, which may take a disk's time: where that is
	// needed the page is empty and Far.
	Near bool

	// Scratch is memory to make the page in; nil means new memory. Delivery.Events
	// then lies in it, and is good until it is used again.
	Scratch *Scratch
}

func (l Limit) withDefaults() Limit {
	if l.Events <= 0 {
		l.Events = 256
	}
	if l.Bytes <= 0 {
		l.Bytes = 256 << 10
	}
	if l.Scratch == nil {
		l.Scratch = &Scratch{}
	}
	return l
}

// Hello gives what the stream is to be told first.
func (c *Cursor) Hello() Hello {
	return Hello{
		Namespace: c.ns.name, Rooms: c.Rooms(), Member: c.member, Connection: c.connection, User: c.user,
		Start: ID{c.Epoch(), c.start}, Resumed: c.resumed,
	}
}

// Epoch gives the epoch of the log that the cursor reads: that of every event ID.
func (c *Cursor) Epoch() string { return c.ns.epoch }

// Position gives the number up to which the stream has been given everything.
func (c *Cursor) Position() ID { return ID{c.Epoch(), c.pos.Load()} }

// Rooms gives the rooms that the stream has now, or had when it was closed; ["*"]
// for everything.
func (c *Cursor) Rooms() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomsLocked()
}

func (c *Cursor) roomsLocked() []string {
	if c.listens {
		return []string{Everyone}
	}
	rooms := []string{}
	for _, s := range c.seats {
		if IsRoom(s.room.name) && !c.left.has(s) {
			rooms = append(rooms, s.room.name)
		}
	}
	return rooms
}

// Next gives the next page, at once: from the windows where they reach back far
// enough, else from the log. An empty page means that the stream has everything
// there is; the bell rings when that is no longer so. Position moves on also when
// nothing on the page is for this stream. An error is the log's; the position is
// then where it was, and the call may be repeated.
func (c *Cursor) Next(ctx context.Context, limit Limit) (Delivery, error) {
	limit = limit.withDefaults()
	pos := c.pos.Load()

	// The watermark is read before the rooms. Read after them, it would promise
	// events that came into a room once that room had been looked at.
	mark := c.ns.watermark.Load()
	if d, ok := c.live(pos, mark, limit); ok {
		return d, nil
	}
	seats, whole, left, bye := c.look(limit.Scratch)
	if left != nil {
		c.stand(pos)
		seats, whole, left, bye = c.look(limit.Scratch)
	}
	if bye != nil && !bye.Reconnect {
		mark = min(mark, bye.upto)
	}
	limit.Near = limit.Near || bye != nil

	page, upto, gaps, err := c.gather(ctx, seats, left, pos, mark, limit)
	if bye != nil && err != nil {
		return c.farewell(bye), nil
	}
	if err == errFar {
		return Delivery{Position: c.Position(), More: true, Far: true}, nil
	}
	if err != nil {
		c.owe(gaps) // they are noted as told, and so must be
		return Delivery{Position: c.Position()}, err
	}
	limit.Scratch.page = page
	d := Delivery{Gaps: append(c.owed(), gaps...)}
	slices.SortFunc(page, func(a, b *Event) int { return cmp.Compare(a.Seq, b.Seq) })

	c.mu.Lock()
	c.giveLocked(&d, c, page, pos, upto, mark, limit)
	c.tracked = c.tracked || whole && !d.More
	c.caughtLocked()
	if c.moved {
		d.Rooms, c.moved = c.roomsLocked(), false
	}
	c.mu.Unlock()
	if (bye == nil || bye.Reconnect) && c.stirred.Load() {
		var more bool
		d.Presence, more = c.presence()
		d.More = d.More || more
	}
	if bye != nil {
		if d.Empty() && !d.More {
			return c.farewell(bye), nil
		}
		d.More = true // the bye, for which the bell has rung already
	}
	return d, nil
}

// live gives the next page of a stream that was told everything, and since then
// something came in at one of its seats and nothing else happened: nearly every page
// that there is. ok is false where it is another, and nothing has changed then.
func (c *Cursor) live(pos, mark uint64, limit Limit) (d Delivery, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.fresh; s != nil && c.tracked && !c.many && !c.moved &&
		c.left == nil && c.bye == nil && len(c.unsent) == 0 && !c.owes() && !c.stirred.Load() {
		if from := max(pos, s.from); from < mark {
			page, on := limit.Scratch.after(s.room, from, mark, limit.Events)
			if from >= on.floor {
				c.giveLocked(&d, s, page, pos, on.cut, mark, limit)
				c.caughtLocked()
				return d, true
			}
		}
	}
	return d, false
}

// giveLocked puts on a page what the stream hears of the events in (pos, upto],
// and moves on.
func (c *Cursor) giveLocked(d *Delivery, p place, page []*Event, pos, upto, mark uint64, limit Limit) {
	d.Events, upto = c.pickLocked(p, page, pos, upto, limit)
	d.More = upto < mark
	if upto > pos {
		c.pos.Store(upto)
	}
	d.Position = ID{c.Epoch(), max(upto, pos)}
	c.current = !d.More
}

// caughtLocked forgets where to look once the stream was told what is there.
func (c *Cursor) caughtLocked() {
	if c.tracked && c.pos.Load() >= c.freshTo {
		c.fresh, c.many = nil, false
	}
}

// farewell gives the last page.
func (c *Cursor) farewell(bye *Bye) Delivery {
	c.release()
	return Delivery{Position: c.Position(), Bye: bye}
}

// Back takes the stream back to an earlier position: what was given above it was
// not told. Volatile events among that are lost. It is the reader's to call.
func (c *Cursor) Back(seq uint64) {
	if seq >= c.pos.Load() {
		return
	}
	c.pos.Store(seq)
	c.mu.Lock()
	c.current, c.tracked = false, false
	c.mu.Unlock()
}

// errFar says that a page would need the log. It does not leave the package.
var errFar = errors.New("the log would have to be read")

// touch notes that something up to a number came in at a seat. It is called under
// namespace.mu, before the watermark says so.
func (c *Cursor) touch(s *seat, upto uint64) {
	c.mu.Lock()
	if c.fresh == nil {
		c.fresh = s
	} else if c.fresh != s {
		c.many = true
	}
	c.freshTo = upto
	c.mu.Unlock()
}

// gather collects, room by room and unsorted, the events in (pos, mark], and the
// number up to which every room has been read.
func (c *Cursor) gather(ctx context.Context, seats []*seat, left leaving, pos, mark uint64, limit Limit) (page []*Event, upto uint64, gaps []Gap, err error) {
	upto = mark
	page, behind := limit.Scratch.page[:0], limit.Scratch.behind[:0]
	for _, s := range seats {
		from, to := max(pos, s.from), left.upto(s, mark)
		if from >= to {
			continue
		}
		before := len(page)
		got, on := s.room.after(page, from, to, limit.Events)
		if from < on.floor {
			// Below the floor the window is not the whole story.
			page = got[:before]
			behind = append(behind, s)
			continue
		}
		page = got
		if on.cut < to {
			upto = min(upto, on.cut)
		}
	}
	limit.Scratch.behind = behind
	if len(behind) > 0 && limit.Near {
		return page, pos, nil, errFar
	}
	// Many rooms share the page, so that a stream over a hundred of them does not
	// read a hundred pages to give one.
	share := Limit{Events: max(limit.Events/max(len(behind), 1), 8), Bytes: limit.Bytes}
	for _, s := range behind {
		from, to := max(pos, s.from), left.upto(s, upto)
		if from >= to {
			continue
		}
		var more []Gap
		var cut uint64
		page, cut, more, err = c.recall(ctx, page, s.room, from, to, share)
		if cut < to {
			upto = cut
		}
		gaps = append(gaps, more...)
		if err != nil {
			return nil, 0, gaps, err
		}
	}
	return page, upto, gaps, nil
}

// recall appends to page the events of a room in (from, upto] where the position
// is below the room's floor: the log tells them up to the floor. Where that is all
// of them it is put into the window, so that of many that return at once one reads
// the log for all.
func (c *Cursor) recall(ctx context.Context, page []*Event, r *room, from, upto uint64, limit Limit) ([]*Event, uint64, []Gap, error) {
	before := len(page)
	page, on := r.after(page, from, upto, limit.Events)
	if from >= on.floor {
		return page, min(upto, on.cut), nil, nil // another cursor has been here
	}
	page = page[:before]
	read, err := c.ns.reg.o.Log.Read(ctx, c.ns.name, Query{
		Stretch: r.name, After: from, Upto: min(upto, on.floor), Limit: limit.Events, Bytes: limit.Bytes,
	})
	if err != nil {
		return nil, 0, nil, err
	}
	gaps, err := c.missed(ctx, r.name, from, read.Removed)
	if err != nil {
		return nil, 0, nil, err
	}
	if read.More {
		return append(page, read.Events...), read.Events[len(read.Events)-1].Seq, gaps, nil
	}
	if upto >= on.floor && r.fill(read.Events, max(from, read.Removed), on, c.ns.reg) {
		defer c.ns.reg.windows.relieve()
		if page, now := r.after(page, from, upto, limit.Events); from >= now.floor {
			return page, min(upto, now.cut), gaps, nil
		}
		page = page[:before]
	}
	return append(page, read.Events...), min(upto, on.floor), gaps, nil
}

// pickLocked takes from the sorted page what this stream hears, each number once,
// with the volatile events in their places, up to a limit or to number upto, and
// gives the number that it came to.
func (c *Cursor) pickLocked(p place, page []*Event, pos, upto uint64, limit Limit) ([]*Event, uint64) {
	if len(c.unsent) > 0 {
		now := c.ns.reg.o.Now()
		c.unsent = slices.DeleteFunc(c.unsent, func(u unnumbered) bool {
			return now.Sub(u.at) > maxWait || !audible(u.event, c, c.ns.reg.o.Now)
		})
	}
	out := page[:0:len(page)]
	if len(c.unsent) > 0 {
		out = nil // there may be more to give than the page holds
	}
	bytes, last := 0, pos
	full := func(e *Event) bool {
		return len(out) > 0 && (len(out) >= limit.Events || bytes+e.Size() > limit.Bytes)
	}
	take := func(e *Event) {
		out = append(out, e)
		bytes += e.Size()
	}
	volatile := func(before uint64) bool { // those whose place is before a number
		for len(c.unsent) > 0 && c.unsent[0].after < before {
			if full(c.unsent[0].event) {
				return false
			}
			take(c.unsent[0].event)
			c.unsent = c.unsent[1:]
		}
		return true
	}
	for _, e := range page {
		if e.Seq > upto {
			break
		}
		if e.Seq == last || !audible(e, p, c.ns.reg.o.Now) {
			last = e.Seq
			continue
		}
		if !volatile(e.Seq) || full(e) {
			return out, last
		}
		take(e)
		last = e.Seq
	}
	if !volatile(upto + 1) {
		return out, last
	}
	return out, max(upto, pos)
}

// is, in and all make the cursor a place; all under mu.
func (c *Cursor) is(member string) bool { return c.word == wordOf(member) && c.member == member }

func (c *Cursor) in(name string, seq uint64) bool {
	// The first of them are the streams' own, and nobody else's memory to look at.
	for _, s := range slices.Backward(c.seats) {
		if s.room.name == name && c.left.hears(s, seq) {
			return true
		}
	}
	return false
}

func (c *Cursor) all() bool { return c.listens }

// A seat is a place too, the cursor's: where its cursor has left no room and the
// event came from its own, no other seat has to be looked at.
func (s *seat) is(member string) bool { return s.cursor.is(member) }

func (s *seat) in(name string, seq uint64) bool {
	return s.room.name == name && seq > s.from || s.cursor.in(name, seq)
}

func (s *seat) all() bool { return s.cursor.all() }

// wordOf gives the first eight bytes of a member's ID, so that most members can be
// told from another without looking at where theirs lies.
func wordOf(member string) (w uint64) {
	if len(member) < 8 {
		return 0
	}
	m := member[:8]
	return uint64(m[0]) | uint64(m[1])<<8 | uint64(m[2])<<16 | uint64(m[3])<<24 |
		uint64(m[4])<<32 | uint64(m[5])<<40 | uint64(m[6])<<48 | uint64(m[7])<<56
}

// offer gives the cursor a volatile event whose place is after number after; it
// takes it if the stream has everything before it. Again says that it may have been
// offered already, through another room. It is called under namespace.mu.
func (c *Cursor) offer(e *Event, after uint64, again bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.current || len(c.unsent) >= maxUnsent || c.bye != nil {
		return false
	}
	if again && slices.ContainsFunc(c.unsent, func(u unnumbered) bool { return u.event == e }) {
		return false
	}
	if !audible(e, c, c.ns.reg.o.Now) {
		return false
	}
	if n := len(c.unsent); n > 0 {
		after = max(after, c.unsent[n-1].after)
	}
	c.unsent = append(c.unsent, unnumbered{after, e, c.ns.reg.o.Now()})
	return true
}

// bell rings it. It does not block.
func (c *Cursor) bell() {
	if c.rope != nil {
		c.rope.Ring()
	}
}

// presence gives what the stream is to be told of who is in its rooms.
// Where those are many people in many rooms it is a part of it, and more says so.
func (c *Cursor) presence() (out []*Presence, more bool) {
	c.ns.mu.Lock()
	defer c.ns.mu.Unlock()
	c.stirred.Store(false)
	people := 0
	for _, w := range c.watches {
		if people >= 2*MaxPresence {
			c.stirred.Store(true)
			return out, true
		}
		if p := w.next(); p != nil {
			out = append(out, p)
			people += len(p.Members) + len(p.Joined) + len(p.Left) + len(p.Changed)
		}
	}
	return out, false
}

// joinLocked adds a room to the stream, which is heard above a number, and reports
// whether it did not have it. It is called under namespace.mu.
func (c *Cursor) joinLocked(room string, after uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released || c.bye != nil || c.listens || c.seatLocked(room) != nil {
		return false
	}
	c.sitLocked(&seat{cursor: c, from: after}, room)
	c.tracked = false // where the tail is beyond after, there may be something in it
	c.moved = true
	if c.watches != nil {
		c.watchLocked(room)
	}
	return true
}

// watchLocked has the stream told who is in a room.
func (c *Cursor) watchLocked(room string) {
	r := c.ns.rosterLocked(room)
	r.watchers++
	c.watches = append(c.watches, &watch{roster: r})
	c.stirred.Store(true)
}

func (c *Cursor) unwatchLocked(which func(*roster) bool) {
	c.watches = slices.DeleteFunc(c.watches, func(w *watch) bool {
		if !which(w.roster) {
			return false
		}
		w.roster.watchers--
		c.ns.dropRosterLocked(w.roster)
		return true
	})
}

// sitLocked takes a seat in a room, under namespace.mu and c.mu.
func (c *Cursor) sitLocked(s *seat, room string) {
	c.ns.enterLocked(s, room)
	c.seats = append(c.seats, s)
}

// End tells the cursor to end with a bye. Next first gives what lies in the windows:
// with Reconnect for those who do not come back; without, what was said until now,
// so that last words are heard. The first bye stays. End does not wait.
func (c *Cursor) End(bye Bye) {
	c.mu.Lock()
	first := c.endLocked(&bye)
	c.mu.Unlock()
	if first {
		c.bell()
	}
}

// Close takes the cursor out of its rooms. Whoever opened it closes it, once or
// more often. After Close the bell is silent.
func (c *Cursor) Close() {
	c.release()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(&Bye{Reason: ByeAge, Reconnect: true})
}

// endLocked notes the first bye, and reports whether it is.
func (c *Cursor) endLocked(bye *Bye) bool {
	if c.bye != nil {
		return false
	}
	bye.upto = c.ns.watermark.Load()
	c.bye = bye
	return true
}

func (c *Cursor) release() {
	n := c.ns
	n.mu.Lock()
	defer n.unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return
	}
	c.released = true
	n.detachLocked(c)
	for _, s := range c.seats {
		n.exitLocked(s)
	}
	c.unwatchLocked(func(*roster) bool { return true })
	n.closedLocked(c)
	c.unsent, c.current = nil, false
	c.ns.reg.streams.Add(-1)
}

// spread gives a time to come back within which as many streams as end now come
// back at a rate that the next process can take.
func spread(streams int) time.Duration {
	const perSecond = 2000
	window := time.Duration(streams) * time.Second / perSecond
	return time.Second + time.Duration(rand.Int64N(int64(window)+1))
}
