package commands_test

import (
	"runtime"
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
