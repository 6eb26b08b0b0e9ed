package disklog_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events/disklog"
)

// since gives how long something takes.
func since(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// How long a crowd is waited for, and how many of it are there then.
func TestCrowd(t *testing.T) {
	const us = time.Microsecond
	for _, c := range []struct {
		name  string
		left  int
		disk  time.Duration
		come  []time.Duration
		waits time.Duration
		takes int
	}{
		{name: "all come at once", left: 4, disk: time.Millisecond, come: []time.Duration{0, 0, 0, 0}, takes: 4},
		{name: "all come", left: 4, disk: time.Millisecond, come: []time.Duration{0, 100 * us, 200 * us, 700 * us}, waits: 700 * us, takes: 4},
		{name: "more come", left: 2, disk: time.Millisecond, come: []time.Duration{0, 100 * us, 200 * us}, waits: 100 * us, takes: 2},
		{name: "a straggler", left: 4, disk: time.Millisecond, come: []time.Duration{0, 0, 100 * us, time.Second}, waits: 1500 * us, takes: 3},
		{name: "a straggler and a fast disk", left: 4, disk: 20 * us, come: []time.Duration{0, 0, 100 * us, 300 * us}, waits: 200 * us, takes: 3},
		{name: "the slowest disk that needs no wait", left: 4, disk: 4900 * time.Nanosecond, come: []time.Duration{0, 10 * us}, takes: 1},
		{name: "the fastest disk that is worth one", left: 4, disk: 5 * us, come: []time.Duration{0, 10 * us}, waits: 50 * us, takes: 2},
		{name: "one", left: 1, disk: time.Second, come: []time.Duration{0, 10 * us}, takes: 1},
		{name: "nobody", left: 0, disk: time.Second, come: []time.Duration{0, 10 * us}, takes: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				crowd := disklog.NewCrowd()
				var coming sync.WaitGroup
				defer coming.Wait()
				for _, after := range c.come {
					if after == 0 {
						crowd.Come()
						continue
					}
					coming.Go(func() {
						time.Sleep(after)
						crowd.Come()
					})
				}
				crowd.Left(c.left, c.disk)
				if d := since(crowd.Gather); d != c.waits {
					t.Errorf("it waited %v, want %v", d, c.waits)
				}
				if n := crowd.Take(); n != c.takes {
					t.Errorf("%d are there, want %d", n, c.takes)
				}
			})
		})
	}
}

// Nobody is waited for twice without having been left.
func TestCrowdIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := disklog.NewCrowd()
		crowd.Left(4, time.Millisecond)
		crowd.Gather()
		for range 3 {
			if d := since(crowd.Gather); d != 0 {
				t.Errorf("it waited %v again", d)
			}
		}
	})
}

// After a wait in vain the next ones are left out, each time twice as many, until
// a crowd is met.
func TestCrowdInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := disklog.NewCrowd()
		// gather reports whether it waited for a crowd of 8, of whom so many come.
		gather := func(come int) bool {
			crowd.Left(8, time.Millisecond)
			for range come {
				crowd.Come()
			}
			d := since(crowd.Gather)
			if come > 0 {
				crowd.Take()
			}
			return d != 0
		}
		skipped := func() (n int) {
			for !gather(0) {
				n++
			}
			return n
		}
		var got []int
		for range 9 {
			got = append(got, skipped())
		}
		if want := []int{0, 1, 2, 4, 8, 16, 32, 64, 64}; !slices.Equal(got, want) {
			t.Errorf("between waits in vain %v were left out, want %v", got, want)
		}
		for range 64 {
			if gather(0) {
				t.Fatal("a wait that was to be left out")
			}
		}
		if !gather(5) { // more than half is met
			t.Error("no wait for a crowd of which 5 of 8 come")
		}
		if n := skipped(); n != 0 {
			t.Errorf("after a crowd that was met %d waits were left out", n)
		}
		if n := skipped(); n != 1 {
			t.Errorf("after it, and one in vain, %d waits were left out, want 1", n)
		}
		for range 2 {
			gather(0)
		}
		if !gather(4) { // half is not
			t.Error("no wait for a crowd of which 4 of 8 come")
		}
		if n := skipped(); n != 4 {
			t.Errorf("after a crowd of which half came %d waits were left out, want 4", n)
		}
	})
}

