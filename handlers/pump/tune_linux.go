package pump

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// What a stream's socket is set to. A phone that vanished is given up after
// userTimeout instead of a quarter of an hour. Above notSent unsent bytes the
// socket is full: what is not sent yet stays with the source, where it costs
// nothing, and sendBuffer bounds the rest.
const (
	userTimeout = 30 * time.Second
	notSent     = 32 << 10
	sendBuffer  = 128 << 10
)

// tune sets a TCP socket's options; other connections have none of them. What the
// system refuses is left as it is: a stream works without. The descriptor is
// borrowed, since File would double the descriptors that streams hold.
func tune(conn net.Conn) {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3})
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
