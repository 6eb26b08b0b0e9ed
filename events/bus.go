package events

import (
	"context"
	"sync"
)

// A Bus carries what one node must tell the others and what has no number. In one
// process it is a function call.
type Bus interface {
	// Send hands a signal to every node, this one included. It is best effort: a
	// node that cannot be reached misses it. Signals that one node sends one
	// after another arrive in that order.
	Send(ctx context.Context, s Signal) error

	// Receive registers who hears signals. It is called once, before the first
	// Send; f does not block.
	Receive(f func(Signal))
}

// A Signal is one word on the Bus.
type Signal struct {
	Namespace string
	// Volatile is an event without a number, whose place is after number After.
	// A node whose tail has not come to After holds it until then.
	Volatile *Event
	After    uint64
}

// NewLocalBus gives the Bus of a single process.
func NewLocalBus() Bus { return &localBus{} }

type localBus struct {
	mu sync.RWMutex
	f  func(Signal)
}

func (b *localBus) Send(_ context.Context, s Signal) error {
	b.mu.RLock()
	f := b.f
	b.mu.RUnlock()
	if f != nil {
		f(s)
	}
	return nil
}

func (b *localBus) Receive(f func(Signal)) {
	b.mu.Lock()
	b.f = f
	b.mu.Unlock()
}
