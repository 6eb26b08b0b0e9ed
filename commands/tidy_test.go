package commands_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"parley/commands"
)

var kept []byte

// What was used once is given back when it is quiet, not while there is work, and
// not again and again.
func TestTidy(t *testing.T) {
	const much = 64 << 20
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapSys - m.HeapReleased
	}
	look := commands.NewTidier(func() uint64 { return 0 })
	kept = make([]byte, much)
	for i := range kept {
		kept[i] = 1
	}
	before := inUse()
	kept = nil
	if look() {
		t.Error("it tidies while there is work")
	}
	if !look() {
		t.Error("it does not tidy when it is quiet")
	}
	if now := inUse(); now+much/2 > before {
		t.Errorf("%d MiB were held, and then %d", before>>20, now>>20)
	}
	if look() {
		t.Error("it tidies what is tidy")
	}
}

// While much is published a heap with little in use may grow by more than that
// before it is collected; a large one not, and none when it is quiet.
func TestPace(t *testing.T) {
	if _, said := os.LookupEnv("GOGC"); said {
		t.Skip("GOGC is set, and that is what counts")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	count := uint64(0)
	look := commands.NewTidier(func() uint64 { return count })
	runtime.GC()
	for _, step := range []struct {
		said  uint64
		large bool
		high  bool
	}{{0, false, false}, {500, false, true}, {1000, false, true}, {1010, false, false}, {2000, true, false}} {
		if step.large {
			kept = make([]byte, 64<<20)
			runtime.GC()
		}
		count = step.said
		look()
		got := debug.SetGCPercent(100)
		debug.SetGCPercent(got)
		if (got > 100) != step.high || got > 800 {
			t.Errorf("after %+v GOGC is %d", step, got)
		}
	}
	runtime.KeepAlive(kept)
	kept = nil
}
