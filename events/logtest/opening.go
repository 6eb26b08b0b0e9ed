package logtest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"parley/events"
)

var epochForm = regexp.MustCompile(`^[a-z0-9]{4,12}$`)

func openingOnce(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	h := f.head("acme")
	if !epochForm.MatchString(h.Epoch) {
		t.Errorf("epoch %q is not %s", h.Epoch, epochForm)
	}
	if len(h.Key) != 32 || bytes.Equal(h.Key, make([]byte, 32)) {
		t.Errorf("key %x is not 32 random bytes", h.Key)
	}
	if h.Last != 0 || h.Removed != 0 {
		t.Errorf("a new head is %d, removed %d", h.Last, h.Removed)
	}
	r := f.append("acme", say("one", "lobby"), say("two", "lobby"))
	if r.Epoch != h.Epoch || r.First != 1 || r.Last != 2 {
		t.Errorf("the first append answered %+v in epoch %s", r, h.Epoch)
	}
	for what, look := range map[string]func() (events.Head, error){
		"Open": func() (events.Head, error) { return f.log.Open(f.ctx, "acme") },
		"Head": func() (events.Head, error) { return f.log.Head(f.ctx, "acme") },
	} {
		again, err := look()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if again.Epoch != h.Epoch || !bytes.Equal(again.Key, h.Key) || again.Last != 2 || again.Removed != 0 {
			t.Errorf("%s after two events gives %+v, before them %+v", what, again, h)
		}
	}
	opened := f.append("other", say("one", "lobby"))
	if other := f.head("other"); other.Epoch != opened.Epoch || other.Last != 1 {
		t.Errorf("Append opened %q with %+v, its head is %+v", "other", opened, other)
	} else if other.Epoch == h.Epoch || bytes.Equal(other.Key, h.Key) {
		t.Errorf("two namespaces share an epoch or a key")
	}
}

func openingTogether(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	const callers = 16
	heads, errs := make([]events.Head, callers), make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { heads[i], errs[i] = f.log.Open(f.ctx, "acme") })
	}
	wg.Wait()
	for i, h := range heads {
		if errs[i] != nil {
			t.Fatalf("Open: %v", errs[i])
		}
		if h.Epoch != heads[0].Epoch || !bytes.Equal(h.Key, heads[0].Key) {
			t.Errorf("callers that open together get different heads")
		}
	}
}

func notFound(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.head("other")
	for range 2 {
		_, err := f.log.Head(f.ctx, "acme")
		wantCode(t, "Head of a namespace without a log", err, events.CodeNotFound)
		if p := f.read("acme", events.Query{Stretch: "lobby", Upto: 100, Limit: 10}); len(p.Events) != 0 || p.More || p.Removed != 0 {
			t.Errorf("a page of a namespace without a log is %+v", p)
		}
		f.wantMarks("acme", []string{"lobby", events.Everything}, 0, 0)
	}
}

func quota(t *testing.T, newStore func(*testing.T) Store) {
	keep := forever
	keep.Namespaces = 2
	f := begin(t, newStore, keep)
	f.head("one")
	f.append("two", say("a", "lobby"))
	_, err := f.log.Open(f.ctx, "three")
	wantCode(t, "Open of one namespace too many", err, events.CodeQuota)
	_, err = f.log.Append(f.ctx, "three", events.Batch{Drafts: []events.Draft{say("a", "lobby")}})
	wantCode(t, "Append to one namespace too many", err, events.CodeQuota)
	_, err = f.log.Head(f.ctx, "three")
	wantCode(t, "Head of the refused namespace", err, events.CodeNotFound)
	f.append("one", say("a", "lobby"))
	f.append("two", say("b", "lobby"))
	f.wantNumbers("one", "lobby", 1)
	f.wantNumbers("two", "lobby", 1, 2)
}

func independence(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	// Names of which one begins another: a key of name and room that is not cut
	// cleanly mixes them up.
	namespaces := []string{"a", "aa", "a-", "a_", "a0", strings.Repeat("a", events.MaxNamespaceBytes)}
	rooms := []string{"a", "aa", "0", "a-a"}
	for round := range 3 {
		for i, ns := range namespaces {
			for _, room := range rooms {
				f.append(ns, say(fmt.Sprintf("%d %d %s", round, i, room), room))
			}
		}
	}
	f.erase("aa", events.Erasure{Room: "a", Upto: 1 << 62, Notice: notice("a")})
	for i, ns := range namespaces {
		if ns == "aa" {
			f.wantNumbers(ns, "a", 13)
			continue
		}
		f.wantNumbers(ns, events.Everything, upto(1, 12)...)
		for j, room := range rooms {
			f.wantNumbers(ns, room, uint64(j+1), uint64(j+5), uint64(j+9))
			if e := f.one(ns, room, uint64(j+5)); e != nil && string(e.Data) != fmt.Sprintf(`"1 %d %s"`, i, room) {
				t.Errorf("event of %s in %q is %s", ns, room, e.Data)
			}
		}
		if heard := f.tape.upto(t, ns, 12); len(heard) != 12 {
			t.Errorf("the tail heard %d events of %s", len(heard), ns)
		}
	}
}
