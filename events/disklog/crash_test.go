package disklog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events"
	"parley/events/disklog"
	"parley/events/logtest"
)

// A cut is what a power cut leaves: a file system as it may have been found, and
// a witness that knows what had been answered by then.
type cut struct {
	fs      *vfs.MemFS
	witness *logtest.Witness
}

// cutPower runs a log under writers that append, repeat, erase and sweep, and
// takes clones of its file system meanwhile, in each of which some of what was
// not synced is there and some is not.
func cutPower(t *testing.T, rng *rand.Rand, mem *vfs.MemFS, fs vfs.FS, clones int) []cut {
	t.Helper()
	var w logtest.Witness
	l, err := disklog.Open("log", disklog.Options{FS: fs, SweepEvery: -1, Keep: events.Keep{Events: 40, Bytes: 64 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	l.Tail(func(s events.Segment) {
		if !strings.HasSuffix(s.Namespace, "-erased") {
			w.Heard(s)
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	start := make(chan struct{}, 1000)
	for i := range 4 {
		rng := rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				ns := fmt.Sprintf("ns%d", rng.IntN(2))
				b := events.Batch{Drafts: make([]events.Draft, 1+rng.IntN(3))}
				for j := range b.Drafts {
					b.Drafts[j] = crashDraft(rng, fmt.Sprintf("%d/%d/%d", i, n, j))
				}
				if n%3 == 0 {
					b.Key, b.Digest = fmt.Sprintf("key-%d-%d", i, n), "digest"
				}
				if _, err := w.Append(context.Background(), l, ns, b); err != nil {
					t.Errorf("appending: %v", err)
					return
				}
				switch n % 16 {
				case 7:
					eraseOne(t, &w, l, ns, crashDraft(rng, fmt.Sprintf("%d/%d/erased", i, n)))
				case 11:
					if err := l.Sweep(context.Background()); err != nil {
						t.Errorf("sweeping: %v", err)
					}
				}
				select {
				case start <- struct{}{}:
				default:
				}
			}
		})
	}
	cuts := make([]cut, 0, clones)
	for len(cuts) < clones {
		for range rng.IntN(8) {
			<-start
		}
		c := cut{witness: w.Clone()}
		c.fs = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(4) * 33, RNG: rng})
		cuts = append(cuts, c)
	}
	stop()
	writers.Wait()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	w.Check(t, openMem(t, mem))
	return cuts
}

func crashDraft(rng *rand.Rand, name string) events.Draft {
	d := events.Draft{To: []string{fmt.Sprintf("room %d", rng.IntN(3))}, Event: "message", Data: fmt.Appendf(nil, "%q", name)}
	switch rng.IntN(8) {
	case 0:
		d.To = []string{"room 0", "room 1", "*"}
	case 1:
		d.TTL = time.Hour
	}
	return d
}

// eraseOne appends an event and erases it. The witness hears of it only when it
// has gone: before, it may be there or not.
func eraseOne(t *testing.T, w *logtest.Witness, l *disklog.Log, ns string, d events.Draft) {
	ns += "-erased"
	r, err := l.Append(context.Background(), ns, events.Batch{Drafts: []events.Draft{d}})
	if err != nil {
		t.Errorf("appending: %v", err)
		return
	}
	notice := events.Draft{To: d.To, Event: events.ErasedEvent, Data: fmt.Appendf(nil, "%d", r.First)}
	if _, err := l.Erase(context.Background(), ns, events.Erasure{Seqs: []uint64{r.First}, Notice: notice}); err != nil {
		t.Errorf("erasing: %v", err)
		return
	}
	w.Erased(ns, r.First)
}

func openMem(t *testing.T, fs vfs.FS) *disklog.Log {
	t.Helper()
	l := open(t, "log", disklog.Options{FS: fs, Keep: events.Keep{Events: 40, Bytes: 64 << 10}})
	t.Cleanup(func() { l.Close() })
	return l
}

// TestPowerCut opens more than a thousand states that a power cut may leave.
// Everything that was answered must be there, and no number is given twice.
func TestPowerCut(t *testing.T) {
	rounds, clones := 63, 16
	if testing.Short() {
		rounds = 4
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(round), 1))
			mem := vfs.NewCrashableMem()
			for i, c := range cutPower(t, rng, mem, clonable{mem}, clones) {
				l := openMem(t, c.fs)
				if i%4 == 0 {
					// And the power goes again while it starts.
					l = openMem(t, c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}))
				}
				c.witness.Check(t, l)
				c.witness.CheckKeys(t, l)
				if t.Failed() {
					t.Fatalf("in clone %d of round %d", i, round)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestPowerCutIsNoticed shows that the test above sees what it is for: on a file
// system whose fsync does nothing it finds events missing.
func TestPowerCutIsNoticed(t *testing.T) {
	mem := vfs.NewCrashableMem()
	l, err := disklog.Open("log", disklog.Options{FS: mem, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil { // whole on disk, so that what follows can be opened
		t.Fatal(err)
	}
	missed := 0
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range cutPower(t, rng, mem, forgetful{clonable{mem}}, 20) {
		l, err := disklog.Open("log", disklog.Options{FS: c.fs, SweepEvery: -1})
		if err != nil {
			missed++ // so broken that it is refused
			continue
		}
		r := recorder{TB: t}
		c.witness.Check(&r, l)
		missed += min(r.errors, 1)
		l.Close()
	}
	if missed == 0 {
		t.Error("20 power cuts without fsync lost nothing: the test is blind")
	}
}

// A clonable file system may be cloned at any moment: MemFS locks itself twice in
// ReuseForWrite, and never gets on when a clone is asked for in between.
type clonable struct{ *vfs.MemFS }

func (c clonable) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := c.Rename(from, to); err != nil {
		return nil, err
	}
	return c.OpenReadWrite(to, category)
}

// A recorder counts what would have failed the test.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Errorf(string, ...any) { r.errors++ }

// A forgetful file system does nothing when it is asked to sync a log.
type forgetful struct{ vfs.FS }

func (f forgetful) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if c != logCategory {
		return file, err
	}
	return forgetfulFile{file}, err
}

func (f forgetful) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(from, to, c)
	return forgetfulFile{file}, err
}

func (f forgetful) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name, c, o...)
	return forgetfulFile{file}, err
}

type forgetfulFile struct{ vfs.File }

func (forgetfulFile) Sync() error                { return nil }
func (forgetfulFile) SyncData() error            { return nil }
func (forgetfulFile) SyncTo(int64) (bool, error) { return true, nil }
