package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"parley/events"
)

// asking reads ?ack=: how long the sender waits for answers, 0 for not at all.
func asking(q url.Values) (time.Duration, error) {
	v, given, err := one(q, "ack")
	if err != nil || !given {
		return 0, err
	}
	d, ok := parseDuration(v)
	if !ok || d <= 0 || d > events.MaxAckWait {
		return 0, events.Refuse(events.CodeBadParameter, "ack is a duration above zero and at most %v", events.MaxAckWait)
	}
	return d, nil
}

// publish hands a post to the registry. One that asks for answers waits for them
// in there, as long as its client does.
func (s *Server) publish(ctx context.Context, reg *events.Registry, q request, p events.Post) (events.Published, error) {
	if p.Ack == 0 {
		return reg.Publish(ctx, q.caller, q.ns, p)
	}
	s.askers.enter()
	defer s.askers.leave()
	return reg.Publish(ctx, q.caller, q.ns, p)
}

// Askers are the posts that wait for answers. The zero value is ready.
type askers struct {
	mu    sync.Mutex
	count int
	idle  chan struct{} // closed when count is 0; nil when nobody waits for that
}

func (a *askers) enter() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
}

func (a *askers) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count--; a.count == 0 && a.idle != nil {
		close(a.idle)
		a.idle = nil
	}
}

// Waiting gives how many there are.
func (a *askers) Waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count
}

// Wait returns when there is none, or when ctx ends.
func (a *askers) Wait(ctx context.Context) {
	a.mu.Lock()
	if a.count == 0 {
		a.mu.Unlock()
		return
	}
	if a.idle == nil {
		a.idle = make(chan struct{})
	}
	idle := a.idle
	a.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// saidAndAnswered is the answer to an event that asked for answers:
// {"id","time","from","expected","acks","missing","complete"}.
func saidAndAnswered(p events.Published) []byte {
	b := said(p)
	b = strconv.AppendInt(append(b[:len(b)-1], `,"expected":`...), int64(p.Acks.Expected), 10)
	b = append(b, `,"acks":[`...)
	for i, a := range p.Acks.Answers {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(events.QuoteJSON(append(b, `{"from":`...), a.From), ',')
		b = append(appendPayload(b, a.Data, a.Encoding, a.Type), '}')
	}
	b = appendStrings(append(b, `],"missing":`...), p.Acks.Missing)
	b = strconv.AppendBool(append(b, `,"complete":`...), p.Acks.Complete)
	return append(b, '}')
}

// ack takes a member's answer to an event that asked for one.
func (s *Server) ack(w http.ResponseWriter, r *http.Request, q request) error {
	content, err := contentOf(r.Header)
	if err != nil {
		return err
	}
	if content.batch() {
		return unsupported("an answer is one payload, not a batch")
	}
	registry, err := s.registry()
	if err != nil {
		return err
	}
	raw, err := readBody(w, r, content.limit())
	if err != nil {
		return err
	}
	bodies, err := content.bodies(raw, draft{})
	if err != nil {
		return err
	}
	if bodies[0].Event != "" {
		return events.Refuse(events.CodeBadEvent, "an answer has no event name")
	}
	if err := registry.Answer(r.Context(), q.caller, q.ns, q.id, bodies[0]); err != nil {
		return err
	}
	s.logDone(r, "answer taken", q, slog.String("id", q.id), slog.Int("bytes", len(raw)))
	done(w)
	return nil
}

// done answers that it was done, where there is nothing to say about it.
func done(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
