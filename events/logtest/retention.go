package logtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/events"
)

func retentionByAge(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Age = time.Hour
	f := begin(t, newStore, keep)
	const ann = "@abcdefghijklmnop"
	f.append("acme", say("1", "a"), say("2", "b"), say("3", "a", ann), say("4", ann), say("5", events.Everyone))
	f.append("other", say("1", "a"))
	f.clock.Advance(40 * time.Minute)
	f.append("acme", say("6", "a"), say("7", "c"))
	epoch := f.head("acme").Epoch

	f.sweep()
	f.wantNumbers("acme", events.Everything, 1, 2, 3, 5, 6, 7)
	f.wantMarks("acme", []string{"a", "b", "c", ann, events.Everyone, events.Everything}, 0, 0, 0, 0, 0, 0)

	f.clock.Advance(30 * time.Minute)
	f.sweep()
	for range rounds(f) {
		f.wantNumbers("acme", "a", 6)
		f.wantNumbers("acme", "b")
		f.wantNumbers("acme", "c", 7)
		f.wantNumbers("acme", ann)
		f.wantNumbers("acme", events.Everyone)
		f.wantNumbers("acme", events.Everything, 6, 7)
		// The mark of a stretch is no lower than what was taken from it and no
		// higher than the namespace's.
		stretches := []string{"a", "b", "c", ann, events.Everyone, events.Everything, "never"}
		least := []uint64{3, 2, 0, 4, 5, 5, 0}
		for i, mark := range f.marks("acme", stretches...) {
			if mark < least[i] || mark > 5 {
				t.Errorf("the mark of %q is %d, want %d to 5", stretches[i], mark, least[i])
			}
		}
		if h := f.head("acme"); h.Removed != 5 || h.Last != 7 || h.Epoch != epoch {
			t.Errorf("the head is %+v, want 7, removed 5, epoch %s", h, epoch)
		}
		if h := f.head("other"); h.Removed != 1 || h.Last != 1 {
			t.Errorf("the head of the other namespace is %+v, want 1, removed 1", h)
		}
	}
	f.clock.Advance(24 * time.Hour)
	f.sweep()
	f.wantNumbers("acme", events.Everything)
	f.wantMarks("acme", []string{"a", "c", events.Everything}, 7, 7, 7)
	if r := f.append("acme", say("8", "b")); r.First != 8 {
		t.Errorf("the number after all was removed is %d, want 8", r.First)
	}
	f.wantNumbers("acme", "b", 8)
}

func retentionByCount(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Events = 3
	f := begin(t, newStore, keep)
	const ann = "@abcdefghijklmnop"
	f.append("acme",
		say("1", "a"), say("2", "b"), say("3", "a", "b"), say("4", "a"), say("5", "a"), // a: 1 goes
		say("6", events.Everyone), say("7", ann), say("8", "a"), // a: 3 goes and stays in b
	)
	f.sweep()
	f.wantNumbers("acme", "a", 4, 5, 8)
	f.wantNumbers("acme", "b", 2, 3)
	f.wantNumbers("acme", events.Everyone, 6)
	f.wantNumbers("acme", ann, 7)
	f.wantNumbers("acme", events.Everything, 2, 3, 4, 5, 6, 8)
	all := []string{"never", "a", "b", events.Everyone, ann, events.Everything}
	f.wantMarks("acme", all, 0, 3, 0, 0, 0, 3)
	if h := f.head("acme"); h.Removed != 0 || h.Last != 8 {
		t.Errorf("the head is %+v: count removes from rooms, not from the namespace", h)
	}

	// A member's and everyone's stretch have the same bound, and a room that is
	// emptied keeps its mark.
	for range 4 {
		f.append("acme", say("x", events.Everyone), say("y", ann))
	}
	f.erase("acme", events.Erasure{Room: "a", Upto: 1 << 62, Notice: notice("c")})
	for range 2 {
		f.sweep()
		for range rounds(f) {
			f.wantNumbers("acme", "a")
			f.wantNumbers("acme", "b", 2, 3)
			f.wantNumbers("acme", events.Everyone, 11, 13, 15)
			f.wantNumbers("acme", ann, 12, 14, 16)
			f.wantNumbers("acme", events.Everything, 2, 3, 11, 13, 15, 17)
			f.wantMarks("acme", all[:5], 0, 3, 0, 9, 10)
			// That of Everything is the highest of all; 10 went from a member's
			// stretch only.
			if got := f.marks("acme", events.Everything)[0]; got < 9 || got > 10 {
				t.Errorf("the mark of everything is %d", got)
			}
		}
	}

	// What lies in two full stretches goes for good with the second.
	f.append("acme", say("18", "b"), say("19", "b"), say("20", "b"))
	f.sweep()
	f.wantNumbers("acme", "b", 18, 19, 20)
	f.wantNumbers("acme", events.Everything, 11, 13, 15, 17, 18, 19, 20)
	f.wantMarks("acme", []string{"b", "a"}, 3, 3)
}

