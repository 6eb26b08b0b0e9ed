package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A schedule deals out messages to writers.
type schedule struct {
	clock    clock
	began    int64
	messages int64         // 0 is without end
	length   time.Duration // 0 is without end
	rate     float64       // 0 is as fast as can be
	stop     <-chan struct{}

	dealt atomic.Int64
}

// take waits until the next message is due. From at its latency counts: from when
// it was due, if the writer was not free by then, and else from now, since how
// late a timer of ours wakes is not the server's doing.
func (p *schedule) take(ctx context.Context) (k, at int64, ok bool) {
	select {
	case <-p.stop:
		return 0, 0, false
	case <-ctx.Done():
		return 0, 0, false
	default:
	}
	k = p.dealt.Add(1) - 1
	if p.messages > 0 && k >= p.messages {
		return 0, 0, false
	}
	now := p.clock.now()
	due := now
	if p.rate > 0 {
		due = p.began + int64(float64(k)/p.rate*1e9)
	}
	if p.length > 0 && due >= p.began+int64(p.length) {
		return 0, 0, false
	}
	if due <= now {
		return k, due, true
	}
	timer := time.NewTimer(time.Duration(due - now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return k, p.clock.now(), true
	case <-p.stop:
	case <-ctx.Done():
	}
	return 0, 0, false
}

// A ledger is what has been posted, by all writers.
type ledger struct {
	accepted []atomic.Int64 // by room
	total    atomic.Int64

	mu       sync.Mutex
	refused  int
	doubtful map[posted]struct{} // may have been kept or not: the answer never came, or was that it cannot be known
	first    error               // the first that went wrong
}

type posted struct {
	room int
	hole
}

func (l *ledger) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
	if l.first == nil {
		l.first = err
	}
}

func (l *ledger) doubt(p posted, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubtful[p] = struct{}{}
	if l.first == nil {
		l.first = err
	}
}

// A writer posts one message after the other on a connection of its own.
type writer struct {
	number  uint16
	options *Options
	at      endpoint
	run     string
	runID   uint16
	clock   clock
	ledger  *ledger
	padding string
	next    []uint32 // by room

	conn   net.Conn
	answer *bufio.Reader
	buf    []byte
}

// write posts what the schedule deals out, until it gives no more or ctx ends.
// Ten failures in a row are the end too.
func (w *writer) write(ctx context.Context, p *schedule, latency *hdrhistogram.Histogram) {
	for failed := 0; failed < 10; {
		k, at, ok := p.take(ctx)
		if !ok {
			return
		}
		room := int(k % int64(len(w.next)))
		status, err := w.post(room, at)
		switch {
		case err == nil && status/100 == 2:
			w.next[room]++
			w.ledger.accepted[room].Add(1)
			w.ledger.total.Add(1)
			record(latency, w.clock.now()-at)
			failed = 0
			continue
		case err == nil && status/100 == 4: // not kept, so that the number is still free
			w.ledger.refuse(fmt.Errorf("a POST was answered %d %s", status, http.StatusText(status)))
		default:
			if err == nil {
				err = fmt.Errorf("a POST was answered %d %s", status, http.StatusText(status))
			}
			w.ledger.doubt(posted{room, hole{w.number, w.next[room]}}, err)
			w.next[room]++
		}
		failed++
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (w *writer) post(room int, at int64) (status int, err error) {
	if w.conn == nil {
		if w.conn, err = dial(w.at); err != nil {
			return 0, err
		}
		w.answer = bufio.NewReader(w.conn)
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	m := mark{run: w.runID, room: uint32(room), writer: w.number, number: w.next[room], at: at}
	f := filling{run: w.run, room: room, message: string(m.append(nil)) + w.padding}
	body := f.fill(w.options.Body)
	b := append(w.buf[:0], "POST "...)
	b = append(b, f.fill(w.at.target)...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, w.at.host...)
	b = append(b, "\r\nContent-Type: "...)
	b = append(b, w.options.ContentType...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	for _, h := range w.options.PubHeaders {
		b = append(append(b, "\r\n"...), f.fill(h)...)
	}
	b = append(append(b, "\r\n\r\n"...), body...)
	w.buf = b

	if err := w.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := w.conn.Write(b); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(w.answer, &http.Request{Method: http.MethodPost})
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errors.New("a POST had no answer")
		}
		return 0, err
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, err
	}
	if answer.Close {
		w.close()
	}
	return answer.StatusCode, nil
}

func (w *writer) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}
