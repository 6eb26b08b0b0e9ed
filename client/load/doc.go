// Package load puts a load on a server that speaks in Server-Sent Events and
// listens to POST, ours or another, and checks what comes of it.
//
// [Run] opens streams, has writers post marked messages, and follows every
// stream by itself: each mark says by whom, as which message and when it was
// sent, so that a message that a stream did not get, got twice, or got before an
// older one of the same writer is told apart from all others. Sums alone would
// let a lost message and a doubled one cancel each other.
//
// Streams are bare connections, since what is measured is the server and both
// often share a machine: on Linux a loop or two read all of them, elsewhere and
// over TLS each has a goroutine. Chunked bodies and events are parsed in full,
// and an event that was cut off does not count, as it would not in a browser.
//
// Messages sent at a rate have their latency counted from the moment they were
// due, when the writer was still waiting for the answer to an older one: a server
// that makes its senders wait is not spared the messages that it kept from being
// sent.
package load
