package commands_test

import (
	"encoding/json"
	"strings"
	"testing"
)

const (
	ann = "ann-0123456789abcdef"
	bob = "bob-0123456789abcdef"
)

// hear starts listen and waits until it stands.
func (r *running) hear(args ...string) *running {
	r.t.Helper()
	l := start(r.t, nil, append([]string{"listen", "--server", r.served}, args...)...)
	l.await("hello", func(text string) bool {
		return strings.Contains(text, "(you are ") || strings.Contains(text, `"event":"hello"`)
	})
	return l
}

// say runs send and gives what it printed.
func (r *running) say(stdin string, args ...string) string {
	r.t.Helper()
	code, stdout, stderr := run(r.t, map[string]string{"PARLEY_SERVER": r.served}, stdin, append([]string{"send"}, args...)...)
	if code != 0 {
		r.t.Fatalf("send %v: exit %d, %s", args, code, stderr)
	}
	return strings.TrimSpace(stdout)
}

func holds(words ...string) func(string) bool {
	return func(text string) bool {
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	}
}

func TestTwoPeopleTalk(t *testing.T) {
	r := serve(t)
	a := r.hear("acme/lobby", "--connection-id", ann)
	b := r.hear("acme/lobby", "--connection-id", bob)
	r.say("", "acme/lobby", "hello", "from", "ann", "--connection-id", ann)
	r.say("", "acme/lobby", "hello from bob", "--connection-id", bob)
	r.say("", "acme/lobby", "bye", "--connection-id", bob)
	a.await("bob's words", holds(": hello from bob\n", ": bye\n"))
	b.await("ann's words", holds(": hello from ann\n"))
	if strings.Contains(a.text(), "from ann") || strings.Contains(b.text(), "from bob") {
		t.Errorf("somebody hears its own words:\n%s\n%s", a.text(), b.text())
	}
	if code := a.stop(); code != 0 {
		t.Errorf("listen ended with %d", code)
	}
}

func TestWhatSendSends(t *testing.T) {
	r := serve(t)
	l := r.hear("acme/lobby", "--json")
	first := r.say("", "acme/lobby", "one")
	r.say("two\nlines\n", "acme/lobby", "-")
	ids := r.say("three\r\nfour\n\nfive", "acme/lobby", "--lines")
	r.say("", "acme/lobby", "--json", `{"n":1.0}`, "--event", "typing", "--ttl", "1h")
	r.say("x\xff", "acme/lobby", "-")
	r.say("", "acme", "--to", "lobby", "--to", "a,b", "all", "--echo", "--connection-id", bob)
	if id := r.say("", "acme/lobby", "now", "--volatile"); id != "" {
		t.Errorf("a volatile event got number %s", id)
	}
	r.say("", "acme/lobby", "end")
	l.await("the end", holds(`"data":"end"`))
	if len(strings.Fields(ids)) != 4 {
		t.Errorf("the lines became %q", ids)
	}
	var got []map[string]any
	for text := range strings.Lines(l.text()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got = append(got, m)
	}
	if got[0]["event"] != "hello" || got[1]["id"] != first || got[1]["data"] != "one" {
		t.Errorf("begins with %v and %v", got[0], got[1])
	}
	for _, want := range []string{
		`"data":"two\nlines\n"`, `"data":"three"`, `"data":"four"`, `"data":""`, `"data":"five"`,
		`"event":"typing"`, `"data":{"n":1.0}`, `"encoding":"base64"`, `"to":["lobby","a,b"]`, `"data":"now"`,
	} {
		if !strings.Contains(l.text(), want) {
			t.Errorf("%s was not heard:\n%s", want, l.text())
		}
	}
}

