package handlers_test

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"testing"
)

// An sseParser reads an event stream as the WHATWG standard says, byte by byte:
// CR, LF and CRLF end lines, one byte order mark is dropped, an id with NUL is
// passed over, an unfinished block is nothing.
type sseParser struct {
	r       *bufio.Reader
	begun   bool
	afterCR bool
	lastID  string // what a browser would send as Last-Event-ID
	idBuf   string
}

// An sseEvent is what a page would be given.
type sseEvent struct{ id, name, data string }

// An sseBlock is what stood before an empty line.
type sseBlock struct {
	fields   [][2]string
	comments []string
	event    *sseEvent // nil where nothing is dispatched
}

func newSSEParser(r io.Reader) *sseParser { return &sseParser{r: bufio.NewReader(r)} }

func (p *sseParser) line() (string, error) {
	var b []byte
	for {
		c, err := p.r.ReadByte()
		if err != nil {
			return "", err
		}
		if c == '\n' && p.afterCR {
			p.afterCR = false
			continue
		}
		p.afterCR = c == '\r'
		if c == '\n' || c == '\r' {
			s := strings.ToValidUTF8(string(b), "\ufffd")
			if !p.begun {
				s = strings.TrimPrefix(s, "\ufeff")
			}
			p.begun = true
			return s, nil
		}
		b = append(b, c)
	}
}

// block reads up to the next empty line. At the end of the stream what came
// before it without one is dropped.
func (p *sseParser) block() (sseBlock, error) {
	var b sseBlock
	var data []string
	name := ""
	for {
		line, err := p.line()
		if err != nil {
			return sseBlock{}, err
		}
		if line == "" {
			p.lastID = p.idBuf
			if data != nil && !slices.Equal(data, []string{""}) {
				if name == "" {
					name = "message"
				}
				b.event = &sseEvent{p.lastID, name, strings.Join(data, "\n")}
			}
			return b, nil
		}
		field, value, _ := strings.Cut(line, ":")
		if field == "" {
			b.comments = append(b.comments, value)
			continue
		}
		value = strings.TrimPrefix(value, " ")
		b.fields = append(b.fields, [2]string{field, value})
		switch field {
		case "event":
			name = value
		case "data":
			data = append(data, value)
		case "id":
			if !strings.Contains(value, "\x00") {
				p.idBuf = value
			}
		}
	}
}

// all reads every event until the end of what there is.
func (p *sseParser) all() (out []sseEvent) {
	for {
		b, err := p.block()
		if err != nil {
			return out
		}
		if b.event != nil {
			out = append(out, *b.event)
		}
	}
}

func TestTheParserOfTheseTests(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		want []sseEvent
		last string
	}{
		"line ends":       {"data: a\rdata: b\r\ndata:c\n\r\ndata: d\r\r", []sseEvent{{"", "message", "a\nb\nc"}, {"", "message", "d"}}, ""},
		"byte order mark": {"\ufeffdata: a\n\n\ufeffdata: b\n\n", []sseEvent{{"", "message", "a"}}, ""},
		"comment":         {": nothing\n\ndata: a\n: in it\n\n", []sseEvent{{"", "message", "a"}}, ""},
		"id only":         {"id: 1\n\ndata: a\n\n", []sseEvent{{"1", "message", "a"}}, "1"},
		"id with NUL":     {"id: 1\n\nid: 2\x00\ndata: a\n\n", []sseEvent{{"1", "message", "a"}}, "1"},
		"unfinished":      {"id: 1\ndata: a\n\nid: 2\ndata: b\n", []sseEvent{{"1", "message", "a"}}, "1"},
		"no colon":        {"data\ndata\n\nevent: x\ndata:  y\n\n", []sseEvent{{"", "message", "\n"}, {"", "x", " y"}}, ""},
		"one space":       {"data:  a\n\n", []sseEvent{{"", "message", " a"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newSSEParser(strings.NewReader(tt.in))
			if got := p.all(); !slices.Equal(got, tt.want) || p.lastID != tt.last {
				t.Errorf("got %q, last %q", got, p.lastID)
			}
		})
	}
}
