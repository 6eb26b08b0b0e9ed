package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// A line of the README's terminals: whose it is and what they typed.
var prompt = regexp.MustCompile(`^([a-z]*)\$ (.*)$`)

// A typed command is one line of a terminal and what the README says it prints.
type typed struct {
	who, command string
	prints       []string
}

// readme gives the blocks of the README in a language.
func readme(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// runReadme starts the program as go run . does: without a word, and with nothing
// but where its ports and data are said by the environment, since the usual ones
// may be taken here. It gives its URL.
func runReadme(t *testing.T) string {
	t.Helper()
	port := freePort()
	dir := t.TempDir()
	said := &output{}
	cmd := exec.Command(binary(t))
	cmd.Dir = dir
	cmd.Env = append(withoutParley(os.Environ()), "PARLEY_LISTEN=127.0.0.1:"+port, "PARLEY_OPS_LISTEN=127.0.0.1:"+freePort())
	cmd.Stderr = said
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", said)
		}
	})
	url := "http://localhost:" + port
	if !eventually(func() bool {
		return exec.Command("curl", "-sSf", "-o", os.DevNull, url+"/-/ready").Run() == nil
	}) {
		t.Fatalf("never ready:\n%s", said)
	}
	if _, err := os.Stat(filepath.Join(dir, "parley-data")); err != nil {
		t.Errorf("the data is not in parley-data: %v", err)
	}
	return url
}

// TestReadme does what the README says, and looks whether that comes of it.
func TestReadme(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not on this machine")
	}
	var lines []typed
	for _, block := range readme(t, "console") {
		for line := range strings.Lines(block) {
			line = strings.TrimSuffix(line, "\n")
			if m := prompt.FindStringSubmatch(line); m != nil {
				lines = append(lines, typed{who: m[1], command: m[2]})
			} else if line != "" {
				last := &lines[len(lines)-1]
				last.prints = append(last.prints, line)
			}
		}
	}
	if len(lines) != 5 || lines[0].command != "go run ." || lines[4].command != "make test" {
		t.Fatalf("the README has other commands than this test knows: %q", lines)
	}
	if makefile, err := os.ReadFile("../Makefile"); err != nil || !strings.Contains(string(makefile), "\ntest:") {
		t.Errorf("there is no make test: %v", err)
	}

	url := runReadme(t)
	here := strings.NewReplacer("http://localhost:8080", url, "localhost:8080", strings.TrimPrefix(url, "http://"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	start := func(command string) *output {
		out := &output{}
		cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+here.Replace(command))
		cmd.Stdout = out
		dieWithParent(cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cancel()
			cmd.Wait()
		})
		return out
	}
	// Each terminal is there before the next person types.
	outs := map[string]*output{}
	for _, l := range lines[1:4] {
		out := start(l.command)
		outs[l.command] = out
		if !eventually(func() bool { return shows(out.String(), l.prints[:1]) }) {
			t.Fatalf("%s$ %s never printed %q, but\n%s", l.who, l.command, l.prints[0], out)
		}
	}
	for _, l := range lines[1:4] {
		if out := outs[l.command]; !eventually(func() bool { return shows(out.String(), l.prints) }) {
			t.Errorf("%s$ %s was to print\n%s\nand printed\n%s", l.who, l.command, strings.Join(l.prints, "\n"), out)
		}
	}

	// Had Ann's own word been on its way to her, it would have come before Bo's.
	start("curl -sS -d 'hello, Ann' localhost:8080/demo/lobby")
	ann := outs[lines[1].command]
	if !eventually(func() bool { return strings.Contains(ann.String(), "hello, Ann") }) {
		t.Errorf("Ann never heard an answer:\n%s", ann)
	}
	if strings.Contains(ann.String(), "hello, Bo") {
		t.Errorf("Ann heard herself:\n%s", ann)
	}
}

// shows reports whether out has these lines in this order, … standing for
// anything.
func shows(out string, want []string) bool {
	pattern := `(?m)`
	for i, line := range want {
		if i > 0 {
			pattern += `\n(?s:.*)`
		}
		pattern += "^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", `\S+`) + "$"
	}
	return regexp.MustCompile(pattern).MatchString(out)
}

// TestReadmePage runs the README's page in a browser, behind a proxy that answers
// 502 while the server is away, which ends an EventSource for good.
func TestReadmePage(t *testing.T) {
	b := chrome(t)
	s := serve(t)
	pages := readme(t, "html")
	if len(pages) != 1 {
		t.Fatalf("the README has %d pages", len(pages))
	}
	upstream, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var refused atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
		refused.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	front := httptest.NewServer(mux)
	defer front.Close()
	defer front.CloseClientConnections() // the page's stream would keep it open
	mux.HandleFunc("GET /page.html", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, strings.ReplaceAll(pages[0], "http://localhost:8080", front.URL))
	})

	b.open(front.URL + "/page.html")
	if !eventually(func() bool { return strings.Contains(s.Log(), "stream opened") }) {
		t.Fatal("the page never opened its stream")
	}
	backend(t, s.URL+"/demo/lobby", "text/plain", "before;")
	b.until(`said.textContent === "before;"`)
	s.Kill()
	if !eventually(func() bool { return refused.Load() > 0 }) {
		t.Fatal("the page never came back while the server was away")
	}
	s.Restart()
	backend(t, s.URL+"/demo/lobby", "text/plain", "while away;")
	b.until(`said.textContent === "before;while away;"`)
}
