package pump

import (
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A loop owns streams on sockets that were taken over. Nobody else writes to them
// or calls their sources, so that a stream has neither a goroutine nor a buffer nor
// a lock: it is a position until it is its turn.
//
// Two goroutines make a loop while it has riders: one that takes turns, and one
// that hears from the system which sockets have something to say and puts them on
// the list too.
type loop struct {
	pump *Pump
	wake chan struct{} // holds a token while the list may have somebody

	mu    sync.Mutex
	ready []*rider // to have their turn, each once
	seats []*rider // what the system names a socket by
	free  []int32  // seats that are
	ep    *os.File // hears of the sockets; nil while nothing runs
	stamp uint32

	// The turning goroutine's own.
	wheel wheel
	hand  hand
	crew  *crew // takes turns beside it; nil where there is no processor for that
	taken int   // turns since it last had nothing to do
}

func newLoop(p *Pump, alone bool) *loop {
	l := &loop{pump: p, wake: make(chan struct{}, 1)}
	l.hand.loop = l
	if !alone {
		l.crew = newCrew(l)
	}
	return l
}

// adopt takes a connection out of the runtime's hands: its descriptor is copied and
// the connection closed, so that nothing of it stays in memory, and the runtime is
// not woken for it. It reports false where that cannot be; the connection is then
// as it was.
func (l *loop) adopt(conn net.Conn, s *Stream) bool {
	fd, ok := copied(conn)
	if !ok {
		return false
	}
	r := &s.Bell.rider
	r.loop, r.source, r.end, r.rest, r.state = l, s.Source, s.End, s.First, More
	r.fd, r.noise, r.beat = int32(fd), int32(l.pump.o.Noise), int32((s.Heartbeat+tick-1)/tick)
	if !l.seat(r) {
		unix.Close(fd)
		return false
	}
	conn.Close()
	r.seated.Store(true)
	r.again()
	return true
}

// copied gives another descriptor of the connection's socket.
func copied(conn net.Conn) (fd int, ok bool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(old uintptr) {
		fd, ok = 0, false
		if n, err := unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			fd, ok = n, true
		}
	})
	return fd, ok && err == nil
}

// seat gives the rider its place and has the system tell of its socket, each
// change once.
func (l *loop) seat(r *rider) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ep == nil && !l.startLocked() {
		return false
	}
	if n := len(l.free); n > 0 {
		r.at, l.free = l.free[n-1], l.free[:n-1]
	} else {
		r.at, l.seats = int32(len(l.seats)), append(l.seats, nil)
	}
	l.seats[r.at] = r
	l.stamp++
	r.stamp = l.stamp
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     r.at, Pad: int32(r.stamp), // both are ours to choose
	}
	if !controlled(l.ep, func(ep int) error { return unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, int(r.fd), &ev) }) {
		l.unseatLocked(r)
		return false
	}
	return true
}

func (l *loop) unseatLocked(r *rider) {
	l.seats[r.at] = nil
	l.free = append(l.free, r.at)
}

func controlled(f *os.File, do func(fd int) error) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	return err == nil && failed == nil
}

func (l *loop) startLocked() bool {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for the runtime to wait on it
		unix.Close(fd)
		return false
	}
	l.ep = os.NewFile(uintptr(fd), "epoll")
	l.wheel, l.taken = wheel{began: time.Now()}, 0
	raw, err := l.ep.SyscallConn()
	if err != nil {
		_ = l.ep.Close()
		l.ep = nil
		return false
	}
	if l.crew != nil {
		l.crew.begin()
	}
	go l.run()
	go l.hear(raw)
	return true
}

// hear waits for the system's word in the runtime's own poller, where it costs no
// thread, until the loop ends.
func (l *loop) hear(raw syscall.RawConn) {
	events := make([]unix.EpollEvent, 256)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			// It does not block, so the scheduler need not hear of it.
			r, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd,
				uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
			if e != 0 {
				n = 0
				return e != unix.EINTR
			}
			n = int(r)
			return n > 0
		})
		if err != nil || n <= 0 {
			return
		}
		l.mu.Lock()
		for _, ev := range events[:n] {
			if int(ev.Fd) >= len(l.seats) {
				continue // of a life that is over
			}
			if r := l.seats[ev.Fd]; r != nil && r.stamp == uint32(ev.Pad) {
				r.events.Or(ev.Events)
				if r.queued.CompareAndSwap(false, true) {
					l.ready = append(l.ready, r)
				}
			}
		}
		l.mu.Unlock()
		l.signal()
	}
}

