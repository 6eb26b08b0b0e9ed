package handlers

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"parley/events"
)

// text writes for people at a terminal: who, and what. The server's own lines
// start with "# ", which no stranger's does; what nobody is named for starts
// with "*", which no member's ID or nickname does here.
type text struct{}

func (text) mediaType() string { return "text/plain; charset=utf-8" }

func (text) hello(dst []byte, h *events.Hello, _ time.Duration) []byte {
	dst = appendPlain(append(dst, "# "...), h.Namespace)
	for i, room := range h.Rooms {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		dst = appendPlain(append(dst, sep...), room)
	}
	dst = append(append(dst, " (you are "...), h.Member...)
	return append(dst, ")\n"...)
}

func (text) event(dst []byte, epoch string, e *events.Event) []byte {
	return append(dst, e.Form(formText, func(e *events.Event) []byte {
		b := make([]byte, 0, 64+len(e.Data))
		if e.Event == events.ErasedEvent {
			b = appendPlain(append(b, "# erased "...), string(e.Data))
			return append(b, '\n')
		}
		b = append(appendSpeaker(b, e), ": "...)
		b = append(appendPlain(b, shown(e.Data)), '\n')
		if e.AckBy.IsZero() {
			return b
		}
		// A line of the server's own: what stood behind the words could be theirs.
		b = append(append(b, "# asks for an answer to "...), ackID(epoch, e)...)
		return append(appendBareTime(append(b, " by "...), e.AckBy), '\n')
	})...)
}

func (text) rooms(dst []byte, rooms []string) []byte {
	dst = append(dst, "# rooms:"...)
	for i, room := range rooms {
		sep := ", "
		if i == 0 {
			sep = " "
		}
		dst = appendPlain(append(dst, sep...), room)
	}
	if len(rooms) == 0 {
		dst = append(dst, " none"...)
	}
	return append(dst, '\n')
}

func (text) presence(dst []byte, p *events.Presence) []byte {
	return append(dst, p.Form(formText, appendNews)...)
}

// appendNews tells who is there in one line, or who came, went and is called
// otherwise in a line each.
func appendNews(p *events.Presence) []byte {
	var b []byte
	for _, who := range p.Joined {
		b = appendPlain(append(appendWho(append(b, "# "...), who), " joined "...), p.Room)
		b = append(b, '\n')
	}
	for _, id := range p.Left {
		b = appendPlain(append(append(append(b, "# "...), id...), " left "...), p.Room)
		b = append(b, '\n')
	}
	for _, who := range p.Changed {
		b = append(append(append(b, "# "...), who.ID...), " is now "...)
		if who.Name == "" {
			b = append(b, "without a name"...)
		}
		b = append(appendPlain(b, who.Name), '\n')
	}
	if len(b) > 0 {
		return b
	}
	b = strconv.AppendInt(append(b, "# "...), int64(p.Count), 10)
	b = appendPlain(append(b, " in "...), p.Room)
	for i, who := range p.Members {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		b = appendWho(append(b, sep...), who)
	}
	return append(b, '\n')
}

// appendWho appends a member's nickname with its ID, without which nobody would
// know who left. A nickname is escaped so that the ID behind it is the first.
func appendWho(dst []byte, p events.Person) []byte {
	if p.Name == "" {
		return append(dst, p.ID...)
	}
	dst = appendPlain(dst, strings.NewReplacer(`\`, `\\`, "(", `\(`).Replace(p.Name))
	return append(append(append(dst, " ("...), p.ID...), ')')
}

func (text) gap(dst []byte, g *events.Gap) []byte {
	dst = append(append(dst, "# gap ("...), g.Reason...)
	dst = append(dst, "): events"...)
	if g.Room != "" {
		dst = appendPlain(append(dst, " in "...), g.Room)
	}
	if g.From != "" {
		dst = appendPlain(append(dst, " after "...), g.From)
	}
	dst = appendBare(append(dst, " up to "...), g.To)
	return append(dst, " may be missing\n"...)
}

func (text) bye(dst []byte, _ events.ID, b *events.Bye) []byte {
	dst = append(append(dst, "# bye ("...), b.Reason...)
	if b.Reconnect {
		return append(dst, "): come back\n"...)
	}
	return append(dst, ")\n"...)
}

func (text) heartbeat(dst []byte, _ events.ID) []byte { return append(dst, '\n') }

// appendSpeaker appends the nickname of who said it, else the member, else "*".
// A nickname is escaped so that it is neither the server nor nobody, and has an
// end.
func appendSpeaker(dst []byte, e *events.Event) []byte {
	switch {
	case e.Name != "":
		if e.Name[0] == '#' || e.Name[0] == '*' {
			dst = append(dst, '\\')
		}
		return appendPlain(dst, strings.ReplaceAll(e.Name, ":", `\:`))
	case e.From != "":
		return append(dst, e.From...)
	}
	return append(dst, '*')
}

// shown gives the characters of a payload that is a string, and the JSON of any
// other.
func shown(data []byte) string {
	if data[0] == '"' {
		var s string
		if json.Unmarshal(data, &s) == nil {
			return s
		}
	}
	return string(data)
}

// appendPlain appends what strangers wrote without what would end the line,
// move the cursor, or turn the text around.
func appendPlain(dst []byte, s string) []byte {
	for _, c := range s {
		switch {
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case unsafeInText(c):
			dst = append(dst, '\\', 'u', hex(c>>12), hex(c>>8), hex(c>>4), hex(c))
		default:
			dst = append(dst, string(c)...)
		}
	}
	return dst
}

// unsafeInText reports controls (C0, DEL, C1), the separators of lines and
// paragraphs, and the characters that change the direction of writing. All of
// them have four hexadecimal digits.
func unsafeInText(c rune) bool {
	switch {
	case c < 0x20, c >= 0x7f && c <= 0x9f:
		return true
	case c == 0x2028, c == 0x2029:
		return true
	case c == 0x061c, c == 0x200e, c == 0x200f, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
		return true
	}
	return false
}
