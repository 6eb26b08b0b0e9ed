package logtest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"parley/events"
)

func reopenedWhole(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	var m model
	before := f.head("acme")
	for i := range 60 {
		drafts := []events.Draft{say(fmt.Sprint(i), pool[i%len(pool)]), say(fmt.Sprint(i), pool[(i+1)%len(pool)], pool[(i+3)%len(pool)])}
		m.append(f.append("acme", drafts...), drafts)
	}
	f.append("acme2", say("1", "a"))
	for range 3 {
		f.reopen()
		for _, look := range []func() (events.Head, error){
			func() (events.Head, error) { return f.log.Head(f.ctx, "acme") },
			func() (events.Head, error) { return f.log.Open(f.ctx, "acme") },
		} {
			h, err := look()
			if err != nil {
				t.Fatal(err)
			}
			if h.Epoch != before.Epoch || !bytes.Equal(h.Key, before.Key) || h.Last != uint64(len(m.said)) {
				t.Errorf("the head is %+v, before it was reopened %+v with %d", h, before, len(m.said))
			}
		}
		for _, stretch := range stretchesOfPool {
			f.compare("acme", &m, events.Query{Stretch: stretch, Upto: 1 << 62, Limit: most})
			f.compare("acme", &m, events.Query{Stretch: stretch, Upto: 1 << 62, Limit: 3, Newest: true})
		}
		f.wantNumbers("acme2", "a", 1)
		_, err := f.log.Head(f.ctx, "acme3")
		wantCode(t, "Head of a namespace without a log", err, events.CodeNotFound)

		drafts := []events.Draft{say("more", "a")}
		r := f.append("acme", drafts...)
		if r.First != uint64(len(m.said))+1 || r.Epoch != before.Epoch {
			t.Errorf("the first append after %d events is answered %+v", len(m.said), r)
		}
		m.append(r, drafts)
		// The tail hears what is new, and nothing of what was there before.
		wantEvents(t, f.tape.upto(t, "acme", r.Last), r, drafts)
	}
}

func reopenedEmpty(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	before := f.head("acme")
	f.reopen()
	h, err := f.log.Head(f.ctx, "acme")
	if err != nil || h.Epoch != before.Epoch || !bytes.Equal(h.Key, before.Key) || h.Last != 0 || h.Removed != 0 {
		t.Errorf("the head is %+v, %v; before it was reopened %+v", h, err, before)
	}
	if r := f.append("acme", say("1", "a")); r.First != 1 || r.Epoch != before.Epoch {
		t.Errorf("the first append is answered %+v", r)
	}
}

func reopenedNumbers(t *testing.T, newStore func(*testing.T) Store) {
	short := say("short", "a")
	short.TTL = time.Second
	keep := forever
	keep.Age = time.Hour
	for name, empty := range map[string]func(f *fixture){
		"age":    func(f *fixture) { f.clock.Advance(48 * time.Hour) },
		"ttl":    func(f *fixture) { f.clock.Advance(2 * time.Second) },
		"erased": func(f *fixture) { f.erase("acme", events.Erasure{Room: "a", Upto: 9, Notice: short}) },
	} {
		t.Run(name, func(t *testing.T) {
			f := begin(t, newStore, keep)
			f.append("acme", short, short, short)
			empty(f)
			f.clock.Advance(time.Minute)
			f.sweep()
			last, removed := f.head("acme").Last, f.head("acme").Removed
			for range 2 {
				f.reopen()
				f.wantNumbers("acme", events.Everything)
				if h := f.head("acme"); h.Last != last || h.Removed != removed {
					t.Errorf("the head of the emptied log is %+v, want %d, removed %d", h, last, removed)
				}
				f.sweep()
			}
			if r := f.append("acme", say("next", "a")); r.First != last+1 {
				t.Errorf("the number after %d, which is gone, is %d", last, r.First)
			}
		})
	}
}

