package client

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	usualRetry = 2 * time.Second        // where the server named no retry
	leastRetry = 100 * time.Millisecond // whatever the server says
	mostRetry  = 5 * time.Minute        // whatever the server says
	mostDouble = 30 * time.Second       // up to which failures double the wait
)

// pause is how long to wait before the next try: the server's own word, doubled
// with each failure in a row up to half a minute, and a quarter of it at random
// so that those who broke off together do not come back together.
func pause(retry time.Duration, failures int) time.Duration {
	d := clamp(retry)
	for range failures - 1 {
		if d >= mostDouble {
			break
		}
		d = min(2*d, mostDouble)
	}
	return d + rand.N(d/4+1)
}

func clamp(d time.Duration) time.Duration { return min(max(d, leastRetry), mostRetry) }

// sleep waits, and reports whether the context let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
