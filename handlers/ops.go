package handlers

import (
	"net/http"
	"strconv"

	"parley/events"
)

// health says that the process runs and answers. A log that is away does not make
// it sick: starting it again would not bring the log back.
func (s *Server) health(w http.ResponseWriter, _ *http.Request, _ request) error {
	return status(w, http.StatusOK, "ok")
}

// readiness says whether the server can do what it is there for, 503 and why not
// otherwise. It is a status for load balancers, not a refusal.
func (s *Server) readiness(w http.ResponseWriter, _ *http.Request, _ request) error {
	ok, word := s.ready()
	if ok {
		return status(w, http.StatusOK, word)
	}
	w.Header().Set("Retry-After", strconv.Itoa(retryAfter()))
	return status(w, http.StatusServiceUnavailable, word)
}

func status(w http.ResponseWriter, code int, word string) error {
	b := events.QuoteJSON([]byte(`{"status":`), word)
	answer(w, code, append(b, '}'))
	return nil
}
