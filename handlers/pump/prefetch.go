//go:build amd64 || arm64

package pump

import "unsafe"

// Prefetch has the processor bring lines of 64 bytes nearer, those from .. to-1 of
// which number 0 is at p. It does not wait for them, touches nothing, and may be
// told any address: a hint. On processors other than amd64 and arm64 it does nothing.
func Prefetch(p unsafe.Pointer, from, to int) { prefetch(p, from, to) }

//go:noescape
func prefetch(p unsafe.Pointer, from, to int)
