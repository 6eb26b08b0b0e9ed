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
	look := commands.NewTidier()
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

// A heap with little in use may grow by more than that before it is collected; a
// large one not.
func TestPace(t *testing.T) {
	if _, said := os.LookupEnv("GOGC"); said {
		t.Skip("GOGC is set, and that is what counts")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	look := commands.NewTidier()
	runtime.GC()
	look()
	if got := debug.SetGCPercent(100); got <= 100 || got > 800 {
		t.Errorf("with little in use GOGC is %d", got)
	}
	look = commands.NewTidier()
	kept = make([]byte, 64<<20)
	runtime.GC()
	look()
	runtime.KeepAlive(kept)
	kept = nil
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("with 64 MiB in use GOGC is %d", got)
	}
}
