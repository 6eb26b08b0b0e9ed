package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
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

	// IdempotencyKey is 1 to 255 visible ASCII characters; "" means a random one.
	// Giving one makes two calls the same message, for ten minutes.
	IdempotencyKey string
}

// A Receipt says what was kept.
type Receipt struct {
	ID   string    `json:"id"` // the event's number; "" for a volatile one
	Time time.Time `json:"time"`
	From string    `json:"from"` // the member that others see as the sender; "" for a back end

	// Replayed is set where the message had been kept by an earlier call with the
	// same key.
	Replayed bool `json:"-"`
}

// Send says something and returns once the server keeps it. It waits for no reader.
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
	body, kind, err := r.payload()
	if err != nil {
		return Receipt{}, err
	}
	if !visible(r.IdempotencyKey) {
		return Receipt{}, errors.New("an idempotency key has visible ASCII characters only")
	}
	p := post{url: c.target(r.Namespace, r.query()), kind: kind, body: body, key: r.IdempotencyKey, tries: sendTries}
	switch {
	case r.Volatile:
		p.tries = 1
	case p.key == "":
		p.key = rand.Text()
	}
	for try := 1; ; try++ {
		receipt, err := c.post(ctx, p)
		if err == nil || ctx.Err() != nil || try >= p.tries || !mends(err) {
			if ctx.Err() != nil && err != nil {
				err = context.Cause(ctx)
			}
			return receipt, err
		}
		wait := pause(sendRetry, try)
		var refused *Problem
		if errors.As(err, &refused) && refused.RetryAfter > 0 {
			wait = max(wait, pause(refused.RetryAfter, 1))
		}
		c.log.LogAttrs(ctx, slog.LevelWarn, "sending again", attrs(r.Namespace, err, wait)...)
		if !sleep(ctx, wait) {
			return Receipt{}, context.Cause(ctx)
		}
	}
}

const (
	sendTries = 6
	sendRetry = 250 * time.Millisecond
	sendWait  = 30 * time.Second // for one answer
)

// A post is one request, however often it is tried.
type post struct {
	url, kind, key string
	body           []byte
	tries          int
}

// post tries once.
func (c *Client) post(ctx context.Context, p post) (Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, sendWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(p.body))
	if err != nil {
		return Receipt{}, plain(err)
	}
	c.identify(req.Header.Set, c.id)
	req.Header.Set("Content-Type", p.kind)
	if p.key != "" {
		req.Header.Set("Idempotency-Key", p.key)
	}
	resp, err := c.sends.Do(req)
	if err != nil {
		return Receipt{}, plain(err)
	}
	if resp.StatusCode/100 != 2 {
		return Receipt{}, readProblem(resp)
	}
	defer discard(resp.Body)
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/json" {
		return Receipt{}, &strangeAnswer{kind, "application/json"}
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{Replayed: resp.Header.Get("Idempotent-Replayed") == "true"}
	if json.Unmarshal(answer, &receipt) != nil {
		return Receipt{}, errors.New("the server's answer cannot be read")
	}
	return receipt, nil
}

func (r *SendRequest) query() url.Values {
	q := url.Values{}
	for _, t := range r.To {
		q.Add("to", t)
	}
	for _, t := range r.Except {
		q.Add("except", t)
	}
	if r.Event != "" {
		q.Set("event", r.Event)
	}
	if r.TTL != 0 {
		q.Set("ttl", r.TTL.String())
	}
	if r.Echo {
		q.Set("echo", "1")
	}
	if r.Volatile {
		q.Set("volatile", "1")
	}
	return q
}

// payload gives the body and its media type.
func (r *SendRequest) payload() ([]byte, string, error) {
	switch d := r.Data.(type) {
	case string:
		return []byte(d), "text/plain; charset=utf-8", nil
	case []byte:
		if r.Type != "" {
			return d, r.Type, nil
		}
		return d, "application/octet-stream", nil
	case json.RawMessage:
		// As it is: encoding it again would lose how its numbers are written.
		return d, "application/json", nil
	}
	b, err := json.Marshal(r.Data)
	return b, "application/json", err
}
