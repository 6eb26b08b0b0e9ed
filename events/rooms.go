package events

import (
	"context"
	"slices"
)

// Bounds of a page of rooms.
const (
	RoomsDefault = 100
	RoomsMost    = 1000
)

// Rooms lists the rooms of a namespace that have members, in order of name, those
// after a name, at most limit: 1 to 1,000, 0 means 100. more tells that there are others.
func (r *Registry) Rooms(ctx context.Context, c Caller, ns, after string, limit int) (rooms []RoomInfo, more bool, err error) {
	if _, err := r.permit(c, ns, MayRead); err != nil {
		return nil, false, err
	}
	if limit == 0 {
		limit = RoomsDefault
	}
	if limit < 1 || limit > RoomsMost {
		return nil, false, Refuse(CodeBadParameter, "limit is 1 to %d", RoomsMost)
	}
	n, err := r.peek(ctx, ns)
	if n == nil || err != nil {
		return nil, false, err
	}
	defer n.unpin()
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name, r := range n.rosters {
		if name > after && len(r.present) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if more = len(names) > limit; more {
		names = names[:limit]
	}
	for _, name := range names {
		info := RoomInfo{Room: name}
		info.Count, info.Users = n.rosters[name].size()
		rooms = append(rooms, info)
	}
	return rooms, more, nil
}
