package logtest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/events"
)

// brief is a draft that lives for a second.
func brief(data string, to ...string) events.Draft {
	d := say(data, to...)
	d.TTL = time.Second
	return d
}

func namespaceList(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.wantNamespaces()
	f.head("b")
	f.append("a-", say("1", "a"))
	f.erase("a", events.Erasure{Seqs: []uint64{1}, Notice: notice("a")})
	for _, ns := range []string{"0", "a0", "a_", "aa", "z"} {
		f.head(ns)
	}
	f.read("never", events.Query{Stretch: "a", Upto: 9, Limit: 9})
	for range rounds(f) {
		f.wantNamespaces("0", "a", "a-", "a0", "a_", "aa", "b", "z")
	}
}

func forgettingNone(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	for range 2 {
		f.forget("acme", false)
		_, err := f.log.Head(f.ctx, "acme")
		wantCode(t, "Head of a namespace that was to be forgotten", err, events.CodeNotFound)
	}
	f.wantNamespaces()
}

// forgettingAnew looks at what is there after a namespace was forgotten: nothing,
// and then another log.
func forgettingAnew(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Age = time.Hour
	keep.Events = 2
	for name, use := range map[string]func(f *fixture){
		"never used": func(*fixture) {},
		"ttl":        func(f *fixture) { f.append("acme", brief("1", "a"), brief("2", "a", "b", "@abcdefghijklmnop")) },
		"erased": func(f *fixture) {
			f.append("acme", say("1", "a"), say("2", "b"))
			f.erase("acme", events.Erasure{Seqs: []uint64{1, 2}, Notice: brief("erased", "a")})
		},
		"age and count": func(f *fixture) {
			f.append("acme", say("1", "a"), say("2", "a"), say("3", "a"), say("4", "@abcdefghijklmnop"), say("5", "b"))
			f.sweep()
			f.clock.Advance(2 * time.Hour)
			f.sweep()
		},
		"count, then erased": func(f *fixture) {
			f.append("acme", say("1", "a"), say("2", "a"), say("3", "a"), say("4", "b"))
			f.sweep()
			f.erase("acme", events.Erasure{Seqs: []uint64{2, 3, 4}, Notice: brief("erased", "a")})
		},
		"many": func(f *fixture) {
			drafts := make([]events.Draft, 1000)
			for i := range drafts {
				drafts[i] = brief(fmt.Sprint(i), fmt.Sprint("room", i%7), fmt.Sprint("room", i%11+10))
			}
			f.append("acme", drafts...)
			f.append("acme", drafts...)
		},
	} {
		for _, swept := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", swept ", swept), func(t *testing.T) {
				f := begin(t, newStore, keep)
				before := f.head("acme")
				use(f)
				f.clock.Advance(time.Minute)
				if swept {
					f.sweep()
				}
				f.forget("acme", true)
				look := func() {
					t.Helper()
					_, err := f.log.Head(f.ctx, "acme")
					wantCode(t, "Head of a forgotten namespace", err, events.CodeNotFound)
					f.wantNamespaces()
					f.wantRooms("acme")
					f.wantNumbers("acme", events.Everything)
					f.wantNumbers("acme", "a")
					f.wantMarks("acme", []string{"a", "b", "@abcdefghijklmnop", events.Everything}, 0, 0, 0, 0)
				}
				look()
				f.forget("acme", false)
				f.sweep()
				look()

				h := f.head("acme")
				if !epochForm.MatchString(h.Epoch) || h.Epoch == before.Epoch || len(h.Key) != 32 || bytes.Equal(h.Key, before.Key) || h.Last != 0 || h.Removed != 0 {
					t.Errorf("the head is %+v, before it was forgotten %+v", h, before)
				}
				drafts := []events.Draft{say("one", "a"), say("two", "room1"), say("three", "a", "b"), say("four", "@abcdefghijklmnop")}
				r := f.append("acme", drafts...)
				if r.First != 1 || r.Epoch != h.Epoch {
					t.Errorf("the first append to a new log is answered %+v, its head was %+v", r, h)
				}
				wantEvents(t, f.tape.upto(t, "acme", r.Last), r, drafts)
				for range rounds(f) {
					f.wantNumbers("acme", "a", 1, 3)
					f.wantNumbers("acme", "b", 3)
					f.wantNumbers("acme", "@abcdefghijklmnop", 4)
					f.wantNumbers("acme", events.Everything, 1, 2, 3)
					f.wantMarks("acme", []string{"a", "b", "@abcdefghijklmnop", events.Everything}, 0, 0, 0, 0)
					f.wantRooms("acme", events.Stretch{Room: "a", Last: 3}, events.Stretch{Room: "b", Last: 3}, events.Stretch{Room: "room1", Last: 2})
					if again := f.head("acme"); again.Epoch != h.Epoch || !bytes.Equal(again.Key, h.Key) || again.Last != 4 || again.Removed != 0 {
						t.Errorf("the head of the new log is %+v, it was %+v", again, h)
					}
					f.sweep()
				}
			})
		}
	}
}

