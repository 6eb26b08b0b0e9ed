package handlers_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// A delivery allocates nothing: what a message costs the collector does not depend
// on how many hear it. Told from one listener and a crowd in a room, over real
// sockets: what the crowd takes beyond the one is the deliveries'.
func TestADeliveryAllocatesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("each stream has a goroutine here, and its timer")
	}
	const crowd, messages = 200, 300
	one, many := allocations(t, 1, messages), allocations(t, crowd, messages)
	each := (float64(many) - float64(one)) / (crowd - 1) / messages
	t.Logf("%d messages allocate %d times with one listener, %d times with %d: %.4f a delivery", messages, one, many, crowd, each)
	if each > 0.01 {
		t.Errorf("a delivery allocates %.4f times", each)
	}
}

// allocations counts them while so many listeners in a room hear so many messages,
// each said when all have heard the one before.
func allocations(t *testing.T, listeners, messages int) uint64 {
	t.Helper()
	st := newStage(t, stageOptions{tcp: true})
	room := make([]*heard, listeners)
	for i := range room {
		room[i] = st.listen("/acme/lobby")
	}
	body := said(strings.Repeat("x", 100))
	buf := make([]byte, 4<<10)
	say := func(n int) {
		for range n {
			st.post("acme", "lobby", "", body)
			for _, h := range room {
				for n := 0; !bytes.HasSuffix(buf[:n], []byte("\n\n\r\n")); { // the end of a message, and of its chunk
					k, err := h.conn.Read(buf[n:])
					if err != nil {
						t.Fatal(err)
					}
					n += k
				}
			}
		}
	}
	say(600) // fills the window, and whatever else grows at first
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	say(messages)
	runtime.ReadMemStats(&after)
	for _, h := range room {
		h.conn.Close()
	}
	return after.Mallocs - before.Mallocs
}