// push puts a rider on the list.
func (l *loop) push(r *rider) {
	l.mu.Lock()
	first := len(l.ready) == 0
	if l.ep != nil {
		l.ready = append(l.ready, r)
	}
	l.mu.Unlock()
	if first {
		l.signal()
	}
}

func (l *loop) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run takes turns until there is nobody left.
func (l *loop) run() {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	var list []*rider
	for {
		select {
		case <-l.wake:
		default:
			select {
			case <-l.wake:
			case <-ticks.C:
			}
			l.taken = 0
		}
		l.wheel.turn(time.Now(), l.look)
		l.mu.Lock()
		list, l.ready = l.ready, list[:0]
		riders := len(l.seats) - len(l.free)
		l.mu.Unlock()
		l.turns(list, riders)
		clear(list)
		if l.pump.cutting() {
			l.everybody(func(r *rider) { l.leave(r, ErrCut) })
		}
		if l.rest() {
			return
		}
	}
}

// turns lets everybody on the list have a turn. With as many turns as there are riders
// since it rested, somebody's second is due: the loop has more to write than it can,
// and is not helped. The later it comes to a stream then, the more it writes at once,
// which takes less time in all, and leaves it to those who publish.
func (l *loop) turns(list []*rider, riders int) {
	if l.crew != nil && len(list) >= many && l.taken < riders {
		l.crew.turns(list)
	} else {
		l.hand.turns(list)
	}
	l.taken += len(list)
	l.settle(&l.hand)
}

// settle does what a hand left to the loop.
func (l *loop) settle(h *hand) {
	for _, r := range h.plans {
		if r.phase != gone {
			l.wheel.put(r, l.due(r))
		}
	}
	for _, p := range h.partings {
		l.leave(p.rider, p.err)
	}
	clear(h.plans)
	clear(h.partings)
	h.plans, h.partings = h.plans[:0], h.partings[:0]
}

// due is when to look at a rider.
func (l *loop) due(r *rider) int32 {
	switch r.phase {
	case full:
		return r.last + ticksOf(l.pump.o.Stall)
	case lingering:
		return l.wheel.now + ticksOf(linger)
	case away:
		return l.wheel.now + max(r.beat, 1)
	default:
		return r.last + r.beat
	}
}

// rest ends the loop when it has no riders.
func (l *loop) rest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.seats) > len(l.free) {
		return false
	}
	_ = l.ep.Close() // which ends hear
	l.ep, l.ready, l.seats, l.free = nil, nil, nil, nil
	l.hand.forget()
	if l.crew != nil {
		l.crew.end()
	}
	return true
}

func (l *loop) everybody(do func(*rider)) {
	l.mu.Lock()
	all := slices.Clone(l.seats)
	l.mu.Unlock()
	for _, r := range all {
		if r != nil {
			do(r)
		}
	}
}

// look is called when a rider's time may have come, which is no longer planned.
func (l *loop) look(r *rider) {
	now := l.wheel.now
	switch r.phase {
	case full:
		if now-r.last >= ticksOf(l.pump.o.Stall) {
			l.leave(r, ErrStalled)
			return
		}
	case lingering:
		l.leave(r, nil)
		return
	case riding:
		if r.beat == 0 {
			return
		}
		if now-r.last >= r.beat {
			if r.lost() {
				l.leave(r, ErrGone)
				return
			}
			l.hand.ride(r, true)
			l.settle(&l.hand)
		}
	}
	if r.phase != gone && !r.planned {
		l.wheel.put(r, l.due(r))
	}
}

// ticksOf gives how many ticks are no less than a time, one more than it seems:
// the first may be nearly over.
func ticksOf(d time.Duration) int32 { return int32((d+tick-1)/tick) + 1 }

// leave ends a rider.
func (l *loop) leave(r *rider, err error) {
	if r.phase == away && r.far.Load() == nil {
		r.why = err // its source is being read; it leaves when it is back
		return
	}
	if r.phase == gone {
		return
	}
	if p := r.far.Swap(nil); p != nil {
		l.pump.far.release(p)
	}
	r.phase = gone
	l.wheel.remove(r)
	l.mu.Lock()
	l.unseatLocked(r)
	l.mu.Unlock()
	if err == ErrStalled || err == ErrCut {
		// The system is to forget what a client that takes nothing has not taken.
		_ = unix.SetsockoptLinger(int(r.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	unix.Close(int(r.fd))
	r.rest = nil
	l.pump.leave(r.end, Result{Bytes: r.taken, Err: err})
}
