package pump

import (
	"context"
	"sync"
	"time"
)

// Far is where riders go whose next page must be read from a disk: to a few
// readers, so that a loop never waits for one, and so that many who return at once
// leave those who are live, and those who publish, their share of the machine.
type far struct {
	busy func() bool

	mu      sync.Mutex
	waiting []*rider
	readers int
	pages   chan *Page // bounds the pages that are read and not yet written
}

const (
	farReaders = 2
	farPages   = 32

	// While others are busy, a reader rests so many times as long as it read: a
	// thousand rooms that nobody has read since a restart would have both of two
	// processors for half a second otherwise.
	farRest = 3
	// What took longer did not read all the time: it waited for a processor.
	maxFarRest = 5 * time.Millisecond
)

func newFar(busy func() bool) *far {
	f := &far{busy: busy, pages: make(chan *Page, farPages)}
	for range farPages {
		f.pages <- nil
	}
	return f
}

// put has a rider's page read and rings the rider then.
func (f *far) put(r *rider) {
	f.mu.Lock()
	f.waiting = append(f.waiting, r)
	start := f.readers < farReaders
	if start {
		f.readers++
	}
	f.mu.Unlock()
	if start {
		go f.read()
	}
}

// read reads until nobody waits.
func (f *far) read() {
	for {
		f.mu.Lock()
		if len(f.waiting) == 0 {
			f.readers--
			f.waiting = nil
			f.mu.Unlock()
			return
		}
		r := f.waiting[0]
		f.waiting[0] = nil
		f.waiting = f.waiting[1:]
		f.mu.Unlock()

		p := <-f.pages
		if p == nil {
			p = &Page{}
		}
		p.reset()
		began := time.Now()
		r.state = r.source.Next(context.Background(), p, false)
		took := time.Since(began)
		r.far.Store(p)
		r.again()
		if f.busy() {
			time.Sleep(min(farRest*took, maxFarRest))
		}
	}
}

// release gives a page back.
func (f *far) release(p *Page) {
	if cap(p.Bytes) > maxPooled {
		p = nil
	}
	f.pages <- p
}
