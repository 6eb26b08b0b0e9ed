package events_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

// One member with up to three streams, events, joins, leaves, kicks, closings and
// returns, one after another: what each stream hears is what the contract says.
func TestModelOfAMembersRooms(t *testing.T) {
	for seed := range uint64(1500) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			s := newStage(t, events.Keep{})
			type said struct {
				seq  uint64
				room string
			}
			var all []said
			type tab struct {
				c     *events.Cursor
				pos   uint64
				rooms map[string]uint64 // heard above
			}
			var tabs []*tab
			var closed []uint64 // positions
			mem := map[string]uint64{}
			memUntil := map[string]time.Time{} // rooms without a stream
			var until time.Time                // the member's grace, zero for none
			known := func() bool { return len(tabs) > 0 || time.Now().Before(until) }
			tidy := func() {
				if !known() {
					mem, memUntil = map[string]uint64{}, map[string]time.Time{}
				}
				for r, u := range memUntil {
					if !time.Now().Before(u) {
						delete(memUntil, r)
						delete(mem, r)
					}
				}
			}
			room := func() string { return fmt.Sprint("r", rnd.IntN(4)) }
			trace := []string{}
			note := func(f string, a ...any) { trace = append(trace, fmt.Sprintf(f, a...)) }
			last := func() uint64 {
				if len(all) == 0 {
					return 0
				}
				return all[len(all)-1].seq
			}
			read := func(x *tab) {
				var want []string
				for _, e := range all {
					if from, in := x.rooms[e.room]; in && e.seq > max(from, x.pos) {
						want = append(want, fmt.Sprint("e", e.seq))
					}
				}
				got, gaps := s.all(x.c)
				if !slices.Equal(got, want) || len(gaps) > 0 {
					t.Fatalf("seed %d: heard %v want %v gaps %v\n%s", seed, got, want, gaps, strings.Join(trace, "\n"))
				}
				x.pos = last()
				have := []string{}
				for r := range x.rooms {
					have = append(have, r)
				}
				slices.Sort(have)
				if now := slices.Sorted(slices.Values(x.c.Rooms())); !slices.Equal(now, have) {
					t.Fatalf("seed %d: rooms %v want %v\n%s", seed, now, have, strings.Join(trace, "\n"))
				}
			}
			detach := func(i int) {
				x := tabs[i]
				tabs = slices.Delete(tabs, i, i+1)
				for r := range x.rooms {
					if !slices.ContainsFunc(tabs, func(o *tab) bool { _, in := o.rooms[r]; return in }) {
						memUntil[r] = time.Now().Add(grace)
					}
				}
				if len(tabs) == 0 {
					until = time.Now().Add(grace)
				}
			}
			for range 60 {
				tidy()
				switch k := rnd.IntN(12); {
				case k < 4:
					r := room()
					id := s.say("", fmt.Sprint("e", last()+1), r)
					all = append(all, said{id.Seq, r})
					note("say %d in %s", id.Seq, r)
				case k == 4 && known():
					r := room()
					m, err := s.reg.Join(t.Context(), caller(ann), "demo", r)
					note("join %s: %v %v", r, m, err)
					if err != nil {
						t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(trace, "\n"))
					}
					if _, in := mem[r]; !in {
						mem[r] = last()
					}
					for _, x := range tabs {
						if _, in := x.rooms[r]; !in {
							x.rooms[r] = last()
						}
					}
					if len(tabs) > 0 {
						delete(memUntil, r)
					} else {
						memUntil[r] = until
					}
				case k == 5 && known():
					r := room()
					for _, x := range tabs {
						read(x)
					}
					m, _ := s.reg.Leave(t.Context(), caller(ann), "demo", r)
					note("leave %s: %v", r, m)
					delete(mem, r)
					delete(memUntil, r)
					for _, x := range tabs {
						delete(x.rooms, r)
					}
				case k == 6 && len(tabs) < 3: // new
					named := []string{room(), room()}
					note("open %v", named)
					x := &tab{pos: last(), rooms: map[string]uint64{}}
					if len(tabs) == 0 {
						for r := range mem {
							if !slices.Contains(named, r) {
								delete(mem, r)
								delete(memUntil, r)
							}
						}
					}
					for _, r := range named {
						x.rooms[r], mem[r] = 0, 0
						delete(memUntil, r)
					}
					x.c = s.listen(ann, events.Start{}, named...)
					tabs, until = append(tabs, x), time.Time{}
				case k == 7 && len(closed) > 0 && len(tabs) < 3: // return
					pos := closed[rnd.IntN(len(closed))]
					named := []string{room()}
					x := &tab{pos: pos, rooms: map[string]uint64{}}
					if known() {
						for r, from := range mem {
							x.rooms[r] = from
							delete(memUntil, r)
						}
					} else {
						x.rooms[named[0]], mem[named[0]] = 0, 0
					}
					x.c = s.listen(ann, events.After(fmt.Sprintf("%s-%d", epoch(s), pos)), named...)
					note("return to %d naming %v: %v", pos, named, x.c.Hello().Rooms)
					tabs, until = append(tabs, x), time.Time{}
				case k == 8 && len(tabs) > 0:
					i := rnd.IntN(len(tabs))
					if rnd.IntN(2) == 0 {
						read(tabs[i])
					}
					note("close %d at %d", i, tabs[i].pos)
					closed = append(closed, tabs[i].pos)
					tabs[i].c.Close()
					detach(i)
				case k == 9:
					d := time.Duration(1+rnd.IntN(6)) * time.Second
					note("wait %v", d)
					time.Sleep(d)
					synctest.Wait()
				case k >= 10 && len(tabs) > 0:
					x := tabs[rnd.IntN(len(tabs))]
					note("read to %d", last())
					read(x)
				}
				tidy()
				m, err := s.reg.Members(t.Context(), caller(""), "demo", events.Selection{})
				if err != nil {
					t.Fatal(err)
				}
				var got, want []string
				if len(m.List) > 0 {
					got = m.List[0].Rooms
				}
				for r := range mem {
					want = append(want, r)
				}
				slices.Sort(want)
				if (m.Count > 0) != known() || !slices.Equal(got, want) && len(got)+len(want) > 0 {
					t.Fatalf("seed %d: member there %v with %v, want %v with %v\n%s", seed, m.Count, got, known(), want, strings.Join(trace, "\n"))
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

func epoch(s *stage) string {
	h, err := s.log.Open(s.Context(), "demo")
	if err != nil {
		s.Fatal(err)
	}
	return h.Epoch
}
