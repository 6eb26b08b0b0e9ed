package handlers_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"parley/handlers"
)

func TestPathsThatAreNot(t *testing.T) {
	s := open(t, handlers.Options{Page: page()})
	for _, path := range []string{
		"/-", "/-/", "/-/lobby", "/-/health/", "/-/health/x", "/-/metrics", "/-/admin", "/-/members",
		"/acme/", "/acme/-", "/acme/-/", "/acme/-/lobby", "/acme/-/history/", "/acme/-/members/me/x",
		"/acme/lobby/", "/acme/lobby/x", "/acme/lobby/history/", "/acme/lobby/history/a-1/x", "/acme/lobby/members/a/b",
		"//", "//lobby", "/acme//", "/acme//history", "/ACME/lobby/x", "/-/static/", "/-/static", "/-/static/a/b",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "FOO"} {
			if r := s.do(method, path, ""); r.status != 404 || r.code() != "not-found" {
				t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
			}
		}
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	s := open(t, handlers.Options{})
	for _, path := range []string{
		"/ACME", "/favicon.ico", "/_acme", "/-acme", "/a%20b", "/" + strings.Repeat("a", 64), "/gr%C3%BCn",
		"/acme/%2F", "/acme/a%2Fb", "/acme/a%5Cb", "/acme/-lobby", "/acme/@ann", "/acme/*", "/acme/..", "/acme/%2E%2E", "/acme/.",
		"/acme/%20a", "/acme/a%20", "/acme/a%00b", "/acme/a%0Ab", "/acme/%FF", "/acme/a%E2%80%AEb", "/acme/a%E2%80%A8b",
		"/acme/" + strings.Repeat("a", 129), "/ACME/-/rooms", "/acme/-a/history", "/acme/a%2Fb/history", "/acme/a%2Fb/members",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "PATCH"} {
			if r := s.do(method, path, ""); r.status != 400 || r.code() != "bad-name" {
				t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
			}
		}
	}
}

func TestNamesAreUnescapedOnce(t *testing.T) {
	s := open(t, handlers.Options{})
	for _, room := range []string{
		"a.b", "a b", "100%", "%41", "%2F", "%252F", "a+b", "a?b", "a#b", "a&b=c", "a;b", "a:b", "a~b", "👋", "grün", "日本",
		"history", "members", "health", "a-", "_", "a*", "**", "...", "a'b\"c<d>", strings.Repeat("é", 64), "favicon.ico",
	} {
		path := "/acme/" + url.PathEscape(room)
		s.post(path, "by path").is(201)
		s.post("/acme?to="+url.QueryEscape(room), "by query").is(201)
		for _, target := range []string{path + "/history", "/acme/-/history?room=" + url.QueryEscape(room)} {
			var h struct{ Events []event }
			s.get(target).is(200).json(&h)
			if len(h.Events) != 2 || h.Events[0].Room != room || h.Events[1].Room != room {
				t.Errorf("%s holds %+v", target, h.Events)
			}
		}
		if n := len(s.heard("/acme?room=" + url.QueryEscape(room))); n != 2 {
			t.Errorf("?room=%s heard %d", room, n)
		}
		if n := len(s.heard(path)); n != 2 {
			t.Errorf("%s heard %d", path, n)
		}
	}
}

func TestEscapingMoreThanOneMustChangesNothing(t *testing.T) {
	s := open(t, handlers.Options{})
	s.get("/%2D/health").is(200)
	s.post("/%61cme/l%6Fbby", "x").is(201)
	if n := len(s.past("/acme/lobby")); n != 1 {
		t.Fatalf("%d events", n)
	}
	s.get("/acme/%2D/history?room=lobby").is(200)
	s.get("/acme/%2D").refused(404, "not-found")
}

