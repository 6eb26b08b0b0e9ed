package handlers

import (
	"net/http"
	"net/url"
	"time"

	"parley/events"
)

// Bounds of what a listener can ask for.
const (
	leastHeartbeat = 5 * time.Second
	mostHeartbeat  = time.Minute
	mostWait       = time.Minute
	defaultWait    = 25 * time.Second
)

// An ask is how somebody wants to listen.
type ask struct {
	as        representation
	start     events.Start
	given     bool          // a place to start from was asked for
	presence  bool          // tell who is there
	name      string        // the nickname, "" for none
	heartbeat time.Duration // of a stream
	wait      time.Duration // of a poll
}

// asks reads how somebody wants to listen. Parameters come before Accept.
func (s *Server) asks(r *http.Request, q request) (a ask, err error) {
	if a.start, a.given, err = startOf(r, q.query); err != nil {
		return ask{}, err
	}
	if a.presence, err = flag(q.query, "presence"); err != nil {
		return ask{}, err
	}
	if a.presence && q.all {
		return ask{}, events.Refuse(events.CodeBadParameter, "presence is told of rooms that are named, not of room=*")
	}
	if a.name, _, err = one(q.query, "name"); err != nil {
		return ask{}, err
	}
	if a.name != "" {
		if err = events.CheckNickname(a.name); err != nil {
			return ask{}, err
		}
	}
	if a.heartbeat, err = between(q.query, "heartbeat", leastHeartbeat, mostHeartbeat, s.o.Heartbeat); err != nil {
		return ask{}, err
	}
	if a.wait, err = between(q.query, "wait", 0, mostWait, defaultWait); err != nil {
		return ask{}, err
	}
	format, _, err := one(q.query, "format")
	if err != nil {
		return ask{}, err
	}
	a.as, err = represent(r, format, s.page.has(indexFile))
	return a, err
}

// between gives a parameter that is a duration, or what it is when not given.
func between(q url.Values, name string, least, most, otherwise time.Duration) (time.Duration, error) {
	v, _, err := one(q, name)
	if err != nil || v == "" {
		return otherwise, err
	}
	d, ok := parseDuration(v)
	if !ok || d < least || d > most {
		return 0, events.Refuse(events.CodeBadParameter, "%s is a duration from %v to %v", name, least, most)
	}
	return d, nil
}

// asked reads how somebody wants to listen and gives the registry that it takes;
// the page takes none.
func (s *Server) asked(w http.ResponseWriter, r *http.Request, q request) (a ask, reg *events.Registry, err error) {
	w.Header().Set("Vary", "Accept, Origin")
	if a, err = s.asks(r, q); err != nil || a.as == asPage {
		return a, nil, err
	}
	reg, err = s.registry()
	return a, reg, err
}

// listen answers a GET of a room or a namespace.
func (s *Server) listen(w http.ResponseWriter, r *http.Request, q request) error {
	a, reg, err := s.asked(w, r, q)
	if err != nil {
		return err
	}
	if a.as == asPage {
		return s.index(w, r, pageOf(q))
	}
	if a.given && a.as != asPoll { // a poll is given its place each time
		if err := s.returns.wait(r.Context()); err != nil {
			return err
		}
	}
	src := &source{server: s, as: a.as}
	cursor, err := reg.Listen(r.Context(), q.caller, q.ns, events.Listen{
		Rooms: q.rooms, All: q.all, Start: a.start, Bell: &src.bell,
		Presence: a.presence, Name: a.name,
		// Without a connection ID each poll would be somebody else who came and went.
		Unseen: a.as == asPoll && q.caller.Connection == "",
	})
	if err != nil {
		return err
	}
	if a.as == asPoll {
		return s.poll(w, r, cursor, &src.bell, q, a)
	}
	src.cursor = cursor
	s.stream(w, r, src, a)
	return nil
}

// pageOf gives the kind of page that an address is: a room's, or a way into one.
func pageOf(q request) string {
	if len(q.rooms) > 0 {
		return "room"
	}
	return "landing"
}

// head answers a HEAD as the GET would be, and opens nothing.
func (s *Server) head(w http.ResponseWriter, r *http.Request, q request) error {
	a, reg, err := s.asked(w, r, q)
	if err != nil {
		return err
	}
	if a.as == asPage {
		return s.index(w, r, pageOf(q))
	}
	if reg.Draining() {
		return events.Refuse(events.CodeUnavailable, "the server is about to end")
	}
	switch a.as {
	case asPoll:
		pollHeader(w.Header())
	default:
		streamHeader(w.Header(), a.as.format())
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
