package handlers

import (
	"log/slog"
	"net/http"

	"parley/events"
)

// erase takes a room's past for good: all of it, or what was before an event. The
// answer names the notice that tells it. A bound that is there and empty is refused
// and not taken for none: a script whose variable was not set would erase all.
func (s *Server) erase(w http.ResponseWriter, r *http.Request, q request) error {
	room, err := q.roomOfPathOr()
	if err != nil {
		return err
	}
	before, given, err := one(q.query, "before")
	if err != nil {
		return err
	}
	if given && !isID(before) {
		return events.Refuse(events.CodeBadParameter, "before is an event ID")
	}
	for _, name := range []string{"after", "limit"} {
		if q.query.Has(name) {
			return events.Refuse(events.CodeBadParameter, "%s bounds what is read; what is erased is bounded by before alone", name)
		}
	}
	registry, err := s.asJSON(r)
	if err != nil {
		return err
	}
	notice, err := registry.EraseRoom(r.Context(), q.caller, q.ns, room, before)
	return s.erased(w, r, q, room, notice, err)
}

// eraseEvent takes one event for good.
func (s *Server) eraseEvent(w http.ResponseWriter, r *http.Request, q request) error {
	room, registry, err := s.inEvent(r, q)
	if err != nil {
		return err
	}
	notice, err := registry.EraseEvent(r.Context(), q.caller, q.ns, room, q.id)
	return s.erased(w, r, q, room, notice, err)
}

func (s *Server) erased(w http.ResponseWriter, r *http.Request, q request, room string, notice events.Published, err error) error {
	if err != nil {
		return err
	}
	s.logDone(r, "history erased", q, slog.String("room", room), slog.String("id", notice.First.String()))
	answer(w, http.StatusOK, said(notice))
	return nil
}
