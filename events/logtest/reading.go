package logtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/events"
)

func stretches(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	const ann, bob = "@abcdefghijklmnop", "@abcdefghijklmnoq"
	long := strings.Repeat("r", events.MaxRoomBytes)
	f.append("acme",
		say("1", "room"),
		say("2", "room2"),
		say("3", "room", "room2"),
		say("4", events.Everyone),
		say("5", ann),
		say("6", ann, bob),
		say("7", bob, "room"),
		say("8", events.Everyone, "roo"),
		say("9", "ro.om%2F 🙂"),
		say("10", long, long[1:]),
		say("11", ann, events.Everyone),
	)
	for range rounds(f) {
		for stretch, want := range map[string][]uint64{
			"room": {1, 3, 7}, "room2": {2, 3}, "roo": {8}, "ro.om%2F 🙂": {9}, "ro": nil, "room3": nil, "Room": nil,
			long: {10}, long[1:]: {10}, long[2:]: nil,
			events.Everyone: {4, 8, 11}, ann: {5, 6, 11}, bob: {6, 7}, "@abcdefghijklmnoo": nil,
			events.Everything: {1, 2, 3, 4, 7, 8, 9, 10, 11},
		} {
			f.wantNumbers("acme", stretch, want...)
		}
	}
}

// pool is where random events go.
var pool = []string{"a", "b", "ab", "c", events.Everyone, "@abcdefghijklmnop", "@abcdefghijklmnoq"}

// stretchesOfPool are those that random events can lie in, and one that stays
// empty.
var stretchesOfPool = append(slices.Clone(pool), events.Everything, "never")

func randomDraft(r *rand.Rand, n int) events.Draft {
	targets := slices.Clone(pool)
	r.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	count := 1
	if r.IntN(3) == 0 {
		count += r.IntN(3)
	}
	return say(fmt.Sprint(n)+strings.Repeat("x", r.IntN(300)), targets[:count]...)
}

func randomQuery(r *rand.Rand, last uint64) events.Query {
	q := events.Query{
		Stretch: stretchesOfPool[r.IntN(len(stretchesOfPool))],
		Upto:    last,
		Limit:   1 + r.IntN(40),
		Newest:  r.IntN(2) == 0,
	}
	if r.IntN(3) > 0 {
		q.After = r.Uint64N(last + 3)
	}
	if r.IntN(3) == 0 {
		q.Upto = r.Uint64N(last + 3)
	}
	if r.IntN(4) == 0 {
		q.Limit = most
	}
	if r.IntN(3) == 0 {
		q.Bytes = 1 + r.IntN(3000)
	}
	return q
}

// compare asks the log and the model the same.
func (f *fixture) compare(ns string, m *model, q events.Query) events.Page {
	f.t.Helper()
	p := f.read(ns, q)
	want, more := m.read(q, f.clock.Now())
	var seqs []uint64
	for _, s := range want {
		seqs = append(seqs, s.seq)
	}
	if !slices.Equal(numbers(p.Events), seqs) || p.More != more {
		f.t.Fatalf("Read(%+v) of %s gives %v, more %v; want %v, more %v", q, ns, numbers(p.Events), p.More, seqs, more)
	}
	for i, e := range p.Events {
		if d := differs(&e.Draft, &want[i].draft); d != "" {
			f.t.Fatalf("event %d: %s", e.Seq, d)
		}
		if !e.Time.Equal(want[i].time) {
			f.t.Fatalf("event %d has time %v, want %v", e.Seq, e.Time, want[i].time)
		}
	}
	return p
}

func randomReads(t *testing.T, newStore func(*testing.T) Store) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			f := begin(t, newStore, forever)
			r := rand.New(rand.NewPCG(seed, 1))
			models := map[string]*model{"acme": {}, "acme2": {}}
			heads := map[string]events.Head{"acme": f.head("acme"), "acme2": f.head("acme2")}
			for step := range 120 {
				ns := []string{"acme", "acme2"}[r.IntN(2)]
				m := models[ns]
				switch r.IntN(10) {
				default:
					drafts := make([]events.Draft, 1+r.IntN(12))
					for i := range drafts {
						drafts[i] = randomDraft(r, step)
						if r.IntN(3) == 0 {
							drafts[i].TTL = time.Duration(1+r.IntN(60)) * time.Second
						}
					}
					m.append(f.append(ns, drafts...), drafts)
				case 0:
					f.clock.Advance(time.Duration(r.IntN(20)) * time.Second)
				case 1:
					f.sweep()
				case 2:
					e := events.Erasure{Notice: notice("a")}
					if r.IntN(2) == 0 {
						e.Room, e.Upto = []string{"b", "ab", "c"}[r.IntN(3)], r.Uint64N(uint64(len(m.said))+2)
					} else {
						for range 1 + r.IntN(5) {
							e.Seqs = append(e.Seqs, r.Uint64N(uint64(len(m.said))+5))
						}
					}
					m.erase(e)
					m.append(f.erase(ns, e), []events.Draft{e.Notice})
				case 3:
					if f.store.Durable() && r.IntN(3) == 0 {
						f.reopen()
					}
				}
				f.compareRooms(ns, m, []string{"", "a", "aa", "ab", "b"}[r.IntN(5)], 1+r.IntN(5))
				for range 4 {
					f.compare(ns, m, randomQuery(r, uint64(len(m.said))))
				}
			}
			for ns, m := range models {
				for _, stretch := range stretchesOfPool {
					f.compare(ns, m, events.Query{Stretch: stretch, Upto: 1 << 62, Limit: most})
					f.wantMarks(ns, []string{stretch}, 0)
				}
				if h := f.head(ns); h.Last != uint64(len(m.said)) || h.Epoch != heads[ns].Epoch || h.Removed != 0 {
					t.Errorf("the head of %s is %+v after %d events", ns, h, len(m.said))
				}
			}
		})
	}
}

