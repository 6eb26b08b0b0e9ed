package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Moved says what came of joining and leaving.
type Moved struct {
	Rooms    []string `json:"rooms"`    // what the one member has now, sorted; nil where several were moved
	Position string   `json:"position"` // a room that was joined is heard from here
	Count    int      `json:"count"`    // members that were found; 1 for one
}

// Join takes this client's member into a room, with all its open streams, which go
// on without being opened again. It stays there when its streams come back. The
// client needs its ConnectionID, and a stream, open or gone for less than the
// server's grace: without one it is a [*Problem] with the code "no-stream". To
// join a room that one is in changes nothing.
func (c *Client) Join(ctx context.Context, namespace, room string) (Moved, error) {
	return c.move(ctx, http.MethodPut, namespace, room, Selection{Member: me})
}

// Leave takes this client's member out of a room. To leave a room that one is not
// in changes nothing.
func (c *Client) Leave(ctx context.Context, namespace, room string) (Moved, error) {
	return c.move(ctx, http.MethodDelete, namespace, room, Selection{Member: me})
}

// MoveIn takes members into a room, whether they want it or not. It takes the
// server's key. A Member that is not there is a [*Problem] with the code
// "not-found"; In may be empty of members.
func (c *Client) MoveIn(ctx context.Context, namespace, room string, who Selection) (Moved, error) {
	return c.move(ctx, http.MethodPut, namespace, room, who)
}

// MoveOut takes members out of a room, as [Client.MoveIn] takes them in.
func (c *Client) MoveOut(ctx context.Context, namespace, room string, who Selection) (Moved, error) {
	return c.move(ctx, http.MethodDelete, namespace, room, who)
}

func (c *Client) move(ctx context.Context, method, namespace, room string, who Selection) (Moved, error) {
	if who.Member == me {
		if err := c.myself(); err != nil {
			return Moved{}, err
		}
	}
	path, q := who.path()
	// Even where it is empty: without a room it would mean to disconnect.
	q.Set("room", room)
	var m Moved
	_, err := c.do(ctx, call{method: method, namespace: namespace, path: path, query: q}, &m)
	if err == nil && who.Member != "" {
		m.Count = 1
	}
	return m, err
}

// A Room is one that has members or history.
type Room struct {
	Room  string `json:"room"`
	Count int    `json:"count"` // members in it
	Users int    `json:"users"` // different users among them; an anonymous member is one
	Last  string `json:"last"`  // the ID of the newest event that is kept; "" when none is
}

// Rooms gives the rooms of a namespace, in order of name, those after the name
// after. They are asked for as the loop goes, a thousand at a time; an error ends
// it, as the last pair.
func (c *Client) Rooms(ctx context.Context, namespace, after string) iter.Seq2[Room, error] {
	return func(yield func(Room, error) bool) {
		for at := after; ; {
			q := url.Values{"limit": {strconv.Itoa(roomsPage)}}
			if at != "" {
				q.Set("after", at)
			}
			var page struct {
				Rooms []Room
				More  bool
			}
			if _, err := c.do(ctx, call{method: http.MethodGet, namespace: namespace, path: "/-/rooms", query: q}, &page); err != nil {
				yield(Room{}, err)
				return
			}
			for _, r := range page.Rooms {
				if !yield(r, nil) {
					return
				}
			}
			if !page.More || len(page.Rooms) == 0 {
				return
			}
			at = page.Rooms[len(page.Rooms)-1].Room
		}
	}
}

// roomsPage is how many rooms the server gives at a time at most.
const roomsPage = 1000
