package logtest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/events"
	"parley/events/logtest"
	"parley/events/memlog"
)

// A recorder is a test that may fail.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func draft(data string, to ...string) events.Draft {
	return events.Draft{To: to, Event: "e", Data: []byte(data)}
}

// kept is what each case of TestWitness has appended: numbers 1 to 4.
var kept = []events.Batch{
	{Drafts: []events.Draft{draft("1", "a"), draft("2", "a", "b")}, Key: "key", Digest: "d"},
	{Drafts: []events.Draft{draft("3", "@abcdefghijklmnop")}},
	{Drafts: []events.Draft{draft("4", events.Everyone)}},
}

func open(t *testing.T) *memlog.Log {
	log := memlog.New(memlog.Options{Now: logtest.NewClock(time.Unix(0, 0)).Now, SweepEvery: -1})
	t.Cleanup(func() { log.Close() })
	return log
}

// lost gives a log whose pages go through change.
func lost(log events.Log, change func(*events.Page)) events.Log {
	return reading("", "", nil, func(_ events.Query, p *events.Page) { change(p) }).wrap(log)
}

func without(seq uint64) func(*events.Page) {
	return func(p *events.Page) {
		p.Events = slices.DeleteFunc(p.Events, func(e *events.Event) bool { return e.Seq == seq })
	}
}

func TestWitness(t *testing.T) {
	ctx := t.Context()
	unanswered := events.Batch{Drafts: []events.Draft{draft("x", "a"), draft("y", "b"), draft("z", "a")}}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	tests := []struct {
		name  string
		after func(t *testing.T, w *logtest.Witness, log events.Log) events.Log // what happened; the log that is checked
		want  string                                                            // in the failure; "" for none
	}{
		{"all there", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log { return log }, ""},
		{"lost in a room", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log { return lost(log, without(1)) }, "number 1 is not in"},
		{"lost of a member", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log { return lost(log, without(3)) }, "number 3 is not in"},
		{"removed", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			return lost(log, func(p *events.Page) { without(1)(p); p.Removed = 1 })
		}, ""},
		{"another log", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			other := open(t)
			for _, b := range kept {
				if _, err := other.Append(ctx, "acme", b); err != nil {
					t.Fatal(err)
				}
			}
			return other
		}, "the epoch is"},
		{"no log", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log { return open(t) }, "not-found"},
		{"not listed", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			return listing("", "", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
				return pageOf(all, "a", limit)
			}).wrap(log)
		}, `"a" holds number`},
		{"other words", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			return lost(log, func(p *events.Page) {
				for i, e := range p.Events {
					if e.Seq == 2 {
						p.Events[i] = &events.Event{Draft: draft("other", "a", "b"), Seq: 2, Time: e.Time}
					}
				}
			})
		}, "number 2 in"},
		{"erased", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			if _, err := log.Erase(ctx, "acme", events.Erasure{Seqs: []uint64{2}, Notice: draft("notice", "a")}); err != nil {
				t.Fatal(err)
			}
			w.Erased("acme", 2)
			return log
		}, ""},
		{"not erased", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			w.Erased("acme", 2)
			return log
		}, "number 2 was erased"},
		{"heard", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			w.Heard(events.Segment{Namespace: "acme", After: 4, Events: []*events.Event{{Draft: draft("5", "a"), Seq: 5}}})
			return log
		}, "5 was answered or heard"},
		{"number given twice", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			h, _ := log.Head(ctx, "acme")
			w.Answered("acme", events.Batch{Drafts: []events.Draft{draft("5", "a")}}, events.Receipt{Epoch: h.Epoch, First: 4, Last: 4})
			return log
		}, "number 4 was given twice"},
		{"stored twice", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			b := kept[0]
			b.Key = ""
			if _, err := log.Append(ctx, "acme", b); err != nil {
				t.Fatal(err)
			}
			return log
		}, "is there as"},
		{"no answer, not stored", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			_, _ = w.Append(gone, log, "acme", unanswered)
			return log
		}, ""},
		{"no answer, stored", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			_, _ = w.Append(gone, log, "acme", unanswered)
			if _, err := log.Append(ctx, "acme", unanswered); err != nil {
				t.Fatal(err)
			}
			return log
		}, ""},
		{"no answer, a part stored", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			_, _ = w.Append(gone, log, "acme", unanswered)
			if _, err := log.Append(ctx, "acme", events.Batch{Drafts: unanswered.Drafts[1:]}); err != nil {
				t.Fatal(err)
			}
			return log
		}, "only 2 are there"},
		{"a clone knows nothing later", func(t *testing.T, w *logtest.Witness, log events.Log) events.Log {
			c := w.Clone()
			if _, err := c.Append(ctx, open(t), "acme", unanswered); err != nil {
				t.Fatal(err)
			}
			return log
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log, w := open(t), &logtest.Witness{}
			for _, b := range kept {
				if _, err := w.Append(ctx, log, "acme", b); err != nil {
					t.Fatal(err)
				}
			}
			checked := tt.after(t, w, log)
			rec := &recorder{TB: t}
			w.Check(rec, checked)
			got := strings.Join(rec.failures, "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("the witness says %q, want %q in it", got, tt.want)
			}
			if tt.want == "" { // and what it appended itself is there from then on
				w.Check(t, checked)
			}
		})
	}
}

func TestWitnessKeys(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		log, w := events.Log(open(t)), &logtest.Witness{}
		if _, err := w.Append(t.Context(), log, "acme", kept[0]); err != nil {
			t.Fatal(err)
		}
		if forgets {
			log = appending("", "", func(b *events.Batch) { b.Key = "" }).wrap(log)
		}
		rec := &recorder{TB: t}
		w.CheckKeys(rec, log)
		if failed := len(rec.failures) > 0; failed != forgets {
			t.Errorf("forgets %v: %q", forgets, rec.failures)
		}
	}
}
