// Package pump moves pages from sources to sockets: bytes and descriptors, no
// HTTP and no events.
//
// A [Source] is asked for its next page whenever the last one is written; when
// it is dry the stream waits for its [Bell]. A page is one write, so all that is
// ready leaves together. Nothing is queued: what a slow socket has not taken is
// still in the source, and so a stalled reader costs the end of one event, whatever
// it misses, and costs no other stream anything.
//
// On Linux the sockets that were taken over are run by a few loops: a loop
// owns its streams, takes turns with those whose bell has rung or whose socket has
// something to say, and never waits for one of them, nor for a disk: a page that
// must be read from far is made by one of a few readers. Heartbeats, stalls and the
// lingering of closed sockets come from one wheel a loop. Elsewhere, and where
// somebody else owns the connection (HTTP/2, TLS), each stream has a goroutine and
// the same source is run in it.
//
// Lock order: nothing is called under loop.mu or far.mu, and a Bell may be rung
// under any lock of its ringer's.
package pump
