package quiet

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Listener gives a listener whose connections are quiet, as far as they come from
// TCP or Unix sockets. With one processor it gives l itself: there the thread that
// is not woken would be the only one to look at the network while a goroutine works.
func Listener(l net.Listener) net.Listener {
	if runtime.GOMAXPROCS(0) < 2 {
		return l
	}
	return &listener{l}
}

type listener struct{ net.Listener }

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wrap(c), nil
}

// Plain gives the connection that is below a quiet one, and any other as it is.
func Plain(c net.Conn) net.Conn {
	if q, ok := c.(*conn); ok {
		return q.duplex
	}
	return c
}

// A duplex is a connection that can be half closed: net/http does so before it closes
// one on which it has refused something, so that the refusal arrives.
type duplex interface {
	net.Conn
	CloseWrite() error
}

// A conn is a connection whose Read and Write are quiet. Everything else is that of
// the connection below. Like any connection it may be used by several goroutines.
type conn struct {
	duplex
	in, out passage
}

// A passage is one direction of a connection, with the call that is under way.
type passage struct {
	raw   syscall.RawConn
	call  func(fd uintptr) (done bool) // made once, since it would be made for each call
	to    net.Conn
	op    string
	mu    sync.Mutex
	bytes []byte // what is to be filled or taken yet
	moved int
	errno syscall.Errno
}

func wrap(c net.Conn) net.Conn {
	d, ok := c.(duplex)
	if !ok {
		return c
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c
	}
	q := &conn{duplex: d}
	q.in.raw, q.in.to, q.in.op, q.in.call = raw, d, "read", q.in.receive
	q.out.raw, q.out.to, q.out.op, q.out.call = raw, d, "write", q.out.send
	return q
}

// Read reads what there is, and waits where there is nothing.
func (q *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := q.in.move(b, q.in.raw.Read)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// Write writes all of b, however often it has to wait.
func (q *conn) Write(b []byte) (int, error) {
	return q.out.move(b, q.out.raw.Write)
}

// move has wait call p.call until that is done. It gives the errors that net's own
// connections give.
func (p *passage) move(b []byte, wait func(func(uintptr) bool) error) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes, p.moved, p.errno = b, 0, 0
	err := wait(p.call)
	p.bytes = nil
	switch {
	case p.errno != 0:
		err = os.NewSyscallError(p.op, p.errno)
	case err != nil:
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // it was called raw-read
		}
	default:
		return p.moved, nil
	}
	return p.moved, &net.OpError{Op: p.op, Net: p.to.LocalAddr().Network(), Source: p.to.LocalAddr(), Addr: p.to.RemoteAddr(), Err: err}
}

// receive is one attempt to read.
func (p *passage) receive(fd uintptr) bool {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(p.bytes))), uintptr(len(p.bytes)),
			unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			p.moved = int(n)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			p.errno = e
			return true
		}
	}
}

// send writes as much as the socket takes now.
func (p *passage) send(fd uintptr) bool {
	for len(p.bytes) > 0 {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(p.bytes))), uintptr(len(p.bytes)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch e {
		case 0:
			p.moved += int(n)
			p.bytes = p.bytes[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			p.errno = e
			return true
		}
	}
	return true
}
