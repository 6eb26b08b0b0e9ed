package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parley/events/memlog"
	"parley/handlers"
)

func TestLanding(t *testing.T) {
	s := open(t, handlers.Options{Page: page(), Version: "1.2.3"})
	for _, c := range []struct{ target, accept, typ, holds string }{
		{"/", "", "text/plain; charset=utf-8", "curl -N http://" + s.host + "/demo/lobby"},
		{"/", "*/*", "text/plain; charset=utf-8", "Parley 1.2.3"},
		{"/", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8", `<base href="/">`},
		{"/", "application/json", "application/json", `"version":"1.2.3"`},
		{"/?format=json", "text/html", "application/json", `"name":"parley"`},
		{"/?format=text", "text/html", "text/plain; charset=utf-8", "listen"},
		{"/?format=html", "*/*", "text/html; charset=utf-8", "<!doctype html>"},
	} {
		var headers []string
		if c.accept != "" {
			headers = append(headers, "Accept: "+c.accept)
		}
		r := s.get(c.target, headers...).is(200)
		if got := r.header.Get("Content-Type"); got != c.typ || !strings.Contains(r.body, c.holds) {
			t.Errorf("%s %q: %s: %s", c.target, c.accept, got, r.body)
		}
		if got := r.header.Get("Vary"); got != "Accept, Origin" {
			t.Errorf("Vary %q", got)
		}
	}
	s.get("/?format=xml").refused(400, "bad-parameter")
	s.get("/", "Accept: image/png").refused(406, "not-acceptable")
	var v map[string]string
	s.get("/?format=json").is(200).json(&v)

	if v["openapi"] != "/-/openapi.json" || v["script"] != "/-/parley.js" {
		t.Errorf("links %v", v)
	}

	bare := open(t, handlers.Options{})
	if r := bare.get("/?format=json"); strings.Contains(r.body, "openapi") {
		t.Errorf("without a page: %s", r.body)
	}
	if r := bare.get("/", "Accept: text/html, */*;q=0.8").is(200); !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
		t.Errorf("without a page: %q", r.header)
	}
	if r := bare.get("/", "Host: a\"<b>").is(200); strings.Contains(r.body, "\x1b") {
		t.Errorf("host: %s", r.body)
	}
}

func TestFilesOfThePage(t *testing.T) {
	s := open(t, handlers.Options{Page: page()})
	for path, typ := range map[string]string{
		"/-/parley.js":        "text/javascript; charset=utf-8",
		"/-/parley.d.ts":      "text/plain; charset=utf-8",
		"/-/openapi.json":     "application/json",
		"/-/static/app.js":    "text/javascript; charset=utf-8",
		"/-/static/style.css": "text/css; charset=utf-8",
	} {
		r := s.get(path).is(200)
		if got := r.header.Get("Content-Type"); got != typ {
			t.Errorf("%s: %s", path, got)
		}
		tag := r.header.Get("ETag")
		if tag == "" || r.header.Get("Cache-Control") != "no-cache" || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %q", path, r.header)
		}
		if again := s.get(path, "If-None-Match: "+tag).is(304); again.body != "" || again.header.Get("ETag") != tag {
			t.Errorf("%s again: %q", path, again.header)
		}
		s.get(path, `If-None-Match: "other"`).is(200)
	}
	for _, r := range []reply{s.get("/", "Accept: text/html"), s.get("/acme/lobby", "Accept: text/html"), s.get("/-/static/app.js")} {
		csp := r.is(200).header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("CSP %q has no %s", csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("CSP %q", csp)
		}
	}
	for _, path := range []string{
		"/-/static/missing.js", "/-/static/index.html", "/-/static/notes.md", "/-/static/.hidden.js", "/-/static/sub",
		"/-/static/sub%2Fdeep.js", "/-/static/..%2Fapp.js", "/-/static/..", "/-/static/%00.js", "/-/static/a%5Cb.js",
	} {
		s.get(path).refused(404, "not-found")
	}
	bare := open(t, handlers.Options{})
	for _, path := range []string{"/-/parley.js", "/-/openapi.json", "/-/static/app.js"} {
		bare.get(path).refused(404, "not-found")
	}
}

// ops asks the operator's side.
func (s *site) ops(method, path string) reply {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.server.Ops().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	body, _ := io.ReadAll(w.Result().Body)
	return reply{s.t, w.Code, w.Header(), string(body)}
}

