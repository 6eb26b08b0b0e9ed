package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"time"
)

// A call is one request, however often it is tried. Every call but a send without
// a key may be repeated: what it asks for is the same when it has been done.
type call struct {
	method    string
	namespace string
	path      string // below the namespace, such as "/-/rooms"; "" is the namespace itself
	query     url.Values

	body []byte
	kind string // the body's media type; "" without a body
	key  string // the idempotency key; "" for none

	once bool          // it is not tried again
	wait time.Duration // how long the server may take to answer, beyond the usual
}

const (
	callTries = 6
	callRetry = 250 * time.Millisecond
	callWait  = 30 * time.Second // for one answer

	// maxAnswer bounds what an answer is read into memory for: a thousand
	// acknowledgements of 64 KiB are six times as long as JSON.
	maxAnswer = 400 << 20
)

// do makes a call, reads its answer into v unless that is nil, and reports whether
// the answer is that of an earlier call with the same key. Errors are as [Client.Send] says.
func (c *Client) do(ctx context.Context, r call, v any) (replayed bool, err error) {
	for try := 1; ; try++ {
		replayed, err := c.try(ctx, r, v)
		if err == nil || ctx.Err() != nil || try >= callTries || r.once || !mends(err) {
			if ctx.Err() != nil && err != nil {
				err = context.Cause(ctx)
			}
			return replayed, err
		}
		wait := pause(callRetry, try)
		var refused *Problem
		if errors.As(err, &refused) && refused.RetryAfter > 0 {
			wait = max(wait, pause(refused.RetryAfter, 1))
		}
		c.log.LogAttrs(ctx, slog.LevelWarn, "asking again", attrs(r.namespace, err, wait)...)
		if !sleep(ctx, wait) {
			return false, context.Cause(ctx)
		}
	}
}

// try makes a call once.
func (c *Client) try(ctx context.Context, r call, v any) (replayed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait+r.wait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, c.target(r.namespace, r.path, r.query), bytes.NewReader(r.body))
	if err != nil {
		return false, plain(err)
	}
	c.identify(req.Header.Set, c.id)
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	resp, err := c.sends.Do(req)
	if err != nil {
		return false, plain(err)
	}
	if resp.StatusCode/100 != 2 {
		return false, readProblem(resp)
	}
	defer discard(resp.Body)
	if v == nil && resp.StatusCode == http.StatusNoContent {
		return false, nil
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/json" {
		return false, &strangeAnswer{kind, "application/json"}
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return false, err
	}
	if v != nil && json.Unmarshal(answer, v) != nil {
		return false, errors.New("the server's answer cannot be read")
	}
	return resp.Header.Get("Idempotent-Replayed") == "true", nil
}

// errNobody refuses what is about oneself to a client that is nobody.
var errNobody = errors.New("this takes a member: give the client a ConnectionID")

// myself gives the error of a call that is about this client's member.
func (c *Client) myself() error {
	if c.id == "" {
		return errNobody
	}
	return nil
}
