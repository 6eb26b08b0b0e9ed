package disklog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"parley/events"
)

// format is the version of what the keys and values mean. A log of a newer one
// is refused. In 2 a record may say until when answers are taken, and a
// namespace may have been forgotten; what format 1 wrote means the same in it,
// so an older log is brought up by its number alone.
const format = 2

const (
	memTableBytes = 8 << 20
	memTables     = 4 // with more than these in memory, writes wait

	// recycledLogs is how many old write-ahead logs the engine keeps to write
	// over, which is faster to sync than a new file.
	recycledLogs = memTables + 1

	mergedTables = 4 // as many are flushed before they are merged
)

// engineOptions are made for two cores and little memory.
func (l *Log) engineOptions(o Options) *pebble.Options {
	logger := engineLogger{o.Logger}
	eo := &pebble.Options{
		FS:   l.space.fs,
		Lock: l.lock,
		// With this version the write-ahead log says up to where it was synced,
		// which tells a torn tail from corruption in the middle. It is pinned: a
		// newer one would lock out the version of the server before.
		FormatMajorVersion:          pebble.FormatValueSeparation,
		CacheSize:                   o.CacheBytes,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: memTables,
		// Room comes back only when what deletes has been flushed.
		FlushDelayDeleteRange:      10 * time.Second,
		L0CompactionThreshold:      mergedTables,
		L0StopWritesThreshold:      40,
		LBaseMaxBytes:              64 << 20,
		MaxOpenFiles:               500,
		CompactionConcurrencyRange: func() (int, int) { return 1, 1 },
		Logger:                     logger,
		EventListener: &pebble.EventListener{
			DataCorruption:  func(i pebble.DataCorruptionInfo) { _ = l.corrupted(i.Path, i.Details) },
			BackgroundError: func(err error) { o.Logger.Warn("the engine could not tidy up", "err", err) },
		},
	}
	l.space.leisure.listen(eo.EventListener, mergedTables)
	eo.Levels[0].BlockSize = 8 << 10
	// For the counters of rooms and for idempotency keys, most of which are
	// asked for once and are not there.
	eo.Levels[0].FilterPolicy = bloom.FilterPolicy(10)
	return eo
}

// checkFormat refuses a newer format. fresh is true when the log was made just
// now.
func (l *Log) checkFormat() (fresh bool, err error) {
	value, closer, err := l.db.Get(globalKey("format"))
	if err == pebble.ErrNotFound {
		return true, nil
	}
	if err != nil {
		return false, l.engineError(err)
	}
	defer closer.Close()
	v, n := binary.Uvarint(value)
	if n <= 0 {
		return false, l.corrupted("the format version", errors.New("it cannot be read"))
	}
	if v > format {
		return false, events.Refuse(events.CodeUnavailable,
			"the log in %q has format %d; this version of the server knows formats up to %d", l.dir, v, format)
	}
	return false, nil
}

// openError explains why the engine did not open.
func (l *Log) openError(err error) error {
	switch {
	case pebble.IsCorruptionError(err):
		return &events.Error{Code: events.CodeCorrupt, Detail: fmt.Sprintf("the log in %q is corrupt", l.dir), Cause: err}
	case strings.Contains(err.Error(), "unknown format major version"), strings.Contains(err.Error(), "unknown to this version"):
		return unavailable(err, "the log in %q was written by a newer version of the server", l.dir)
	}
	return unavailable(err, "the log in %q cannot be opened", l.dir)
}

// engineError makes an engine's error one of ours.
func (l *Log) engineError(err error) error {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return l.corrupted(info.Path, err)
	}
	if pebble.IsCorruptionError(err) {
		return l.corrupted("the log", err)
	}
	return unavailable(err, "the disk did not answer")
}

// engineLogger hands the engine's words to slog. The engine calls Fatalf when it
// cannot go on, above all when the write-ahead log cannot be written, and relies
// on its not returning: what was not answered is not promised, and the next
// start knows what is on disk.
type engineLogger struct{ *slog.Logger }

func (l engineLogger) Infof(format string, args ...any) {
	l.Debug("engine", "says", fmt.Sprintf(format, args...))
}

func (l engineLogger) Errorf(format string, args ...any) {
	l.Warn("engine", "says", fmt.Sprintf(format, args...))
}

func (l engineLogger) Fatalf(format string, args ...any) {
	l.Error("the log cannot be written: ending the process", "says", fmt.Sprintf(format, args...))
	os.Exit(1)
}
