package handlers_test

import (
	"testing"

	"parley/handlers"
)

func TestWhereARequestMayComeFrom(t *testing.T) {
	s := open(t, handlers.Options{Key: "secret", AllowOrigin: []string{"https://app.example"}, Page: page()})
	const evil = "Origin: https://evil.example"
	const navigation = "Sec-Fetch-Mode: navigate"
	for _, c := range []struct {
		name    string
		headers []string
		ok      bool
	}{
		{"neither header", nil, true},
		{"same origin", []string{"Sec-Fetch-Site: same-origin", evil}, true},
		{"typed into the bar", []string{"Sec-Fetch-Site: none"}, true},
		{"same host", []string{"Origin: http://" + s.host}, true},
		{"same host behind TLS", []string{"Host: chat.example", "Origin: https://chat.example"}, true},
		{"same host, default port", []string{"Host: chat.example:443", "Origin: https://chat.example"}, true},
		{"same host, other case", []string{"Host: Chat.example", "Origin: https://chat.example"}, true},
		{"connection ID", []string{evil, "Sec-Fetch-Site: cross-site", "Connection-ID: " + ann}, true},
		{"bearer token", []string{evil, "Sec-Fetch-Site: cross-site", "Authorization: Bearer secret"}, true},
		{"listed", []string{"Origin: https://app.example", "Sec-Fetch-Site: cross-site"}, true},

		{"another site", []string{evil, "Sec-Fetch-Site: cross-site"}, false},
		{"another origin of the site", []string{evil, "Sec-Fetch-Site: same-site"}, false},
		{"only Origin", []string{evil}, false},
		{"only Sec-Fetch-Site", []string{"Sec-Fetch-Site: cross-site"}, false},
		{"null", []string{"Origin: null"}, false},
		{"other port", []string{"Host: chat.example:8080", "Origin: https://chat.example"}, false},
		{"other scheme's port", []string{"Host: chat.example:80", "Origin: https://chat.example"}, false},
		{"not a web origin", []string{"Host: chat.example", "Origin: ftp://chat.example"}, false},
		{"host as a suffix", []string{"Host: chat.example", "Origin: https://evil-chat.example"}, false},
		{"listed, another scheme", []string{"Origin: http://app.example"}, false},
		{"listed, another port", []string{"Origin: https://app.example:8443"}, false},
		{"a proxy's Basic token, which browsers add by themselves", []string{evil, "Authorization: Basic eDp5"}, false},
		{"a navigation that is no page", []string{"Sec-Fetch-Site: cross-site", navigation, "Sec-Fetch-Dest: document", "Accept: */*"}, false},
		{"a frame", []string{"Sec-Fetch-Site: cross-site", navigation, "Sec-Fetch-Dest: iframe", "Accept: text/html"}, false},
	} {
		for _, call := range []struct {
			method, target string
			status         int
		}{
			{"POST", "/acme/lobby", 201}, {"GET", "/acme/lobby?format=json", 200},
			{"GET", "/acme/lobby/history", 200}, {"PUT", "/quiet/lobby/members/me?cid=" + ann, 404}, {"PATCH", "/quiet/-/members/me?cid=" + ann, 415},
			{"DELETE", "/quiet/-/members/me?cid=" + ann, 404},
		} {
			r := s.do(call.method, call.target, "x", c.headers...)
			switch {
			case c.ok && r.status != call.status:
				t.Errorf("%s: %s %s: %d %s", c.name, call.method, call.target, r.status, r.body)
			case !c.ok && (r.status != 403 || r.code() != "forbidden"):
				t.Errorf("%s: %s %s: %d %s, want 403", c.name, call.method, call.target, r.status, r.body)
			}
		}
	}
}

// A link to a room opens its page, wherever the link stands, and nothing else.
func TestALinkFromElsewhereOpensThePage(t *testing.T) {
	s := open(t, handlers.Options{Page: page()})
	link := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html,*/*;q=0.8"}
	s.get("/acme/lobby", link...).is(200)
	s.get("/", link...).is(200)
	s.get("/acme/lobby?format=json", link...).refused(403, "forbidden")
	s.get("/acme/lobby/history", link...).refused(403, "forbidden")
	s.post("/acme/lobby", "x", link...).refused(403, "forbidden")
	open(t, handlers.Options{}).get("/acme/lobby", link...).refused(403, "forbidden") // no page there
}

func TestCORS(t *testing.T) {
	s := open(t, handlers.Options{AllowOrigin: []string{"https://app.example", "https://b.example"}})
	const app = "Origin: https://app.example"
	for name, r := range map[string]reply{
		"answer":   s.post("/acme/lobby", "x", app).is(201),
		"stream":   s.do("HEAD", "/acme/lobby", "", app).is(200),
		"refusal":  s.post("/acme/lobby?echo=2", "x", app).refused(400, "bad-parameter"),
		"no path":  s.get("/acme/lobby/x/y", app).refused(404, "not-found"),
		"no route": s.get("/a/b/c/d/e", app).refused(404, "not-found"),
		"ended":    s.get("/acme/lobby", app, "Last-Event-ID: x!").is(204),
		"own word": s.get("/-/health", app).is(200),
	} {
		h := r.header
		if h.Get("Access-Control-Allow-Origin") != "https://app.example" ||
			h.Get("Access-Control-Expose-Headers") != "Retry-After, Idempotent-Replayed, RateLimit, RateLimit-Policy" ||
			h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %q", name, h)
		}
		if v := h.Get("Vary"); v != "Origin" && v != "Accept, Origin" {
			t.Errorf("%s: Vary %q", name, v)
		}
	}
	h := s.do("OPTIONS", "/acme/lobby", "", app, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: connection-id").is(204).header
	for name, want := range map[string]string{
		"Allow":                        "GET, HEAD, OPTIONS, POST",
		"Access-Control-Allow-Origin":  "https://app.example",
		"Access-Control-Allow-Methods": "GET, HEAD, OPTIONS, POST",
		"Access-Control-Allow-Headers": "Connection-ID, Idempotency-Key, Last-Event-ID, Content-Type, Authorization",
		"Access-Control-Max-Age":       "7200",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("preflight: %s: %q, want %q", name, got, want)
		}
	}
	for path, methods := range map[string]string{
		"/acme/-/members/me": "DELETE, OPTIONS, PATCH, PUT", "/acme/lobby/members/me": "DELETE, OPTIONS, PUT", "/acme/lobby/history": "DELETE, GET, HEAD, OPTIONS",
		"/acme/-/acks/abcd-1": "OPTIONS, POST",
	} {
		r := s.do("OPTIONS", path, "", app, "Access-Control-Request-Method: PATCH", "Access-Control-Request-Headers: content-type,connection-id,authorization").is(204)
		if got := r.header.Get("Access-Control-Allow-Methods"); got != methods {
			t.Errorf("preflight of %s: %q, want %q", path, got, methods)
		}
	}
	r := s.do("OPTIONS", "/acme/lobby", "", "Origin: https://evil.example", "Access-Control-Request-Method: POST").refused(403, "forbidden")
	if got := r.header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a stranger's preflight: %q", got)
	}
	if h := s.post("/acme/lobby", "x").is(201).header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("Vary") != "Origin" {
		t.Errorf("without an origin: %q", h)
	}

	every := open(t, handlers.Options{AllowOrigin: []string{"*"}})
	for _, origin := range []string{"https://any.example", "null"} {
		if r := every.post("/acme/lobby", "x", "Origin: "+origin).is(201); r.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("every origin: %q", r.header)
		}
	}
}
