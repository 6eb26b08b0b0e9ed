package handlers

import (
	"net/http"
	"time"

	"parley/events"
)

// An EventSource stops for good at any answer but 200, and comes back after
// anything else. So what time would mend is told to it as a stream that ends at
// once, and what is to end for good as 204.

// busyBye ends a stream that the server cannot serve now. It has no ID, so the
// client comes back to where it was.
func busyBye() *events.Bye {
	return &events.Bye{Reason: events.ByeBusy, Reconnect: true, Retry: jitter(5*time.Second, time.Minute)}
}

// busy answers an EventSource when the server is starting, draining, overloaded
// or without its log: come back later.
func (s *Server) busy(w http.ResponseWriter, r *http.Request) {
	streamHeader(w.Header(), sse{})
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // a stream has no Content-Length, however short it is
	if r.Method != http.MethodHead {
		_, _ = w.Write(sse{}.bye(nil, events.ID{}, busyBye())) // whoever is gone has no use for it
	}
}
