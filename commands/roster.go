package commands

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"parley/client"
)

// rosters are who is in each room, as presence tells it. The zero value knows of
// nobody.
type rosters struct {
	me   string                     // the member that is "you"
	room map[string]map[string]card // by room and member; nil for a room of too many to be named

	// After a reconnect a room's first state may be that of a server that has only
	// just been started, and to which not everybody has come back yet. Who is not in
	// it is in doubt.
	again map[string]bool
	doubt map[string]map[string]card

	// A room tells of a new nickname up to a second late. What it tells of me until
	// then is old.
	called card
	late   map[string]time.Time // by room that has not told it yet: until when that is believed
}

// rename notes what I am called now, in these rooms.
func (r *rosters) rename(now card, rooms []string) {
	r.called, r.late = now, make(map[string]time.Time, len(rooms))
	for _, room := range rooms {
		r.late[room] = time.Now().Add(patience)
		if _, here := r.room[room][now.id]; here {
			r.room[room][now.id] = now
		}
	}
}

// cardIn is how somebody is called in a room that tells of them.
func (r *rosters) cardIn(room string, p client.Person) card {
	c := cardOf(p)
	until, late := r.late[room]
	if !late || c.id != r.called.id {
		return c
	}
	if c == r.called || time.Now().After(until) {
		delete(r.late, room)
		return c
	}
	return r.called
}

// reconnected says that the first state of each room is to be doubted.
func (r *rosters) reconnected() {
	r.again = map[string]bool{}
	for room := range r.room {
		r.again[room] = true
	}
}

// resolve says who did not come back to a room, "" for nobody.
func (r *rosters) resolve(room string) string {
	left := r.doubt[room]
	delete(r.doubt, room)
	return r.changed(left, nil)
}

// A card is how a member is called.
type card struct{ id, name string }

func cardOf(p client.Person) card { return card{p.ID, cmp.Or(p.Name, p.User)} }

// String gives the nickname, else the beginning of the member's ID, which is what
// /msg takes.
func (c card) String() string {
	if c.name == "" {
		return c.short()
	}
	return nickname(c.name)
}

func (c card) short() string { return "@" + plain(c.id[:min(shortID, len(c.id))]) }

// shortID is how much of a member's ID is shown to people: 30 bits.
const shortID = 6

// take notes a presence and says in words what is new, "" for nothing. What is told
// anew after a reconnect is compared with what was known, so that a return in time
// is silence.
func (r *rosters) take(p client.Presence) string {
	if r.room == nil {
		r.room = map[string]map[string]card{}
	}
	was, known := r.room[p.Room]
	now := map[string]card{}
	switch {
	case p.Members != nil:
		for _, m := range p.Members {
			now[m.ID] = r.cardIn(p.Room, m)
		}
	case was == nil || p.Joined == nil && p.Left == nil && p.Changed == nil:
		// Too many to be named: their number is told once, and then no more.
		r.room[p.Room] = nil
		if known && was == nil {
			return ""
		}
		return fmt.Sprintf("%d here", p.Count)
	default:
		maps.Copy(now, was)
		for _, id := range p.Left {
			delete(now, id)
		}
		for _, m := range slices.Concat(p.Joined, p.Changed) {
			now[m.ID] = r.cardIn(p.Room, m)
		}
	}
	r.room[p.Room] = now
	if was == nil {
		return fmt.Sprintf("%d here: %s", p.Count, r.list(slices.Collect(maps.Values(now)), most))
	}
	was = maps.Clone(was)
	maps.Copy(was, r.doubt[p.Room])
	delete(r.doubt, p.Room)
	if p.Members == nil || r.again[p.Room] {
		// Who was in doubt and is not named still is.
		doubt := map[string]card{}
		for id, c := range was {
			if _, here := now[id]; !here && !slices.Contains(p.Left, id) {
				doubt[id] = c
				delete(was, id)
			}
		}
		if len(doubt) > 0 {
			if r.doubt == nil {
				r.doubt = map[string]map[string]card{}
			}
			r.doubt[p.Room] = doubt
		}
		delete(r.again, p.Room)
	}
	return r.changed(was, now)
}

// most is how many are named in one line.
const most = 8

// changed says in one line who came, went and is called otherwise.
func (r *rosters) changed(was, now map[string]card) string {
	var joined, left []card
	var parts, renamed []string
	for id, c := range now {
		switch before, there := was[id]; {
		case !there:
			joined = append(joined, c)
		case before != c:
			renamed = append(renamed, before.String()+" is now "+c.String())
		}
	}
	for id, c := range was {
		if _, there := now[id]; !there {
			left = append(left, c)
		}
	}
	if len(joined) > 0 {
		parts = append(parts, r.list(joined, most)+" joined")
	}
	if len(left) > 0 {
		parts = append(parts, r.list(left, most)+" left")
	}
	slices.Sort(renamed)
	if len(renamed) > most {
		renamed = append(renamed[:most], fmt.Sprintf("%d others have new names", len(renamed)-most))
	}
	return strings.Join(append(parts, renamed...), "; ")
}

// list names members, by name, those after the first few by their number.
func (r *rosters) list(cards []card, most int) string {
	names := make([]string, 0, len(cards))
	for _, c := range cards {
		name := c.String()
		if c.id == r.me {
			name += " (you)"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	switch n := len(names); {
	case n > most+1:
		return fmt.Sprintf("%s and %d others", strings.Join(names[:most], ", "), n-most)
	case n > 1:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// forget drops a room that one is not in any more.
func (r *rosters) forget(room string) {
	delete(r.room, room)
	delete(r.doubt, room)
	delete(r.again, room)
	delete(r.late, room)
}

// everybody gives each member that is known once, by name.
func (r *rosters) everybody() []card {
	seen := map[string]card{}
	for _, room := range r.room {
		maps.Copy(seen, room)
	}
	return slices.SortedFunc(maps.Values(seen), func(a, b card) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id))
	})
}

// unique reports whether nobody else has this name.
func (r *rosters) unique(c card) bool {
	for _, room := range r.room {
		for id, other := range room {
			if id != c.id && strings.EqualFold(other.name, c.name) {
				return false
			}
		}
	}
	return true
}
