package disklog_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"

	"parley/events"
	"parley/events/disklog"
	"parley/events/logtest"
)

// unsynced gives how many pages of a file are in memory and not yet on disk.
func unsynced(t *testing.T, fd uintptr) uint64 {
	t.Helper()
	var all struct{ offset, length uint64 }
	var stat struct{ cached, dirty, writing, evicted, recent uint64 }
	if _, _, e := unix.Syscall6(unix.SYS_CACHESTAT, fd, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&stat)), 0, 0, 0); e != 0 {
		t.Skip("the kernel does not tell what is on disk: cachestat: ", e)
	}
	return stat.dirty + stat.writing
}

// tells skips a test where the file system does not tell.
func tells(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "unsynced"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteString("not on disk yet")
	if unsynced(t, f.Fd()) == 0 {
		t.Skip("the file system does not tell what is on disk")
	}
	f.Sync()
	if unsynced(t, f.Fd()) != 0 {
		t.Skip("the file system has no disk")
	}
}

// logsUnsynced is unsynced of all write-ahead logs in a directory.
func logsUnsynced(t *testing.T, dir string) (pages uint64) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal("no write-ahead log: ", err)
	}
	for _, name := range logs {
		f, err := os.Open(name)
		if err != nil {
			continue // it was tidied away meanwhile
		}
		pages += unsynced(t, f.Fd())
		f.Close()
	}
	return pages
}

// twoProcessors has a log be quiet on a machine with one too.
func twoProcessors() (undo func()) {
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(max(n, 2))
	return func() { runtime.GOMAXPROCS(n) }
}

