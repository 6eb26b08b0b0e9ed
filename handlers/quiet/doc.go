// Package quiet reads and writes sockets without the runtime's scheduler hearing
// of it.
//
// Go tells its scheduler of each system call, since one that blocks keeps a
// processor from the others. When a process has had nothing to do, the first such call
// wakes a thread that looks every 20 µs for who is stuck, and goes on doing so for
// milliseconds. A socket of the runtime's poller never blocks: what it cannot take
// or give now it says, and the goroutine waits in the poller. So there is nothing to look
// for; and a server that is mostly at rest, and delivers an event to a thousand
// streams now and then, has a twelfth of its work for it.
//
// The gain is only there where nothing else on the way makes such calls.
package quiet
