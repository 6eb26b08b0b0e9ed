package handlers

import "sync/atomic"

// A tally counts what several goroutines do at once, thousands of times in a
// moment. Each adds in a lane of its own, for with one counter they would wait for each
// other's processor to let go of it. The zero value is zero.
type tally [8]lane

// A lane fills a cache line.
type lane struct {
	n atomic.Int64
	_ [56]byte
}

// Add adds in a lane; any number names one.
func (t *tally) Add(lane uint32, n int64) { t[lane%uint32(len(t))].n.Add(n) }

// Load gives the sum.
func (t *tally) Load() (sum int64) {
	for i := range t {
		sum += t[i].n.Load()
	}
	return sum
}
