package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/events"
)

// one gives a parameter that can be there once.
func one(q url.Values, name string) (value string, given bool, err error) {
	v := q[name]
	if len(v) > 1 {
		return "", true, events.Refuse(events.CodeBadParameter, "%s is given once", name)
	}
	if len(v) == 0 {
		return "", false, nil
	}
	return v[0], true, nil
}

// flag gives a parameter that is on with 1 or true, and off with 0, false or when
// it is not there.
func flag(q url.Values, name string) (bool, error) {
	v, given, err := one(q, name)
	if err != nil || !given {
		return false, err
	}
	switch v {
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return false, events.Refuse(events.CodeBadParameter, "%s is 1 or 0", name)
}

// number gives a whole number from least to most, 0 when it is not there.
func number(q url.Values, name string, least, most int) (int, error) {
	v, given, err := one(q, name)
	if err != nil || !given {
		return 0, err
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, events.Refuse(events.CodeBadParameter, "%s is a number from %d to %d", name, least, most)
	}
	return n, nil
}

// parseDuration reads Go's durations (90s, 1h30m, 250ms) and whole days (7d).
func parseDuration(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// lifetime reads a ttl: a duration above zero.
func lifetime(s string) (time.Duration, error) {
	d, ok := parseDuration(s)
	if !ok || d <= 0 {
		return 0, events.Refuse(events.CodeBadParameter, "ttl is a duration above zero, such as 90s, 1h or 7d")
	}
	return d, nil
}

// unbuilt refuses the parameter that is promised and not built yet: left out
// without a word, it would be missed where it hurts. An empty one asks for nothing.
func unbuilt(q url.Values) error {
	if slices.ContainsFunc(q["ticket"], func(v string) bool { return v != "" }) {
		return events.Refuse(codeNotImplemented, "this server does not know ticket yet")
	}
	return nil
}

// roomOfPathOr gives the one room that a request is about: the path's, else that
// of ?room=. Naming it in both ways at once is refused, for one would be ignored.
func (q request) roomOfPathOr() (string, error) {
	room, given, err := one(q.query, "room")
	switch {
	case err != nil:
		return "", err
	case q.room != "" && given:
		return "", events.Refuse(events.CodeBadParameter, "the path names the room already")
	case q.room != "":
		return q.room, nil
	case !given:
		return "", events.Refuse(events.CodeBadParameter, "name the room: ?room=")
	}
	return room, events.CheckRoom(room)
}

// heard fills in which rooms a GET is about: the path's, or every ?room=, or
// everything with *.
func (q *request) heard() error {
	named := q.query["room"]
	if q.room != "" {
		if len(named) > 0 {
			return events.Refuse(events.CodeBadParameter, "the path names the room already; /%s?room=a&room=b names several", q.ns)
		}
		q.rooms = []string{q.room}
		return nil
	}
	for _, name := range named {
		if name == events.Everyone {
			q.all = true
			continue
		}
		if err := events.CheckRoom(name); err != nil {
			return err
		}
		if !slices.Contains(q.rooms, name) {
			q.rooms = append(q.rooms, name)
		}
		if len(q.rooms) > events.MaxStreamRooms {
			return events.Refuse(events.CodeBadParameter, "a stream has at most %d rooms", events.MaxStreamRooms)
		}
	}
	if q.all && len(q.rooms) > 0 {
		return events.Refuse(events.CodeBadParameter, "room=* is every room already")
	}
	return nil
}

// listenTo and headOf know which rooms are meant; the rest is the stream's.
func (s *Server) listenTo(w http.ResponseWriter, r *http.Request, q request) error {
	if err := q.heard(); err != nil {
		return err
	}
	return s.listen(w, r, q)
}

func (s *Server) headOf(w http.ResponseWriter, r *http.Request, q request) error {
	if err := q.heard(); err != nil {
		return err
	}
	return s.head(w, r, q)
}
