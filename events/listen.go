package events

import (
	"context"
	"slices"
	"strings"
)

// Listen is what a stream asks for.
type Listen struct {
	Rooms []string // up to 100; none means only what goes to everyone and to its member
	All   bool     // everything in the namespace but what goes to other members; Rooms is then ignored
	Start Start

	Presence bool   // tell who is in the rooms, and who comes and goes; not with All
	Name     string // the member's nickname; "" leaves it. A stream that returns to a member still known keeps the one it had
	Unseen   bool   // the stream makes nobody present

	// Bell is rung, from any goroutine, when there may be something for Next. It may
	// ring for nothing, and it has not rung for what was there before Listen
	// returned: call Next first. Nil means that nobody waits.
	Bell Bell
}

// A Bell wakes who reads a cursor. Ring must not block and must not call the
// registry.
type Bell interface{ Ring() }

// A BellFunc is a function as a Bell.
type BellFunc func()

// Ring calls f.
func (f BellFunc) Ring() { f() }

// Listen opens a cursor. The caller closes it. unavailable is answered while the
// registry drains.
func (r *Registry) Listen(ctx context.Context, c Caller, ns string, l Listen) (*Cursor, error) {
	c, err := r.permit(c, ns, MayRead)
	if err != nil {
		return nil, err
	}
	rooms, err := listenRooms(l)
	if err != nil {
		return nil, err
	}
	if l.Name != "" {
		if err := CheckNickname(l.Name); err != nil {
			return nil, err
		}
	}
	switch {
	case l.Presence && l.All:
		return nil, Refuse(CodeBadParameter, "presence is told room by room: name the rooms")
	case l.Presence && r.settings(ns).NoPresence:
		return nil, hidden()
	}
	n, err := r.open(ctx, ns)
	if err != nil {
		return nil, err
	}
	defer n.unpin()
	cur := &Cursor{
		ns: n, rope: l.Bell, listens: l.All, unseen: l.Unseen, user: c.User,
	}
	if c.Connection == "" {
		c.Connection = NewConnectionID()
		cur.connection = c.Connection
	}
	own := "@" + n.member(c)
	cur.member, cur.word = own[1:], wordOf(own[1:])

	// The cursor sits in its rooms before it is known where it starts: whatever is
	// appended from here on rings its bell, and nothing can be between.
	mark, oldest, err := cur.sit(l, own, rooms)
	if err != nil {
		return nil, err
	}
	if oldest != nil {
		oldest.End(Bye{Reason: ByeReplaced})
	}
	if err := cur.begin(ctx, l.Start, mark); err != nil {
		cur.Close()
		return nil, err
	}
	return cur, nil
}

func listenRooms(l Listen) ([]string, error) {
	if l.All {
		return []string{Everyone}, nil
	}
	rooms := []string{}
	for _, name := range l.Rooms {
		if err := CheckRoom(name); err != nil {
			return nil, err
		}
		if !slices.Contains(rooms, name) {
			rooms = append(rooms, strings.Clone(name)) // it may be a piece of a whole request
		}
	}
	if len(rooms) > MaxStreamRooms {
		return nil, Refuse(CodeBadParameter, "a stream has at most %d rooms", MaxStreamRooms)
	}
	return rooms, nil
}

