package memlog

import (
	"cmp"
	"context"
	"slices"

	"parley/events"
)

// Rooms lists the rooms that hold an event; see [events.Log]. It goes through the
// names of all stretches, whatever they hold.
func (l *Log) Rooms(ctx context.Context, ns, after string, limit int) (rooms []events.Stretch, more bool, err error) {
	if err := l.enter(ctx); err != nil {
		return nil, false, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil {
		return nil, false, nil
	}
	limit = max(limit, 1)
	now := l.now()
	n.mu.RLock()
	for name, s := range n.stretches {
		if name <= after || !events.IsRoom(name) {
			continue
		}
		for _, e := range slices.Backward(s.entries) {
			if !e.Expired(now) {
				rooms = append(rooms, events.Stretch{Room: name, Last: e.Seq})
				break
			}
		}
	}
	n.mu.RUnlock()
	slices.SortFunc(rooms, func(a, b events.Stretch) int { return cmp.Compare(a.Room, b.Room) })
	if len(rooms) > limit {
		return slices.Clone(rooms[:limit]), true, nil
	}
	return rooms, false, nil
}
