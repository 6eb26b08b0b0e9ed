package pump

import (
	"context"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A hand lets riders of a loop have their turns: it asks their sources and writes
// what they give. Several may do so at once, each with a rider of its own. What is the
// loop's, the wheel and the seats, a hand does not touch: it notes what is to be done
// there, and the loop does it when no other hand is at work.
type hand struct {
	loop     *loop
	page     Page
	plans    []*rider // to be looked at at another time than is planned
	partings []parting
}

type parting struct {
	rider *rider
	err   error
}

// maxTurn is how many pages a rider writes before others have their turn.
const maxTurn = 4

func (h *hand) plan(r *rider)            { h.plans = append(h.plans, r) }
func (h *hand) part(r *rider, err error) { h.partings = append(h.partings, parting{r, err}) }

// forget lets go of memory that many riders needed.
func (h *hand) forget() { h.page, h.plans, h.partings = Page{}, nil, nil }

// turns lets riders have their turns, one after the other. There may be thousands, and
// what there is of them in memory is in no cache any more once the kernel has written
// to as many sockets. So it is asked for while others have theirs: a rider, with what
// its source keeps just before it, two turns ahead, and what its source asks for one.
func (h *hand) turns(list []*rider) {
	for i, r := range list {
		if i+2 < len(list) {
			Prefetch(unsafe.Pointer(list[i+2]), -1, 2)
		}
		if i+1 < len(list) {
			list[i+1].source.Soon()
		}
		r.queued.Store(false)
		h.turn(r)
	}
}

// turn lets a rider hear what its socket said, and write.
func (h *hand) turn(r *rider) {
	if r.phase == gone {
		return
	}
	if r.events.Load() != 0 {
		said := r.events.Swap(0)
		var err error
		switch {
		case said&(unix.EPOLLERR|unix.EPOLLHUP|unix.EPOLLRDHUP) != 0:
			err = ErrGone
		case said&unix.EPOLLIN != 0:
			err = r.drain()
		}
		switch {
		case err == nil:
		case r.phase == lingering:
			h.part(r, nil)
			return
		case r.phase == away:
			r.why = err
		default:
			h.part(r, err)
			return
		}
		if said&unix.EPOLLOUT != 0 && r.phase == full {
			r.phase = riding
		}
	}
	if r.phase == away && r.far.Load() != nil {
		r.phase = riding
		if r.why != nil {
			h.loop.pump.far.release(r.far.Swap(nil))
			h.part(r, r.why)
			return
		}
	}
	if r.phase == riding {
		h.ride(r, false)
	}
}

// ride writes until the rider is dry, its socket is full or others are to have
// their turn.
func (h *hand) ride(r *rider, due bool) {
	for range maxTurn {
		if !h.step(r, due) {
			return
		}
		due = false
	}
	r.again()
}

// step writes one page, and reports whether there may be another.
func (h *hand) step(r *rider, due bool) bool {
	if len(r.rest) > 0 {
		n, err := r.write(r.rest)
		if !h.took(r, n, err) {
			return false
		}
		if r.rest = r.rest[n:]; len(r.rest) > 0 {
			h.fill(r)
			return false
		}
		r.rest = nil
	}
	if r.far.Load() != nil {
		p := r.far.Swap(nil)
		if r.state == Dry {
			r.state = More // its bell may have rung since then, while it was away
		}
		on := h.put(r, p)
		h.loop.pump.far.release(p)
		return on
	}
	if r.state == Done {
		h.finish(r)
		return false
	}
	p := &h.page
	p.reset()
	r.state = r.source.Next(context.Background(), p, true)
	if r.state == Far {
		r.phase = away
		h.loop.pump.far.put(r)
		return false
	}
	if due && len(p.Bytes) == 0 && r.state == Dry {
		r.source.Beat(p)
	}
	return h.put(r, p)
}

// put writes a page that the source has just made. What a full socket does not
// take of it is left to the source, as a position, but for the event that was begun.
func (h *hand) put(r *rider, p *Page) bool {
	if len(p.Bytes) > 0 {
		n, err := r.write(p.Bytes)
		if !h.took(r, n, err) {
			return false
		}
		if n < len(p.Bytes) {
			rest, at, back := p.cut(n)
			r.rest = slices.Clone(rest)
			if back {
				r.source.Back(at)
				r.state = More
			}
			h.fill(r)
			return false
		}
	}
	switch r.state {
	case Done:
		h.finish(r)
		return false
	case Dry:
		return false
	}
	return true
}

func (h *hand) took(r *rider, n int, err error) bool {
	if err != nil {
		h.part(r, err)
		return false
	}
	if n > 0 {
		r.last = h.loop.wheel.now
		if !r.planned && r.beat > 0 {
			h.plan(r)
		}
	}
	return true
}

// fill notes that the socket is full. The system tells when it is no longer.
func (h *hand) fill(r *rider) {
	r.phase = full
	r.last = h.loop.wheel.now
	h.plan(r)
}

// finish lets the client take the end before the socket closes: closing it with
// something unread in it would be a reset, which may overtake the last page.
func (h *hand) finish(r *rider) {
	if unix.Shutdown(int(r.fd), unix.SHUT_WR) != nil {
		h.part(r, nil)
		return
	}
	r.phase = lingering
	h.plan(r)
}
