package client

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// wholeBlocks reads a stream's body up to the end of its last whole block and
// keeps the torn rest to itself. The reader behind it hands out whatever stands
// at the end of the body as if it were a block, so that the number of an event
// whose words were cut off would count as heard, and the event would be lost.
//
// Every byte, comments too, shows the watch that the server is there.
type wholeBlocks struct {
	body  io.ReadCloser
	watch *watch

	buf   []byte // read, not yet handed out
	whole int    // bytes at the front of buf that end with a block
	seen  int    // bytes of buf that were looked at
	prev  byte   // the byte before seen
	blank bool   // the line at seen is empty so far
	err   error
}

func newWholeBlocks(body io.ReadCloser, w *watch) *wholeBlocks {
	return &wholeBlocks{body: body, watch: w, blank: true}
}

// maxBlock bounds a block. The longest is an event of 64 KiB that is six times as
// long as JSON, or a list of 500 members.
const maxBlock = 4 << 20

var errLongBlock = errors.New("the stream holds a block that is too long")

func (w *wholeBlocks) Read(p []byte) (int, error) {
	for w.whole == 0 {
		if w.err != nil {
			return 0, w.err
		}
		if len(w.buf) > maxBlock {
			return 0, errLongBlock
		}
		w.fill()
	}
	n := copy(p, w.buf[:w.whole])
	w.buf = w.buf[n:]
	w.whole -= n
	w.seen -= n
	return n, nil
}

func (w *wholeBlocks) fill() {
	const step = 4 << 10
	if cap(w.buf)-len(w.buf) < step {
		w.buf = append(make([]byte, 0, 2*len(w.buf)+step), w.buf...)
	}
	w.watch.begin()
	n, err := w.body.Read(w.buf[len(w.buf) : len(w.buf)+step])
	w.watch.end()
	w.buf, w.err = w.buf[:len(w.buf)+n], err
	for ; w.seen < len(w.buf); w.seen++ {
		w.look(w.buf[w.seen])
	}
}

// look takes a byte of a stream whose lines end in LF, CR or both. A line with
// nothing in it ends a block.
func (w *wholeBlocks) look(b byte) {
	switch {
	case b == '\n' && w.prev == '\r': // the second half of a line's end
		if w.whole == w.seen {
			w.whole++
		}
	case b == '\n' || b == '\r':
		if w.blank {
			w.whole = w.seen + 1
		}
		w.blank = true
	default:
		w.blank = false
	}
	w.prev = b
}

func (w *wholeBlocks) Close() error { return w.body.Close() }

// A watch ends a connection on which the server has been silent for too long. It
// runs only while we wait for the server: a loop that is slow to take its events
// is not the server's silence.
type watch struct {
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	limit   time.Duration
	timer   *time.Timer
	waiting bool
}

var errSilent = errors.New("the server fell silent")

func newWatch(cancel context.CancelCauseFunc, limit time.Duration) *watch {
	w := &watch{cancel: cancel, limit: limit, waiting: true}
	w.timer = time.AfterFunc(limit, w.expire)
	return w
}

func (w *watch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting {
		w.cancel(errSilent)
	}
}

// begin and end stand around each wait for the server.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = true
	w.timer.Reset(w.limit)
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	w.timer.Stop()
}

// allow changes how long the server may be silent, from now on and also for the
// wait that is under way.
func (w *watch) allow(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = limit
	if w.waiting {
		w.timer.Reset(limit)
	}
}
