package handlers

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"parley/events"
)

// How streams that come back are let in while somebody publishes.
const (
	// A processor takes so many a second beside those who publish and who are live: a
	// return is a request, a page from the log and its delivery.
	returnsPerProcessor = 750
	// So many who come back at once are not noticed.
	returnsAtOnce = 4
	// After the start those who publish come back too, and first.
	headStart = 200 * time.Millisecond
	// Whoever would have to wait longer is asked to come again.
	maxReturnWait = 15 * time.Second

	// For so long after a POST, and after the start, somebody is taken to publish.
	publishingFor = time.Second
)

// Returns are the streams that come back, all of them at once after a restart. While
// nobody publishes they are let in as they come; else at a pace, in their order. The
// zero value is not ready; its methods may be called at once.
type returns struct {
	published atomic.Int64 // when somebody last did, by the clock
	gap       time.Duration

	mu      sync.Mutex
	others  time.Time // until when those who publish come first
	next    time.Time // when somebody may come in again
	queue   []*comer  // those who wait, and those who have hung up since
	waiting int
	timer   *time.Timer // for the first of them
	over    bool        // nobody waits any more
}

// A comer waits to be let in.
type comer struct {
	turn chan struct{} // closed when it is
	gone bool          // it waits no longer
}

func (t *returns) begin() {
	t.gap = time.Second / time.Duration(returnsPerProcessor*runtime.GOMAXPROCS(0))
}

// start says that from now on there is something to come back to.
func (t *returns) start() {
	t.publishes()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.others = time.Now().Add(headStart)
}

// publishes notes that somebody does.
func (t *returns) publishes() { t.published.Store(int64(time.Since(clock))) }

// busy reports whether somebody publishes.
func (t *returns) busy() bool {
	return time.Since(clock)-time.Duration(t.published.Load()) < publishingFor
}

// wait lets a stream in when it is its turn, or when that is over, for whoever asks
// next to say so.
func (t *returns) wait(ctx context.Context) error {
	c, err := t.line(time.Now())
	if c == nil {
		return err
	}
	select {
	case <-c.turn:
		return nil
	case <-ctx.Done():
		t.leave(c)
		return events.Refuse(events.CodeUnavailable, "the client hung up while it waited to be let in")
	}
}

// line gives a stream its place among those who wait, nil where it has not to.
func (t *returns) line(now time.Time) (*comer, error) {
	if !t.busy() {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if earliest := now.Add(-(returnsAtOnce - 1) * t.gap); t.next.Before(earliest) {
		t.next = earliest
	}
	switch {
	case t.over:
		return nil, nil
	case t.waiting == 0 && !t.next.After(now):
		t.next = t.next.Add(t.gap)
		return nil, nil
	case t.next.Before(t.others):
		t.next = t.others
	}
	if t.next.Sub(now)+time.Duration(t.waiting)*t.gap > maxReturnWait {
		return nil, events.Refuse(events.CodeUnavailable, "too many streams come back at once")
	}
	c := &comer{turn: make(chan struct{})}
	t.queue = append(t.queue, c)
	t.waiting++
	if t.waiting == 1 {
		t.letLocked()
	}
	return c, nil
}

// leave gives a place back.
func (t *returns) leave(c *comer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-c.turn: // just now
	default:
		c.gone = true
		t.waiting--
	}
}

// let lets in whose turn it is: all of them when nobody publishes any more.
func (t *returns) let() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.letLocked()
}

func (t *returns) letLocked() {
	now := time.Now()
	free := t.over || !t.busy()
	for len(t.queue) > 0 && (free || !t.next.After(now)) {
		c := t.queue[0]
		t.queue[0], t.queue = nil, t.queue[1:]
		if c.gone {
			continue
		}
		t.waiting--
		close(c.turn)
		if !free {
			t.next = t.next.Add(t.gap)
		}
	}
	switch wait := t.next.Sub(now); {
	case len(t.queue) == 0:
		t.queue = nil
	case t.timer == nil:
		t.timer = time.AfterFunc(wait, t.let)
	default:
		t.timer.Reset(wait)
	}
}

// end lets all who wait go on.
func (t *returns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.letLocked()
}
