package commands_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"parley/client"
)

// ask runs a command against the server and gives its exit code and what it
// printed.
func (r *running) ask(args ...string) (code int, stdout, stderr string) {
	r.t.Helper()
	return run(r.t, map[string]string{"PARLEY_SERVER": r.served}, "", args...)
}

func TestWhoAndRooms(t *testing.T) {
	r := serve(t, soon)
	r.say("", "acme/kept", "something")
	for _, empty := range [][]string{{"who", "nobody"}, {"rooms", "nobody"}, {"history", "acme/nobody"}} {
		if code, stdout, stderr := r.ask(empty...); code != 0 || stdout != "" || stderr != "" {
			t.Errorf("%v: exit %d, %q, %q", empty, code, stdout, stderr)
		}
	}
	r.hear("acme/lobby", "acme/dev", "--name", "Ann: a")
	r.hear("acme/lobby")

	code, stdout, stderr := r.ask("who", "acme/lobby")
	want := regexp.MustCompile(`^@[a-z2-7]{16}  Ann\\: a  dev, lobby  since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n@[a-z2-7]{16}  -        lobby       since [^\n]+\n$`)
	if code != 0 || !want.MatchString(stdout) {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	if _, stdout, _ := r.ask("who", "acme/dev"); strings.Count(stdout, "\n") != 1 {
		t.Errorf("in one room:\n%s", stdout)
	}
	if _, stdout, _ := r.ask("who", "acme"); strings.Count(stdout, "\n") != 2 {
		t.Errorf("in all:\n%s", stdout)
	}
	if _, stdout, _ := r.ask("who", "acme/lobby", "acme/dev", "--json"); strings.Count(stdout, "\n") != 2 {
		t.Errorf("in two rooms:\n%s", stdout)
	} else {
		var m client.Member
		first, _, _ := strings.Cut(stdout, "\n")
		if err := json.Unmarshal([]byte(first), &m); err != nil || m.Name != "Ann: a" || fmt.Sprint(m.Rooms) != "[dev lobby]" || time.Since(m.Since) > time.Minute || strings.Contains(first, "user") {
			t.Errorf("%s: %v", first, err)
		}
	}
	if _, stdout, _ := r.ask("rooms", "acme"); !regexp.MustCompile(`^dev    1 here  \nkept   0 here  [a-z0-9]+-1\nlobby  2 here  \n$`).MatchString(stdout) {
		t.Errorf("rooms:\n%s", stdout)
	}
	if _, stdout, _ := r.ask("rooms", "acme", "--json"); !strings.HasPrefix(stdout, `{"room":"dev","count":1,"users":1`) || strings.Count(stdout, "\n") != 3 {
		t.Errorf("rooms:\n%s", stdout)
	}
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a bad name":     {[]string{"who", "Acme"}, 1, "bad-name"},
		"two namespaces": {[]string{"who", "acme/a", "other/b"}, 2, "one namespace"},
		"no namespace":   {[]string{"who"}, 2, "namespace/room"},
		"no rooms":       {[]string{"rooms"}, 2, "namespace"},
		"bad rooms":      {[]string{"rooms", "A"}, 1, "bad-name"},
		"no room":        {[]string{"history", "acme"}, 2, "acme/lobby"},
		"nothing":        {[]string{"history", "acme/lobby", "--last", "0"}, 2, "--last"},
		"no ID":          {[]string{"history", "acme/lobby", "--before", "x"}, 1, "bad-parameter"},
	} {
		if code, _, stderr := r.ask(tt.args...); code != tt.code || !strings.Contains(stderr, tt.says) {
			t.Errorf("%s: exit %d, %q", name, code, stderr)
		}
	}
}

