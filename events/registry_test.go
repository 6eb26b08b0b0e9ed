package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
	"parley/events/memlog"
)

const (
	ann = "connection-of-ann"
	bo  = "connection-of-bob"
	cy  = "connection-of-cyd"
)

// A stage is a registry on a log in memory.
type stage struct {
	*testing.T
	log *memlog.Log
	reg *events.Registry
}

func newStage(t *testing.T, keep events.Keep) *stage {
	t.Helper()
	return newStageOf(t, keep, events.Options{})
}

// newStageOf is a stage with options, but for the log.
func newStageOf(t *testing.T, keep events.Keep, o events.Options) *stage {
	t.Helper()
	log := memlog.New(memlog.Options{Keep: keep, SweepEvery: -1})
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Log = log
	return &stage{T: t, log: log, reg: events.NewRegistry(o)}
}

func (s *stage) listen(connection string, start events.Start, rooms ...string) *events.Cursor {
	s.Helper()
	l := events.Listen{Rooms: rooms, Start: start}
	if slices.Equal(rooms, []string{"*"}) {
		l = events.Listen{All: true, Start: start}
	}
	c, err := s.reg.Listen(s.Context(), events.Anonymous(connection), "demo", l)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(c.Close)
	return c
}

// say posts text and gives its ID.
func (s *stage) say(connection, text string, to ...string) events.ID {
	s.Helper()
	return s.post(connection, events.Post{To: to, Bodies: []events.Body{{Data: []byte(`"` + text + `"`)}}}).First
}

func (s *stage) post(connection string, p events.Post) events.Published {
	s.Helper()
	got, err := s.reg.Publish(s.Context(), events.Anonymous(connection), "demo", p)
	if err != nil {
		s.Fatal(err)
	}
	return got
}

func body(text string) []events.Body { return []events.Body{{Data: []byte(`"` + text + `"`)}} }

// all reads a cursor dry and gives what it heard.
func (s *stage) all(c *events.Cursor) (heard []string, gaps []events.Gap) {
	s.Helper()
	for {
		d, err := c.Next(s.Context(), events.Limit{})
		if err != nil {
			s.Fatal(err)
		}
		gaps = append(gaps, d.Gaps...)
		for _, e := range d.Events {
			heard = append(heard, strings.Trim(string(e.Data), `"`))
		}
		if d.Empty() && !d.More || d.Bye != nil {
			return heard, gaps
		}
	}
}

func (s *stage) hears(c *events.Cursor, want string) {
	s.Helper()
	heard, gaps := s.all(c)
	if got := strings.Join(heard, " "); got != want || len(gaps) > 0 {
		s.Errorf("heard %q and gaps %v, want %q", got, gaps, want)
	}
}

