package events

import (
	"context"
	"sync"
	"time"
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

	// Alone reports whether there is no other node, so that what only others would
	// use need not be sent. One that comes later says Signal.Arrived.
	Alone() bool
}

// A Signal is one word on the Bus. One of its parts below Node is set.
type Signal struct {
	Namespace string
	Node      string // who says it

	// Volatile is an event without a number, whose place is after number After.
	// A node whose tail has not come to After holds it until then.
	Volatile *Event
	After    uint64

	Moving *Moving // members that join or leave a room with all their streams
	Kick   []string
	Reply  *Reply // an answer to an event that asked for one

	// Here is how a member stands on the node that says so. Every node keeps all
	// members of all nodes, so that who is there is known without asking around.
	Here *Here

	Arrived bool // the node has just opened the namespace and knows of nobody in it yet
	Gone    bool // the node has gone, with all its members; Namespace is "". The bus says it for the node
}

// A Moving takes members into a room or out of it. Those that join hear what is
// numbered above After.
type Moving struct {
	Members []string
	Room    string
	Leave   bool
	After   uint64
}

// A Reply is a member's answer to the event that has an ID.
type Reply struct {
	ID     string
	Answer Answer
}

// A Here says how a member stands on a node.
type Here struct {
	Person Person
	Data   []byte
	Since  time.Time
	Rooms  []Stay // with the grace; nil and Left when it is not there any more
	Left   bool
}

// A Stay is a room that a member has, and from which number on it hears it.
type Stay struct {
	Room  string
	After uint64
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

func (b *localBus) Alone() bool { return true }
