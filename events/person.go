package events

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A person is a member that is there: it has a stream open, on this node or on
// another, or had one on this node less than the grace ago. All of it is under
// namespace.mu.
type person struct {
	card    *Person // replaced and never changed, for presence shares it
	data    string
	since   moment
	streams []*Cursor // of this node, oldest first
	until   moment    // without a stream on this node: when the grace is over
	stays   []stay    // in no order
	distant map[string]Here
}

// A stay is a room that a member has.
type stay struct {
	roster  *roster
	from    uint64 // only numbers above it are heard; 0 when an opening named the room
	place   int32  // in roster.present
	streams int16  // of this node that have it
	distant int16  // other nodes that have it
	until   moment // without a stream here: when the grace is over; 0 when only other nodes have it
}

// A moment is a time in as little memory as there are many of them; 0 is none. It
// counts by the clock that timers go by: by the clock on the wall a timer can ring
// before the moment that it was set to.
type moment int64

// dawn is what moments count from.
var dawn = time.Now()

func at(t time.Time) moment { return moment(t.Sub(dawn)) }

// time gives the time on the wall.
func (m moment) time() time.Time { return dawn.Add(time.Duration(m)).Round(0).UTC() }

func (p *person) stay(room string) *stay {
	for i := range p.stays {
		if p.stays[i].roster.name == room {
			return &p.stays[i]
		}
	}
	return nil
}

// stayIn gives the member's stay in a room that it has.
func (p *person) stayIn(r *roster) *stay {
	return &p.stays[slices.IndexFunc(p.stays, func(s stay) bool { return s.roster == r })]
}

// rooms gives the names of the member's rooms, sorted.
func (p *person) rooms() []string {
	out := make([]string, len(p.stays))
	for i := range p.stays {
		out[i] = p.stays[i].roster.name
	}
	slices.Sort(out)
	return out
}

func (p *person) info() MemberInfo {
	return MemberInfo{Person: *p.card, Data: p.said(), Rooms: p.rooms(), Since: p.since.time()}
}

// said gives what the member said of itself, nil for nothing.
func (p *person) said() []byte {
	if p.data == "" {
		return nil
	}
	return []byte(p.data)
}

// overlooks reports whether all the member's streams are over everything, so that
// none can be in a room.
func (p *person) overlooks() bool {
	return len(p.streams) > 0 && !slices.ContainsFunc(p.streams, func(c *Cursor) bool { return !c.listens })
}

// onlooker reports whether the member does nothing but listen to everything.
func (p *person) onlooker() bool { return len(p.stays) == 0 && p.overlooks() }

// rosterLocked gives a room's roster, made where there is none.
func (n *namespace) rosterLocked(room string) *roster {
	r := n.rosters[room]
	if r == nil {
		r = &roster{name: room}
		n.rosters[room] = r
	}
	return r
}

func (n *namespace) dropRosterLocked(r *roster) {
	if len(r.present) == 0 && r.watchers == 0 && n.rosters[r.name] == r {
		n.rosters = without(n.rosters, r.name)
	}
}

// stayLocked gives a member's stay in a room, made where there is none.
func (n *namespace) stayLocked(p *person, room string, from uint64) *stay {
	if s := p.stay(room); s != nil {
		return s
	}
	r := n.rosterLocked(room)
	p.stays = append(p.stays, stay{roster: r, from: from, place: r.put(p)})
	n.stirLocked(r)
	return &p.stays[len(p.stays)-1]
}

// departLocked ends those of a member's stays that over says are.
func (n *namespace) departLocked(p *person, over func(*stay) bool) {
	p.stays = slices.DeleteFunc(p.stays, func(s stay) bool {
		if !over(&s) {
			return false
		}
		s.roster.take(s.place)
		n.stirLocked(s.roster)
		n.dropRosterLocked(s.roster)
		return true
	})
}

// renameLocked gives a member another nickname.
func (n *namespace) renameLocked(p *person, name string) {
	if p.card.Name == name {
		return
	}
	before, card := p.card, *p.card
	card.Name = name
	p.card = &card
	for i := range p.stays {
		p.stays[i].roster.note(before, p.card)
		n.stirLocked(p.stays[i].roster)
	}
}

// forgetLocked ends everything that is known of a member: those who wait for its
// answers wait no longer.
func (n *namespace) forgetLocked(p *person) {
	n.departLocked(p, func(*stay) bool { return true })
	n.people = without(n.people, p.card.ID)
	n.missLocked(p.card.ID)
}

