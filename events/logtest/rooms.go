package logtest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/events"
)

// rooms gives the rooms of a model in order, as Rooms is to.
func (m *model) rooms(after string, limit int, now time.Time) (rooms []events.Stretch, more bool) {
	last := map[string]uint64{}
	for _, s := range m.said {
		for _, target := range s.draft.To {
			if events.IsRoom(target) && target > after && s.lies(target) && !s.expired(now) {
				last[target] = s.seq
			}
		}
	}
	for room, seq := range last {
		rooms = append(rooms, events.Stretch{Room: room, Last: seq})
	}
	slices.SortFunc(rooms, func(a, b events.Stretch) int { return cmp.Compare(a.Room, b.Room) })
	if len(rooms) > limit {
		return rooms[:limit], true
	}
	return rooms, false
}

// compareRooms asks the log and the model the same.
func (f *fixture) compareRooms(ns string, m *model, after string, limit int) {
	f.t.Helper()
	rooms, more, err := f.log.Rooms(f.ctx, ns, after, limit)
	if err != nil {
		f.t.Fatalf("Rooms(%q, after %q, %d): %v", ns, after, limit, err)
	}
	want, wantMore := m.rooms(after, max(limit, 1), f.clock.Now())
	if !slices.Equal(rooms, want) || more != wantMore {
		f.t.Fatalf("Rooms(%q, after %q, %d) gives %v, more %v; want %v, more %v", ns, after, limit, rooms, more, want, wantMore)
	}
}

// wantRooms fails the test unless these are all rooms.
func (f *fixture) wantRooms(ns string, want ...events.Stretch) {
	f.t.Helper()
	rooms, more, err := f.log.Rooms(f.ctx, ns, "", most)
	if err != nil || more || !slices.Equal(rooms, want) {
		f.t.Errorf("the rooms of %s are %v, more %v, %v; want %v", ns, rooms, more, err, want)
	}
}

func noRooms(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.wantRooms("acme")
	_, err := f.log.Head(f.ctx, "acme")
	wantCode(t, "Head of a namespace whose rooms were listed", err, events.CodeNotFound)
	f.head("acme")
	f.wantRooms("acme")
	f.append("acme", say("1", events.Everyone), say("2", "@abcdefghijklmnop"), say("3", "@abcdefghijklmnop", events.Everyone))
	f.wantRooms("acme")
}

func roomPages(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	// Names of every length about a member's, names that begin another, and such
	// as lie about the two kinds of stretches that are no rooms.
	names := []string{
		"b", "a", "aa", "aaa", "ab", "ba", "Z", "~", "ü", "üü", "\U0001f389", "!", ")", "+", "*a", "**", "?", "A", "0",
		strings.Repeat("?", 17), strings.Repeat("A", 17), strings.Repeat("a", 16), strings.Repeat("a", 18),
		strings.Repeat("r", events.MaxRoomBytes), strings.Repeat("r", events.MaxRoomBytes-1), strings.Repeat("\x7e", events.MaxRoomBytes),
	}
	var m, other model
	add := func(ns string, m *model, drafts ...events.Draft) { m.append(f.append(ns, drafts...), drafts) }
	for round := range 2 {
		for i, name := range names {
			add("acme", &m, say(fmt.Sprint(round), name))
			if i%3 == 0 {
				add("acme", &m, say("x", name, names[(i+5)%len(names)], events.Everyone, fmt.Sprintf("@%016d", i)))
			}
		}
	}
	for i := range 40 {
		add("acme", &m, say("x", fmt.Sprintf("@%016d", i)), say("x", events.Everyone))
	}
	add("acme2", &other, say("x", "aa"), say("x", "only here"))
	afters := []string{"", "@", "@zzzzzzzzzzzzzzzz", events.Everyone, "\xff", strings.Repeat("\xff", events.MaxRoomBytes), strings.Repeat("r", 200)}
	for _, name := range names {
		afters = append(afters, name, name+"\x00", name+"a", name[:len(name)-1], name[:len(name)-1]+"\xff")
	}
	for range rounds(f) {
		for _, after := range afters {
			for _, limit := range []int{-1, 0, 1, 2, 7, len(names) - 1, len(names), len(names) + 1, math.MaxInt} {
				f.compareRooms("acme", &m, after, limit)
			}
			f.compareRooms("acme2", &other, after, 100)
		}
	}
	// Page after page gives each room once.
	for limit := 1; limit < 5; limit++ {
		var all []events.Stretch
		for after, more := "", true; more; {
			var page []events.Stretch
			var err error
			if page, more, err = f.log.Rooms(f.ctx, "acme", after, limit); err != nil || len(page) == 0 {
				t.Fatalf("the page after %q is %v, %v", after, page, err)
			}
			all = append(all, page...)
			after = page[len(page)-1].Room
		}
		if want, _ := m.rooms("", most, start); !slices.Equal(all, want) {
			t.Errorf("by %d the rooms are %v, want %v", limit, all, want)
		}
	}
}

