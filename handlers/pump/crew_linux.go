package pump

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A crew is a loop and one that helps it while many have their turn at once, as
// when an event is for thousands. It costs them a wake-up, and is worth that only then.
type crew struct {
	loop   *loop
	helper hand

	list    []*rider
	next    atomic.Int64 // how many of the list have been given out
	helping atomic.Bool

	mu   sync.Mutex
	on   bool           // there is a list
	busy sync.WaitGroup // the helper, while it takes turns
}

const (
	// many is how many turns are worth sharing: a few milliseconds.
	many = 256
	// piece is how many are given out at once.
	piece = 16
	// shift is how many turns the helper takes before it lets others have its
	// processor, so that a publisher who has come meanwhile need not wait for the end.
	shift = 64
)

func newCrew(l *loop) *crew {
	c := &crew{loop: l}
	c.helper.loop = l
	return c
}

// turns lets everybody on the list have a turn. It is the loop's, and returns when
// all hands are still.
func (c *crew) turns(list []*rider) {
	c.list = list
	c.next.Store(0)
	c.set(true)
	for {
		mine := c.take()
		if len(mine) == 0 {
			break
		}
		if c.left() >= many/2 && c.helping.CompareAndSwap(false, true) {
			go c.help()
		}
		c.loop.hand.turns(mine)
	}
	c.set(false)
	c.busy.Wait()
	c.list = nil
	c.loop.settle(&c.helper)
}

func (c *crew) set(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = on
}

// help takes turns until there are none left. A list may end, and the next begin,
// while it lets others go first: nobody waits for that.
func (c *crew) help() {
	for c.begin() {
		more := true
		for range shift / piece {
			theirs := c.take()
			if more = len(theirs) > 0; !more {
				break
			}
			c.helper.turns(theirs)
		}
		c.busy.Done()
		if more {
			runtime.Gosched()
		}
	}
}

// begin reports whether the helper is needed, and busy then.
func (c *crew) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on || c.left() <= 0 {
		c.helping.Store(false)
		return false
	}
	c.busy.Add(1)
	return true
}

// take gives out the next of the list.
func (c *crew) take() []*rider {
	end := int(c.next.Add(piece))
	if end-piece >= len(c.list) {
		return nil
	}
	return c.list[end-piece : min(end, len(c.list))]
}

func (c *crew) left() int { return len(c.list) - int(c.next.Load()) }
