package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A stream is one listener: how far its answer has been read, and what it has
// heard. It is guarded by its account's lock.
type stream struct {
	n, room int
	stalled bool
	account *account
	state   state
	let     bool   // in: this connection came to be open
	life    uint32 // grows with each connection

	head    []byte // the answer's head, as long as it has no end
	framing framing
	part    []byte // a line, as long as it has no end
	block   block
	last    string        // ID of the last whole event
	retry   time.Duration // what the server asks to be waited before a return; 0 if it did not ask

	next   []uint32          // by writer: the number that comes next
	holes  map[hole]struct{} // numbers that were passed over
	heard  int               // different messages
	target int               // of heard: from there on it has caught up; 0 if nobody waits for that
}

type state uint8

const (
	away state = iota
	opening
	open
)

// A block is the event under way.
type block struct {
	marks []mark
	id    []byte
	hasID bool
	bye   bool // its name, which comes before its data
	busy  bool // a bye of a server that cannot serve now
}

type hole struct {
	writer uint16
	number uint32
}

// What a stream may be wrong about before it is given up: a server that never
// ends a line, and one that loses nearly everything, would take all memory.
const (
	maxHead  = 64 << 10
	maxLine  = 8 << 20
	maxHoles = 1 << 20
)

// renew makes the stream ready for another connection.
func (s *stream) renew() {
	s.life++
	s.state, s.let = opening, false
	s.head, s.framing, s.part = nil, nil, nil
	s.block = block{marks: s.block.marks[:0], id: s.block.id[:0]}
	s.retry = 0
}

var (
	errEnded = errors.New("the server ended the stream")
	// A server of our protocol that is starting, draining or overloaded answers 200
	// all the same, and says it in the stream.
	errBusy = errors.New("the server is not ready: it said that it is busy, and to come back later")
)

// take reads what came. It keeps nothing of b. An answer to be written is given
// back. An error is the end of the stream; errEnded and errBusy are orderly ones.
func (s *stream) take(b []byte, now int64) (reply []byte, err error) {
	defer s.account.tell(now)
	if s.framing == nil {
		body, reply, err := s.takeHead(b)
		if err != nil || s.framing == nil {
			return nil, err
		}
		more, err := s.takeBody(body, now)
		return append(reply, more...), err
	}
	return s.takeBody(b, now)
}

// takeHead gives the beginning of the body once the head is complete, which sets
// the framing.
func (s *stream) takeHead(b []byte) (body, reply []byte, err error) {
	s.head = append(s.head, b...)
	end := bytes.Index(s.head, []byte("\r\n\r\n"))
	if end < 0 {
		if len(s.head) > maxHead {
			return nil, nil, errors.New("the head of the answer has no end")
		}
		return nil, nil, nil
	}
	body, head := s.head[end+4:], s.head[:end+4]
	s.head = nil
	answer, err := http.ReadResponse(s.account.reader(head), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("the answer is no HTTP: %w", err)
	}
	_ = answer.Body.Close()
	if s.account.protocol == SocketIO {
		if answer.StatusCode != http.StatusSwitchingProtocols {
			return nil, nil, fmt.Errorf("answered %s to a WebSocket", answer.Status)
		}
		s.framing = new(webSocket)
		return body, frame("40"), nil
	}
	kind := answer.Header.Get("Content-Type")
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		return nil, nil, fmt.Errorf("answered %s, %q to a stream: %.200s", answer.Status, kind, body)
	}
	s.framing = plain{}
	if len(answer.TransferEncoding) > 0 {
		s.framing = new(chunked)
	}
	s.account.opened(s)
	return body, nil, nil
}

func (s *stream) takeBody(b []byte, now int64) (reply []byte, err error) {
	for len(b) > 0 {
		data, rest, done, err := s.framing.next(b)
		if err != nil {
			return nil, err
		}
		if done {
			return nil, errEnded
		}
		b = rest
		if s.account.protocol == SocketIO {
			reply = append(reply, s.join(data)...)
			err = s.takeText(data, now)
		} else {
			err = s.takeLines(data, now)
		}
		if err != nil {
			return nil, err
		}
	}
	if w, ok := s.framing.(*webSocket); ok && w.pinged {
		w.pinged = false
		reply = append(reply, frame("3")...)
	}
	return reply, nil
}

