package disklog

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// minReserve holds what the engine may write behind an append that was let
	// in: the memtables to be flushed, the next write-ahead log, a manifest.
	minReserve = 32 << 20

	ballastFile  = "BALLAST"
	ballastBytes = 8 << 20

	// A disk that has so much more than the reserve does not fill up before it is
	// asked again.
	ample    = 4 << 30
	askAmple = time.Second
)

// A space watches how much of the disk is free. It has three lines of defence,
// because an engine that cannot write its log ends the process:
//
//   - below the reserve nothing is appended; what deletes still is;
//   - below half of it the engine's compactions, which write whole files before
//     they delete others, fail and are tried again later;
//   - when the disk is full all the same, because others write to it too, the
//     ballast is deleted and the write is tried again.
type space struct {
	fs      vfs.FS // for the engine
	inner   vfs.FS
	dir     string
	reserve uint64
	logger  *slog.Logger
	full    atomic.Bool // for the log's own log: say it once
	enough  time.Time   // until then there is room; the appender's

	scrubbing atomic.Bool // old write-ahead logs are deleted, not written over
	leisure   leisure
}

func newSpace(fs vfs.FS, dir string, reserve int64, logger *slog.Logger) *space {
	s := &space{inner: fs, dir: dir, reserve: uint64(reserve), logger: logger}
	s.fs = engineFS{FS: vfs.OnDiskFull(aheadFS{fs}, s.dropBallast), space: s}
	return s
}

// free gives the bytes that are left. ok is false where the file system does not
// say.
func (s *space) free() (bytes uint64, ok bool) {
	u, err := s.inner.GetDiskUsage(s.dir)
	return u.AvailBytes, err == nil
}

// holds reports whether this many bytes can be appended and the reserve be kept.
// They are written twice: to the log and, later, to a table. It is the appender's.
func (s *space) holds(bytes int) bool {
	now := time.Now()
	if now.Before(s.enough) {
		return true
	}
	free, ok := s.free()
	if ok && free > s.reserve+ample {
		s.enough = now.Add(askAmple)
	}
	full := ok && free < s.reserve+2*uint64(bytes)
	if s.full.CompareAndSwap(!full, full) {
		if full {
			s.logger.Error("the disk is full: nothing is appended", "dir", s.dir, "free", free, "reserve", s.reserve)
		} else {
			s.logger.Info("the disk has room again", "dir", s.dir, "free", free)
		}
	}
	return !full
}

// tight reports whether compactions must wait.
func (s *space) tight() bool {
	free, ok := s.free()
	return ok && free < s.reserve/2
}

func (s *space) ballast() string { return s.inner.PathJoin(s.dir, ballastFile) }

// dropBallast is called while the engine's writes wait.
func (s *space) dropBallast() {
	if err := s.inner.Remove(s.ballast()); err == nil {
		s.logger.Error("the disk is full: the ballast was dropped", "dir", s.dir)
	}
}

// keepBallast makes the ballast where there is room for it and none is there.
func (s *space) keepBallast() error {
	if _, err := s.inner.Stat(s.ballast()); !isNotExist(err) {
		return err
	}
	if free, ok := s.free(); !ok || free < s.reserve+2*ballastBytes {
		return nil
	}
	f, err := s.inner.Create(s.ballast(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	for n := 0; n < ballastBytes && err == nil; n += len(zeros) {
		_, err = f.Write(zeros)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, s.inner.Remove(s.ballast()))
	}
	return nil
}

// An engineFS makes compactions fail while space is tight, has tables written at
// leisure, and gives no write-ahead log to be written over while erased events are
// scrubbed. Everything else passes.
type engineFS struct {
	vfs.FS
	space *space
}

var errTight = errors.New("too little of the disk is free to tidy up")

func (c engineFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if category == compactionCategory && c.space.tight() {
		return nil, errTight
	}
	f, err := c.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	switch category {
	case flushCategory:
		f = c.space.leisure.write(f, category)
	case compactionCategory:
		f = c.space.leisure.write(&compactionFile{File: f, space: c.space}, category)
	}
	return f, nil
}

// ReuseForWrite may give a new file instead, which is slower to sync.
func (c engineFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !c.space.scrubbing.Load() {
		return c.FS.ReuseForWrite(from, to, category)
	}
	if err := c.FS.Remove(from); err != nil {
		return nil, err
	}
	return c.FS.Create(to, category)
}

func (c engineFS) Unwrap() vfs.FS { return c.FS }

// A compactionFile looks again each time it has grown by a megabyte.
type compactionFile struct {
	vfs.File
	space *space
	since int
}

func (f *compactionFile) Write(p []byte) (int, error) {
	if f.since += len(p); f.since > 1<<20 {
		f.since = 0
		if f.space.tight() {
			return 0, errTight
		}
	}
	return f.File.Write(p)
}
