package events_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

const grace = 10 * time.Second

func caller(connection string) events.Caller { return events.Anonymous(connection) }

var boss = events.KeyHolder("")

// come opens a stream with everything that a Listen has.
func (s *stage) come(connection string, l events.Listen) *events.Cursor {
	s.Helper()
	c, err := s.reg.Listen(s.Context(), caller(connection), "demo", l)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(c.Close)
	return c
}

func (s *stage) next(c *events.Cursor) events.Delivery {
	s.Helper()
	d, err := c.Next(s.Context(), events.Limit{})
	if err != nil {
		s.Fatal(err)
	}
	return d
}

func (s *stage) join(connection, room string) events.Moved {
	s.Helper()
	m, err := s.reg.Join(s.Context(), caller(connection), "demo", room)
	if err != nil {
		s.Fatal(err)
	}
	return m
}

// who lists the nicknames, or else the connections' members, in a room.
func (s *stage) who(in ...string) string {
	s.Helper()
	m, err := s.reg.Members(s.Context(), caller(""), "demo", events.Selection{In: in})
	if err != nil {
		s.Fatal(err)
	}
	if m.Count != len(m.List) {
		s.Errorf("%d members are counted and %d listed", m.Count, len(m.List))
	}
	var names []string
	for _, p := range m.List {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// tells gives what a page says of presence, in one line.
func tells(d events.Delivery) string {
	var out []string
	names := func(sign string, people []events.Person) {
		for _, p := range people {
			out = append(out, sign+p.Name)
		}
	}
	for _, p := range d.Presence {
		kind := ""
		if p.Whole {
			kind = "="
		}
		out = append(out, fmt.Sprintf("%s%s:%d/%d", kind, p.Room, p.Count, p.Users))
		names("", p.Members)
		names("+", p.Joined)
		for range p.Left {
			out = append(out, "-")
		}
		names("~", p.Changed)
	}
	return strings.Join(out, " ")
}

func TestAMemberJoinsAndLeavesWithAllItsStreams(t *testing.T) {
	s := newStage(t, events.Keep{})
	c := s.listen(bo, events.Start{}, "lobby")
	tab := s.listen(bo, events.Start{}, "side")
	s.say(ann, "too early", "other")
	moved := s.join(bo, "other")
	if moved.Position.Seq != 1 || !slices.Equal(moved.Rooms, []string{"lobby", "other", "side"}) || moved.Count != 1 {
		t.Fatalf("%+v", moved)
	}
	s.say(ann, "heard", "other")
	for _, stream := range []*events.Cursor{c, tab} {
		d := s.next(stream)
		if !slices.Contains(d.Rooms, "other") || len(d.Events) != 1 || string(d.Events[0].Data) != `"heard"` {
			t.Errorf("rooms %v, %d events", d.Rooms, len(d.Events))
		}
		if d := s.next(stream); d.Rooms != nil {
			t.Errorf("told of rooms again: %v", d.Rooms)
		}
	}
	again := s.join(bo, "other")
	if d := s.next(c); d.Rooms != nil || again.Position.Seq != 2 {
		t.Errorf("joining twice told %v and gave %v", d.Rooms, again)
	}
	left, err := s.reg.Leave(t.Context(), caller(bo), "demo", "other")
	if err != nil || slices.Contains(left.Rooms, "other") {
		t.Fatal(left, err)
	}
	if _, err := s.reg.Leave(t.Context(), caller(bo), "demo", "never"); err != nil {
		t.Error(err)
	}
	s.say(ann, "too late", "other")
	s.say(ann, "still here", "lobby")
	if d := s.next(c); !slices.Equal(d.Rooms, []string{"lobby"}) || len(d.Events) != 1 {
		t.Errorf("%v %d", d.Rooms, len(d.Events))
	}
	for room, code := range map[string]events.Code{"@bad": events.CodeBadName, "": events.CodeBadName} {
		if _, err := s.reg.Join(t.Context(), caller(bo), "demo", room); codeOf(err) != code {
			t.Errorf("joined %q: %v", room, err)
		}
	}
	for connection, code := range map[string]events.Code{"": events.CodeBadID, cy: events.CodeNoStream} {
		if _, err := s.reg.Join(t.Context(), caller(connection), "demo", "lobby"); codeOf(err) != code {
			t.Errorf("%q joined: %v", connection, err)
		}
	}
	for i := range 98 {
		s.join(bo, fmt.Sprint("room", i))
	}
	if _, err := s.reg.Join(t.Context(), caller(bo), "demo", "one too many"); codeOf(err) != events.CodeBadParameter {
		t.Errorf("joined too many: %v", err)
	}
	s.come(cy, events.Listen{All: true})
	if _, err := s.reg.Join(t.Context(), caller(cy), "demo", "lobby"); codeOf(err) != events.CodeBadParameter {
		t.Errorf("a stream over everything joined a room: %v", err)
	}
}

func TestRoomsAreRememberedForTheGrace(t *testing.T) {
	for name, tt := range map[string]struct {
		away  time.Duration
		fresh bool
		want  string
	}{
		"back within it":            {grace - time.Second, false, "joined lobby"},
		"back too late":             {grace + time.Second, false, "lobby side"},
		"new within it":             {time.Second, true, "lobby side"},
		"back before it has closed": {0, false, "joined lobby"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, events.Keep{})
				c := s.listen(bo, events.Start{}, "lobby", "side")
				s.say(ann, "before", "joined")
				position := c.Position().String()
				s.join(bo, "joined")
				if _, err := s.reg.Leave(t.Context(), caller(bo), "demo", "side"); err != nil {
					t.Fatal(err)
				}
				if tt.away > 0 {
					c.Close()
				}
				s.say(ann, "missed", "joined")
				time.Sleep(tt.away)
				start := events.After(position)
				if tt.fresh {
					start = events.Start{}
				}
				c = s.listen(bo, start, "lobby", "side")
				if got := strings.Join(c.Hello().Rooms, " "); got != tt.want {
					t.Errorf("rooms %q, want %q", got, tt.want)
				}
				if tt.want == "joined lobby" {
					// From the number that the join was answered with, and not from before.
					s.hears(c, "missed")
				}
			})
		})
	}
}

