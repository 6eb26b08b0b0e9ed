package events_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"parley/events"
)

// TestReadersThatNeverWait has cursors ask for pages all the time while others
// write, on real processors: what the model cannot order in virtual time. Nobody
// may miss a number or get one twice.
func TestReadersThatNeverWait(t *testing.T) {
	s := newStage(t, events.Keep{})
	const posts = 20_000
	var all sync.WaitGroup
	for i := range max(runtime.GOMAXPROCS(0), 2) {
		c := s.listen(fmt.Sprintf("connection-of-%04d", i), events.Start{}, "a", "b")
		all.Go(func() {
			var scratch events.Scratch
			next := uint64(1)
			for next <= posts {
				d, err := c.Next(t.Context(), events.Limit{Scratch: &scratch})
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range d.Events {
					if e.Seq != next {
						t.Errorf("number %d came where %d was to come", e.Seq, next)
						return
					}
					next++
				}
				if d.Position.Seq != next-1 {
					t.Errorf("the position is %d after number %d", d.Position.Seq, next-1)
					return
				}
				if len(d.Events) == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	all.Go(func() {
		for i := range posts {
			s.say("", "x", []string{"a", "b"}[i%2])
		}
	})
	all.Wait()
}
