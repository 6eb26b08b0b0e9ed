package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A HistoryRequest names a page of what was said in a room.
type HistoryRequest struct {
	Namespace string
	Room      string

	// Before and After are event IDs that bound the page and are not on it; "" is
	// no bound.
	Before string
	After  string

	Limit int // at most 500 events, the newest of the range; 0 means 50
}

// A HistoryPage is a page of what was said in a room, this client's own events
// among them.
type HistoryPage struct {
	Events []Event // the oldest first
	More   bool    // the range has older ones; go on with Before at the first
}

// History gives a page of what is kept of a room.
func (c *Client) History(ctx context.Context, r HistoryRequest) (HistoryPage, error) {
	q := url.Values{"room": {r.Room}}
	if r.Before != "" {
		q.Set("before", r.Before)
	}
	if r.After != "" {
		q.Set("after", r.After)
	}
	if r.Limit != 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	var answer struct {
		Events []json.RawMessage
		More   bool
	}
	if _, err := c.do(ctx, call{method: http.MethodGet, namespace: r.Namespace, path: "/-/history", query: q}, &answer); err != nil {
		return HistoryPage{}, err
	}
	page := HistoryPage{Events: make([]Event, 0, len(answer.Events)), More: answer.More}
	for _, raw := range answer.Events {
		e, err := kept(r.Namespace, raw)
		if err != nil {
			return HistoryPage{}, err
		}
		page.Events = append(page.Events, e)
	}
	return page, nil
}

// HistoryEvent gives one event of a room. One that is not there, or not any more,
// is a [*Problem] with the code "not-found".
func (c *Client) HistoryEvent(ctx context.Context, namespace, room, id string) (Event, error) {
	var raw json.RawMessage
	if _, err := c.do(ctx, call{
		method: http.MethodGet, namespace: namespace, path: "/-/history/" + url.PathEscape(id), query: url.Values{"room": {room}},
	}, &raw); err != nil {
		return Event{}, err
	}
	return kept(namespace, raw)
}

// kept reads an event of the history. Its position is its own number.
func kept(namespace string, raw json.RawMessage) (Event, error) {
	e, err := readEvent(raw)
	if err != nil || e.ID == "" {
		return Event{}, errors.New("the server's answer cannot be read")
	}
	e.Namespace, e.Position = namespace, e.ID
	return e, nil
}

// An EraseRequest names what to erase in a room: one event, all before one, or
// everything.
type EraseRequest struct {
	Namespace string
	Room      string

	ID     string // this event; one's own needs no key
	Before string // every event before this one
	All    bool   // every event that there is when the server does it
}

// An Erasure is the notice that something was erased: those who listen hear it as
// the event "erased".
type Erasure struct {
	ID   string    `json:"id"` // the notice's own number
	Time time.Time `json:"time"`
}

// Erase takes events from a room for good, from the disk too. It takes the
// server's key, but for one's own event with its ID.
func (c *Client) Erase(ctx context.Context, r EraseRequest) (Erasure, error) {
	named := 0
	for _, n := range []bool{r.ID != "", r.Before != "", r.All} {
		if n {
			named++
		}
	}
	if named != 1 {
		return Erasure{}, errors.New("erase one event, all before one, or all: name one of the three")
	}
	path, q := "/-/history", url.Values{"room": {r.Room}}
	if r.ID != "" {
		path += "/" + url.PathEscape(r.ID)
	}
	if r.Before != "" {
		q.Set("before", r.Before)
	}
	var e Erasure
	_, err := c.do(ctx, call{method: http.MethodDelete, namespace: r.Namespace, path: path, query: q}, &e)
	return e, err
}
