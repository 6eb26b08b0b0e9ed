package disklog

import (
	"context"
	"encoding/binary"
	"time"

	"parley/events"
)

// FormatKey and FormatValue are where a log says its format.
func FormatKey() []byte           { return globalKey("format") }
func FormatValue(v uint64) []byte { return binary.AppendUvarint(nil, v) }

// Format is the newest format that is known.
const Format = format

// Encode gives the stored form of a draft at a time.
func Encode(d events.Draft, t time.Time) []byte {
	record, _ := appendRecord(nil, &d)
	seal(record, t)
	return record
}

// Decode reads a stored event back.
func Decode(record []byte, seq uint64) (*events.Event, error) {
	return (&reader{target: []string{"lobby"}}).event(record, seq)
}

// EncodeEntry and DecodeEntry do the same for what stands by a number.
func EncodeEntry(e *events.Event, size int, record []byte) []byte {
	return appendEntry(nil, e, size, record)
}

func DecodeEntry(b []byte) (targets []string, size int64, record []byte, err error) {
	e, err := parseEntry(b)
	return e.targets, e.size, e.record, err
}

// SweepStep is how many events one step of retention takes.
const SweepStep = stepEvents

// Settle has the engine finish its compactions, so that a benchmark of reads
// does not measure them.
func Settle(l *Log) error {
	return l.db.Compact(context.Background(), []byte{0}, []byte{0xff}, false)
}
