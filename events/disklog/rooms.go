package disklog

import (
	"bytes"
	"container/heap"
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
)

// Rooms lists the rooms that hold an event; see [events.Log].
//
// The length of a stretch's name stands before it in its keys, so the engine has
// the rooms in order of length first. Those of one length are in order of name,
// and the lengths are merged: two seeks for each length that there is, and two
// for each room, however many events it holds.
func (l *Log) Rooms(ctx context.Context, ns, after string, limit int) (rooms []events.Stretch, more bool, err error) {
	if err := l.enter(ctx); err != nil {
		return nil, false, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil {
		return nil, false, nil
	}
	w, err := l.walkRooms(n)
	if err != nil {
		return nil, false, err
	}
	defer w.close()
	heads, err := w.heads(after)
	if err != nil {
		return nil, false, err
	}
	for len(heads) > 0 {
		if ctx.Err() != nil {
			return nil, false, ended(ctx)
		}
		room := heads[0]
		last, err := w.newest(room)
		if err != nil {
			return nil, false, err
		}
		if last > 0 {
			if len(rooms) >= max(limit, 1) {
				return rooms, true, nil
			}
			rooms = append(rooms, events.Stretch{Room: room, Last: last})
		}
		if heads[0], err = w.from(len(room), behind(stretchPrefix(n.id, room))); err != nil {
			return nil, false, err
		}
		if heads[0] == "" {
			heap.Pop(&heads)
		} else {
			heap.Fix(&heads, 0)
		}
	}
	return rooms, false, nil
}

// A roomWalk goes from room to room of a namespace, in one view of the engine.
type roomWalk struct {
	log     *Log
	ns      *namespace
	now     time.Time
	kept    uint64 // what is above is perhaps not on disk yet
	removed uint64 // what is not above is gone, or about to be
	it      *pebble.Iterator
	side    *pebble.Iterator // of the same view, for events that lie in several rooms
}

func (l *Log) walkRooms(n *namespace) (*roomWalk, error) {
	n.view.RLock()
	defer n.view.RUnlock()
	w := &roomWalk{log: l, ns: n, now: l.now(), kept: n.kept.Load(), removed: n.removed.Load()}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: stretchesKey(n.id), UpperBound: stretchesKey(n.id + 1)})
	if err != nil {
		return nil, l.engineError(err)
	}
	w.it = it
	return w, nil
}

func (w *roomWalk) close() {
	if w.side != nil {
		w.side.Close()
	}
	w.it.Close()
}

// heads gives, of each length that there is, the first room above after.
func (w *roomWalk) heads(after string) (heads byName, err error) {
	for length := 1; length <= events.MaxRoomBytes; length++ {
		first := append(stretchesKey(w.ns.id), byte(length))
		if len(after) < length {
			first = append(first, after...) // what begins with it and is longer is above it
		} else {
			first = behind(append(first, after[:length]...))
		}
		if !w.it.SeekGE(first) {
			break
		}
		name, err := w.name()
		if err != nil {
			return nil, err
		}
		if len(name) > length {
			length = len(name) - 1 // those between have none
			continue
		}
		if name, err = w.from(length, first); err != nil {
			return nil, err
		}
		if name != "" {
			heads = append(heads, name)
		}
	}
	heap.Init(&heads)
	return heads, w.error()
}

// from gives the first room whose name has this length, from a key on; "" when
// there is none.
func (w *roomWalk) from(length int, key []byte) (string, error) {
	for w.it.SeekGE(key) {
		name, err := w.name()
		switch {
		case err != nil:
			return "", err
		case len(name) != length:
			return "", nil
		case events.IsRoom(name):
			return name, nil
		case name[0] == '@': // over all members at once
			key = append(stretchesKey(w.ns.id), byte(length), '@'+1)
		default:
			key = behind(stretchPrefix(w.ns.id, name))
		}
	}
	return "", w.error()
}

// name gives the name of the stretch whose key the iterator is at.
func (w *roomWalk) name() (string, error) {
	key := w.it.Key()
	const head = 1 + 4 + 1
	if len(key) <= head+seqBytes || len(key) != head+int(key[head-1])+seqBytes {
		return "", w.log.corrupted("the table of stretches", errStretch)
	}
	return string(key[head : len(key)-seqBytes]), nil
}

// newest gives the number of a room's newest event that lives; 0 when it has
// none.
func (w *roomWalk) newest(room string) (uint64, error) {
	prefix := stretchPrefix(w.ns.id, room)
	for ok := w.it.SeekLT(at(prefix, w.kept+1)); ok && bytes.HasPrefix(w.it.Key(), prefix); ok = w.it.Prev() {
		seq := seqOf(w.it.Key())
		if seq <= w.removed { // or the stretch's counters
			return 0, nil
		}
		gone, err := w.expired(seq)
		if err != nil || !gone {
			return seq, err
		}
	}
	return 0, w.error()
}

// expired reports whether the event that the iterator is at has outlived its
// TTL.
func (w *roomWalk) expired(seq uint64) (bool, error) {
	value, err := w.it.ValueAndErr()
	if err != nil {
		return false, w.log.engineError(err)
	}
	if !bytes.Equal(value, pointer) {
		return expired(value, w.now), nil
	}
	if w.side == nil {
		if w.side, err = w.it.Clone(pebble.CloneOptions{IterOptions: &pebble.IterOptions{}}); err != nil {
			return false, w.log.engineError(err)
		}
	}
	if value, err = w.log.beside(w.side, w.ns, numberKey(w.ns.id, seq)); err != nil {
		return false, err
	}
	e, err := parseEntry(value)
	if err != nil {
		return false, w.log.badEvent(w.ns, seq, err)
	}
	return e.expired(w.now), nil
}

func (w *roomWalk) error() error {
	if err := w.it.Error(); err != nil {
		return w.log.engineError(err)
	}
	return nil
}

// byName is a heap of names, the first in byte order on top.
type byName []string

func (h byName) Len() int           { return len(h) }
func (h byName) Less(i, j int) bool { return h[i] < h[j] }
func (h byName) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byName) Push(x any)        { *h = append(*h, x.(string)) }
func (h *byName) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = ""
	*h = (*h)[:last]
	return x
}
