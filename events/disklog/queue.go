package disklog

import "sync"

// maxQueued bounds what waits for the appender. A queue that long means a disk
// that does not answer, and callers that have given up on it.
const (
	maxQueuedOps   = 1 << 14
	maxQueuedBytes = 64 << 20
)

// A queue is what waits for the appender, in order of arrival. Any number of
// goroutines put, one takes.
type queue struct {
	ready chan struct{} // holds a token while there may be something to take

	mu     sync.Mutex
	ops    []op
	bytes  int
	closed bool
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// put adds an operation. It never waits: ok is false when the queue is closed
// or full.
func (q *queue) put(o op) (ok bool) {
	q.mu.Lock()
	if q.closed || len(q.ops) >= maxQueuedOps || q.bytes >= maxQueuedBytes {
		q.mu.Unlock()
		return false
	}
	q.ops = append(q.ops, o)
	q.bytes += o.bytes()
	first := len(q.ops) == 1
	q.mu.Unlock()
	if first {
		q.wake()
	}
	return true
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take waits until there is something and takes all of it; spare is memory to
// use again. It gives nothing once the queue is closed and empty.
func (q *queue) take(spare []op) []op {
	clear(spare)
	for {
		q.mu.Lock()
		if len(q.ops) > 0 || q.closed {
			ops := q.ops
			q.ops, q.bytes = spare[:0], 0
			q.mu.Unlock()
			return ops
		}
		q.mu.Unlock()
		<-q.ready
	}
}

// empty reports whether nothing waits at this moment.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ops) == 0
}

// close lets nothing more in.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wake()
}