func roomsGone(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Age = time.Hour
	keep.Events = 3
	f := begin(t, newStore, keep)
	short := func(to ...string) events.Draft {
		d := say("short", to...)
		d.TTL = time.Minute
		return d
	}
	f.append("acme", say("1", "a"), say("2", "b", "c"), say("3", "c"), short("d"), short("a", "e"), short("f", "c"), say("7", "g"))
	f.wantRooms("acme", events.Stretch{Room: "a", Last: 5}, events.Stretch{Room: "b", Last: 2}, events.Stretch{Room: "c", Last: 6},
		events.Stretch{Room: "d", Last: 4}, events.Stretch{Room: "e", Last: 5}, events.Stretch{Room: "f", Last: 6}, events.Stretch{Room: "g", Last: 7})

	// What has outlived its TTL is gone, swept or not.
	f.clock.Advance(time.Minute)
	for range 2 {
		f.wantRooms("acme", events.Stretch{Room: "a", Last: 1}, events.Stretch{Room: "b", Last: 2}, events.Stretch{Room: "c", Last: 3}, events.Stretch{Room: "g", Last: 7})
		f.sweep()
	}
	// What was erased, too: 3 is left of c, nothing of b and g.
	f.erase("acme", events.Erasure{Seqs: []uint64{2, 7}, Notice: notice("h")})
	f.wantRooms("acme", events.Stretch{Room: "a", Last: 1}, events.Stretch{Room: "c", Last: 3}, events.Stretch{Room: "h", Last: 8})
	f.erase("acme", events.Erasure{Room: "c", Upto: 1 << 62, Notice: notice("h", "b")})
	f.wantRooms("acme", events.Stretch{Room: "a", Last: 1}, events.Stretch{Room: "b", Last: 9}, events.Stretch{Room: "h", Last: 9})

	// A room that its count has taken from, and that was then erased, has a mark
	// and is none.
	for range 5 {
		f.append("acme", say("x", "marked"))
	}
	f.sweep()
	f.wantMarks("acme", []string{"marked"}, 11)
	f.erase("acme", events.Erasure{Room: "marked", Upto: 1 << 62, Notice: notice("h")})
	f.wantRooms("acme", events.Stretch{Room: "a", Last: 1}, events.Stretch{Room: "b", Last: 9}, events.Stretch{Room: "h", Last: 15})

	// And so is what is too old.
	f.clock.Advance(40 * time.Minute)
	f.append("acme", say("16", "b"), say("17", "marked"))
	f.clock.Advance(40 * time.Minute)
	f.sweep()
	for range rounds(f) {
		f.wantRooms("acme", events.Stretch{Room: "b", Last: 16}, events.Stretch{Room: "marked", Last: 17})
	}
	f.clock.Advance(2 * time.Hour)
	f.sweep()
	for range rounds(f) {
		f.wantRooms("acme")
	}
	f.append("acme", say("18", "a"))
	f.wantRooms("acme", events.Stretch{Room: "a", Last: 18})
}

// roomsWhileErasing lists a room in which there is always one event.
func roomsWhileErasing(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.append("acme", say("0", "a", "b"))
	stop := make(chan struct{})
	var reads atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for last := uint64(0); ; {
				rooms, more, err := f.log.Rooms(f.ctx, "acme", "", 10)
				if err != nil || more || len(rooms) != 2 || rooms[0].Room != "a" || rooms[1].Room != "b" || rooms[0].Last < last {
					t.Errorf("after %d the rooms are %v, more %v, %v; want a and b", last, rooms, more, err)
					return
				}
				last = rooms[0].Last
				reads.Add(1)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := 0; more(t, i, 100, &reads); i++ {
		f.erase("acme", events.Erasure{Seqs: []uint64{uint64(i + 1)}, Notice: notice("a", "b")})
	}
	close(stop)
	wg.Wait()
}

func reopenedRooms(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	short := say("3", "c")
	short.TTL = time.Minute
	f.append("acme", say("1", "a"), say("2", "b"), short, say("4", "d", "bb"))
	f.erase("acme", events.Erasure{Room: "b", Upto: 9, Notice: notice("a")})
	f.reopen()
	f.wantRooms("acme", events.Stretch{Room: "a", Last: 5}, events.Stretch{Room: "bb", Last: 4}, events.Stretch{Room: "c", Last: 3}, events.Stretch{Room: "d", Last: 4})
	f.clock.Advance(2 * time.Minute)
	f.reopen()
	f.sweep()
	f.wantRooms("acme", events.Stretch{Room: "a", Last: 5}, events.Stretch{Room: "bb", Last: 4}, events.Stretch{Room: "d", Last: 4})
	f.append("acme", say("6", "b"))
	f.reopen()
	f.wantRooms("acme", events.Stretch{Room: "a", Last: 5}, events.Stretch{Room: "b", Last: 6}, events.Stretch{Room: "bb", Last: 4}, events.Stretch{Room: "d", Last: 4})
}
