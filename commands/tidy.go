package commands

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A tidier gives the system what memory the process does not need, whenever the
// process has become quiet.
//
// The runtime lets the heap grow to twice what is in use before it collects, which
// is what makes a POST cheap, and runs the collector when something is allocated. A
// server whose streams were all opened and now wait allocates nothing: it would keep
// what opening them took, for as long as they are there. Setting GOGC lower for good
// costs more with every POST than this costs with each calm.
type tidier struct {
	samples []metrics.Sample
	seen    uint64 // what had been allocated in all, at the last look
	tidied  uint64 // and when it tidied last
	percent int    // as GOGC has it; 0 where whoever started the process has said it

	said   func() uint64 // events published since the start
	before uint64        // what it gave at the last look
}

const (
	tidyEvery = time.Second
	idleBytes = 1 << 20 // bytes allocated since the last look: a hundred POSTs
	litter    = 4 << 20 // bytes allocated that are worth a collection, at least; and an eighth of what is in use

	// What may be allocated between two collections, at least. A busy server with little
	// in use would else collect many times a second.
	elbowRoom = 32 << 20
	mostGOGC  = 800
	chatter   = 100 // events published since the last look that make a server busy in this sense
)

func newTidier(said func() uint64) *tidier {
	t := &tidier{said: said, samples: []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}}
	if _, said := os.LookupEnv("GOGC"); !said {
		t.percent = 100
	}
	return t
}

// run looks every second until ctx ends.
func (t *tidier) run(ctx context.Context) {
	every := time.NewTicker(tidyEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			t.look()
		case <-ctx.Done():
			return
		}
	}
}

// look tidies where that is worth it, and reports whether it was. What was allocated
// and not what is garbage is the measure: nobody knows that before a collection.
func (t *tidier) look() bool {
	metrics.Read(t.samples)
	allocated, live := t.samples[0].Value.Uint64(), t.samples[1].Value.Uint64()
	busy := allocated-t.seen > idleBytes
	t.seen = allocated
	t.pace(live)
	if busy || allocated-t.tidied < max(litter, live/8) {
		return false
	}
	t.tidied = allocated
	debug.FreeOSMemory()
	return true
}

// pace sets how far the heap may grow before the next collection: to twice what is
// in use, and while there is much to publish by elbowRoom at least. Not while streams
// are opened: what stays would lie scattered between what does not. Setting it stops
// the world for a moment, so small differences are let be.
func (t *tidier) pace(live uint64) {
	said, want := t.said(), 100
	if said-t.before >= chatter {
		want = min(max(want, int(100*elbowRoom/max(live, 1))), mostGOGC)
	}
	t.before = said
	if t.percent == 0 || want*4 < t.percent*5 && want*5 > t.percent*4 {
		return
	}
	t.percent = want
	debug.SetGCPercent(want)
}
