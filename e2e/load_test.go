package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An ear is one stream on a bare connection: thousands of them fit into this
// process, beside which a client's own buffers would count for more.
type ear struct {
	connection string
	member     string
	conn       net.Conn
	body       *bufio.Reader

	joins, leaves []uint64 // positions; read and written by whoever moves it

	mu    sync.Mutex
	heard []uint64 // guarded by mu; the numbers of what was said, as they came
	err   error    // guarded by mu
}

// dial opens a stream and returns when its hello was read.
func dial(host, path, connection string) (*ear, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	l := &ear{connection: connection, conn: conn}
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nConnection-ID: %s\r\n\r\n", path, host, connection); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 2<<10)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("a stream was answered %s", resp.Status)
	}
	l.body = bufio.NewReaderSize(resp.Body, 2<<10)
	for {
		line, err := l.body.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var hello struct{ Member string }
			if err := json.Unmarshal([]byte(data), &hello); err != nil {
				return nil, err
			}
			l.member = hello.Member
			conn.SetDeadline(time.Time{})
			return l, nil
		}
	}
}

// read hears until the connection ends. asked is called with what asks for an
// answer.
func (l *ear) read(asked func(id string)) {
	var id uint64
	message := false
	var ack string
	for {
		line, err := l.body.ReadSlice('\n')
		for err == bufio.ErrBufferFull { // a long list of names: nothing of it is wanted
			_, err = l.body.ReadSlice('\n')
			line = nil
		}
		if err != nil {
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
			return
		}
		switch {
		case bytes.HasPrefix(line, []byte("id: ")):
			_, n, _ := bytes.Cut(bytes.TrimSpace(line[4:]), []byte("-"))
			id, _ = strconv.ParseUint(string(n), 10, 64)
		case bytes.HasPrefix(line, []byte("event: ")):
			message = string(bytes.TrimSpace(line[7:])) == "message"
		case asked != nil && bytes.HasPrefix(line, []byte("data: ")):
			if _, rest, ok := bytes.Cut(line, []byte(`"ack":{"id":"`)); ok {
				one, _, _ := bytes.Cut(rest, []byte(`"`))
				ack = string(one)
			}
		case len(line) == 1 && message:
			l.mu.Lock()
			l.heard = append(l.heard, id)
			l.mu.Unlock()
			if ack != "" {
				asked(ack)
			}
			message, ack = false, ""
		}
	}
}

// last gives the number of the last that was heard.
func (l *ear) last() (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.heard) == 0 {
		return 0, l.err
	}
	return l.heard[len(l.heard)-1], l.err
}

// wrong compares what was heard of a room with what had to be: everything said
// after each joining; and, where it left, what was said before, up to where it
// had read when it left.
func (l *ear) wrong(said []uint64) string {
	heard := l.heard
	for i, joined := range l.joins {
		upto := uint64(1<<63 - 1)
		if i < len(l.leaves) {
			upto = l.leaves[i]
		}
		for _, n := range said {
			if n <= joined || n > upto {
				continue
			}
			if len(heard) > 0 && heard[0] == n {
				heard = heard[1:]
				continue
			}
			if i < len(l.leaves) {
				break // it had read so far
			}
			return fmt.Sprintf("%d is not heard after joining at %d", n, joined)
		}
	}
	if len(heard) > 0 {
		return fmt.Sprintf("%d is heard, joined at %d and left at %d", heard[0], l.joins, l.leaves)
	}
	return ""
}

// loader is a client that keeps as many connections as it has workers.
const workers = 32

func loader(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * workers, MaxConnsPerHost: 4 * workers}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 2 * patience}
}

// ask does one request and gives the body of its answer, which has this status.
func ask(client *http.Client, status int, method, url, connection, body string) ([]byte, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/plain")
	if connection != "" {
		req.Header.Set("Connection-ID", connection)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != status {
		err = fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer)
	}
	return answer, err
}

