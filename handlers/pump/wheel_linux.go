package pump

import "time"

// A wheel says when to look at which rider again. It is one for a whole loop,
// instead of a timer for each stream: looking too early costs a glance, and a rider
// whose time has moved on is put back.
const (
	tick  = 250 * time.Millisecond
	slots = 256 // more ticks than anything waits for: a minute's heartbeat
)

type wheel struct {
	began time.Time
	now   int32 // in ticks since it began: good for sixteen years
	slot  [slots]*rider
}

// put plans to look at a rider at a tick, or as late as the wheel reaches. A rider
// is in it once.
func (w *wheel) put(r *rider, at int32) {
	w.remove(r)
	at = min(max(at, w.now+1), w.now+slots-1)
	head := &w.slot[at%slots]
	r.slot, r.next, r.prev = int16(at%slots), *head, nil
	if *head != nil {
		(*head).prev = r
	}
	*head = r
	r.planned = true
}

func (w *wheel) remove(r *rider) {
	if !r.planned {
		return
	}
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		w.slot[r.slot] = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
	r.next, r.prev, r.planned = nil, nil, false
}

// turn moves on to the present and gives every rider whose time may have come to
// look, taken out of the wheel.
func (w *wheel) turn(now time.Time, look func(*rider)) {
	for to := int32(now.Sub(w.began) / tick); w.now < to; {
		w.now++
		for r := w.slot[w.now%slots]; r != nil; r = w.slot[w.now%slots] {
			w.remove(r)
			look(r)
		}
	}
}
