package logtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"parley/events"
)

// start is when the suite's clocks begin.
var start = time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)

// forever keeps everything.
var forever = events.Keep{Age: -1, Events: -1, Bytes: -1, Disk: -1, Namespaces: -1}

// most is more than any test stores.
const most = 100_000

// A fixture is an open log with its clock and what its tail heard. Its methods
// fail the test where the log answers an error; they must be called from the
// test's goroutine, except try.
type fixture struct {
	t     *testing.T
	ctx   context.Context
	store Store
	clock *Clock
	keep  events.Keep
	own   func(ns string) events.Keep // nil for none
	log   events.Log
	tape  *tape
}

// begin opens a log on a new store.
func begin(t *testing.T, newStore func(*testing.T) Store, keep events.Keep) *fixture {
	return beginWith(t, newStore, keep, nil)
}

// beginWith opens one whose namespaces have bounds of their own.
func beginWith(t *testing.T, newStore func(*testing.T) Store, keep events.Keep, own func(ns string) events.Keep) *fixture {
	f := &fixture{t: t, ctx: t.Context(), store: newStore(t), clock: NewClock(start), keep: keep, own: own}
	f.open()
	t.Cleanup(func() { f.close() })
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	f.log = f.store.Open(f.t, Options{Now: f.clock.Now, Keep: f.keep, KeepOf: f.own})
	f.tape = newTape()
	f.log.Tail(f.tape.hear)
}

// close closes the log, once, and asks the tape whether it was all right.
func (f *fixture) close() {
	f.t.Helper()
	if f.log == nil {
		return
	}
	if err := f.log.Close(); err != nil {
		f.t.Errorf("Close: %v", err)
	}
	f.tape.end()
	f.log = nil
	f.tape.check(f.t)
}

func (f *fixture) reopen() {
	f.t.Helper()
	f.close()
	f.open()
}

func (f *fixture) head(ns string) events.Head {
	f.t.Helper()
	h, err := f.log.Open(f.ctx, ns)
	if err != nil {
		f.t.Fatalf("Open(%q): %v", ns, err)
	}
	return h
}

func (f *fixture) append(ns string, drafts ...events.Draft) events.Receipt {
	f.t.Helper()
	return f.batch(ns, events.Batch{Drafts: drafts})
}

func (f *fixture) batch(ns string, b events.Batch) events.Receipt {
	f.t.Helper()
	r, err := f.log.Append(f.ctx, ns, b)
	if err != nil {
		f.t.Fatalf("Append(%q): %v", ns, err)
	}
	if want := r.First + uint64(len(b.Drafts)) - 1; !r.Replayed && r.Last != want {
		f.t.Fatalf("Append of %d answered %d to %d", len(b.Drafts), r.First, r.Last)
	}
	return r
}

func (f *fixture) read(ns string, q events.Query) events.Page {
	f.t.Helper()
	p, err := f.log.Read(f.ctx, ns, q)
	if err != nil {
		f.t.Fatalf("Read(%q, %+v): %v", ns, q, err)
	}
	return p
}

// all gives the numbers in a stretch.
func (f *fixture) all(ns, stretch string) []uint64 {
	f.t.Helper()
	return numbers(f.read(ns, events.Query{Stretch: stretch, Upto: 1 << 62, Limit: most}).Events)
}

// one gives the event with this number, or nil.
func (f *fixture) one(ns, stretch string, seq uint64) *events.Event {
	f.t.Helper()
	p := f.read(ns, events.Query{Stretch: stretch, After: seq - 1, Upto: seq, Limit: 10})
	if len(p.Events) == 0 {
		return nil
	}
	if len(p.Events) > 1 || p.Events[0].Seq != seq {
		f.t.Fatalf("Read of number %d gave %v", seq, numbers(p.Events))
	}
	return p.Events[0]
}

func (f *fixture) marks(ns string, stretches ...string) []uint64 {
	f.t.Helper()
	marks, err := f.log.Removed(f.ctx, ns, stretches)
	if err != nil {
		f.t.Fatalf("Removed(%q): %v", ns, err)
	}
	if len(marks) != len(stretches) {
		f.t.Fatalf("Removed of %d stretches gave %d marks", len(stretches), len(marks))
	}
	for i, s := range stretches {
		if p := f.read(ns, events.Query{Stretch: s, Upto: 1 << 62, Limit: 1}); p.Removed != marks[i] {
			f.t.Errorf("Removed says %d of %q, its page %d", marks[i], s, p.Removed)
		}
	}
	return marks
}

func (f *fixture) sweep() {
	f.t.Helper()
	if err := f.log.Sweep(f.ctx); err != nil {
		f.t.Fatalf("Sweep: %v", err)
	}
}

func (f *fixture) erase(ns string, e events.Erasure) events.Receipt {
	f.t.Helper()
	r, err := f.log.Erase(f.ctx, ns, e)
	if err != nil {
		f.t.Fatalf("Erase(%q): %v", ns, err)
	}
	if r.First != r.Last || r.Replayed {
		f.t.Fatalf("Erase answered %+v; its notice is one event", r)
	}
	return r
}

// forget has the log forget a namespace and fails the test unless it does, or does
// not, as wanted.
func (f *fixture) forget(ns string, want bool) {
	f.t.Helper()
	f.tape.drop(ns)
	got, err := f.log.Forget(f.ctx, ns)
	if err != nil {
		f.t.Fatalf("Forget(%q): %v", ns, err)
	}
	if got {
		f.tape.forgotten(ns)
	}
	if got != want {
		f.t.Errorf("Forget(%q) = %v, want %v", ns, got, want)
	}
}

