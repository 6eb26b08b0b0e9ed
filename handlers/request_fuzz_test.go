package handlers_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/events"
	"parley/events/memlog"
	"parley/handlers"
)

// A bench is a server without a socket, whose log is new for every input.
type bench struct {
	server *handlers.Server
}

func newBench() bench {
	return bench{handlers.New(handlers.Options{Logger: slog.New(slog.DiscardHandler)})}
}

func (g bench) fresh(t testing.TB) {
	g.server.Open(registry(t, memlog.Options{}))
}

// ask answers a request; ok is false for one that no server would be shown.
// Nothing that a stranger sends is a defect of ours.
func (g bench) ask(t *testing.T, method, uri, body string, header http.Header) (r reply, ok bool) {
	t.Helper()
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return reply{}, false
	}
	req := httptest.NewRequest(method, "/", strings.NewReader(body))
	req.URL, req.RequestURI = u, uri
	for k, v := range header {
		req.Header[k] = v
	}
	w := httptest.NewRecorder()
	g.server.Handler().ServeHTTP(w, req)
	got, _ := io.ReadAll(w.Result().Body)
	if w.Code >= 500 && w.Code != http.StatusNotImplemented {
		t.Fatalf("%s %q: %d %s", method, uri, w.Code, got)
	}
	return reply{t, w.Code, w.Header(), string(got)}, true
}

// half fails unless at least half of a corpus of seeds is accepted: one that is
// refused at the door tests the door.
func half[S any](t *testing.T, seeds []S, check func(*testing.T, bench, S) bool) {
	t.Helper()
	g, accepted := newBench(), 0
	for _, s := range seeds {
		if check(t, g, s) {
			accepted++
		}
	}
	if accepted*2 < len(seeds) {
		t.Fatalf("%d of %d seeds are accepted", accepted, len(seeds))
	}
}

type names struct{ ns, room string }

var nameSeeds = []names{
	{"acme", "lobby"}, {"a", "a.b"}, {"a-_9", "100%"}, {"acme", "%2F"}, {"acme", "a b"}, {"acme", "👋"}, {"acme", "history"},
	{"acme", "a+b&c=d?e#f;g"}, {"acme", "grün"}, {"0", "..."}, {"acme", "-"}, {"ACME", "x"}, {"acme", "a/b"}, {"acme", ".."}, {"", ""},
	{"acme", "\xff"}, {"acme", "a\u202eb"}, {"-", "health"}, {"acme", "*"},
}

// What is posted under a name is read back under it, through the path and through
// the query, whichever it was posted through.
func FuzzNames(f *testing.F) {
	for _, s := range nameSeeds {
		f.Add(s.ns, s.room)
	}
	g := newBench()
	f.Fuzz(func(t *testing.T, ns, room string) { checkNames(t, g, names{ns, room}) })
}

func TestNameSeeds(t *testing.T) { half(t, nameSeeds, checkNames) }

func checkNames(t *testing.T, g bench, n names) bool {
	g.fresh(t)
	path := "/" + url.PathEscape(n.ns)
	room := events.CheckRoom(n.room) == nil
	valid := room && events.CheckNamespace(n.ns) == nil
	target := room || events.CheckTarget(n.room) == nil // a query names members and everyone too
	for _, to := range []string{path + "/" + url.PathEscape(n.room), path + "?to=" + url.QueryEscape(n.room)} {
		r, ok := g.ask(t, "POST", to, to, nil)
		switch {
		case valid && (!ok || r.status != 201):
			t.Fatalf("%s: %d %s", to, r.status, r.body)
		case !valid && !target && ok && r.status == 201:
			t.Fatalf("%s is taken", to)
		}
	}
	if !valid {
		return false
	}
	for _, from := range []string{path + "/" + url.PathEscape(n.room) + "/history", path + "/-/history?room=" + url.QueryEscape(n.room)} {
		var h struct{ Events []event }
		r, _ := g.ask(t, "GET", from, "", nil)
		r.json(&h)
		if len(h.Events) != 2 || h.Events[0].Room != n.room || h.Events[1].Room != n.room {
			t.Fatalf("%s: %s", from, r.body)
		}
	}
	return true
}

