// Package logtest holds every [parley/events.Log] to the promises written on
// the interface, from the outside.
//
// [Run] is the suite: each promise is one named subtest, on a store of its own.
// An implementation joins with one test:
//
//	func TestLog(t *testing.T) {
//		logtest.Run(t, func(t *testing.T) logtest.Store { return newStore(t.TempDir()) })
//	}
//
// A log that lives no longer than its process uses [Volatile] instead of a
// Store of its own.
//
// [Witness] is for tests that end a log less politely than Close: it remembers
// what was answered and heard, and says what of that is missing or different
// later. [Clock] is the time that a test moves by hand.
package logtest