func (f *fixture) wantNamespaces(want ...string) {
	f.t.Helper()
	got, err := f.log.Namespaces(f.ctx)
	if err != nil || !slices.Equal(got, want) {
		f.t.Errorf("Namespaces() = %q, %v, want %q", got, err, want)
	}
}

// wantNumbers fails the test unless the stretch holds these.
func (f *fixture) wantNumbers(ns, stretch string, want ...uint64) {
	f.t.Helper()
	if got := f.all(ns, stretch); !slices.Equal(got, want) {
		f.t.Errorf("stretch %q of %s holds %v, want %v", stretch, ns, got, want)
	}
}

// wantMarks fails the test unless the marks are these.
func (f *fixture) wantMarks(ns string, stretches []string, want ...uint64) {
	f.t.Helper()
	if got := f.marks(ns, stretches...); !slices.Equal(got, want) {
		f.t.Errorf("Removed(%q) = %v, want %v", stretches, got, want)
	}
}

// enough is how many reads a test wants to see done beside its writes. A log whose
// writes cost nothing is through with them before a reader has begun.
const enough = 500

// more reports whether a test that writes while others read has to go on: it
// has done i of at least n writes, and seen this many reads.
func more(t *testing.T, i, n int, reads *atomic.Int64) bool {
	return (i < n || reads.Load() < enough && i < most) && !t.Failed()
}

// wantCode fails the test unless err is an *events.Error with this code.
func wantCode(t *testing.T, what string, err error, code events.Code) {
	t.Helper()
	var e *events.Error
	if !errors.As(err, &e) {
		t.Errorf("%s: %v, want an *events.Error with code %s", what, err, code)
	} else if e.Code != code {
		t.Errorf("%s: code %s (%v), want %s", what, e.Code, err, code)
	}
}

// say is a draft with these targets.
func say(data string, to ...string) events.Draft {
	return events.Draft{To: to, Event: events.MessageEvent, Data: []byte(`"` + data + `"`)}
}

// notice is what an erasure tells.
func notice(to ...string) events.Draft {
	return events.Draft{To: to, Event: events.ErasedEvent, Data: []byte(`{"ids":[]}`)}
}

func numbers(es []*events.Event) []uint64 {
	seqs := make([]uint64, len(es))
	for i, e := range es {
		seqs[i] = e.Seq
	}
	return seqs
}

// upto gives first to last.
func upto(first, last uint64) []uint64 {
	var seqs []uint64
	for s := first; s <= last; s++ {
		seqs = append(seqs, s)
	}
	return seqs
}

// differs says in what two drafts differ, "" when in nothing. A nil slice and an
// empty one are the same.
func differs(got, want *events.Draft) string {
	switch {
	case !slices.Equal(got.To, want.To):
		return fmt.Sprintf("To is %q, want %q", got.To, want.To)
	case !slices.Equal(got.Except, want.Except):
		return fmt.Sprintf("Except is %q, want %q", got.Except, want.Except)
	case got.From != want.From:
		return fmt.Sprintf("From is %q, want %q", got.From, want.From)
	case got.Skip != want.Skip:
		return fmt.Sprintf("Skip is %q, want %q", got.Skip, want.Skip)
	case got.User != want.User:
		return fmt.Sprintf("User is %q, want %q", got.User, want.User)
	case got.Name != want.Name:
		return fmt.Sprintf("Name is %q, want %q", got.Name, want.Name)
	case got.Event != want.Event:
		return fmt.Sprintf("Event is %q, want %q", got.Event, want.Event)
	case string(got.Data) != string(want.Data):
		return fmt.Sprintf("Data is %.80q, want %.80q", got.Data, want.Data)
	case got.Encoding != want.Encoding:
		return fmt.Sprintf("Encoding is %q, want %q", got.Encoding, want.Encoding)
	case got.Type != want.Type:
		return fmt.Sprintf("Type is %q, want %q", got.Type, want.Type)
	case got.TTL != want.TTL:
		return fmt.Sprintf("TTL is %v, want %v", got.TTL, want.TTL)
	case !got.AckBy.Equal(want.AckBy) || got.AckBy.Location() != time.UTC:
		return fmt.Sprintf("AckBy is %v, want %v in UTC", got.AckBy, want.AckBy)
	case got.AckID != want.AckID:
		return fmt.Sprintf("AckID is %q, want %q", got.AckID, want.AckID)
	}
	return ""
}

// wantEvents fails the test unless got is what drafts became as r says.
func wantEvents(t *testing.T, got []*events.Event, r events.Receipt, drafts []events.Draft) {
	t.Helper()
	if len(got) != len(drafts) {
		t.Fatalf("%d events, want %d", len(got), len(drafts))
	}
	for i, e := range got {
		if want := r.First + uint64(i); e.Seq != want {
			t.Errorf("event %d has number %d, want %d", i, e.Seq, want)
		}
		if !e.Time.Equal(r.Time) || e.Time.Location() != time.UTC {
			t.Errorf("event %d has time %v, its receipt %v", e.Seq, e.Time, r.Time)
		}
		if d := differs(&e.Draft, &drafts[i]); d != "" {
			t.Errorf("event %d: %s", e.Seq, d)
		}
	}
}
