package disklog_test

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events"
	"parley/events/disklog"
)

const (
	flushCategory      vfs.DiskWriteCategory = "pebble-memtable-flush"
	compactionCategory vfs.DiskWriteCategory = "pebble-compaction"

	memTable = 8 << 20
)

// A tableFS takes its time for every write to a table, and keeps how long it was left
// alone between them.
type tableFS struct {
	vfs.FS
	work func(vfs.DiskWriteCategory) time.Duration // for one write

	mu     sync.Mutex
	tables []*table
}

type table struct {
	category vfs.DiskWriteCategory
	bytes    int
	worked   time.Duration
	rested   time.Duration
	longest  time.Duration
	piece    int // the most bytes without a rest
}

func (s *tableFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	if err != nil || c != flushCategory && c != compactionCategory {
		return f, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &table{category: c}
	s.tables = append(s.tables, t)
	return &tableFile{File: f, fs: s, table: t, work: s.work(c), wrote: time.Now()}, nil
}

// written gives the tables of a category, the oldest first.
func (s *tableFS) written(c vfs.DiskWriteCategory) (list []table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tables {
		if t.category == c {
			list = append(list, *t)
		}
	}
	return list
}

type tableFile struct {
	vfs.File
	fs    *tableFS
	table *table
	work  time.Duration
	wrote time.Time
	piece int
}

func (f *tableFile) Write(p []byte) (int, error) {
	rested := time.Since(f.wrote)
	if rested > 0 {
		f.piece = 0
	}
	f.piece += len(p)
	time.Sleep(f.work)
	f.fs.mu.Lock()
	f.table.bytes += len(p)
	f.table.worked += f.work
	f.table.rested += rested
	f.table.longest = max(f.table.longest, rested)
	f.table.piece = max(f.table.piece, f.piece)
	f.fs.mu.Unlock()
	f.wrote = time.Now()
	return f.File.Write(p)
}

// sum adds tables up.
func sum(list []table) (all table) {
	for _, t := range list {
		all.bytes += t.bytes
		all.worked += t.worked
		all.rested += t.rested
		all.longest = max(all.longest, t.longest)
		all.piece = max(all.piece, t.piece)
	}
	return all
}

func always(d time.Duration) func(vfs.DiskWriteCategory) time.Duration {
	return func(vfs.DiskWriteCategory) time.Duration { return d }
}

// noise is a megabyte of JSON string that cannot be compressed.
var noise = sync.OnceValue(func() string {
	raw := make([]byte, 3<<18)
	rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
})

// swell appends so many bytes, in events smaller than a block of a table.
func swell(t *testing.T, l *disklog.Log, bytes int) {
	t.Helper()
	const size = 4 << 10
	for bytes > 0 {
		var b events.Batch
		for n := noise(); len(n) >= size; n = n[size:] {
			b.Drafts = append(b.Drafts, events.Draft{To: []string{"lobby"}, Event: "m", Data: []byte(`"` + n[:size] + `"`)})
			if bytes -= size; bytes <= 0 {
				break
			}
		}
		if _, err := l.Append(t.Context(), "acme", b); err != nil {
			t.Fatal(err)
		}
	}
}

// warm has the engine come to memtables of their full size, of which the last is half
// full: it begins with small ones.
func warm(t *testing.T, l *disklog.Log) {
	t.Helper()
	for range 12 {
		swell(t, l, memTable/8)
		time.Sleep(10 * time.Minute)
	}
}

// atLeisure has f use a log on a slow disk, in the test's own time.
func atLeisure(t *testing.T, work func(vfs.DiskWriteCategory) time.Duration, f func(t *testing.T, fs *tableFS, l *disklog.Log)) {
	synctest.Test(t, func(t *testing.T) {
		fs := &tableFS{FS: vfs.Default, work: work}
		l := open(t, t.TempDir(), disklog.Options{FS: fs})
		defer closeLog(t, l)
		warm(t, l)
		f(t, fs, l)
	})
}

// Who writes a table out rests three times as long as it works.
func TestTablesAreWrittenAtLeisure(t *testing.T) {
	atLeisure(t, always(100*time.Microsecond), func(t *testing.T, fs *tableFS, l *disklog.Log) {
		before := len(fs.written(flushCategory))
		swell(t, l, memTable)
		time.Sleep(time.Minute)
		w := sum(fs.written(flushCategory)[before:])
		if w.bytes < memTable/2 {
			t.Fatalf("%d bytes were flushed", w.bytes)
		}
		if ratio := float64(w.rested) / float64(w.worked); ratio < 2.5 || ratio > 3 {
			t.Errorf("it worked %v and rested %v", w.worked, w.rested)
		}
		if w.piece > 48<<10 {
			t.Errorf("%d bytes were written without a rest", w.piece)
		}
	})
}

// What was slow waited for something else: the rests are short all the same.
func TestRestsAreShort(t *testing.T) {
	atLeisure(t, always(20*time.Millisecond), func(t *testing.T, fs *tableFS, l *disklog.Log) {
		if w := sum(fs.written(flushCategory)); w.longest != 5*time.Millisecond {
			t.Errorf("it worked %v and rested %v, at most %v", w.worked, w.rested, w.longest)
		}
	})
}

// Nobody rests while more work waits.
func TestNoRestWhileAMemtableWaits(t *testing.T) {
	atLeisure(t, always(time.Millisecond), func(t *testing.T, fs *tableFS, l *disklog.Log) {
		before := len(fs.written(flushCategory))
		swell(t, l, 2*memTable)
		time.Sleep(10 * time.Minute)
		flushed := fs.written(flushCategory)[before:]
		if len(flushed) < 2 {
			t.Fatalf("flushed: %+v", flushed)
		}
		if first := flushed[0]; first.worked == 0 || first.rested > 10*time.Millisecond {
			t.Errorf("with another behind it, a memtable was flushed with rests: %+v", first)
		}
		if last := flushed[len(flushed)-1]; last.rested < last.worked/4 {
			t.Errorf("with none behind it, a memtable was flushed without: %+v", last)
		}
	})
}

// Merging rests too, but not while as much as it merges waits again.
func TestMergingRests(t *testing.T) {
	slow := func(c vfs.DiskWriteCategory) time.Duration {
		if c == compactionCategory {
			return 10 * time.Millisecond
		}
		return 0
	}
	for _, behind := range []bool{false, true} {
		atLeisure(t, slow, func(t *testing.T, fs *tableFS, l *disklog.Log) {
			before := len(fs.written(compactionCategory))
			for n := 0; len(fs.written(compactionCategory)) == before; n++ {
				if n > 20 {
					t.Fatal("nothing was merged")
				}
				swell(t, l, memTable)
				time.Sleep(time.Millisecond)
			}
			if behind {
				for range 5 {
					swell(t, l, memTable)
					time.Sleep(time.Millisecond)
				}
			}
			time.Sleep(100 * time.Millisecond)
			was := sum(fs.written(compactionCategory)[before:])
			time.Sleep(500 * time.Millisecond)
			now := sum(fs.written(compactionCategory)[before:])
			worked, rested := now.worked-was.worked, now.rested-was.rested
			if worked == 0 {
				t.Fatalf("it did not take long enough: %+v", fs.written(compactionCategory))
			}
			if rests := rested > 0; rests == behind {
				t.Errorf("with more behind it: %t; it worked %v and rested %v", behind, worked, rested)
			}
			time.Sleep(10 * time.Minute)
		})
	}
}

// Nobody rests while somebody waits for the log to open or to close.
func TestNoRestAtTheStartAndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		fs := &tableFS{FS: vfs.Default, work: always(time.Millisecond)}
		l := open(t, dir, disklog.Options{FS: fs})
		warm(t, l)
		swell(t, l, memTable)
		time.Sleep(100 * time.Millisecond)
		flushed := len(fs.written(flushCategory))
		before := sum(fs.written(flushCategory)[:flushed])
		closeLog(t, l)
		w := sum(fs.written(flushCategory)[:flushed])
		if before.rested == 0 || w.worked == before.worked {
			t.Fatalf("nothing was being flushed at the end: %+v, then %+v", before, w)
		}
		if more := w.rested - before.rested; more > 5*time.Millisecond {
			t.Errorf("it rested %v after the end", more)
		}

		l = open(t, dir, disklog.Options{FS: fs})
		start := fs.written(flushCategory)[flushed:]
		if w := sum(start); w.bytes == 0 || w.rested != 0 {
			t.Errorf("at the start: %+v", start)
		}
		closeLog(t, l)
	})
}
