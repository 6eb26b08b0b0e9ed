package logtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/events"
)

func concurrentWriters(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	const writers, batches = 16, 25
	type answer struct {
		receipt events.Receipt
		drafts  []events.Draft
	}
	answers, errs := make([][]answer, writers), make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for b := range batches {
				var drafts []events.Draft
				for i := range 1 + (w+b)%4 {
					drafts = append(drafts, say(fmt.Sprintf("%d %d %d", w, b, i), fmt.Sprintf("room%d", w%3)))
				}
				r, err := f.log.Append(f.ctx, "acme", events.Batch{Drafts: drafts})
				if err != nil {
					errs[w] = err
					return
				}
				answers[w] = append(answers[w], answer{r, drafts})
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}

	var all []answer
	for w := range answers {
		for i, a := range answers[w] {
			if i > 0 && a.receipt.First <= answers[w][i-1].receipt.Last {
				t.Errorf("writer %d got %d after %d", w, a.receipt.First, answers[w][i-1].receipt.Last)
			}
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b answer) int { return int(a.receipt.First) - int(b.receipt.First) })
	last := uint64(0)
	for _, a := range all {
		if a.receipt.First != last+1 {
			t.Fatalf("a batch begins at %d, the one before it ends at %d", a.receipt.First, last)
		}
		if want := last + uint64(len(a.drafts)); a.receipt.Last != want {
			t.Fatalf("a batch of %d is %d to %d", len(a.drafts), a.receipt.First, a.receipt.Last)
		}
		last = a.receipt.Last
	}
	if h := f.head("acme"); h.Last != last {
		t.Errorf("the head is at %d, the last receipt at %d", h.Last, last)
	}
	read := f.read("acme", events.Query{Upto: last, Limit: most}).Events
	heard := f.tape.upto(t, "acme", last)
	for what, got := range map[string][]*events.Event{"read": read, "heard": heard} {
		if len(got) != int(last) {
			t.Fatalf("%s: %d events of %d", what, len(got), last)
		}
		for _, a := range all {
			wantEvents(t, got[a.receipt.First-1:a.receipt.Last], a.receipt, a.drafts)
		}
	}
}

func wholeBatches(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	const size, batches = 7, 60
	var reads atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				p, err := f.log.Read(f.ctx, "acme", events.Query{Upto: 1 << 62, Limit: 20 * size, Newest: true})
				if err != nil {
					t.Errorf("Read: %v", err)
					return
				}
				if n := len(p.Events); n%size != 0 || n > 0 && p.Events[n-1].Seq%size != 0 {
					t.Errorf("a read gives %d events where batches have %d", n, size)
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
	drafts := make([]events.Draft, size)
	for i := range drafts {
		drafts[i] = say("x", fmt.Sprintf("room%d", i))
	}
	for i := 0; more(t, i, batches, &reads); i++ {
		f.append("acme", drafts...)
	}
	close(stop)
	wg.Wait()
}

func refusedBatches(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	f.append("acme", say("one", "lobby"))
	full := make([]events.Draft, 1000)
	for i := range full {
		full[i] = say(fmt.Sprint(i), "lobby")
	}
	for _, n := range []int{0, 1001} {
		drafts := append(slices.Clone(full), say("beyond", "lobby"))[:n]
		_, err := f.log.Append(f.ctx, "acme", events.Batch{Drafts: drafts})
		if err == nil {
			t.Errorf("a batch of %d was taken", n)
		}
	}
	f.wantNumbers("acme", "lobby", 1)
	if r := f.append("acme", full...); r.First != 2 || r.Last != 1001 {
		t.Errorf("a full batch after refused ones is %d to %d", r.First, r.Last)
	}
	f.wantNumbers("acme", "lobby", upto(1, 1001)...)
}

func monotonicTime(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	last := start
	for _, step := range []time.Duration{
		0, time.Second, 1500 * time.Microsecond, -time.Hour, time.Minute, -time.Nanosecond, 2 * time.Hour, -24 * time.Hour, 25 * time.Hour,
	} {
		f.clock.Advance(step)
		want := events.Stamp(f.clock.Now(), last)
		r := f.append("acme", say("a", "lobby"), say("b", "lobby"))
		if !r.Time.Equal(want) {
			t.Errorf("after a step of %v the receipt's time is %v, want %v", step, r.Time, want)
		}
		for seq := r.First; seq <= r.Last; seq++ {
			if e := f.one("acme", "lobby", seq); e == nil || !e.Time.Equal(want) || e.Time.Location() != time.UTC {
				t.Errorf("after a step of %v event %d is %+v, want its time to be %v", step, seq, e, want)
			}
		}
		last = want
	}
	if r := f.erase("acme", events.Erasure{Seqs: []uint64{1}, Notice: notice("lobby")}); r.Time.Before(last) {
		t.Errorf("the time of a notice runs back from %v to %v", last, r.Time)
	}
}

func keptBeforeHeard(t *testing.T, newStore func(*testing.T) Store) {
	store := newStore(t)
	log := store.Open(t, Options{Now: NewClock(start).Now, Keep: forever})
	const writers, each = 4, 25
	segments := make(chan events.Segment, writers*each)
	log.Tail(func(seg events.Segment) { segments <- seg })
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				drafts := []events.Draft{say(fmt.Sprintf("%d %d", w, i), "lobby"), say("second", "other")}
				if _, err := log.Append(t.Context(), "acme", events.Batch{Drafts: drafts}); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		})
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for last := uint64(0); last < 2*writers*each && !t.Failed(); {
		select {
		case seg := <-segments:
			last = seg.After + uint64(len(seg.Events))
			p, err := log.Read(t.Context(), "acme", events.Query{After: seg.After, Upto: last, Limit: most})
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			if !slices.Equal(numbers(p.Events), numbers(seg.Events)) {
				t.Errorf("the tail gave %v, a read right after it %v", numbers(seg.Events), numbers(p.Events))
				break
			}
			for i, e := range p.Events {
				if d := differs(&e.Draft, &seg.Events[i].Draft); d != "" {
					t.Errorf("event %d, read after it was heard: %s", e.Seq, d)
				}
			}
			if h, err := log.Head(t.Context(), "acme"); err != nil || h.Last < last {
				t.Errorf("the head is %+v, %v after %d was heard", h, err, last)
			}
		case <-late.C:
			t.Errorf("the tail is silent")
		}
	}
	wg.Wait()
	if err := log.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
