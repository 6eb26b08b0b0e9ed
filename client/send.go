package client

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// A SendRequest is something to say, and to whom.
type SendRequest struct {
	Namespace string
	To        []string // up to 64 targets: rooms, "@member", or "*" for everyone
	Except    []string // up to 64 targets that are left out

	Event string // the event's name; "" means "message"

	// Data is the payload: a string is text, a []byte is bytes of the media type
	// Type, anything else is encoded as JSON; a json.RawMessage is JSON already.
	Data any
	Type string // of a []byte; "" means application/octet-stream

	TTL      time.Duration // how long it is kept; 0 means as long as the server keeps anything
	Echo     bool          // the sender hears it too
	Volatile bool          // not numbered, not kept, only for who is up to date now

	// Ack waits for what those who hear it say to it with [Client.Reply], at most so
	// long and at most 25 s; 0 asks nobody. More than 1,000 in the audience are
	// refused.
	Ack time.Duration

	// IdempotencyKey is 1 to 255 visible ASCII characters; "" means a random one.
	// Giving one makes two calls the same message, for ten minutes.
	IdempotencyKey string
}

// A Receipt says what was kept.
type Receipt struct {
	ID   string    `json:"id"` // the event's number; "" for a volatile one
	Time time.Time `json:"time"`
	From string    `json:"from"` // the member that others see as the sender; "" for a back end

	// Acks is what was answered; nil where nobody was asked.
	Acks *Acks `json:"-"`

	// Replayed is set where the message had been kept by an earlier call with the
	// same key.
	Replayed bool `json:"-"`
}

// Send says something and returns once the server keeps it. It waits for no
// reader, unless Ack asks for answers: then it returns once all who were asked
// have answered, or left, or the time is over. That not all have is no error;
// see [Acks].
//
// An answer that time mends, or none, is asked for again, up to 6 times and half
// a minute each, under one idempotency key, so that what was kept before its
// answer got lost is not said twice. A volatile message is tried once: it has no
// key.
//
// A refusal is a [*Problem], and nothing was kept then. After any other error, and
// after a Problem that is Temporary, it may have been kept: the same call with the
// same IdempotencyKey finds out.
func (c *Client) Send(ctx context.Context, r SendRequest) (Receipt, error) {
	body, kind, err := encode(r.Data, r.Type)
	if err != nil {
		return Receipt{}, err
	}
	q := audience(r.To, r.Except, r.Echo)
	if r.Event != "" {
		q.Set("event", r.Event)
	}
	if r.TTL != 0 {
		q.Set("ttl", r.TTL.String())
	}
	if r.Volatile {
		q.Set("volatile", "1")
	}
	if r.Ack != 0 {
		q.Set("ack", r.Ack.String())
	}
	p, err := post(r.Namespace, q, r.IdempotencyKey, r.Volatile)
	if err != nil {
		return Receipt{}, err
	}
	p.body, p.kind, p.wait = body, kind, max(r.Ack, 0)

	var answer struct {
		Receipt
		Acks
	}
	answer.Replayed, err = c.do(ctx, p, &answer)
	if err != nil {
		return Receipt{}, err
	}
	if r.Ack != 0 {
		answer.Receipt.Acks = &answer.Acks
	}
	return answer.Receipt, nil
}

// audience is the part of a query that says who hears something.
func audience(to, except []string, echo bool) url.Values {
	q := url.Values{"to": to, "except": except}
	if echo {
		q.Set("echo", "1")
	}
	return q
}

// post is the call of something to say. A key is made where none was given, so that
// it can be tried again; what is volatile has none.
func post(namespace string, q url.Values, key string, volatile bool) (call, error) {
	if !visible(key) {
		return call{}, errors.New("an idempotency key has visible ASCII characters only")
	}
	if key == "" && !volatile {
		key = rand.Text()
	}
	return call{method: http.MethodPost, namespace: namespace, query: q, key: key, once: volatile}, nil
}