// A member that was moved while it was away comes back to where it was moved.
func TestTheAwayAreMovedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		c := s.listen(bo, events.Start{}, "lobby")
		position := c.Position().String()
		c.Close()
		s.join(bo, "mine")
		if _, err := s.reg.Move(t.Context(), boss, "demo", events.Move{Room: "theirs", Who: events.Selection{In: []string{"lobby"}}}); err != nil {
			t.Fatal(err)
		}
		s.say(ann, "while away", "theirs")
		c = s.listen(bo, events.After(position), "lobby")
		if got := c.Hello().Rooms; !slices.Equal(got, []string{"lobby", "mine", "theirs"}) {
			t.Errorf("rooms %v", got)
		}
		s.hears(c, "while away")
	})
}

func TestManyAreMovedAtOnce(t *testing.T) {
	s := newStage(t, events.Keep{})
	streams := map[string]*events.Cursor{
		ann: s.listen(ann, events.Start{}, "a"), bo: s.listen(bo, events.Start{}, "a", "b"), cy: s.listen(cy, events.Start{}, "c"),
	}
	move := func(leave bool, who events.Selection) (events.Moved, error) {
		return s.reg.Move(t.Context(), boss, "demo", events.Move{Room: "new", Leave: leave, Who: who})
	}
	if m, err := move(false, events.Selection{In: []string{"a", "c"}, Except: []string{"b"}}); err != nil || m.Count != 2 || m.Rooms != nil {
		t.Fatal(m, err)
	}
	s.say("", "to the new room", "new")
	for connection, want := range map[string]string{ann: "to the new room", bo: "", cy: "to the new room"} {
		s.hears(streams[connection], want)
	}
	if m, err := move(true, events.Selection{Member: streams[cy].Hello().Member}); err != nil || m.Count != 1 || !slices.Equal(m.Rooms, []string{"c"}) {
		t.Fatal(m, err)
	}
	for what, tt := range map[string]struct {
		who  events.Selection
		code events.Code
	}{
		"nobody is named":   {events.Selection{}, events.CodeNoTarget},
		"a stranger":        {events.Selection{Member: "aaaaaaaaaaaaaaaa"}, events.CodeNotFound},
		"no member's ID":    {events.Selection{Member: "x"}, events.CodeBadID},
		"a bad target":      {events.Selection{In: []string{"-"}}, events.CodeBadName},
		"nobody is in it":   {events.Selection{In: []string{"empty"}}, ""},
		"too many to count": {events.Selection{In: many(65)}, events.CodeBadParameter},
	} {
		if _, err := move(false, tt.who); codeOf(err) != tt.code {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.reg.Move(t.Context(), caller(ann), "demo", events.Move{Room: "new", Who: events.Selection{In: []string{"*"}}}); codeOf(err) != events.CodeForbidden {
		t.Errorf("moved others without the permission: %v", err)
	}
}

func TestWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		a := s.come(ann, events.Listen{Rooms: []string{"lobby", "side"}, Name: "Ann"})
		s.come(ann, events.Listen{Rooms: []string{"lobby"}}) // another tab
		s.come(bo, events.Listen{Rooms: []string{"side"}, Name: "Bob"})
		s.come(cy, events.Listen{All: true, Name: "Cyd"})
		s.come("", events.Listen{Rooms: []string{"lobby"}, Unseen: true})
		for in, want := range map[string]string{"lobby": "Ann", "side": "Ann Bob", "*": "Ann Bob Cyd", "nobody": "", "@" + a.Hello().Member: "Ann"} {
			if got := s.who(in); got != want {
				t.Errorf("in %s: %q, want %q", in, got, want)
			}
		}
		if got := s.who(); got != "Ann Bob Cyd" {
			t.Errorf("everyone: %q", got)
		}
		m, err := s.reg.Members(t.Context(), caller(""), "demo", events.Selection{In: []string{"side"}, Except: []string{"lobby"}})
		if err != nil || m.Count != 1 || m.Users != 1 || m.List[0].Name != "Bob" {
			t.Errorf("%+v %v", m, err)
		}
		a.Close()
		if got := s.who("side"); got != "Ann Bob" {
			t.Errorf("within the grace: %q", got)
		}
		time.Sleep(grace)
		synctest.Wait()
		if got := s.who("side"); got != "Bob" {
			t.Errorf("after the grace: %q", got)
		}
		if got := s.who("lobby"); got != "Ann" {
			t.Errorf("with another tab open: %q", got)
		}
	})
}

