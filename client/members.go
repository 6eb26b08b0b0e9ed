package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Member is all there is to know of one.
type Member struct {
	Person
	Data  json.RawMessage `json:"data,omitempty"` // what it said of itself with [Client.Describe]; nil for nothing
	Rooms []string        `json:"rooms"`          // in any of its streams, sorted
	Since time.Time       `json:"since"`          // when it came
}

// Members are who is there.
type Members struct {
	Count   int      `json:"count"` // members
	Users   int      `json:"users"` // different users; an anonymous member is one
	List    []Member `json:"members"`
	Partial bool     `json:"partial"` // a part of the server could not be asked
}

// A Selection names members: Member alone, or those in any of In less those in
// Except. In and Except hold up to 64 targets each: rooms, "@member", or "*" for
// everyone.
type Selection struct {
	Member string // as in [Event.From], with or without "@"; "me" is this client's own
	In     []string
	Except []string
}

// path gives the part of a URL that names the members.
func (s *Selection) path() (path string, q url.Values) {
	if s.Member != "" {
		return "/-/members/" + url.PathEscape(strings.TrimPrefix(s.Member, "@")), url.Values{}
	}
	return "/-/members", url.Values{"in": s.In, "except": s.Except}
}

// Members lists who is there, the grace included: in any of the targets in, less
// those in except; without in everybody in the namespace.
func (c *Client) Members(ctx context.Context, namespace string, in, except []string) (Members, error) {
	var m Members
	s := Selection{In: in, Except: except}
	path, q := s.path()
	_, err := c.do(ctx, call{method: http.MethodGet, namespace: namespace, path: path, query: q}, &m)
	return m, err
}

// A Description is what a member says of itself. What is nil stays as it is.
type Description struct {
	Name *string // the nickname, 1 to 64 bytes; "" for none
	Data any     // at most 4 KiB as JSON; a json.RawMessage of null for nothing
}

// Describe changes what others are told of this client's member, and gives what
// that is now. The client needs its ConnectionID, and a stream, open or gone for
// less than the server's grace: without one it is a [*Problem] with the code
// "no-stream". A nickname stays with this client's streams when they come back;
// what else was said is forgotten with the member.
func (c *Client) Describe(ctx context.Context, namespace string, d Description) (Member, error) {
	if err := c.myself(); err != nil {
		return Member{}, err
	}
	change := map[string]any{}
	if d.Name != nil {
		if change["name"] = *d.Name; *d.Name == "" {
			change["name"] = nil
		}
	}
	if d.Data != nil {
		change["data"] = d.Data
	}
	body, err := json.Marshal(change)
	if err != nil {
		return Member{}, err
	}
	var m Member
	_, err = c.do(ctx, call{
		method: http.MethodPatch, namespace: namespace, path: "/-/members/me", body: body, kind: "application/json",
	}, &m)
	if err == nil && d.Name != nil {
		c.names.set(namespace, *d.Name)
	}
	return m, err
}

// Disconnect ends the streams of members for good, and gives how many members
// that were: they hear a [Bye] "kicked" and do not come back by themselves, but
// they may. It takes the server's key, but for Member "me". A Member that is not
// there is a [*Problem] with the code "not-found".
func (c *Client) Disconnect(ctx context.Context, namespace string, who Selection) (count int, err error) {
	if who.Member == me {
		if err := c.myself(); err != nil {
			return 0, err
		}
	}
	path, q := who.path()
	var answer struct{ Count int }
	_, err = c.do(ctx, call{method: http.MethodDelete, namespace: namespace, path: path, query: q}, &answer)
	return answer.Count, err
}

// me is how the server is told of a client's own member.
const me = "me"
