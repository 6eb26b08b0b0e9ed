package handlers_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// comeBack has streams come back from before everything, and gives a channel of when
// each was answered, since now.
func (st *stage) comeBack(n int, path string, headers ...string) <-chan time.Duration {
	began := time.Now()
	let := make(chan time.Duration, n)
	for range n {
		go func() {
			r := st.get(path, append([]string{"Accept", "text/event-stream"}, headers...)...)
			let <- time.Since(began)
			_, _ = io.Copy(io.Discard, r.Body)
		}()
	}
	return let
}

func last(let <-chan time.Duration, n int) (d time.Duration) {
	for range n {
		d = max(d, <-let)
	}
	return d
}

// Streams that come back are let in at once while nobody publishes, and else at a pace.
func TestReturnsArePacedWhileSomebodyPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, atOnce = 182, 32
		pace := 1500 * runtime.GOMAXPROCS(0)
		st := newStage(t, stageOptions{})
		took := func(k int) time.Duration { return time.Duration(k) * time.Second / time.Duration(pace) }
		near := func(got, want time.Duration) bool { return got > want-time.Millisecond && got < want+time.Millisecond }

		if d := last(st.comeBack(n, "/acme/lobby?since=1h"), n); !near(d, took(n-atOnce)) {
			t.Errorf("just after the start %d were let in within %v, not %v", n, d, took(n-atOnce))
		}
		time.Sleep(2 * time.Second)
		if d := last(st.comeBack(n, "/acme/lobby?since=1h"), n); d != 0 {
			t.Errorf("while nobody published the last of %d waited %v", n, d)
		}
		st.do("POST", "/acme/lobby", "Content-Length", "0") // whether it is taken or not
		if d := last(st.comeBack(n, "/acme/lobby", "Last-Event-ID", st.say("acme", "lobby", "", "0")), n); !near(d, took(n-atOnce)) {
			t.Errorf("while somebody published %d were let in within %v, not %v", n, d, took(n-atOnce))
		}
		waiting := st.comeBack(n, "/acme/lobby?since=1h")
		synctest.Wait()
		for what, path := range map[string]string{"a new stream": "/acme/lobby", "a poll": "/acme/lobby?since=1h&wait=0&format=json"} {
			if d := last(st.comeBack(1, path), 1); d != 0 {
				t.Errorf("%s waited %v", what, d)
			}
		}
		last(waiting, n)
	})
}

func TestADrainKeepsNoReturnWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		pace := 1500 * runtime.GOMAXPROCS(0)
		let := st.comeBack(32+pace, "/acme/lobby?since=1h")
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		st.srv.Drain(context.Background())
		st.srv.Drain(context.Background())
		last(let, 32+pace)
		if d := time.Since(began); d != 0 {
			t.Errorf("the last was answered after %v", d)
		}
	})
}

// Whoever would have to wait too long is asked to come again, and who hangs up is not
// waited for.
func TestTooManyReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		const n = 32 + 15*1500
		st := newStage(t, stageOptions{})
		waiting := make([]net.Conn, n)
		for i := range waiting {
			waiting[i] = st.request("GET", "/acme/lobby?since=1h", "Accept", "text/event-stream")
		}
		synctest.Wait()
		isBusy(t, st.get("/acme/lobby?since=1h", "Accept", "text/event-stream"))
		if r := st.get("/acme/lobby?since=1h", "Accept", "text/plain"); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
			t.Errorf("%s, Retry-After %q", r.Status, r.Header.Get("Retry-After"))
		}
		for _, c := range waiting {
			c.Close()
		}
		synctest.Wait()
	})
}