// What was answered is on disk, whichever way it got there.
func TestAnsweredIsOnDisk(t *testing.T) {
	dir := t.TempDir()
	tells(t, dir)
	defer twoProcessors()()
	l := open(t, dir, disklog.Options{})
	defer func() { l.Close() }()
	var w logtest.Witness
	say := func(n, size int) {
		t.Helper()
		data := fmt.Appendf(nil, `"%d %s"`, n, strings.Repeat("x", size))
		if _, err := w.Append(t.Context(), l, "acme", events.Batch{Drafts: []events.Draft{{To: []string{"lobby"}, Event: "m", Data: data}}}); err != nil {
			t.Fatal(err)
		}
		if pages := logsUnsynced(t, dir); pages != 0 {
			t.Fatalf("event %d was answered and %d pages of the log are not on disk", n, pages)
		}
	}
	s := disklog.NewSyncer()
	syncs := s.Syncs()
	s.Close()
	if !syncs {
		t.Log("the kernel does not sync for us here; only the other way is tested")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 100 {
		say(n, rng.IntN(2000))
		if n%20 == 0 {
			say(n, 60<<10) // nearly as much as an event holds
		}
	}
	if syncs && !disklog.SyncerOf(l).Syncs() {
		t.Error("the kernel was given up")
	}
	// It refuses from now on.
	disklog.SyncerOf(l).Close()
	for n := range 20 {
		say(n, rng.IntN(2000))
	}
	closeLog(t, l)
	l = open(t, dir, disklog.Options{})
	w.Check(t, l)
}

// A countedFile counts what is asked of it as of any file.
type countedFile struct {
	vfs.File
	writes, syncs int
}

func (f *countedFile) Write(p []byte) (int, error) { f.writes++; return f.File.Write(p) }
func (f *countedFile) SyncData() error             { f.syncs++; return f.File.SyncData() }

func createFile(t *testing.T) *countedFile {
	t.Helper()
	f, err := vfs.Default.Create(filepath.Join(t.TempDir(), "log"), vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &countedFile{File: f}
}

// Writes are quiet unless they are long, or one was slow not long ago.
func TestQuietWrites(t *testing.T) {
	s := disklog.NewSyncer()
	defer s.Close()
	f := createFile(t)
	q := s.Quiet(f, false)
	var want []byte
	write := func(n int, usual bool) {
		t.Helper()
		p := bytes.Repeat([]byte{byte('a' + len(want)%26)}, n)
		before := f.writes
		if m, err := q.Write(p); m != n || err != nil {
			t.Fatalf("%d of %d bytes, %v", m, n, err)
		}
		want = append(want, p...)
		if (f.writes > before) != usual {
			t.Errorf("of %d bytes: as usual is %t, not %t", n, !usual, usual)
		}
	}
	defer disklog.SlowWrite(time.Hour)()
	write(1, false)
	write(disklog.QuietBytes, false)
	write(disklog.QuietBytes+1, true)
	write(1, false)
	defer disklog.SlowWrite(-1)()
	write(1, false)
	defer disklog.SlowWrite(time.Hour)()
	for range disklog.AfterSlow {
		write(1, true)
	}
	write(1, false)
	if err := q.SyncData(); err != nil {
		t.Error(err)
	}
	if s.Syncs() == (f.syncs > 0) {
		t.Errorf("the kernel syncs: %t, and the file was synced %d times as usual", s.Syncs(), f.syncs)
	}
	f.syncs = 0
	if err := s.Quiet(f, true).SyncData(); err != nil || f.syncs != 1 {
		t.Errorf("for many it was synced %d times as usual, %v", f.syncs, err)
	}
	info, err := q.Stat()
	if err != nil || info.Size() != int64(len(want)) {
		t.Fatal(info, err)
	}
	got := make([]byte, len(want))
	if _, err := q.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Error("something else was written: ", err)
	}
}

// What the kernel refuses is refused with the file's own error.
func TestQuietErrors(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	s := disklog.NewSyncer()
	defer s.Close()
	f := createFile(t)
	f.File = onDevice{f.File, full}
	if n, err := s.Quiet(f, false).Write([]byte("x")); n != 0 || !strings.Contains(fmt.Sprint(err), "no space left") {
		t.Errorf("%d, %v", n, err)
	}
	f = createFile(t)
	q := s.Quiet(f, false)
	f.Close()
	if err := q.SyncData(); err == nil {
		t.Error("a closed file was synced")
	}
}

// onDevice is a file that is written to a device.
type onDevice struct {
	vfs.File
	device *os.File
}

func (f onDevice) Fd() uintptr                 { return f.device.Fd() }
func (f onDevice) Write(p []byte) (int, error) { return f.device.Write(p) }

// Logs that are synced at the same time, as an old one is while the next has begun,
// are each on disk when their own sync has ended.
func TestSyncsAtOnce(t *testing.T) {
	tells(t, t.TempDir())
	s := disklog.NewSyncer()
	defer s.Close()
	var all sync.WaitGroup
	for range 4 {
		f := createFile(t)
		q := s.Quiet(f, false)
		all.Go(func() {
			for range 50 {
				if _, err := q.Write([]byte("something")); err != nil {
					t.Error(err)
				}
				if err := q.SyncData(); err != nil {
					t.Error(err)
				}
				if pages := unsynced(t, f.Fd()); pages != 0 {
					t.Errorf("%d pages are not on disk", pages)
					return
				}
			}
		})
	}
	all.Wait()
}

// A log that is closed leaves no descriptor behind.
func TestClosedLogLeavesNothing(t *testing.T) {
	open0 := func() []string {
		var names []string
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(to, "eventfd") {
				names = append(names, e.Name()+" "+to)
			}
		}
		return names
	}
	dir := t.TempDir()
	defer twoProcessors()()
	closeLog(t, open(t, dir, disklog.Options{})) // whatever is made once is there now
	before := open0()
	for range 3 {
		l := open(t, dir, disklog.Options{})
		if disklog.SyncerOf(l).Syncs() && len(open0()) <= len(before) {
			t.Fatal("the log has no descriptor of its own: the test is blind")
		}
		closeLog(t, l)
	}
	if after := open0(); !slices.Equal(after, before) {
		t.Errorf("%q are open, %q were", after, before)
	}
}