// join gives what asks for the room, once the server has let the stream into its
// namespace: asked for any sooner, it closes the connection.
func (s *stream) join(b []byte) []byte {
	if s.let {
		return nil
	}
	if s.head = append(s.head, b...); !bytes.Contains(s.head, []byte("40{")) {
		return nil
	}
	s.head = nil
	s.account.opened(s)
	return frame(`42["join","room` + strconv.Itoa(s.room) + `"]`)
}

// takeLines reads Server-Sent Events.
func (s *stream) takeLines(b []byte, now int64) error {
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			if s.part = append(s.part, b...); len(s.part) > maxLine {
				return errors.New("a line has no end")
			}
			return nil
		}
		line := b[:end]
		b = b[end+1:]
		if len(s.part) > 0 {
			s.part = append(s.part, line...)
			line = s.part
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if err := s.takeLine(line, now); err != nil {
			return err
		}
		s.part = s.part[:0]
	}
}

func (s *stream) takeLine(line []byte, now int64) error {
	if len(line) == 0 {
		return s.dispatch(now)
	}
	switch line[0] {
	case 'd':
		if bytes.HasPrefix(line, []byte("data:")) {
			s.findMarks(line[len("data:"):])
			if s.block.bye {
				s.block.busy = saysBusy(line[len("data:"):])
			}
		}
	case 'e':
		if v, ok := bytes.CutPrefix(line, []byte("event:")); ok {
			s.block.bye = string(bytes.TrimPrefix(v, []byte(" "))) == "bye"
		}
	case 'i':
		if v, ok := bytes.CutPrefix(line, []byte("id:")); ok {
			s.block.id = append(s.block.id[:0], bytes.TrimPrefix(v, []byte(" "))...)
			s.block.hasID = true
		}
	case 'r':
		if v, ok := bytes.CutPrefix(line, []byte("retry:")); ok {
			if ms, err := strconv.Atoi(string(bytes.TrimSpace(v))); err == nil && ms >= 0 {
				s.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return nil
}

// saysBusy reads why a bye was said.
func saysBusy(bye []byte) bool {
	var b struct{ Reason string }
	return json.Unmarshal(bye, &b) == nil && b.Reason == "busy"
}

// findMarks reads the marks in b and gives what is left of it, in which another
// may have begun.
func (s *stream) findMarks(b []byte) (rest []byte) {
	for {
		i := bytes.IndexByte(b, markSign[0])
		if i < 0 {
			return nil
		}
		b = b[i:]
		if sign := min(len(b), len(markSign)); len(b) < markLen && string(b[:sign]) == markSign[:sign] {
			return b
		}
		m, ok := readMark(b)
		if !ok {
			b = b[1:]
			continue
		}
		s.block.marks = append(s.block.marks, m)
		b = b[markLen:]
	}
}

// takeText reads what has no lines.
func (s *stream) takeText(b []byte, now int64) error {
	if len(s.part) > 0 {
		s.part = append(s.part, b...)
		b = s.part
	}
	rest := s.findMarks(b)
	s.part = append(s.part[:0], rest...)
	return s.dispatch(now)
}

// dispatch is the end of an event: only now it counts.
func (s *stream) dispatch(now int64) error {
	if s.block.hasID && string(s.block.id) != s.last {
		s.account.sawID(s)
		if s.account.keepIDs {
			s.last = string(s.block.id)
		}
	}
	s.block.hasID = false
	for _, m := range s.block.marks {
		s.hear(m, now)
	}
	busy := s.block.busy
	s.block.marks, s.block.bye, s.block.busy = s.block.marks[:0], false, false
	if busy {
		return errBusy
	}
	if len(s.holes) > maxHoles {
		return errors.New("far too many messages are missing")
	}
	return nil
}

// hear enters a message into the stream's account.
func (s *stream) hear(m mark, now int64) {
	a := s.account
	if m.run != a.run || int(m.writer) >= len(s.next) {
		return
	}
	if int(m.room) != s.room {
		a.strayed++
		return
	}
	next := &s.next[m.writer]
	switch {
	case m.number == *next:
		*next++
	case m.number > *next:
		if s.holes == nil {
			s.holes = map[hole]struct{}{}
		}
		for n := *next; n < m.number && len(s.holes) <= maxHoles; n++ {
			s.holes[hole{m.writer, n}] = struct{}{}
		}
		*next = m.number + 1
	default:
		h := hole{m.writer, m.number}
		if _, missed := s.holes[h]; !missed {
			a.duplicated++
			return
		}
		delete(s.holes, h)
		a.reordered++
	}
	s.heard++
	a.hear(s, m, now)
}
