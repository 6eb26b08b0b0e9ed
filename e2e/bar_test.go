package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// bar is what Socket.IO has beside its cheat sheet, where nothing else here shows
// it from outside.
var bar = []struct {
	name string
	args []string // of serve
	do   func(c *crowd, s *server)
}{
	{"unknown namespace", []string{"--open-namespaces=false", "--namespaces={tenant-*: {keep-age: 1d}}"}, func(c *crowd, s *server) {
		declared := newCrowd(c.t, s, "tenant-1")
		declared.enter("ann lobby")
		declared.says("", "to=lobby", "hello")
		declared.heard("ann hello")
		for _, method := range []string{"GET", "POST"} {
			status, answer := c.try(method, "/lobby", "", "")
			if status != http.StatusNotFound || !strings.Contains(answer, `"not-found"`) {
				c.t.Errorf("%s: %d %s", method, status, answer)
			}
		}
	}},
	{"dynamic namespaces", nil, func(c *crowd, s *server) {
		// What is only asked about is not made.
		c.members("/-/members", "")
		one, two := newCrowd(c.t, s, "tenant-1"), newCrowd(c.t, s, "tenant-2")
		one.enter("ann lobby")
		two.enter("ann lobby")
		if one.people["ann"].member == two.people["ann"].member {
			c.t.Error("one connection ID is the same member in two namespaces")
		}
		one.says("", "to=lobby", "one")
		two.says("", "to=*", "two")
		one.heard("ann one")
		two.heard("ann two")
	}},
	{"catch-all", nil, func(c *crowd, s *server) {
		c.enter("ann *", "bo a", "cy b")
		c.says("bo", "to=a", "a")
		c.says("", "to=b&event=news", "b")
		c.says("", "to=*", "all")
		c.says("", "to=@bo", "private")
		c.heard("ann a news:b all", "bo all private", "cy news:b all")
	}},
	{"too much", nil, func(c *crowd, s *server) {
		c.enter("ann r")
		status, answer := c.try("POST", "/r", "", strings.Repeat("x", 64<<10+1))
		if status != http.StatusRequestEntityTooLarge || !strings.Contains(answer, `"too-large"`) {
			c.t.Errorf("%d %s", status, answer)
		}
		c.says("", "to=r", "still-there")
		c.heard("ann still-there")
	}},
	{"several tabs", nil, func(c *crowd, s *server) {
		c.enter("ann r", "bo r")
		first := c.people["ann"]
		delete(c.people, "ann") // the next stream is another tab of hers
		c.enter("ann r")
		c.people["first"] = first
		if first.member != c.people["ann"].member {
			c.t.Fatal("two tabs are two members")
		}
		c.says("ann", "to=r", "from-ann")
		c.says("bo", "to=@ann", "to-ann")
		c.heard("first to-ann", "ann to-ann", "bo from-ann")
		delete(c.people, "first")
		c.members("/r/members", "ann bo")
		// She is there for as long as one of them is.
		first.cancel()
		<-first.over
		c.members("/r/members", "ann bo")
		c.says("", "to=r", "one-tab")
		c.heard("ann one-tab", "bo one-tab")
	}},
	{"presence", []string{"--grace=5s"}, func(c *crowd, s *server) {
		observer := newCrowd(c.t, s, "bar")
		observer.url = c.url
		c.enter("ann r")
		observer.stream("observer", []string{"r"}, "", "presence=1")
		watching := observer.people["observer"]
		told := func(yes func(presence) bool, what string) {
			c.t.Helper()
			watching.until(func() bool {
				return slices.ContainsFunc(watching.own, func(f frame) bool {
					var p presence
					return f.event == "presence" && json.Unmarshal([]byte(f.data), &p) == nil && p.Room == "r" && yes(p)
				})
			}, what)
		}
		told(func(p presence) bool { return p.has(c, "ann", p.Members) && p.Count == 2 }, "that ann is there")
		c.enter("bo r")
		told(func(p presence) bool {
			return (p.has(c, "bo", p.Joined) || p.has(c, "bo", p.Members)) && p.Count == 3
		}, "that bo came")
		// A return within the grace is silence: the next that is told is who left.
		c.leaves("ann")
		c.returns("ann")
		c.do(http.StatusOK, "DELETE", "/-/members/me", "bo", "")
		told(func(p presence) bool { return slices.Contains(p.Left, c.people["bo"].member) && p.Count == 2 }, "that bo left")
		for _, f := range watching.own {
			if strings.Contains(f.data, `"left"`) && strings.Contains(f.data, c.people["ann"].member) {
				c.t.Errorf("a return was told: %s", f.data)
			}
		}
	}},
}

// A presence is one telling of who is in a room.
type presence struct {
	Room                     string
	Members, Joined, Changed []struct{ ID, User, Name string }
	Left                     []string
	Count, Users             int
}

func (presence) has(c *crowd, name string, in []struct{ ID, User, Name string }) bool {
	for _, p := range in {
		if p.ID == c.people[name].member {
			return true
		}
	}
	return false
}

// TestBar shows what Socket.IO has beside its cheat sheet.
func TestBar(t *testing.T) {
	for _, row := range bar {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, append([]string{"--key", key}, row.args...)...)
			row.do(newCrowd(t, s, "bar"), s)
		})
	}
}
