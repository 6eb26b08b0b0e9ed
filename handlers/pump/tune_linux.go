package pump

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A phone that vanished without a word is gone within vanished, instead of a quarter
// of an hour. What was written, a heartbeat at the latest, is given up when it has
// stayed unanswered for userTimeout; a little less than the rest of the time, since
// the system begins to count with its first repetition. Where nothing is written
// for long the system asks after probeAfter, which is more than the usual heartbeat,
// so that a stream which has that is not asked besides. Between the two lie heartbeats
// that come too late for the one and too early for the other: see rider.lost.
const (
	vanished    = 45 * time.Second
	userTimeout = 29 * time.Second
	probeAfter  = 16 * time.Second
	probeEvery  = 5 * time.Second
)

// Above notSent unsent bytes a socket is full: what is not sent yet stays with the
// source, where it costs nothing, and sendBuffer bounds the rest.
const (
	notSent    = 32 << 10
	sendBuffer = 128 << 10
)

// tune sets a TCP socket's options; other connections have none of them. What the
// system refuses is left as it is: a stream works without. The descriptor is
// borrowed, since File would double the descriptors that streams hold.
func tune(conn net.Conn) {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: probeAfter, Interval: probeEvery, Count: 3})
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout/time.Millisecond))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	})
}
