package handlers_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/events"
	"parley/events/memlog"
	"parley/handlers"
)

var update = flag.Bool("update", false, "write the golden files anew")

// broken is a log that can do nothing, for one reason; without one it panics.
type broken struct {
	events.Log
	err error
}

func (b broken) Append(context.Context, string, events.Batch) (events.Receipt, error) {
	if b.err == nil {
		panic("a pipe burst")
	}
	return events.Receipt{}, b.err
}

func (b broken) Read(context.Context, string, events.Query) (events.Page, error) {
	return events.Page{}, b.err
}

// on gives a site on a log that fails with err once it is open.
func on(t testing.TB, err error) *site {
	t.Helper()
	s := started(t, handlers.Options{Key: "secret"})
	l := memlog.New(memlog.Options{})
	t.Cleanup(func() { _ = l.Close() })
	s.server.Open(events.NewRegistry(events.Options{Log: broken{l, err}}))
	return s
}

func TestEveryRefusalIsAProblemDocument(t *testing.T) {
	ready := open(t, handlers.Options{Key: "secret", Page: page()})
	ready.post("/acme/lobby", "hello", "Idempotency-Key: used").is(201)
	starting := started(t, handlers.Options{})
	failed := started(t, handlers.Options{})
	failed.server.Fail(fmt.Errorf("open /var/lib/parley: permission denied"))
	full := started(t, handlers.Options{})
	full.server.Open(registry(t, memlog.Options{Keep: events.Keep{Namespaces: 1}}))
	full.post("/acme/lobby", "x").is(201)

	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		on                         *site
	}{
		{name: "bad-name-namespace", method: "GET", target: "/ACME/lobby"},
		{name: "bad-name-room", method: "GET", target: "/acme/-lobby"},
		{name: "bad-name-slash", method: "GET", target: "/acme/a%2Fb"},
		{name: "bad-name-query", method: "GET", target: "/acme?room=.."},
		{name: "not-found", method: "GET", target: "/acme/lobby/"},
		{name: "not-found-event", method: "GET", target: "/acme/lobby/history/zzzz-9"},
		{name: "method-not-allowed", method: "PATCH", target: "/acme/lobby"},
		{name: "forbidden-origin", method: "POST", target: "/acme/lobby", headers: []string{"Origin: https://evil.example"}},
		{name: "bad-id-connection", method: "GET", target: "/acme/lobby?cid=short"},
		{name: "bad-id-differing", method: "GET", target: "/acme/lobby?cid=" + ann, headers: []string{"Connection-ID: " + bob}},
		{name: "bad-id-event", method: "GET", target: "/acme/lobby/history/7"},
		{name: "unauthorized", method: "GET", target: "/acme/lobby", headers: []string{"Authorization: Bearer wrong"}},
		{name: "bad-parameter", method: "GET", target: "/acme/lobby/history?limit=501"},
		{name: "bad-parameter-twice", method: "POST", target: "/acme/lobby?echo=1&echo=1"},
		{name: "bad-parameter-query", method: "POST", target: "/acme/lobby?echo=%zz"},
		{name: "bad-event-name", method: "POST", target: "/acme/lobby?event=hello"},
		{name: "bad-event-text", method: "POST", target: "/acme/lobby", body: "\xff"},
		{name: "bad-json", method: "POST", target: "/acme/lobby", body: "{", headers: []string{"Content-Type: application/json"}},
		{name: "bad-json-line", method: "POST", target: "/acme/lobby", body: "{\"data\":1}\n{", headers: []string{"Content-Type: application/x-ndjson"}},
		{name: "no-target", method: "POST", target: "/acme"},
		{name: "not-acceptable", method: "POST", target: "/acme/lobby", headers: []string{"Accept: image/png"}},
		{name: "too-large", method: "POST", target: "/acme/lobby", body: strings.Repeat("x", 64<<10+1)},
		{name: "unsupported-type", method: "POST", target: "/acme/lobby", headers: []string{"Content-Type: text/plain; charset=latin1"}},
		{name: "key-reused", method: "POST", target: "/acme/lobby", body: "other", headers: []string{"Idempotency-Key: used"}},
		{name: "not-implemented-parameter", method: "POST", target: "/acme/lobby?ticket=x"},
		{name: "no-stream", method: "PUT", target: "/acme/lobby/members/me", headers: []string{"Connection-ID: " + ann}},
		{name: "bad-id-nobody", method: "PUT", target: "/acme/lobby/members/me"},
		{name: "bad-id-member", method: "PUT", target: "/acme/lobby/members/you", headers: []string{"Authorization: Bearer secret"}},
		{name: "bad-name-nickname", method: "GET", target: "/acme/lobby?name=%20x"},
		{name: "no-target-members", method: "DELETE", target: "/acme/-/members", headers: []string{"Authorization: Bearer secret"}},
		{name: "forbidden-manage", method: "DELETE", target: "/acme/lobby/history"},
		{name: "gone", method: "POST", target: "/acme/-/acks/abcd-1", headers: []string{"Connection-ID: " + ann}},
		{name: "bad-parameter-member", method: "PATCH", target: "/acme/-/members/me", body: `{"user":"x"}`, headers: []string{"Connection-ID: " + ann, "Content-Type: application/json"}},
		{name: "quota", method: "POST", target: "/other/lobby", body: "x", on: full},
		{name: "unavailable-starting", method: "POST", target: "/acme/lobby", on: starting},
		{name: "unavailable-failed", method: "GET", target: "/acme/lobby/history", on: failed},
		{name: "unavailable-corrupt", method: "POST", target: "/acme/lobby", on: on(t, events.Refuse(events.CodeCorrupt, "block 17 of 000004.sst"))},
		{name: "log-full", method: "POST", target: "/acme/lobby", on: on(t, events.Refuse(events.CodeLogFull, "there is no space left; nothing was stored"))},
		{name: "internal-error", method: "POST", target: "/acme/lobby", on: on(t, fmt.Errorf("a pipe burst"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.on
			if s == nil {
				s = ready
			}
			before := len(s.log.lines(t, "refused"))
			r := s.do(c.method, c.target, c.body, c.headers...)
			got := fmt.Sprintf("%d\n", r.status)
			for _, name := range []string{"Content-Type", "Allow", "WWW-Authenticate", "Cache-Control"} {
				if v := r.header.Get(name); v != "" {
					got += name + ": " + v + "\n"
				}
			}
			if r.header.Get("Retry-After") != "" {
				got += "Retry-After: some seconds\n"
			}
			golden(t, "problems/"+c.name, got+"\n"+r.body)

			lines := s.log.lines(t, "refused")[before:]
			if len(lines) != 1 || lines[0]["code"] == nil || lines[0]["status"] != float64(r.status) || lines[0]["method"] != c.method {
				t.Errorf("logged %v", lines)
			}
		})
	}
}

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", filepath.FromSlash(name)+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
	}
}