// stoodLocked lets a member go whose streams are all closed, here and elsewhere.
func (n *namespace) stoodLocked(p *person) {
	if len(p.streams) == 0 && p.until == 0 && len(p.distant) == 0 {
		n.forgetLocked(p)
	}
}

// A fade is a moment at which a member's grace may be over.
type fade struct {
	at     time.Time
	person *person
}

// fadeLocked ends what of a member the grace is over for.
func (n *namespace) fadeLocked(p *person, now time.Time) {
	if n.people[p.card.ID] != p {
		return
	}
	changed := false
	for i := range p.stays {
		if s := &p.stays[i]; s.streams == 0 && s.until != 0 && s.until <= at(now) {
			s.until, changed = 0, true
		}
	}
	if changed {
		n.departLocked(p, func(s *stay) bool { return s.streams == 0 && s.until == 0 && s.distant == 0 })
		n.hereLocked(p)
	}
	if len(p.streams) == 0 && p.until != 0 && p.until <= at(now) {
		p.until = 0
		n.hereLocked(p)
		n.stoodLocked(p)
	}
}

// attachLocked makes a stream one of its member's, in the rooms that it sits in, and
// gives the member's oldest stream where there is one too many.
func (n *namespace) attachLocked(c *Cursor, rooms []Stay) (oldest *Cursor) {
	p := n.people[c.member]
	if p == nil {
		p = &person{
			card:  &Person{ID: c.member, User: c.user},
			since: at(time.Now().Truncate(time.Millisecond)),
			stays: make([]stay, 0, len(rooms)),
		}
		n.people[c.member] = p
	}
	c.person = p
	p.streams = append(p.streams, c)
	p.until = 0
	for _, r := range rooms {
		s := n.stayLocked(p, r.Room, r.After)
		s.streams++
		s.until = 0
		s.from = min(s.from, r.After)
	}
	if len(p.streams) > n.reg.o.Streams {
		oldest = p.streams[0]
		n.detachLocked(oldest)
	}
	n.hereLocked(p)
	return oldest
}

// detachLocked takes a stream from its member. With the last one that has a room,
// and with the last one of all, the grace begins.
func (n *namespace) detachLocked(c *Cursor) {
	p := c.person
	if p == nil {
		return
	}
	c.person = nil
	p.streams = slices.DeleteFunc(p.streams, func(o *Cursor) bool { return o == c })
	end := time.Now().Add(n.reg.o.Grace)
	fading := false
	for _, s := range c.seats {
		if st := p.stay(s.room.name); IsRoom(s.room.name) && st != nil && !c.left.has(s) {
			if st.streams--; st.streams == 0 {
				st.until, fading = at(end), true
			}
		}
	}
	if len(p.streams) == 0 {
		p.until, fading = at(end), true
	}
	if fading {
		n.fades = append(n.fades, fade{end, p})
		n.wakeLocked(end)
	}
}

// nickLocked gives a member's nickname, where it is known here.
func (n *namespace) nickLocked(member string) string {
	if p := n.people[member]; p != nil {
		return p.card.Name
	}
	return ""
}

// A crowd is the members that targets name.
type crowd map[*person]bool

// pickLocked gives who is in any of the targets less who is in any of the
// exceptions.
func (n *namespace) pickLocked(in, except []string) crowd {
	out := make(crowd)
	each := func(targets []string, do func(*person)) {
		for _, t := range targets {
			switch {
			case t == Everyone:
				for _, p := range n.people {
					do(p)
				}
			case t[0] == '@':
				if p := n.people[t[1:]]; p != nil {
					do(p)
				}
			default:
				if r := n.rosters[t]; r != nil {
					for _, p := range r.present {
						do(p)
					}
				}
			}
		}
	}
	each(in, func(p *person) { out[p] = true })
	each(except, func(p *person) { delete(out, p) })
	return out
}

// sorted gives the crowd in the order of how long its members are there.
func (c crowd) sorted() []*person {
	out := make([]*person, 0, len(c))
	for p := range c {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *person) int {
		return cmp.Or(cmp.Compare(a.since, b.since), strings.Compare(a.card.ID, b.card.ID))
	})
	return out
}

// cmpStrings compares a with b, and where they are the same c with d.
func cmpStrings(a, b, c, d string) int {
	return cmp.Or(strings.Compare(a, b), strings.Compare(c, d))
}
