package disklog_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events"
	"parley/events/disklog"
	"parley/events/logtest"
)

// A diary says what a namespace was after each step that was answered: its epoch
// and last number, or "" when there was no log.
type diary struct {
	mu     sync.Mutex
	states []string
}

func (d *diary) note(state string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states = append(d.states, state)
}

func (d *diary) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.states)
}

func state(t testing.TB, l events.Log, ns string) string {
	h, err := l.Head(t.Context(), ns)
	if errors.Is(err, events.ErrNotFound) {
		return ""
	}
	if err != nil {
		t.Errorf("Head: %v", err)
	}
	return fmt.Sprint(h.Epoch, "-", h.Last)
}

// live has a namespace used, forgotten and used again, step after step, until stop.
// Beside it another one lives on.
func live(t *testing.T, l *disklog.Log, clock *logtest.Clock, w *logtest.Witness, d *diary, rng *rand.Rand, stop <-chan struct{}) {
	ctx := t.Context()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		clock.Advance(2 * time.Second)
		var err error
		switch step := rng.IntN(10); {
		case step == 0:
			_, err = l.Open(ctx, "acme")
		case step < 4:
			b := events.Batch{Drafts: make([]events.Draft, 1+rng.IntN(3))}
			for i := range b.Drafts {
				b.Drafts[i] = crashDraft(rng, fmt.Sprintf("%d/%d", n, i))
				b.Drafts[i].TTL = time.Second
			}
			_, err = l.Append(ctx, "acme", b)
		case step == 4:
			if _, err = l.Open(ctx, "acme"); err != nil { // Erase would do that by itself, in a step of its own
				break
			}
			d.note(state(t, l, "acme"))
			notice := events.Draft{To: []string{"room 0"}, Event: events.ErasedEvent, Data: []byte("{}"), TTL: time.Second}
			_, err = l.Erase(ctx, "acme", events.Erasure{Room: "room 0", Upto: 1 << 40, Notice: notice})
		case step == 5:
			err = l.Sweep(ctx)
		case step < 8:
			_, err = w.Append(ctx, l, "other", events.Batch{Drafts: []events.Draft{{To: []string{"a"}, Event: "m", Data: fmt.Appendf(nil, "%d", n)}}})
		default:
			var forgotten bool
			before := state(t, l, "acme")
			if forgotten, err = l.Forget(ctx, "acme"); err == nil && forgotten != (before != "") {
				t.Errorf("of a log that was %q Forget says %v", before, forgotten)
			}
		}
		if err != nil {
			t.Errorf("step %d: %v", n, err)
			return
		}
		d.note(state(t, l, "acme"))
	}
}

// TestForgetPowerCut cuts the power about forgetting: what is found is a state
// that was answered, or the one that was about to be.
func TestForgetPowerCut(t *testing.T) {
	rounds, clones := 20, 16
	if testing.Short() {
		rounds = 4
	}
	gone := 0
	for round := range rounds {
		rng := rand.New(rand.NewPCG(uint64(round), 2))
		mem := vfs.NewCrashableMem()
		clock := logtest.NewClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
		o := disklog.Options{FS: clonable{mem}, Now: clock.Now, Keep: events.Keep{Events: 2}}
		l := open(t, "log", o)
		w, d, stop := &logtest.Witness{}, &diary{states: []string{""}}, make(chan struct{})
		var lived sync.WaitGroup
		lived.Go(func() { live(t, l, clock, w, d, rand.New(rand.NewPCG(uint64(round), 3)), stop) })

		type found struct {
			fs          *vfs.MemFS
			witness     *logtest.Witness
			first, last int // states that were answered before and after the cut
		}
		var cuts []found
		for len(cuts) < clones {
			for next := d.len() + rng.IntN(6); d.len() < next && !t.Failed(); {
				runtime.Gosched()
			}
			c := found{first: d.len() - 1, witness: w.Clone()}
			c.fs = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(4) * 33, RNG: rng})
			c.last = d.len() - 1
			cuts = append(cuts, c)
		}
		for next := d.len() + 1; d.len() < next && !t.Failed(); { // what was under way is known then
			runtime.Gosched()
		}
		close(stop)
		lived.Wait()
		closeLog(t, l)

		for i, c := range cuts {
			may := d.states[c.first : c.last+2]
			l := open(t, "log", disklog.Options{FS: c.fs, Now: clock.Now})
			was := state(t, l, "acme")
			if !slices.Contains(may, was) {
				t.Errorf("round %d, cut %d: the log is %q, want one of %q", round, i, was, may)
			}
			c.witness.Check(t, l)
			if was == "" {
				gone++
			}
			names, err := l.Namespaces(t.Context())
			if err != nil || slices.Contains(names, "acme") != (was != "") {
				t.Errorf("round %d, cut %d: the namespaces are %q, %v, the log was %q", round, i, names, err, was)
			}
			// It can be forgotten again and made anew, and another start agrees.
			clock.Advance(2 * time.Second)
			if _, err := l.Forget(t.Context(), "acme"); err != nil {
				t.Error(err)
			}
			r := say(t, l, "room 0", "anew")
			if got := content(t, l, "room 0"); r.First != 1 || len(got) != 1 || slices.Contains(d.states, fmt.Sprint(r.Epoch, "-", 1)) {
				t.Errorf("round %d, cut %d: a new log begins with %+v and %d events", round, i, r, len(got))
			}
			if err := l.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			closeLog(t, l)
			l = open(t, "log", disklog.Options{FS: c.fs, Now: clock.Now})
			if now := state(t, l, "acme"); now != fmt.Sprint(r.Epoch, "-", 1) {
				t.Errorf("round %d, cut %d: after a restart the log is %q, it began with %+v", round, i, now, r)
			}
			closeLog(t, l)
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	if gone == 0 {
		t.Error("no cut found the log forgotten: the test is blind")
	}
}

// A forgotten log leaves nothing behind but idempotency keys that nobody can find,
// which go with the others of their time.
func TestForgetLeavesNothing(t *testing.T) {
	clock := logtest.NewClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{Now: clock.Now, Keep: events.Keep{Events: 2}})
	tables := func() map[byte]int {
		closeLog(t, l)
		db := openEngine(t, dir)
		it, err := db.NewIter(nil)
		if err != nil {
			t.Fatal(err)
		}
		keys := map[byte]int{}
		for ok := it.First(); ok; ok = it.Next() {
			keys[it.Key()[0]]++
		}
		if err := errors.Join(it.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
		l = open(t, dir, disklog.Options{Now: clock.Now, Keep: events.Keep{Events: 2}})
		return keys
	}
	before := tables()
	for i := range 20 {
		d := events.Draft{To: []string{"a", fmt.Sprint("room ", i)}, Event: "m", Data: []byte("1"), TTL: time.Minute}
		if _, err := l.Append(t.Context(), "acme", events.Batch{Drafts: []events.Draft{d}, Key: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sweep(t.Context()); err != nil { // the count marks a room
		t.Fatal(err)
	}
	clock.Advance(2 * events.KeyLife)
	if ok, err := l.Forget(t.Context(), "acme"); !ok || err != nil {
		t.Fatalf("Forget: %v, %v", ok, err)
	}
	after := tables()
	delete(after, 'k')
	before['g']++ // which short number was given last
	if !maps.Equal(after, before) {
		t.Errorf("by table there are so many keys: %v, before %v", after, before)
	}
	clock.Advance(2 * events.KeyLife)
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := tables(); !maps.Equal(after, before) {
		t.Errorf("after a sweep there are so many keys by table: %v, before %v", after, before)
	}
	closeLog(t, l)
}
