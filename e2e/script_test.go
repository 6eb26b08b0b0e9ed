package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the manual: each testdata script is a chapter of it, told
// with curl and parley against a server of its own.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not on this machine")
	}
	bin := binary(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(bin)+string(os.PathListSeparator)+env.Getenv("PATH"))
			// Two connection IDs that every chapter knows.
			env.Setenv("ANN", "ann-5f0c2b7d91e84a36")
			env.Setenv("BO", "bo-c81d4e2f60b97a53")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":   cmdServe(bin),
			"stop9":   cmdStop((*server).kill),
			"drain":   cmdStop((*server).stop),
			"restart": cmdStop((*server).start),
			"waitfor": cmdWaitfor,
			"until":   cmdUntil,
			"capture": cmdCapture,
			"refused": cmdRefused,
		},
	})
}

// servers finds the server of a script, which runs beside others.
var servers serverOf

type serverOf struct{ m sync.Map }

func (o *serverOf) put(ts *testscript.TestScript, s *server) { o.m.Store(ts, s) }

func (o *serverOf) get(ts *testscript.TestScript) *server {
	s, ok := o.m.Load(ts)
	if !ok {
		ts.Fatalf("there is no server: serve first")
	}
	return s.(*server)
}

// serve [args] starts a server and sets URL and OPS to where it is. It ends with
// the script.
func cmdServe(bin string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		s := newServer(bin, ts.MkAbs("data"), args...)
		ts.Defer(func() { s.kill() })
		err := s.start()
		if neg == (err == nil) {
			ts.Fatalf("serve: %v", err)
		}
		if err != nil {
			ts.Logf("%v", err)
			return
		}
		ts.Setenv("URL", s.URL)
		ts.Setenv("HOST", hostOf(s.URL))
		ts.Setenv("OPS", s.Ops)
		servers.put(ts, s)
	}
}

// stop9, drain and restart do to the script's server what they say; after each
// its log is in the file server.log.
func cmdStop(do func(*server) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		s := servers.get(ts)
		if err := do(s); err != nil {
			ts.Fatalf("%v", err)
		}
		ts.Check(os.WriteFile(ts.MkAbs("server.log"), []byte(s.Log()), 0o600))
	}
}

// waitfor [-count=n] file regexp waits until the file holds a match, or n.
func cmdWaitfor(ts *testscript.TestScript, neg bool, args []string) {
	count := 1
	if n, ok := strings.CutPrefix(args[0], "-count="); ok {
		count, _ = strconv.Atoi(n)
		args = args[1:]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor [-count=n] file regexp")
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var got []byte
	if !eventually(func() bool {
		got, _ = os.ReadFile(ts.MkAbs(args[0]))
		return len(want.FindAllIndex(got, -1)) >= count
	}) {
		ts.Fatalf("%s never held %d of %s; it holds\n%s", args[0], count, args[1], got)
	}
}

// until regexp program args… runs a program again and again until what it prints
// holds a match.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until regexp program args...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var got []byte
	if !eventually(func() bool {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir = ts.MkAbs(".")
		got, _ = cmd.CombinedOutput()
		return want.Match(got)
	}) {
		ts.Fatalf("never printed %s; the last was\n%s", args[0], got)
	}
}

// capture VAR file regexp sets a variable to what the regexp's first group
// matches in the file, or in stdout.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture VAR file regexp")
	}
	m := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if m == nil {
		ts.Fatalf("no %s in %s:\n%s", args[2], args[1], ts.ReadFile(args[1]))
	}
	ts.Setenv(args[0], m[1])
}

// refused status code curl-args… demands a problem document: its status twice,
// its code, and its media type.
func cmdRefused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: refused status code curl-args...")
	}
	status, code := args[0], args[1]
	cmd := exec.Command("curl", append([]string{
		"-sS", "--max-time", "20", "--path-as-is", "-w", "\n%{http_code} %{content_type}",
	}, args[2:]...)...)
	cmd.Dir = ts.MkAbs(".")
	out, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("curl: %v\n%s", err, out)
	}
	i := bytes.LastIndexByte(out, '\n')
	var problem struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	if err := json.Unmarshal(out[:i], &problem); err != nil {
		ts.Fatalf("not a problem document: %v\n%s", err, out)
	}
	got := fmt.Sprintf("%s %d %s", out[i+1:], problem.Status, problem.Code)
	if want := fmt.Sprintf("%s application/problem+json %s %s", status, status, code); got != want {
		ts.Fatalf("got  %s\nwant %s\n%s", got, want, out)
	}
	if problem.Title == "" || problem.Type == "" {
		ts.Fatalf("a problem without title or type:\n%s", out)
	}
}

// eventually asks until the answer is yes or patience ends.
func eventually(yes func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if yes() {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return yes()
}
