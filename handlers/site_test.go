package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"parley/events"
	"parley/events/memlog"
	"parley/handlers"
)

// Connection IDs of three people.
const (
	ann = "ann-0123456789abcdef"
	bob = "bob-0123456789abcdef"
	cyd = "cyd-0123456789abcdef"
)

// A site is a server on a port of its own, on a log in memory.
type site struct {
	t      testing.TB
	server *handlers.Server
	host   string
	log    *transcript
	client *http.Client
}

// started gives a site that is not open yet.
func started(t testing.TB, o handlers.Options) *site {
	t.Helper()
	s := &site{t: t, log: &transcript{}}
	o.Logger = slog.New(slog.NewJSONHandler(s.log, nil))
	s.server = handlers.New(o)
	srv := httptest.NewServer(s.server.Handler())
	s.host = strings.TrimPrefix(srv.URL, "http://")
	transport := &http.Transport{DisableCompression: true}
	s.client = &http.Client{
		Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := contextWithTimeout(t)
		defer cancel()
		s.server.Drain(ctx)
		srv.Close()
	})
	return s
}

// open gives a site that is ready.
func open(t testing.TB, o handlers.Options) *site {
	t.Helper()
	s := started(t, o)
	s.server.Open(registry(t, memlog.Options{}))
	return s
}

func registry(t testing.TB, o memlog.Options) *events.Registry {
	t.Helper()
	l := memlog.New(o)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return events.NewRegistry(events.Options{Log: l})
}

// page is a small page.
func page() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"index.html":   file(`<!doctype html><base href="{{base}}"><script type="module" src="-/static/app.js"></script>`),
		"app.js":       file("export {};\n"),
		"style.css":    file("body{}\n"),
		"parley.js":    file("export class Parley {}\n"),
		"parley.d.ts":  file("export class Parley {}\n"),
		"openapi.json": file("{}\n"),
		"notes.md":     file("not served\n"),
		".hidden.js":   file("not served\n"),
		"sub/deep.js":  file("not served\n"),
	}
}

// A reply is an answer, read to its end.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// do sends a request whose target goes out byte for byte, and reads the answer.
func (s *site) do(method, target, body string, headers ...string) reply {
	s.t.Helper()
	return s.doReader(method, target, strings.NewReader(body), headers...)
}

func (s *site) doReader(method, target string, body io.Reader, headers ...string) reply {
	s.t.Helper()
	path, query, _ := strings.Cut(target, "?")
	req, err := http.NewRequest(method, "http://"+s.host+"/", body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.URL = &url.URL{Scheme: "http", Host: s.host, Opaque: path, RawQuery: query}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("%s %s: reading the answer: %v", method, target, err)
	}
	return reply{s.t, res.StatusCode, res.Header, string(got)}
}

func (s *site) get(target string, headers ...string) reply {
	s.t.Helper()
	return s.do("GET", target, "", headers...)
}

func (s *site) post(target, body string, headers ...string) reply {
	s.t.Helper()
	return s.do("POST", target, body, headers...)
}

// is checks the status.
func (r reply) is(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// refused checks a refusal: its status, its code, and that it is a problem
// document that says both.
func (r reply) refused(status int, code string) reply {
	r.t.Helper()
	if r.status != status || r.code() != code {
		r.t.Fatalf("%d %s, want %d %s: %s", r.status, r.code(), status, code, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		r.t.Fatalf("Content-Type %q", got)
	}
	return r
}

func (r reply) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal([]byte(r.body), &p)
	return p.Code
}

// An event as it comes back.
type event struct {
	ID       string
	Room     string
	To       []string
	Event    string
	From     string
	User     string
	Data     json.RawMessage
	Encoding string
	Type     string
	Time     string
}

// json reads the answer's JSON.
func (r reply) json(v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
}

// said gives the id, time and from of a post's answer.
func (r reply) said() (e event) {
	r.t.Helper()
	r.json(&e)
	return e
}

// past gives all of a room's history.
func (s *site) past(path string) []event {
	s.t.Helper()
	var h struct{ Events []event }
	s.get(path + "/history?limit=500").is(200).json(&h)
	return h.Events
}

// heard gives what a poll from the beginning tells, the server's own words left out.
func (s *site) heard(target string, headers ...string) []event {
	s.t.Helper()
	sep := "?"
	if strings.Contains(target, "?") {
		sep = "&"
	}
	var p struct{ Events []event }
	s.get(target+sep+"format=json&since=all&wait=0s", headers...).is(200).json(&p)
	return p.Events
}

// A transcript keeps what was logged.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *transcript) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines gives the records with a message.
func (l *transcript) lines(t testing.TB, msg string) (out []map[string]any) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if m["msg"] == msg {
			out = append(out, m)
		}
	}
	return out
}

// contextWithTimeout bounds what a test waits for at its end.
func contextWithTimeout(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.Background(), 10*time.Second)
}
