package disklog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events"
	"parley/events/disklog"
	"parley/events/logtest"
)

const (
	logCategory vfs.DiskWriteCategory = "pebble-wal"
	fillBytes                         = 256 << 10
)

// A write-ahead log does not grow with each append, which every sync would have to
// wait for, but by a quarter of a megabyte at a time.
func TestLogGrowsInSteps(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	defer closeLog(t, l)
	sizes, steps := map[string][]int64{}, 0
	for i := range 600 {
		say(t, l, "lobby", fmt.Sprint("number ", i, strings.Repeat(".", 1200)))
		logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
		if err != nil || len(logs) == 0 {
			t.Fatal("no write-ahead log: ", err)
		}
		live := slices.Max(logs)
		info, err := os.Stat(live)
		if err != nil {
			t.Fatal(err)
		}
		before := sizes[live]
		switch {
		case len(before) == 0:
			if info.Size() < fillBytes {
				t.Fatalf("a log begins with %d bytes", info.Size())
			}
		case info.Size() == before[len(before)-1]:
			continue
		case info.Size()-before[len(before)-1] < fillBytes:
			t.Fatalf("a log grew from %d to %d bytes", before[len(before)-1], info.Size())
		default:
			steps++
		}
		sizes[live] = append(before, info.Size())
	}
	if steps == 0 || steps > 600*4096/fillBytes {
		t.Errorf("with 600 appends the logs grew %d times: %v", steps, sizes)
	}
}

// A logFS has each write-ahead log that is written wrapped.
type logFS struct {
	vfs.FS
	wrap   func(vfs.File) vfs.File
	reused atomic.Int64 // old logs that were taken to be written over
}

func (l *logFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := l.FS.OpenReadWrite(name, c, o...)
	if err != nil || c != logCategory {
		return f, err
	}
	return l.wrap(f), nil
}

func (l *logFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := l.FS.ReuseForWrite(from, to, c)
	if err != nil || c != logCategory {
		return f, err
	}
	l.reused.Add(1)
	return l.wrap(f), nil
}

// A filledFile calls back before it is synced, and counts how often it was filled.
type filledFile struct {
	vfs.File
	t      *testing.T
	filled *atomic.Int64
	sync   func()
}

func (f filledFile) WriteAt(p []byte, at int64) (int, error) {
	if info, err := f.Stat(); err != nil || info.Size() != at {
		f.t.Errorf("a log is filled at %d: %+v, %v", at, info, err)
	}
	f.filled.Add(1)
	return f.File.WriteAt(p, at)
}

func (f filledFile) SyncData() error {
	f.sync()
	return f.File.SyncData()
}

// Logs that were filled many times, and logs that are written over old ones, are
// read back as they were answered: after a power cut in the middle of a sync, after
// another at the start that follows, and after a proper end.
func TestPowerCutOfLongLogs(t *testing.T) {
	for _, c := range []struct {
		name    string
		appends int
		fills   int64
		reuses  int64
	}{
		{name: "filled", appends: 30, fills: 5},
		{name: "reused", appends: 120, fills: 10, reuses: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			keep := events.Keep{Age: -1, Events: -1, Bytes: -1, Disk: -1}
			var (
				w      logtest.Witness
				filled atomic.Int64

				mu       sync.Mutex
				watching bool
				syncs    int
				cuts     []cut
			)
			rng := rand.New(rand.NewPCG(1, uint64(c.appends)))
			mem := vfs.NewCrashableMem()
			fs := &logFS{FS: clonable{mem}, wrap: func(f vfs.File) vfs.File {
				return filledFile{f, t, &filled, func() {
					mu.Lock()
					defer mu.Unlock()
					if syncs++; watching && syncs%(c.appends/8) == 0 {
						cuts = append(cuts, cut{
							witness: w.Clone(),
							fs:      mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: len(cuts) % 4 * 33, RNG: rng}),
						})
					}
				}}
			}}
			l := open(t, "log", disklog.Options{FS: fs, Keep: keep})
			batch := func(i int) events.Batch {
				b := events.Batch{Drafts: make([]events.Draft, 2)}
				for j := range b.Drafts {
					data := fmt.Appendf(nil, `"%d/%d %s"`, i, j, strings.Repeat("x", 50<<10))
					b.Drafts[j] = events.Draft{To: []string{"lobby"}, Event: "m", Data: data}
				}
				return b
			}
			for i := range c.appends {
				if _, err := w.Append(t.Context(), l, "acme", batch(i)); err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				watching = true // the namespace is there
				mu.Unlock()
			}
			closeLog(t, l)
			if filled.Load() < c.fills || fs.reused.Load() < c.reuses {
				t.Errorf("logs were filled %d times and %d of them written over: the test is blind", filled.Load(), fs.reused.Load())
			}
			cuts = append(cuts, cut{fs: mem, witness: &w})
			for i, cut := range cuts {
				l := open(t, "log", disklog.Options{FS: cut.fs, Keep: keep})
				if i%2 == 0 && i < len(cuts)-1 {
					again := cut.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
					closeLog(t, l)
					l = open(t, "log", disklog.Options{FS: again, Keep: keep})
				}
				cut.witness.Check(t, l)
				closeLog(t, l)
				if t.Failed() {
					t.Fatalf("in clone %d of %d", i, len(cuts))
				}
			}
		})
	}
}

