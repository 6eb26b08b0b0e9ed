package handlers

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"parley/events"
)

// How streams that come back are let in while somebody publishes.
const (
	// A processor takes so many a second without keeping those waiting who publish
	// and who are live: a return is a request, a page from the log and its delivery.
	returnsPerProcessor = 1500
	// So many who come back at once are not noticed.
	returnsAtOnce = 32
	// Whoever would have to wait longer is asked to come again.
	maxReturnWait = 15 * time.Second

	// For so long after a POST, and after the start, somebody is taken to publish.
	publishingFor = time.Second
)

// Returns are the streams that come back, all of them at once after a restart. While
// nobody publishes they are let in as they come; else at a pace, in their order. The
// zero value is not ready; its methods may be called at once.
type returns struct {
	pace      *rate.Limiter
	published atomic.Int64  // when somebody last did, by the clock
	over      chan struct{} // closed when nobody is let in any more
	once      sync.Once     // which is once
}

func (t *returns) begin() {
	t.pace = rate.NewLimiter(rate.Limit(returnsPerProcessor*runtime.GOMAXPROCS(0)), returnsAtOnce)
	t.over = make(chan struct{})
	t.publishes()
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
	if !t.busy() {
		return nil
	}
	turn := t.pace.Reserve()
	delay := turn.Delay()
	if delay == 0 {
		return nil
	}
	if delay > maxReturnWait {
		turn.Cancel()
		return events.Refuse(events.CodeUnavailable, "too many streams come back at once")
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.over:
		turn.Cancel()
		return nil
	case <-ctx.Done():
		turn.Cancel()
		return events.Refuse(events.CodeUnavailable, "the client hung up while it waited to be let in")
	}
}

// end lets all who wait go on.
func (t *returns) end() { t.once.Do(func() { close(t.over) }) }
