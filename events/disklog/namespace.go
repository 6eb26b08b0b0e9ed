package disklog

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"parley/events"
)

// A namespace is one namespace's log. All are in memory, a few hundred bytes
// each; their stretches are not.
type namespace struct {
	id   uint32
	name string

	epoch string // these two never change while the log is open
	key   []byte

	// What readers see. Events above kept are written and perhaps not yet on
	// disk: nobody may be told of them. The marks are raised before the batch
	// that deletes is applied, so that a read that misses an event sees the
	// mark that explains it.
	open    atomic.Bool // its making is on disk
	kept    atomic.Uint64
	removed atomic.Uint64 // the highest number that age, bytes or disk took
	counted atomic.Uint64 // the highest number that count took from any stretch
	bytes   atomic.Int64  // changed by the appender only

	// view is held shared while a read fixes what it sees: kept and a view of the
	// engine. It is held alone from when an erasure is written until it is kept:
	// the event and the notice of its end change places in one step.
	view sync.RWMutex

	// The appender's own.
	last    uint64
	time    int64 // of the last event, milliseconds since 1970
	changed *commit
	segment int // its place in changed.segments, -1 for none

	// The sweeper's own: a bound that no stretch is beyond of which it does not
	// know, 0 for none.
	bounded int
}

func (n *namespace) head() events.Head {
	return events.Head{
		Epoch: n.epoch, Key: slices.Clone(n.key), Last: n.kept.Load(), Removed: n.removed.Load(),
	}
}

var errNamespace = errors.New("the namespace's entry cannot be read")

const namespaceVersion = 1

func (n *namespace) encode() []byte {
	b := append(make([]byte, 0, 64), namespaceVersion)
	b = binary.BigEndian.AppendUint32(b, n.id)
	b = append(b, byte(len(n.epoch)))
	b = append(b, n.epoch...)
	return append(b, n.key...)
}

func parseNamespace(name string, b []byte) (*namespace, error) {
	if len(b) < 6 || b[0] != namespaceVersion || len(b) != 6+int(b[5])+32 {
		return nil, errNamespace
	}
	n := &namespace{name: name, id: binary.BigEndian.Uint32(b[1:])}
	n.epoch = string(b[6 : 6+b[5]])
	n.key = slices.Clone(b[6+int(b[5]):])
	return n, nil
}

func (n *namespace) appendCounters(b []byte) []byte {
	b = append(b, namespaceVersion)
	b = binary.AppendUvarint(b, n.last)
	b = binary.AppendVarint(b, n.time)
	b = binary.AppendVarint(b, n.bytes.Load())
	b = binary.AppendUvarint(b, n.removed.Load())
	return binary.AppendUvarint(b, n.counted.Load())
}

func (n *namespace) parseCounters(b []byte) error {
	if len(b) < 1 || b[0] != namespaceVersion {
		return errNamespace
	}
	r := varints{b: b[1:]}
	n.last = r.uint()
	n.time = r.int()
	n.bytes.Store(r.int())
	n.removed.Store(r.uint())
	n.counted.Store(r.uint())
	if r.bad || len(r.b) > 0 {
		return errNamespace
	}
	n.kept.Store(n.last)
	return nil
}

// A stretch's counters, as the appender holds them.
type stretch struct {
	ns      *namespace
	prefix  []byte // of its keys
	count   int64
	removed uint64 // the highest number that its count took
	changed *commit
	told    int // the bound that it was beyond when the sweeper was told so; 0 for none
}

func (s *stretch) name() string { return string(s.prefix[6:]) }

func (s *stretch) id() uint32 { return binary.BigEndian.Uint32(s.prefix[1:]) }

func (s *stretch) appendCounters(b []byte) []byte {
	b = append(b, namespaceVersion)
	b = binary.AppendUvarint(b, uint64(s.count))
	return binary.AppendUvarint(b, s.removed)
}

var errStretch = errors.New("the stretch's counters cannot be read")

func parseStretch(b []byte) (count int64, removed uint64, err error) {
	if len(b) < 1 || b[0] != namespaceVersion {
		return 0, 0, errStretch
	}
	r := varints{b: b[1:]}
	count, removed = int64(r.uint()), r.uint()
	if r.bad || len(r.b) > 0 || count < 0 {
		return 0, 0, errStretch
	}
	return count, removed, nil
}

// varints reads one number after the other, and remembers whether one was bad.
type varints struct {
	b   []byte
	bad bool
}

func (r *varints) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *varints) int() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *varints) skip(n int) {
	if n <= 0 {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}