// sit puts a new cursor into its rooms, everyone's and its member's own, and gives
// the watermark of that moment.
func (c *Cursor) sit(l Listen, own string, named []string) (mark uint64, oldest *Cursor, err error) {
	n := c.ns
	n.mu.Lock()
	defer n.unlock()
	if c.ns.reg.draining.Load() {
		return 0, nil, Refuse(CodeUnavailable, "the server is about to end")
	}
	if most := n.settings.Streams; most > 0 && len(n.streams) >= most {
		return 0, nil, Refuse(CodeQuota, "this namespace has at most %d streams at once", most)
	}
	p := n.people[c.member]
	back := p != nil && !c.unseen && l.Start.Return()
	rooms := stays(named)
	switch {
	case c.listens:
		rooms = nil
	case back:
		rooms = p.remembered()
	}
	// A member that is new again has nothing but what it names now.
	var leaving []stay
	if p != nil && !back && !c.unseen && len(p.streams) == 0 {
		for _, s := range p.stays {
			if s.distant == 0 && !slices.Contains(named, s.roster.name) {
				leaving = append(leaving, s)
			}
		}
	}
	if p != nil && !back && !c.unseen {
		count := len(p.stays) - len(leaving)
		for _, r := range rooms {
			if p.stay(r.Room) == nil {
				count++
			}
		}
		if count > MaxStreamRooms {
			return 0, nil, Refuse(CodeBadParameter, "a member has at most %d rooms, in all its streams", MaxStreamRooms)
		}
	}
	if err := n.mayHaveLocked(rooms, leaving); err != nil {
		return 0, nil, err
	}
	for _, gone := range leaving {
		n.departLocked(p, func(s *stay) bool { return s.roster == gone.roster })
	}
	mark = n.watermark.Load()
	c.start = mark
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seats = c.firstList[:0]
	if c.listens {
		// What goes to everyone lies in everything too.
		c.sitNextLocked(Everything, 0)
	} else {
		c.sitNextLocked(Everyone, 0)
	}
	c.sitNextLocked(own, 0)
	if !c.listens {
		for _, r := range rooms {
			c.sitNextLocked(r.Room, r.After)
		}
	}
	c.ns.reg.streams.Add(1)
	c.at = int32(len(n.streams))
	n.streams = append(n.streams, c)
	if l.Presence {
		c.watches = []*watch{}
		for _, r := range rooms {
			c.watchLocked(r.Room)
		}
	}
	if !c.unseen {
		oldest = n.attachLocked(c, rooms)
		if !back && l.Name != "" {
			n.renameLocked(c.person, l.Name)
			n.hereLocked(c.person)
		}
	}
	return mark, oldest, nil
}

// stays are rooms that are heard from any number on.
func stays(rooms []string) []Stay {
	out := make([]Stay, len(rooms))
	for i, name := range rooms {
		out[i].Room = name
	}
	return out
}

// remembered gives the rooms that a stream of the member comes back to, sorted.
func (p *person) remembered() []Stay {
	out := make([]Stay, len(p.stays))
	for i := range p.stays {
		out[i] = Stay{p.stays[i].roster.name, p.stays[i].from}
	}
	slices.SortFunc(out, func(a, b Stay) int { return strings.Compare(a.Room, b.Room) })
	return out
}

// sitNextLocked takes a seat in the memory that the cursor came with, while there is some.
func (c *Cursor) sitNextLocked(room string, from uint64) {
	s := &seat{}
	if i := len(c.seats); i < len(c.firstSeats) {
		s = &c.firstSeats[i]
	}
	s.cursor, s.from = c, from
	c.sitLocked(s, room)
}

// begin resolves where the stream starts and what it is told about it.
func (c *Cursor) begin(ctx context.Context, s Start, mark uint64) error {
	log, ns := c.ns.reg.o.Log, c.ns.name
	pos := mark
	c.mu.Lock() // others may already have it join and leave
	names := make([]string, len(c.seats))
	for i, st := range c.seats {
		names[i] = st.room.name
	}
	c.mu.Unlock()
	switch s.kind {
	case startAfter, startMalformed:
		known, err := c.knows(ctx, s, mark)
		if err != nil {
			return err
		}
		if !known {
			g := Gap{To: ID{c.Epoch(), mark}, Reason: GapEpoch}
			if s.kind == startAfter {
				g.From = s.raw
			}
			c.owe([]Gap{g})
			break
		}
		pos = s.id.Seq
		if pos >= mark {
			break
		}
		removed, err := log.Removed(ctx, ns, names)
		if err != nil {
			return err
		}
		for i, name := range names {
			gaps, err := c.missed(ctx, name, pos, removed[i])
			if err != nil {
				return err
			}
			c.owe(gaps)
		}
	case startAll, startLast:
		first, err := c.forgive(ctx, names, s, mark)
		if err != nil {
			return err
		}
		pos = min(mark, first)
	case startAt:
		first, err := c.since(ctx, names, s, mark)
		if err != nil {
			return err
		}
		pos = min(mark, first)
	}
	c.pos.Store(pos)
	c.start = pos
	c.resumed = s.Return() && !c.owes()
	c.mu.Lock()
	c.current = pos >= mark && !c.owes()
	c.mu.Unlock()
	return nil
}

