package events

import "maps"

// leaving are the seats of a stream in rooms that were left, each with the number
// up to which the room is still heard there: whoever reads slowly hears what was said
// while it was there. Nil for most streams. It changes under namespace.mu and
// Cursor.mu, and so can be looked at under either.
type leaving map[*seat]uint64

func (l leaving) has(s *seat) bool {
	_, left := l[s]
	return left
}

// upto gives the last number up to mark that is heard at a seat.
func (l leaving) upto(s *seat, mark uint64) uint64 {
	if last, left := l[s]; left {
		return min(mark, last)
	}
	return mark
}

// hears reports whether the stream was in the seat's room when a number was given; for
// 0, whether it is.
func (l leaving) hears(s *seat, seq uint64) bool {
	if seq == 0 {
		return !l.has(s)
	}
	return seq > s.from && l.upto(s, seq) == seq
}

// stand has the stream get up from the rooms that it has left, once it was told up to
// pos what it had to hear there. Before Next is called again nobody knows whether
// that was the last word of it: see Back.
func (c *Cursor) stand(pos uint64) {
	c.ns.mu.Lock()
	defer c.ns.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return
	}
	c.tracked = false
	seats := c.seats[:0]
	for _, s := range c.seats {
		if last, left := c.left[s]; left && last <= pos {
			delete(c.left, s)
			c.ns.exitLocked(s)
			if c.fresh == s {
				c.many = true // what comes after it was left is not heard there
			}
			continue
		}
		seats = append(seats, s)
	}
	clear(c.seats[len(seats):])
	c.seats = seats
	if len(c.left) == 0 {
		c.left = nil
	}
}

// leaveLocked takes a room from the stream, which hears nothing of it above a number,
// and reports whether it had it. It is called under namespace.mu.
func (c *Cursor) leaveLocked(room string, after uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.seatLocked(room)
	if s == nil || c.released {
		return false
	}
	if c.left == nil {
		c.left = make(leaving)
	}
	c.left[s] = after
	c.moved = true
	c.unwatchLocked(func(r *roster) bool { return r.name == room })
	return true
}

// seatLocked gives the seat in a room that the stream is in, or nil.
func (c *Cursor) seatLocked(room string) *seat {
	for _, s := range c.seats {
		if s.room.name == room && !c.left.has(s) {
			return s
		}
	}
	return nil
}

// look gives the seats to look at, in scratch: those where something came in, or,
// whole, all of them; and what of them was left.
func (c *Cursor) look(scratch *Scratch) (seats []*seat, whole bool, left leaving, bye *Bye) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seats = scratch.seats[:0]
	switch {
	case !c.tracked || c.many:
		seats, whole = append(seats, c.seats...), true
	case c.fresh != nil:
		seats = append(seats, c.fresh)
	}
	scratch.seats = seats
	return seats, whole, maps.Clone(c.left), c.bye
}
