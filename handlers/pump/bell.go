package pump

import "sync/atomic"

// A Bell wakes a stream that waits for its source. Rings that nobody has heard
// yet are one. The zero Bell is ready; rings before somebody listens are not heard.
type Bell struct{ wake atomic.Pointer[func()] }

// NewBell makes a bell.
func NewBell() *Bell { return &Bell{} }

// Ring rings the bell from any goroutine. It does not block.
func (b *Bell) Ring() {
	if wake := b.wake.Load(); wake != nil {
		(*wake)()
	}
}

// Listen gives a channel on which rings are heard from now on, by one listener.
func (b *Bell) Listen() <-chan struct{} {
	rung := make(chan struct{}, 1)
	b.hang(func() {
		select {
		case rung <- struct{}{}:
		default:
		}
	})
	return rung
}

// hang has wake called at every ring.
func (b *Bell) hang(wake func()) { b.wake.Store(&wake) }
