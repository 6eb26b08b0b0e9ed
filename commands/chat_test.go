package commands_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parley/client"
	"parley/commands"
)

// A chatter is a chat whose standard input the test holds.
type chatter struct {
	*running
	in io.WriteCloser
}

// chat starts a chat in pipes and waits until it stands.
func (r *running) chat(args ...string) *chatter {
	r.t.Helper()
	in, typed := io.Pipe()
	c := &chatter{begin(r.t, commands.Env{
		Args: append([]string{"chat", "--server", r.served}, args...), Stdin: in,
	}), typed}
	r.t.Cleanup(func() { typed.Close() })
	c.await("who is here", holds(" here: "))
	return c
}

// types types lines.
func (c *chatter) types(lines ...string) {
	for _, l := range lines {
		if _, err := io.WriteString(c.in, l+"\n"); err != nil {
			c.t.Error(err)
		}
	}
}

// leaves ends what is typed and gives the exit code.
func (c *chatter) leaves() int {
	c.in.Close()
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		c.t.Fatalf("it does not end:\n%s", c.text())
	}
	return c.code
}

// begin starts a command; what it prints is the running's text.
func begin(t *testing.T, env commands.Env) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, cancel: cancel, ended: make(chan struct{}), more: make(chan struct{})}
	if env.Stdout == nil {
		env.Stdout = r
	}
	env.Stderr = r
	go func() {
		defer close(r.ended)
		r.code = commands.Main(ctx, env)
	}()
	t.Cleanup(func() { r.stop() })
	return r
}

// once fails unless each text is there exactly once.
func (r *running) once(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		if n := strings.Count(r.text(), text); n != 1 {
			r.t.Errorf("%q is there %d times:\n%s", text, n, r.text())
		}
	}
}

// soon is a grace that is over soon, also the first after the start of a server,
// in which nobody is announced.
const soon = "--grace=300ms"

