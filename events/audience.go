package events

import "time"

// A place is where a stream stands when an event comes by: whose it is and which
// rooms it has at that moment.
type place interface {
	// is reports whether the stream is the member's.
	is(member string) bool
	// in reports whether the stream was in the room when the number was given; for 0,
	// whether it is.
	in(room string, seq uint64) bool
	// all reports whether it listens to everything instead of rooms.
	all() bool
}

// audible is the one rule of who hears an event, live, late and in replay alike:
// the union of its targets, less the member that is skipped, less what except
// names, while it lives. The sender is compared as a member, never as a socket,
// and so stays left out after a reconnect and in another tab.
//
// A stream over everything is an onlooker in no room: except leaves it out by
// its member or with *, not by a room.
func audible(e *Event, p place, now func() time.Time) bool {
	if e.Skip != "" && p.is(e.Skip) || e.TTL > 0 && e.Expired(now()) {
		return false
	}
	if !meets(e.To, e.Seq, p, p.all()) {
		return false
	}
	return !meets(e.Except, e.Seq, p, false)
}

// meets reports whether one of the targets is everyone, the member, or a room the
// stream is in; with rooms, any room will do.
func meets(targets []string, seq uint64, p place, rooms bool) bool {
	for _, t := range targets {
		switch {
		case t == Everyone:
			return true
		case t[0] == '@':
			if p.is(t[1:]) {
				return true
			}
		case rooms || p.in(t, seq):
			return true
		}
	}
	return false
}
