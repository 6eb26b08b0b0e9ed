package pump

import (
	"sync"
	"sync/atomic"
)

// A crew is a loop and one that helps it while many have their turn at once, as
// when an event is for thousands and nobody had anything to write before. It costs them
// a wake-up, and is worth that only then.
type crew struct {
	loop   *loop
	helper hand
	calls  chan struct{} // one is a shift; closed when the loop ends

	list    []*rider
	next    atomic.Int64 // how many of the list have been given out
	helping atomic.Bool
	done    sync.WaitGroup
}

const (
	// many is how many turns are worth sharing: a few milliseconds.
	many = 256
	// piece is how many are given out at once.
	piece = 16
	// shift is how many turns the helper takes before it lets go of its processor,
	// so that a publisher who has come meanwhile gets it first.
	shift = 64
)

func newCrew(l *loop) *crew {
	c := &crew{loop: l}
	c.helper.loop = l
	return c
}

// begin has the helper wait to be called, until end. It has a goroutine of its own, and
// the stack that this has grown to, for as long as the loop runs.
func (c *crew) begin() {
	c.calls = make(chan struct{}, 1)
	go c.help(c.calls)
}

func (c *crew) end() {
	close(c.calls)
	c.helper.forget()
}

// turns lets everybody on the list have a turn. It is the loop's, and returns when
// all hands are still.
func (c *crew) turns(list []*rider) {
	c.list = list
	c.next.Store(0)
	for {
		mine := c.take()
		if len(mine) == 0 {
			break
		}
		if c.left() >= many/2 && c.helping.CompareAndSwap(false, true) {
			c.done.Add(1)
			c.calls <- struct{}{}
		}
		c.loop.hand.turns(mine)
	}
	c.done.Wait()
	c.list = nil
	c.loop.settle(&c.helper)
}

func (c *crew) help(calls <-chan struct{}) {
	for range calls {
		for range shift / piece {
			theirs := c.take()
			if len(theirs) == 0 {
				break
			}
			c.helper.turns(theirs)
		}
		c.helping.Store(false)
		c.done.Done()
	}
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
