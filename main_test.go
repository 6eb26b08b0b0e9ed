//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the program when this variable says so.
const asProgram = "PARLEY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A program is this one in a process of its own.
type program struct {
	t   *testing.T
	cmd *exec.Cmd
	log *bufio.Scanner
}

func start(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	cmd.Env = append(os.Environ(), asProgram+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dead := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		dead.Stop()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &program{t, cmd, bufio.NewScanner(stderr)}
}

func parley(args ...string) *exec.Cmd { return exec.Command(os.Args[0], args...) }

// logged reads the log up to a record with this message.
func (p *program) logged(msg string) map[string]any {
	p.t.Helper()
	for p.log.Scan() {
		var rec map[string]any
		if json.Unmarshal(p.log.Bytes(), &rec) == nil && rec["msg"] == msg {
			return rec
		}
	}
	p.t.Fatalf("no record %q: %v", msg, p.log.Err())
	return nil
}

// ended reads the rest of the log and gives how the process ended.
func (p *program) ended() *os.ProcessState {
	for p.log.Scan() {
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState
}

func ready(t *testing.T, url string) {
	t.Helper()
	resp, err := http.Get(url + "-/ready")
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

func TestASignalEndsTheProgram(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := start(t, parley("--listen", "127.0.0.1:0", "--ops-listen", "none", "--data", t.TempDir()))
		url, _ := p.logged("listening")["url"].(string)
		p.logged("ready")
		ready(t, url)
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		p.logged("draining")
		p.logged("stopped")
		if state := p.ended(); state.ExitCode() != 0 {
			t.Errorf("%v: %v", sig, state)
		}
	}
}

// A client that does not finish its post holds the end up, for a minute here: a
// second signal does not wait for it.
func TestASecondSignalEndsItAtOnce(t *testing.T) {
	p := start(t, parley("--listen", "127.0.0.1:0", "--ops-listen", "none", "--memory", "--drain", "60s"))
	address, _ := p.logged("listening")["address"].(string)
	p.logged("ready")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// 100 Continue says that the handler waits for the body.
	if _, err := io.WriteString(c, "POST /acme/lobby HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if l, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(l, "100") {
		t.Fatal(l, err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.logged("draining")
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if state := p.ended(); state.ExitCode() != 1 || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %s", state, time.Since(began))
	}
}

func TestASocketFromSystemd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// The variables name the process that they are for, which exec keeps.
	cmd := exec.Command("sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" --memory --ops-listen none --listen 127.0.0.1:1`, os.Args[0])
	cmd.ExtraFiles = []*os.File{f}
	p := start(t, cmd)
	p.logged("ready")
	l.Close()
	ready(t, "http://"+l.Addr().String()+"/")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if state := p.ended(); state.ExitCode() != 0 {
		t.Error(state)
	}
}

func TestAWrongConfigurationIsExitCodeTwo(t *testing.T) {
	p := start(t, parley("--keep-age", "soon"))
	if state := p.ended(); state.ExitCode() != 2 {
		t.Error(state)
	}
}
