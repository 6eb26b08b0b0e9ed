package commands_test

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"parley/commands"
)

// On a terminal what others say goes above the line that is being typed, which
// stays as it is.
func TestAChatOnATerminal(t *testing.T) {
	r := serve(t, soon)
	person, program := openTerminal(t, 60)
	seen := &running{t: t, ended: make(chan struct{}), more: make(chan struct{})}
	go func() {
		defer close(seen.ended)
		_, _ = io.Copy(seen, person)
	}()
	types := func(text string) {
		if _, err := io.WriteString(person, text); err != nil {
			t.Error(err)
		}
	}
	a := begin(t, commands.Env{
		Args: []string{"chat", "--server", r.served, "acme/lobby", "--name", "Ann"}, Stdin: program, Stdout: program,
		LookupEnv: lookup(map[string]string{"NO_COLOR": "1"}),
	})
	looks := func(what string, lines ...string) {
		t.Helper()
		want := strings.Join(lines, "\n")
		seen.await(what, func(text string) bool { return screenOf(text, 60) == want })
	}
	seen.await("the room", holds("# 1 here: Ann (you)"))
	types("half a lin")
	b := r.chat("acme/lobby", "--name", "Bo")
	looks("Bo coming", "# 1 here: Ann (you)", "# Bo joined", "Ann> half a lin")
	b.types("hi", "evil \x1b[2J\x1b]0;title\x07 \u202e")
	looks("what Bo says", "# 1 here: Ann (you)", "# Bo joined", "Bo: hi", `Bo: evil \u001b[2J\u001b]0;title\u0007 \u202e`, "Ann> half a lin")
	types("e\r")
	b.await("the line", holds("\nAnn: half a line\n"))

	// One's own line stands where it was typed, and nowhere else.
	before := []string{
		"# 1 here: Ann (you)", "# Bo joined", "Bo: hi", `Bo: evil \u001b[2J\u001b]0;title\u0007 \u202e`, "Ann> half a line",
	}
	looks("one's own line", append(before, "Ann>")...)
	types("/msg B\t")
	looks("the name completed", append(before, "Ann> /msg Bo")...)
	types("psst\r")
	b.await("a private word", holds("*private* Ann: psst\n"))
	before = append(before, "Ann> /msg Bo psst", "# said to Bo alone")
	looks("whom it went to", append(before, "Ann>")...)
	types("/ni\tAnna\r")
	before = append(before, "Ann> /nick Anna", "# you are Anna now")
	looks("the new name", append(before, "Anna>")...)

	b.await("the new name", holds("# Ann is now Anna\n"))

	// A line longer than the terminal is wide.
	long := strings.Repeat("long ", 15)
	types(long)
	b.types("meanwhile")
	before = append(before, "Bo: meanwhile")
	looks("the long line under it", append(before, "Anna> "+long[:54], strings.TrimRight(long[54:], " "))...)
	types("\r/quit\r")
	<-a.ended
	if a.code != 0 {
		t.Errorf("exit %d: %s", a.code, a.text())
	}
	b.await("Anna's leaving", holds("# Anna left\n"))
	b.once("Anna: " + strings.TrimRight(long, " ") + "\n")
	program.Close()
	person.Close()
	<-seen.ended
}

// Ctrl-C leaves, also when no server is there to be left.
func TestLeavingATerminal(t *testing.T) {
	person, program := openTerminal(t, 80)
	seen := &running{t: t, ended: make(chan struct{}), more: make(chan struct{})}
	go func() {
		defer close(seen.ended)
		_, _ = io.Copy(seen, person)
	}()
	a := begin(t, commands.Env{
		Args: []string{"chat", "--server", "http://127.0.0.1:1", "acme/lobby"}, Stdin: program, Stdout: program,
	})
	seen.await("the reason", holds("# no connection to http://127.0.0.1:1"))
	if _, err := io.WriteString(person, "half\x03"); err != nil {
		t.Fatal(err)
	}
	<-a.ended
	if a.code != 0 {
		t.Errorf("exit %d: %s", a.code, a.text())
	}
	program.Close()
	person.Close()
	<-seen.ended
}

// screenOf gives what a terminal shows that was written this: the moves that a line
// editor makes, and no others, which a stranger's words must not hold.
func screenOf(text string, columns int) string {
	rows, x, y := [][]rune{{}}, 0, 0
	for text != "" {
		rest, ok := strings.CutPrefix(text, "\x1b[")
		if !ok {
			c := []rune(text)[0]
			text = text[len(string(c)):]
			switch c {
			case '\r':
				x = 0
			case '\n':
				y++
			default:
				if x == columns {
					x, y = 0, y+1
				}
				for len(rows) <= y {
					rows = append(rows, nil)
				}
				for len(rows[y]) <= x {
					rows[y] = append(rows[y], ' ')
				}
				rows[y][x] = c
				x++
			}
			continue
		}
		end := strings.IndexFunc(rest, func(c rune) bool { return c >= '@' })
		if end < 0 {
			break // half of it is still to come
		}
		n, err := strconv.Atoi(rest[:end])
		if err != nil {
			n = 1
		}
		switch rest[end] {
		case 'A':
			y -= n
		case 'B':
			y += n
		case 'C':
			x += n
		case 'D':
			x -= n
		case 'K':
			if y < len(rows) && x < len(rows[y]) {
				rows[y] = rows[y][:x]
			}
		default:
			return "the terminal was told " + rest[:end+1]
		}
		text = rest[end+1:]
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = strings.TrimRight(string(r), " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
