package events_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

// Whoever applies what presence tells knows in the end who is there.
func TestModelOfPresence(t *testing.T) {
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			s := newStage(t, events.Keep{})
			time.Sleep(time.Duration(rnd.IntN(2)) * 11 * time.Second)
			var trace []string
			note := func(f string, a ...any) { trace = append(trace, fmt.Sprintf(f, a...)) }
			fail := func(f string, a ...any) {
				t.Fatalf("seed %d: %s\n%s", seed, fmt.Sprintf(f, a...), strings.Join(trace, "\n"))
			}
			type watcher struct {
				c     *events.Cursor
				knows map[string]string
				begun bool
			}
			var ws []*watcher
			people := map[string]*events.Cursor{}
			read := func(i int) {
				w := ws[i]
				d := s.next(w.c)
				for _, p := range d.Presence {
					note("watcher %d told whole=%v +%v -%v ~%v count %d users %d", i, p.Whole, p.Joined, p.Left, p.Changed, p.Count, p.Users)
					if p.Whole {
						w.knows = map[string]string{}
						for _, m := range p.Members {
							w.knows[m.ID] = m.Name
						}
					} else {
						if !w.begun {
							fail("changes before the state")
						}
						for _, m := range p.Joined {
							if _, in := w.knows[m.ID]; in {
								fail("%v joined and was there", m)
							}
							w.knows[m.ID] = m.Name
						}
						for _, id := range p.Left {
							if _, in := w.knows[id]; !in {
								fail("%v left and was not there", id)
							}
							delete(w.knows, id)
						}
						for _, m := range p.Changed {
							if w.knows[m.ID] == m.Name {
								fail("%v changed to what it was", m)
							}
							w.knows[m.ID] = m.Name
						}
						if p.Joined == nil && p.Left == nil && p.Changed == nil {
							fail("nothing was told")
						}
					}
					w.begun = true
					if len(w.knows) != p.Count {
						fail("knows %d, count %d", len(w.knows), p.Count)
					}
					if len(d.Presence) > 1 {
						fail("told twice")
					}
				}
			}
			conn := func() string { return fmt.Sprintf("connection-of-%04d", rnd.IntN(5)) }
			for range 80 {
				switch k := rnd.IntN(12); k {
				case 0, 1:
					me := conn()
					if people[me] == nil {
						start := events.Start{}
						if rnd.IntN(2) == 0 {
							start = events.After("abcd-1")
						}
						people[me] = s.come(me, events.Listen{Rooms: []string{"r"}, Start: start, Name: fmt.Sprint("n", rnd.IntN(3))})
						note("%s comes", me)
					}
				case 2:
					me := conn()
					if people[me] != nil {
						people[me].Close()
						people[me] = nil
						note("%s closes", me)
					}
				case 3:
					me := conn()
					_, err := s.reg.Disconnect(t.Context(), boss, "demo", events.Selection{Member: member(s, me)})
					if c := people[me]; c != nil {
						c.Close()
						people[me] = nil
					}
					note("%s is kicked %v", me, err)
				case 4:
					me, name := conn(), fmt.Sprint("n", rnd.IntN(3))
					_, err := s.reg.Describe(t.Context(), caller(me), "demo", events.Description{Name: &name})
					note("%s is %s %v", me, name, err)
				case 5:
					me := conn()
					_, err := s.reg.Leave(t.Context(), caller(me), "demo", "r")
					note("%s leaves %v", me, err)
				case 6:
					me := conn()
					_, err := s.reg.Join(t.Context(), caller(me), "demo", "r")
					note("%s joins %v", me, err)
				case 7:
					if len(ws) < 3 {
						w := &watcher{c: s.come(fmt.Sprintf("watcher-number-%04d", len(ws)), events.Listen{Rooms: []string{"r"}, Presence: true})}
						ws = append(ws, w)
						note("watcher %d comes", len(ws)-1)
					}
				case 8:
					d := time.Duration(rnd.IntN(2500)) * time.Millisecond
					time.Sleep(d)
					synctest.Wait()
					note("%v go by", d)
				default:
					if len(ws) > 0 {
						read(rnd.IntN(len(ws)))
					}
				}
			}
			time.Sleep(25 * time.Second)
			synctest.Wait()
			m, err := s.reg.Members(t.Context(), caller(""), "demo", events.Selection{In: []string{"r"}})
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range ws {
				read(i)
				for _, p := range m.List {
					if name, in := w.knows[p.ID]; !in || name != p.Name {
						fail("watcher %d: %v is there, known as %q %v", i, p, name, in)
					}
				}
				if len(m.List) != len(w.knows) {
					fail("watcher %d knows %v, there are %v", i, w.knows, m.List)
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

func member(s *stage, connection string) string {
	h, err := s.log.Open(s.Context(), "demo")
	if err != nil {
		s.Fatal(err)
	}
	return events.Member(h.Key, "", connection)
}