// bulk is a draft of 4 KiB that does not compress.
func bulk(r *rand.Rand, to ...string) events.Draft {
	d := say("", to...)
	d.Data = make([]byte, 4<<10)
	for i := range d.Data {
		d.Data[i] = byte('0' + r.IntN(64))
	}
	return d
}

// A log may count a little more for an event than its payload, and remove a
// little more than it must; the tests by bytes want that what is left fits and
// that a good part of what fits is left.
func wantFit(t *testing.T, what string, bytes, bound int) {
	t.Helper()
	if bytes > bound {
		t.Errorf("%s keeps %d bytes of payload, bound %d", what, bytes, bound)
	}
	if bytes < bound/3 {
		t.Errorf("%s keeps only %d bytes of payload, bound %d", what, bytes, bound)
	}
}

func retentionByBytes(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Bytes = 64 << 10
	f := begin(t, newStore, keep)
	r := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		f.append("acme", bulk(r, "a"))
		f.append("acme", say("small", "b"))
	}
	f.append("other", bulk(r, "a"), bulk(r, "a"))
	f.sweep()
	for range rounds(f) {
		f.wantNumbers("other", "a", 1, 2)
		f.wantMarks("other", []string{"a"}, 0)
		kept := f.all("acme", events.Everything)
		if len(kept) == 0 || !slices.Equal(kept, upto(kept[0], 80)) {
			t.Fatalf("the namespace keeps %v, want the last ones", kept)
		}
		wantFit(t, "the namespace", 4<<10*len(f.all("acme", "a")), 64<<10)
		h := f.head("acme")
		if h.Removed != kept[0]-1 || h.Last != 80 {
			t.Errorf("the head is %+v, the first event kept %d", h, kept[0])
		}
		for _, mark := range f.marks("acme", "a", "b", events.Everything) {
			if mark+1 < h.Removed || mark > h.Removed {
				t.Errorf("a stretch's mark is %d, the namespace's %d", mark, h.Removed)
			}
		}
	}
}

// bytesOfGone has events go in several ways at once. Each must be subtracted
// once, or the bound is wrong from then on.
func bytesOfGone(t *testing.T, newStore func(*testing.T) Store) {
	const bound = 64 << 10
	keep := forever
	keep.Bytes = bound
	keep.Events = 8
	f := begin(t, newStore, keep)
	r := rand.New(rand.NewPCG(2, 1))
	for range 6 {
		var seqs []uint64
		for range 12 {
			short := bulk(r, "a", "b")
			short.TTL = time.Second
			seqs = append(seqs, f.append("acme", short).First)
		}
		f.sweep() // the count takes some
		f.erase("acme", events.Erasure{Seqs: seqs[6:], Notice: notice("c")})
		f.clock.Advance(time.Minute)
		f.sweep()
	}
	f.wantNumbers("acme", "a")
	for i := range 40 {
		f.append("acme", bulk(r, fmt.Sprint("room", i%8)))
	}
	f.sweep()
	payload := 0
	for _, e := range f.read("acme", events.Query{Upto: 1 << 62, Limit: most}).Events {
		if e.Event == events.MessageEvent {
			payload += len(e.Data)
		}
	}
	wantFit(t, "the namespace", payload, bound)
}

func retentionByDisk(t *testing.T, newStore func(*testing.T) Store) {
	const bound = 96 << 10
	keep := forever
	keep.Disk = bound
	f := begin(t, newStore, keep)
	r := rand.New(rand.NewPCG(1, 1))
	namespaces := []string{"one", "two", "three"}
	times := map[string][]time.Time{}
	for i := range 60 {
		ns := namespaces[(i*i+i/7)%3]
		times[ns] = append(times[ns], f.append(ns, bulk(r, "a")).Time)
		f.clock.Advance(time.Second)
	}
	f.sweep()
	total := 0
	var newestGone, oldestKept time.Time
	for _, ns := range namespaces {
		if len(times[ns]) == 0 {
			t.Fatalf("nothing was said in %s", ns)
		}
		h := f.head(ns)
		kept := f.all(ns, "a")
		if !slices.Equal(kept, upto(h.Removed+1, h.Last)) || h.Last != uint64(len(times[ns])) {
			t.Errorf("%s keeps %v, its head is %+v", ns, kept, h)
		}
		total += 4 << 10 * len(kept)
		for i, at := range times[ns] {
			if uint64(i) < h.Removed && at.After(newestGone) {
				newestGone = at
			}
			if uint64(i) >= h.Removed && (oldestKept.IsZero() || at.Before(oldestKept)) {
				oldestKept = at
			}
		}
	}
	wantFit(t, "the log", total, bound)
	if !newestGone.Before(oldestKept) {
		t.Errorf("an event of %v was removed, one of %v is kept", newestGone, oldestKept)
	}
}