func readingEdges(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	var m model
	drafts := []events.Draft{say("1", "a"), say("2", "b"), say("3", "a"), say("4", "a"), say("5", "b")}
	m.append(f.append("acme", drafts...), drafts)
	size := drafts[0].Size()
	for _, at := range []uint64{0, 1, 2, 3, 4, 5, 6, 1 << 40, math.MaxInt64, math.MaxUint64 - 1, math.MaxUint64} {
		for _, to := range []uint64{0, 1, 3, 4, 5, 6, 1 << 40, math.MaxInt64, math.MaxUint64} {
			for _, limit := range []int{1, 2, 3, 4, math.MaxInt} {
				for _, bytes := range []int{0, 1, size, size + 1, 2 * size, 3*size + 1} {
					for _, newest := range []bool{false, true} {
						f.compare("acme", &m, events.Query{Stretch: "a", After: at, Upto: to, Limit: limit, Bytes: bytes, Newest: newest})
					}
				}
			}
		}
	}
}

func ttl(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	short, long := say("short", "lobby", "@abcdefghijklmnop"), say("long", "lobby")
	short.TTL, long.TTL = 10*time.Second, time.Minute
	f.append("acme", short, say("kept", "lobby"), long, short)
	steps := []struct {
		after time.Duration
		want  []uint64
	}{
		{0, []uint64{1, 2, 3, 4}},
		{10*time.Second - time.Millisecond, []uint64{1, 2, 3, 4}},
		{time.Millisecond, []uint64{2, 3}},
		{50*time.Second - time.Millisecond, []uint64{2, 3}},
		{time.Millisecond, []uint64{2}},
	}
	for _, swept := range []bool{false, true} {
		for _, step := range steps {
			if !swept {
				f.clock.Advance(step.after)
				f.wantNumbers("acme", "lobby", step.want...)
				f.wantNumbers("acme", events.Everything, step.want...)
				if p := f.read("acme", events.Query{Stretch: "lobby", Upto: 9, Limit: len(step.want)}); p.More || len(p.Events) != len(step.want) {
					t.Errorf("what outlived its TTL counts: %v, more %v", numbers(p.Events), p.More)
				}
			}
		}
		f.wantNumbers("acme", "@abcdefghijklmnop")
		f.wantMarks("acme", []string{"lobby", "@abcdefghijklmnop", events.Everything}, 0, 0, 0)
		if h := f.head("acme"); h.Last != 4 || h.Removed != 0 {
			t.Errorf("the head is %+v", h)
		}
		f.sweep()
	}
	f.wantNumbers("acme", "lobby", 2)
	if r := f.append("acme", say("next", "lobby")); r.First != 5 {
		t.Errorf("the number after an event that outlived its TTL is %d", r.First)
	}
}

// ttlIsNotRetention lets events outlive their TTL and then their age: nothing was
// lost that anybody could still have read.
func ttlIsNotRetention(t *testing.T, newStore func(*testing.T) Store) {
	for _, between := range []bool{true, false} {
		t.Run(fmt.Sprint("swept between ", between), func(t *testing.T) {
			keep := forever
			keep.Age = time.Hour
			f := begin(t, newStore, keep)
			short := say("short", "a")
			short.TTL = time.Minute
			f.append("acme", short, short)
			f.clock.Advance(30 * time.Minute)
			f.append("acme", say("3", "a"))
			if between {
				f.sweep()
			}
			f.clock.Advance(45 * time.Minute)
			f.sweep()
			f.wantNumbers("acme", "a", 3)
			f.wantMarks("acme", []string{"a", events.Everything}, 0, 0)
			if h := f.head("acme"); h.Removed != 0 {
				t.Errorf("the head is %+v: what outlived its TTL was not removed by age", h)
			}
		})
	}
}

func find(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Age = time.Hour
	f := begin(t, newStore, keep)
	f.head("acme")
	want := func(at time.Duration, seq uint64) {
		t.Helper()
		got, err := f.log.Find(f.ctx, "acme", start.Add(at))
		if err != nil || got != seq {
			t.Errorf("Find at %v = %d, %v, want %d", at, got, err, seq)
		}
	}
	want(0, 1)
	f.append("acme", say("1", "a"), say("2", "b"))
	f.clock.Advance(10 * time.Second)
	f.append("acme", say("3", "@abcdefghijklmnop"))
	f.clock.Advance(10 * time.Second)
	f.append("acme", say("4", "a"), say("5", "c", "b"))
	look := func() {
		t.Helper()
		want(time.Millisecond, 3)
		want(10*time.Second, 3)
		want(10*time.Second+time.Nanosecond, 4)
		want(20*time.Second, 4)
		want(20*time.Second+time.Millisecond, 6)
		want(time.Hour, 6)
	}
	for range rounds(f) {
		want(-240*time.Hour, 1)
		want(-time.Millisecond, 1)
		want(0, 1)
		look()
	}
	f.clock.Advance(time.Hour - 15*time.Second) // the first two are too old
	f.sweep()
	want(-time.Hour, 3)
	want(0, 3)
	look()
	if got, err := f.log.Find(f.ctx, "acme", time.Time{}); err != nil || got != 3 {
		t.Errorf("Find at the beginning of time = %d, %v, want 3", got, err)
	}
	f.clock.Advance(24 * time.Hour)
	f.sweep()
	want(-time.Hour, 6)
}