func TestTheSenderIsLeftOutLiveAndInReplay(t *testing.T) {
	s := newStage(t, events.Keep{})
	a, b := s.listen(ann, events.Start{}, "lobby"), s.listen(bo, events.Start{}, "lobby")
	start := a.Position().String()
	s.say(ann, "a1", "lobby")
	s.say(bo, "b1", "lobby")
	s.say("", "server", "lobby")
	s.post(ann, events.Post{To: []string{"lobby"}, Echo: true, Bodies: body("echo")})
	s.hears(a, "b1 server echo")
	s.hears(b, "a1 server echo")
	s.hears(s.listen(ann, events.After(start), "lobby"), "b1 server echo")
	s.hears(s.listen(cy, events.After(start), "lobby"), "a1 b1 server echo")
	// Another tab of the same connection ID is the same member.
	s.hears(s.listen(ann, events.FromAll(), "lobby"), "b1 server echo")
	// Another user with that connection ID is not.
	c, err := s.reg.Listen(t.Context(), events.Caller{User: "eve", Connection: ann, May: events.MayRead}, "demo",
		events.Listen{Rooms: []string{"lobby"}, Start: events.FromAll()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.hears(c, "a1 b1 server echo")
}

func TestTheAudienceIsTheUnionLessExcept(t *testing.T) {
	s := newStage(t, events.Keep{})
	a := s.listen(ann, events.Start{}, "red", "blue")
	b := s.listen(bo, events.Start{}, "blue", "vip")
	c := s.listen(cy, events.Start{})
	x := s.listen("connection-of-all", events.Start{}, "*")
	at := "@" + b.Hello().Member
	for i, p := range []events.Post{
		{To: []string{"red", "blue"}},
		{To: []string{"red", "blue"}, Except: []string{"vip"}},
		{To: []string{"*"}},
		{To: []string{"*"}, Except: []string{"red"}},
		{To: []string{at}},
		{To: []string{"*"}, Except: []string{at}},
		{To: []string{at, "red"}},
		{To: []string{"*", "red"}, Except: []string{"*"}},
		{To: []string{"nobody"}},
	} {
		p.Bodies = body(fmt.Sprint(i))
		s.post("", p)
	}
	s.hears(a, "0 1 2 5 6")
	s.hears(b, "0 2 3 4 6")
	s.hears(c, "2 3 5")
	s.hears(x, "0 1 2 3 5 6 8")
	s.hears(s.listen(bo, events.FromAll(), "blue", "vip"), "0 2 3 4 6")
}

func TestWhereAStreamStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		for i := range 5 {
			s.say(ann, fmt.Sprint(i), "lobby")
			s.say(bo, fmt.Sprint("other", i), "elsewhere")
			time.Sleep(time.Minute)
		}
		epoch := s.listen(bo, events.Start{}, "lobby").Epoch()
		id := func(n int) string { return fmt.Sprintf("%s-%d", epoch, n) }
		for _, c := range []struct {
			name    string
			start   events.Start
			id      int
			resumed bool
			heard   string
		}{
			{"now", events.Start{}, 10, false, ""},
			{"after 0", events.After(id(0)), 0, true, "0 1 2 3 4"},
			{"after 3", events.After(id(3)), 3, true, "2 3 4"},
			{"after the last", events.After(id(10)), 10, true, ""},
			{"all", events.FromAll(), 0, false, "0 1 2 3 4"},
			{"last 2", events.FromLast(2), 6, false, "3 4"},
			{"last 100", events.FromLast(100), 0, false, "0 1 2 3 4"},
			{"two minutes and a half", events.FromTime(time.Now().Add(-150 * time.Second)), 6, false, "3 4"},
			{"a time to come", events.FromTime(time.Now().Add(time.Hour)), 10, false, ""},
			{"before everything", events.FromTime(time.Time{}), 0, false, "0 1 2 3 4"},
		} {
			cur := s.listen(bo, c.start, "lobby")
			h := cur.Hello()
			if h.Start.String() != id(c.id) || h.Resumed != c.resumed {
				t.Errorf("%s: starts at %v, resumed %v", c.name, h.Start, h.Resumed)
			}
			s.hears(cur, c.heard)
			if cur.Position().String() != id(10) {
				t.Errorf("%s: ends at %v", c.name, cur.Position())
			}
		}
		// What a stream would not hear does not count among its last.
		s.hears(s.listen(ann, events.FromLast(2), "lobby", "elsewhere"), "other3 other4")
	})
}

func TestAPositionOfAnotherLogIsAGap(t *testing.T) {
	s := newStage(t, events.Keep{})
	s.say(ann, "0", "lobby")
	for raw, from := range map[string]string{
		"zzzz-1": "zzzz-1", "nonsense": "", "zzzz-1 ": "", strings.Repeat("9", 1000): "",
		s.listen(bo, events.Start{}, "lobby").Epoch() + "-2": s.listen(bo, events.Start{}).Epoch() + "-2",
	} {
		c := s.listen(bo, events.After(raw), "lobby")
		if c.Hello().Resumed || c.Hello().Start.Seq != 1 {
			t.Errorf("%q: %+v", raw, c.Hello())
		}
		heard, gaps := s.all(c)
		want := events.Gap{From: from, To: c.Position(), Reason: events.GapEpoch}
		if len(heard) > 0 || len(gaps) != 1 || gaps[0] != want {
			t.Errorf("%q: heard %v and gaps %+v, want %+v", raw, heard, gaps, want)
		}
	}
}

func TestWhatRetentionTookIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{Events: 2, Age: time.Hour})
		open := s.listen(bo, events.Start{}, "lobby", "quiet")
		start := open.Position().String()
		epoch := open.Epoch()
		open.Close() // or the window would still have everything
		for i := range 5 {
			s.say(ann, fmt.Sprint(i), "lobby")
		}
		s.say(ann, "q", "quiet")
		s.sweep()
		c := s.listen(bo, events.After(start), "lobby", "quiet")
		if c.Hello().Resumed {
			t.Error("resumed over a gap")
		}
		heard, gaps := s.all(c)
		want := events.Gap{Room: "lobby", From: start, To: events.ID{Epoch: epoch, Seq: 3}, Reason: events.GapExpired}
		if strings.Join(heard, " ") != "3 4 q" || len(gaps) != 1 || gaps[0] != want {
			t.Errorf("heard %v, gaps %+v", heard, gaps)
		}
		s.hears(s.listen(bo, events.FromAll(), "lobby", "quiet"), "3 4 q")
		s.hears(s.listen(bo, events.FromLast(9), "lobby"), "3 4")
		s.hears(s.listen(cy, events.After(start), "quiet"), "q")
		s.reg.Drain() // and so would theirs
		s.reg = events.NewRegistry(events.Options{Log: s.log})

		// Age empties everything, and the gap is told all the same, once, for all rooms.
		time.Sleep(2 * time.Hour)
		s.sweep()
		c = s.listen(bo, events.After(start), "lobby", "quiet")
		heard, gaps = s.all(c)
		want = events.Gap{From: start, To: events.ID{Epoch: epoch, Seq: 6}, Reason: events.GapExpired}
		if len(heard) > 0 || len(gaps) != 1 || gaps[0] != want {
			t.Errorf("heard %v, gaps %+v", heard, gaps)
		}
		// Whether these were older than the time asked for, nobody knows any more.
		if _, gaps := s.all(s.listen(bo, events.FromTime(time.Now().Add(-24*time.Hour)), "lobby")); len(gaps) != 1 || gaps[0].From != "" {
			t.Errorf("since a day ago the gaps are %+v", gaps)
		}
		s.say(ann, "new", "lobby")
		time.Sleep(time.Minute)
		s.say(ann, "newer", "lobby")
		s.hears(s.listen(bo, events.FromTime(time.Now()), "lobby"), "newer")
	})
}

func (s *stage) sweep() {
	s.Helper()
	if err := s.log.Sweep(s.Context()); err != nil {
		s.Fatal(err)
	}
}

func TestAnOpenStreamThatFallsBehindRetentionIsTold(t *testing.T) {
	s := newStageOf(t, events.Keep{Events: 3}, events.Options{Window: 2, WindowAge: -1})
	c := s.listen(bo, events.Start{}, "lobby")
	s.hears(c, "")
	for i := range 10 {
		s.say(ann, fmt.Sprint(i), "lobby")
	}
	s.sweep()
	heard, gaps := s.all(c)
	if strings.Join(heard, " ") != "7 8 9" || len(gaps) != 1 || gaps[0].To.Seq != 7 || gaps[0].Room != "lobby" {
		t.Errorf("heard %v, gaps %+v", heard, gaps)
	}
	s.say(ann, "10", "lobby")
	s.hears(c, "10")
}