// randomRetention looks at everything after each sweep. It uses no TTL: whether
// what outlived its TTL is counted for a room's bound is left to the log.
func randomRetention(t *testing.T, newStore func(*testing.T) Store) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			keep := forever
			keep.Events = 5
			keep.Age = 60*time.Second + 500*time.Millisecond // no event is ever just as old
			f := begin(t, newStore, keep)
			f.head("acme")
			r := rand.New(rand.NewPCG(seed, 2))
			var m model
			floor := map[string]uint64{} // no mark may be lower, ever
			ceiling := uint64(0)
			for step := range 80 {
				switch r.IntN(6) {
				default:
					drafts := make([]events.Draft, 1+r.IntN(6))
					for i := range drafts {
						drafts[i] = randomDraft(r, step)
					}
					m.append(f.append("acme", drafts...), drafts)
				case 0:
					f.clock.Advance(time.Duration(r.IntN(30)) * time.Second)
				case 1:
					e := events.Erasure{Room: "a", Upto: r.Uint64N(uint64(len(m.said)) + 2), Notice: notice("b")}
					f.sweep() // so that it is known what there is to erase
					m.sweep(f.clock.Now(), keep)
					m.erase(e)
					m.append(f.erase("acme", e), []events.Draft{e.Notice})
				case 2:
					if f.store.Durable() && r.IntN(3) == 0 {
						f.reopen()
					}
				}
				f.sweep()
				m.sweep(f.clock.Now(), keep)
				h := f.head("acme")
				if h.Last != uint64(len(m.said)) || h.Removed > m.old() {
					t.Fatalf("the head is %+v after %d events of which %d were too old", h, len(m.said), m.old())
				}
				f.compareRooms("acme", &m, "", most)
				marks := f.marks("acme", stretchesOfPool...)
				for i, stretch := range stretchesOfPool {
					f.compare("acme", &m, events.Query{Stretch: stretch, Upto: 1 << 62, Limit: most})
					f.compare("acme", &m, randomQuery(r, uint64(len(m.said))+1))
					floor[stretch] = max(floor[stretch], m.omitted(stretch))
					ceiling = max(ceiling, floor[stretch])
					highest := max(h.Removed, floor[stretch])
					if stretch == events.Everything {
						highest = ceiling
					}
					if marks[i] < floor[stretch] || marks[i] > max(highest, floor[stretch]) {
						t.Fatalf("the mark of %q is %d, want %d to %d", stretch, marks[i], floor[stretch], highest)
					}
				}
			}
		})
	}
}

// readsDuringSweeps reads while retention removes. Whatever a page leaves out of
// what had been answered must be at or below the page's mark.
func readsDuringSweeps(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Events = 15
	keep.Age = 20 * time.Second
	f := begin(t, newStore, keep)
	var mu sync.Mutex
	answered := map[string][]uint64{}
	rooms := []string{"a", "b", events.Everything}
	stop := make(chan struct{})
	var reads atomic.Int64
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			for {
				select {
				case <-stop:
					return
				default:
				}
				room := rooms[r.IntN(len(rooms))]
				mu.Lock()
				known := answered[room]
				mu.Unlock()
				q := events.Query{Stretch: room, Upto: 1 << 62, Limit: most}
				if len(known) > 0 {
					q.After = known[r.IntN(len(known))] - 1
				}
				p, err := f.log.Read(f.ctx, "acme", q)
				if err != nil {
					t.Errorf("Read: %v", err)
					return
				}
				there := map[uint64]bool{}
				for _, e := range p.Events {
					there[e.Seq] = true
				}
				for _, seq := range known {
					if seq > q.After && seq > p.Removed && !there[seq] {
						t.Errorf("a page of %q after %d leaves out %d, its mark is %d", room, q.After, seq, p.Removed)
						return
					}
				}
				if p.Removed > q.After {
					reads.Add(1) // one that retention had something to do with
				}
			}
		})
	}
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := f.log.Sweep(f.ctx); err != nil {
				t.Errorf("Sweep: %v", err)
				return
			}
		}
	})
	r := rand.New(rand.NewPCG(9, 9))
	for i := 0; more(t, i, 250, &reads); i++ {
		to := [][]string{{"a"}, {"b"}, {"a", "b"}}[r.IntN(3)]
		drafts := []events.Draft{say("x", to...), say("y", to...), say("z", to...)}
		got := f.append("acme", drafts...)
		mu.Lock()
		for _, room := range append(slices.Clone(to), events.Everything) {
			answered[room] = append(answered[room], upto(got.First, got.Last)...)
		}
		mu.Unlock()
		if r.IntN(20) == 0 {
			f.clock.Advance(8 * time.Second)
		}
	}
	close(stop)
	wg.Wait()
}
