package pump

// A Bell wakes a stream that waits for its source. Rings that nobody has heard
// yet are one.
type Bell struct{ c chan struct{} }

// NewBell makes a bell.
func NewBell() *Bell { return &Bell{c: make(chan struct{}, 1)} }

// Ring rings the bell from any goroutine. It does not block.
func (b *Bell) Ring() {
	select {
	case b.c <- struct{}{}:
	default:
	}
}

// Rung gives the channel on which a ring is heard, by one listener.
func (b *Bell) Rung() <-chan struct{} { return b.c }
