package disklog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"time"

	"parley/events"
)

// A record is one event as it is stored, without its number, which is in the
// key:
//
//	byte    version, 1
//	byte    flags
//	4 bytes CRC-32C of everything before and after
//	8 bytes time, milliseconds since 1970
//	8 bytes TTL in nanoseconds, only with flagTTL
//	8 bytes until when answers are taken, milliseconds since 1970, only with flagAck
//	uvarint lengths: from, skip, user, name, event, encoding, type;
//	        how many targets, each target's; how many exceptions, each exception's
//	bytes   those strings in that order
//	bytes   the data, to the end
//
// Everything but time and checksum is made before the number is known, by the
// goroutine that appends; the appender seals it.
const (
	recordVersion = 1
	flagTTL       = 1 << 0 // a TTL is given
	flagSender    = 1 << 1 // the member to skip is the sender, and not given again
	flagAck       = 1 << 2 // answers are asked for

	offsetCRC  = 2
	offsetTime = 6
	offsetTTL  = 14
)

// A pointer stands in a stretch for an event that lies in several, and whose
// record is by its number.
var pointer = []byte{0}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errMissing  = errors.New("the event is not where it should be")
	errShort    = errors.New("the record does not hold what it says")
	errVersion  = errors.New("the record has an unknown version")
	errChecksum = errors.New("the record's checksum is wrong")
)

// appendRecord appends the draft's record, unsealed, and gives where in it the
// data begins.
func appendRecord(b []byte, d *events.Draft) (record []byte, data int) {
	start := len(b)
	flags := byte(0)
	if d.TTL > 0 {
		flags |= flagTTL
	}
	if !d.AckBy.IsZero() {
		flags |= flagAck
	}
	skip := d.Skip
	if skip != "" && skip == d.From {
		flags |= flagSender
		skip = ""
	}
	b = append(b, recordVersion, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	if d.TTL > 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(d.TTL))
	}
	if !d.AckBy.IsZero() {
		b = binary.BigEndian.AppendUint64(b, uint64(d.AckBy.UnixMilli()))
	}
	words := [...]string{d.From, skip, d.User, d.Name, d.Event, d.Encoding, d.Type}
	for _, s := range words {
		b = binary.AppendUvarint(b, uint64(len(s)))
	}
	for _, list := range [...][]string{d.To, d.Except} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = binary.AppendUvarint(b, uint64(len(s)))
		}
	}
	for _, s := range words {
		b = append(b, s...)
	}
	for _, list := range [...][]string{d.To, d.Except} {
		for _, s := range list {
			b = append(b, s...)
		}
	}
	data = len(b) - start
	return append(b, d.Data...), data
}

// recordRoom is how many bytes a draft's record takes at most.
func recordRoom(d *events.Draft) int {
	return d.Size() + len(d.Encoding) + 3*(len(d.To)+len(d.Except)) // Size has 96 to spare for the rest
}

// seal completes a record with its time and checksum.
func seal(record []byte, t time.Time) {
	binary.BigEndian.PutUint64(record[offsetTime:], uint64(t.UnixMilli()))
	binary.BigEndian.PutUint32(record[offsetCRC:], checksum(record))
}

func checksum(record []byte) uint32 {
	sum := crc32.Update(0, castagnoli, record[:offsetCRC])
	return crc32.Update(sum, castagnoli, record[offsetTime:])
}

// A reader decodes the records of one page. What its events have in common they
// share: the slabs they lie in, and the target of the stretch that is read.
type reader struct {
	target []string // what a record's only target usually is
	slab   []events.Event
	data   []byte
	lens   []int
}

// Slabs are small because whoever keeps one event keeps all of its slabs.
const (
	slabEvents = 16
	slabBytes  = 4 << 10
)

// words are the strings of a record that stand before its targets.
const words = 7