func TestWhatListenPrints(t *testing.T) {
	r := serve(t)
	r.say("", "acme/lobby", "before")
	r.say("", "acme/dev", "elsewhere")
	evil := "a\x1b[31m\nb\r\x07\u202e# not the server\u2028"
	r.say(evil, "acme/lobby", "-")
	l := r.hear("acme/lobby", "acme/dev", "--last", "3")
	l.await("three events", holds(`[lobby] *: before`, `[dev] *: elsewhere`, `[lobby] *: a\u001b[31m\nb\r\u0007\u202e# not the server\u2028`))
	if strings.ContainsAny(l.text(), "\x1b\r\x07\u202e\u2028") {
		t.Errorf("a stranger's control characters came through: %q", l.text())
	}
	if !strings.HasPrefix(l.text(), "# acme: lobby, dev (you are ") {
		t.Errorf("begins with %q", l.text())
	}
	all := r.hear("acme", "--all", "--since", "all")
	all.await("everything", holds("[lobby] *: before", "[dev] *: elsewhere"))
}

func TestListenGoesOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	args := []string{"serve", "--ops-listen", "none", "--data", dir, "--listen"}
	first := start(t, nil, append(args, "127.0.0.1:0")...)
	first.logged("ready")
	address, _ := first.logged("listening")["address"].(string)
	first.served = "http://" + address + "/"
	l := first.hear("acme/lobby")
	first.say("", "acme/lobby", "one")
	l.await("one", holds(": one\n"))
	if code := first.stop(); code != 0 {
		t.Fatalf("exit %d", code)
	}
	l.await("the notice", holds("(drain): coming back", "trying again in"))

	second := start(t, nil, append(args, address)...)
	second.logged("ready")
	second.served = first.served
	second.say("", "acme/lobby", "two")
	l.await("two", holds(": two\n"))
	if strings.Count(l.text(), ": one\n") != 1 || strings.Contains(l.text(), "gap") {
		t.Errorf("heard %s", l.text())
	}
	if code := l.stop(); code != 0 {
		t.Errorf("listen ended with %d", code)
	}
}

func TestExitCodes(t *testing.T) {
	r := serve(t)
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a bad name":            {[]string{"send", "Acme/lobby", "x"}, 1, "bad-name"},
		"a bad room":            {[]string{"listen", "acme/-x"}, 1, "bad-name"},
		"a forged event":        {[]string{"send", "acme/lobby", "x", "--event", "hello"}, 1, "bad-event"},
		"a short connection ID": {[]string{"send", "acme/lobby", "x", "--connection-id", "short"}, 1, "bad-id"},
		"a bad position":        {[]string{"listen", "acme/lobby", "--since", "yesterday"}, 1, "bad-parameter"},
		"no room":               {[]string{"listen"}, 2, "namespace/room"},
		"no target":             {[]string{"send", "acme", "x"}, 2, "--to"},
		"no words":              {[]string{"send", "acme/lobby"}, 2, "say something"},
		"words and lines":       {[]string{"send", "acme/lobby", "x", "--lines"}, 2, "--lines"},
		"no JSON":               {[]string{"send", "acme/lobby", "{", "--json"}, 2, "--json"},
		"two namespaces":        {[]string{"listen", "acme/lobby", "other/lobby"}, 2, "one namespace"},
		"all and a room":        {[]string{"listen", "acme/lobby", "--all"}, 2, "--all"},
		"last and since":        {[]string{"listen", "acme/lobby", "--last", "1", "--since", "1h"}, 2, "--since"},
		"a server that is none": {[]string{"listen", "acme/lobby", "--server", "localhost"}, 2, "--server"},
		"an unknown command":    {[]string{"lisen", "acme/lobby"}, 2, "lisen"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, map[string]string{"PARLEY_SERVER": r.served}, "", tt.args...)
			if code != tt.code || !strings.Contains(stderr, tt.says) || stdout != "" {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
		})
	}
	if code, _, stderr := run(t, map[string]string{"PARLEY_SERVER": r.served}, strings.Repeat("x", 65<<10), "send", "acme/lobby", "-"); code != 1 || !strings.Contains(stderr, "65536") {
		t.Errorf("too long: exit %d, %s", code, stderr)
	}
}
