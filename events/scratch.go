package events

// A Scratch is memory that pages are made in, one after another, for any number
// of cursors that are read by one goroutine.
type Scratch struct {
	page   []*Event
	seats  []*seat
	behind []*seat
	last   glance
}

// A glance is what was last seen in a window: the events in (from, to]. Of a thousand
// streams that are told the same event one looks, and the others need not wait for
// each other at the room's lock.
//
// What was seen stays true, for it is asked for by number: only erasing takes something
// from between two numbers, and that has every stream look at all of its rooms again.
type glance struct {
	room     uint64 // its number; a pointer would keep it in memory, and its window
	from, to uint64
	events   []*Event
	on       footing
}

// fewEvents is how many events a glance remembers at most, for what it remembers
// stays in memory.
const fewEvents = 8

// after gives a room's events as [room.after] does, in the scratch. They may be more
// than the limit, or cut sooner.
func (s *Scratch) after(r *room, from, to uint64, limit int) ([]*Event, footing) {
	l := &s.last
	if l.room != r.number || l.from != from || l.to != to {
		page, on := r.after(s.page[:0], from, to, limit)
		s.page = page
		if from < on.floor || len(page) > fewEvents {
			return page, on
		}
		*l = glance{r.number, from, to, append(l.events[:0], page...), on}
	}
	s.page = append(s.page[:0], l.events...)
	return s.page, l.on
}
