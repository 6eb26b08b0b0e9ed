package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nginx puts a real nginx with deploy/nginx/parley.conf, and nothing else that is
// not needed to run it from a directory of its own, in front of a server, and
// gives its URL.
func nginx(t *testing.T, s *server) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Skip("nginx is not on this machine")
		}
	}
	conf, err := os.ReadFile("../deploy/nginx/parley.conf")
	if err != nil {
		t.Fatal(err)
	}
	at := "127.0.0.1:" + freePort()
	site := strings.NewReplacer("127.0.0.1:8080", hostOf(s.URL), "listen 80;", "listen "+at+";").Replace(string(conf))
	dir := t.TempDir()
	var temps strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temps, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	whole := fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n", dir, &temps, site)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	said := &output{}
	cmd := exec.Command(program, "-p", dir, "-c", file)
	cmd.Stderr = said
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("nginx said:\n%s", said)
		}
	})
	front := "http://" + at
	if !eventually(func() bool {
		resp, err := http.Get(front + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}) {
		t.Fatalf("nothing answers behind nginx:\n%s", said)
	}
	return front
}

// TestBehindNginx: a stream comes through unbuffered, a page's own POST passes
// although nginx rewrites Host, names arrive as they were sent, and an
// EventSource outlives a server that goes away and comes back.
func TestBehindNginx(t *testing.T) {
	s := serve(t)
	front := nginx(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()

	// Each event is read before the next is said: a proxy that held back a byte
	// would hold it for ever.
	resp, err := open(ctx, front+"/demo/100%25%20of%20it", "", "")
	if err != nil {
		t.Fatal(err)
	}
	frames := make(chan frame)
	go func() {
		defer close(frames)
		readFrames(resp.Body, func(f frame) bool {
			select {
			case frames <- f:
				return true
			case <-ctx.Done():
				return false
			}
		})
		resp.Body.Close()
	}()
	next := func(event, holds string) frame {
		t.Helper()
		for f := range frames {
			if f.event != event {
				continue
			}
			if !strings.Contains(f.data, holds) {
				t.Fatalf("%s has no %s: %s", event, holds, f.data)
			}
			return f
		}
		t.Fatalf("the stream ended before a %s", event)
		return frame{}
	}
	next("hello", `"rooms":["100% of it"]`)

	// What a page sends with its fetch, from a browser that says where it comes
	// from and from one that does not.
	page := func(header ...string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, "POST", front+"/demo/100%25%20of%20it", strings.NewReader("from the page"))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	u, err := url.Parse(front)
	if err != nil {
		t.Fatal(err)
	}
	origin := u.Scheme + "://" + u.Host
	const connection = "page-7d1f3c9a5e204b86"
	var last frame
	for _, header := range [][]string{
		{"Origin", origin, "Sec-Fetch-Site", "same-origin"},
		{"Origin", origin, "Connection-ID", connection},
	} {
		if status := page(header...); status != http.StatusCreated {
			t.Errorf("a page's own POST with %q was answered %d", header, status)
			continue
		}
		last = next("message", `"room":"100% of it"`)
	}
	if status := page("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("another site's POST was answered %d", status)
	}

	// The server goes: the stream is cut, an EventSource that comes back is told to
	// come back again, and nobody's POST is taken for kept.
	s.Kill()
	for range frames {
	}
	away, err := open(ctx, front+"/demo/100%25%20of%20it", "", last.id)
	if err != nil {
		t.Fatalf("an EventSource would have given up: %v", err)
	}
	told, err := io.ReadAll(away.Body)
	away.Body.Close()
	if err != nil || string(told) != "retry: 1000\n\n" || !strings.HasPrefix(away.Header.Get("Content-Type"), "text/event-stream") {
		t.Errorf("while the server is away: %q, %s, %v", told, away.Header.Get("Content-Type"), err)
	}
	if status := page("Connection-ID", connection); status < 500 {
		t.Errorf("a POST while the server is away was answered %d", status)
	}

	// It comes back, and so does the stream, where it was.
	s.Restart()
	if status := page("Connection-ID", connection); status != http.StatusCreated {
		t.Fatalf("a POST after the restart was answered %d", status)
	}
	back, err := open(ctx, front+"/demo/100%25%20of%20it", "", last.id)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Body.Close()
	var heard []string
	err = readFrames(back.Body, func(f frame) bool {
		heard = append(heard, f.event)
		return f.event != "message"
	})
	if err != nil || strings.Join(heard, " ") != "hello message" {
		t.Errorf("after the restart the stream told %q, %v", heard, err)
	}
}
