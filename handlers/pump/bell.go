package pump

import "sync/atomic"

// A Bell wakes a stream that waits for its source. Rings that nobody has heard
// yet are one. Rings before the stream runs are not heard: a stream that begins asks
// its source first. It must not be copied.
type Bell struct {
	rider rider // the stream itself, where a loop runs it: one thing in memory, not two
	wake  atomic.Pointer[func()]
}

// NewBell makes a bell for one stream.
func NewBell() *Bell { return &Bell{} }

// Ring rings the bell from any goroutine. It does not block.
func (b *Bell) Ring() {
	if b.rider.ring() {
		return
	}
	if wake := b.wake.Load(); wake != nil {
		(*wake)()
	}
}

// Listen gives a channel on which rings are heard from now on, by one listener.
func (b *Bell) Listen() <-chan struct{} {
	rung := make(chan struct{}, 1)
	wake := func() {
		select {
		case rung <- struct{}{}:
		default:
		}
	}
	b.wake.Store(&wake)
	return rung
}
