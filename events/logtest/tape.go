package logtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"parley/events"
)

// patience is how long the suite waits for what must come without more being
// done. It is only ever waited for by a test that fails.
const patience = 20 * time.Second

// A tape is a tail that remembers, and looks at the order of what it hears.
type tape struct {
	mu      sync.Mutex
	inside  map[string]bool // a call for this namespace is under way
	heard   map[string][]*events.Event
	last    map[string]uint64
	ended   bool // the log was closed
	faults  []string
	changed chan struct{} // closed at the next segment
}

func newTape() *tape {
	return &tape{
		inside:  map[string]bool{},
		heard:   map[string][]*events.Event{},
		last:    map[string]uint64{},
		changed: make(chan struct{}),
	}
}

func (p *tape) hear(seg events.Segment) {
	ns := seg.Namespace
	p.mu.Lock()
	if p.inside[ns] {
		p.faultLocked("two segments of %s at once", ns)
	}
	p.inside[ns] = true
	if p.ended {
		p.faultLocked("a segment of %s after Close", ns)
	}
	if last, ok := p.last[ns]; ok && seg.After != last {
		p.faultLocked("a segment of %s is after %d, the one before it ended at %d", ns, seg.After, last)
	}
	if len(seg.Events) == 0 {
		p.faultLocked("a segment of %s holds nothing", ns)
	}
	for i, e := range seg.Events {
		if want := seg.After + uint64(i) + 1; e.Seq != want {
			p.faultLocked("event %d of the segment after %d of %s has number %d", i, seg.After, ns, e.Seq)
		}
	}
	p.mu.Unlock()

	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside[ns] = false
	p.last[ns] = max(p.last[ns], seg.After+uint64(len(seg.Events)))
	p.heard[ns] = append(p.heard[ns], seg.Events...)
	close(p.changed)
	p.changed = make(chan struct{})
}

// drop forgets what was heard of a namespace, as whoever is about to have it
// forgotten does. A segment that comes next is of the log as it was, or begins a
// new one.
func (p *tape) drop(ns string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, ns)
	delete(p.heard, ns)
}

// forgotten says that Forget has answered true: what is heard from now on is of
// a new log, as is what was heard since drop.
func (p *tape) forgotten(ns string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.last[ns]; !ok {
		p.last[ns] = 0
	} else if heard := p.heard[ns]; heard[0].Seq != 1 {
		p.faultLocked("the first event heard of %s since it is forgotten is %d", ns, heard[0].Seq)
	}
}

func (p *tape) faultLocked(format string, args ...any) {
	if len(p.faults) < 10 {
		p.faults = append(p.faults, fmt.Sprintf(format, args...))
	}
}

// end says that Close has returned: nothing is under way any more.
func (p *tape) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
}

// check tells what was wrong.
func (p *tape) check(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fault := range p.faults {
		t.Errorf("tail: %s", fault)
	}
}

// upto waits until this number was heard, and gives all that was heard so far.
func (p *tape) upto(t *testing.T, ns string, seq uint64) []*events.Event {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		p.mu.Lock()
		heard, last, changed := p.heard[ns], p.last[ns], p.changed
		p.mu.Unlock()
		if last >= seq {
			return heard
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("tail: nothing beyond %d of %s within %v, want %d", last, ns, patience, seq)
		}
	}
}
