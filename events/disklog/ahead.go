package disklog

import "github.com/cockroachdb/pebble/v2/vfs"

// aheadBytes is how far ahead of its end a write-ahead log is filled with zeros.
const aheadBytes = 256 << 10

// An aheadFS fills write-ahead logs with zeros before they are written, a piece at
// a time. Syncing what has only been written over is one wait for the disk; a file
// that grows is another for its length, at every sync. The engine knows this from the
// old logs that it writes over, but has none at first, and reads zeros as the end of a
// log, since it may have preallocated them itself.
type aheadFS struct{ vfs.FS }

const logCategory vfs.DiskWriteCategory = "pebble-wal"

func (a aheadFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := a.FS.Create(name, category)
	if err != nil || category != logCategory {
		return f, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	// Only a file that is opened like this can be written ahead of its end.
	if f, err = a.FS.OpenReadWrite(name, category); err != nil {
		return nil, err
	}
	return &aheadFile{File: f}, nil
}

func (a aheadFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := a.FS.ReuseForWrite(from, to, category)
	if err != nil || category != logCategory {
		return f, err
	}
	info, err := f.Stat()
	if err != nil {
		return f, nil //nolint:nilerr // it is written as it is
	}
	return &aheadFile{File: f, filled: info.Size()}, nil
}

func (a aheadFS) Unwrap() vfs.FS { return a.FS }

// An aheadFile is a log that one goroutine writes.
type aheadFile struct {
	vfs.File
	end    int64 // of what was written
	filled int64 // where the file ends
	full   bool  // it could not be filled, and is not any more
}

var ahead [aheadBytes]byte // zeros

// Write fills the file behind what it has written, not before: on a disk that is
// nearly full zeros must not take the room that the events need.
func (f *aheadFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.end += int64(n)
	if err == nil && f.end > f.filled && !f.full {
		f.fill()
	}
	return n, err
}

// fill does what it can: nobody has to know that the disk has no room for zeros.
func (f *aheadFile) fill() {
	n, err := f.WriteAt(ahead[:], f.end)
	f.filled, f.full = f.end+int64(n), err != nil
}
