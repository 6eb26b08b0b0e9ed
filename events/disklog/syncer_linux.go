package disklog

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A syncer has the kernel sync files by its interface for asynchronous I/O (io_submit,
// IOCB_CMD_FDSYNC, Linux 4.18), and hears of the end in the runtime's own poller. It
// syncs one file at a time. Where the kernel does not do it, or is not allowed to, it
// says so, and is not asked again.
type syncer struct {
	mu    sync.Mutex
	aio   uintptr  // what the kernel knows it by
	event *os.File // the kernel writes to it when a sync has ended; nil where this cannot be done
	wait  syscall.RawConn
	fd    uint32 // of event
	count uint64 // of syncs, by which the end of each is known
}

// newSyncer gives a syncer, which is to be closed.
func newSyncer() *syncer {
	s := &syncer{}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return s
	}
	s.event, s.fd = os.NewFile(uintptr(fd), "eventfd"), uint32(fd)
	if s.wait, err = s.event.SyscallConn(); err != nil {
		s.closeLocked()
		return s
	}
	if _, _, e := unix.Syscall(unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&s.aio)), 0); e != 0 {
		s.aio = 0
		s.closeLocked()
	}
	return s
}

func (s *syncer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked()
}

// closeLocked leaves a syncer that syncs nothing.
func (s *syncer) closeLocked() {
	if s.aio != 0 {
		_, _, _ = unix.Syscall(unix.SYS_IO_DESTROY, s.aio, 0, 0) // it waits for what is under way
		s.aio = 0
	}
	if s.event != nil {
		_ = s.event.Close()
		s.event = nil
	}
}

// The kernel's struct iocb and struct io_event.
type (
	ioCommand struct {
		data      uint64
		_         [2]uint32
		opcode    uint16
		_         int16
		file      uint32
		_         [4]uint64
		flags     uint32
		completed uint32 // an eventfd
	}
	ioEvent struct {
		data, _   uint64
		result, _ int64
	}
)

const (
	ioFdatasync = 3 // IOCB_CMD_FDSYNC
	ioEventfd   = 1 // IOCB_FLAG_RESFD
)

// sync waits until what was written to a file is on disk, as fdatasync(2) does. It
// reports false when it cannot say so.
func (s *syncer) sync(file uintptr) (synced bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.event == nil {
		return false, nil
	}
	s.count++
	command := &ioCommand{data: s.count, opcode: ioFdatasync, file: uint32(file), flags: ioEventfd, completed: s.fd}
	if n, _, _ := unix.RawSyscall(unix.SYS_IO_SUBMIT, s.aio, 1, uintptr(unsafe.Pointer(&command))); int(n) != 1 {
		s.closeLocked()
		return false, nil
	}
	var end ioEvent
	waited := s.wait.Read(func(uintptr) bool {
		for {
			var none unix.Timespec
			n, _, e := unix.RawSyscall6(unix.SYS_IO_GETEVENTS, s.aio, 0, 1, uintptr(unsafe.Pointer(&end)), uintptr(unsafe.Pointer(&none)), 0)
			switch e {
			case 0:
				return n == 1
			case unix.EINTR:
			default:
				return true
			}
		}
	})
	if waited != nil || end.data != s.count {
		s.closeLocked()
		return false, nil
	}
	if end.result < 0 {
		return true, syscall.Errno(-end.result)
	}
	return true, nil
}

// quietWrite writes at the end of what was written, and gives how much it could.
func quietWrite(file uintptr, p []byte) int {
	done := 0
	for done < len(p) {
		n, _, e := unix.RawSyscall(unix.SYS_WRITE, file, uintptr(unsafe.Pointer(&p[done])), uintptr(len(p)-done))
		switch e {
		case 0:
			done += int(n)
		case unix.EINTR:
		default:
			return done
		}
	}
	return done
}
