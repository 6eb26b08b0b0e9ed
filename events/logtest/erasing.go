package logtest

import (
	"sync"
	"sync/atomic"
	"testing"

	"parley/events"
)

func erasingNumbers(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	const ann = "@abcdefghijklmnop"
	f.append("acme", say("1", "a"), say("2", "a", "b"), say("3", ann), say("4", events.Everyone), say("5", "b"))
	told := notice("a", "b")
	r := f.erase("acme", events.Erasure{Seqs: []uint64{4, 2, 3, 2, 6, 0, 99}, Notice: told})
	if r.First != 6 {
		t.Errorf("the notice has number %d, want 6", r.First)
	}
	look := func() {
		t.Helper()
		f.wantNumbers("acme", "a", 1, 6)
		f.wantNumbers("acme", "b", 5, 6)
		f.wantNumbers("acme", ann)
		f.wantNumbers("acme", events.Everyone)
		f.wantNumbers("acme", events.Everything, 1, 5, 6)
		f.wantMarks("acme", []string{"a", "b", ann, events.Everyone, events.Everything}, 0, 0, 0, 0, 0)
		if h := f.head("acme"); h.Last != 6 || h.Removed != 0 {
			t.Errorf("the head is %+v: erasing is not retention", h)
		}
		e := f.one("acme", "a", 6)
		if e == nil {
			t.Fatal("the notice is not there")
		}
		wantEvents(t, []*events.Event{e}, r, []events.Draft{told})
	}
	look()
	if heard := f.tape.upto(t, "acme", 6); len(heard) != 6 {
		t.Errorf("the tail heard %d events, want 6 with the notice", len(heard))
	} else {
		wantEvents(t, heard[5:], r, []events.Draft{told})
	}
	f.sweep()
	look()

	again := f.erase("acme", events.Erasure{Seqs: []uint64{2, 1 << 60}, Notice: notice("c")})
	if again.First != 7 {
		t.Errorf("the notice of an erasure of nothing has number %d, want 7", again.First)
	}
	f.wantNumbers("acme", events.Everything, 1, 5, 6, 7)
}

func erasingRoom(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.append("acme", say("1", "a"), say("2", "a", "b"), say("3", "aa"), say("4", "b"), say("5", "a"))
	f.append("other", say("1", "a"))
	f.erase("acme", events.Erasure{Room: "a", Upto: 2, Notice: notice("a")})
	f.wantNumbers("acme", "a", 5, 6)
	f.wantNumbers("acme", "b", 4)
	f.wantNumbers("acme", "aa", 3)
	f.wantNumbers("acme", events.Everything, 3, 4, 5, 6)

	// The notice is appended with the erasing, so it is not erased by it, however
	// far that reaches.
	f.erase("acme", events.Erasure{Room: "a", Upto: 1<<64 - 1, Notice: notice("a")})
	f.wantNumbers("acme", "a", 7)
	f.wantNumbers("acme", events.Everything, 3, 4, 7)
	f.append("acme", say("8", "a"))
	f.wantNumbers("acme", "a", 7, 8)
	f.wantNumbers("other", "a", 1)
	f.wantMarks("acme", []string{"a", events.Everything}, 0, 0)
}

func erasingInOneStep(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.append("acme", say("0", "a"))
	stop := make(chan struct{})
	var reads atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				// There is always one event: what was said, until the notice that
				// it was erased, which the next erasure takes.
				p, err := f.log.Read(f.ctx, "acme", events.Query{Stretch: "a", Upto: 1 << 62, Limit: most})
				if err != nil || len(p.Events) != 1 {
					t.Errorf("a read gives %v, %v; want one event", numbers(p.Events), err)
					return
				}
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
		last := uint64(i + 1)
		e := events.Erasure{Seqs: []uint64{last}, Notice: notice("a")}
		if i%2 == 0 {
			e = events.Erasure{Room: "a", Upto: last, Notice: notice("a")}
		}
		f.erase("acme", e)
	}
	close(stop)
	wg.Wait()
}
