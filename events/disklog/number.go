package disklog

import (
	"encoding/binary"
	"errors"
	"time"

	"parley/events"
)

// An entry is what stands by an event's number: what retention and reads of the
// whole namespace must know without its record.
//
//	byte    version, 1
//	byte    flags
//	8 bytes time, milliseconds since 1970
//	8 bytes TTL in nanoseconds, only with flagTTL
//	uvarint size
//	uvarint how many targets; each one's length and bytes
//	bytes   the record, only when there are several targets
type entry struct {
	time    uint64
	ttl     uint64
	size    int64
	private bool     // every target is a single member
	targets []string // 1 to 64
	record  []byte   // nil when it lies in the only target's stretch; shares the engine's memory
}

const (
	entryVersion = 1
	// flagTTL as in a record
	flagPrivate = 1 << 1

	maxTargets = events.MaxTargets
)

var errEntry = errors.New("the entry by number cannot be read")

func appendEntry(b []byte, e *events.Event, size int, record []byte) []byte {
	flags := byte(0)
	if e.TTL > 0 {
		flags |= flagTTL
	}
	if e.OnlyMembers() {
		flags |= flagPrivate
	}
	b = append(b, entryVersion, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixMilli()))
	if e.TTL > 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(e.TTL))
	}
	b = binary.AppendUvarint(b, uint64(size))
	b = binary.AppendUvarint(b, uint64(len(e.To)))
	for _, t := range e.To {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	if len(e.To) > 1 {
		b = append(b, record...)
	}
	return b
}

func parseEntry(b []byte) (entry, error) {
	if len(b) < 10 || b[0] != entryVersion || b[1]&^(flagTTL|flagPrivate) != 0 {
		return entry{}, errEntry
	}
	e := entry{private: b[1]&flagPrivate != 0, time: binary.BigEndian.Uint64(b[2:])}
	rest := b[10:]
	if b[1]&flagTTL != 0 {
		if len(rest) < 8 {
			return entry{}, errEntry
		}
		e.ttl, rest = binary.BigEndian.Uint64(rest), rest[8:]
	}
	size, rest, ok := uvarint(rest)
	if !ok {
		return entry{}, errEntry
	}
	if e.size = int64(size); e.size < 0 {
		return entry{}, errEntry
	}
	n, rest, ok := uvarint(rest)
	if !ok || n < 1 || n > maxTargets {
		return entry{}, errEntry
	}
	e.targets = make([]string, n)
	for i := range e.targets {
		l, after, ok := uvarint(rest)
		if !ok || l < 1 || l > uint64(len(after)) || l > events.MaxRoomBytes {
			return entry{}, errEntry
		}
		e.targets[i], rest = string(after[:l]), after[l:]
	}
	switch {
	case n > 1:
		e.record = rest
	case len(rest) > 0:
		return entry{}, errEntry
	}
	return e, nil
}

func (e *entry) expired(now time.Time) bool {
	return e.ttl > 0 && outlived(e.time, e.ttl, now)
}

// ends is when the event outlives its TTL, as the expiry table counts:
// milliseconds, rounded up.
func ends(ms, ttl uint64) int64 {
	at := time.UnixMilli(int64(ms)).Add(time.Duration(ttl))
	return at.Add(time.Millisecond - 1).UnixMilli()
}
