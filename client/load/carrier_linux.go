package load

import (
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

func newCarrier(at endpoint, a *account) (carrier, error) {
	if at.tls || portable {
		return newGoroutines(at, a), nil
	}
	return newLoop(at, a)
}

// A loop is the carrier for Linux: one goroutine that reads all of an account's
// connections, since waking one for each delivery costs more than reading does.
type loop struct {
	account *account
	family  int
	peer    unix.Sockaddr
	poll    int
	wake    int // an eventfd that ends the loop
	done    sync.WaitGroup

	conns map[int32]*conn // by descriptor; under the account's lock
}

type conn struct {
	s       *stream
	fd      int
	life    uint32
	request []byte // what is still to be written
}

// wakeLife marks events of the loop's own descriptor: a stream's life begins at 1.
const wakeLife = 0

func newLoop(at endpoint, a *account) (*loop, error) {
	l := &loop{account: a, conns: map[int32]*conn{}}
	if at.network == "unix" {
		l.family, l.peer = unix.AF_UNIX, &unix.SockaddrUnix{Name: at.address}
	} else {
		addr, err := net.ResolveTCPAddr("tcp", at.address)
		if err != nil {
			return nil, err
		}
		if ip := addr.IP.To4(); ip != nil {
			l.family, l.peer = unix.AF_INET, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}
		} else {
			l.family, l.peer = unix.AF_INET6, &unix.SockaddrInet6{Port: addr.Port, Addr: [16]byte(addr.IP.To16())}
		}
	}
	var err error
	if l.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(l.poll)
		return nil, err
	}
	if err := unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, l.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(l.wake), Pad: wakeLife}); err != nil {
		unix.Close(l.poll)
		unix.Close(l.wake)
		return nil, err
	}
	l.done.Go(l.run)
	return l, nil
}

func (l *loop) open(s *stream, request []byte) {
	l.account.mu.Lock()
	defer l.account.mu.Unlock()
	s.renew()
	fd, err := unix.Socket(l.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.account.lose(s, err)
		return
	}
	if s.stalled {
		// So that it is full soon. Small windows are the receiver's to choose.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10)
	}
	if err := unix.Connect(fd, l.peer); err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		l.account.lose(s, err)
		return
	}
	l.conns[int32(fd)] = &conn{s: s, fd: fd, life: s.life, request: request}
	err = unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     int32(fd), Pad: int32(s.life),
	})
	if err != nil {
		l.drop(l.conns[int32(fd)], err)
	}
}

// drop is called with the account's lock.
func (l *loop) drop(c *conn, err error) {
	delete(l.conns, int32(c.fd))
	unix.Close(c.fd)
	l.account.lose(c.s, err)
}

func (l *loop) run() {
	events := make([]unix.EpollEvent, 512)
	buf := make([]byte, 256<<10)
	for {
		n, err := unix.EpollWait(l.poll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return // the poll is gone
		}
		l.account.mu.Lock()
		for _, e := range events[:n] {
			if e.Pad == wakeLife {
				l.account.mu.Unlock()
				return
			}
			// The descriptor may have been closed, and be another stream's by now.
			if c := l.conns[e.Fd]; c != nil && c.life == uint32(e.Pad) {
				if err := l.serve(c, e.Events, buf); err != nil {
					l.drop(c, err)
				}
			}
		}
		l.account.mu.Unlock()
	}
}

// serve writes what is to be written and reads what is there. Events come once
// for each change, so it reads until there is no more.
func (l *loop) serve(c *conn, what uint32, buf []byte) error {
	if what&unix.EPOLLERR != 0 {
		if code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
			return unix.Errno(code)
		}
	}
	if len(c.request) > 0 && what&unix.EPOLLOUT != 0 {
		n, err := unix.Write(c.fd, c.request)
		switch {
		case err == nil:
			c.request = c.request[n:]
		case err != unix.EAGAIN:
			return err
		}
	}
	if what&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return nil
	}
	for !(c.s.stalled && c.s.state == open) {
		n, err := unix.Read(c.fd, buf)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return errEnded
		}
		reply, err := c.s.take(buf[:n], l.account.clock.now())
		if err != nil {
			return err
		}
		if len(reply) > 0 {
			// A few bytes into a connection that we hardly ever write to.
			if _, err := unix.Write(c.fd, reply); err != nil {
				return err
			}
		}
		// What is less than asked for was all of it; the end is told apart.
		if n < len(buf) && what&(unix.EPOLLRDHUP|unix.EPOLLHUP) == 0 {
			return nil
		}
	}
	return nil
}

func (l *loop) closeAll() {
	l.account.mu.Lock()
	defer l.account.mu.Unlock()
	for _, c := range l.conns {
		c.s.state = away
		unix.Close(c.fd)
	}
	clear(l.conns)
}

func (l *loop) stop() {
	_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	l.done.Wait()
	unix.Close(l.poll)
	unix.Close(l.wake)
}
