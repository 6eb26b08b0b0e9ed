package disklog

import (
	"sync"
	"time"
)

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

	enough chan struct{} // holds a token once there are as many as somebody wants

	mu     sync.Mutex
	want   int // how many; 0 for nobody
	ops    []op
	bytes  int
	closed bool
}

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1), enough: make(chan struct{}, 1)}
}

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
	if len(q.ops) == q.want {
		// Under the lock: later it would end the next wait, which has only begun.
		signal(q.enough)
	}
	q.mu.Unlock()
	if first {
		signal(q.ready)
	}
	return true
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// gather waits until there are n operations, but no longer than most, and gives how
// many there are.
func (q *queue) gather(n int, most time.Duration) int {
	q.mu.Lock()
	if there := len(q.ops); there >= n || q.closed || most <= 0 {
		q.mu.Unlock()
		return there
	}
	q.want = n
	q.mu.Unlock()
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-q.enough:
	case <-t.C:
	}
	q.mu.Lock()
	q.want = 0
	there := len(q.ops)
	q.mu.Unlock()
	select {
	case <-q.enough: // it came with the timer
	default:
	}
	return there
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ops)
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

// close lets nothing more in.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	signal(q.ready)
	signal(q.enough)
}
