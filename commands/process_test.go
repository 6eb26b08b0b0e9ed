package commands_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/commands"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a command to its end.
func run(t *testing.T, env map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = commands.Main(t.Context(), commands.Env{
		Args: args, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &err, LookupEnv: lookup(env),
	})
	return code, out.String(), err.String()
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// A line is a record of a server's log.
type line map[string]any

// A running is a command that has not ended yet.
type running struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan struct{}
	code   int

	mu     sync.Mutex
	out    strings.Builder
	more   chan struct{} // closed and replaced with every write
	served string
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Write(p)
	close(r.more)
	r.more = make(chan struct{})
	return len(p), nil
}

// text gives what was written so far.
func (r *running) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// await waits until what was written satisfies ok.
func (r *running) await(what string, ok func(text string) bool) {
	r.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		text, more := r.out.String(), r.more
		r.mu.Unlock()
		if ok(text) {
			return
		}
		select {
		case <-more:
		case <-r.ended:
			if !ok(r.text()) {
				r.t.Fatalf("ended with %d without %s:\n%s", r.code, what, r.text())
			}
			return
		case <-limit:
			r.t.Fatalf("waited for %s in vain:\n%s", what, text)
		}
	}
}

// logged waits for a record with this message.
func (r *running) logged(msg string) (found line) {
	r.t.Helper()
	r.await("the record "+msg, func(text string) bool {
		for l := range strings.Lines(text) {
			var rec line
			if strings.HasSuffix(l, "\n") && json.Unmarshal([]byte(l), &rec) == nil && rec["msg"] == msg {
				found = rec
				return true
			}
		}
		return false
	})
	return found
}

// stop ends the command in good order and gives its exit code.
func (r *running) stop() int {
	r.cancel()
	<-r.ended
	return r.code
}

// start starts a command. Its standard output goes to the log too, unless it is a
// server's.
func start(t *testing.T, inherited []*os.File, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, cancel: cancel, ended: make(chan struct{}), more: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.code = commands.Main(ctx, commands.Env{Args: args, Stdout: r, Stderr: r, Inherited: inherited})
	}()
	t.Cleanup(func() { r.stop() })
	return r
}

// serve starts a server on a free port, in memory unless told otherwise, and
// waits until it is ready.
func serve(t *testing.T, args ...string) *running {
	t.Helper()
	r := start(t, nil, append([]string{"serve", "--listen", "127.0.0.1:0", "--ops-listen", "none", "--memory"}, args...)...)
	r.logged("ready")
	r.served, _ = r.logged("listening")["url"].(string)
	return r
}

// url is an address on the server.
func (r *running) url(path string) string { return strings.TrimRight(r.served, "/") + path }

// get gives the status and the body of an answer.
func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// web is a client that leaves no connection behind.
func web(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// over is a client that speaks through a unix socket.
func over(t *testing.T, path string) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
