package memlog_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
	"parley/events/memlog"
)

func batch(data, to string) events.Batch {
	return events.Batch{Drafts: []events.Draft{{To: []string{to}, Event: "message", Data: []byte(data)}}}
}

func count(t *testing.T, log *memlog.Log, stretch string) int {
	t.Helper()
	p, err := log.Read(t.Context(), "acme", events.Query{Stretch: stretch, Upto: 1 << 62, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return len(p.Events)
}

func TestSweepsByItself(t *testing.T) {
	for _, tt := range []struct {
		every time.Duration
		after time.Duration // beyond the events' age
		want  int
	}{
		{0, 59 * time.Second, 1},
		{0, 61 * time.Second, 0},
		{time.Hour, 59 * time.Minute, 1},
		{time.Hour, 61 * time.Minute, 0},
		{-1, 100 * time.Hour, 1},
	} {
		t.Run(fmt.Sprintf("every %v, %v later", tt.every, tt.after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := memlog.New(memlog.Options{SweepEvery: tt.every, Keep: events.Keep{Age: 2 * time.Hour}})
				defer log.Close()
				// Said just after a sweep, so that it is too old just after one.
				time.Sleep(time.Millisecond)
				if _, err := log.Append(t.Context(), "acme", batch("1", "a")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2*time.Hour + tt.after)
				synctest.Wait()
				if got := count(t, log, "a"); got != tt.want {
					t.Errorf("%d events are left, want %d", got, tt.want)
				}
			})
		})
	}
}

// A minute of fast writers is not waited for.
func TestSweepsEarly(t *testing.T) {
	for name, o := range map[string]memlog.Options{
		"bytes": {Keep: events.Keep{Bytes: 100_000}},
		"disk":  {Keep: events.Keep{Disk: 100_000}},
		"its own": {KeepOf: func(ns string) events.Keep {
			if ns != "acme" {
				return events.Keep{}
			}
			return events.Keep{Bytes: 100_000}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := memlog.New(o)
				defer log.Close()
				for range 300 {
					if _, err := log.Append(t.Context(), "acme", batch(string(make([]byte, 1000)), "a")); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					if got := count(t, log, "a"); got > 130 {
						t.Fatalf("%d events of 1,000 bytes are kept", got)
					}
				}
			})
		})
	}
}

// A namespace whose tail stands still costs only its own writers.
func TestSlowTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New(memlog.Options{SweepEvery: -1})
		defer log.Close()
		stuck := make(chan struct{})
		log.Tail(func(seg events.Segment) {
			if seg.Namespace == "acme" {
				<-stuck
			}
		})
		go log.Append(t.Context(), "acme", batch("1", "a"))
		synctest.Wait()
		for i := range uint64(3) {
			r, err := log.Append(t.Context(), fmt.Sprint("other", i%2), batch("1", "a"))
			if err != nil || r.First != i/2+1 {
				t.Errorf("an append beside it answers %+v, %v", r, err)
			}
		}
		if got := count(t, log, "a"); got != 1 {
			t.Errorf("%d events are read where the tail stands still, want 1", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := log.Append(ctx, "acme", batch("2", "a"))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, events.ErrUnavailable) {
			t.Errorf("an append behind it, not waited for: %v", err)
		}
		close(stuck)
	})
}

// An append that waits while its namespace is forgotten goes to the next log.
func TestForgottenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var forgetting atomic.Bool
		stuck := make(chan struct{})
		log := memlog.New(memlog.Options{SweepEvery: -1, Now: func() time.Time {
			if forgetting.Load() {
				<-stuck
			}
			return time.Now()
		}})
		defer log.Close()
		before, err := log.Open(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		forgetting.Store(true)
		go func() {
			if ok, err := log.Forget(t.Context(), "acme"); !ok || err != nil {
				t.Errorf("Forget: %v, %v", ok, err)
			}
		}()
		synctest.Wait() // it has the turn now
		if ok, err := log.Forget(t.Context(), "acme"); ok || err != nil {
			t.Errorf("Forget of what is under way: %v, %v", ok, err)
		}
		var receipts []events.Receipt
		go func() {
			said, err := log.Append(t.Context(), "acme", batch("1", "a"))
			told, err2 := log.Erase(t.Context(), "acme", events.Erasure{Notice: batch("2", "a").Drafts[0]})
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
			}
			receipts = append(receipts, said, told)
		}()
		synctest.Wait()
		forgetting.Store(false)
		close(stuck)
		synctest.Wait()
		after, err := log.Head(t.Context(), "acme")
		if err != nil || after.Epoch == before.Epoch || after.Last != 2 || count(t, log, "a") != 2 {
			t.Errorf("the head was %+v and is %+v, %v, with %d events", before, after, err, count(t, log, "a"))
		}
		for i, r := range receipts {
			if r.Epoch != after.Epoch || r.First != uint64(i+1) {
				t.Errorf("the head is %+v, append %d was answered %+v", after, i, r)
			}
		}
	})
}

func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New(memlog.Options{})
		stuck := make(chan struct{})
		log.Tail(func(events.Segment) { <-stuck })
		var answered, closed bool
		go func() {
			_, err := log.Append(t.Context(), "acme", batch("1", "a"))
			answered = err == nil
		}()
		synctest.Wait()
		go func() {
			log.Close()
			closed = true
		}()
		synctest.Wait()
		if closed {
			t.Error("Close did not wait for an append")
		}
		if _, err := log.Head(t.Context(), "acme"); !errors.Is(err, events.ErrUnavailable) {
			t.Errorf("a call while the log closes: %v", err)
		}
		close(stuck)
		synctest.Wait()
		if !answered || !closed {
			t.Errorf("answered %v, closed %v", answered, closed)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	log := memlog.New(memlog.Options{SweepEvery: -1, Keep: events.Keep{Events: -1}})
	defer log.Close()
	one := batch(`"`+string(make([]byte, 100))+`"`, "a")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := log.Append(b.Context(), "acme", one); err != nil {
			b.Fatal(err)
		}
	}
}

// What a page costs must not depend on what else the log holds.
func BenchmarkRead(b *testing.B) {
	for _, rooms := range []int{1, 1000} {
		log := memlog.New(memlog.Options{SweepEvery: -1})
		for i := range 100 * rooms {
			if _, err := log.Append(b.Context(), "acme", batch("1", fmt.Sprint("room", i%rooms))); err != nil {
				b.Fatal(err)
			}
		}
		for _, newest := range []bool{false, true} {
			b.Run(fmt.Sprintf("rooms=%d/newest=%v", rooms, newest), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p, err := log.Read(b.Context(), "acme", events.Query{Stretch: "room0", Upto: 1 << 62, Limit: 50, Newest: newest})
					if err != nil || len(p.Events) != 50 || !p.More {
						b.Fatal(len(p.Events), err)
					}
				}
			})
		}
		log.Close()
	}
}