// event decodes a sealed record, and copies what it keeps of it.
func (r *reader) event(record []byte, seq uint64) (*events.Event, error) {
	if len(record) < offsetTTL {
		return nil, errShort
	}
	if record[0] != recordVersion || record[1]&^(flagTTL|flagSender|flagAck) != 0 {
		return nil, errVersion
	}
	if checksum(record) != binary.BigEndian.Uint32(record[offsetCRC:]) {
		return nil, errChecksum
	}
	rest := record[offsetTTL:]
	ttl := time.Duration(0)
	if record[1]&flagTTL != 0 {
		if len(rest) < 8 {
			return nil, errShort
		}
		ttl, rest = time.Duration(binary.BigEndian.Uint64(rest)), rest[8:]
		if ttl <= 0 {
			return nil, errShort
		}
	}
	ackBy := time.Time{}
	if record[1]&flagAck != 0 {
		if len(rest) < 8 {
			return nil, errShort
		}
		ackBy, rest = time.UnixMilli(int64(binary.BigEndian.Uint64(rest))).UTC(), rest[8:]
		if ackBy.IsZero() {
			return nil, errShort
		}
	}

	r.lens = r.lens[:0]
	rest, ok := r.lengths(rest, words)
	if !ok {
		return nil, errShort
	}
	to, rest, ok := r.list(rest)
	if !ok {
		return nil, errShort
	}
	except, rest, ok := r.list(rest)
	if !ok {
		return nil, errShort
	}
	total := 0
	for _, n := range r.lens {
		if n > len(rest)-total {
			return nil, errShort
		}
		total += n
	}
	text, next := string(rest[:total]), 0
	word := func() string {
		n := r.lens[next]
		s := text[:n]
		next, text = next+1, text[n:]
		return s
	}

	e := r.place()
	e.Seq = seq
	e.Time = time.UnixMilli(int64(binary.BigEndian.Uint64(record[offsetTime:]))).UTC()
	e.TTL, e.AckBy = ttl, ackBy
	e.From, e.Skip, e.User, e.Name, e.Event = word(), word(), word(), word(), word()
	e.Encoding, e.Type = word(), word()
	if record[1]&flagSender != 0 {
		e.Skip = e.From
	}
	if to == 1 && len(r.target) == 1 && text[:r.lens[next]] == r.target[0] {
		word()
		e.To = r.target
	} else {
		e.To = wordsOf(word, to)
	}
	e.Except = wordsOf(word, except)
	e.Data = r.copy(rest[total:])
	return e, nil
}

func wordsOf(word func() string, n int) []string {
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = word()
	}
	return list
}

// list reads how many elements a list has, and their lengths.
func (r *reader) list(b []byte) (n int, rest []byte, ok bool) {
	v, rest, ok := uvarint(b)
	if !ok || v > uint64(len(rest)) {
		return 0, nil, false
	}
	rest, ok = r.lengths(rest, int(v))
	return int(v), rest, ok
}

// lengths reads n lengths, none beyond what is left.
func (r *reader) lengths(b []byte, n int) (rest []byte, ok bool) {
	for range n {
		v, rest, ok := uvarint(b)
		if !ok || v > uint64(len(rest)) {
			return nil, false
		}
		r.lens = append(r.lens, int(v))
		b = rest
	}
	return b, true
}

func uvarint(b []byte) (v uint64, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], true
	}
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

// place gives room for one event.
func (r *reader) place() *events.Event {
	if len(r.slab) == 0 {
		r.slab = make([]events.Event, slabEvents)
	}
	e := &r.slab[0]
	r.slab = r.slab[1:]
	return e
}

// copy gives a copy of an event's data.
func (r *reader) copy(data []byte) []byte {
	if len(data) > slabBytes/4 {
		return slices.Clone(data)
	}
	if len(data) > cap(r.data)-len(r.data) {
		r.data = make([]byte, 0, slabBytes)
	}
	start := len(r.data)
	r.data = append(r.data, data...)
	return r.data[start:len(r.data):len(r.data)]
}

// expired reports whether a sealed record has outlived its TTL, without decoding
// more of it. A record that cannot be read has not: decoding it says why.
func expired(record []byte, now time.Time) bool {
	if len(record) < offsetTTL+8 || record[1]&flagTTL == 0 {
		return false
	}
	return outlived(binary.BigEndian.Uint64(record[offsetTime:]), binary.BigEndian.Uint64(record[offsetTTL:]), now)
}

// outlived is Event.Expired for what is not decoded.
func outlived(ms, ttl uint64, now time.Time) bool {
	return !now.Before(time.UnixMilli(int64(ms)).Add(time.Duration(ttl)))
}
