package disklog

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	flushCategory      vfs.DiskWriteCategory = "pebble-memtable-flush"
	compactionCategory vfs.DiskWriteCategory = "pebble-compaction"

	// After so much of a table its writer rests, so many times as long as it worked.
	restAfter = 32 << 10
	restTimes = 3
	// What took longer did not work all the time: it waited for a processor or for
	// the disk.
	maxRest = 5 * time.Millisecond
)

// Leisure is how the engine writes its tables: with rests, so that who appends has
// the processors and the disk between them. A memtable at full speed is a tenth of
// a second in which every append waits. There are no rests while more work waits
// behind the one that is done, and while somebody waits for the engine itself. The
// zero value never rests.
type leisure struct {
	ample     atomic.Bool  // nobody waits for the engine
	queued    atomic.Bool  // a memtable is full behind those that are being flushed
	unmerged  atomic.Int32 // flushes since a compaction took what there were
	threshold int32        // so many the engine wants to merge
}

// listen has the engine tell how far behind it is.
func (l *leisure) listen(e *pebble.EventListener, threshold int) {
	l.threshold = int32(threshold)
	e.WALCreated = func(pebble.WALCreateInfo) { l.queued.Store(true) }
	e.FlushBegin = func(pebble.FlushInfo) { l.queued.Store(false) }
	e.FlushEnd = func(pebble.FlushInfo) { l.unmerged.Add(1) }
	e.CompactionBegin = func(i pebble.CompactionInfo) {
		if len(i.Input) > 0 && i.Input[0].Level == 0 {
			l.unmerged.Store(0)
		}
	}
}

// write gives the file of a table that is written with rests.
func (l *leisure) write(f vfs.File, category vfs.DiskWriteCategory) vfs.File {
	late := l.queued.Load
	if category == compactionCategory {
		late = func() bool { return l.unmerged.Load() >= l.threshold }
	}
	return &restfulFile{File: f, hurried: func() bool { return !l.ample.Load() || late() }, began: time.Now()}
}

// A restfulFile is written by one goroutine.
type restfulFile struct {
	vfs.File
	hurried func() bool
	began   time.Time // to work again
	since   int       // bytes
}

func (f *restfulFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if f.since += n; f.since < restAfter {
		return n, err
	}
	if !f.hurried() {
		time.Sleep(min(restTimes*time.Since(f.began), maxRest))
	}
	f.since, f.began = 0, time.Now()
	return n, err
}