// Whatever time would mend must not be the last word for an EventSource.
func TestAnEventSourceIsToldToComeBack(t *testing.T) {
	s := started(t, handlers.Options{})
	r := s.get("/acme/lobby", "Accept: text/event-stream").is(200)
	if !strings.HasPrefix(r.body, "retry: ") || !strings.Contains(r.body, "event: bye\ndata: {\"reason\":\"busy\",\"reconnect\":true}\n\n") || strings.Contains(r.body, "id:") {
		t.Fatalf("answer %q", r.body)
	}
	if len(s.log.lines(t, "refused")) != 1 {
		t.Fatalf("logged %s", s.log)
	}
	for _, accept := range []string{"*/*", "application/json"} {
		if r := s.get("/acme/lobby", "Accept: "+accept).refused(503, "unavailable"); r.header.Get("Retry-After") == "" {
			t.Errorf("Accept %s: no Retry-After", accept)
		}
	}
	// What is wrong stays wrong, also for an EventSource.
	s.get("/acme/-bad", "Accept: text/event-stream").refused(400, "bad-name")
	s.post("/acme/lobby", "x", "Accept: text/event-stream, */*").refused(503, "unavailable")
}

func TestAPanicIsAProblemAndIsLogged(t *testing.T) {
	s := on(t, nil)
	s.post("/acme/lobby", "x").refused(500, "internal-error")
	if len(s.log.lines(t, "panic")) != 1 || len(s.log.lines(t, "refused")) != 1 {
		t.Fatalf("logged %s", s.log)
	}
	s.get("/-/health").is(200)
}

func TestNeitherPayloadNorQueryIsLogged(t *testing.T) {
	s := open(t, handlers.Options{})
	s.post("/acme/lobby?event=tick&cid="+ann, "the payload").is(201)
	s.post("/acme/lobby?cid="+ann+"&event=hello", "the payload").refused(400, "bad-event")
	s.post("/acme/lobby", "{the payload", "Content-Type: application/json", "Connection-ID: "+ann).refused(400, "bad-json")
	s.post("/acme/lobby", "x", "Authorization: Bearer the-token").refused(401, "unauthorized")
	s.get("/acme/lobby?format=json&cid=" + ann).is(200)
	log := s.log.String()
	for _, secret := range []string{"the payload", ann, "cid=", "the-token"} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log: %s", secret, log)
		}
	}
	lines := s.log.lines(t, "event published")
	if len(lines) != 1 {
		t.Fatalf("logged %s", log)
	}
	l := lines[0]
	if l["namespace"] != "acme" || l["room"] != "lobby" || l["id"] == nil || len(l["sender"].(string)) != 16 || l["bytes"] != float64(len("the payload")) {
		t.Errorf("logged %v", l)
	}
}
