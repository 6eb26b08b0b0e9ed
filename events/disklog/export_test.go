package disklog

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events"
)

// QuietBytes and AfterSlow are the bounds of quiet writes.
const (
	QuietBytes = quietBytes
	AfterSlow  = afterSlow
)

// SlowWrite has writes that take longer count as slow, and gives back what undoes it.
func SlowWrite(d time.Duration) (undo func()) {
	old := slowWrite
	slowWrite = d
	return func() { slowWrite = old }
}

// A Syncer syncs write-ahead logs.
type Syncer struct{ *syncer }

func NewSyncer() Syncer { return Syncer{newSyncer()} }
func (s Syncer) Close() { s.close() }

// Quiet gives a file as a log is written that one goroutine writes.
// many says whether several callers wait for its syncs.
func (s Syncer) Quiet(f vfs.File, many bool) vfs.File {
	q := quietFS{syncer: s.syncer, many: new(atomic.Bool)}
	q.many.Store(many)
	return q.log(f, logCategory)
}

// SyncerOf gives the log's own.
func SyncerOf(l *Log) Syncer { return Syncer{l.syncer} }

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

// A Crowd is a queue, and the crowd that its appender waits for.
type Crowd struct {
	crowd crowd
	queue *queue
}

func NewCrowd() *Crowd { return &Crowd{queue: newQueue()} }

// Left says that so many were answered after the disk took a time.
func (c *Crowd) Left(size int, disk time.Duration) { c.crowd.left(size, disk) }

// Gather waits for them, as the appender does before a commit.
func (c *Crowd) Gather() { c.crowd.gather(c.queue) }

// Come puts one operation.
func (c *Crowd) Come() { c.queue.put(&again{}) }

// Take gives how many have come and empties the queue, in which there is one.
func (c *Crowd) Take() int { return len(c.queue.take(nil)) }

// Close closes the queue.
func (c *Crowd) Close() { c.queue.close() }

// An again is written and, as soon as it is told so, put again.
type again struct {
	log  *Log
	left int
	done chan struct{}
}

// Again has one caller write so often, who comes again before the appender has got
// any further, and waits for the end.
func Again(l *Log, times int) {
	o := &again{log: l, left: times, done: make(chan struct{})}
	l.queue.put(o)
	<-o.done
}

func (o *again) bytes() int                  { return 0 }
func (o *again) plan(_ *appender, c *commit) { set(c.batch, globalKey("again"), 0, nil) }
func (o *again) refuse(error)                {}

func (o *again) tell() {
	if o.left--; o.left == 0 {
		close(o.done)
		return
	}
	o.log.queue.put(o)
}