type posted struct{ typ, body string }

var bodySeeds = []posted{
	{"", "hello"}, {"text/plain", "a\r\nb\x00"}, {"text/plain; charset=utf-8", "👋"}, {"application/json", `{"a":[1.0,1e40],"b":null}`},
	{"application/json", `"\ud83d\udc4b"`}, {"application/x-www-form-urlencoded", "a=b"}, {"image/png", "\x89PNG"}, {"application/x-y; z=1", ""},
	{"application/x-ndjson", "{\"data\":1}\n{\"event\":\"x\",\"data\":2,\"ttl\":\"1h\"}"},
	{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=data\r\n\r\nx\r\n--b--\r\n"},
	{"application/json", `"\ud800"`}, {"text/plain", "\xff"}, {"text/plain; charset=latin1", "x"}, {"x", "x"}, {"application/x-ndjson", "{"},
}

// Every payload comes back as it was, and one that is refused is not there.
func FuzzBodies(f *testing.F) {
	for _, s := range bodySeeds {
		f.Add(s.typ, s.body)
	}
	g := newBench()
	f.Fuzz(func(t *testing.T, typ, body string) { checkBody(t, g, posted{typ, body}) })
}

func TestBodySeeds(t *testing.T) { half(t, bodySeeds, checkBody) }

func checkBody(t *testing.T, g bench, p posted) bool {
	g.fresh(t)
	r, _ := g.ask(t, "POST", "/acme/lobby", p.body, http.Header{"Content-Type": {p.typ}})
	past, _ := g.ask(t, "GET", "/acme/lobby/history", "", nil)
	var h struct{ Events []event }
	past.json(&h)
	if r.status != 201 {
		if len(h.Events) != 0 {
			t.Fatalf("%d and kept: %s", r.status, past.body)
		}
		return false
	}
	e := h.Events[0]
	media, _, _ := mime.ParseMediaType(p.typ)
	switch {
	case media == "application/x-ndjson", media == "multipart/form-data":
	case media == "application/json":
		if a, b := value(t, []byte(p.body)), value(t, e.Data); !reflect.DeepEqual(a, b) {
			t.Fatalf("%s came back as %s", p.body, e.Data)
		}
	case e.Encoding == "base64":
		got, err := base64.StdEncoding.DecodeString(text(t, e.Data))
		if err != nil || string(got) != p.body || !utf8.ValidString(e.Type) {
			t.Fatalf("%q came back as %q, %v", p.body, got, err)
		}
	default:
		if got := text(t, e.Data); got != p.body {
			t.Fatalf("%q came back as %q", p.body, got)
		}
	}
	return true
}

// value reads JSON with its numbers as they are written.
func value(t *testing.T, raw []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%q is no JSON: %v", raw, err)
	}
	return v
}

func text(t *testing.T, raw []byte) (s string) {
	t.Helper()
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%q is no JSON string: %v", raw, err)
	}
	return s
}

var querySeeds = []string{
	"", "echo=1", "event=x&ttl=1h", "volatile=1", "except=a&except=@aaaaaaaaaaaaaaaa", "utm=1", "cid=" + ann, "since=all", "last=20",
	"limit=5&before=&after=", "ack=5s", "presence=1&name=Ann", "in=a&in=*&except=b", "after=a&limit=1000", "since=x", "ttl=-1s", "%zz", "a;b", "limit=0", "echo=1&echo=1", "room=a&room=*",
}

// No query is a defect, wherever it stands.
func FuzzQueries(f *testing.F) {
	for _, s := range querySeeds {
		f.Add(s)
	}
	g := newBench()
	f.Fuzz(func(t *testing.T, query string) { checkQuery(t, g, query) })
}