func TestAMemberDescribesItself(t *testing.T) {
	s := newStage(t, events.Keep{})
	hearer := s.listen(bo, events.Start{}, "lobby")
	describe := func(name string, data string) (events.MemberInfo, error) {
		d := events.Description{Name: &name}
		if data != "" {
			d.Data = []byte(data)
		}
		return s.reg.Describe(t.Context(), caller(ann), "demo", d)
	}
	if _, err := describe("Ann", ""); codeOf(err) != events.CodeNoStream {
		t.Errorf("without a stream: %v", err)
	}
	s.listen(ann, events.Start{}, "lobby")
	m, err := describe("Ann", `{"mood":1}`)
	if err != nil || m.Name != "Ann" || string(m.Data) != `{"mood":1}` || !slices.Equal(m.Rooms, []string{"lobby"}) || m.Since.IsZero() {
		t.Errorf("%+v %v", m, err)
	}
	s.say(ann, "hello", "lobby")
	if d := s.next(hearer); len(d.Events) != 1 || d.Events[0].Name != "Ann" {
		t.Errorf("%+v", d)
	}
	if m, err := s.reg.Describe(t.Context(), caller(ann), "demo", events.Description{Data: []byte("null")}); err != nil || m.Name != "Ann" || m.Data != nil {
		t.Errorf("%+v %v", m, err)
	}
	for _, bad := range []string{"a\u200db", "a\u202eb", "\x07", " a", "a ", strings.Repeat("a", 65), "a\u2028", "\xff"} {
		if _, err := describe(bad, ""); codeOf(err) != events.CodeBadName {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := s.reg.Listen(t.Context(), caller(cy), "demo", events.Listen{Name: bad}); codeOf(err) != events.CodeBadName {
			t.Errorf("listened as %q: %v", bad, err)
		}
	}
	if _, err := describe("Ann", `"`+strings.Repeat("x", events.MaxMemberData)+`"`); codeOf(err) != events.CodeTooLarge {
		t.Errorf("too much data: %v", err)
	}
	// A return keeps the name, a new opening sets it.
	back := s.come(ann, events.Listen{Rooms: []string{"lobby"}, Name: "Url", Start: events.After(hearer.Position().String())})
	if got := s.who("lobby"); got != " Ann" {
		t.Errorf("after a return: %q", got)
	}
	back.Close()
	s.come(ann, events.Listen{Rooms: []string{"lobby"}, Name: "Url"})
	if got := s.who("lobby"); got != " Url" {
		t.Errorf("after a new opening: %q", got)
	}
}

func TestWhoIsSentAwayIsGoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		a, b := s.come(ann, events.Listen{Rooms: []string{"lobby"}, Name: "Ann"}), s.come(bo, events.Listen{Rooms: []string{"lobby"}, Name: "Bob"})
		tab := s.come(ann, events.Listen{Rooms: []string{"side"}})
		s.say("", "last words", "lobby", "side")
		if _, err := s.reg.Disconnect(t.Context(), caller(bo), "demo", events.Selection{In: []string{"lobby"}}); codeOf(err) != events.CodeForbidden {
			t.Errorf("sent away without the permission: %v", err)
		}
		n, err := s.reg.Disconnect(t.Context(), boss, "demo", events.Selection{In: []string{"side"}})
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
		s.say("", "behind the bye", "lobby", "side")
		for _, c := range []*events.Cursor{a, tab} {
			if d := s.next(c); len(d.Events) != 1 || d.Bye != nil {
				t.Errorf("%+v", d)
			}
			if d := s.next(c); len(d.Events) > 0 || d.Bye == nil || d.Bye.Reason != events.ByeKicked || d.Bye.Reconnect {
				t.Errorf("%+v", d)
			}
		}
		if got := s.who(); got != "Bob" {
			t.Errorf("there are %q", got)
		}
		if _, err := s.reg.Disconnect(t.Context(), boss, "demo", events.Selection{Member: a.Hello().Member}); codeOf(err) != events.CodeNotFound {
			t.Errorf("sent away twice: %v", err)
		}
		// A kick is not a ban, and what was remembered is forgotten.
		if c := s.listen(ann, events.After(b.Position().String()), "new"); !slices.Equal(c.Hello().Rooms, []string{"new"}) {
			t.Errorf("%v", c.Hello().Rooms)
		}
		if err := s.reg.DisconnectSelf(t.Context(), caller(bo), "demo"); err != nil {
			t.Error(err)
		}
		if err := s.reg.DisconnectSelf(t.Context(), caller(bo), "demo"); codeOf(err) != events.CodeNoStream {
			t.Errorf("left twice: %v", err)
		}
	})
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		time.Sleep(grace) // after the first grace of a start
		told := func(c *events.Cursor, want string) {
			t.Helper()
			synctest.Wait()
			if got := tells(s.next(c)); got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		a := s.come(ann, events.Listen{Rooms: []string{"lobby", "side"}, Name: "Ann", Presence: true})
		told(a, "=lobby:1/1 Ann =side:1/1 Ann")
		b := s.come(bo, events.Listen{Rooms: []string{"lobby"}, Name: "Bob", Presence: true})
		told(b, "=lobby:2/2 Ann Bob")
		told(a, "")
		time.Sleep(time.Second)
		told(a, "lobby:2/2 +Bob")
		told(b, "") // it knows

		// One that comes in the middle of a second is told what came after it, only.
		s.come(cy, events.Listen{Rooms: []string{"lobby"}, Name: "Cyd"})
		time.Sleep(100 * time.Millisecond)
		d := s.come("connection-of-dan", events.Listen{Rooms: []string{"lobby"}, Name: "Dan", Presence: true})
		told(d, "=lobby:4/4 Ann Bob Cyd Dan")
		name := "Robert"
		if _, err := s.reg.Describe(t.Context(), caller(bo), "demo", events.Description{Name: &name}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		told(a, "lobby:4/4 +Cyd +Dan ~Robert")
		told(d, "lobby:4/4 ~Robert")

		// A return within the grace is silence; longer, and it has left.
		position := b.Position().String()
		b.Close()
		time.Sleep(grace - time.Second)
		b = s.listen(bo, events.After(position), "lobby")
		time.Sleep(2 * grace)
		told(a, "")
		b.Close()
		time.Sleep(grace + time.Second)
		told(a, "lobby:3/3 -")
		s.come(bo, events.Listen{Name: "Robert"})
		told(d, "lobby:3/3 -")

		// Who joins and leaves again within a second was not there.
		s.join(cy, "side")
		time.Sleep(2 * time.Second)
		told(a, "side:2/2 +Cyd")
		s.join(bo, "side")
		told(a, "side:3/3 +Robert") // and nothing more for a second
		if _, err := s.reg.Leave(t.Context(), caller(cy), "demo", "side"); err != nil {
			t.Fatal(err)
		}
		s.join(cy, "side")
		time.Sleep(2 * time.Second)
		told(a, "")

		// A room that is joined is told whole; one that is left no more.
		s.join(ann, "third")
		told(a, "=third:1/1 Ann")
		if _, err := s.reg.Leave(t.Context(), caller(ann), "demo", "lobby"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		told(a, "")
		told(d, "lobby:2/2 -")

		// Who is slow is told the state instead of all that led to it.
		for i := range 3 {
			s.come(fmt.Sprintf("connection-of-%05d", i), events.Listen{Rooms: []string{"lobby"}, Name: fmt.Sprint(i)})
			time.Sleep(2 * time.Second)
		}
		told(d, "=lobby:5/5 0 1 2 Cyd Dan")
	})
}