// forgettingEvents tries to forget what holds an event.
func forgettingEvents(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Age = time.Hour
	f := begin(t, newStore, keep)
	r := f.append("acme", brief("1", "a"), say("2", "a"), brief("3", "b"))
	refused := func(why string) {
		t.Helper()
		f.forget("acme", false)
		if h := f.head("acme"); h.Epoch != r.Epoch || h.Last < r.Last {
			t.Fatalf("with %s the head is %+v, want it in epoch %s", why, h, r.Epoch)
		}
	}
	refused("an event in a room")
	f.wantNumbers("acme", "a", 1, 2)
	f.clock.Advance(time.Second - time.Millisecond)
	refused("an event below what has nearly outlived its TTL")
	f.wantNumbers("acme", "b", 3)
	f.clock.Advance(time.Millisecond)
	refused("an event among others that have outlived their TTL")
	f.wantNumbers("acme", "a", 2)
	told := notice("@abcdefghijklmnop")
	told.TTL = time.Hour
	f.erase("acme", events.Erasure{Room: "a", Upto: 9, Notice: told})
	refused("a notice to a member")
	f.erase("acme", events.Erasure{Seqs: []uint64{4}, Notice: brief("erased", "a")})
	refused("an event that is about to end")
	f.clock.Advance(time.Second)
	f.append("acme", say("6", "@abcdefghijklmnop"))
	refused("an event of a member")
	f.clock.Advance(2 * time.Hour)
	refused("an event that retention has yet to take")
	f.wantNumbers("acme", "@abcdefghijklmnop", 6)
	f.sweep()
	if h := f.head("acme"); h.Epoch != r.Epoch || h.Last != 6 || h.Removed != 6 {
		t.Errorf("the head is %+v, want 6 and removed 6 in epoch %s", h, r.Epoch)
	}
	f.forget("acme", true)
}

// forgettingKeys tries to forget what remembers an idempotency key.
func forgettingKeys(t *testing.T, newStore func(*testing.T) Store) {
	for _, swept := range []bool{false, true} {
		t.Run(fmt.Sprint("swept ", swept), func(t *testing.T) {
			f := begin(t, newStore, forever)
			tick := func(d time.Duration) {
				f.clock.Advance(d)
				if swept {
					f.sweep()
				}
			}
			for _, ns := range []string{"abc", "acme1", "zzz"} { // keys beside those, and remembered longer
				f.batch(ns, keyed("key", ns, say("1", "a")))
			}
			first := f.batch("acme", keyed("key", "digest", brief("1", "a")))
			tick(4 * time.Minute)
			f.batch("acme", keyed("another", "digest", brief("2", "a")))
			for range 2 {
				f.forget("acme", false)
				wantReplay(t, f.batch("acme", keyed("key", "digest", brief("1", "a"))), first)
				tick(3*time.Minute - time.Second)
			}
			for range 2 { // 2 and 5 seconds before the end of the second
				tick(2*time.Minute - time.Second)
				f.forget("acme", false)
			}
			for _, ns := range []string{"abc", "acme1", "zzz"} {
				f.batch(ns, keyed("key2", ns, say("1", "a")))
			}
			tick(5 * time.Second)
			f.forget("acme", true)

			// No key of the old log is remembered in the new one, not even when the
			// clock is set back.
			f.clock.Advance(-9 * time.Minute)
			f.head("acme")
			r := f.batch("acme", keyed("another", "other digest", brief("new", "a")))
			if r.Replayed || r.First != 1 || r.Epoch == first.Epoch {
				t.Errorf("a key of the forgotten log is answered %+v", r)
			}
			for _, ns := range []string{"abc", "acme1", "zzz"} {
				if r := f.batch(ns, keyed("key2", ns, say("1", "a"))); !r.Replayed || r.First != 2 {
					t.Errorf("a key of %s is answered %+v", ns, r)
				}
			}
		})
	}
}

