package pump

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A rider is one stream of a loop. What has no word of its own beside it belongs to
// the loop's turning goroutine, or to a far reader while the rider is away. There are
// many, and most of them wait: its fields are no larger than what is in them, and those
// that every turn looks at stand together.
type rider struct {
	seated atomic.Bool   // its bell can be rung
	queued atomic.Bool   // it is on the list
	events atomic.Uint32 // what the system said of its socket since its last turn

	phase   phase
	state   State // what the source said last
	planned bool
	slot    int16
	fd      int32
	last    int32 // the tick of the last write that took something
	beat    int32 // heartbeat in ticks; 0 for none

	loop   *loop
	source Source
	rest   []byte               // is written before the next page
	far    atomic.Pointer[Page] // what was read from far
	taken  int64

	next, prev *rider // in the wheel
	end        func(Result)
	why        error // why it is to end once it is back

	at    int32  // its seat
	stamp uint32 // tells this rider from others that had its seat
	noise int32  // bytes that the client may still send
}

// A phase is what a rider is doing between two turns.
type phase uint8

const (
	riding    phase = iota // dry, or on the list
	full                   // its socket takes nothing
	away                   // its page is being read from far
	lingering              // all is written; the client is to close
	gone
)

// ring puts the rider on its loop's list, once. It reports false when it has none.
func (r *rider) ring() bool {
	if !r.seated.Load() {
		return false
	}
	r.again()
	return true
}

func (r *rider) again() {
	if !r.queued.Load() && r.queued.CompareAndSwap(false, true) {
		r.loop.push(r)
	}
}

// write gives how much the socket took; err is nil also when that is nothing. The
// call does not block, so the scheduler need not hear of it.
func (r *rider) write(b []byte) (n int, err error) {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(r.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch e {
		case 0:
			r.taken += int64(n)
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
			return 0, nil
		default:
			return 0, ErrGone
		}
	}
}

// lost reports, when a heartbeat is due, whether the peer has answered nothing for so
// long that after the heartbeat it would be too late to find out, and the system's
// question among it. Where heartbeats are more frequent than such questions it is the
// system that finds out.
func (r *rider) lost() bool {
	beat := time.Duration(r.beat) * tick
	if beat < probeAfter {
		return false
	}
	silence := max(vanished-time.Second-beat, probeAfter+probeEvery)
	info, err := unix.GetsockoptTCPInfo(int(r.fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false // it is no TCP, and nobody vanishes from it
	}
	return time.Duration(info.Last_ack_recv)*time.Millisecond > silence
}

// drain throws away what the client sent. It gives ErrGone when it has hung up, or
// closed its half, which is the only way it has to say so.
func (r *rider) drain() error {
	var b [512]byte
	for {
		n, err := unix.Read(int(r.fd), b[:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return nil
		case err != nil || n == 0:
			return ErrGone
		}
		if r.noise -= int32(n); r.noise < 0 {
			return ErrNoise
		}
	}
}
