package disklog

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A quietFS has write-ahead logs written and synced without the runtime's scheduler
// hearing of it. It would wake a thread for each call that may block, which then looks
// every 20 µs whether it does, for milliseconds, and takes the processor away that the
// call has; all of that for every event of a server that is mostly at rest.
//
// A sync is handed to the kernel and waited for as a socket is. A write goes to memory
// that the disk is given later, and does not wait, as long as it does not: see
// quietFile.
type quietFS struct {
	vfs.FS
	syncer *syncer
	many   *atomic.Bool // several callers wait for the next sync
}

// OpenReadWrite is how the files come that are written from their beginning, see
// aheadFS.
func (q quietFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := q.FS.OpenReadWrite(name, category, opts...)
	return q.log(f, category), err
}

func (q quietFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := q.FS.ReuseForWrite(from, to, category)
	return q.log(f, category), err
}

func (q quietFS) Unwrap() vfs.FS { return q.FS }

func (q quietFS) log(f vfs.File, category vfs.DiskWriteCategory) vfs.File {
	if f == nil || category != logCategory || f.Fd() == vfs.InvalidFd {
		return f
	}
	return &quietFile{File: f, syncer: q.syncer, many: q.many}
}

// A quietFile is a log that one goroutine writes.
//
// Where memory is short, or much else was written, the kernel keeps who writes waiting
// for the disk, and a write that the scheduler knows nothing of would then keep a
// processor from everybody else. After one that took long the next are written as
// files are usually.
type quietFile struct {
	vfs.File
	syncer *syncer
	many   *atomic.Bool
	usual  int // how many writes are made as usual
}

const (
	afterSlow  = 1000     // writes
	quietBytes = 64 << 10 // what is longer takes some time however it is written
)

// slowWrite is how long a write takes that has waited. Only tests change it.
var slowWrite = time.Millisecond

func (f *quietFile) Write(p []byte) (int, error) {
	if f.usual > 0 || len(p) > quietBytes {
		f.usual = max(f.usual-1, 0)
		return f.File.Write(p)
	}
	began := time.Now()
	n := quietWrite(f.Fd(), p)
	if time.Since(began) > slowWrite {
		f.usual = afterSlow
	}
	if n == len(p) {
		return n, nil
	}
	m, err := f.File.Write(p[n:]) // which says what is wrong
	return n + m, err
}

// SyncData is quiet for one who waits. A thread that waits itself learns a moment sooner
// that the disk is done than one that a thread of the kernel tells, and where many
// publish there is no rest to be disturbed.
func (f *quietFile) SyncData() error {
	if !f.many.Load() {
		if synced, err := f.syncer.sync(f.Fd()); synced {
			return err
		}
	}
	return f.File.SyncData()
}
