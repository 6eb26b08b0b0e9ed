package handlers

import (
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/events"
)

// serve answers a route: the one order in which every request is looked at.
// Whatever goes wrong on the way, a panic too, ends in one refusal.
func (s *Server) serve(rt route) echo.HandlerFunc {
	allow := rt.allow()
	return func(c echo.Context) error {
		w, r := c.Response(), c.Request()
		defer s.metrics.answered(rt.path, r.Method, w)
		defer s.caught(w, r)

		if r.ContentLength != 0 {
			// Before it answers net/http reads what is left of a body, also of one that
			// nobody asked for, and would wait for it as long as the client likes.
			bodyUntil(w, time.Now().Add(bodyWait))
		}
		act := rt.does[r.Method]
		w.Header()["Vary"] = varyOrigin
		s.origins.tell(w.Header(), r)
		if act.listens && ended(r) {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		err := s.look(rt, allow, act, c)
		switch {
		case err == nil:
		case act.listens && r.Method == http.MethodGet && mended(kinds[refusal(err).Code].status) && namesEventStream(r):
			// An EventSource takes any other status as the last word.
			e := refusal(err)
			s.logRefused(r, e, kinds[e.Code].status)
			s.busy(w, r)
		default:
			s.refuse(w, r, err)
		}
		return nil
	}
}

// look checks what every route checks, in order, and runs the action.
func (s *Server) look(rt route, allow string, act action, c echo.Context) error {
	w, r := c.Response(), c.Request()
	if rt.does == nil {
		return notFound()
	}
	q, err := names(c)
	if err != nil {
		return err
	}
	if err := s.placed(rt, q.ns); err != nil {
		return err
	}
	if act.run == nil && r.Method != http.MethodOptions {
		w.Header().Set("Allow", allow)
		return events.Refuse(codeMethodNotAllowed, "%s is not for this path", method(r))
	}
	// What the server says of itself it says to everybody alike.
	if rt.tells() {
		if err := s.origins.admit(r, act.listens && s.page.has(indexFile)); err != nil {
			return err
		}
	}
	if r.Method == http.MethodOptions {
		s.options(w, r, allow)
		return nil
	}
	var unreadable error
	if r.URL.RawQuery != "" {
		q.query, unreadable = url.ParseQuery(r.URL.RawQuery)
	}
	if rt.tells() {
		if q.caller, err = s.caller(r, q.query, act.oneself); err != nil {
			return err
		}
		if q.caller, err = s.permitted(q.caller, q.ns); err != nil {
			return err
		}
		if err := q.caller.Require(act.need); err != nil {
			return err
		}
	}
	if unreadable != nil {
		return events.Refuse(events.CodeBadParameter, "the query is not made of names and values: %% is followed by two hex digits, and ; is %%3B")
	}
	if rt.tells() {
		if err := unbuilt(q.query); err != nil {
			return err
		}
	}
	return act.run(s, w, r, q)
}

// placed refuses the path of a namespace that there is not to be. Before the log is
// open nobody knows, and nothing is done either.
func (s *Server) placed(rt route, ns string) error {
	if !rt.tells() {
		return nil
	}
	_, err := s.permitted(events.Caller{}, ns)
	return err
}

// permitted gives the caller with what it may in a namespace.
func (s *Server) permitted(c events.Caller, ns string) (events.Caller, error) {
	registry := s.life.Load().registry
	if registry == nil {
		return c, nil
	}
	return registry.Permit(c, ns)
}

// tells reports whether a route is about a namespace, where it matters who asks.
func (rt route) tells() bool { return strings.HasPrefix(rt.path, "/:ns") }

// options answers which methods there are, to a browser that asks for another
// origin too.
func (s *Server) options(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	s.origins.preflight(w.Header(), r, allow)
	w.WriteHeader(http.StatusNoContent)
}

// ended reports whether this opening comes back after a bye that was for good:
// its header carries the mark that such a bye's id ends in.
func ended(r *http.Request) bool {
	return strings.HasSuffix(r.Header.Get("Last-Event-ID"), "!")
}

// namesEventStream reports whether Accept names the stream's own type.
func namesEventStream(r *http.Request) bool {
	for _, a := range r.Header.Values("Accept") {
		if strings.Contains(strings.ToLower(a), "text/event-stream") {
			return true
		}
	}
	return false
}

// unplaced answers for a path that no route has.
func (s *Server) unplaced(w *echo.Response, r *http.Request) {
	defer s.metrics.answered("", r.Method, w)
	w.Header()["Vary"] = varyOrigin
	s.origins.tell(w.Header(), r)
	s.refuse(w, r, notFound())
}

// caught turns a panic into a refusal. Where the answer has begun there is none
// to give: the connection is cut, so that nobody takes the torso for the whole.
func (s *Server) caught(w *echo.Response, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.log.LogAttrs(r.Context(), slog.LevelError, "panic",
		slog.Any("panic", p), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("stack", string(debug.Stack())))
	if w.Committed {
		panic(http.ErrAbortHandler)
	}
	s.refuse(w, r, &events.Error{Code: events.CodeInternal, Detail: defect})
}

// method gives a method's name for a detail: those of strangers may be long.
func method(r *http.Request) string {
	if len(r.Method) > 16 {
		return "this method"
	}
	return r.Method
}