// knows reports whether the position that was asked for is one of this log. A
// number that was answered may be ahead of this node's tail for a moment.
func (c *Cursor) knows(ctx context.Context, s Start, mark uint64) (bool, error) {
	if s.kind == startMalformed || s.id.Epoch != c.Epoch() {
		return false, nil
	}
	if s.id.Seq <= mark {
		return true, nil
	}
	head, err := c.ns.reg.o.Log.Head(ctx, c.ns.name)
	return err == nil && s.id.Seq <= head.Last, err
}

// forgive starts at what is still kept, or at the newest of it, and takes as told
// what retention removed until now.
func (c *Cursor) forgive(ctx context.Context, names []string, s Start, mark uint64) (uint64, error) {
	log, ns := c.ns.reg.o.Log, c.ns.name
	removed, err := log.Removed(ctx, ns, names)
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		c.forget(name, removed[i])
	}
	if s.kind == startLast {
		return c.newest(ctx, names, s.n, mark)
	}
	return c.first(ctx, names, 0, mark)
}

// first gives the number just below the first event above a number that the
// stream hears, mark when there is none.
func (c *Cursor) first(ctx context.Context, names []string, above, mark uint64) (uint64, error) {
	lowest := mark
	for _, name := range names {
		for from := above; from < lowest; {
			page, err := c.ns.reg.o.Log.Read(ctx, c.ns.name, Query{Stretch: name, After: from, Upto: lowest, Limit: 64})
			if err != nil {
				return 0, err
			}
			if heard := c.heard(page.Events); len(heard) > 0 {
				lowest = heard[0].Seq - 1
				break
			}
			if !page.More || len(page.Events) == 0 {
				break
			}
			from = page.Events[len(page.Events)-1].Seq
		}
	}
	return lowest, nil
}

// newest gives the number just below the first of the newest n events that the
// stream hears.
func (c *Cursor) newest(ctx context.Context, names []string, n int, mark uint64) (uint64, error) {
	if n <= 0 {
		return mark, nil
	}
	var found []uint64
	for _, name := range names {
		mine := 0
		for upto := mark; upto > 0 && mine < n; {
			page, err := c.ns.reg.o.Log.Read(ctx, c.ns.name, Query{Stretch: name, Upto: upto, Limit: n, Newest: true})
			if err != nil {
				return 0, err
			}
			for _, e := range c.heard(page.Events) {
				found = append(found, e.Seq)
				mine++
			}
			if !page.More || len(page.Events) == 0 {
				break
			}
			upto = page.Events[0].Seq - 1
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) == 0 {
		return mark, nil
	}
	return found[max(0, len(found)-n)] - 1, nil
}

func (c *Cursor) heard(events []*Event) []*Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(events), func(e *Event) bool {
		return !audible(e, c, c.ns.reg.o.Now)
	})
}

// since starts at a time. What retention removed is told unless something kept
// stands between it and the time, which shows that it was older.
func (c *Cursor) since(ctx context.Context, names []string, s Start, mark uint64) (uint64, error) {
	log, ns := c.ns.reg.o.Log, c.ns.name
	at, err := log.Find(ctx, ns, s.at)
	if err != nil {
		return 0, err
	}
	base := min(at-1, mark)
	removed, err := log.Removed(ctx, ns, names)
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		if removed[i] == 0 {
			continue
		}
		if removed[i] < base {
			between, err := log.Read(ctx, ns, Query{Stretch: Everything, After: removed[i], Upto: base, Limit: 1})
			if err != nil {
				return 0, err
			}
			if len(between.Events) > 0 {
				c.forget(name, removed[i])
				continue
			}
		}
		// Below the mark nobody knows how old it was.
		gaps, err := c.missed(ctx, name, 0, removed[i])
		if err != nil {
			return 0, err
		}
		for j := range gaps {
			gaps[j].From = ""
		}
		c.owe(gaps)
	}
	return c.first(ctx, names, base, mark)
}
