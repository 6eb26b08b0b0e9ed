package handlers

import (
	"log/slog"
	"net/http"

	"parley/events"
)

// logPublished says once that something was said, where and by whom, never what.
// size is that of the body as it was posted.
func (s *Server) logPublished(r *http.Request, ns string, p events.Post, size int, done events.Published) {
	kept := "kept"
	switch {
	case done.Replayed:
		kept = "repeated"
	case p.Volatile:
		kept = "volatile"
	}
	s.said.Add(uint64(len(p.Bodies)))
	s.metrics.published.WithLabelValues(kept).Add(float64(len(p.Bodies)))
	if kept != "repeated" {
		s.metrics.bytes.Add(float64(size))
	}
	if a := done.Acks; a != nil && !done.Replayed {
		s.metrics.acks.WithLabelValues("answered").Add(float64(len(a.Answers)))
		s.metrics.acks.WithLabelValues("missing").Add(float64(len(a.Missing)))
	}
	if !s.log.Enabled(r.Context(), slog.LevelInfo) {
		return // what follows costs more than the rest of it
	}
	attrs := append(make([]slog.Attr, 0, 10), slog.String("namespace", ns)) // all there may be
	if len(p.To) == 1 && events.IsRoom(p.To[0]) {
		attrs = append(attrs, slog.String("room", p.To[0]))
	} else {
		attrs = append(attrs, slog.Any("to", p.To))
	}
	if done.First != (events.ID{}) {
		attrs = append(attrs, slog.String("id", done.First.String()))
	}
	if done.Count > 1 {
		attrs = append(attrs, slog.Int("count", done.Count))
	}
	if done.From != "" {
		attrs = append(attrs, slog.String("sender", done.From))
	}
	attrs = append(attrs, slog.Int("bytes", size))
	if a := done.Acks; a != nil {
		attrs = append(attrs, slog.Int("expected", a.Expected), slog.Int("answered", len(a.Answers)), slog.Int("missing", len(a.Missing)))
	}
	if kept != "kept" {
		attrs = append(attrs, slog.String("kept", kept))
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "event published", attrs...)
}

// logDone says once that something was done to members, rooms or history, never
// what anybody is called or says of itself.
func (s *Server) logDone(r *http.Request, what string, q request, attrs ...slog.Attr) {
	who := []slog.Attr{slog.String("namespace", q.ns)}
	if q.member != "" {
		who = append(who, slog.String("member", q.member))
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, what, append(who, attrs...)...)
}

// logRefused says once what was refused: never a query string, which may hold a
// connection ID, and never what was sent.
func (s *Server) logRefused(r *http.Request, e *events.Error, status int) {
	level := slog.LevelInfo
	switch {
	case r.Context().Err() != nil: // nobody waits for the answer any more
	case status == http.StatusInternalServerError:
		level = slog.LevelError
	case status > http.StatusInternalServerError && status != http.StatusNotImplemented:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("code", string(e.Code)), slog.Int("status", status),
		slog.String("method", r.Method), slog.String("path", r.URL.Path),
	}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	s.metrics.refused.WithLabelValues(string(e.Code)).Inc()
	s.log.LogAttrs(r.Context(), level, "refused", attrs...)
}