func TestUsersAreCountedOnce(t *testing.T) {
	s := newStage(t, events.Keep{})
	for i := range 3 {
		c := events.Caller{User: "ann", Connection: fmt.Sprintf("connection-of-%05d", i), May: events.MayRead}
		cur, err := s.reg.Listen(t.Context(), c, "demo", events.Listen{Rooms: []string{"lobby"}})
		if err != nil {
			t.Fatal(err)
		}
		defer cur.Close()
	}
	a := s.come(ann, events.Listen{Rooms: []string{"lobby"}, Presence: true})
	s.come(bo, events.Listen{Rooms: []string{"lobby"}})
	if d := s.next(a); len(d.Presence) != 1 || d.Presence[0].Count != 5 || d.Presence[0].Users != 3 {
		t.Errorf("%+v", d.Presence[0])
	}
	m, err := s.reg.Members(t.Context(), caller(""), "demo", events.Selection{In: []string{"lobby"}})
	if err != nil || m.Count != 5 || m.Users != 3 {
		t.Errorf("%+v %v", m, err)
	}
}

// Who has come is told with the event that comes next, not with the bell after it.
func TestPresenceBesideAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		time.Sleep(grace)
		a := s.come(ann, events.Listen{Rooms: []string{"lobby"}, Name: "Ann", Presence: true})
		s.next(a)
		s.come(bo, events.Listen{Rooms: []string{"lobby"}, Name: "Bob"})
		time.Sleep(time.Second)
		synctest.Wait()
		s.say(bo, "hello", "lobby")
		d := s.next(a)
		if got := tells(d); got != "lobby:2/2 +Bob" || len(d.Events) != 1 || d.More {
			t.Errorf("told %q and %d events, more %v", got, len(d.Events), d.More)
		}
	})
}

func TestMuchPresenceIsCountsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		time.Sleep(grace)
		a := s.come(ann, events.Listen{Rooms: []string{"lobby"}, Presence: true})
		s.next(a)
		for i := range 5 * events.MaxPresence {
			s.come(fmt.Sprintf("connection-of-%05d", i), events.Listen{Rooms: []string{"lobby"}})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		d := s.next(a)
		if len(d.Presence) != 1 {
			t.Fatalf("%d batches", len(d.Presence))
		}
		p := d.Presence[0]
		if p.Whole || p.Joined != nil || p.Count != 5*events.MaxPresence+1 {
			t.Errorf("%+v", p)
		}
		b := s.come(bo, events.Listen{Rooms: []string{"lobby"}, Presence: true})
		if p := s.next(b).Presence[0]; !p.Whole || p.Members != nil || p.Count != 5*events.MaxPresence+2 {
			t.Errorf("%+v", p)
		}
	})
}

// After a start everybody comes back, and that is no news. What it came to is told
// at the end.
func TestNobodyIsAnnouncedInTheFirstGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		a := s.come(ann, events.Listen{Rooms: []string{"lobby"}, Name: "Ann", Presence: true})
		s.next(a)
		for i := range 3 {
			time.Sleep(2 * time.Second)
			s.come(fmt.Sprintf("connection-of-%05d", i), events.Listen{Rooms: []string{"lobby"}, Name: fmt.Sprint(i)})
		}
		synctest.Wait()
		if got := tells(s.next(a)); got != "" {
			t.Errorf("told %q within the grace", got)
		}
		time.Sleep(grace - 6*time.Second)
		synctest.Wait()
		if got := tells(s.next(a)); got != "=lobby:4/4 0 1 2 Ann" {
			t.Errorf("told %q at its end", got)
		}
		s.come(bo, events.Listen{Rooms: []string{"lobby"}, Name: "Bob"})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := tells(s.next(a)); got != "lobby:5/5 +Bob" {
			t.Errorf("told %q after it", got)
		}
	})
}

func TestPresenceIsNotForAStreamOverEverything(t *testing.T) {
	s := newStage(t, events.Keep{})
	_, err := s.reg.Listen(t.Context(), caller(ann), "demo", events.Listen{All: true, Presence: true})
	if codeOf(err) != events.CodeBadParameter {
		t.Error(err)
	}
}

