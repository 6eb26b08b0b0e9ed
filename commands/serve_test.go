package commands_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/commands"
	"parley/events"
	"parley/events/memlog"
)

func TestTheLifeOfAServer(t *testing.T) {
	r := serve(t, "--base-path", "/chat")
	if !strings.HasSuffix(r.served, "/chat/") {
		t.Errorf("serves at %s", r.served)
	}
	for _, path := range []string{"/-/health", "/-/ready"} {
		if status, body := get(t, web(t), r.url(path)); status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, msg := range []string{"draining", "stopped"} {
		r.logged(msg)
	}
}

func TestTheOperatorsSide(t *testing.T) {
	r := start(t, nil, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--memory")
	r.logged("ready")
	ops, _ := r.logged("listening for metrics")["url"].(string)
	if status, body := get(t, web(t), ops+"-/metrics"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	public, _ := r.logged("listening")["url"].(string)
	if status, _ := get(t, web(t), public+"-/metrics"); status != 404 {
		t.Errorf("everybody can read the metrics: %d", status)
	}
}

// The operator's usual address was not asked for: a second server on a machine
// serves without metrics, and says so.
func TestTheOperatorsUsualPortIsTaken(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.1:8081"); err == nil { // or somebody has it already
		defer l.Close()
	}
	r := start(t, nil, "--listen", "127.0.0.1:0", "--memory")
	r.logged("ready")
	r.logged("no metrics: their usual address is taken; --ops-listen names another, or none")
	if code := r.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	for flag, args := range map[string][]string{
		"--listen":     {"--listen", taken, "--ops-listen", "none"},
		"--ops-listen": {"--listen", "127.0.0.1:0", "--ops-listen", taken},
	} {
		code, _, stderr := run(t, nil, "", append([]string{"serve", "--memory"}, args...)...)
		if code != 1 || !strings.Contains(stderr, flag) || !strings.Contains(stderr, taken) {
			t.Errorf("exit %d: %s", code, stderr)
		}
	}
}

func TestTwoServersOfOneDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	args := []string{"--listen", "127.0.0.1:0", "--ops-listen", "none", "--data", dir}
	first := start(t, nil, args...)
	first.logged("ready")
	code, _, stderr := run(t, nil, "", args...)
	if code != 1 || !strings.Contains(stderr, dir) || !strings.Contains(stderr, "another process") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if code := first.stop(); code != 0 {
		t.Errorf("the first ended with %d", code)
	}
	again := start(t, nil, args...)
	again.logged("ready")
}

func TestTheListenerOpensBeforeTheLog(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- commands.ServeLog(ctx, l, func() (events.Log, error) {
			<-open
			return memlog.New(memlog.Options{}), nil
		}, 5*time.Second)
	}()
	c := web(t)
	if status, _ := get(t, c, base+"/-/health"); status != 200 {
		t.Errorf("health is %d while the log opens", status)
	}
	if status, _ := get(t, c, base+"/-/ready"); status != 503 {
		t.Errorf("ready is %d while the log opens", status)
	}
	resp, err := c.Post(base+"/acme/lobby", "text/plain", strings.NewReader("hello"))
	if err != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a post while the log opens: %v %v", resp, err)
	}
	resp.Body.Close()
	close(open)
	deadline := time.Now().Add(10 * time.Second)
	for status := 0; status != 200; status, _ = get(t, c, base+"/-/ready") {
		if time.Now().After(deadline) {
			t.Fatal("never ready")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnEndWhileTheLogOpens(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		stuck bool
		bad   bool
	}{
		"it opens after all": {},
		"it does not":        {err: errors.New("no such disk")},
		"it never returns":   {stuck: true, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			open := make(chan struct{})
			ended := make(chan error, 1)
			go func() {
				ended <- commands.ServeLog(ctx, l, func() (events.Log, error) {
					cancel()
					if tt.stuck {
						<-open
						return nil, errors.New("too late")
					}
					if tt.err != nil {
						return nil, tt.err
					}
					return memlog.New(memlog.Options{}), nil
				}, time.Second)
			}()
			select {
			case err := <-ended:
				// Whether a log that does not open is heard of before the end is a race.
				if (err != nil) != tt.bad && tt.err == nil {
					t.Errorf("ended with %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("did not end")
			}
			close(open)
		})
	}
}

// Clients that do not want to go: a stream, a stream whose reader is stuck, a
// connection that says nothing, a post that never ends. A post under way is still
// answered.
func TestAnEndWhateverClientsDo(t *testing.T) {
	r := serve(t, "--drain", "3s", "--data", t.TempDir())
	host := strings.TrimSuffix(strings.TrimPrefix(r.served, "http://"), "/")
	raw := func(request string) net.Conn {
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		return c
	}
	const head = " HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"
	reader := bufio.NewReader(raw("GET /acme/lobby" + head))
	for { // the stream stands once its hello is there
		l, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(l, "event: hello") {
			break
		}
	}
	stuck := raw("GET /acme/flood" + head)
	if _, err := bufio.NewReader(stuck).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	raw("")
	raw("POST /acme/lobby HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nnever")
	c := web(t)
	for range 100 {
		resp, err := c.Post(r.url("/acme/flood"), "text/plain", strings.NewReader(strings.Repeat("x", 60<<10)))
		if err != nil || resp.StatusCode != 201 {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
	}
	underWay := raw("POST /acme/lobby HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")

	began := time.Now()
	r.cancel()
	r.logged("draining")
	if _, err := io.WriteString(underWay, "llo"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(underWay), nil)
	if err != nil || resp.StatusCode != 201 {
		t.Errorf("the post under way: %v %v", resp, err)
	}
	rest, _ := io.ReadAll(reader)
	if !strings.Contains(string(rest), "event: bye") || !strings.Contains(string(rest), "retry: ") || !strings.Contains(string(rest), `"drain"`) {
		t.Errorf("the stream was told %q", rest)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit %d:\n%s", code, r.text())
	}
	if took := time.Since(began); took > 3500*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

func TestAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.sock")
	args := []string{"--listen", "unix:" + path, "--ops-listen", "none", "--memory"}

	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()

	r := start(t, nil, append(args, "--socket-mode", "0600")...)
	r.logged("ready")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if status, _ := get(t, over(t, path), "http://parley/-/ready"); status != 200 {
		t.Errorf("ready is %d", status)
	}
	if code, _, stderr := run(t, nil, "", args...); code != 1 || !strings.Contains(stderr, path) {
		t.Errorf("a second one: exit %d, %s", code, stderr)
	}
	if code, stdout, stderr := run(t, nil, "", "send", "--server", "unix:"+path, "acme/lobby", "hello"); code != 0 || stdout == "" {
		t.Errorf("send: exit %d, %s", code, stderr)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, nil, "", args...); code != 1 || !strings.Contains(stderr, "no socket") {
		t.Errorf("over a file: exit %d, %s", code, stderr)
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Error("the file is gone")
	}
}

func TestTheKeyIsNeverLogged(t *testing.T) {
	r := serve(t, "--key", "open-sesame", "--log-level", "debug")
	code, _, stderr := run(t, map[string]string{"PARLEY_KEY": "open-sesame", "PARLEY_SERVER": r.served}, "", "send", "acme/lobby", "top", "secret")
	if code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if code, _, stderr = run(t, map[string]string{"PARLEY_KEY": "wrong-sesame", "PARLEY_SERVER": r.served}, "", "send", "acme/lobby", "top", "secret"); code != 1 || !strings.Contains(stderr, "unauthorized") {
		t.Errorf("with a wrong key: exit %d, %s", code, stderr)
	}
	r.stop()
	for _, word := range []string{"sesame", "top secret"} {
		if strings.Contains(r.text()+stderr, word) {
			t.Errorf("%q was printed:\n%s", word, r.text()+stderr)
		}
	}
}

func ExampleMain() {
	code := commands.Main(context.Background(), commands.Env{Args: []string{"check", "--memory", "--keep-age", "soon"}, Stderr: os.Stdout})
	fmt.Println(code)
	// Output:
	// parley: --keep-age: "soon" is no age: give a duration such as 36h or 7d, or none
	// 2
}
