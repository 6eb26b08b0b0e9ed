package handlers_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
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

const (
	headStart = 200 * time.Millisecond
	atOnce    = 4
)

// returnsIn is how long so many who come back take at their pace.
func returnsIn(n int) time.Duration {
	return time.Duration(n) * (time.Second / time.Duration(750*runtime.GOMAXPROCS(0)))
}

// Streams that come back are let in at once while nobody publishes, and else at a
// pace; after the start those who publish come first.
func TestReturnsArePacedWhileSomebodyPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 104
		st := newStage(t, stageOptions{})
		if d, want := last(st.comeBack(n, "/acme/lobby?since=1h"), n), headStart+returnsIn(n-atOnce-1); d != want {
			t.Errorf("just after the start %d were let in within %v, not %v", n, d, want)
		}
		time.Sleep(2 * time.Second)
		if d := last(st.comeBack(n, "/acme/lobby?since=1h"), n); d != 0 {
			t.Errorf("while nobody published the last of %d waited %v", n, d)
		}
		st.do("POST", "/acme/lobby", "Content-Length", "0") // whether it is taken or not
		if d, want := last(st.comeBack(n, "/acme/lobby", "Last-Event-ID", st.say("acme", "lobby", "", "0")), n), returnsIn(n-atOnce); d != want {
			t.Errorf("while somebody published %d were let in within %v, not %v", n, d, want)
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

// Who waits to be let in misses nothing by it: not what was said before, nor what is
// said while it waits and in the moment in which it comes in.
func TestAReturnThatWaitsMissesNothing(t *testing.T) {
	for where, window := range map[string]int{"in the window": 0, "in the log": 4} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const ahead, places = 100, 10
				st := newStage(t, stageOptions{window: window})
				time.Sleep(2 * time.Second) // what comes first after a start is over
				var said []string
				speak := func() {
					said = append(said, fmt.Sprint(len(said)+1))
					st.call("POST", "/acme/lobby", said[len(said)-1]).is(201)
					st.call("POST", "/acme/elsewhere", "for others").is(201)
				}
				for range places {
					speak()
				}
				before := st.comeBack(ahead, "/acme/elsewhere?since=1h")
				synctest.Wait()
				type back struct {
					*listener
					heard int // so many of said, before it was cut off
				}
				in := make(chan back, places)
				for i := range places {
					position := st.id(uint64(1 + 2*i)) // each of said is followed by one elsewhere
					go func() {
						in <- back{st.attend(fmt.Sprintf("comes-back-to-place-%d", i), "/acme/lobby", "Last-Event-ID", position), 1 + i}
					}()
				}
				for range 20 {
					speak()
					time.Sleep(returnsIn(ahead) / 40)
				}
				synctest.Wait()
				if len(in) > 0 {
					t.Fatal("they did not wait")
				}
				for i := 0; len(in) < places && i < ahead; i++ {
					speak()
					time.Sleep(returnsIn(1))
				}
				last(before, ahead)
				hears := func(b back, want []string) {
					t.Helper()
					var got []string
					for line := range strings.Lines(b.told()) {
						_, word, _ := strings.Cut(line, `"data":"`) // none in a gap
						word, _, _ = strings.Cut(word, `"`)
						got = append(got, word)
					}
					if !slices.Equal(got, want) {
						t.Errorf("who had heard %d heard %q, want %q", b.heard, got, want)
					}
				}
				var all []back
				for range places {
					b := <-in
					hears(b, said[b.heard:])
					all = append(all, b)
				}
				live := len(said)
				for range 3 {
					speak()
				}
				for _, b := range all {
					hears(b, said[live:])
				}
			})
		})
	}
}

// Nobody waits any longer than somebody publishes.
func TestReturnsWaitNoLongerThanSomebodyPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 3 * 750 * runtime.GOMAXPROCS(0)
		st := newStage(t, stageOptions{})
		d := last(st.comeBack(n, "/acme/lobby?since=1h"), n)
		if d < time.Second || d > time.Second+returnsIn(1) {
			t.Errorf("a second after the start nobody published, and the last waited %v", d)
		}
	})
}

// Who hangs up while it waits leaves its place to those behind it.
func TestAReturnThatHangsUpGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 50
		st := newStage(t, stageOptions{})
		began := time.Now()
		var gone []net.Conn
		for range n {
			gone = append(gone, st.request("GET", "/acme/lobby?since=1h", "Accept", "text/event-stream"))
		}
		synctest.Wait()
		let := st.comeBack(n, "/acme/lobby?since=1h")
		synctest.Wait()
		for _, c := range gone {
			c.Close()
		}
		if d, want := last(let, n), headStart+returnsIn(n-1); d != want {
			t.Errorf("the last was let in after %v, not %v", d, want)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

func TestADrainKeepsNoReturnWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		n := 750 * runtime.GOMAXPROCS(0)
		let := st.comeBack(n, "/acme/lobby?since=1h")
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		st.srv.Drain(context.Background())
		st.srv.Drain(context.Background())
		last(let, n)
		if d := time.Since(began); d != 0 {
			t.Errorf("the last was answered after %v", d)
		}
	})
}

// Whoever would have to wait too long is asked to come again.
func TestTooManyReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		n := int((15*time.Second-headStart)/returnsIn(1)) + atOnce + 1
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
		waiting[n-1].Close()
		synctest.Wait()
		again := st.comeBack(1, "/acme/lobby?since=1h")
		synctest.Wait()
		if len(again) > 0 {
			t.Error("a place that was given back was given to nobody")
		}
		isBusy(t, st.get("/acme/lobby?since=1h", "Accept", "text/event-stream"))
		for _, c := range waiting {
			c.Close()
		}
		last(again, 1)
	})
}
