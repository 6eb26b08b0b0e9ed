package e2e_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// long skips what takes long, or much of the machine, unless it is asked for.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("PARLEY_E2E_ALL") == "" {
		t.Skip("takes long: make e2e-all runs it")
	}
}

// A phone is a host of its own, one cable away from this one.
type phone struct {
	space string // its network namespace
	cable string // its end
	here  string // the address of this end
}

// newPhone makes one, or skips where network namespaces cannot be made.
func newPhone(t *testing.T) *phone {
	t.Helper()
	id := fmt.Sprintf("pv%d", os.Getpid())
	// From the block that is set aside for measuring networks.
	net := fmt.Sprintf("198.18.%d.", rand.IntN(256))
	p := &phone{space: id, cable: id + "b", here: net + "1"}
	if out, err := ip("netns", "add", p.space); err != nil {
		t.Skipf("network namespaces cannot be made here (it takes Linux, root and iproute2): %v %s", err, out)
	}
	t.Cleanup(func() { ip("netns", "del", p.space) })
	t.Cleanup(func() { ip("link", "del", id+"a") })
	for _, c := range [][]string{
		{"link", "add", id + "a", "type", "veth", "peer", "name", p.cable, "netns", p.space},
		{"addr", "add", p.here + "/30", "dev", id + "a"},
		{"link", "set", id + "a", "up"},
		{"-n", p.space, "addr", "add", net + "2/30", "dev", p.cable},
		{"-n", p.space, "link", "set", p.cable, "up"},
	} {
		if out, err := ip(c...); err != nil {
			t.Fatalf("ip %s: %v %s", strings.Join(c, " "), err, out)
		}
	}
	return p
}

func ip(args ...string) (string, error) {
	out, err := exec.Command("ip", args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// listen has the phone listen, and returns once it has heard something.
func (p *phone) listen(t *testing.T, url string) {
	t.Helper()
	curl := exec.Command("ip", "netns", "exec", p.space, "curl", "-sN", url)
	out, err := curl.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	dieWithParent(curl)
	if err := curl.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		curl.Process.Kill()
		curl.Wait()
	})
	heard := false
	if err := readFrames(out, func(f frame) bool { heard = f.event == "hello"; return !heard }); err != nil || !heard {
		t.Fatalf("the phone heard no hello: %v", err)
	}
	go io.Copy(io.Discard, out)
}

// vanish has whatever the phone sends from now on go to a host that is not there:
// neither an acknowledgement nor a farewell comes from it, whatever becomes of its
// processes, and the cable stays in.
func (p *phone) vanish(t *testing.T) {
	t.Helper()
	if out, err := ip("-n", p.space, "neigh", "replace", p.here, "lladdr", "02:00:00:00:00:99", "dev", p.cable, "nud", "permanent"); err != nil {
		t.Fatal(err, out)
	}
}

// TestVanishedPeer has listeners whose host vanishes without a word: packets to it
// are lost, and none comes back. All are gone within 45 s, however rare the heartbeats
// that they asked for, though the last one had just been taken; and who is there and
// asked for the same stays.
func TestVanishedPeer(t *testing.T) {
	long(t)
	p := newPhone(t)
	s := newServer(binary(t), filepath.Join(t.TempDir(), "data"))
	_, port, _ := net.SplitHostPort(hostOf(s.URL))
	s.URL = "http://" + net.JoinHostPort(p.here, port)
	s.t = t
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.Log())
		}
	})
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	heartbeats := []string{"5s", "10s", "15s", "16s", "20s", "22s", "25s", "30s", "40s", "60s"}
	var stay []io.Reader
	for _, h := range heartbeats {
		url := s.URL + "/demo/lobby?heartbeat=" + h
		stays, err := open(t.Context(), url, "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer stays.Body.Close()
		stay = append(stay, stays.Body)
		p.listen(t, url)
	}
	p.vanish(t)
	began := time.Now()
	if n := s.metric(t, "parley_streams"); n != float64(2*len(heartbeats)) {
		t.Fatalf("%v streams are open", n)
	}
	limit := time.After(45 * time.Second)
	for s.metric(t, "parley_streams") > float64(len(stay)) {
		select {
		case <-limit:
			t.Fatalf("after %v %v streams are left", time.Since(began), s.metric(t, "parley_streams"))
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Logf("gone after %v", time.Since(began))
	if n := strings.Count(s.Log(), "reason=gone") + strings.Count(s.Log(), `"reason":"gone"`); n != len(heartbeats) {
		t.Errorf("%d streams were closed because their client was gone", n)
	}
	// Who is there still hears.
	if status, answer, err := post(t.Context(), s.URL+"/demo/lobby", "", "", "are you there?"); err != nil || status != http.StatusCreated {
		t.Fatal(status, err, string(answer))
	}
	for i, r := range stay {
		heard := false
		readFrames(r, func(f frame) bool { heard = f.event == "message"; return !heard })
		if !heard {
			t.Errorf("who stays and wants a heartbeat every %s heard nothing", heartbeats[i])
		}
	}
}

// metric gives a value of the operator's side that has no labels.
func (s *server) metric(t *testing.T, name string) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", s.Ops+"/-/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}
