package e2e_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestWindowMemory says much more in a room than its window may take: the bound
// holds, and who is late gets all of it from the log.
func TestWindowMemory(t *testing.T) {
	const events, budget = 300, 1 << 20
	s := serve(t, "--window-memory", "1MiB")
	live, err := open(t.Context(), s.URL+"/demo/lobby", "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Body.Close()
	word := strings.Repeat("x", 8<<10)
	var last uint64
	most := 0.0
	for n := range events {
		status, answer, err := post(t.Context(), s.URL+"/demo/lobby", "", "", word)
		if err != nil || status != http.StatusCreated {
			t.Fatalf("POST: %d %v %s", status, err, answer)
		}
		last = seqIn(t, string(answer))
		if n%20 == 19 {
			most = max(most, s.metric(t, "parley_window_bytes"))
		}
	}
	if most > budget || most < budget/2 {
		t.Errorf("the windows took up to %.0f bytes of %d", most, budget)
	}
	c := newCounter()
	c.read(live.Body, last)
	if c.count != events || c.wrong > 0 {
		t.Errorf("the listener heard %d of %d events, %d out of order", c.count, events, c.wrong)
	}
}
