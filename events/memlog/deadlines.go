package memlog

import (
	"container/heap"
	"slices"
	"time"
)

// deadlines are the entries that have a TTL, the first to end on top. Some may
// have gone another way since.
type deadlines struct{ heap byDeadline }

func (d *deadlines) add(e *entry) { heap.Push(&d.heap, e) }

// expired takes what has outlived its TTL and gives, in order of number, what of
// it is still there.
func (d *deadlines) expired(now time.Time) []*entry {
	var gone []*entry
	for len(d.heap) > 0 && d.heap[0].Expired(now) {
		if e := heap.Pop(&d.heap).(*entry); !e.gone {
			gone = append(gone, e)
		}
	}
	slices.SortFunc(gone, byNumber)
	return gone
}

type byDeadline []*entry

func (h byDeadline) Len() int { return len(h) }
func (h byDeadline) Less(i, j int) bool {
	return h[i].Time.Add(h[i].TTL).Before(h[j].Time.Add(h[j].TTL))
}
func (h byDeadline) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byDeadline) Push(x any)   { *h = append(*h, x.(*entry)) }
func (h *byDeadline) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return x
}