func TestHealthAndReadiness(t *testing.T) {
	s := started(t, handlers.Options{})
	expect := func(status int, word string) {
		t.Helper()
		for _, r := range []reply{s.get("/-/ready"), s.ops("GET", "/-/ready")} {
			if r.is(status).body != `{"status":"`+word+`"}`+"\n" || (r.header.Get("Retry-After") != "") != (status == 503) {
				t.Errorf("ready: %s %q", r.body, r.header)
			}
		}
		s.get("/-/health").is(200)
		s.ops("GET", "/-/health").is(200)
	}
	expect(503, "starting")
	s.server.Open(registry(t, memlog.Options{}))
	expect(200, "ready")
	s.post("/acme/lobby", "x").is(201)
	s.server.Fail(errors.New("the disk is gone"))
	expect(503, "unavailable")
	s.post("/acme/lobby", "x").refused(503, "unavailable")
	if strings.Contains(s.post("/acme/lobby", "x").body, "disk") {
		t.Error("a stranger is told what broke")
	}
	s.server.Drain(context.Background())
	expect(503, "draining")
}

func TestDrainEndsStreamsAndLetsPostsFinish(t *testing.T) {
	s := open(t, handlers.Options{})
	res, err := http.Get("http://" + s.host + "/acme/lobby?format=ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	s.server.Drain(context.Background())
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(all)), "\n")
	var bye struct{ Event, Reason string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &bye); err != nil || bye.Event != "bye" || bye.Reason != "drain" {
		t.Fatalf("the stream ended with %s", all)
	}
	s.post("/acme/lobby", "x").is(201)
	s.get("/acme/lobby?format=json").refused(503, "unavailable")
	s.server.Drain(context.Background()) // again is nothing
}

func TestDrainBeforeTheLogIsOpen(t *testing.T) {
	s := started(t, handlers.Options{})
	s.server.Drain(context.Background())
	s.server.Open(registry(t, memlog.Options{}))
	s.get("/-/ready").is(503)
	s.post("/acme/lobby", "x").refused(503, "unavailable")
}

func TestRequestsAreCountedByWhatBecameOfThem(t *testing.T) {
	s := open(t, handlers.Options{})
	for range 3 {
		s.post("/acme/lobby", "x").is(201)
		s.post("/acme", "x").refused(400, "no-target")
	}
	s.post("/acme?to=lobby", "x").is(201)
	s.post("/acme/lobby", "x", "Connection-ID: short").refused(400, "bad-id")
	s.do("DELETE", "/acme/lobby", "").is(405)
	s.do("PATCH", "/acme/lobby", "").is(405)
	got := s.ops("GET", "/-/metrics").is(200).body
	for want, n := range map[string]int{
		`method="POST",route="/:ns/:room",status="201"`: 3, `method="POST",route="/:ns/:room",status="400"`: 1,
		`method="POST",route="/:ns",status="201"`: 1, `method="POST",route="/:ns",status="400"`: 3,
		`method="DELETE",route="/:ns/:room",status="405"`: 1, `method="PATCH",route="/:ns/:room",status="405"`: 1,
	} {
		if want := fmt.Sprintf("parley_http_requests_total{%s} %d\n", want, n); !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, `_total{kept="volatile"}`) {
		t.Error("what nobody has done is counted")
	}
}

func TestOps(t *testing.T) {
	s := open(t, handlers.Options{Version: "1.2.3"})
	s.post("/acme/lobby", "x").is(201)
	s.post("/acme/lobby?volatile=1", "x").is(202)
	s.post("/acme/-bad", "x").refused(400, "bad-name")
	s.get("/acme/secret-room/x").refused(404, "not-found")
	s.do("BREW", "/acme/lobby", "").is(405)
	r := s.ops("GET", "/-/metrics").is(200)
	for _, want := range []string{
		`parley_http_requests_total{method="POST",route="/:ns/:room",status="201"} 1`,
		`parley_http_requests_total{method="other",route="/:ns/:room",status="405"} 1`,
		`parley_http_requests_total{method="GET",route="",status="404"} 1`,
		`parley_refused_total{code="bad-name"} 1`,
		`parley_events_published_total{kept="kept"} 1`,
		`parley_events_published_total{kept="volatile"} 1`,
		`parley_streams 0`, `parley_ready 1`, `parley_build_info{version="1.2.3"} 1`, "go_goroutines",
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("no %s in\n%s", want, r.body)
		}
	}
	if strings.Contains(r.body, "secret-room") || strings.Contains(r.body, "acme") {
		t.Error("a stranger's name is in the metrics")
	}
	for _, path := range []string{"/-/admin", "/-/admin/rooms"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			s.ops(method, path).refused(501, "not-implemented")
		}
	}
	for _, path := range []string{"/", "/acme/lobby", "/-/parley.js", "/-/metrics/"} {
		s.ops("GET", path).refused(404, "not-found")
	}
	s.ops("POST", "/-/metrics").refused(405, "method-not-allowed")
}
