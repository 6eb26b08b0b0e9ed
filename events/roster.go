package events

import (
	"slices"
	"time"
)

// A roster is who is in a room, on all nodes and with the grace, and what of that
// has not been told yet to the streams that listen for presence. It exists while
// somebody is in it or watches it. All of it is under namespace.mu.
//
// What happens is counted. A watcher knows up to which change it has been told,
// and so is a cursor too: it gets the batch that follows on from there, or, when
// it is further back than the last batch, the room's state instead of all that led
// to it.
type roster struct {
	name     string
	present  []*person      // in no order; each one's stay says where it is
	users    map[string]int // members of each user that has a name; nil for none
	nameless int            // members without one

	watchers int
	count    uint64   // changes since the roster is there
	from     uint64   // changes holds those after it
	changes  []change // not told yet
	over     bool     // there were more than changes holds
	last     *batch
	due      time.Time // when changes are to be told; zero when there are none
	told     time.Time // when the last batch was

	whole   *Presence // the state after so many changes
	wholeAt uint64
}

// A change is one that happened to one member: before is nil when it was not there,
// after when it is not any more.
type change struct {
	before, after *Person
}

// A batch is what is told at once.
type batch struct {
	from, to uint64
	changes  []change  // one a number in (from, to]
	all      *Presence // to who was told up to from; nil when it comes to nothing
	state    bool      // the state is told instead
	over     bool      // there were more changes than anybody remembers, and all has the counts
	count    int
	users    int
}

// presenceEvery is how often a room's presence is told at most.
const presenceEvery = time.Second

// maxChanges bounds what a second's changes cost in memory. Of more only the
// counts are told.
const maxChanges = 4 * MaxPresence

func (r *roster) size() (count, users int) {
	return len(r.present), len(r.users) + r.nameless
}

// put takes in a member that is not there, and gives the place it has.
func (r *roster) put(p *person) (place int32) {
	r.present = append(r.present, p)
	r.weigh(p.card.User, 1)
	r.note(nil, p.card)
	return int32(len(r.present) - 1)
}

// take takes out the member at a place, which the last one then has.
func (r *roster) take(place int32) {
	p, last := r.present[place], len(r.present)-1
	if end := r.present[last]; end != p {
		r.present[place] = end
		end.stayIn(r).place = place
	}
	r.present[last] = nil
	r.present = shrunk(r.present[:last])
	r.weigh(p.card.User, -1)
	r.note(p.card, nil)
}

func (r *roster) weigh(user string, by int) {
	if user == "" {
		r.nameless += by
		return
	}
	if r.users == nil {
		r.users = make(map[string]int)
	}
	if r.users[user] += by; r.users[user] == 0 {
		delete(r.users, user)
	}
}

func (r *roster) note(before, after *Person) {
	r.count++
	if r.watchers == 0 {
		r.changes, r.over, r.from = nil, false, r.count
		return
	}
	if len(r.changes) >= maxChanges {
		r.over = true
		return
	}
	r.changes = append(r.changes, change{before, after})
}

// pending reports whether there is something to tell.
func (r *roster) pending() bool { return r.count > r.from }

// tell makes a batch of what has not been told.
func (r *roster) tell(now time.Time, state bool) {
	b := &batch{from: r.from, to: r.count, changes: r.changes, state: state}
	b.count, b.users = r.size()
	if r.over && !state {
		b.changes, b.over = nil, true
		b.all = &Presence{Room: r.name, Count: b.count, Users: b.users}
	} else if !state {
		b.all = r.net(b, b.changes)
	}
	r.last, r.told, r.due = b, now, time.Time{}
	r.from, r.changes, r.over = r.count, nil, false
}

// net is what changes come to, nil for nothing.
func (r *roster) net(b *batch, changes []change) *Presence {
	first := make(map[string]*Person, len(changes)) // how it was before
	last := make(map[string]*Person, len(changes))
	var order []string
	for _, c := range changes {
		id := c.id()
		if _, seen := last[id]; !seen {
			first[id] = c.before
			order = append(order, id)
		}
		last[id] = c.after
	}
	p := &Presence{Room: r.name, Count: b.count, Users: b.users}
	for _, id := range order {
		was, is := first[id], last[id]
		switch {
		case was == nil && is == nil:
		case was == nil:
			p.Joined = append(p.Joined, *is)
		case is == nil:
			p.Left = append(p.Left, id)
		case *was != *is:
			p.Changed = append(p.Changed, *is)
		}
	}
	switch n := len(p.Joined) + len(p.Left) + len(p.Changed); {
	case n == 0:
		return nil
	case n > MaxPresence:
		p.Joined, p.Left, p.Changed = nil, nil, nil
	}
	return p
}

func (c change) id() string {
	if c.before != nil {
		return c.before.ID
	}
	return c.after.ID
}

// state gives who is there now.
func (r *roster) state() *Presence {
	if r.whole != nil && r.wholeAt == r.count {
		return r.whole
	}
	p := &Presence{Room: r.name, Whole: true}
	p.Count, p.Users = r.size()
	if p.Count <= MaxPresence {
		p.Members = make([]Person, 0, p.Count)
		for _, m := range r.present {
			p.Members = append(p.Members, *m.card)
		}
		slices.SortFunc(p.Members, func(a, b Person) int { return cmpStrings(a.Name, b.Name, a.ID, b.ID) })
	}
	r.whole, r.wholeAt = p, r.count
	return p
}

// A watch is a stream's place in what a roster tells.
type watch struct {
	roster *roster
	told   uint64 // up to this change
	begun  bool   // it has been told the state once
}

// next gives what the watcher is to be told now, nil for nothing.
func (w *watch) next() *Presence {
	r := w.roster
	b := r.last
	switch {
	case w.begun && (b == nil || w.told >= b.to):
		return nil
	case w.begun && !b.state && w.told == b.from, w.begun && b.over && w.told > b.from:
		w.told = b.to
		return b.all
	case w.begun && !b.state && w.told > b.from && b.to-w.told <= maxOwn:
		from := w.told
		w.told = b.to
		return r.net(b, b.changes[from-b.from:])
	}
	w.begun, w.told = true, r.count
	return r.state()
}

// maxOwn is how many changes are worked out for a single watcher: for one that came
// while a batch was gathering. Beyond it the state is cheaper, which is the same for all.
const maxOwn = 32