func TestQuerySeeds(t *testing.T) { half(t, querySeeds, checkQuery) }

// checkQuery reports whether anything took the query.
func checkQuery(t *testing.T, g bench, query string) (taken bool) {
	g.fresh(t)
	for _, c := range [][2]string{
		{"POST", "/acme/lobby?"}, {"POST", "/acme?"}, {"POST", "/acme?to=a&"}, {"HEAD", "/acme/lobby?"}, {"HEAD", "/acme?"},
		{"GET", "/acme/lobby/history?"}, {"GET", "/acme/-/history?room=a&"}, {"GET", "/acme/lobby/history/abcd-1?"}, {"GET", "/?"}, {"GET", "/-/ready?"},
		{"GET", "/acme/-/members?"}, {"GET", "/acme/a/members?"}, {"GET", "/acme/-/rooms?"}, {"PUT", "/acme/-/members/me?"}, {"DELETE", "/acme/-/members?"},
		{"DELETE", "/acme/a/history?"}, {"POST", "/acme/-/acks/abcd-1?"},
	} {
		r, ok := g.ask(t, c[0], c[1]+query, "x", nil)
		if ok && r.status < 300 && strings.HasPrefix(c[1], "/acme") {
			taken = true
		}
	}
	return taken
}

type connection struct{ header, query string }

var connectionSeeds = []connection{
	{ann, ""}, {"", ann}, {ann, ann}, {strings.Repeat("Z", 64), ""}, {"", "0123456789_-abcd"},
	{ann, bob}, {"short", ""}, {"", "%FF"}, {"gr\xfcn-0123456789abcdef", ""},
}

// A connection ID names one member, however it is given; two that differ name none.
func FuzzConnectionIDs(f *testing.F) {
	for _, s := range connectionSeeds {
		f.Add(s.header, s.query)
	}
	g := newBench()
	f.Fuzz(func(t *testing.T, header, query string) { checkConnection(t, g, connection{header, query}) })
}

func TestConnectionIDSeeds(t *testing.T) { half(t, connectionSeeds, checkConnection) }

func checkConnection(t *testing.T, g bench, c connection) bool {
	g.fresh(t)
	uri, h := "/acme/lobby", http.Header{}
	good := true
	for _, id := range []string{c.header, c.query} {
		good = good && (id == "" || events.CheckConnectionID(id) == nil)
	}
	if c.query != "" {
		uri += "?cid=" + url.QueryEscape(c.query)
	}
	if c.header != "" {
		h.Set("Connection-ID", c.header)
		good = good && (c.query == "" || c.query == c.header)
	}
	r, _ := g.ask(t, "POST", uri, "x", h)
	if good != (r.status == 201) || !good && (r.status != 400 || r.code() != "bad-id") {
		t.Fatalf("%q: %d %s", c, r.status, r.body)
	}
	if id := c.header + c.query; len(id) >= events.MinConnectionID && strings.Contains(r.body, id) {
		t.Fatalf("the answer tells the connection ID: %s", r.body)
	}
	return good
}

var pathSeeds = []string{
	"/acme/lobby", "/acme/100%25", "/acme/a%20b", "/-/health", "/%2D/health", "/acme/lobby/history", "/acme?to=a", "/",
	"/acme/-/x", "/acme/", "//", "/acme/%2F", "/acme/..", "/acme/lobby/members/me", "/acme/*",
}

// No path is a defect.
func FuzzPaths(f *testing.F) {
	for _, s := range pathSeeds {
		f.Add(s)
	}
	g := newBench()
	f.Fuzz(func(t *testing.T, path string) { checkPath(t, g, path) })
}

func TestPathSeeds(t *testing.T) { half(t, pathSeeds, checkPath) }

func checkPath(t *testing.T, g bench, path string) (taken bool) {
	g.fresh(t)
	for _, method := range []string{"POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"} {
		r, ok := g.ask(t, method, path, "x", nil)
		if ok && r.status < 300 {
			taken = true
		}
	}
	return taken
}