// Whoever said something may use the lists of its targets again, whether a log has
// kept it or not.
func TestTargetsAreTheCallersOwn(t *testing.T) {
	for name, volatile := range map[string]bool{"kept": false, "volatile": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, events.Keep{})
			c := s.listen(ann, events.Start{}, "lobby")
			p := events.Post{To: []string{"lobby"}, Except: []string{"elsewhere"}, Volatile: volatile, Bodies: body("x")}
			s.post(bo, p)
			p.To[0], p.Except[0] = "another", "lobby"
			d, err := c.Next(t.Context(), events.Limit{})
			if err != nil || len(d.Events) != 1 || d.Events[0].To[0] != "lobby" || d.Events[0].Except[0] != "elsewhere" {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}

func TestVolatileIsForThoseWhoAreUpToDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		live, late := s.listen(bo, events.Start{}, "lobby"), s.listen(cy, events.Start{}, "lobby")
		own := s.listen(ann, events.Start{}, "lobby")
		volatile := func(text string) {
			got := s.post(ann, events.Post{To: []string{"lobby"}, Volatile: true, Bodies: body(text)})
			if got.First != (events.ID{}) || got.From == "" || got.Time.IsZero() {
				t.Errorf("a volatile post is answered %+v", got)
			}
		}
		volatile("at once")
		s.say(ann, "1", "lobby")
		volatile("between")
		s.say(ann, "2", "lobby")
		s.hears(live, "at once 1 between 2")
		s.hears(own, "")
		// Late is taken to be writing for a while, and then to be stuck.
		time.Sleep(3 * time.Second)
		s.hears(late, "1 2")
		s.hears(s.listen(cy, events.FromAll(), "lobby"), "1 2")
		for i := range 300 {
			s.say(ann, fmt.Sprint(i), "lobby")
		}
		if d, err := live.Next(t.Context(), events.Limit{Events: 10}); err != nil || !d.More {
			t.Fatalf("%+v %v", d, err)
		}
		volatile("not for one who is behind")
		heard, _ := s.all(live)
		if len(heard) != 290 || slices.Contains(heard, "not for one who is behind") {
			t.Errorf("heard %d: %v", len(heard), heard[len(heard)-1])
		}
		volatile("up to date again")
		s.hears(live, "up to date again")
	})
}

func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		late := s.listen(bo, events.Start{}, "lobby")
		s.post(ann, events.Post{To: []string{"lobby"}, Bodies: []events.Body{{Data: []byte(`"short"`), TTL: time.Minute}}})
		s.say(ann, "long", "lobby")
		s.hears(s.listen(bo, events.FromAll(), "lobby"), "short long")
		time.Sleep(time.Minute)
		s.hears(late, "long") // from the window
		s.hears(s.listen(bo, events.FromAll(), "lobby"), "long")
	})
}

func TestTheNinthStreamOfAConnectionEndsTheOldest(t *testing.T) {
	s := newStage(t, events.Keep{})
	var streams []*events.Cursor
	for range 9 {
		streams = append(streams, s.listen(ann, events.Start{}, "lobby"))
	}
	s.listen(bo, events.Start{}, "lobby")
	for i, c := range streams {
		d, err := c.Next(t.Context(), events.Limit{})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Bye != nil; got != (i == 0) {
			t.Errorf("stream %d: bye %v", i, d.Bye)
		}
		if d.Bye != nil && (d.Bye.Reason != events.ByeReplaced || d.Bye.Reconnect) {
			t.Errorf("the oldest is told %+v", d.Bye)
		}
	}
	if n := s.reg.Streams(); n != 9 {
		t.Errorf("%d streams are open", n)
	}
}