// One who is alone neither waits nor ends the pause of those who came in vain.
func TestCrowdOfOneDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := disklog.NewCrowd()
		crowd.Left(8, time.Millisecond)
		crowd.Gather()
		for range 10 {
			crowd.Left(1, time.Millisecond)
			if d := since(crowd.Gather); d != 0 {
				t.Errorf("one who is alone waited %v", d)
			}
		}
		crowd.Left(8, time.Millisecond)
		if d := since(crowd.Gather); d != 0 {
			t.Errorf("the first crowd after a wait in vain was waited for, %v", d)
		}
	})
}

func TestCrowdEndsWithItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := disklog.NewCrowd()
		go func() {
			time.Sleep(100 * time.Microsecond)
			crowd.Close()
		}()
		for _, want := range []time.Duration{100 * time.Microsecond, 0, 0} {
			crowd.Left(8, time.Millisecond)
			if d := since(crowd.Gather); d != want {
				t.Errorf("with the queue closed it waited %v, want %v", d, want)
			}
		}
	})
}

// A slow file system takes a millisecond to sync a write-ahead log, and no time for
// anything else.
type slow struct {
	vfs.FS
	syncs *atomic.Int64
}

const slowSync = time.Millisecond

func (s slow) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := s.FS.OpenReadWrite(name, c, o...)
	return slowFile{f, s.syncs}, err
}

func (s slow) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.ReuseForWrite(from, to, c)
	return slowFile{f, s.syncs}, err
}

type slowFile struct {
	vfs.File
	syncs *atomic.Int64
}

func (f slowFile) SyncData() error {
	time.Sleep(slowSync)
	f.syncs.Add(1)
	return f.File.SyncData()
}

// onSlowDisk runs a test with a log on a slow disk, on which time goes by for
// nothing else.
func onSlowDisk(t *testing.T, f func(t *testing.T, l *disklog.Log, syncs *atomic.Int64)) {
	synctest.Test(t, func(t *testing.T) {
		var syncs atomic.Int64
		l := open(t, "log", disklog.Options{FS: slow{vfs.NewMem(), &syncs}})
		defer closeLog(t, l)
		say(t, l, "lobby", "the namespace is there")
		f(t, l, &syncs)
	})
}

// A caller who is alone waits for the disk and for nothing else, however fast it
// comes again.
func TestLoneWriterIsNotHeldBack(t *testing.T) {
	const times = 50
	for _, c := range []struct {
		name string
		run  func(t *testing.T, l *disklog.Log)
	}{
		{"who comes again", func(t *testing.T, l *disklog.Log) {
			for i := range times {
				say(t, l, "lobby", fmt.Sprint("number ", i))
			}
		}},
		{"who comes again before the appender looks", func(_ *testing.T, l *disklog.Log) { disklog.Again(l, times) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			onSlowDisk(t, func(t *testing.T, l *disklog.Log, _ *atomic.Int64) {
				if d := since(func() { c.run(t, l) }); d != times*slowSync {
					t.Errorf("%d commits took %v", times, d)
				}
			})
		})
	}
}

// Callers who come again, each in its own time, are one commit.
func TestCrowdIsOneCommit(t *testing.T) {
	const rounds = 20
	for _, callers := range []int{2, 16} {
		t.Run(fmt.Sprint(callers), func(t *testing.T) {
			onSlowDisk(t, func(t *testing.T, l *disklog.Log, syncs *atomic.Int64) {
				before := syncs.Load()
				var crowd sync.WaitGroup
				for i := range callers {
					crowd.Go(func() {
						for n := range rounds {
							time.Sleep(time.Duration(i) * 50 * time.Microsecond)
							say(t, l, "lobby", fmt.Sprintf("%d/%d", i, n))
						}
					})
				}
				crowd.Wait()
				// One for the first who came, who is alone in it, and so in its last.
				if n := syncs.Load() - before; n < rounds || n > rounds+2 {
					t.Errorf("%d callers who came %d times were %d commits", callers, rounds, n)
				}
			})
		})
	}
}
