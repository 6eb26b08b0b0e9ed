package logtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"parley/events"
)

// calls are all methods that take a context.
func calls(ctx context.Context, log events.Log) map[string]func() error {
	return map[string]func() error{
		"Open": func() error { _, err := log.Open(ctx, "acme"); return err },
		"Head": func() error { _, err := log.Head(ctx, "acme"); return err },
		"Read": func() error {
			_, err := log.Read(ctx, "acme", events.Query{Stretch: "a", Upto: 9, Limit: 9})
			return err
		},
		"Removed":    func() error { _, err := log.Removed(ctx, "acme", []string{"a"}); return err },
		"Find":       func() error { _, err := log.Find(ctx, "acme", start); return err },
		"Rooms":      func() error { _, _, err := log.Rooms(ctx, "acme", "", 9); return err },
		"Namespaces": func() error { _, err := log.Namespaces(ctx); return err },
		"Forget":     func() error { _, err := log.Forget(ctx, "acme"); return err },
		"Sweep":      func() error { return log.Sweep(ctx) },
		"Append": func() error {
			_, err := log.Append(ctx, "acme", events.Batch{Drafts: []events.Draft{say("x", "a")}})
			return err
		},
		"Erase": func() error {
			_, err := log.Erase(ctx, "acme", events.Erasure{Notice: notice("a")})
			return err
		},
	}
}

// cancelledContext holds a log to this: a call whose caller has gone may still
// do its work, but comes back, and leaves no half of anything.
func cancelledContext(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.append("acme", say("one", "a"), say("two", "a"))
	gone, cancel := context.WithCancel(f.ctx)
	cancel()
	for range 10 {
		for name, call := range calls(gone, f.log) {
			var e *events.Error
			if err := call(); err != nil && !(errors.As(err, &e) && errors.Is(err, context.Canceled)) {
				t.Errorf("%s with a cancelled context: %v, want an *events.Error around context.Canceled", name, err)
			}
		}
	}
	// Contexts that end while appends are under way.
	var wg sync.WaitGroup
	for i := range 40 {
		ctx, cancel := context.WithCancel(f.ctx)
		wg.Go(func() {
			_, err := f.log.Append(ctx, "acme", events.Batch{Drafts: []events.Draft{say("x", "a"), say("y", "a")}, Key: fmt.Sprint(i)})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Append: %v", err)
			}
		})
		wg.Go(cancel)
	}
	wg.Wait()
	// Whatever became of them, a repeat with the same key is stored once.
	for i := range 40 {
		f.batch("acme", events.Batch{Drafts: []events.Draft{say("x", "a"), say("y", "a")}, Key: fmt.Sprint(i)})
	}
	last := f.append("acme", say("last", "a")).Last
	f.wantNumbers("acme", "a", upto(1, last)...)
	pairs := 0
	for _, e := range f.tape.upto(t, "acme", last) {
		if string(e.Data) == `"y"` {
			pairs++
		}
	}
	if pairs != 40 {
		t.Errorf("%d of the 40 appends were stored", pairs)
	}
}

func callsAfterClose(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.append("acme", say("one", "a"))
	log := f.log
	f.close()
	for name, call := range calls(t.Context(), log) {
		wantCode(t, name+" after Close", call(), events.CodeUnavailable)
	}
	if err := log.Close(); err != nil {
		wantCode(t, "a second Close", err, events.CodeUnavailable)
	}
}

func closeWaits(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.head("acme")
	log, witness := f.log, &Witness{}
	const writers = 8
	answered := make(chan struct{}, 1)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				_, err := witness.Append(t.Context(), log, "acme", events.Batch{Drafts: []events.Draft{say(fmt.Sprint(w, " ", i), "a")}})
				if err != nil {
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
	for range 5 {
		<-answered
	}
	f.close()
	wg.Wait()
	f.tape.check(t)
	if f.store.Durable() {
		f.open()
		witness.Check(t, f.log)
	}
}
