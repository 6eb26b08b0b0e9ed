package commands

import (
	"context"
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
	samples   []metrics.Sample
	allocated uint64 // in all, at the last look
}

const (
	tidyEvery = time.Second
	quiet     = 1 << 20 // bytes allocated since the last look: a hundred POSTs
	litter    = 4 << 20 // bytes worth a collection, at least; and an eighth of what is in use
)

func newTidier() *tidier {
	t := &tidier{}
	for _, name := range []string{
		"/gc/heap/allocs:bytes", "/gc/heap/live:bytes", "/memory/classes/heap/objects:bytes", "/memory/classes/heap/free:bytes",
	} {
		t.samples = append(t.samples, metrics.Sample{Name: name})
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

// look tidies where that is worth it, and reports whether it was.
func (t *tidier) look() bool {
	metrics.Read(t.samples)
	value := func(i int) uint64 { return t.samples[i].Value.Uint64() }
	allocated, live, objects, free := value(0), value(1), value(2), value(3)
	busy := allocated-t.allocated > quiet
	t.allocated = allocated
	waste := free
	if objects > live {
		waste += objects - live
	}
	if busy || waste < max(litter, live/8) {
		return false
	}
	debug.FreeOSMemory()
	return true
}