func TestDrain(t *testing.T) {
	s := newStage(t, events.Keep{})
	rung := make(chan struct{}, 1)
	c, err := s.reg.Listen(t.Context(), events.Anonymous(ann), "demo", events.Listen{Bell: events.BellFunc(func() {
		select {
		case rung <- struct{}{}:
		default:
		}
	})})
	if err != nil {
		t.Fatal(err)
	}
	s.say(bo, "a last word", "*")
	s.reg.Drain()
	<-rung
	// The bell has rung for both, and does not ring again for the bye.
	if d, err := c.Next(t.Context(), events.Limit{}); err != nil || len(d.Events) != 1 || !d.More {
		t.Errorf("%+v %v", d, err)
	}
	for range 2 {
		d, err := c.Next(t.Context(), events.Limit{})
		if err != nil || d.Bye == nil || d.Bye.Reason != events.ByeDrain || !d.Bye.Reconnect || d.Bye.Retry < time.Second || d.Bye.Retry > 2*time.Second {
			t.Errorf("%+v %v", d.Bye, err)
		}
	}
	if _, err := s.reg.Listen(t.Context(), events.Anonymous(bo), "demo", events.Listen{}); !errors.Is(err, events.ErrUnavailable) {
		t.Errorf("a stream began while draining: %v", err)
	}
	s.say(ann, "under way", "lobby")
	if n := s.reg.Streams(); n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

// Ten thousand who are sent away come back over five seconds, 2,000 a second.
func TestTheReturnAfterADrainIsSpread(t *testing.T) {
	log := memlog.New(memlog.Options{SweepEvery: -1})
	defer log.Close()
	const streams = 10_000
	s := &stage{T: t, log: log, reg: events.NewRegistry(events.Options{Log: log, Streams: streams})}
	var all []*events.Cursor
	for range streams {
		all = append(all, s.listen(ann, events.Start{}))
	}
	s.reg.Drain()
	perSecond := map[int]int{}
	for _, c := range all {
		d, err := c.Next(t.Context(), events.Limit{})
		if err != nil || d.Bye == nil {
			t.Fatalf("%+v %v", d, err)
		}
		perSecond[int(d.Bye.Retry/time.Second)]++
	}
	for second := 1; second <= 5; second++ {
		if n := perSecond[second]; n < 1700 || n > 2300 {
			t.Errorf("%d come back in second %d: %v", n, second, perSecond)
		}
	}
}

func TestIdempotencyIsScopedAndCompared(t *testing.T) {
	s := newStage(t, events.Keep{})
	p := events.Post{To: []string{"lobby"}, Key: "k", Bodies: body("once")}
	first := s.post(ann, p)
	again := s.post(ann, p)
	if !again.Replayed || again.First != first.First || !again.Time.Equal(first.Time) || again.From != first.From || first.Replayed {
		t.Errorf("%+v, then %+v", first, again)
	}
	if other := s.post(bo, p); other.Replayed {
		t.Error("another connection's key was taken for this one's")
	}
	for name, q := range map[string]events.Post{
		"target": {To: []string{"other"}, Key: "k", Bodies: body("once")},
		"except": {To: []string{"lobby"}, Except: []string{"x"}, Key: "k", Bodies: body("once")},
		"body":   {To: []string{"lobby"}, Key: "k", Bodies: body("twice")},
		"echo":   {To: []string{"lobby"}, Key: "k", Echo: true, Bodies: body("once")},
		"event":  {To: []string{"lobby"}, Key: "k", Bodies: []events.Body{{Event: "other", Data: []byte(`"once"`)}}},
		"ttl":    {To: []string{"lobby"}, Key: "k", Bodies: []events.Body{{Data: []byte(`"once"`), TTL: time.Hour}}},
		"form":   {To: []string{"lobby"}, Key: "k", Bodies: []events.Body{{Data: []byte(`"once"`), Encoding: "base64"}}},
		"type":   {To: []string{"lobby"}, Key: "k", Bodies: []events.Body{{Data: []byte(`"once"`), Type: "image/png"}}},
		"batch":  {To: []string{"lobby"}, Key: "k", Bodies: append(body("once"), body("once")...)},
		"shape":  {To: []string{"lobby"}, Key: "k", Batch: true, Bodies: body("once")},
	} {
		if _, err := s.reg.Publish(t.Context(), events.Anonymous(ann), "demo", q); !errors.Is(err, events.ErrKeyReused) {
			t.Errorf("another %s under the same key: %v", name, err)
		}
	}
	s.hears(s.listen(cy, events.FromAll(), "lobby"), "once once")

	// Targets are sets.
	q := events.Post{To: []string{"a", "b"}, Except: []string{"c", "d"}, Key: "sets", Bodies: body("x")}
	s.post(ann, q)
	q.To, q.Except = []string{"b", "a", "b"}, []string{"d", "c"}
	if got := s.post(ann, q); !got.Replayed {
		t.Error("the same targets in another order were taken for others")
	}

	// What stands beside each other does not run together.
	p = events.Post{To: []string{"lobby"}, Key: "12", Bodies: []events.Body{{Event: "e", Data: []byte("12")}}}
	s.post(ann, p)
	p.Bodies = []events.Body{{Event: "e1", Data: []byte("2")}}
	if _, err := s.reg.Publish(t.Context(), events.Anonymous(ann), "demo", p); !errors.Is(err, events.ErrKeyReused) {
		t.Errorf("an event's name and its data run together: %v", err)
	}
	p.Key = "2"
	if got := s.post(ann+"1", p); got.Replayed {
		t.Error("a connection's ID and its key run together")
	}
}

func TestWhatCannotBePublished(t *testing.T) {
	s := newStage(t, events.Keep{})
	for name, c := range map[string]struct {
		ns   string
		may  events.Permission
		p    events.Post
		code events.Code
	}{
		"namespace":    {"Demo", events.MayWrite, events.Post{To: []string{"a"}, Bodies: body("")}, events.CodeBadName},
		"permission":   {"demo", events.MayRead, events.Post{To: []string{"a"}, Bodies: body("")}, events.CodeForbidden},
		"no target":    {"demo", events.MayWrite, events.Post{Bodies: body("")}, events.CodeNoTarget},
		"no event":     {"demo", events.MayWrite, events.Post{To: []string{"a"}}, events.CodeBadEvent},
		"event name":   {"demo", events.MayWrite, events.Post{To: []string{"a"}, Bodies: []events.Body{{Event: "hello"}}}, events.CodeBadEvent},
		"ttl":          {"demo", events.MayWrite, events.Post{To: []string{"a"}, Bodies: []events.Body{{TTL: -1}}}, events.CodeBadParameter},
		"key":          {"demo", events.MayWrite, events.Post{To: []string{"a"}, Key: "a b", Bodies: body("")}, events.CodeBadParameter},
		"volatile ttl": {"demo", events.MayWrite, events.Post{To: []string{"a"}, Volatile: true, Bodies: []events.Body{{TTL: 1}}}, events.CodeBadParameter},
		"volatile key": {"demo", events.MayWrite, events.Post{To: []string{"a"}, Volatile: true, Key: "k", Bodies: body("")}, events.CodeBadParameter},
		"volatile 2":   {"demo", events.MayWrite, events.Post{To: []string{"a"}, Volatile: true, Bodies: append(body(""), body("")...)}, events.CodeBadParameter},
		"1001":         {"demo", events.MayWrite, events.Post{To: []string{"a"}, Bodies: make([]events.Body, 1001)}, events.CodeTooLarge},
	} {
		_, err := s.reg.Publish(t.Context(), events.Caller{May: c.may}, c.ns, c.p)
		if codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.log.Head(t.Context(), "demo"); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("a refusal made the namespace: %v", err)
	}
}

func TestHistory(t *testing.T) {
	s := newStage(t, events.Keep{})
	who := events.Anonymous(ann)
	look := func(room string, l events.Look) string {
		t.Helper()
		h, err := s.reg.History(t.Context(), who, "demo", room, l)
		if err != nil {
			t.Fatalf("%+v: %v", l, err)
		}
		var out []string
		for _, e := range h.Events {
			out = append(out, strings.Trim(string(e.Data), `"`))
		}
		if h.More {
			out = append(out, "…")
		}
		return strings.Join(out, " ")
	}
	if got := look("lobby", events.Look{}); got != "" {
		t.Errorf("nothing was said, and history is %q", got)
	}
	if _, err := s.log.Head(t.Context(), "demo"); !errors.Is(err, events.ErrNotFound) {
		t.Error("looking back made the namespace")
	}
	var ids []string
	for i := range 6 {
		ids = append(ids, s.say(ann, fmt.Sprint(i), "lobby").String())
		s.say(ann, "elsewhere", "other")
	}
	for want, l := range map[string]events.Look{
		"0 1 2 3 4 5": {},
		"4 5 …":       {Limit: 2},
		"2 3 …":       {Limit: 2, Before: ids[4]},
		"0 1":         {Limit: 2, Before: ids[2]},
		"":            {Before: ids[0]},
		"4 5":         {After: ids[3]},
		"3":           {After: ids[2], Before: ids[4]},
	} {
		if got := look("lobby", l); got != want {
			t.Errorf("%+v gives %q, want %q", l, got, want)
		}
	}
	for _, l := range []events.Look{{Limit: -1}, {Limit: 501}, {Before: "x"}, {After: "zzzz-1"}} {
		if _, err := s.reg.History(t.Context(), who, "demo", "lobby", l); codeOf(err) != events.CodeBadParameter {
			t.Errorf("%+v: %v", l, err)
		}
	}
	e, epoch, err := s.reg.Event(t.Context(), who, "demo", "lobby", ids[2])
	if err != nil || string(e.Data) != `"2"` || epoch == "" {
		t.Errorf("%v %v", e, err)
	}
	for id, code := range map[string]events.Code{
		"x": events.CodeBadID, "zzzz-1": events.CodeNotFound, epoch + "-0": events.CodeNotFound,
		epoch + "-2": events.CodeNotFound, epoch + "-9999999999999999999": events.CodeNotFound,
	} {
		if _, _, err := s.reg.Event(t.Context(), who, "demo", "lobby", id); codeOf(err) != code {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := s.reg.History(t.Context(), events.Caller{May: events.MayRead}, "demo", "lobby", events.Look{}); !errors.Is(err, events.ErrForbidden) {
		t.Errorf("looked back without the permission: %v", err)
	}
}

func TestErase(t *testing.T) {
	s := newStage(t, events.Keep{})
	c := s.listen(bo, events.Start{}, "lobby")
	first := s.say(ann, "secret", "lobby", "other")
	s.say(ann, "open", "lobby")
	other := s.listen(cy, events.After(first.String()), "other")
	for _, who := range []events.Caller{events.Anonymous(bo), events.Anonymous("")} {
		if _, err := s.reg.EraseEvent(t.Context(), who, "demo", "lobby", first.String()); !errors.Is(err, events.ErrForbidden) {
			t.Errorf("erased what others said: %v", err)
		}
		if _, err := s.reg.EraseEvent(t.Context(), who, "demo", "lobby", events.ID{Epoch: first.Epoch, Seq: 77}.String()); !errors.Is(err, events.ErrForbidden) {
			t.Errorf("a stranger is told what is not there: %v", err)
		}
	}
	if _, err := s.reg.EraseEvent(t.Context(), events.Anonymous(ann), "demo", "lobby", first.String()); err != nil {
		t.Fatal(err) // her own
	}
	if _, err := s.reg.EraseEvent(t.Context(), events.KeyHolder(""), "demo", "lobby", first.String()); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("erased twice: %v", err)
	}
	s.hears(other, fmt.Sprintf(`{"room":"lobby","ids":["%s"]}`, first))
	heard, gaps := s.all(c)
	want := fmt.Sprintf(`{"room":"lobby","ids":["%s"]}`, first)
	if !slices.Equal(heard, []string{"open", want}) || len(gaps) > 0 {
		t.Errorf("heard %v, gaps %v", heard, gaps)
	}
	s.hears(s.listen(bo, events.FromAll(), "other"), fmt.Sprintf(`{"room":"lobby","ids":["%s"]}`, first))
	if _, err := s.reg.EraseRoom(t.Context(), events.Anonymous(ann), "demo", "lobby", ""); !errors.Is(err, events.ErrForbidden) {
		t.Errorf("emptied a room without the permission: %v", err)
	}
	if _, err := s.reg.EraseRoom(t.Context(), events.KeyHolder(""), "demo", "lobby", ""); err != nil {
		t.Fatal(err)
	}
	heard, gaps = s.all(s.listen(bo, events.FromAll(), "lobby"))
	if len(heard) != 1 || !strings.Contains(heard[0], `"upto"`) || len(gaps) > 0 {
		t.Errorf("heard %v, gaps %v", heard, gaps)
	}
}

// What one cursor recalls for all is not what was erased in between.
func TestWhatWasErasedIsNotRecalled(t *testing.T) {
	s := newStage(t, events.Keep{})
	s.say(ann, "secret", "lobby")
	s.say(ann, "open", "lobby")
	slow := &slowReads{Log: s.log, read: make(chan struct{}), goOn: make(chan struct{})}
	s.reg = events.NewRegistry(events.Options{Log: slow})
	c := s.listen(bo, events.FromAll(), "lobby")
	slow.slow.Store(true)
	page := make(chan events.Delivery)
	go func() {
		d, err := c.Next(t.Context(), events.Limit{})
		if err != nil {
			t.Error(err)
		}
		page <- d
	}()
	<-slow.read // the log has told both
	slow.slow.Store(false)
	if _, err := s.reg.EraseEvent(t.Context(), events.KeyHolder(""), "demo", "lobby", c.Epoch()+"-1"); err != nil {
		t.Fatal(err)
	}
	close(slow.goOn)
	<-page
	heard, _ := s.all(s.listen(cy, events.After(events.ID{Epoch: c.Epoch()}.String()), "lobby"))
	if slices.Contains(heard, "secret") {
		t.Errorf("heard %v", heard)
	}
}

// slowReads holds back the answer of a read until it is told to go on.
type slowReads struct {
	events.Log
	slow       atomic.Bool
	read, goOn chan struct{}
}

func (l *slowReads) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	page, err := l.Log.Read(ctx, ns, q)
	if l.slow.Load() && len(page.Events) > 0 {
		l.read <- struct{}{}
		<-l.goOn
	}
	return page, err
}

func TestWhatAStreamMayAskFor(t *testing.T) {
	s := newStage(t, events.Keep{})
	for name, c := range map[string]struct {
		ns     string
		caller events.Caller
		l      events.Listen
		code   events.Code
	}{
		"namespace":  {"-", events.Anonymous(ann), events.Listen{}, events.CodeBadName},
		"permission": {"demo", events.Caller{}, events.Listen{}, events.CodeForbidden},
		"room":       {"demo", events.Anonymous(ann), events.Listen{Rooms: []string{"a", "@b"}}, events.CodeBadName},
		"many":       {"demo", events.Anonymous(ann), events.Listen{Rooms: many(101)}, events.CodeBadParameter},
	} {
		if _, err := s.reg.Listen(t.Context(), c.caller, c.ns, c.l); codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := s.listen("", events.Start{}, "a", "b", "a")
	h := c.Hello()
	if h.Connection == "" || events.CheckConnectionID(h.Connection) != nil || !slices.Equal(h.Rooms, []string{"a", "b"}) || events.CheckMember(h.Member) != nil {
		t.Errorf("%+v", h)
	}
	if h := s.listen(ann, events.Start{}).Hello(); h.Connection != "" {
		t.Errorf("a connection ID is told to who brought it: %+v", h)
	}
}

// A gap that was found before the log failed is told when it answers again.
func TestAGapOutlivesAnError(t *testing.T) {
	s := newStage(t, events.Keep{Events: 1})
	s.say(ann, "old", "a")
	s.say(ann, "new", "a")
	s.say(ann, "b", "b")
	failing := &failingReads{Log: s.log}
	s.reg = events.NewRegistry(events.Options{Log: failing})
	c := s.listen(bo, events.FromAll(), "a", "b")
	c.Back(0)
	s.hears(c, "old new b") // the bound is enforced by sweeps
	s.sweep()
	s.reg = events.NewRegistry(events.Options{Log: failing})
	c = s.listen(bo, events.FromAll(), "a", "b")
	s.say(ann, "newer", "a")
	s.sweep()
	c.Back(0)
	failing.room.Store("b")
	if _, err := c.Next(t.Context(), events.Limit{}); err == nil {
		t.Fatal("a read that failed gave a page")
	}
	failing.room.Store("")
	if heard, gaps := s.all(c); len(gaps) != 1 || gaps[0].Room != "a" {
		t.Errorf("heard %v and gaps %+v", heard, gaps)
	}
}

// failingReads cannot read one room.
type failingReads struct {
	events.Log
	room atomic.Value
}

func (l *failingReads) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	if l.room.Load() == q.Stretch {
		return events.Page{}, events.Refuse(events.CodeUnavailable, "not now")
	}
	return l.Log.Read(ctx, ns, q)
}

func TestALogThatCannotAnswerChangesNoPosition(t *testing.T) {
	s := newStage(t, events.Keep{})
	s.say(ann, "1", "lobby")
	c := s.listen(bo, events.FromAll(), "lobby")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Next(ctx, events.Limit{}); err == nil {
		t.Fatal("a cancelled read gave a page")
	}
	s.hears(c, "1")
}
