package logtest

import (
	"testing"
	"time"

	"parley/events"
)

// A Store is where one log's contents live, empty when it is made.
type Store interface {
	// Open opens the log that the store holds, with these options, and fails
	// the test when it cannot. The caller closes the log; at most one is open on
	// a store at any moment. The log enforces retention only when Sweep is
	// called (it may do so earlier, too, but must not need it).
	Open(t testing.TB, o Options) events.Log

	// Durable reports whether a log that was closed is there again, whole, when
	// the store is opened once more. Without it the suite opens a store once.
	Durable() bool
}

// Options is what the suite wants of the log it opens. The suite sets Now and Keep.
type Options struct {
	Now  func() time.Time // the clock; safe for concurrent use
	Keep events.Keep      // the bounds; as everywhere, zero fields mean the default

	// KeepOf gives the bounds of a namespace that has its own; nil means that none
	// has. Its answers change; it is safe for concurrent use.
	KeepOf func(ns string) events.Keep
}

// Volatile makes the stores for a log that keeps nothing beyond Close. Its
// result is what Run asks for.
func Volatile(open func(t testing.TB, o Options) events.Log) func(*testing.T) Store {
	return func(*testing.T) Store { return volatile{open} }
}

type volatile struct {
	open func(testing.TB, Options) events.Log
}

func (v volatile) Open(t testing.TB, o Options) events.Log { return v.open(t, o) }
func (v volatile) Durable() bool                           { return false }
