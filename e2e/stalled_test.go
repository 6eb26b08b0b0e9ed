package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestStalledReader has a hundred readers in a room, one of which takes nothing
// any more. The others hear everything; what the stalled one misses is kept in
// no memory of its own; and when it comes back it has missed nothing.
func TestStalledReader(t *testing.T) {
	const readers, warm, events, size = 99, 1000, 2000, 16 << 10
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	word := strings.Repeat("x", size)

	// speak says so many events and gives the number of the last.
	speak := func(n int) uint64 {
		var last string
		for range n {
			status, answer, err := post(ctx, s.URL+"/demo/lobby", "", "", word)
			if err != nil || status != http.StatusCreated {
				t.Fatalf("POST: %d %v %s", status, err, answer)
			}
			last = string(answer)
		}
		return seqIn(t, last)
	}

	var reading sync.WaitGroup
	crowd := make([]*counter, readers)
	for i := range crowd {
		c := newCounter()
		crowd[i] = c
		resp, err := open(ctx, s.URL+"/demo/lobby", "", "")
		if err != nil {
			t.Fatal(err)
		}
		reading.Go(func() {
			defer resp.Body.Close()
			c.read(resp.Body, math.MaxUint64)
		})
	}
	defer reading.Wait()
	defer cancel()

	// Much has been said before one stalls, so that what the server needs in any
	// case is there already when it is measured.
	last := speak(warm)
	for _, c := range crowd {
		c.wait(t, last)
	}
	before := resident(t, s.Pid())

	stalled := stall(t, s)
	last = speak(events)
	for _, c := range crowd {
		c.wait(t, last)
		if c.count != warm+events || c.wrong > 0 {
			t.Errorf("a reader heard %d of %d events, %d out of order", c.count, warm+events, c.wrong)
		}
	}
	grown := resident(t, s.Pid()) - before
	t.Logf("resident %d MiB, grown by %d KiB while a reader missed %d KiB", before>>20, grown>>10, events*size>>10)
	if grown > events*size/2 {
		t.Errorf("the server grew by %d bytes while one reader missed %d", grown, events*size)
	}

	// It reads again. If the server has closed it by now it comes back.
	late := newCounter()
	late.read(stalled, last)
	if late.last < last {
		back, err := open(ctx, s.URL+"/demo/lobby", "", late.id)
		if err != nil {
			t.Fatal(err)
		}
		reading.Go(func() {
			defer back.Body.Close()
			late.read(back.Body, last)
		})
		late.wait(t, last)
	}
	if late.count != events || late.wrong > 0 {
		t.Errorf("the stalled reader heard %d of %d events, %d out of order", late.count, events, late.wrong)
	}
}

// stall opens a stream, reads its hello, and then nothing. What the kernel keeps
// for its socket is little beside what it misses.
func stall(t *testing.T, s *server) io.Reader {
	t.Helper()
	conn, err := net.Dial("tcp", hostOf(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /demo/lobby HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", hostOf(s.URL))
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReaderSize(resp.Body, 16)
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "data: ") {
			break
		}
	}
	if _, err := body.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return body
}

// A counter reads a stream and counts its events, each number above the last.
type counter struct {
	mu    sync.Mutex
	cond  *sync.Cond
	count int
	wrong int
	last  uint64
	id    string
	over  bool
}

func newCounter() *counter {
	c := &counter{}
	c.cond = sync.NewCond(&c.mu)
	return c
}

// read reads until the stream ends or an event with number until has come. An
// event counts with the empty line that ends it.
func (c *counter) read(r io.Reader, until uint64) {
	in := bufio.NewReaderSize(r, 64<<10)
	var id string
	var message bool
	for {
		line, err := in.ReadSlice('\n')
		whole := err == nil
		for err == bufio.ErrBufferFull {
			_, err = in.ReadSlice('\n')
		}
		if err != nil {
			break
		}
		switch {
		case bytes.HasPrefix(line, []byte("id: ")):
			id = string(bytes.TrimSpace(line[4:]))
		case bytes.HasPrefix(line, []byte("event: ")):
			message = string(bytes.TrimSpace(line[7:])) == "message"
		case whole && len(line) == 1 && message:
			message = false
			if c.heard(id) >= until {
				return
			}
		}
	}
	c.mu.Lock()
	c.over = true
	c.cond.Broadcast()
	c.mu.Unlock()
}

func (c *counter) heard(id string) uint64 {
	_, n, _ := strings.Cut(id, "-")
	seq, _ := strconv.ParseUint(n, 10, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	if seq <= c.last {
		c.wrong++ // twice, or out of order
		return c.last
	}
	c.count++
	c.last, c.id = seq, id
	c.cond.Broadcast()
	return seq
}

func (c *counter) wait(t *testing.T, seq uint64) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.last < seq && !c.over {
		c.cond.Wait()
	}
	if c.last < seq {
		t.Fatalf("a stream ended at %d of %d", c.last, seq)
	}
}

func seqIn(t *testing.T, answer string) uint64 {
	t.Helper()
	_, rest, _ := strings.Cut(answer, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	_, n, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(n, 10, 64)
	if err != nil {
		t.Fatalf("no number in %s", answer)
	}
	return seq
}

// resident gives the bytes of a process that are in memory.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("this system has no /proc")
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