func forgettingQuota(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Namespaces = 2
	f := begin(t, newStore, keep)
	f.head("one")
	f.append("two", say("1", "a"))
	for i := range 4 {
		_, err := f.log.Open(f.ctx, "three")
		wantCode(t, "Open of one namespace too many", err, events.CodeQuota)
		f.forget("two", false)
		f.forget([]string{"one", "three"}[i%2], i%2 == 0)
		if i%2 == 0 {
			f.head("three")
			f.forget("three", true)
			f.head("one")
		}
	}
	f.wantNamespaces("one", "two")
	f.wantNumbers("two", "a", 1)
}

// forgettingOneOfMany forgets namespaces whose names and places lie among others.
func forgettingOneOfMany(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Events = 4
	f := begin(t, newStore, keep)
	names := []string{"a", "aa", "aaa", "ab", "b", "ba"}
	epochs := map[string]string{}
	said := map[string]uint64{}
	talk := func(ns string) {
		t.Helper()
		r := f.batch(ns, keyed(fmt.Sprint("key", said[ns]), "d", say("x", "a"), say("y", "a", "aa"), brief("z", "b")))
		if r.First != said[ns]+1 || epochs[ns] != "" && r.Epoch != epochs[ns] {
			t.Errorf("after %d in epoch %s of %s an append is answered %+v", said[ns], epochs[ns], ns, r)
		}
		epochs[ns], said[ns] = r.Epoch, r.Last
	}
	for round := range 3 {
		for i, ns := range names {
			talk(ns)
			if i%2 == round%2 {
				f.erase(ns, events.Erasure{Room: "a", Upto: 1 << 62, Notice: brief("erased", "c")})
				said[ns]++
			}
		}
		f.clock.Advance(2 * events.KeyLife)
		f.sweep()
		for i, ns := range names {
			last := said[ns]
			if i%2 == round%2 {
				f.forget(ns, true)
				delete(epochs, ns)
				delete(said, ns)
				continue
			}
			f.forget(ns, false)
			f.wantNumbers(ns, "a", last-2, last-1)
		}
		if round == 1 && f.store.Durable() {
			f.reopen()
		}
		for ns, last := range said {
			if h := f.head(ns); h.Last != last || h.Epoch != epochs[ns] {
				t.Errorf("the head of %s is %+v, want %d in epoch %s", ns, h, last, epochs[ns])
			}
		}
	}
	f.wantNamespaces("aa", "ab", "ba")
}

// forgettingTogether forgets a namespace again and again while others speak in
// it. What was answered is in the log whose epoch the answer says, and what lives
// is not forgotten.
func forgettingTogether(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	var mu sync.Mutex
	answered := map[string][]events.Receipt{}
	note := func(r events.Receipt) {
		mu.Lock()
		defer mu.Unlock()
		answered[r.Epoch] = append(answered[r.Epoch], r)
	}
	fleeting := func(i int) { // what is over at once
		d := say(fmt.Sprint(i), "a", "b")
		d.TTL = time.Millisecond
		r, err := f.log.Append(f.ctx, "acme", events.Batch{Drafts: []events.Draft{d, d}})
		if err != nil {
			t.Errorf("Append: %v", err)
			return
		}
		note(r)
	}
	living := func(i int) { // what lives until it is erased
		r, err := f.log.Append(f.ctx, "acme", events.Batch{Drafts: []events.Draft{say(fmt.Sprint("lives ", i), "mine")}})
		if err != nil {
			t.Errorf("Append: %v", err)
			return
		}
		note(r)
		for range 5 {
			p, err := f.log.Read(f.ctx, "acme", events.Query{Stretch: "mine", After: r.First - 1, Upto: r.First, Limit: 10})
			h, err2 := f.log.Head(f.ctx, "acme")
			if err != nil || err2 != nil || h.Epoch != r.Epoch || len(p.Events) != 1 {
				t.Errorf("after the answer %+v the head is %+v, %v, and there are %v, %v", r, h, err2, numbers(p.Events), err)
				return
			}
			runtime.Gosched()
		}
		told := notice("@abcdefghijklmnop")
		told.TTL = time.Millisecond
		if r, err = f.log.Erase(f.ctx, "acme", events.Erasure{Seqs: []uint64{r.First}, Notice: told}); err != nil {
			t.Errorf("Erase: %v", err)
			return
		}
		note(r)
	}
	for round := 0; round < 100 && !t.Failed(); round++ {
		var wg sync.WaitGroup
		for i := range 1 + round%4 {
			if i%2 == 0 {
				wg.Go(func() { fleeting(round) })
			} else {
				wg.Go(func() { living(round) })
			}
		}
		if round%3 == 0 {
			wg.Go(func() {
				if _, err := f.log.Open(f.ctx, "acme"); err != nil {
					t.Errorf("Open: %v", err)
				}
			})
		}
		for range 1 + round%7 {
			f.clock.Advance(2 * time.Millisecond)
			f.tape.drop("acme")
			if _, err := f.log.Forget(f.ctx, "acme"); err != nil {
				t.Errorf("Forget: %v", err)
			}
			runtime.Gosched()
		}
		wg.Wait()
		if round%5 == 0 { // nobody speaks, and all is over
			f.clock.Advance(2 * time.Millisecond)
			f.tape.drop("acme")
			_, err := f.log.Forget(f.ctx, "acme")
			if _, gone := f.log.Head(f.ctx, "acme"); err != nil || !errors.Is(gone, events.ErrNotFound) {
				t.Errorf("after Forget, %v, the head is there: %v", err, gone)
			}
		}
	}
	for epoch, receipts := range answered {
		slices.SortFunc(receipts, func(a, b events.Receipt) int { return int(a.First) - int(b.First) })
		last := uint64(0)
		for _, r := range receipts {
			if r.First != last+1 {
				t.Fatalf("in epoch %s number %d follows %d", epoch, r.First, last)
			}
			last = r.Last
		}
	}
	f.clock.Advance(time.Second)
	r := f.append("acme", say("last", "a"))
	f.wantNumbers("acme", "a", r.First)
}

