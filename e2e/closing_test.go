package e2e_test

import (
	"bufio"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAThousandCloseAtOnce(t *testing.T) { closeAtOnce(t, 1000) }

func TestTenThousandCloseAtOnce(t *testing.T) {
	long(t)
	closeAtOnce(t, 10_000)
}

// closeAtOnce opens streams, each with a connection ID and three rooms, and has
// their clients close all of them at once. The server notices within 2 s, and once the
// grace of the members is over it has what it had before: goroutines, descriptors, and
// its heap within 5 %. The 500 that come and go first are for what a server makes for
// the first of all, and as many connections as are opened at once.
func closeAtOnce(t *testing.T, streams int) {
	s := serve(t, "--log-level", "warn", "--grace", "1s")
	crowd := func(streams int) {
		t.Helper()
		conns := s.crowd(t, streams)
		if n := s.metric(t, "parley_streams"); n != float64(streams) {
			t.Fatalf("%v streams are open, want %d", n, streams)
		}
		began := time.Now()
		for _, c := range conns {
			c.Close()
		}
		closed := time.Since(began)
		s.until(t, "parley_streams", func(v float64) bool { return v == 0 })
		noticed := time.Since(began)
		t.Logf("%d closed in %v, noticed within %v", streams, closed.Round(time.Millisecond), noticed.Round(time.Millisecond))
		if noticed > 2*time.Second {
			t.Errorf("noticed within %v", noticed)
		}
		s.until(t, "parley_members", func(v float64) bool { return v == 0 })
	}
	crowd(500)
	routines, files, heap := s.metric(t, "go_goroutines"), s.metric(t, "process_open_fds"), s.heap(t)
	crowd(streams)
	s.until(t, "go_goroutines", func(v float64) bool { return v <= routines })
	s.until(t, "process_open_fds", func(v float64) bool { return v <= files })
	// What is pooled, and stacks that have grown, go with some runs of the collector.
	now := s.heap(t)
	for deadline := time.Now().Add(patience); now > heap*1.05 && time.Now().Before(deadline); {
		now = s.heap(t)
	}
	t.Logf("%.0f goroutines, %.0f descriptors, heap %.0f and then %.0f KiB", routines, files, heap/1024, now/1024)
	if now > heap*1.05 {
		t.Error("the heap has grown by more than 5 %")
	}
}

// crowd opens so many streams and returns when each has heard its hello.
func (s *server) crowd(t *testing.T, streams int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, streams)
	t.Cleanup(func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	})
	next := make(chan int)
	var opening sync.WaitGroup
	for range 64 {
		opening.Go(func() {
			in := bufio.NewReader(nil)
			for i := range next {
				conn, err := net.Dial("tcp", hostOf(s.URL))
				if err != nil {
					t.Error(err)
					continue
				}
				conns[i] = conn
				conn.SetDeadline(time.Now().Add(patience))
				fmt.Fprintf(conn, "GET /demo?room=lobby&room=%d&room=%d-%d HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nConnection-ID: crowd-%012d\r\n\r\n",
					i%100, i%100, i, hostOf(s.URL), i)
				in.Reset(conn)
				for line := ""; !strings.HasPrefix(line, "event: hello"); {
					if line, err = in.ReadString('\n'); err != nil {
						t.Errorf("stream %d: %v", i, err)
						break
					}
				}
			}
		})
	}
	for i := range conns {
		next <- i
	}
	close(next)
	opening.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return conns
}

// until asks for a metric until it is as it should be.
func (s *server) until(t *testing.T, name string, ok func(float64) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		v := s.metric(t, name)
		if ok(v) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s stays at %v", name, v)
		}
	}
}

// heap gives the least of what the collector found in use in its next few runs: the
// goal that it set itself, which grows with that and, unlike the heap at a moment, not
// with what is garbage by now. Asking is what makes the garbage for it to run.
func (s *server) heap(t *testing.T) float64 {
	t.Helper()
	least := math.Inf(1)
	for range 4 {
		runs := s.metric(t, "go_gc_duration_seconds_count")
		s.until(t, "go_gc_duration_seconds_count", func(v float64) bool { return v > runs })
		least = min(least, s.metric(t, "go_memstats_next_gc_bytes"))
	}
	return least
}