func TestTwoPeopleChat(t *testing.T) {
	r := serve(t, soon)
	a := r.chat("acme/lobby", "--name", "Ann")
	b := r.chat("acme/lobby", "--name", "Bo")
	a.await("Bo", holds("# Bo joined\n"))
	a.types("hello")
	b.await("hello", holds("\nAnn: hello\n"))
	b.types("hi Ann", "two words: here", "//who", "")
	a.await("what Bo said", holds("\nBo: hi Ann\n", "\nBo: two words: here\n", "\nBo: /who\n"))
	b.await("what it said itself", holds("\nBo: /who\n"))
	a.types("bye")
	b.await("bye", holds("\nAnn: bye\n"))
	if code := b.leaves(); code != 0 {
		t.Errorf("exit %d", code)
	}
	a.await("Bo's leaving", holds("# Bo left\n"))
	a.once("Ann: hello\n", "Bo: hi Ann\n", "# Bo joined\n", "# Bo left\n")
	b.once("Ann: hello\n", "Bo: hi Ann\n", "# 2 here: Ann and Bo (you)\n")
	if code := a.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestPrivateWords(t *testing.T) {
	r := serve(t, soon)
	a := r.chat("acme/lobby", "--name", "Ann")
	b := r.chat("acme/lobby", "--name", "Ann Lee")
	c := r.chat("acme/lobby", "--name", "Cy")
	d := r.chat("acme/dev", "--name", "Di")
	f := r.chat("acme/dev", "--name", "Ann Lee")
	e := r.chat("acme/lobby", "--name", "Cy")
	a.types("/msg ann lee to you alone", "/msg Di to another room", "/msg Cy which one", "/msg Nobody x", "/msg", "/msg Di", "end")
	b.await("a private word", holds("*private* Ann: to you alone\n"))
	d.await("one in another room", holds("*private* Ann: to another room\n"))
	c.await("the end", holds("Ann: end\n"))
	if strings.Contains(f.text(), "alone") { // who is in one's own room counts first
		t.Errorf("another of that name heard it:\n%s", f.text())
	}
	if strings.Contains(c.text(), "alone") || strings.Contains(e.text(), "which one") || strings.Contains(c.text(), "which one") {
		t.Errorf("what was private was heard:\n%s", c.text())
	}
	a.once("*private* to Ann Lee: to you alone\n", "*private* to Di: to another room\n",
		"# 2 are called so: @", "# nobody else here is called Nobody", "# /msg NAME TEXT", "# nothing to say to Di")

	// Where two have one name the member's ID says which, also its beginning.
	a.types("/who")
	a.await("who is here", holds("# lobby: 4 here: Ann (you), Ann Lee, Cy (@"))
	_, list, _ := strings.Cut(a.text(), "# lobby: 4 here: ")
	_, id, _ := strings.Cut(list, "Cy (")
	id, _, _ = strings.Cut(id, ")")
	a.types("/msg "+id+" you", "end 2")
	c.await("the second end", holds("Ann: end 2\n"))
	e.await("the second end", holds("Ann: end 2\n"))
	if n := strings.Count(c.text()+e.text(), "*private* Ann: you\n"); n != 1 {
		t.Errorf("%d heard it:\n%s\n%s", n, c.text(), e.text())
	}
	a.await("both to be announced", func(text string) bool {
		n := 0
		for l := range strings.Lines(text) {
			if strings.HasSuffix(l, " joined\n") {
				n += strings.Count(l, "Cy")
			}
		}
		return n == 2
	})
	c.types("from one of two")
	a.await("the speaker's ID", holds("\nCy (@", "): from one of two\n"))
}

func TestRoomsOfAChat(t *testing.T) {
	r := serve(t, soon)
	r.say("", "acme/dev", "before")
	a := r.chat("acme/lobby", "--name", "Ann")
	b := r.chat("acme/dev", "--name", "Bo")
	b.await("the past", holds("*: before\n"))
	a.types("/join dev", "/rooms")
	a.await("the room", holds("# you are in dev too", "[dev] *: before\n", "# dev: 2 here: Ann (you) and Bo\n", "# rooms: dev (2), lobby (1)\n"))
	b.await("Ann", holds("# Ann joined\n"))
	a.types("in dev")
	b.await("in dev", holds("\nAnn: in dev\n"))
	b.types("here")
	a.await("here", holds("[dev] Bo: here\n"))
	a.types("/join lobby", "in the lobby", "/leave dev", "/join dev", "/leave", "/leave", "nowhere", "/leave", "/join dev", "back")
	b.await("back", holds("\nAnn: back\n"))
	a.await("itself", holds("Ann: back\n"))
	a.await("who is there, since a room that was left is a new one", holds("# 2 here: Ann (you) and Bo\n"))
	if strings.Contains(b.text(), "in the lobby") {
		t.Errorf("dev hears the lobby:\n%s", b.text())
	}
	a.once("# you speak in lobby now\n", "[lobby] Ann: in the lobby\n",
		"# you left lobby, and are in no room now\n", "# you are in no room: /join one\n", "# you are not in any room\n")
}

// What others do with a member is told to it, and so is the end.
func TestWhatIsDoneToAChat(t *testing.T) {
	r := serve(t, soon, "--key", "sesame")
	a := r.chat("acme/lobby", "--name", "Ann")
	boss, err := client.New(r.served, client.Options{Key: "sesame"})
	if err != nil {
		t.Fatal(err)
	}
	defer boss.Close()
	everybody := client.Selection{In: []string{"*"}}

	// Where it has been by itself before, too.
	a.types("/join meeting")
	a.await("the room", holds("# meeting: 1 here: Ann (you)\n"))
	a.types("/leave meeting")
	a.await("the leaving", holds("# you left meeting, and speak in lobby now\n"))
	r.say("", "acme/lobby", "the stream has told it")
	a.await("the stream", holds("the stream has told it\n"))
	if strings.Contains(a.text(), "# you are in lobby, meeting now\n") {
		t.Errorf("what it did itself is told as another's doing:\n%s", a.text())
	}
	if m, err := boss.MoveIn(t.Context(), "acme", "meeting", everybody); err != nil || m.Count != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	a.await("its rooms", holds("# you are in lobby, meeting now\n"))
	receipt, err := boss.Send(t.Context(), client.SendRequest{Namespace: "acme", To: []string{"*"}, Data: "all\r\nof\tyou\n# now", Event: "call"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := boss.Send(t.Context(), client.SendRequest{Namespace: "acme", To: []string{"lobby"}, Data: true, Event: "typing", Volatile: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := boss.Send(t.Context(), client.SendRequest{Namespace: "acme", To: []string{"lobby", "meeting"}, Data: map[string]int{"n": 1}}); err != nil {
		t.Fatal(err)
	}
	a.await("what is said to all", holds("\n[*] * <call>: all\n    of\\tyou\n    # now\n", "\n[lobby, meeting] *: {\"n\":1}\n"))
	if receipt, err := boss.Send(t.Context(), client.SendRequest{Namespace: "acme", To: []string{"lobby"}, Data: "oops"}); err != nil {
		t.Fatal(err)
	} else if _, err := boss.Erase(t.Context(), client.EraseRequest{Namespace: "acme", Room: "lobby", ID: receipt.ID}); err != nil {
		t.Fatal(err)
	} else {
		a.await("the erasing", holds("# lobby: "+receipt.ID+" erased\n"))
	}
	if n, err := boss.Disconnect(t.Context(), "acme", everybody); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	<-a.ended
	if a.code != 0 || !strings.HasSuffix(a.text(), "# the server ended this (kicked)\n") {
		t.Errorf("exit %d:\n%s", a.code, a.text())
	}
	if strings.Contains(a.text(), "typing") || receipt.ID == "" {
		t.Errorf("it shows who is typing:\n%s", a.text())
	}
}

// The server ends and comes back: one line, nothing missed, and everything as it was.
func TestAChatComesBack(t *testing.T) {
	args := []string{"serve", "--ops-listen", "none", "--data", t.TempDir(), soon, "--listen"}
	first := start(t, nil, append(args, "127.0.0.1:0")...)
	first.logged("ready")
	address, _ := first.logged("listening")["address"].(string)
	first.served = "http://" + address + "/"
	a := first.chat("acme/lobby", "--name", "Ann")
	a.types("/join dev", "/nick Anna")
	a.await("the nickname", holds("# you are Anna now\n"))
	first.stop()
	second := start(t, nil, append(args, address)...)
	second.logged("ready")
	second.served = first.served
	b := second.chat("acme/dev", "--name", "Bo")
	a.await("the return", holds("# connected again after ", "s: nothing was missed\n"))
	b.types("are you there?")
	a.await("Bo's words", holds("[dev] Bo: are you there?\n"))
	a.types("yes")
	b.await("the answer under the new name", holds("\nAnna: yes\n"))
	a.once("# connected again", "are you there?")
}

// Who is killed and comes back within the grace was never gone for the others.
func TestAKilledChatReturns(t *testing.T) {
	r := serve(t, "--grace=20s")
	b := r.chat("acme/lobby", "--name", "Bo")
	first := r.chat("acme/lobby", "--name", "Ann", "--connection-id", ann)
	first.types("before")
	b.await("before", holds("Ann: before\n"))
	first.stop() // it does not part: the connection ID may be in use elsewhere too
	b.types("meanwhile")
	b.await("itself", holds("Bo: meanwhile\n"))
	again := r.chat("acme/lobby", "--name", "Ann", "--connection-id", ann)
	again.await("what was said", holds("Ann: before\n", "Bo: meanwhile\n"))
	again.once("Ann: before\n", "Bo: meanwhile\n")
	again.types("after")
	b.await("after", holds("Ann: after\n"))
	if strings.Contains(b.text(), "Ann left") {
		t.Errorf("it was gone:\n%s", b.text())
	}

	// Who leaves is gone at once, and not only after the grace; but whoever brought
	// its connection ID may have another stream.
	again.leaves()
	b.leaves()
	if _, stdout, _ := r.ask("who", "acme"); strings.Contains(stdout, "Bo") || !strings.Contains(stdout, "Ann") {
		t.Errorf("still there:\n%s", stdout)
	}
}

// What comes with the past and on the stream too is shown once.
func TestThePastAndTheStreamMeet(t *testing.T) {
	const event = `{"id":"e4f1-%d","room":"lobby","event":"message","from":"abcdefghijklmnop","name":"Ann","data":"word %[1]d","time":"2026-11-23T01:02:03.456Z"}`
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Path == "/acme/-/history":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"events":[%s,%s],"more":false}`, fmt.Sprintf(event, 6), fmt.Sprintf(event, 8))
		default:
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "retry: 1000\nid: e4f1-7\nevent: hello\ndata: {\"ns\":\"acme\",\"rooms\":[\"lobby\"],\"member\":\"bcdefghijklmnopa\",\"heartbeat\":15}\n\n")
			for n := 8; n < 10; n++ {
				fmt.Fprintf(w, "id: e4f1-%d\nevent: message\ndata: %s\n\n", n, fmt.Sprintf(event, n))
			}
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	defer fake.Close()
	in, typed := io.Pipe()
	defer typed.Close()
	a := begin(t, commands.Env{Args: []string{"chat", "--server", fake.URL, "acme/lobby"}, Stdin: in})
	a.await("the end", holds("Ann: word 9\n"))
	a.stop()
	if a.text() != "Ann: word 6\nAnn: word 8\nAnn: word 9\n" {
		t.Errorf("it shows\n%s", a.text())
	}
}

func TestAChatThatIsRefused(t *testing.T) {
	r := serve(t, soon, "--namespaces", "{quiet: {presence: false}, mute: {anonymous: [read, history]}, secret: {anonymous: none}, blank: {anonymous: [read, write]}}")
	for name, tt := range map[string]struct {
		args  []string
		stdin string
		code  int
		says  string
	}{
		"no presence":  {[]string{"quiet/lobby", "--name", "Ann"}, "hello\n/who\n/msg Bo hi\n", 1, "# in lobby; who else is here is not told\nAnn: hello\n# forbidden"},
		"no writing":   {[]string{"mute/lobby"}, "hello\n", 1, "# not said: forbidden"},
		"nothing":      {[]string{"secret/lobby"}, "hello\n", 1, "forbidden"},
		"no history":   {[]string{"blank/lobby"}, "hello\n", 0, "# what was said before cannot be told: forbidden"},
		"a bad name":   {[]string{"acme/lobby", "--name", " x"}, "hello\n", 1, "bad-name"},
		"no room":      {[]string{"acme"}, "", 2, "acme/lobby"},
		"two rooms":    {[]string{"acme/lobby", "acme/dev"}, "", 2, "acme/dev"},
		"a long line":  {[]string{"acme/lobby"}, strings.Repeat("x", 70<<10) + "\n", 1, "token too long"},
		"a wrong word": {[]string{"acme/lobby"}, "/foo\n", 1, "# there is no /foo"},
		"a bad number": {[]string{"acme/lobby"}, "/history x\n", 1, "# /history N"},
		"quit":         {[]string{"acme/lobby"}, "/quit\nhello\n", 0, ""},
		"help":         {[]string{"acme/lobby"}, "/help\n", 0, "# /msg NAME TEXT"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, map[string]string{"PARLEY_SERVER": r.served}, tt.stdin, append([]string{"chat"}, tt.args...)...)
			if code != tt.code || !strings.Contains(stdout+stderr, tt.says) {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
			if name == "quit" && strings.Contains(stdout, "hello") {
				t.Errorf("said after /quit: %q", stdout)
			}
		})
	}
}
