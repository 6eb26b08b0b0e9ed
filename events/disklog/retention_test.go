package disklog_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/events"
	"parley/events/disklog"
)

// fill appends n events to a room in batches.
func fill(t testing.TB, l events.Log, ns, room string, n int) {
	t.Helper()
	for n > 0 {
		drafts := make([]events.Draft, min(n, 1000))
		for i := range drafts {
			drafts[i] = events.Draft{To: []string{room}, Event: "m", Data: fmt.Appendf(nil, `"%s %d"`, room, n-i)}
		}
		if _, err := l.Append(t.Context(), ns, events.Batch{Drafts: drafts}); err != nil {
			t.Fatal(err)
		}
		n -= len(drafts)
	}
}

// Retention works in steps, and appends go on between them.
func TestRetentionLetsAppendsThrough(t *testing.T) {
	const steps = 20
	l := open(t, t.TempDir(), disklog.Options{Keep: events.Keep{Events: 10}})
	defer l.Close()
	fill(t, l, "acme", "busy", steps*disklog.SweepStep)

	var answered atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	first := make(chan struct{})
	writers.Go(func() {
		for ctx.Err() == nil {
			say(t, l, "other", "still here")
			if answered.Add(1) == 1 {
				close(first)
			}
		}
	})
	<-first
	before := answered.Load()
	if err := l.Sweep(context.Background()); err != nil {
		t.Error(err)
	}
	during := answered.Load() - before
	stop()
	writers.Wait()
	if during < steps/2 {
		t.Errorf("during a sweep of %d steps only %d appends were answered", steps, during)
	}
	p, err := l.Read(t.Context(), "acme", events.Query{Stretch: "busy", Upto: 1 << 40, Limit: 100})
	if err != nil || len(p.Events) != 10 || p.Removed != steps*disklog.SweepStep-10 {
		t.Errorf("after the sweep: %d events, mark %d, %v", len(p.Events), p.Removed, err)
	}
}

// The log sweeps by itself.
func TestSweeper(t *testing.T) {
	l, err := disklog.Open(t.TempDir(), disklog.Options{SweepEvery: time.Millisecond, Keep: events.Keep{Events: 10}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fill(t, l, "acme", "lobby", 100)
	for {
		marks, err := l.Removed(t.Context(), "acme", []string{"lobby"})
		if err != nil {
			t.Fatal(err)
		}
		if marks[0] == 90 {
			return
		}
	}
}

// A bound that was lowered while the log was closed holds for rooms that nobody
// speaks in any more.
func TestLowerBoundAfterRestart(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	for _, room := range []string{"a", "ab", "abc", "b\x7f", "ü"} {
		fill(t, l, "acme", room, 30)
	}
	closeLog(t, l)
	l = open(t, dir, disklog.Options{Keep: events.Keep{Events: 7}})
	defer l.Close()
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, room := range []string{"a", "ab", "abc", "b\x7f", "ü"} {
		if got := content(t, l, room); len(got) != 7 {
			t.Errorf("%q has %d events", room, len(got))
		}
	}
}

// What was erased is nowhere on the disk after the next sweep.
func TestErasedBytesLeaveTheDisk(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	defer func() { l.Close() }()
	const secret = "q7Zx-the-secret-Kp29"
	fill(t, l, "acme", "lobby", 500)
	a, b := say(t, l, "lobby", secret), say(t, l, "other", secret)
	fill(t, l, "acme", "lobby", 500)
	if !onDisk(t, dir, secret) {
		t.Fatal("the secret is not on disk before it is erased: the test is blind")
	}
	closeLog(t, l) // some of it is in a table, some in the write-ahead log
	l = open(t, dir, disklog.Options{})
	c := say(t, l, "other", secret)
	notice := events.Draft{To: []string{"lobby"}, Event: events.ErasedEvent, Data: []byte(`{}`)}
	if _, err := l.Erase(t.Context(), "acme", events.Erasure{Seqs: []uint64{a.First, b.First}, Notice: notice}); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l) // what is to be scrubbed is remembered
	l = open(t, dir, disklog.Options{})
	if _, err := l.Erase(t.Context(), "acme", events.Erasure{Room: "other", Upto: c.First, Notice: notice}); err != nil {
		t.Fatal(err)
	}
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for onDisk(t, dir, secret) { // the engine deletes files when it gets to it
		if time.Now().After(deadline) {
			t.Fatal("the secret is still on disk")
		}
	}
	if got := content(t, l, "other"); len(got) != 0 {
		t.Errorf("%d events are left in the room", len(got))
	}
}

func onDisk(t *testing.T, dir, what string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(what)) {
			return true
		}
	}
	return false
}

// Ten thousand namespaces are there again after a restart.
func TestManyNamespaces(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 namespaces take a while")
	}
	const namespaces = 10_000
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for i := next.Add(1); i <= namespaces; i = next.Add(1) {
				fill(t, l, fmt.Sprint("ns", i), "lobby", 1)
			}
		})
	}
	wg.Wait()
	if _, err := l.Open(t.Context(), "one-more"); err == nil {
		t.Error("one namespace too many was opened")
	}
	if err := l.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	closeLog(t, l)
	l = open(t, dir, disklog.Options{})
	defer l.Close()
	for i := 1; i <= namespaces; i += 97 {
		h, err := l.Head(t.Context(), fmt.Sprint("ns", i))
		if err != nil || h.Last != 1 {
			t.Fatalf("namespace %d: %+v, %v", i, h, err)
		}
	}
}
