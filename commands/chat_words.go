package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"parley/client"
)

// A word is what can be typed after a slash.
type word struct {
	name, args, help string
	run              func(ctx context.Context, args string) error
}

// words are listed in the order of /help. /quit is looked for where lines are read.
func (t *talk) words() []word {
	return []word{
		{"msg", "NAME TEXT", "say something to one person only", t.msg},
		{"who", "", "who is in this room", t.who},
		{"nick", "NAME", "call yourself something else", t.nick},
		{"rooms", "", "which rooms there are", t.listRooms},
		{"join", "ROOM", "hear another room too, and speak in it", t.join},
		{"leave", "[ROOM]", "hear a room no longer; this one without a name", t.leave},
		{"history", "[N]", "what was said in this room before", t.history},
		{"help", "", "these words", t.help},
		{"quit", "", "leave", nil},
	}
}

// take deals with a line that was typed. What goes wrong is told, and the chat
// goes on.
func (t *talk) take(ctx context.Context, line string) {
	line = strings.TrimRight(line, " \t\r")
	if line == "" {
		return
	}
	err := t.obey(ctx, line)
	if err == nil || ctx.Err() != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unsaid = true
	_ = t.note("%s", plain(err.Error()))
}

func (t *talk) obey(ctx context.Context, line string) error {
	command, slash := strings.CutPrefix(line, "/")
	if !slash || strings.HasPrefix(command, "/") {
		return t.speak(ctx, command) // of two slashes one is said
	}
	name, args, _ := strings.Cut(command, " ")
	for _, w := range t.words() {
		if w.name == name && w.run != nil {
			return w.run(ctx, strings.TrimSpace(args))
		}
	}
	return fmt.Errorf("there is no /%s: see /help, or begin with // to say it", name)
}

