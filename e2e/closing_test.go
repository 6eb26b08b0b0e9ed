package e2e_test

import (
	"bufio"
	"fmt"
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
// their clients close all of them at once, twice. The server notices within 2 s, and
// after the second time it has what it had after the first: goroutines,
// descriptors, and its heap within 5 %. The first time is for what a server that has
// seen a crowd keeps for good, such as the runtime's own.
func closeAtOnce(t *testing.T, streams int) {
	s := serve(t, "--log-level", "warn")
	crowd := func() {
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
	}
	crowd()
	routines, files, heap := s.metric(t, "go_goroutines"), s.metric(t, "process_open_fds"), s.heap(t)
	crowd()
	s.until(t, "go_goroutines", func(v float64) bool { return v <= routines })
	s.until(t, "process_open_fds", func(v float64) bool { return v <= files })
	if now := s.heap(t); now > heap*1.05 {
		t.Errorf("the heap went from %.0f to %.0f KiB", heap/1024, now/1024)
	} else {
		t.Logf("%.0f goroutines, %.0f descriptors, heap %.0f and then %.0f KiB", routines, files, heap/1024, now/1024)
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

// heap gives what the collector found in use: the goal that it set itself, which
// grows with that and, unlike the heap at a moment, not with what is garbage by now.
// Asking is what makes the garbage for it to run.
func (s *server) heap(t *testing.T) float64 {
	t.Helper()
	runs := s.metric(t, "go_gc_duration_seconds_count")
	s.until(t, "go_gc_duration_seconds_count", func(v float64) bool { return v >= runs+3 })
	return s.metric(t, "go_memstats_next_gc_bytes")
}
