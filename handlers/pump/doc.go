// Package pump moves pages from sources to sockets: bytes and descriptors, no
// HTTP and no events.
//
// A [Source] is asked for its next page whenever the last one is written; when
// it is dry the stream waits for its [Bell]. A page is one write, so all that is
// ready leaves together. Nothing is queued: what a slow socket has not taken is
// still in the source, and so a stalled reader costs one page, whatever it
// misses, and costs no other stream anything.
//
// Each stream has a goroutine, and a socket that was taken over has another one
// that notices when its client hangs up. Whoever made a stream sees none of
// this: it hands over the socket and is told when it has ended.
package pump
