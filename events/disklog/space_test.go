package disklog_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events"
	"parley/events/disklog"
)

// A countingFS counts how often it is asked how much of the disk is free.
type countingFS struct {
	vfs.FS
	asked *atomic.Int64
}

func (c countingFS) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	c.asked.Add(1)
	return c.FS.GetDiskUsage(path)
}

// A disk with much room is asked now and then, one with little before each commit;
// and one that was ample is found to be full.
func TestDiskIsAskedWhereItMatters(t *testing.T) {
	mem := vfs.NewMem()
	free := func(bytes uint64) { mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: bytes, TotalBytes: 1 << 50}) }
	free(1 << 40)
	var asked atomic.Int64
	l := open(t, "log", disklog.Options{FS: countingFS{mem, &asked}, Reserve: 32 << 20, Keep: events.Keep{Age: -1, Events: -1, Bytes: -1, Disk: -1}})
	defer closeLog(t, l)
	post := func() error {
		b := events.Batch{Drafts: []events.Draft{{To: []string{"lobby"}, Event: "m", Data: []byte("1")}}}
		_, err := l.Append(t.Context(), "acme", b)
		return err
	}
	const posts = 100
	asked.Store(0)
	began := time.Now()
	for range posts {
		if err := post(); err != nil {
			t.Fatal(err)
		}
	}
	if most := 2 + int64(time.Since(began)/time.Second); asked.Load() > most {
		t.Errorf("a disk with much room was asked %d times for %d appends in %v", asked.Load(), posts, time.Since(began))
	}

	free(16 << 20)
	var err error
	for late := time.Now().Add(30 * time.Second); err == nil && time.Now().Before(late); {
		err = post()
	}
	if !errors.Is(err, events.ErrLogFull) {
		t.Fatalf("on a full disk: %v", err)
	}

	free(1 << 30)
	asked.Store(0)
	for range posts {
		if err := post(); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() < posts {
		t.Errorf("a disk with little room was asked %d times for %d appends", asked.Load(), posts)
	}
}
