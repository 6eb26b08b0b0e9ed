package logtest

import (
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"parley/events"
)

// owns are bounds that namespaces have of their own. They may be changed while a
// log asks for them.
type owns struct {
	mu sync.Mutex
	of map[string]events.Keep
}

func (o *owns) keep(ns string) events.Keep {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of[ns]
}

func (o *owns) set(ns string, k events.Keep) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of = maps.Clone(o.of)
	if o.of == nil {
		o.of = map[string]events.Keep{}
	}
	o.of[ns] = k
}

func retentionOfNamespace(t *testing.T, newStore func(*testing.T) Store) {
	own := &owns{of: map[string]events.Keep{
		"short":   {Age: time.Minute},
		"old":     {Age: -1},
		"few":     {Events: 2},
		"many":    {Events: -1},
		"several": {Age: 2 * time.Hour, Events: 7},
		"nothing": {},
		"ignored": {Disk: 1, Namespaces: 1}, // those are not a namespace's
	}}
	keep := forever
	keep.Age = time.Hour
	keep.Events = 4
	f := beginWith(t, newStore, keep, own.keep)
	namespaces := []string{"short", "old", "few", "many", "several", "nothing", "ignored", "unknown"}
	for range 3 {
		for _, ns := range namespaces {
			f.append(ns, say("x", "a"), say("x", "a"), say("x", "a", "b"))
		}
	}
	f.sweep()
	for range rounds(f) {
		f.wantNumbers("short", "a", 6, 7, 8, 9)
		f.wantNumbers("old", "a", 6, 7, 8, 9)
		f.wantNumbers("few", "a", 8, 9)
		f.wantNumbers("few", "b", 6, 9)
		f.wantMarks("few", []string{"a", "b"}, 7, 3)
		f.wantNumbers("many", "a", upto(1, 9)...)
		f.wantNumbers("several", "a", upto(3, 9)...)
		f.wantNumbers("nothing", "a", 6, 7, 8, 9)
		f.wantNumbers("ignored", "a", 6, 7, 8, 9)
		f.wantNumbers("unknown", "a", 6, 7, 8, 9)
		f.sweep()
	}
	for i, want := range []map[string][]uint64{
		{"short": nil, "old": upto(6, 9), "few": upto(8, 9), "many": upto(1, 9), "several": upto(3, 9), "nothing": upto(6, 9), "ignored": upto(6, 9), "unknown": upto(6, 9)},
		{"short": nil, "old": upto(6, 9), "few": nil, "many": nil, "several": upto(3, 9), "nothing": nil, "ignored": nil, "unknown": nil},
		{"short": nil, "old": upto(6, 9), "few": nil, "many": nil, "several": nil, "nothing": nil, "ignored": nil, "unknown": nil},
	} {
		f.clock.Advance([]time.Duration{50 * time.Minute, 20 * time.Minute, time.Hour}[i])
		f.sweep()
		for ns, numbers := range want {
			f.wantNumbers(ns, "a", numbers...)
		}
	}
}

func bytesOfNamespaces(t *testing.T, newStore func(*testing.T) Store) {
	own := &owns{of: map[string]events.Keep{"less": {Bytes: 64 << 10}, "more": {Bytes: 256 << 10}, "unbound": {Bytes: -1}}}
	keep := forever
	keep.Bytes = 128 << 10
	f := beginWith(t, newStore, keep, own.keep)
	r := rand.New(rand.NewPCG(3, 1))
	for range 80 {
		for _, ns := range []string{"less", "more", "unbound", "plain"} {
			f.append(ns, bulk(r, "a"))
		}
	}
	f.sweep()
	for range rounds(f) {
		for ns, bound := range map[string]int{"less": 64 << 10, "more": 256 << 10, "plain": 128 << 10} {
			wantFit(t, ns, 4<<10*len(f.all(ns, "a")), bound)
		}
		f.wantNumbers("unbound", "a", upto(1, 80)...)
		f.wantMarks("unbound", []string{"a"}, 0)
	}
}

// retentionChanges changes a namespace's bounds while the log is open. Nothing is
// said in it meanwhile that would remind the log of it.
func retentionChanges(t *testing.T, newStore func(*testing.T) Store) {
	own := &owns{}
	f := beginWith(t, newStore, forever, own.keep)
	for range 10 {
		f.append("acme", say("x", "a"))
		f.append("other", say("x", "a"))
	}
	f.append("acme", say("x", "b"))
	change := func(k events.Keep, want ...uint64) {
		t.Helper()
		own.set("acme", k)
		f.sweep()
		f.wantNumbers("acme", "a", want...)
		f.wantNumbers("acme", "b", 11)
		f.wantNumbers("other", "a", upto(1, 10)...)
	}
	change(events.Keep{}, upto(1, 10)...)
	change(events.Keep{Events: 9}, upto(2, 10)...)
	change(events.Keep{Events: 8}, upto(3, 10)...)
	change(events.Keep{Events: 9}, upto(3, 10)...)
	f.append("acme", say("12", "a")) // no more than the bound of now
	change(events.Keep{Events: 8}, 4, 5, 6, 7, 8, 9, 10, 12)
	change(events.Keep{Events: -1}, 4, 5, 6, 7, 8, 9, 10, 12)
	change(events.Keep{Events: 6}, 6, 7, 8, 9, 10, 12)
	if f.store.Durable() {
		own.set("acme", events.Keep{Events: 5})
		f.reopen()
	}
	change(events.Keep{Events: 5}, 7, 8, 9, 10, 12)

	// A higher bound holds as well, for a room that was beyond a lower one.
	own.set("acme", events.Keep{Events: 3})
	f.append("acme", say("13", "a"))
	own.set("acme", events.Keep{Events: 7})
	f.sweep()
	f.append("acme", say("14", "a"), say("15", "a"), say("16", "a"), say("17", "a"), say("18", "a"))
	f.sweep()
	f.wantNumbers("acme", "a", 12, 13, 14, 15, 16, 17, 18)
	own.set("acme", events.Keep{Age: time.Minute})
	f.clock.Advance(2 * time.Minute)
	f.sweep()
	f.wantNumbers("acme", "a")
	f.wantNumbers("other", "a", upto(1, 10)...)
}