// each does something for every one of n, by several workers, and gives the first
// error.
func each(n int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	working.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// crowdOf opens n streams and reads them until the test is over.
func crowdOf(t *testing.T, s *server, path string, n int, asked func(l *ear, ack string)) []*ear {
	t.Helper()
	all := make([]*ear, n)
	var reading sync.WaitGroup
	t.Cleanup(func() {
		for _, l := range all {
			if l != nil {
				l.conn.Close()
			}
		}
		reading.Wait()
	})
	began := time.Now()
	err := each(n, func(i int) (err error) {
		all[i], err = dial(hostOf(s.URL), path, fmt.Sprintf("listener-%08d", i))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d streams open after %s; the server is %d MiB", n, time.Since(began).Round(time.Millisecond), resident(t, s.Pid())>>20)
	for _, l := range all {
		reading.Go(func() {
			var answer func(string)
			if asked != nil {
				answer = func(ack string) { asked(l, ack) }
			}
			l.read(answer)
		})
	}
	return all
}

// A watching stream counts what it is told of who is in a room.
type watching struct {
	mu    sync.Mutex
	count int         // guarded by mu; as it was told last
	at    []time.Time // guarded by mu; when it was told a change
}

func watch(t *testing.T, s *server, room string) *watching {
	t.Helper()
	w := &watching{}
	resp, err := open(t.Context(), s.URL+room+"?presence=1", "observer-0123456789", "")
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	t.Cleanup(func() {
		resp.Body.Close()
		reading.Wait()
	})
	reading.Go(func() {
		readFrames(resp.Body, func(f frame) bool {
			if f.event == "presence" {
				var p struct{ Count int }
				json.Unmarshal([]byte(f.data), &p)
				w.mu.Lock()
				w.count = p.Count
				w.at = append(w.at, time.Now())
				w.mu.Unlock()
			}
			return true
		})
	})
	return w
}

// becomes waits until the room is told to have so many.
func (w *watching) becomes(t *testing.T, want int) {
	t.Helper()
	if !eventually(func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.count == want
	}) {
		t.Fatalf("the room is told to have %d, not %d", w.count, want)
	}
}

// TestLoadJoins has 5,000 members with open streams join one room at once, half of
// them leave and come back, and a quarter leave for good, all while others
// speak there. Nothing is lost, and one who watches is told at most once a second.
func TestLoadJoins(t *testing.T) {
	long(t)
	const members = 5000
	s := serve(t, "--grace", "2s", "--log-level", "warn")
	client := loader(t)
	url := s.URL + "/load/hall"
	observer := watch(t, s, "/load/hall")
	all := crowdOf(t, s, "/load/elsewhere", members, nil)

	// One back end speaks until it is told to stop, a word after the other.
	var said []uint64
	var speaking sync.WaitGroup
	stop := make(chan struct{})
	speak := func() error {
		answer, err := ask(client, http.StatusCreated, "POST", url, "", "a word to everybody in the hall")
		if err != nil {
			return err
		}
		said = append(said, seqIn(t, string(answer)))
		return nil
	}
	speaking.Go(func() {
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for range 6000 {
			select {
			case <-stop:
				return
			case <-pace.C:
			}
			if err := speak(); err != nil {
				t.Error(err)
				return
			}
		}
	})

	move := func(name, method string, some []*ear) {
		t.Helper()
		began := time.Now()
		err := each(len(some), func(i int) error {
			l := some[i]
			answer, err := ask(client, http.StatusOK, method, url+"/members/me", l.connection, "")
			if err != nil {
				return err
			}
			var moved struct {
				Rooms    []string
				Position string
			}
			if err := json.Unmarshal(answer, &moved); err != nil {
				return err
			}
			_, n, _ := strings.Cut(moved.Position, "-")
			at, err := strconv.ParseUint(n, 10, 64)
			if err != nil {
				return fmt.Errorf("no position in %s", answer)
			}
			if in := slices.Contains(moved.Rooms, "hall"); in != (method == "PUT") {
				return fmt.Errorf("%s was answered %s", method, answer)
			}
			if method == "PUT" {
				l.joins = append(l.joins, at)
			} else {
				l.leaves = append(l.leaves, at)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d %s in %s", len(some), name, time.Since(began).Round(time.Millisecond))
	}
	move("joined", "PUT", all)
	observer.becomes(t, members+1)
	move("left", "DELETE", all[:members/2])
	observer.becomes(t, members/2+1)
	move("came back", "PUT", all[:members/2])
	move("left for good", "DELETE", all[members/4:members/2])
	observer.becomes(t, members*3/4+1)
	close(stop)
	speaking.Wait()
	if t.Failed() {
		return
	}
	if err := speak(); err != nil {
		t.Fatal(err)
	}
	last := said[len(said)-1]

	began := time.Now()
	for i, l := range all {
		if i >= members/4 && i < members/2 {
			continue
		}
		var n uint64
		var err error
		if !eventually(func() bool {
			n, err = l.last()
			return n >= last || err != nil
		}) || err != nil {
			t.Fatalf("stream %d heard up to %d of %d: %v", i, n, last, err)
		}
	}
	t.Logf("%d words heard by all, %s after the last", len(said), time.Since(began).Round(time.Millisecond))
	bad := 0
	for i, l := range all {
		l.mu.Lock()
		if wrong := l.wrong(said); wrong != "" {
			if bad++; bad <= 5 {
				t.Errorf("stream %d: %s", i, wrong)
			}
		}
		l.mu.Unlock()
	}
	if bad > 5 {
		t.Errorf("and %d more", bad-5)
	}

	observer.mu.Lock()
	defer observer.mu.Unlock()
	if len(observer.at) < 3 {
		t.Errorf("the observer was told %d times", len(observer.at))
	}
	// The first is the state at the opening.
	span := observer.at[len(observer.at)-1].Sub(observer.at[0])
	if most := int(span/time.Second) + 2; len(observer.at) > most {
		t.Errorf("the observer was told %d times in %s", len(observer.at), span)
	}
	t.Logf("the observer was told %d times in %s", len(observer.at), span.Round(time.Millisecond))
}

// TestLoadAcks asks 100 listeners 1,000 times for answers, several times at once.
// All of them answer, and every asking is told so.
func TestLoadAcks(t *testing.T) {
	long(t)
	const receivers, asks, senders = 100, 1000, 8
	s := serve(t, "--log-level", "warn")
	client := loader(t)
	// A receiver answers one after the other, as a page does.
	queues := map[*ear]chan string{}
	var mu sync.Mutex
	var answering sync.WaitGroup
	all := crowdOf(t, s, "/load/hall", receivers, func(l *ear, ack string) {
		mu.Lock()
		queue := queues[l]
		if queue == nil {
			queue = make(chan string, asks)
			queues[l] = queue
			answering.Go(func() {
				for ack := range queue {
					if _, err := ask(client, http.StatusNoContent, "POST", s.URL+"/load/-/acks/"+ack, l.connection, l.member); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		mu.Unlock()
		queue <- ack
	})
	members := make([]string, len(all))
	for i, l := range all {
		members[i] = l.member
	}
	slices.Sort(members)

	began := time.Now()
	var next atomic.Int64
	var asking sync.WaitGroup
	for range senders {
		asking.Go(func() {
			for next.Add(1) <= asks && !t.Failed() {
				answer, err := ask(client, http.StatusOK, "POST", s.URL+"/load/hall?ack=25s", "", "are you there?")
				if err != nil {
					t.Error(err)
					return
				}
				var a acked
				if err := json.Unmarshal(answer, &a); err != nil {
					t.Error(err)
					return
				}
				var who []string
				for _, ack := range a.Acks {
					who = append(who, ack.From)
					if string(ack.Data) != strconv.Quote(ack.From) {
						t.Errorf("%s answered %s", ack.From, ack.Data)
					}
				}
				slices.Sort(who)
				if !a.Complete || a.Expected != receivers || !slices.Equal(who, members) {
					t.Errorf("%d of %d answered, missing %q", len(a.Acks), a.Expected, a.Missing)
				}
			}
		})
	}
	asking.Wait()
	took := time.Since(began)
	for _, queue := range queues {
		close(queue)
	}
	answering.Wait()
	t.Logf("%d times %d answers in %s; the server is %d MiB", asks, receivers, took.Round(time.Millisecond), resident(t, s.Pid())>>20)
}
