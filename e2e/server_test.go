package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that must come. It is long because
// it says nothing about speed: a loaded machine is no failure.
const patience = 30 * time.Second

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.end != nil {
		browser.end()
	}
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// binary gives the path of the parley binary, built once a test run from the
// tree that the tests stand in. It is not race-built: the packages' own tests
// are, and here it is the program that people run which is looked at.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "parley-e2e-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "parley")
		if runtime.GOOS == "windows" {
			built.path += ".exe"
		}
		build := exec.Command("go", "build", "-o", built.path, ".")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// A server is one parley serve with a data directory and ports of its own, which
// it keeps over Restart. Its process is ended with the test.
type server struct {
	URL  string // http://127.0.0.1:port, with the base path where one was given; no slash at the end
	Ops  string // the same for --ops-listen
	Data string // its --data

	t    testing.TB
	bin  string
	args []string
	cmd  *exec.Cmd
	log  *output
	over chan struct{} // closed once the process is gone
	err  error         // what Wait said; read after over
}

// serve starts parley serve with args, and with free ports and a fresh data
// directory where they name none, and waits until it is ready.
func serve(t testing.TB, args ...string) *server {
	t.Helper()
	s := newServer(binary(t), filepath.Join(t.TempDir(), "data"), args...)
	s.t = t
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server at %s said:\n%s", s.URL, s.Log())
		}
	})
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func newServer(bin, data string, args ...string) *server {
	s := &server{Data: data, bin: bin, args: args}
	s.URL = "http://127.0.0.1:" + freePort()
	s.Ops = "http://127.0.0.1:" + freePort()
	if base := strings.Trim(flagOf(args, "--base-path"), "/"); base != "" {
		s.URL += "/" + base
	}
	return s
}

// Stop sends SIGTERM and demands that the server ends by itself, with exit 0.
func (s *server) Stop() {
	s.t.Helper()
	if err := s.stop(); err != nil {
		s.t.Fatal(err)
	}
}

// Kill is kill -9: the server has no time for a word. It returns once the process
// is gone.
func (s *server) Kill() {
	s.t.Helper()
	if err := s.kill(); err != nil {
		s.t.Fatal(err)
	}
}

// Restart starts a stopped or killed server again, on the port and the data that
// it had, and waits until it is ready.
func (s *server) Restart() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// Log gives what the server has written to stderr since it was last started.
func (s *server) Log() string {
	if s.log == nil {
		return ""
	}
	return s.log.String()
}

// Pid gives the number of the server's process.
func (s *server) Pid() int { return s.cmd.Process.Pid }

func (s *server) start() error {
	args := append([]string{"serve"}, s.args...)
	for _, d := range [][2]string{{"--listen", hostOf(s.URL)}, {"--ops-listen", hostOf(s.Ops)}, {"--data", s.Data}} {
		if flagOf(s.args, d[0]) == "" {
			args = append(args, d[0], d[1])
		}
	}
	s.cmd = exec.Command(s.bin, args...)
	s.cmd.Env = withoutParley(os.Environ())
	s.log = &output{}
	s.cmd.Stderr = s.log
	dieWithParent(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	over := make(chan struct{})
	s.over = over
	go func() {
		s.err = s.cmd.Wait()
		close(over)
	}()
	if err := s.ready(); err != nil {
		s.kill()
		return fmt.Errorf("%w\n%s", err, s.Log())
	}
	return nil
}

// ready waits for a 200 from /-/ready.
func (s *server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	transport, url := &http.Transport{}, s.URL
	if socket, ok := strings.CutPrefix(flagOf(s.args, "--listen"), "unix:"); ok {
		url = "http://unix"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for {
		req, err := http.NewRequestWithContext(ctx, "GET", url+"/-/ready", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.over:
			return fmt.Errorf("parley serve ended: %w", s.err)
		case <-ctx.Done():
			return fmt.Errorf("parley serve was never ready: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.over:
	case <-time.After(patience):
		s.kill()
		return fmt.Errorf("parley serve outlived SIGTERM\n%s", s.Log())
	}
	if s.err != nil {
		return fmt.Errorf("parley serve ended with %w after SIGTERM\n%s", s.err, s.Log())
	}
	return nil
}

func (s *server) kill() error {
	if s.over == nil {
		return nil
	}
	select {
	case <-s.over:
		return nil
	default:
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.over
	return nil
}

// An output keeps what a process writes while others read it.
type output struct {
	mu  sync.Mutex
	all strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

// freePort gives a port below those that the kernel hands to connections: a
// client that keeps calling a server that is down could otherwise be given that
// very port, connect to itself, and hold it when the server comes back. None is
// given twice: who has one may not use it yet, or not just now.
func freePort() string {
	given.Lock()
	defer given.Unlock()
	for {
		given.last = (given.last + 1) % 12000
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+given.last)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		l.Close()
		_, port, _ := net.SplitHostPort(addr)
		return port
	}
}

var given = struct {
	sync.Mutex
	last int
}{last: rand.IntN(12000)}

func hostOf(url string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return host
}

func flagOf(args []string, name string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, name+"="); ok {
			return v
		}
		if a == name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// withoutParley leaves out what would configure the server from the environment
// of whoever runs the tests.
func withoutParley(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, "PARLEY_") })
}
