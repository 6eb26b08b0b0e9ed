package logtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"parley/events"
)

func keyed(key, digest string, drafts ...events.Draft) events.Batch {
	return events.Batch{Drafts: drafts, Key: key, Digest: digest}
}

// wantReplay fails the test unless r is the answer again that first was.
func wantReplay(t *testing.T, r, first events.Receipt) {
	t.Helper()
	if !r.Replayed || r.Epoch != first.Epoch || r.First != first.First || r.Last != first.Last || !r.Time.Equal(first.Time) {
		t.Errorf("a repeat is answered %+v, the first was %+v", r, first)
	}
}

func keyRepeated(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.append("acme", say("before", "a"))
	b := keyed("key", "digest", say("one", "a"), say("two", "b"), say("three", "a"))
	first := f.batch("acme", b)
	if first.Replayed {
		t.Errorf("the first is answered %+v", first)
	}
	f.append("acme", say("after", "a"))
	for range 3 {
		f.clock.Advance(time.Minute)
		wantReplay(t, f.batch("acme", b), first)
		f.sweep()
	}
	if second := f.batch("acme", keyed("key2", "digest", b.Drafts...)); second.Replayed || second.First != 6 {
		t.Errorf("the same under another key is answered %+v", second)
	}
	if third := f.append("acme", b.Drafts...); third.Replayed || third.First != 9 {
		t.Errorf("the same without a key is answered %+v", third)
	}
	if fourth := f.append("acme", b.Drafts...); fourth.Replayed || fourth.First != 12 {
		t.Errorf("the same without a key again is answered %+v", fourth)
	}
	f.wantNumbers("acme", events.Everything, upto(1, 14)...)
	if heard := f.tape.upto(t, "acme", 14); len(heard) != 14 {
		t.Errorf("the tail heard %d events, want 14", len(heard))
	}
}

func keyReused(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	first := f.batch("acme", keyed("key", "digest", say("one", "a")))
	for _, digest := range []string{"other", "", "digest2"} {
		_, err := f.log.Append(f.ctx, "acme", keyed("key", digest, say("two", "a")))
		wantCode(t, fmt.Sprintf("the key with digest %q", digest), err, events.CodeKeyReused)
	}
	wantReplay(t, f.batch("acme", keyed("key", "digest", say("one", "a"))), first)
	empty := f.batch("acme", keyed("no digest", "", say("three", "a")))
	wantReplay(t, f.batch("acme", keyed("no digest", "", say("three", "a"))), empty)
	f.wantNumbers("acme", "a", 1, 2)
}

func keyTogether(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.head("acme")
	const callers, keys = 12, 15
	for k := range keys {
		key := fmt.Sprint("key", k)
		receipts, errs := make([]events.Receipt, callers), make([]error, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				digest := "digest"
				if i == callers-1 {
					digest = "other"
				}
				receipts[i], errs[i] = f.log.Append(f.ctx, "acme", keyed(key, digest, say(key, "a"), say(digest, "a")))
			})
		}
		wg.Wait()
		// Either digest may have come first; all the others follow from that.
		winner := "digest"
		if errs[callers-1] == nil {
			winner = "other"
		}
		var first events.Receipt
		firsts := 0
		for i, r := range receipts {
			if (i == callers-1) != (winner == "other") {
				wantCode(t, "the key with the losing digest", errs[i], events.CodeKeyReused)
				continue
			}
			if errs[i] != nil {
				t.Fatalf("Append: %v", errs[i])
			}
			if !r.Replayed {
				firsts++
				first = r
			}
		}
		if firsts != 1 {
			t.Fatalf("%d of the same appends say that they are the first", firsts)
		}
		for i, r := range receipts {
			if errs[i] == nil && r.Replayed {
				wantReplay(t, r, first)
			}
		}
	}
	f.wantNumbers("acme", "a", upto(1, 2*keys)...)
}

func keyLife(t *testing.T, newStore func(*testing.T) Store) {
	for _, swept := range []bool{false, true} {
		t.Run(fmt.Sprint("swept ", swept), func(t *testing.T) {
			f := begin(t, newStore, forever)
			first := f.batch("acme", keyed("key", "one", say("1", "a")))
			tick := func(d time.Duration) {
				f.clock.Advance(d)
				if swept {
					f.sweep()
				}
			}
			tick(events.KeyLife - time.Second)
			wantReplay(t, f.batch("acme", keyed("key", "one", say("1", "a"))), first)
			tick(2 * time.Second) // a repeat does not prolong it
			second := f.batch("acme", keyed("key", "two", say("2", "a")))
			if second.Replayed || second.First != 2 {
				t.Errorf("a key after its life is answered %+v", second)
			}
			f.sweep() // forgets the key's first life, not its second
			wantReplay(t, f.batch("acme", keyed("key", "two", say("2", "a"))), second)
			tick(events.KeyLife - time.Second)
			wantReplay(t, f.batch("acme", keyed("key", "two", say("2", "a"))), second)
			_, err := f.log.Append(f.ctx, "acme", keyed("key", "one", say("1", "a")))
			wantCode(t, "the digest of the key's life before", err, events.CodeKeyReused)
			f.wantNumbers("acme", "a", 1, 2)
		})
	}
}

func keyOfOneNamespace(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	for _, ns := range []string{"a", "ab", "abc"} {
		for _, key := range []string{"c", "bc", "abc"} {
			if r := f.batch(ns, keyed(key, ns+key, say(key, "room"))); r.Replayed {
				t.Errorf("key %q is new in %s and answered %+v", key, ns, r)
			}
		}
		f.wantNumbers(ns, "room", 1, 2, 3)
	}
	// A key may be any bytes.
	for _, key := range []string{"\x00", "\xff", "\x00\x00", string(make([]byte, 64))} {
		first := f.batch("a", keyed(key, "\x00\xff", say("x", "other")))
		if first.Replayed {
			t.Errorf("key %q is new and answered %+v", key, first)
		}
		wantReplay(t, f.batch("a", keyed(key, "\x00\xff", say("x", "other"))), first)
	}
}

func keyAfterErasing(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Age = time.Minute
	f := begin(t, newStore, keep)
	short := say("1", "a")
	short.TTL = time.Second
	outlived := f.batch("acme", keyed("outlived", "", short))
	erased := f.batch("acme", keyed("erased", "", say("2", "a")))
	removed := f.batch("acme", keyed("removed", "", say("3", "a")))
	f.erase("acme", events.Erasure{Seqs: []uint64{2}, Notice: notice("a")})
	f.clock.Advance(2 * time.Minute)
	f.sweep()
	wantReplay(t, f.batch("acme", keyed("outlived", "", short)), outlived)
	wantReplay(t, f.batch("acme", keyed("erased", "", say("2", "a"))), erased)
	wantReplay(t, f.batch("acme", keyed("removed", "", say("3", "a"))), removed)
	f.wantNumbers("acme", events.Everything)
}
