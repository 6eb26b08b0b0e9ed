package events

import (
	"sync"
	"sync/atomic"
)

// Windows are the windows of all rooms of a registry, bounded together.
//
// Who adds to a window adds to the sum, which is all that it costs while there is
// room. Whoever finds the sum above the bound, once it has let go of its own locks,
// sheds until an eighth of the bound is free, so that what that costs is spread over
// what it makes room for. It goes round the rooms: one that was read since it came by
// last is spared, and one that has less than half of its share is not worth a look, as
// long as there are others. What a room sheds is told by the log: its floor rises.
//
// Lock order: namespace.mu, windows.mu, room.mu.
type windows struct {
	most  int64
	total atomic.Int64

	mu    sync.Mutex
	rooms []*room // that have had a window, each at its place
	hand  int     // the room to look at next
}

// add takes a room in that has a window for the first time.
func (w *windows) add(r *room) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over && !r.listed {
		r.listed, r.place = true, int32(len(w.rooms))
		w.rooms = append(w.rooms, r)
	}
}

// drop lets a room go that nobody has any more. Its window stays as it is, for who
// is just reading it, and counts no longer.
func (w *windows) drop(r *room) {
	r.mu.Lock()
	r.over = true
	w.total.Add(-r.weight())
	listed := r.listed
	r.mu.Unlock()
	if !listed {
		return // nor will it ever be
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.rooms) - 1
	w.rooms[r.place] = w.rooms[last]
	w.rooms[r.place].place = r.place
	w.rooms[last] = nil
	w.rooms = w.rooms[:last]
	if last == 0 {
		w.rooms, w.hand = nil, 0
	}
}

// relieve sheds where there is more than there may be. It is called under no lock.
func (w *windows) relieve() {
	if w.total.Load() <= w.most {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	enough := w.most - w.most/8
	// A lap that spares nobody sheds a quarter of everything at least: who has half of
	// his share and more have half of it together, and give half of that.
	for lap := 0; ; lap++ {
		before := w.total.Load()
		least := before / int64(2*max(len(w.rooms), 1))
		for range len(w.rooms) {
			if w.total.Load() <= enough {
				return
			}
			w.hand = (w.hand + 1) % len(w.rooms)
			w.rooms[w.hand].shed(w, least, lap == 0)
		}
		if lap > 0 && w.total.Load() >= before {
			return // what there is too much of is just being added, by who comes here next
		}
	}
}
