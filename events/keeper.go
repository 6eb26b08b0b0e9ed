package events

import "time"

// What a namespace does when a time has come, from one timer: graces that are over
// and presence that is to be told. All of it is under namespace.mu.

// wakeLocked has the keeper called at a time, or sooner.
func (n *namespace) wakeLocked(at time.Time) {
	if !n.wake.IsZero() && !at.Before(n.wake) {
		return
	}
	n.wake = at
	wait := max(time.Until(at), 0)
	if n.timer == nil {
		n.timer = time.AfterFunc(wait, n.keep)
		return
	}
	n.timer.Reset(wait)
}

// keep is called by the timer. One that was set anew may call it early or twice.
func (n *namespace) keep() {
	n.mu.Lock()
	defer n.unlock()
	n.wake = time.Time{}
	now := time.Now()
	done := 0
	for _, f := range n.fades {
		if f.at.After(now) {
			break
		}
		done++
		n.fadeLocked(f.person, f.at)
	}
	if n.fades = n.fades[done:]; len(n.fades) > 0 {
		n.wakeLocked(n.fades[0].at)
	} else {
		n.fades = nil
	}
}

// stirLocked notes that a roster may have something to tell.
func (n *namespace) stirLocked(r *roster) {
	if r.due.IsZero() && r.pending() {
		r.due = r.told.Add(presenceEvery)
		if end := n.reg.started.Add(n.reg.o.Grace); r.due.Before(end) {
			r.due = end
		}
		n.stirred = append(n.stirred, r)
		if n.tellAt.IsZero() || r.due.Before(n.tellAt) {
			n.tellAt = r.due
		}
	}
}

// tellLocked tells what is due of presence.
func (n *namespace) tellLocked() {
	if len(n.stirred) == 0 {
		return
	}
	now := time.Now()
	if now.Before(n.tellAt) {
		n.wakeLocked(n.tellAt)
		return
	}
	// Who comes in the first moments after a start has most likely been there before.
	first := n.reg.started.Add(n.reg.o.Grace)
	var next time.Time
	later := n.stirred[:0]
	for _, r := range n.stirred {
		if r.due.After(now) {
			later = append(later, r)
			if next.IsZero() || r.due.Before(next) {
				next = r.due
			}
			continue
		}
		if r.pending() {
			// What began in the first grace is told at its end, all at once.
			r.tell(now, r.told.Before(first) && r.due.Equal(first))
			n.spreadLocked(r)
		}
		r.due = time.Time{}
	}
	clear(n.stirred[len(later):])
	n.stirred, n.tellAt = later, next
	if !next.IsZero() {
		n.wakeLocked(next)
	}
}

// spreadLocked rings those who watch a roster.
func (n *namespace) spreadLocked(r *roster) {
	room := n.rooms[r.name]
	if room == nil {
		return
	}
	for _, s := range room.seats {
		if s.cursor.watches != nil {
			s.cursor.stirred.Store(true)
			s.cursor.bell()
		}
	}
}

// unlock tells what is due, ends the holding of mu, and sends what the other
// nodes are to know.
func (n *namespace) unlock() {
	n.tellLocked()
	more := len(n.outbox) > 0
	n.mu.Unlock()
	if more {
		n.flush()
	}
}
