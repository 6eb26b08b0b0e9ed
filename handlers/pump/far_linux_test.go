package pump

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A slow source's pages take a time to read. It notes when it has read one.
type slowSource struct {
	takes time.Duration
	began time.Time
	read  atomic.Int64
}

func (s *slowSource) Next(context.Context, *Page, bool) State {
	time.Sleep(s.takes)
	s.read.Store(int64(time.Since(s.began)))
	return Dry
}

func (*slowSource) Back(uint64) {}
func (*slowSource) Beat(*Page)  {}
func (*slowSource) Soon()       {}

// Two read pages from the disk, and while others are busy they rest after each.
func TestReadersFromFarRestWhileOthersAreBusy(t *testing.T) {
	for _, c := range []struct {
		busy  bool
		takes time.Duration
		want  time.Duration // until six pages have been read
	}{
		{false, time.Millisecond, 3 * time.Millisecond},
		{true, time.Millisecond, (3 + 2*3) * time.Millisecond},
		{true, time.Second, 3*time.Second + 2*5*time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFar(func() bool { return c.busy })
			began := time.Now()
			var sources [6]slowSource
			for i := range sources {
				sources[i].began, sources[i].takes = began, c.takes
				f.put(&rider{loop: newLoop(nil, true), source: &sources[i]})
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			var last int64
			for i := range sources {
				if last = max(last, sources[i].read.Load()); sources[i].read.Load() == 0 {
					t.Errorf("page %d was not read", i)
				}
			}
			if time.Duration(last) != c.want {
				t.Errorf("busy %v, pages that take %v: six were read in %v, not %v", c.busy, c.takes, time.Duration(last), c.want)
			}
		})
	}
}