func TestHistoryCommand(t *testing.T) {
	r := serve(t)
	ids := strings.Fields(r.say(strings.Repeat("x\n", 1203)+"the last\n", "acme/lobby", "--lines", "--connection-id", ann))
	if _, stdout, _ := r.ask("history", "acme/lobby"); strings.Count(stdout, "\n") != 50 || !strings.HasSuffix(stdout, ": the last\n") {
		t.Errorf("without more it is\n%s", stdout)
	}
	_, stdout, _ := r.ask("history", "acme/lobby", "--last", "1100", "--json")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != 1100 || !strings.Contains(lines[0], `"id":"`+ids[104]+`"`) || !strings.Contains(lines[1099], `"data":"the last"`) {
		t.Errorf("%d lines, the first %s", len(lines), lines[0])
	}
	for i, l := range lines {
		if !strings.Contains(l, `"id":"`+ids[104+i]+`"`) {
			t.Fatalf("line %d is %s", i, l)
		}
	}
	if _, stdout, _ := r.ask("history", "acme/lobby", "--last", "5000", "--json", "--after", ids[9], "--before", ids[12]); strings.Count(stdout, "\n") != 2 {
		t.Errorf("between two:\n%s", stdout)
	}
}

func TestSendAsks(t *testing.T) {
	r := serve(t)
	c, err := client.New(r.served, client.Options{ConnectionID: bob})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	listening, answered := make(chan string), make(chan error, 1)
	go func() {
		for e, err := range c.Listen(t.Context(), client.ListenRequest{Namespace: "acme", Rooms: []string{"lobby"}}) {
			if h, ok := e.Hello(); ok {
				listening <- h.Member
			}
			if err == nil && e.Ack == nil {
				continue
			}
			if err == nil {
				err = c.Reply(t.Context(), e, "here\x1b")
			}
			if text, _ := e.Text(); err != nil || text == "end" {
				answered <- err
				return
			}
		}
	}()
	member := <-listening
	code, stdout, stderr := r.ask("send", "acme/lobby", "who is here?", "--ack", "20s")
	if code != 0 || !regexp.MustCompile(`^[a-z0-9]+-1\n@`+member+`: here\\u001b\n$`).MatchString(stdout) {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	// Somebody who is not there does not answer.
	code, stdout, stderr = r.ask("send", "acme", "--to", "lobby", "--to", "@aaaaaaaaaaaaaaaa", "who is here?", "--ack", "20s")
	if code != 1 || !strings.Contains(stdout, "@"+member+": here") || stderr != "parley send: no answer from @aaaaaaaaaaaaaaaa\n" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	if code, stdout, _ := r.ask("send", "acme/lobby", "end", "--ack", "20s", "--volatile"); code != 0 || stdout != "@"+member+": here\\u001b\n" {
		t.Errorf("volatile: exit %d, %q", code, stdout)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if code, _, stderr := r.ask("send", "acme/lobby", "x", "--ack", "1m"); code != 1 || !strings.Contains(stderr, "bad-parameter") {
		t.Errorf("too long: exit %d, %q", code, stderr)
	}
	if code, _, stderr := r.ask("send", "acme/lobby", "x", "--ack=-1s"); code != 2 || !strings.Contains(stderr, "--ack") {
		t.Errorf("not at all: exit %d, %q", code, stderr)
	}
}

func TestListenTellsWhoIsThere(t *testing.T) {
	r := serve(t, soon)
	words := r.hear("acme/lobby", "--presence", "--name", "Ann")
	lines := r.hear("acme/lobby", "--presence", "--json")
	words.await("who is there", holds("# lobby: 1 here: Ann\n"))
	b := r.hear("acme/lobby", "--name", "Bo", "--connection-id", bob)
	c, err := client.New(r.served, client.Options{ConnectionID: bob})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines.await("Bo", holds(`"event":"presence","room":"lobby"`, `"name":"Bo"}`))
	words.await("Bo", holds("Bo"))
	if _, err := c.Describe(t.Context(), "acme", client.Description{Name: new("Bob")}); err != nil {
		t.Fatal(err)
	}
	words.await("the new name", holds("Bo is now Bob\n"))
	if _, err := c.Join(t.Context(), "acme", "dev"); err != nil {
		t.Fatal(err)
	}
	b.await("its rooms", holds("# your rooms: lobby, dev\n"))
	b.stop()
	words.await("Bob's leaving", holds("# lobby: Bob left\n"))
	if code, _, stderr := r.ask("listen", "acme", "--all", "--presence"); code != 2 || !strings.Contains(stderr, "--presence") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if code, _, stderr := r.ask("listen", "acme/lobby", "--name", "a\tb"); code != 1 || !strings.Contains(stderr, "bad-name") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