// A narrow file system has room for so many bytes in write-ahead logs, and for
// anything else. What the ballast took comes back when it is given up.
type narrow struct {
	logFS
	room  atomic.Int64
	tried atomic.Int64 // to fill a log
}

func (n *narrow) Remove(name string) error {
	err := n.FS.Remove(name)
	if err == nil && filepath.Base(name) == "BALLAST" {
		n.room.Add(8 << 20)
	}
	return err
}

// A narrowFile takes room for each block of it that is written, and none for holes.
// One goroutine writes it.
type narrowFile struct {
	vfs.File
	fs    *narrow
	flat  bool // no zeros at all go in
	end   int64
	taken map[int64]bool
}

const blockBytes = 4096

func (f *narrowFile) Write(p []byte) (int, error) {
	n, err := f.take(f.end, p, f.File.Write)
	f.end += int64(n)
	return n, err
}

func (f *narrowFile) WriteAt(p []byte, at int64) (int, error) {
	f.fs.tried.Add(1)
	if f.flat {
		return 0, syscall.ENOSPC
	}
	return f.take(at, p, func(p []byte) (int, error) { return f.File.WriteAt(p, at) })
}

func (f *narrowFile) take(at int64, p []byte, write func([]byte) (int, error)) (int, error) {
	for b := at / blockBytes; b*blockBytes < at+int64(len(p)); b++ {
		if f.taken[b] {
			continue
		}
		if f.fs.room.Add(-blockBytes) < 0 {
			f.fs.room.Add(blockBytes)
			n, err := write(p[:max(0, b*blockBytes-at)])
			return n, errors.Join(err, syscall.ENOSPC)
		}
		f.taken[b] = true
	}
	return write(p)
}

// A log that cannot be filled, or only in part, is written as far as there is room
// for events; zeros are no reason to give the ballast up.
func TestNoRoomToFill(t *testing.T) {
	for _, c := range []struct {
		name string
		flat bool
		room int64
	}{
		{name: "none", flat: true, room: 1 << 40},
		{name: "a part", room: fillBytes + 100<<10}, // once, and then in part
	} {
		t.Run(c.name, func(t *testing.T) {
			mem := vfs.NewMem()
			mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 40})
			fs := &narrow{}
			fs.FS = mem
			fs.wrap = func(f vfs.File) vfs.File { return &narrowFile{File: f, fs: fs, flat: c.flat, taken: map[int64]bool{}} }
			fs.room.Store(1 << 40)
			l := open(t, "log", disklog.Options{FS: fs})
			if err := l.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			closeLog(t, l)
			if _, err := mem.Stat("log/BALLAST"); err != nil {
				t.Fatal("the ballast was not made: ", err)
			}

			fs.room.Store(c.room)
			fs.tried.Store(0)
			var w logtest.Witness
			l = open(t, "log", disklog.Options{FS: fs})
			for i := range 6 {
				data := fmt.Appendf(nil, `"%d %s"`, i, strings.Repeat("x", 50<<10))
				b := events.Batch{Drafts: []events.Draft{{To: []string{"lobby"}, Event: "m", Data: data}}}
				if _, err := w.Append(t.Context(), l, "acme", b); err != nil {
					t.Fatal(err)
				}
			}
			w.Check(t, l)
			closeLog(t, l)
			if _, err := mem.Stat("log/BALLAST"); err != nil {
				t.Error("the ballast is gone: ", err)
			}
			if n := fs.tried.Load(); n < 1 || n > 2 {
				t.Errorf("a log was to be filled %d times", n)
			}
			if c.flat {
				return
			}
			if room := fs.room.Load(); room >= blockBytes {
				t.Errorf("%d bytes of the room were left: the test is blind", room)
			}
			fs.room.Store(1 << 40)
			l = open(t, "log", disklog.Options{FS: fs})
			w.Check(t, l)
			closeLog(t, l)
		})
	}
}
