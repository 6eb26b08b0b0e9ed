package handlers

import (
	"net/http"
	"time"

	"parley/events"
)

// A draft is a post before its body is read: what the query and the headers say.
type draft struct {
	post  events.Post
	event string // the name of every event that gives none itself
	named bool   // the query gave it
	ttl   time.Duration
}

// send publishes what is posted to the path's room or to ?to=.
func (s *Server) send(w http.ResponseWriter, r *http.Request, q request) error {
	s.returns.publishes()
	d, err := q.draft(r)
	if err != nil {
		return err
	}
	content, err := contentOf(r.Header)
	switch {
	case d.post.Volatile && content.batch():
		return events.Refuse(events.CodeBadParameter, "a batch is kept and cannot be volatile")
	case d.post.Ack > 0 && content.batch():
		return events.Refuse(events.CodeBadParameter, "a batch asks for no answers: ack is for one event")
	}
	if e := acceptsJSON(r); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	registry, err := s.registry()
	if err != nil {
		return err
	}
	raw, err := readBody(w, r, content.limit())
	if err != nil {
		return err
	}
	d.post.Batch = content.batch()
	if d.post.Bodies, err = content.bodies(raw, d); err != nil {
		return err
	}
	p, err := s.publish(r.Context(), registry, q, d.post)
	if err != nil {
		return err
	}
	s.logPublished(r, q.ns, d.post, len(raw), p)

	if p.Replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	switch {
	case p.Acks != nil:
		answer(w, http.StatusOK, saidAndAnswered(p))
	case d.post.Volatile:
		answer(w, http.StatusAccepted, said(p))
	case content.batch():
		answer(w, http.StatusCreated, saidAll(p))
	default:
		answer(w, http.StatusCreated, said(p))
	}
	return nil
}

// draft reads the parameters and headers of a post. What can only be wrong
// together is wrong here, before the body is read.
func (q request) draft(r *http.Request) (d draft, err error) {
	if err = q.targets(&d.post); err != nil {
		return d, err
	}
	if d.post.Echo, err = flag(q.query, "echo"); err != nil {
		return d, err
	}
	if d.post.Volatile, err = flag(q.query, "volatile"); err != nil {
		return d, err
	}
	if d.event, d.named, err = one(q.query, "event"); err != nil {
		return d, err
	}
	if d.named {
		if err = events.CheckEventName(d.event); err != nil {
			return d, err
		}
	}
	ttl, given, err := one(q.query, "ttl")
	if err != nil {
		return d, err
	}
	if given {
		if d.ttl, err = lifetime(ttl); err != nil {
			return d, err
		}
	}
	if d.post.Ack, err = asking(q.query); err != nil {
		return d, err
	}
	if d.post.Key, err = idempotencyKey(r.Header); err != nil {
		return d, err
	}
	switch {
	case d.post.Volatile && given:
		err = events.Refuse(events.CodeBadParameter, "a volatile event is not kept and has no ttl")
	case d.post.Volatile && d.post.Key != "":
		err = events.Refuse(events.CodeBadParameter, "a volatile event is not kept and has no Idempotency-Key")
	}
	return d, err
}

// targets reads who is to hear it.
func (q request) targets(p *events.Post) (err error) {
	to := q.query["to"]
	switch {
	case (q.room != "" || len(to) > 0) && len(q.query["room"]) > 0:
		return events.Refuse(events.CodeBadParameter, "a post names whom it is for with ?to=, not with ?room=")
	case q.room != "" && len(to) > 0:
		return events.Refuse(events.CodeBadParameter, "the path names the room already; /%s?to=a&to=b names several", q.ns)
	case q.room != "":
		to = []string{q.room}
	case len(to) == 0 && len(q.query["room"]) > 0:
		return events.Refuse(events.CodeNoTarget, "a post names whom it is for with ?to=")
	}
	p.To, p.Except, err = events.CheckTargets(to, q.query["except"])
	return err
}

// idempotencyKey gives the key that a post is repeated with, "" for none.
func idempotencyKey(h http.Header) (string, error) {
	keys := h.Values("Idempotency-Key")
	switch len(keys) {
	case 0:
		return "", nil
	case 1:
		return keys[0], events.CheckIdempotencyKey(keys[0])
	}
	return "", events.Refuse(events.CodeBadParameter, "a request has one Idempotency-Key")
}
