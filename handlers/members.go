package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"parley/events"
)

// join and leave move all streams of the caller's own member.
func (s *Server) join(w http.ResponseWriter, r *http.Request, q request) error {
	return s.moveOneself(w, r, q, (*events.Registry).Join)
}

func (s *Server) leave(w http.ResponseWriter, r *http.Request, q request) error {
	return s.moveOneself(w, r, q, (*events.Registry).Leave)
}

func (s *Server) moveOneself(
	w http.ResponseWriter, r *http.Request, q request,
	move func(*events.Registry, context.Context, events.Caller, string, string) (events.Moved, error),
) error {
	if err := q.one(); err != nil {
		return err
	}
	room, registry, err := s.inRoom(r, q)
	if err != nil {
		return err
	}
	moved, err := move(registry, r.Context(), q.caller, q.ns, room)
	if err != nil {
		return err
	}
	q.member = moved.Member
	s.logDone(r, "member moved", q, slog.String("room", room), slog.String("how", how(r)))
	answer(w, http.StatusOK, appendMoved(nil, moved))
	return nil
}

// moveMember moves a member that the path names.
func (s *Server) moveMember(w http.ResponseWriter, r *http.Request, q request) error {
	if err := q.one(); err != nil {
		return err
	}
	return s.move(w, r, q, events.Selection{Member: q.member})
}

// moveMembers moves the members that the query chooses.
func (s *Server) moveMembers(w http.ResponseWriter, r *http.Request, q request) error {
	who, err := q.chosen()
	if err != nil {
		return err
	}
	return s.move(w, r, q, who)
}

func (s *Server) move(w http.ResponseWriter, r *http.Request, q request, who events.Selection) error {
	room, registry, err := s.inRoom(r, q)
	if err != nil {
		return err
	}
	moved, err := registry.Move(r.Context(), q.caller, q.ns, events.Move{
		Room: room, Leave: r.Method == http.MethodDelete, Who: who,
	})
	if err != nil {
		return err
	}
	s.logDone(r, "members moved", q, slog.String("room", room), slog.String("how", how(r)), slog.Int("count", moved.Count))
	if who.Member == "" {
		b := strconv.AppendInt([]byte(`{"count":`), int64(moved.Count), 10)
		b = appendPosition(append(b, `,"position":`...), moved.Position)
		answer(w, http.StatusOK, append(b, '}'))
		return nil
	}
	answer(w, http.StatusOK, appendMoved(nil, moved))
	return nil
}

// inRoom gives the room that a request is about and the registry, for an answer in JSON.
func (s *Server) inRoom(r *http.Request, q request) (room string, registry *events.Registry, err error) {
	if room, err = q.roomOfPathOr(); err != nil {
		return "", nil, err
	}
	registry, err = s.asJSON(r)
	return room, registry, err
}

// how gives the word for what a method does with a room.
func how(r *http.Request) string {
	if r.Method == http.MethodDelete {
		return "leave"
	}
	return "join"
}

// appendMoved appends where a member is now: {"rooms","position"}.
func appendMoved(dst []byte, m events.Moved) []byte {
	dst = appendRooms(append(dst, '{'), m.Rooms)
	return append(appendPosition(append(dst, `,"position":`...), m.Position), '}')
}

// disconnectOneself, disconnectMember and disconnectMembers are DELETE outside a
// room's path: with ?room= it is left, without the streams are ended, for good. An
// empty ?room= names a room that cannot be, and nobody is disconnected by it.
func (s *Server) disconnectOneself(w http.ResponseWriter, r *http.Request, q request) error {
	if q.query.Has("room") {
		return s.leave(w, r, q)
	}
	if err := q.one(); err != nil {
		return err
	}
	registry, err := s.asJSON(r)
	if err != nil {
		return err
	}
	if err := registry.DisconnectSelf(r.Context(), q.caller, q.ns); err != nil {
		return err
	}
	s.disconnected(w, r, q, 1)
	return nil
}

func (s *Server) disconnectMember(w http.ResponseWriter, r *http.Request, q request) error {
	if q.query.Has("room") {
		return s.moveMember(w, r, q)
	}
	if err := q.one(); err != nil {
		return err
	}
	return s.disconnect(w, r, q, events.Selection{Member: q.member})
}

func (s *Server) disconnectMembers(w http.ResponseWriter, r *http.Request, q request) error {
	if q.query.Has("room") {
		return s.moveMembers(w, r, q)
	}
	who, err := q.chosen()
	if err != nil {
		return err
	}
	return s.disconnect(w, r, q, who)
}

func (s *Server) disconnect(w http.ResponseWriter, r *http.Request, q request, who events.Selection) error {
	registry, err := s.asJSON(r)
	if err != nil {
		return err
	}
	count, err := registry.Disconnect(r.Context(), q.caller, q.ns, who)
	if err != nil {
		return err
	}
	s.disconnected(w, r, q, count)
	return nil
}

func (s *Server) disconnected(w http.ResponseWriter, r *http.Request, q request, count int) {
	s.logDone(r, "members disconnected", q, slog.Int("count", count))
	b := strconv.AppendInt([]byte(`{"count":`), int64(count), 10)
	answer(w, http.StatusOK, append(b, '}'))
}

// members lists who is there: {"count","users","members","partial"}.
func (s *Server) members(w http.ResponseWriter, r *http.Request, q request) error {
	who, err := q.listed()
	if err != nil {
		return err
	}
	registry, err := s.asJSON(r)
	if err != nil {
		return err
	}
	there, err := registry.Members(r.Context(), q.caller, q.ns, who)
	if err != nil {
		return err
	}
	b := append(appendCounts([]byte{'{'}, there.Count, there.Users), `,"members":[`...)
	for i := range there.List {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, &there.List[i])
	}
	b = strconv.AppendBool(append(b, `],"partial":`...), there.Partial)
	answer(w, http.StatusOK, append(b, '}'))
	return nil
}

// one refuses a choice where the path names the one member that it is about: one of
// the two would be ignored.
func (q request) one() error {
	if q.query.Has("in") || q.query.Has("except") {
		return events.Refuse(events.CodeBadParameter, "the path names the member; /%s/-/members?in=a&except=b chooses several", q.ns)
	}
	return nil
}

// chosen reads ?in= and ?except=. An act on others names them: nobody is taken to
// mean everybody.
func (q request) chosen() (who events.Selection, err error) {
	who.In = q.query["in"]
	if err = who.Check(); err != nil {
		return who, err
	}
	if len(who.In) == 0 {
		return who, events.Refuse(events.CodeNoTarget, "name whom it is about with ?in=: a room, @member, or * for everyone")
	}
	who.Except = q.query["except"]
	return who, who.Check()
}

// listed reads whom a list is to hold: those in the room that the path or ?room=
// names, or in ?in=, or everyone.
func (q request) listed() (who events.Selection, err error) {
	who.Except = q.query["except"]
	if err = who.Check(); err != nil {
		return who, err
	}
	if q.room == "" && !q.query.Has("room") {
		if who.In = q.query["in"]; len(who.In) == 0 {
			who.In = []string{events.Everyone}
		}
		return who, who.Check()
	}
	if q.query.Has("in") {
		return who, events.Refuse(events.CodeBadParameter, "the room is named already; /%s/-/members?in=a&in=b names several", q.ns)
	}
	room, err := q.roomOfPathOr()
	who.In = []string{room}
	return who, err
}
