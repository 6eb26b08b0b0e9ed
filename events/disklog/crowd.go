package disklog

import "time"

// A crowd is who a commit was for. Callers who post one event after the other come
// again as soon as they are answered, and one fsync for all of them costs what one for
// the first of them would: it is worth waiting a moment until all are there. Callers
// who come on their own are not waited for: a wait that was in vain is not repeated for
// so many commits, each time twice as many.
type crowd struct {
	size   int           // how many were answered together, or came meanwhile
	most   time.Duration // how long they are worth waiting for
	vain   int           // how many commits the last vain wait puts off the next
	paused int           // how many of them are left
}

const (
	// A crowd is worth so many times what the disk takes for it: the disk is not
	// all that a commit costs, it also wakes and answers everybody.
	crowdTimes = 10
	maxGather  = 1500 * time.Microsecond
	// A shorter wait than this is no wait for a timer.
	minGather = 50 * time.Microsecond

	maxVain = 64
)

// left notes that so many were answered or are waiting, after the disk took a time.
func (c *crowd) left(size int, disk time.Duration) {
	c.size, c.most = size, min(crowdTimes*disk, maxGather)
}

// gather waits until the crowd is there again, where that is likely.
func (c *crowd) gather(q *queue) {
	size := c.size
	c.size = 0
	switch {
	case size < 2 || c.most < minGather:
	case c.paused > 0:
		c.paused--
	case q.gather(size, c.most) > size/2:
		c.vain = 0
	default:
		c.vain = min(max(2*c.vain, 1), maxVain)
		c.paused = c.vain
	}
}