func reopenedForgotten(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Namespaces = 3
	keep.Events = 2
	f := begin(t, newStore, keep)
	f.append("before", say("1", "a"))
	old := f.append("acme", brief("1", "a"), brief("2", "a"), brief("3", "a"), brief("4", "b"))
	last := f.append("last", brief("1", "a"), brief("2", "a"), brief("3", "a"), brief("4", "b"))
	f.sweep()
	f.erase("last", events.Erasure{Seqs: []uint64{4}, Notice: brief("erased", "a")})
	f.clock.Advance(time.Minute)
	f.forget("acme", true)
	f.forget("last", true) // made last
	f.reopen()
	f.wantNamespaces("before")
	for _, ns := range []string{"acme", "last"} {
		_, err := f.log.Head(f.ctx, ns)
		wantCode(t, "Head of a forgotten namespace", err, events.CodeNotFound)
		f.forget(ns, false)
		f.wantRooms(ns)
	}
	f.sweep()
	for range 2 { // another in its place, and that one forgotten, too
		f.wantMarks("acme", []string{"a", events.Everything}, 0, 0)
		r := f.append("acme", brief("1", "a"))
		if r.First != 1 || r.Epoch == old.Epoch || r.Epoch == last.Epoch {
			t.Errorf("the first append to a new log is answered %+v, the old ones were %+v and %+v", r, old, last)
		}
		f.append("third", say("1", "c"))
		f.reopen()
		f.wantNamespaces("acme", "before", "third")
		f.wantNumbers("acme", "a", 1)
		f.wantMarks("acme", []string{"a", "b", events.Everything}, 0, 0, 0)
		if h := f.head("acme"); h.Epoch != r.Epoch || h.Last != 1 {
			t.Errorf("the head of the new log is %+v, want epoch %s", h, r.Epoch)
		}
		_, err := f.log.Open(f.ctx, "fourth")
		wantCode(t, "Open of one namespace too many", err, events.CodeQuota)
		f.clock.Advance(time.Minute)
		f.forget("acme", true)
		f.reopen()
	}
	f.wantNumbers("before", "a", 1)
	f.wantNumbers("third", "c", 1, 2)

	// No key of the log that was made last is remembered in the next one.
	b := keyed("key", "digest", brief("1", "a"))
	key := f.batch("acme", b)
	f.clock.Advance(events.KeyLife)
	f.forget("acme", true)
	f.reopen()
	f.clock.Advance(-9 * time.Minute)
	f.head("acme")
	if r := f.batch("acme", b); r.Replayed || r.Epoch == key.Epoch {
		t.Errorf("a key of a forgotten log is answered %+v, it was %+v", r, key)
	}
}
