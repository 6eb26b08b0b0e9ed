package events_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
	"parley/events/memlog"
)

// The windows of many rooms stay within what they may take together, whichever
// namespaces they are in and whoever speaks; who listens hears everything all the
// same. With the last listener they are gone.
func TestWindowsShareTheirMemory(t *testing.T) {
	const (
		budget     = 64 << 10
		slack      = 8 << 10 // what those who speak at once may add before one of them sheds
		namespaces = 3
		rooms      = 40
		messages   = 6000
	)
	log := memlog.New(memlog.Options{SweepEvery: -1})
	defer log.Close()
	reg := events.NewRegistry(events.Options{Log: log, WindowMemory: budget})
	var cursors []*events.Cursor
	for ns := range namespaces {
		for room := range rooms {
			c, err := reg.Listen(t.Context(), events.Anonymous(""), fmt.Sprint("ns", ns), events.Listen{Rooms: []string{fmt.Sprint("room ", room)}})
			if err != nil {
				t.Fatal(err)
			}
			cursors = append(cursors, c)
		}
	}
	var most, said atomic.Int64
	var speaking sync.WaitGroup
	for w := range 4 {
		speaking.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			for range messages / 4 {
				// Some rooms are spoken in more than others.
				room := fmt.Sprint("room ", rnd.IntN(1+rnd.IntN(rooms)))
				body := events.Body{Data: []byte(`"` + strings.Repeat("x", rnd.IntN(500)) + `"`)}
				if _, err := reg.Publish(t.Context(), events.Anonymous(""), fmt.Sprint("ns", rnd.IntN(namespaces)), events.Post{To: []string{room}, Bodies: []events.Body{body}}); err != nil {
					t.Error(err)
					return
				}
				said.Add(1)
				for now := reg.WindowMemory(); ; {
					if m := most.Load(); now <= m || most.CompareAndSwap(m, now) {
						break
					}
				}
			}
		})
	}
	speaking.Wait()
	if m := most.Load(); m > budget+slack || m < budget/2 {
		t.Errorf("the windows took up to %d bytes of %d", m, budget)
	}
	heard := int64(0)
	for _, c := range cursors {
		for {
			d, err := c.Next(t.Context(), events.Limit{})
			if err != nil || len(d.Gaps) > 0 {
				t.Fatal(err, d.Gaps)
			}
			heard += int64(len(d.Events))
			if now := reg.WindowMemory(); now > budget+slack {
				t.Errorf("the windows take %d bytes of %d after a page from the log", now, budget)
			}
			if !d.More {
				break
			}
		}
	}
	if heard != said.Load() {
		t.Errorf("%d of %d messages were heard", heard, said.Load())
	}
	for _, c := range cursors {
		c.Close()
	}
	if now := reg.WindowMemory(); now != 0 {
		t.Errorf("without listeners the windows take %d bytes", now)
	}
}

// Rooms that are read keep their windows as long as there are others to shed.
func TestWindowsThatAreReadAreSpared(t *testing.T) {
	log := memlog.New(memlog.Options{SweepEvery: -1})
	defer log.Close()
	reg := events.NewRegistry(events.Options{Log: log, WindowMemory: 200 << 10})
	listen := func(room string) *events.Cursor {
		c, err := reg.Listen(t.Context(), events.Anonymous(""), "demo", events.Listen{Rooms: []string{room}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	say := func(room string) {
		if _, err := reg.Publish(t.Context(), events.Anonymous(""), "demo", events.Post{To: []string{room}, Bodies: []events.Body{{Data: []byte(`"hello"`)}}}); err != nil {
			t.Fatal(err)
		}
	}
	lively := listen("lively")
	for range 50 {
		say("lively")
	}
	for i := range 20 {
		listen(fmt.Sprint("left alone ", i))
	}
	for n := range 2000 {
		say(fmt.Sprint("left alone ", n%20))
		// A page that took the log would be Far here.
		lively.Back(0)
		d, err := lively.Next(t.Context(), events.Limit{Near: true})
		if err != nil || d.Far || len(d.Events) != 50 {
			t.Fatalf("after %d messages elsewhere the room that is read has lost its window: %+v, %v", n, d, err)
		}
	}
}

// near takes a cursor back above a number, reads as far as no log is needed, and reports
// whether none was.
func (s *stage) near(c *events.Cursor, above uint64) bool {
	s.Helper()
	c.Back(above)
	for {
		d, err := c.Next(s.Context(), events.Limit{Near: true})
		if err != nil {
			s.Fatal(err)
		}
		if d.Far || !d.More {
			return !d.Far
		}
	}
}

// Who is a moment behind is told from memory, however much was said in it. Who is
// further behind than that is told from the log, for there windows have their bounds.
func TestWindowsReachBackAMoment(t *testing.T) {
	for name, tt := range map[string]struct {
		each, after int // in a tenth of a second, while much is said; and when little is
		text        string
	}{
		"many": {200, 1100, "x"},
		"big":  {10, 200, strings.Repeat("x", 50_000)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStageOf(t, events.Keep{}, events.Options{Window: 1000, WindowBytes: 4 << 20, WindowMemory: -1})
				c := s.listen("", events.Start{}, "lobby")
				for tenth := range 60 {
					for range tt.each {
						s.say("", tt.text, "lobby")
					}
					if !s.near(c, uint64(max(tenth-18, 0)*tt.each)) {
						t.Fatalf("after %d ms who is 1.9 s behind needs the log", tenth*100)
					}
					time.Sleep(100 * time.Millisecond)
				}
				if s.near(c, 0) {
					t.Error("a window that is to hold 2 s holds all of 6")
				}
				// What is said at leisure makes it small again.
				for range tt.after {
					s.say("", tt.text, "lobby")
					time.Sleep(100 * time.Millisecond)
				}
				if s.near(c, uint64(60*tt.each)) {
					t.Error("a window has not become smaller when less was said")
				}
			})
		})
	}
}

// A moment in which very much is said is not kept whole.
func TestAMomentIsBounded(t *testing.T) {
	s := newStageOf(t, events.Keep{}, events.Options{WindowBytes: 100_000, WindowAge: time.Hour, WindowMemory: -1})
	late, later := s.listen("", events.Start{}, "lobby"), s.listen("", events.Start{}, "lobby")
	text := strings.Repeat("x", 50_000)
	for n := range uint64(50) {
		s.say("", text, "lobby")
		if !s.near(late, max(n, 7)-7) {
			t.Fatalf("who is 8 events behind, after %d, needs the log", n+1)
		}
		if n < 16 {
			continue
		}
		if s.near(later, n-15) {
			t.Fatalf("who is 16 events behind, after %d, needs no log", n+1)
		}
		s.all(later)
	}
}
