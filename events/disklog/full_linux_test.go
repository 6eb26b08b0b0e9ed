package disklog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"parley/events"
	"parley/events/disklog"
	"parley/events/logtest"
)

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A full disk refuses appends and nothing else, and is forgotten when there is
// room again.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, 128<<20)
	dir := filepath.Join(disk, "log")
	l := open(t, dir, disklog.Options{Reserve: 32 << 20, Keep: events.Keep{Age: -1, Events: -1, Bytes: -1, Disk: -1}})
	defer func() { l.Close() }()
	var w logtest.Witness
	l.Tail(w.Heard)

	// Others fill the disk, all but a little more than the reserve.
	filler := filepath.Join(disk, "filler")
	fill := func(leave uint64) {
		t.Helper()
		var s unix.Statfs_t
		if err := unix.Statfs(disk, &s); err != nil {
			t.Fatal(err)
		}
		if free := s.Bavail * uint64(s.Bsize); free > leave {
			if err := os.WriteFile(filler, make([]byte, free-leave), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(56 << 20)

	n, data := 0, strings.Repeat("x", 8<<10)
	post := func() (events.Receipt, error) {
		n++
		return w.Append(t.Context(), l, "acme", events.Batch{
			Drafts: []events.Draft{{To: []string{"lobby"}, Event: "m", Data: fmt.Appendf(nil, "\"%d %s\"", n, data)}},
			Key:    fmt.Sprint("key", n), Digest: "d",
		})
	}
	var err error
	for err == nil && n < 10_000 {
		_, err = post()
	}
	if !errors.Is(err, events.ErrLogFull) {
		t.Fatalf("after %d events: %v", n, err)
	}
	full := head(t, l)
	// Others fill it to the last byte.
	if f, err := os.Create(filepath.Join(disk, "more")); err != nil {
		t.Fatal(err)
	} else {
		zeros := make([]byte, 64<<10)
		for err == nil {
			_, err = f.Write(zeros)
		}
		f.Close()
	}
	for range 20 {
		if _, err := post(); !errors.Is(err, events.ErrLogFull) {
			t.Fatalf("on a full disk: %v", err)
		}
	}
	if _, err := l.Open(t.Context(), "another"); !errors.Is(err, events.ErrLogFull) {
		t.Errorf("a new namespace on a full disk: %v", err)
	}
	if h := head(t, l); h.Last != full.Last {
		t.Errorf("the head went on from %d to %d", full.Last, h.Last)
	}
	if p, err := l.Read(t.Context(), "acme", events.Query{Stretch: "lobby", Upto: full.Last, Limit: 10, Newest: true}); err != nil || len(p.Events) != 10 {
		t.Errorf("reading on a full disk: %d events, %v", len(p.Events), err)
	}

	if err := errors.Join(os.Remove(filepath.Join(disk, "more")), os.Remove(filler)); err != nil {
		t.Fatal(err)
	}
	r, err := post()
	if err != nil || r.First != full.Last+1 {
		t.Fatalf("with room again: %+v, %v", r, err)
	}
	closeLog(t, l)
	l = open(t, dir, disklog.Options{Reserve: 32 << 20, Keep: events.Keep{Age: -1, Events: -1, Bytes: -1, Disk: -1}})
	w.Check(t, l)
	w.CheckKeys(t, l)
}

// Retention heals a full disk by itself: what it deletes may use the reserve.
func TestRetentionHealsFullDisk(t *testing.T) {
	// Room for the reserve and for as many write-ahead logs as the engine keeps to
	// write over, which are 48 MiB when there were many at once.
	disk := smallDisk(t, 100<<20)
	clock := logtest.NewClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	l := open(t, filepath.Join(disk, "log"), disklog.Options{Reserve: 32 << 20, Now: clock.Now, Keep: events.Keep{Age: time.Hour, Events: -1}})
	defer l.Close()
	data := make([]byte, 0, 32<<10)
	var err error
	for n := 0; err == nil && n < 10_000; n++ {
		data = append(data[:0], '"')
		for i := range 32 << 10 { // not to be compressed
			data = append(data, "abcdefghijklmnopqrstuvwxyz012345"[(n*7919+i*i*31+i>>3)%32])
		}
		data = append(data, '"')
		_, err = l.Append(t.Context(), "acme", events.Batch{Drafts: []events.Draft{{To: []string{"lobby"}, Event: "m", Data: data}}})
	}
	if !errors.Is(err, events.ErrLogFull) {
		t.Fatal(err)
	}
	clock.Advance(2 * time.Hour)
	deadline := time.After(30 * time.Second)
	for {
		if err := l.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := l.Append(t.Context(), "acme", events.Batch{Drafts: []events.Draft{{To: []string{"lobby"}, Event: "m", Data: []byte("1")}}})
		if err == nil {
			return
		}
		if !errors.Is(err, events.ErrLogFull) {
			t.Fatal(err)
		}
		select {
		case <-deadline:
			t.Fatal("retention took everything, and the disk is still full")
		case <-time.After(50 * time.Millisecond): // the engine deletes files when it gets to it
		}
	}
}