func reopenedTime(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Age = time.Hour
	f := begin(t, newStore, keep)
	last := f.append("acme", say("1", "a")).Time
	f.clock.Advance(-30 * time.Minute)
	f.reopen()
	if r := f.append("acme", say("2", "a")); !r.Time.Equal(last) {
		t.Errorf("after a reopening with the clock set back the time is %v, want %v", r.Time, last)
	}
	// Also when the event with the last time is gone.
	f.erase("acme", events.Erasure{Seqs: []uint64{1, 2}, Notice: notice("a")})
	f.clock.Advance(2 * time.Hour)
	f.sweep()
	f.clock.Advance(-3 * time.Hour)
	f.reopen()
	if r := f.append("acme", say("4", "a")); !r.Time.Equal(last) {
		t.Errorf("after the last event was removed and the clock set back the time is %v, want %v", r.Time, last)
	}
}

func reopenedMarks(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Events = 2
	keep.Age = time.Hour
	f := begin(t, newStore, keep)
	all := []string{"a", "b", "c", "@abcdefghijklmnop", events.Everyone, events.Everything}
	f.append("acme", say("1", "b"))
	f.clock.Advance(2 * time.Hour)
	f.append("acme", say("2", "a"), say("3", "a"), say("4", "a"), say("5", "c"), say("6", "a"))
	f.sweep()
	f.erase("acme", events.Erasure{Room: "a", Upto: 9, Notice: notice("c")})
	before := f.marks("acme", all...)
	if before[0] != 3 || before[1] != 1 || before[5] != 3 {
		t.Errorf("the marks are %v", before)
	}
	for range 2 {
		f.reopen()
		f.wantMarks("acme", all, before...)
		if h := f.head("acme"); h.Removed != 1 {
			t.Errorf("the head is %+v, want removed 1", h)
		}
		f.sweep()
		f.wantMarks("acme", all, before...)
	}
}

func reopenedErased(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.append("acme", say("1", "a"), say("2", "a", "b"), say("3", "b"), say("4", "@abcdefghijklmnop"))
	f.erase("acme", events.Erasure{Seqs: []uint64{2, 4}, Notice: notice("a")})
	f.reopen()
	look := func() {
		f.wantNumbers("acme", "a", 1, 5)
		f.wantNumbers("acme", "b", 3)
		f.wantNumbers("acme", "@abcdefghijklmnop")
		f.wantNumbers("acme", events.Everything, 1, 3, 5)
	}
	look()
	f.sweep()
	f.reopen()
	look()
}

func reopenedKeys(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	first := f.batch("acme", keyed("key", "digest", say("1", "a"), say("2", "a")))
	for range 2 {
		f.clock.Advance(4 * time.Minute)
		f.reopen()
		wantReplay(t, f.batch("acme", keyed("key", "digest", say("1", "a"), say("2", "a"))), first)
		_, err := f.log.Append(f.ctx, "acme", keyed("key", "other", say("1", "a")))
		wantCode(t, "the key with another digest", err, events.CodeKeyReused)
		f.sweep()
	}
	f.clock.Advance(3 * time.Minute)
	f.reopen()
	if r := f.batch("acme", keyed("key", "other", say("3", "a"))); r.Replayed || r.First != 3 {
		t.Errorf("a key after its life is answered %+v", r)
	}
	f.wantNumbers("acme", "a", 1, 2, 3)
}

func reopenedQuota(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Namespaces = 2
	f := begin(t, newStore, keep)
	f.head("one")
	f.append("two", say("1", "a"))
	f.reopen()
	_, err := f.log.Open(f.ctx, "three")
	wantCode(t, "Open of one namespace too many", err, events.CodeQuota)
	f.append("one", say("1", "a"))
	f.append("two", say("2", "a"))
}

// reopenedUnderLoad closes and opens the log in the midst of writers.
func reopenedUnderLoad(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.head("acme")
	witness := &Witness{}
	for round := range 5 {
		log := f.log
		answered := make(chan struct{}, 1)
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for i := 0; ; i++ {
					b := events.Batch{Key: fmt.Sprint("key ", round, w, i)}
					for j := range 1 + i%3 {
						b.Drafts = append(b.Drafts, say(fmt.Sprint(round, " ", w, " ", i, " ", j), pool[(w+i)%len(pool)]))
					}
					if _, err := witness.Append(t.Context(), log, "acme", b); err != nil {
						wantCode(t, "Append while the log closes", err, events.CodeUnavailable)
						return
					}
					select {
					case answered <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 20 {
			<-answered
		}
		f.close()
		wg.Wait()
		f.open()
		witness.Check(t, f.log)
		witness.CheckKeys(t, f.log)
	}
}
