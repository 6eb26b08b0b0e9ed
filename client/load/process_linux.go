package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A usage is what processes use together.
type usage struct {
	cpu            time.Duration
	resident, peak int64
	descriptors    int
}

// usageOf looks at processes. Their CPU time is that of all their threads, the
// ended ones too: the same that /proc/PID/stat counts, but in nanoseconds.
func usageOf(pids []int) (usage, error) {
	var u usage
	for _, pid := range pids {
		var t unix.Timespec
		if err := unix.ClockGettime(cpuClock(pid), &t); err != nil {
			return u, fmt.Errorf("process %d: %w", pid, err)
		}
		u.cpu += time.Duration(t.Nano())
		dir := "/proc/" + strconv.Itoa(pid)
		status, err := os.ReadFile(dir + "/status")
		if err != nil {
			return u, err
		}
		u.resident += kilobytes(status, "VmRSS:")
		u.peak += kilobytes(status, "VmHWM:")
		n, err := descriptors(dir + "/fd")
		if err != nil {
			return u, err
		}
		u.descriptors += n
	}
	return u, nil
}

// cpuClock is the kernel's name for the CPU time of a process (see
// clock_getcpuclockid(3)).
func cpuClock(pid int) int32 { return int32(^pid)<<3 | 2 }

func kilobytes(status []byte, field string) int64 {
	_, rest, _ := bytes.Cut(status, []byte(field))
	f := bytes.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(f[0]), 10, 64)
	return n << 10
}

// descriptors counts those that are open. Newer kernels say it as the
// directory's size, without listing twenty thousand of them.
func descriptors(dir string) (int, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, err
	}
	if info.Size() > 0 {
		return int(info.Size()), nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(-1)
	return len(names), err
}

// ownCPU is what this process has used.
func ownCPU() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
