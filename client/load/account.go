package load

import (
	"bufio"
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// An account is what the streams of one reader have heard together. Streams are
// read, and the sums changed, under its lock; the atomics can be looked at from
// outside at any time.
type account struct {
	run      uint16
	protocol string
	keepIDs  bool // for a return
	clock    clock
	events   *events

	mu      sync.Mutex
	streams []*stream
	latency *hdrhistogram.Histogram // microseconds, of messages that were heard live
	caught  *hdrhistogram.Histogram // microseconds from the return until a stream had caught up
	live    bool                    // what is heard now has a latency

	fresh                          int64 // heard, and not yet seen from outside
	returnedAt                     int64
	strayed, duplicated, reordered int
	heads                          *bufio.Reader

	heard  atomic.Int64 // different messages, over all streams
	lastAt atomic.Int64 // when the last of them was
	behind atomic.Int64 // streams that have a target and have not reached it
	ids    atomic.Int64 // streams that know an ID
}

// events are what happens to the streams of a run.
type events struct {
	opened func(*stream)
	// ended: a stream that was opening or open is no more, by the server's doing.
	ended func(s *stream, wasOpen bool, why error)
}

// newHistogram takes microseconds up to an hour, to three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, 3_600_000_000, 3)
}

func record(h *hdrhistogram.Histogram, ns int64) {
	// What is out of range cannot be told apart from the end of it.
	_ = h.RecordValue(min(max(ns/1000, 1), 3_600_000_000))
}

func (a *account) reader(head []byte) *bufio.Reader {
	if a.heads == nil {
		a.heads = bufio.NewReader(nil)
	}
	a.heads.Reset(bytes.NewReader(head))
	return a.heads
}

func (a *account) opened(s *stream) {
	s.state, s.let = open, true
	a.events.opened(s)
}

// lose is called once a stream's connection is no more, and not by our doing.
func (a *account) lose(s *stream, err error) {
	if s.state != away {
		s.state = away
		// What has been read of an event without an end counts for nothing.
		s.block.marks, s.part = s.block.marks[:0], nil
		a.events.ended(s, s.let, err)
	}
}

func (a *account) sawID(s *stream) {
	if s.last == "" {
		a.ids.Add(1)
	}
}

func (a *account) hear(s *stream, m mark, now int64) {
	a.fresh++
	if a.live {
		record(a.latency, now-m.at)
	}
	if s.target > 0 && s.heard >= s.target {
		s.target = 0
		record(a.caught, now-a.returnedAt)
		a.behind.Add(-1)
	}
}

// tell lets what was heard be seen from outside.
func (a *account) tell(now int64) {
	if a.fresh > 0 {
		a.heard.Add(a.fresh)
		a.lastAt.Store(now)
		a.fresh = 0
	}
}
