package events

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Bounds of a page of rooms.
const (
	RoomsDefault = 100
	RoomsMost    = 1000
)

// Rooms lists the rooms of a namespace that have members or history, in byte order
// of their names, those after a name, at most limit: 1 to 1,000, 0 means 100. more
// tells that there are others. A namespace that is not there has none, and is not
// made. Where the namespace does not tell who is there, it takes MayManage.
func (r *Registry) Rooms(ctx context.Context, c Caller, ns, after string, limit int) (rooms []RoomInfo, more bool, err error) {
	c, err = r.permit(c, ns, MayRead)
	if err != nil {
		return nil, false, err
	}
	if r.settings(ns).NoPresence && c.May&MayManage == 0 {
		return nil, false, hidden()
	}
	if limit == 0 {
		limit = RoomsDefault
	}
	if limit < 1 || limit > RoomsMost {
		return nil, false, Refuse(CodeBadParameter, "limit is 1 to %d", RoomsMost)
	}
	head, err := r.o.Log.Head(ctx, ns)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	said, more, err := r.o.Log.Rooms(ctx, ns, after, limit)
	if err != nil {
		return nil, false, err
	}
	found := make(map[string]RoomInfo, len(said))
	for _, s := range said {
		found[s.Room] = RoomInfo{Room: s.Room, Last: ID{head.Epoch, s.Last}}
	}
	n, err := r.peek(ctx, ns)
	if err != nil {
		return nil, false, err
	}
	if n != nil {
		defer n.unpin()
		n.mu.Lock()
		for name, r := range n.rosters {
			if name > after && len(r.present) > 0 {
				info := found[name]
				info.Room = name
				info.Count, info.Users = r.size()
				found[name] = info
			}
		}
		n.mu.Unlock()
	}
	for _, info := range found {
		rooms = append(rooms, info)
	}
	slices.SortFunc(rooms, func(a, b RoomInfo) int { return strings.Compare(a.Room, b.Room) })
	// Of the log's rooms these are the first, so the first of all are among them.
	if len(rooms) > limit {
		rooms, more = rooms[:limit], true
	}
	return rooms, more, nil
}

func hidden() error {
	return Refuse(CodeForbidden, "who is there is not told in this namespace")
}