// speak says something in the current room. It may take as long as it takes for a
// server to come back, and nothing is held up by it but what is typed after.
func (t *talk) speak(ctx context.Context, text string) error {
	t.mu.Lock()
	room := t.current
	t.mu.Unlock()
	if room == "" {
		return errors.New("you are in no room: /join one")
	}
	receipt, err := t.client.Send(ctx, client.SendRequest{Namespace: t.ns, To: []string{room}, Data: text})
	if err != nil {
		return fmt.Errorf("not said: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if receipt.ID != "" {
		t.printed.add(receipt.ID) // should the past be told again
	}
	return t.own(client.Event{Room: room}, text)
}

// own shows a line of our own, once: where it was typed on a terminal it stands
// there already.
func (t *talk) own(e client.Event, text string) error {
	if t.screen.echoes() {
		return nil
	}
	who := card{t.there.me, t.name}.String()
	return t.say(mark(e, len(t.rooms) == 1 && e.Room == t.rooms[0]), who, "message", text)
}

func (t *talk) msg(ctx context.Context, args string) error {
	if args == "" {
		return errors.New("/msg NAME TEXT says something to one person")
	}
	to, text, err := t.addressee(ctx, args)
	if err != nil {
		return err
	}
	if text == "" {
		return fmt.Errorf("nothing to say to %s", to)
	}
	if _, err := t.client.Send(ctx, client.SendRequest{Namespace: t.ns, To: []string{"@" + to.id}, Data: text}); err != nil {
		return fmt.Errorf("not said: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.screen.echoes() {
		return t.note("said to %s alone", to) // which of those that begin so was meant
	}
	return t.say(private+"to ", to.String(), "message", text)
}

// addressee reads whom a line is for, by name or by the beginning of a member's
// ID, and what is left of the line. Those in our rooms count before those elsewhere.
// The server is asked, since presence comes late, and what is private must not go to
// another for that.
func (t *talk) addressee(ctx context.Context, line string) (to card, text string, err error) {
	if id, text, _ := strings.Cut(line, " "); len(id) == len("@")+memberID && id[0] == '@' {
		return card{id: id[1:]}, strings.TrimSpace(text), nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := t.client.Members(ctx, t.ns, nil, nil)
	if err != nil {
		return card{}, "", err
	}
	t.mu.Lock()
	var near, far []card
	for _, m := range all.List {
		switch {
		case m.ID == t.there.me:
		case slices.ContainsFunc(m.Rooms, func(r string) bool { return slices.Contains(t.rooms, r) }):
			near = append(near, cardOf(m.Person))
		default:
			far = append(far, cardOf(m.Person))
		}
	}
	t.mu.Unlock()
	found, text := called(line, near)
	if len(found) == 0 {
		found, text = called(line, far)
	}
	switch len(found) {
	case 0:
		name, _, _ := strings.Cut(line, " ")
		return card{}, "", fmt.Errorf("nobody else here is called %s: see /who", name)
	case 1:
		return found[0], text, nil
	}
	ids := make([]string, len(found))
	for i, c := range found {
		ids[i] = "@" + c.id
	}
	return card{}, "", fmt.Errorf("%d are called so: %s", len(found), strings.Join(ids, ", "))
}

// memberID is how long a member's ID is.
const memberID = 16

// called gives who is meant at the beginning of a line: of several names that it
// begins with the longest, since names have spaces.
func called(line string, known []card) (found []card, rest string) {
	best := 1
	for _, c := range known {
		n := max(begins(line, c.name), begins(line, "@"+c.name), begins(line, idAt(line, c.id)))
		if n < best || n == 0 {
			continue
		}
		if n > best {
			best, found, rest = n, nil, strings.TrimSpace(line[n:])
		}
		found = append(found, c)
	}
	return found, rest
}

// begins gives the length of a name if a line begins with it.
func begins(line, name string) int {
	n := len(name)
	if strings.Trim(name, "@") == "" || len(line) < n || !strings.EqualFold(line[:n], name) || len(line) > n && line[n] != ' ' {
		return 0
	}
	return n
}

// idAt gives the first word of a line where it is a member's ID, or so much of it
// as people are shown.
func idAt(line, id string) string {
	w, _, _ := strings.Cut(line, " ")
	if len(w) > shortID && strings.HasPrefix("@"+id, w) {
		return w
	}
	return ""
}

func (t *talk) who(ctx context.Context, _ string) error {
	t.mu.Lock()
	room := t.current
	t.mu.Unlock()
	if room == "" {
		return errors.New("you are in no room: /join one")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	there, err := t.client.Members(ctx, t.ns, []string{room}, nil)
	if err != nil {
		return err
	}
	cards := make([]card, len(there.List))
	for i, m := range there.List {
		cards[i] = cardOf(m.Person)
	}
	named := slices.Clone(cards)
	for i, c := range cards {
		if c.name != "" && slices.ContainsFunc(cards, func(o card) bool { return o.id != c.id && strings.EqualFold(o.name, c.name) }) {
			named[i].name += " (" + c.short() + ")"
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.note("%s: %d here: %s", plain(room), there.Count, t.there.list(named, mostWho))
}

// mostWho is how many /who names.
const mostWho = 100

func (t *talk) nick(ctx context.Context, name string) error {
	t.mu.Lock() // the presence that comes of it is told after, and is no news then
	defer t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	now, err := t.client.Describe(ctx, t.ns, client.Description{Name: &name})
	if err != nil {
		return err
	}
	t.there.rename(cardOf(now.Person), t.rooms)
	t.name = now.Name
	t.prompt()
	return t.note("you are %s now", card{now.ID, now.Name})
}

func (t *talk) listRooms(ctx context.Context, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const most = 50
	var rooms []string
	more := ""
	for r, err := range t.client.Rooms(ctx, t.ns, "") {
		if err != nil {
			return err
		}
		if len(rooms) == most {
			more = " and others"
			break
		}
		rooms = append(rooms, fmt.Sprintf("%s (%d)", plain(r.Room), r.Count))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(rooms) == 0 {
		return t.note("no rooms")
	}
	return t.note("rooms: %s%s", strings.Join(rooms, ", "), more)
}

func (t *talk) join(ctx context.Context, room string) error {
	if room == "" {
		return errors.New("/join ROOM")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.rooms, room) {
		t.settle(t.rooms, room)
		return t.note("you speak in %s now", plain(room))
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	moved, err := t.client.Join(asking, t.ns, room)
	if err != nil {
		return err
	}
	t.ours(moved.Rooms, room)
	if err := t.note("you are in %s too, and speak there now", plain(room)); err != nil {
		return err
	}
	return t.past(ctx, room, t.last)
}

func (t *talk) leave(ctx context.Context, room string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room == "" {
		room = t.current
	}
	if !slices.Contains(t.rooms, room) {
		return fmt.Errorf("you are not in %s", cmp.Or(room, "any room"))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	moved, err := t.client.Leave(ctx, t.ns, room)
	if err != nil {
		return err
	}
	t.ours(moved.Rooms, t.current)
	if t.current == "" {
		return t.note("you left %s, and are in no room now", plain(room))
	}
	return t.note("you left %s, and speak in %s now", plain(room), plain(t.current))
}

func (t *talk) history(ctx context.Context, args string) error {
	n := 20
	if args != "" {
		var err error
		if n, err = strconv.Atoi(args); err != nil || n < 1 {
			return errors.New("/history N is a number of events")
		}
	}
	t.mu.Lock()
	room := t.current
	t.mu.Unlock()
	if room == "" {
		return errors.New("you are in no room: /join one")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	events, err := newest(ctx, t.client, client.HistoryRequest{Namespace: t.ns, Room: room}, n)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.note("%s: the last %d", plain(room), len(events)); err != nil {
		return err
	}
	for _, e := range events {
		t.printed.add(e.ID)
		if err := t.show(e); err != nil {
			return err
		}
	}
	return nil
}

func (t *talk) help(context.Context, string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.words() {
		if err := t.note("%-18s %s", "/"+w.name+" "+w.args, w.help); err != nil {
			return err
		}
	}
	return nil
}

// complete completes a word after a slash and a name after /msg, when Tab is typed.
func (t *talk) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || pos != len(line) || !strings.HasPrefix(line, "/") {
		return "", 0, false
	}
	var choices []string
	if begun, named := strings.CutPrefix(line, "/msg "); named {
		t.mu.Lock()
		for _, c := range t.there.everybody() {
			if c.id != t.there.me && strings.HasPrefix(strings.ToLower(c.name), strings.ToLower(begun)) && plain(c.name) == c.name && c.name != "" {
				choices = append(choices, "/msg "+c.name+" ")
			}
		}
		t.mu.Unlock()
	} else {
		for _, w := range t.words() {
			if strings.HasPrefix("/"+w.name, line) {
				choices = append(choices, "/"+w.name+" ")
			}
		}
	}
	if len(choices) != 1 {
		return "", 0, false
	}
	return choices[0], len(choices[0]), true
}