func TestMethods(t *testing.T) {
	s := open(t, handlers.Options{Page: page()})
	for _, c := range []struct{ path, allow string }{
		{"/", "GET, HEAD, OPTIONS"},
		{"/-/health", "GET, HEAD, OPTIONS"},
		{"/-/ready", "GET, HEAD, OPTIONS"},
		{"/-/parley.js", "GET, HEAD, OPTIONS"},
		{"/-/static/app.js", "GET, HEAD, OPTIONS"},
		{"/acme", "GET, HEAD, OPTIONS, POST"},
		{"/acme/lobby", "GET, HEAD, OPTIONS, POST"},
		{"/acme/lobby/history", "DELETE, GET, HEAD, OPTIONS"},
		{"/acme/lobby/history/abcd-1", "DELETE, GET, HEAD, OPTIONS"},
		{"/acme/-/history", "DELETE, GET, HEAD, OPTIONS"},
		{"/acme/lobby/members", "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"/acme/lobby/members/me", "DELETE, OPTIONS, PUT"},
		{"/acme/-/members", "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"/acme/-/members/me", "DELETE, OPTIONS, PATCH, PUT"},
		{"/acme/-/members/k3x7abcdefgh2345", "DELETE, OPTIONS, PUT"},
		{"/acme/lobby/members/k3x7abcdefgh2345", "DELETE, OPTIONS, PUT"},
		{"/acme/-/rooms", "GET, HEAD, OPTIONS"},
		{"/acme/-/acks/abc", "OPTIONS, POST"},
	} {
		for _, method := range []string{"TRACE", "FOO", "QUERY", strings.Repeat("M", 200)} {
			r := s.do(method, c.path, "").refused(405, "method-not-allowed")
			if got := r.header.Get("Allow"); got != c.allow {
				t.Errorf("%s %s: Allow %q, want %q", method, c.path, got, c.allow)
			}
		}
		r := s.do("OPTIONS", c.path, "").is(204)
		if got := r.header.Get("Allow"); got != c.allow {
			t.Errorf("OPTIONS %s: Allow %q, want %q", c.path, got, c.allow)
		}
	}
}

func TestHEADStandsBesideEveryGET(t *testing.T) {
	s := open(t, handlers.Options{Page: page()})
	id := s.post("/acme/lobby", "x").is(201).said().ID
	for _, path := range []string{
		"/", "/-/health", "/-/ready", "/-/parley.js", "/-/parley.d.ts", "/-/openapi.json", "/-/static/style.css",
		"/acme/lobby/history", "/acme/lobby/history/" + id, "/acme/-/history?room=lobby", "/acme/-/history/" + id + "?room=lobby",
		"/acme/lobby?format=json", "/nobody/-/history?room=x",
		"/acme/-/members", "/acme/lobby/members", "/acme/-/members?room=lobby", "/acme/-/rooms", "/nobody/-/rooms", "/nobody/-/members",
	} {
		get, head := s.get(path), s.do("HEAD", path, "")
		if head.status != get.status || head.body != "" || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %q, GET: %d %q", path, head.status, head.header, get.status, get.header)
		}
	}
	opened := len(s.log.lines(t, "stream opened"))
	for _, path := range []string{"/acme/lobby", "/acme?room=*", "/fresh/lobby"} {
		if r := s.do("HEAD", path, "").is(200); r.header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Errorf("HEAD %s: %q", path, r.header)
		}
	}
	if now := len(s.log.lines(t, "stream opened")); now != opened {
		t.Errorf("HEAD opened %d streams", now-opened)
	}
}

func TestWhatIsNotBuiltYetSaysSo(t *testing.T) {
	s := open(t, handlers.Options{})
	for _, c := range []struct{ method, target string }{
		{"GET", "/acme/lobby?ticket=x"}, {"HEAD", "/acme/lobby?ticket=x"}, {"POST", "/acme/lobby?ticket=x"},
		{"GET", "/acme/lobby/history?ticket=x"}, {"GET", "/acme/-/members?ticket=x"}, {"PUT", "/acme/lobby/members/me?ticket=x&cid=" + ann},
	} {
		r := s.do(c.method, c.target, "")
		if r.status != 501 || c.method != "HEAD" && r.code() != "not-implemented" {
			t.Errorf("%s %s: %d %s", c.method, c.target, r.status, r.body)
		}
	}
	s.get("/acme/lobby?format=json&ticket=").is(200)
}

