package commands_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/commands"
	"parley/events"
	"parley/events/memlog"
)

func TestBench(t *testing.T) {
	r := serve(t)
	env := map[string]string{"PARLEY_SERVER": r.served}
	bench := func(args ...string) (int, string, string) {
		return run(t, env, "", append([]string{"bench", "--streams", "20", "--messages", "40", "--settle", "0"}, args...)...)
	}
	code, stdout, stderr := bench("--rooms", "4")
	if code != 0 || !strings.Contains(stdout, "200 of 200") || !strings.Contains(stdout, "lost 0, doubled 0") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	// Streams in several rooms, and a server to look at.
	args := []string{"--json", "--sub", "/bench?room=room{r}&room=hall", "--rate", "2000"}
	if runtime.GOOS == "linux" {
		args = append(args, "--pid", strconv.Itoa(os.Getpid()))
	}
	code, stdout, stderr = bench(args...)
	var got struct {
		Deliveries, Expected, Lost int
		Server                     *struct {
			CPU float64 `json:"cpu_us_delivery"`
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || got.Deliveries != 800 || got.Expected != 800 {
		t.Errorf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	if runtime.GOOS == "linux" && (got.Server == nil || got.Server.CPU <= 0) {
		t.Errorf("the server: %+v", got.Server)
	}
}

func TestBenchReturns(t *testing.T) {
	r := serve(t)
	env := map[string]string{"PARLEY_SERVER": r.served}
	mark := filepath.Join(t.TempDir(), "between")
	code, stdout, stderr := run(t, env, "", "bench", "--return", "--streams", "20", "--messages", "40", "--rate", "2000", "--settle", "0", "--between", "echo > "+mark)
	if code != 0 || !strings.Contains(stdout, "20 streams caught up") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("nothing was run in between")
	}
}

// A server whose log is still being opened answers streams with 200: that it is not
// ready is in them.
func TestBenchOfAServerThatIsNotReady(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opens, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- commands.ServeLog(ctx, l, func() (events.Log, error) {
			<-opens
			return memlog.New(memlog.Options{}), nil
		}, time.Second)
	}()
	// Before a return it is waited for what becomes of each stream.
	code, _, stderr := run(t, nil, "", "bench", "--server", "http://"+l.Addr().String(), "--return",
		"--streams", "2", "--writers", "1", "--messages", "1", "--settle", "0")
	if code != 1 || !strings.Contains(stderr, "the server is not ready") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	close(opens)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestBenchRefuses(t *testing.T) {
	r := serve(t)
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a path that is none":      {[]string{"--sub", "/nowhere/-/at/all", "--streams", "2", "--settle", "0"}, 1, "404"},
		"a room that is none":      {[]string{"--pub", "/bench/-x", "--streams", "2", "--messages", "1", "--settle", "0"}, 1, "refused"},
		"between without return":   {[]string{"--between", "true"}, 2, "--return"},
		"a message below its mark": {[]string{"--size", "3"}, 2, "mark"},
		"a server that is none":    {[]string{"--server", "localhost"}, 2, "no server"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(t, map[string]string{"PARLEY_SERVER": r.served}, "", append([]string{"bench"}, tt.args...)...)
			if code != tt.code || !strings.Contains(stderr, tt.says) {
				t.Errorf("exit %d: %s", code, stderr)
			}
		})
	}
}
