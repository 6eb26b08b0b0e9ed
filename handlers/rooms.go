package handlers

import (
	"net/http"
	"strconv"

	"parley/events"
)

// mostRooms is how many rooms a page of them can hold.
const mostRooms = 1000

// rooms lists a namespace's rooms in the order of their names:
// {"rooms":[{"room","count","users","last"}],"more"}.
func (s *Server) rooms(w http.ResponseWriter, r *http.Request, q request) error {
	after, _, err := one(q.query, "after")
	if err != nil {
		return err
	}
	if after != "" { // an empty one is what a client has before its first page
		if err := events.CheckRoom(after); err != nil {
			return err
		}
	}
	limit, err := number(q.query, "limit", 1, mostRooms)
	if err != nil {
		return err
	}
	registry, err := s.asJSON(r)
	if err != nil {
		return err
	}
	rooms, more, err := registry.Rooms(r.Context(), q.caller, q.ns, after, limit)
	if err != nil {
		return err
	}
	b := []byte(`{"rooms":[`)
	for i, room := range rooms {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRoom(b, room)
	}
	b = strconv.AppendBool(append(b, `],"more":`...), more)
	answer(w, http.StatusOK, append(b, '}'))
	return nil
}

// appendRoom appends a room, with the ID of what was said last where anything is
// kept.
func appendRoom(dst []byte, room events.RoomInfo) []byte {
	dst = append(events.QuoteJSON(append(dst, `{"room":`...), room.Room), ',')
	dst = appendCounts(dst, room.Count, room.Users)
	if room.Last != (events.ID{}) {
		dst = appendPosition(append(dst, `,"last":`...), room.Last)
	}
	return append(dst, '}')
}
