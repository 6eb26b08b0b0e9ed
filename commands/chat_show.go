package commands

import (
	"cmp"
	"fmt"
	"strings"

	"parley/client"
)

// private stands before what only one hears. No nickname and no room can look so.
const private = "*private* "

// note tells something of our own.
func (t *talk) note(format string, args ...any) error {
	line := "# " + fmt.Sprintf(format, args...)
	if t.paint {
		line = dim + line + reset
	}
	return t.screen.print(line + "\n")
}

// in says which room something is about, where there are several.
func (t *talk) in(room string) string {
	if room == "" || len(t.rooms) == 1 && room == t.rooms[0] {
		return ""
	}
	return plain(room) + ": "
}

// show tells what somebody said.
func (t *talk) show(e client.Event) error {
	who := speaker(e)
	if e.From != "" {
		c := card{e.From, cmp.Or(e.Name, e.User)}
		if who = c.String(); c.name != "" && !t.there.unique(c) {
			who += " (" + c.short() + ")"
		}
	}
	return t.say(mark(e, len(t.rooms) == 1 && e.Room == t.rooms[0]), who, e.Event, said(e))
}

// mark says where something was said, unless it is clear.
func mark(e client.Event, clear bool) string {
	switch {
	case clear:
		return ""
	case e.Room == "" && onlyMembers(e.To):
		return private
	}
	return place(e)
}

func onlyMembers(to []string) bool {
	for _, target := range to {
		if !strings.HasPrefix(target, "@") {
			return false
		}
	}
	return true
}

// say tells a line of the conversation. Lines that somebody's words have are all
// but the first indented, so that none looks like another's.
func (t *talk) say(mark, who, event, what string) error {
	head := mark + who
	if event != "message" {
		head += " <" + plain(event) + ">"
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(what, "\r\n", "\n"), "\n"), "\n")
	for i, l := range lines {
		lines[i] = plain(l)
	}
	if t.paint {
		head = colour(who) + head + ":" + reset
	} else {
		head += ":"
	}
	return t.screen.print(head + " " + strings.Join(lines, "\n    ") + "\n")
}

// prompt says where what is typed goes, and as whom.
func (t *talk) prompt() {
	p := "> "
	if t.name != "" {
		p = nickname(t.name) + "> "
	}
	if len(t.rooms) != 1 {
		p = "[" + plain(t.current) + "] " + p
	}
	t.screen.prompt(p)
}