func TestTheOrderOfLooking(t *testing.T) {
	s := open(t, handlers.Options{Key: "secret"})
	// Everything is wrong; what is put right goes away, and the next shows.
	type ask struct{ method, path, query, accept, cid, token, origin, body string }
	wrong := ask{"FOO", "/acme/-bad", "?echo=2", "image/png", "short", "Bearer wrong", "https://evil.example", "\xff"}
	do := func(a ask) string {
		headers := []string{"Accept: " + a.accept}
		if a.token != "" {
			headers = append(headers, "Authorization: "+a.token)
		}
		if a.origin != "" {
			headers = append(headers, "Origin: "+a.origin)
		}
		query := a.query
		if a.cid != "" {
			query += "&cid=" + a.cid
		}
		r := s.do(a.method, a.path+query, a.body, headers...)
		return fmt.Sprintf("%d %s", r.status, r.code())
	}
	expect := func(want string, a ask) {
		t.Helper()
		if got := do(a); got != want {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
	}
	wrong.token = "Basic x" // a Bearer token would say where it comes from
	a := wrong
	a.path = "/acme/-bad/"
	expect("404 not-found", a)
	expect("400 bad-name", wrong)
	a = wrong
	a.path = "/acme/lobby"
	expect("405 method-not-allowed", a)
	a.method = "POST"
	expect("403 forbidden", a)
	a.origin, a.token = "", "Bearer wrong"
	expect("400 bad-id", a)
	a.cid = ann
	expect("401 unauthorized", a)
	a.token = "Bearer secret"
	expect("400 bad-parameter", a)
	a.query = "?volatile=1&ttl=1h"
	expect("400 bad-parameter", a)
	a.query = "?echo=1"
	expect("406 not-acceptable", a)
	a.accept = "*/*"
	expect("400 bad-event", a)
	a.body = "fine"
	expect("201 ", a)
}

func TestAnOpeningThatIsForGoodIsAnswered204BeforeAnythingElse(t *testing.T) {
	s := open(t, handlers.Options{Key: "secret"})
	for _, path := range []string{"/acme/lobby", "/acme", "/ACME/-bad", "/acme/lobby?format=x&cid=y"} {
		for _, method := range []string{"GET", "HEAD"} {
			r := s.do(method, path, "", "Last-Event-ID: abcd-1!", "Authorization: Bearer wrong", "Origin: https://evil.example", "Accept: image/png").is(204)
			if r.body != "" {
				t.Errorf("%s: %q", path, r.body)
			}
		}
	}
	s.post("/acme/lobby", "x", "Last-Event-ID: abcd-1!").is(201)
	s.get("/acme/lobby/history", "Last-Event-ID: abcd-1!").is(200)
	started(t, handlers.Options{}).get("/acme/lobby", "Last-Event-ID: abcd-1!", "Accept: text/event-stream").is(204)
}

func TestBasePath(t *testing.T) {
	for _, base := range []string{"/chat", "/a/b"} {
		s := open(t, handlers.Options{BasePath: base, Page: page()})
		s.post(base+"/acme/lobby", "x").is(201)
		s.post(base+"/acme/100%25", "x").is(201)
		if n := len(s.past(base + "/acme/lobby")); n != 1 {
			t.Errorf("%d events", n)
		}
		s.get(base + "/-/health").is(200)
		for _, root := range []string{base, base + "/"} {
			r := s.get(root, "Accept: text/html").is(200)
			if !strings.Contains(r.body, `<base href="`+base+`/">`) {
				t.Errorf("%s: %s", root, r.body)
			}
			if r := s.get(root).is(200); !strings.Contains(r.body, s.host+base+"/demo/lobby") {
				t.Errorf("%s: %s", root, r.body)
			}
		}
		for _, path := range []string{"/", "/acme/lobby", "/-/health", base + "ter/acme", base + "//", strings.ToUpper(base) + "/acme"} {
			s.get(path).refused(404, "not-found")
		}
	}
}
