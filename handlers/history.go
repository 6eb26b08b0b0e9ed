package handlers

import (
	"net/http"
	"strconv"

	"parley/events"
)

// history answers with a page of a room's past: {"events":[oldest … newest],"more"}.
func (s *Server) history(w http.ResponseWriter, r *http.Request, q request) error {
	room, look, err := q.look()
	if err != nil {
		return err
	}
	registry, err := s.asJSON(r)
	if err != nil {
		return err
	}
	page, err := registry.History(r.Context(), q.caller, q.ns, room, look)
	if err != nil {
		return err
	}
	b := []byte(`{"events":[`)
	for i, e := range page.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEvent(b, page.Epoch, e)
	}
	b = strconv.AppendBool(append(b, `],"more":`...), page.More)
	answer(w, http.StatusOK, append(b, '}'))
	return nil
}

// historyEvent answers with one event of a room's past.
func (s *Server) historyEvent(w http.ResponseWriter, r *http.Request, q request) error {
	room, registry, err := s.inEvent(r, q)
	if err != nil {
		return err
	}
	e, epoch, err := registry.Event(r.Context(), q.caller, q.ns, room, q.id)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, appendEvent(nil, epoch, e))
	return nil
}

// inEvent gives the room that a request about one event names and the registry. That
// the path has an event's ID is looked at between the two.
func (s *Server) inEvent(r *http.Request, q request) (room string, registry *events.Registry, err error) {
	if room, err = q.roomOfPathOr(); err != nil {
		return "", nil, err
	}
	if !isID(q.id) {
		return "", nil, events.Refuse(events.CodeBadID, "an event's ID is its epoch, - and its number")
	}
	registry, err = s.asJSON(r)
	return room, registry, err
}

// look reads which page of which room is asked for. An empty bound is none: it is
// what a client has before its first page.
func (q request) look() (room string, l events.Look, err error) {
	if room, err = q.roomOfPathOr(); err != nil {
		return "", l, err
	}
	if l.Before, _, err = one(q.query, "before"); err != nil {
		return "", l, err
	}
	if l.After, _, err = one(q.query, "after"); err != nil {
		return "", l, err
	}
	for _, bound := range []string{l.Before, l.After} {
		if bound != "" && !isID(bound) {
			return "", l, events.Refuse(events.CodeBadParameter, "before and after are event IDs")
		}
	}
	l.Limit, err = number(q.query, "limit", 1, events.HistoryMost)
	return room, l, err
}

// acceptsJSON refuses a request that would not read the only answer there is.
func acceptsJSON(r *http.Request) error {
	if negotiate(r, []string{"application/json"}) < 0 {
		return events.Refuse(codeNotAcceptable, "the answer is application/json")
	}
	return nil
}

// asJSON gives the registry to whoever can read the answer that follows, which is
// JSON.
func (s *Server) asJSON(r *http.Request) (*events.Registry, error) {
	if err := acceptsJSON(r); err != nil {
		return nil, err
	}
	return s.registry()
}
