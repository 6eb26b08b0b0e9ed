package commands

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	"parley/client"
)

// A printer shows events, each in one write.
type printer interface {
	print(client.Event) error
}

// lines are for people: who, and what. The server's own words start with "# ",
// and nobody else's do.
type lines struct {
	to    io.Writer
	paint bool
	rooms bool // say in which room it was said
	there rosters
}

const (
	dim   = "\x1b[2m"
	reset = "\x1b[0m"
)

func (l *lines) print(e client.Event) error {
	if p, ok := e.Presence(); ok {
		if what := l.there.take(p); what != "" {
			return l.write(dim, "# "+plain(p.Room)+": "+what, "")
		}
		return nil
	}
	if e.Own() {
		if e.Event == client.HelloEvent {
			l.there = rosters{} // all of it is told anew
		}
		return l.write(dim, own(e), "")
	}
	where := ""
	if l.rooms {
		where = place(e)
	}
	who := speaker(e)
	return l.write(colour(who), where+who+":", " "+plain(said(e)))
}

// speaker names who said something: the nickname, written so that it cannot pass
// for what the server says, else the member; "*" is a back end.
func speaker(e client.Event) string {
	switch {
	case e.Name != "":
		return nickname(e.Name)
	case e.From != "":
		return plain(e.From)
	}
	return "*"
}

func nickname(name string) string {
	name = strings.ReplaceAll(plain(name), ":", `\:`)
	if name[0] == '#' || name[0] == '*' || name[0] == '[' || name[0] == '@' {
		name = `\` + name
	}
	return name
}

// said gives a payload as people read it: text as it is, anything else as JSON.
func said(e client.Event) string {
	what := string(e.Data)
	if text := ""; strings.HasPrefix(what, `"`) && e.Decode(&text) == nil {
		return text
	}
	return what
}

// place says where an event was said.
func place(e client.Event) string {
	if e.Room == "" {
		return "[" + plain(strings.Join(e.To, ", ")) + "] "
	}
	return "[" + plain(e.Room) + "] "
}

// write puts a line out, its head in a colour.
func (l *lines) write(colour, head, rest string) error {
	if l.paint {
		head = colour + head + reset
	}
	_, err := io.WriteString(l.to, head+rest+"\n")
	return err
}

// colour gives each speaker the same one of six every time.
func colour(who string) string {
	h := fnv.New32a()
	_, _ = io.WriteString(h, who) // a hash never fails
	return fmt.Sprintf("\x1b[%dm", 31+h.Sum32()%6)
}

// own says a word of the server's in words.
func own(e client.Event) string {
	if h, ok := e.Hello(); ok {
		rooms := make([]string, len(h.Rooms))
		for i, r := range h.Rooms {
			rooms[i] = plain(r)
		}
		where := plain(h.Namespace)
		if len(rooms) > 0 {
			where += ": " + strings.Join(rooms, ", ")
		}
		return fmt.Sprintf("# %s (you are %s)", where, plain(h.Member))
	}
	if rooms, ok := e.Rooms(); ok {
		return "# your rooms: " + plain(strings.Join(rooms, ", "))
	}
	if x, ok := e.Erased(); ok {
		return "# " + plain(x.Room) + ": " + erased(x)
	}
	if g, ok := e.Gap(); ok {
		s := "# gap (" + plain(g.Reason) + "): events"
		if g.Room != "" {
			s += " in " + plain(g.Room)
		}
		if g.From != "" {
			s += " after " + plain(g.From)
		}
		return s + " up to " + plain(g.To) + " may be missing"
	}
	if b, ok := e.Bye(); ok {
		s := "# bye (" + plain(b.Reason) + ")"
		if b.Reconnect {
			s += ": coming back"
		}
		return s
	}
	return "# " + plain(e.Event) + " " + plain(string(e.Data))
}

func erased(x client.Erased) string {
	if len(x.IDs) > 0 {
		return plain(strings.Join(x.IDs, ", ")) + " erased"
	}
	return "everything up to " + plain(x.Upto) + " erased"
}

// plain writes what strangers wrote without what would end the line, move the
// cursor, or turn the text around: as the wire's text format does.
func plain(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20, c >= 0x7f && c <= 0x9f, c == 0x2028, c == 0x2029,
			c == 0x061c, c == 0x200e, c == 0x200f, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// ndjson writes what the wire's lines of JSON hold: "event" and "id" first, then
// the rest. Of the server's own words the members of their data stand beside.
type ndjson struct{ to io.Writer }

func (n ndjson) print(e client.Event) error {
	b := appendMember([]byte{'{'}, "event", e.Event)
	id := e.ID
	if id == "" && e.Event == client.HelloEvent {
		id = e.Position
	}
	if id != "" {
		b = appendMember(b, "id", id)
	}
	if e.Own() {
		if inner := strings.TrimSpace(string(e.Data[1:])); inner != "}" {
			b = append(b, ',')
			b = append(b, inner...)
		} else {
			b = append(b, '}')
		}
		return n.write(b)
	}
	if e.Room != "" {
		b = appendMember(b, "room", e.Room)
	} else {
		b = appendMember(b, "to", e.To)
	}
	for _, m := range [...]struct{ name, value string }{{"from", e.From}, {"user", e.User}, {"name", e.Name}} {
		if m.value != "" {
			b = appendMember(b, m.name, m.value)
		}
	}
	b = appendMember(b, "data", e.Data)
	if e.Encoding != "" {
		b = appendMember(appendMember(b, "encoding", e.Encoding), "type", e.Type)
	}
	b = appendMember(b, "time", e.Time.UTC().Format("2006-01-02T15:04:05.000Z"))
	return n.write(append(b, '}'))
}

func (n ndjson) write(b []byte) error {
	_, err := n.to.Write(append(b, '\n'))
	return err
}

// appendMember appends a member of an object. Data stays as it came: encoding it
// again would lose how its numbers are written.
func appendMember(b []byte, name string, v any) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, '"'), name...)
	b = append(b, '"', ':')
	if raw, ok := v.(json.RawMessage); ok {
		return append(b, raw...)
	}
	var s strings.Builder
	enc := json.NewEncoder(&s)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // strings and lists of strings can be encoded
	return append(b, strings.TrimRight(s.String(), "\n")...)
}
