package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Problem is the server's refusal, or that of a proxy before it, which has no
// Code then. Compare the Code, which is stable:
//
//	var p *client.Problem
//	if errors.As(err, &p) && p.Code == "forbidden" { … }
type Problem struct {
	Status int    `json:"status"` // the answer's HTTP status
	Code   string `json:"code"`   // the stable name of the refusal; "" when no Parley server said it
	Title  string `json:"title"`
	Detail string `json:"detail"` // one sentence for a person; may be empty
	Type   string `json:"type"`

	// RetryAfter is how long the server wants to be left alone; 0 when it did
	// not say.
	RetryAfter time.Duration `json:"-"`
}

// Error gives the code or status, and the detail.
func (p *Problem) Error() string {
	name := p.Code
	if name == "" {
		name = "the server answered " + strconv.Itoa(p.Status)
	}
	words := p.Detail
	if words == "" {
		words = p.Title
	}
	if words == "" || words == name {
		return name
	}
	return name + ": " + words
}

// Temporary reports whether time would mend it, so that asking again makes sense.
func (p *Problem) Temporary() bool {
	switch p.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusInsufficientStorage:
		return false
	}
	return p.Status >= 500
}

// readProblem makes a Problem of an answer that refuses, and closes its body.
func readProblem(resp *http.Response) *Problem {
	defer discard(resp.Body)
	p := &Problem{}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/problem+json" {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if json.Unmarshal(body, p) != nil {
			*p = Problem{}
		}
	}
	p.Status = resp.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(resp.StatusCode)
	}
	p.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	return p
}

// retryAfter reads the header's two forms, seconds and a date.
func retryAfter(h string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(h, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(h); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// A strangeAnswer says yes with something that no Parley server says: another
// program answers there, or a portal that wants a password.
type strangeAnswer struct {
	kind, wanted string
}

func (e *strangeAnswer) Error() string {
	return fmt.Sprintf("no Parley server answers at this URL: content type %q instead of %s", e.kind, e.wanted)
}

// mends reports whether what went wrong may go right another time.
func mends(err error) bool {
	var refused *Problem
	var other *strangeAnswer
	switch {
	case errors.As(err, &refused):
		return refused.Temporary()
	case errors.As(err, &other), errors.Is(err, errAstray), errors.Is(err, errCircle):
		return false
	}
	return true
}

// plain takes the URL out of an error of net/http: its query names rooms, and
// ends up in logs.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