func TestRoomsAreListed(t *testing.T) {
	s := newStage(t, events.Keep{})
	s.come(ann, events.Listen{Rooms: []string{"b", "a", "c"}})
	s.come(bo, events.Listen{Rooms: []string{"b"}})
	list := func(after string, limit int) (string, bool) {
		rooms, more, err := s.reg.Rooms(t.Context(), caller(""), "demo", after, limit)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range rooms {
			out = append(out, fmt.Sprintf("%s:%d", r.Room, r.Count))
		}
		return strings.Join(out, " "), more
	}
	if got, more := list("", 0); got != "a:1 b:2 c:1" || more {
		t.Error(got, more)
	}
	if got, more := list("a", 1); got != "b:2" || !more {
		t.Error(got, more)
	}
	// A room is there while it has members or history.
	id := s.say(ann, "x", "ab", "c")
	if got, more := list("", 2); got != "a:1 ab:0" || !more {
		t.Error(got, more)
	}
	rooms, _, err := s.reg.Rooms(t.Context(), caller(""), "demo", "a", 0)
	if err != nil || len(rooms) != 3 || rooms[0].Last != id || rooms[1].Last.Seq != 0 || rooms[2].Last != id {
		t.Error(rooms, err)
	}
	if rooms, more, err := s.reg.Rooms(t.Context(), caller(""), "nobody", "", 0); len(rooms) > 0 || more || err != nil {
		t.Error(rooms, more, err)
	}
	if _, _, err := s.reg.Rooms(t.Context(), caller(""), "demo", "", 1001); !errors.Is(err, &events.Error{Code: events.CodeBadParameter}) {
		t.Error(err)
	}
}

// Who hears a number is settled with the number, however late it is read.
func TestASlowReaderHearsWhatWasSaidWhileItWasThere(t *testing.T) {
	s := newStage(t, events.Keep{})
	c := s.listen(bo, events.Start{}, "lobby")
	texts := func() string {
		t.Helper()
		var out []string
		for _, e := range s.next(c).Events {
			out = append(out, strings.Trim(string(e.Data), `"`))
		}
		return strings.Join(out, " ")
	}
	leave := func(room string) events.Moved {
		t.Helper()
		moved, err := s.reg.Leave(t.Context(), caller(bo), "demo", room)
		if err != nil {
			t.Fatal(err)
		}
		return moved
	}
	but := func(text, room string) {
		t.Helper()
		s.post("", events.Post{To: []string{"*"}, Except: []string{room}, Bodies: []events.Body{{Data: []byte(`"` + text + `"`)}}})
	}

	s.say("", "1", "lobby")
	s.say("", "2", "lobby")
	but("not-in-lobby", "lobby")
	if moved := leave("lobby"); moved.Position.Seq != 3 {
		t.Errorf("left at %v", moved.Position)
	}
	s.say("", "away", "lobby")
	but("4", "lobby")
	s.join(bo, "lobby")
	s.say("", "5", "lobby")
	but("not-in-lobby", "lobby")
	if got := texts(); got != "1 2 4 5" {
		t.Errorf("heard %q", got)
	}

	// What a full socket did not take is asked for again.
	s.say("", "6", "lobby")
	at := c.Position().Seq
	if got := texts(); got != "6" {
		t.Errorf("heard %q", got)
	}
	leave("lobby")
	c.Back(at)
	if got := texts(); got != "6" {
		t.Errorf("heard %q after going back", got)
	}

	// A room that was left and joined again is one room.
	s.join(bo, "lobby")
	s.next(c)
	leave("lobby")
	s.join(bo, "lobby")
	s.post("", events.Post{To: []string{"lobby"}, Volatile: true, Bodies: []events.Body{{Data: []byte(`"once"`)}}})
	if got := c.Rooms(); !slices.Equal(got, []string{"lobby"}) {
		t.Errorf("it is in %q", got)
	}
	if got := texts(); got != "once" {
		t.Errorf("heard %q", got)
	}
	leave("lobby")
	s.say("", "gone", "lobby")
	s.post("", events.Post{To: []string{"lobby"}, Volatile: true, Bodies: []events.Body{{Data: []byte(`"gone"`)}}})
	for range 2 {
		if got := texts(); got != "" {
			t.Errorf("heard %q after leaving", got)
		}
	}
	if got := s.who("lobby"); got != "" {
		t.Errorf("in the lobby are %q", got)
	}
}
