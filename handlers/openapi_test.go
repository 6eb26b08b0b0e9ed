package handlers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"parley/events"
	"parley/events/memlog"
	"parley/handlers"
)

// described reads the server's description of itself.
func described(t testing.TB) document {
	t.Helper()
	raw, err := os.ReadFile("../static/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// An operation is a method on a path of the document.
type operation struct{ method, path string }

func (o operation) String() string { return o.method + " " + o.path }

// operations gives all that the document describes.
func (d document) operations(t testing.TB) map[operation]map[string]any {
	out := map[operation]map[string]any{}
	for path, item := range d.at(t, "paths") {
		for word, op := range item.(map[string]any) {
			if word != "parameters" {
				out[operation{strings.ToUpper(word), path}] = op.(map[string]any)
			}
		}
	}
	return out
}

// parameters gives the parameters of an operation, those of its path with them.
func (d document) parameters(t testing.TB, o operation) (out []map[string]any) {
	item := d.at(t, "paths", o.path)
	op := item[strings.ToLower(o.method)].(map[string]any)
	for _, p := range slices.Concat(list(item["parameters"]), list(op["parameters"])) {
		out = append(out, d.deref(p))
	}
	return out
}

// The route table and the document name the same paths and methods.
func TestTheDocumentDescribesTheRoutes(t *testing.T) {
	d := described(t)
	told := map[string][]string{}
	for o := range d.operations(t) {
		told[o.path] = append(told[o.path], o.method)
	}
	route := strings.NewReplacer(":ns", "{ns}", ":room", "{room}", ":member", "{member}", ":id", "{id}", ":file", "{file}")
	for path, methods := range handlers.PublicRoutes() {
		name := route.Replace(path)
		if got := told[name]; fmt.Sprint(sorted(got)) != fmt.Sprint(sorted(methods)) {
			t.Errorf("%s has %v, and the document says %v", name, sorted(methods), sorted(got))
		}
		delete(told, name)
		for _, p := range strings.Split(name, "/") {
			p, isParam := strings.CutPrefix(p, "{")
			p = strings.TrimSuffix(p, "}")
			if isParam && !slices.ContainsFunc(list(d.at(t, "paths", name)["parameters"]), func(v any) bool { return d.deref(v)["name"] == p }) {
				t.Errorf("%s does not describe %s", name, p)
			}
		}
	}
	for path := range told {
		t.Errorf("%s is described and not there", path)
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// Every code that a refusal can have is in the document, and no other.
func TestTheDocumentKnowsTheCodes(t *testing.T) {
	d := described(t)
	told := map[string]bool{}
	for _, c := range list(d.deref(d.at(t, "components", "schemas", "Problem", "properties", "code"))["enum"]) {
		told[c.(string)] = true
	}
	for status, codes := range handlers.Codes() {
		for _, code := range codes {
			if !told[code] {
				t.Errorf("%d %s is not described", status, code)
			}
			delete(told, code)
		}
	}
	delete(told, "rate-limited") // promised
	for code := range told {
		t.Errorf("%s is described and nothing answers with it", code)
	}
}

// A question is a request that the document describes.
type question struct {
	query, body string
	headers     []string
	path        map[string]string // for parameters, before the usual ones
	on          *site
}

// An examiner asks a server what its document describes, and notes what it saw.
type examiner struct {
	t    *testing.T
	d    document
	ops  map[operation]map[string]any
	site *site
	path map[string]string // what parameters of a path are
	seen map[string]bool   // "GET /x 200 text/plain"
}

// ask sends a question and holds the answer to the document.
func (x *examiner) ask(o operation, q question, status int) reply {
	x.t.Helper()
	s := q.on
	if s == nil {
		s = x.site
	}
	path := o.path
	for _, values := range []map[string]string{q.path, x.path} {
		for name, value := range values {
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
		}
	}
	if q.query != "" {
		path += "?" + q.query
	}
	r := s.do(o.method, path, q.body, q.headers...)
	if r.status != status {
		x.t.Errorf("%s %s %q: %d, want %d: %s", o.method, path, q.headers, r.status, status, r.body)
		return r
	}
	x.hold(o, r)
	return r
}

// hold checks an answer against the document: its status, type, headers and body.
func (x *examiner) hold(o operation, r reply) {
	x.t.Helper()
	answers := x.ops[o]["responses"].(map[string]any)
	said, ok := answers[strconv.Itoa(r.status)]
	if !ok {
		x.t.Errorf("%s answers %d, which is not described", o, r.status)
		return
	}
	answer := x.d.deref(said)
	for name := range x.d.deref(answer["headers"]) {
		if r.header.Get(name) == "" && name != "Idempotent-Replayed" {
			x.t.Errorf("%s %d comes without %s", o, r.status, name)
		}
	}
	note := fmt.Sprint(o, " ", r.status)
	if o.method == "HEAD" || answer["content"] == nil {
		if r.body != "" {
			x.t.Errorf("%s is described without a body: %s", note, r.body)
		}
		x.seen[note] = true
		return
	}
	media, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	content, ok := answer["content"].(map[string]any)[media].(map[string]any)
	if !ok {
		x.t.Errorf("%s is %q, which is not described", note, media)
		return
	}
	x.seen[note+" "+media] = true
	if err := x.d.holds(media, content["schema"], r.body); err != nil {
		x.t.Errorf("%s %s: %v: %s", note, media, err, r.body)
	}
	if codes := list(answer["x-codes"]); codes != nil && !slices.Contains(codes, any(r.code())) {
		x.t.Errorf("%s: %s is none of %v", note, r.code(), codes)
	}
}

// holds checks a body of a media type against its schema.
func (d document) holds(media string, schema any, body string) error {
	var v any = body
	if strings.HasSuffix(media, "json") && media != "application/x-ndjson" {
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			return err
		}
	}
	if err := d.fits(schema, v); err != nil {
		return err
	}
	s := d.deref(schema)
	switch media {
	case "text/event-stream":
		for _, e := range newSSEParser(strings.NewReader(body)).all() {
			if err := d.holdsEvent(s["x-events"].(map[string]any), e); err != nil {
				return err
			}
		}
	case "application/x-ndjson":
		for line := range strings.Lines(body) {
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				return err
			}
			if err := d.fits(s["x-line"], v); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		}
	}
	return nil
}

func (d document) holdsEvent(schemas map[string]any, e sseEvent) error {
	schema, ok := schemas[e.name]
	if !ok {
		schema = schemas["*"]
	}
	var v any
	if err := json.Unmarshal([]byte(e.data), &v); err != nil {
		return err
	}
	if err := d.fits(schema, v); err != nil {
		return fmt.Errorf("%s %s: %w", e.name, e.data, err)
	}
	return nil
}

// A fullLog has no room left, once it is told so.
type fullLog struct {
	events.Log
	full atomic.Bool
}

func (l *fullLog) Append(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
	if l.full.Load() {
		return events.Receipt{}, events.Refuse(events.CodeLogFull, "there is no space left")
	}
	return l.Log.Append(ctx, ns, b)
}

func (l *fullLog) Erase(ctx context.Context, ns string, e events.Erasure) (events.Receipt, error) {
	if l.full.Load() {
		return events.Receipt{}, events.Refuse(events.CodeLogFull, "there is no space left")
	}
	return l.Log.Erase(ctx, ns, e)
}

const (
	secret   = "Authorization: Bearer secret"
	asJSON   = "Content-Type: application/json"
	anything = "Accept: */*"
)

// opened gives a site on a registry of its own making.
func opened(t testing.TB, o events.Options) *site {
	t.Helper()
	if o.Log == nil {
		l := memlog.New(memlog.Options{})
		t.Cleanup(func() { _ = l.Close() })
		o.Log = l
	}
	s := started(t, handlers.Options{Key: "secret", Page: page()})
	s.server.Open(events.NewRegistry(o))
	return s
}

// Every answer that the document describes is given by a server, and every answer
// given is as it is described.
func TestEveryDescribedAnswer(t *testing.T) {
	log := &fullLog{Log: memlog.New(memlog.Options{})}
	defer log.Close()
	s := opened(t, events.Options{Log: log})
	x := &examiner{t: t, d: described(t), site: s, seen: map[string]bool{}}
	x.ops = x.d.operations(t)

	kept := s.post("/demo/lobby", "hello", "Connection-ID: "+ann).is(201).said()
	bobs := s.post("/demo/lobby", "hello", "Connection-ID: "+bob).is(201).said().From
	x.path = map[string]string{"ns": "demo", "room": "lobby", "id": kept.ID, "member": bobs, "file": "app.js"}
	at := func(method, path string) operation { return operation{method, path} }
	attend := func(on *site, cid string) { // a poll makes a member, for the grace
		on.get("/demo/lobby?format=json&cid=" + cid).is(200)
	}
	attend(s, ann)
	attend(s, bob)

	// One good request for each operation. Members are there for as long as these take.
	cid := "cid=" + ann
	good := map[operation]question{}
	for o := range x.ops {
		q := question{headers: []string{anything}}
		manage := strings.HasPrefix(o.path, "/{ns}") && (o.method == "PUT" || o.method == "DELETE")
		switch {
		case strings.HasSuffix(o.path, "/me"):
			q.query = cid
		case manage:
			q.headers = append(q.headers, secret)
		}
		for _, p := range x.d.parameters(t, o) {
			if p["in"] == "query" && p["required"] == true {
				q.query += "&" + p["name"].(string) + "=lobby"
			}
		}
		switch {
		case o.method == "GET" && (o.path == "/{ns}" || o.path == "/{ns}/{room}"):
			q.headers = []string{"Accept: application/json"}
		case o.method == "PATCH":
			q.body, q.headers = `{"name":"Ann"}`, []string{asJSON}
		case o.method == "POST":
			q.body = "words"
		}
		if strings.HasSuffix(o.path, "/acks/{id}") {
			q.query = "cid=" + bob
		}
		q.query = strings.TrimPrefix(q.query, "&")
		good[o] = q
	}

	t.Run("refusals", func(t *testing.T) {
		x := *x
		x.t = t
		starting := started(t, handlers.Options{Key: "secret", Page: page()})
		closed := opened(t, events.Options{Settings: func(string) (events.Settings, bool) { return events.Settings{}, false }})
		for o, op := range x.ops {
			if !strings.HasPrefix(o.path, "/{ns}") || o.method == "HEAD" {
				continue
			}
			q := good[o]
			and := func(query string, headers ...string) question {
				n := q
				n.query = strings.Trim(q.query+"&"+query, "&")
				n.headers = slices.Concat(q.headers, headers)
				return n
			}
			without := func(header string) []string {
				return slices.DeleteFunc(slices.Clone(q.headers), func(h string) bool { return h == header })
			}
			x.ask(o, and("", "Connection-ID: short"), 400)
			x.ask(o, and("ticket=x"), 501)
			n := q
			n.headers = append(without(secret), "Authorization: Bearer wrong")
			x.ask(o, n, 401)
			n.headers = append(without(secret), "Origin: https://evil.example")
			x.ask(o, n, 403)
			n = q
			n.on = starting
			x.ask(o, n, 503)
			n.on = closed
			x.ask(o, n, 404)
			if _, told := op["responses"].(map[string]any)["406"]; told {
				n = q
				n.headers = append(slices.DeleteFunc(slices.Clone(q.headers), func(h string) bool { return strings.HasPrefix(h, "Accept") }), "Accept: image/png")
				x.ask(o, n, 406)
			}
		}
	})

	t.Run("listening", func(t *testing.T) {
		x := *x
		x.t = t
		for path, format := range map[string]string{"/{ns}": "sse", "/{ns}/{room}": "ndjson"} {
			x.listens(at("GET", path), format)
			x.listens(at("GET", path), map[string]string{"sse": "ndjson", "ndjson": "sse"}[format])
			x.ask(at("GET", path), question{query: "format=json&presence=1&since=zzzz-1&wait=0s"}, 200)
			x.ask(at("GET", path), question{headers: []string{"Accept: text/html"}}, 200)
			x.ask(at("GET", path), question{headers: []string{"Last-Event-ID: abcd-1!"}}, 204)
			x.listens(at("GET", path), "text")
		}
		x.ask(at("GET", "/"), question{headers: []string{anything}}, 200)
		x.ask(at("GET", "/"), question{query: "format=json"}, 200)
		x.ask(at("GET", "/"), question{query: "format=html"}, 200)
		x.ask(at("GET", "/"), question{query: "format=xml"}, 400)
		x.ask(at("GET", "/"), question{headers: []string{"Accept: image/png"}}, 406)
		x.ask(at("GET", "/-/ready"), question{}, 200)
		x.ask(at("GET", "/-/ready"), question{on: started(t, handlers.Options{})}, 503)
		x.ask(at("GET", "/-/health"), question{}, 200)
		for _, path := range []string{"/-/parley.js", "/-/parley.d.ts", "/-/openapi.json", "/-/static/{file}"} {
			r := x.ask(at("GET", path), question{on: served(t)}, 200)
			x.ask(at("GET", path), question{on: served(t), headers: []string{"If-None-Match: " + r.header.Get("ETag")}}, 304)
		}
		x.ask(at("GET", "/-/static/{file}"), question{path: map[string]string{"file": "none.js"}}, 404)
		x.path = maps.Clone(x.path)
		x.path["id"] = s.post("/demo/lobby", "not erased").is(201).said().ID
		for o := range x.ops {
			if o.method == "HEAD" {
				q := good[o]
				q.on = served(t)
				if strings.Contains(o.path, "{id}") {
					q.on = s
				}
				x.ask(o, q, 200)
			}
		}
	})

	t.Run("sending", func(t *testing.T) {
		x := *x
		x.t = t
		crowded := opened(t, events.Options{Log: limited(t)})
		crowded.post("/first/lobby", "x").is(201)
		for path, to := range map[string]string{"/{ns}": "to=lobby", "/{ns}/{room}": ""} {
			post := at("POST", path)
			x.ask(post, question{query: to, body: "kept"}, 201)
			x.ask(post, question{query: to, body: "{\"data\":1}\n{\"data\":2}", headers: []string{"Content-Type: application/x-ndjson"}}, 201)
			x.ask(post, question{query: to + "&volatile=1", body: "not kept"}, 202)
			x.ask(post, question{query: to + "&ack=1ms", body: "anybody?"}, 200)
			x.ask(post, question{query: to + "&ack=1ms&volatile=1", body: "anybody?"}, 200)
			key := []string{"Idempotency-Key: " + strings.ReplaceAll(path, "/", "-")}
			x.ask(post, question{query: to, body: "once", headers: key}, 201)
			if r := x.ask(post, question{query: to, body: "once", headers: key}, 201); r.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("a repeat: %q", r.header)
			}
			x.ask(post, question{query: to, body: "other", headers: key}, 422)
			x.ask(post, question{query: to, body: strings.Repeat("x", 64<<10+1)}, 413)
			x.ask(post, question{query: to, headers: []string{"Content-Type: text/plain; charset=latin1"}}, 415)
			x.ask(post, question{query: to, on: crowded}, 429)
			x.ask(at("GET", path), question{query: "format=json", on: crowded}, 429)
			log.full.Store(true)
			x.ask(post, question{query: to, body: "no room"}, 507)
			log.full.Store(false)
		}

		ack := at("POST", "/{ns}/-/acks/{id}")
		asked := make(chan string, 1)
		answered := make(chan reply, 1)
		go x.first("/demo/lobby?format=ndjson&cid="+bob, asked)
		<-asked // hello
		go func() { answered <- s.post("/demo/lobby?ack=20s&cid="+ann, "how are you?") }()
		id := <-asked
		x.ask(ack, question{path: map[string]string{"id": id}, query: "cid=" + cyd}, 403)
		x.ask(ack, question{path: map[string]string{"id": id}, query: "cid=" + bob, body: `{"fine":true}`, headers: []string{asJSON}}, 204)
		x.ask(ack, question{path: map[string]string{"id": id}, query: "cid=" + bob}, 204)
		x.hold(at("POST", "/{ns}/{room}"), <-answered)
		x.ask(ack, good[ack], 410)
		x.ask(ack, question{query: cid, body: strings.Repeat("x", 64<<10+1)}, 413)
		x.ask(ack, question{query: cid, headers: []string{"Content-Type: application/x-ndjson"}}, 415)
	})

	t.Run("members", func(t *testing.T) {
		x := *x
		x.t = t
		attend(s, ann)
		attend(s, bob)
		for _, o := range slices.SortedFunc(maps.Keys(x.ops), func(a, b operation) int { return strings.Compare(b.String(), a.String()) }) {
			if !strings.Contains(o.path, "/members") && !strings.HasSuffix(o.path, "/rooms") || o.method == "HEAD" {
				continue
			}
			attend(s, ann)
			attend(s, bob)
			x.ask(o, good[o], 200)
			if o.method == "DELETE" && strings.HasPrefix(o.path, "/{ns}/-/") {
				attend(s, ann)
				attend(s, bob)
				q := good[o]
				q.query += "&room=lobby"
				x.ask(o, q, 200)
			}
		}
		full := opened(t, events.Options{Settings: func(string) (events.Settings, bool) { return events.Settings{Rooms: 1}, true }})
		attend(full, ann)
		x2 := x
		x2.path = maps.Clone(x.path)
		var there struct{ Members []struct{ ID string } }
		full.get("/demo/-/members").is(200).json(&there)
		x2.path["member"], x2.path["room"] = there.Members[0].ID, "second"
		for o := range x.ops {
			if o.method == "PUT" {
				attend(full, ann)
				q := good[o]
				q.on, q.query = full, strings.ReplaceAll(q.query, "room=lobby", "room=second")
				x2.ask(o, q, 429)
			}
		}
		patch := at("PATCH", "/{ns}/-/members/me")
		attend(s, ann)
		x.ask(patch, question{query: cid, body: `{"name":null,"data":[1]}`, headers: []string{asJSON}}, 200)
		x.ask(patch, question{query: cid, body: `{"data":"` + strings.Repeat("x", 4<<10) + `"}`, headers: []string{asJSON}}, 413)
		x.ask(patch, question{query: cid, body: `x`}, 415)
		x.ask(patch, question{query: "cid=" + cyd + cyd, body: `{}`, headers: []string{asJSON}}, 404)
	})

	t.Run("history", func(t *testing.T) {
		x := *x
		x.t, x.path = t, maps.Clone(x.path)
		for _, path := range []string{"/{ns}/{room}/history/{id}", "/{ns}/-/history/{id}", "/{ns}/{room}/history", "/{ns}/-/history"} {
			x.path["id"] = s.post("/demo/lobby", "to be erased", "Connection-ID: "+ann).is(201).said().ID
			x.ask(at("GET", path), good[at("GET", path)], 200)
			log.full.Store(true)
			x.ask(at("DELETE", path), good[at("DELETE", path)], 507)
			log.full.Store(false)
			x.ask(at("DELETE", path), good[at("DELETE", path)], 200)
		}
	})

	for o, op := range x.ops {
		for status, said := range op["responses"].(map[string]any) {
			if status == "default" {
				continue
			}
			content, _ := x.d.deref(said)["content"].(map[string]any)
			if len(content) == 0 || o.method == "HEAD" {
				content = map[string]any{"": nil}
			}
			for media := range content {
				if want := strings.TrimSpace(fmt.Sprint(o, " ", status, " ", media)); !x.seen[want] {
					t.Errorf("%s is described, and was never seen", want)
				}
			}
		}
	}
}

// limited gives a log with room for one namespace.
func limited(t testing.TB) events.Log {
	l := memlog.New(memlog.Options{Keep: events.Keep{Namespaces: 1}})
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// served gives a site with the page's own files as they are.
func served(t testing.TB) *site {
	t.Helper()
	s := started(t, handlers.Options{Page: os.DirFS("../static")})
	s.server.Open(registry(t, memlog.Options{}))
	return s
}

// listens opens a stream, has everything happen on it that can, until it is sent
// away, and holds all of it to the document.
func (x *examiner) listens(o operation, format string) {
	x.t.Helper()
	s, target := x.site, "/demo?room=lobby&"
	if o.path == "/{ns}/{room}" {
		target = "/demo/lobby?"
	}
	const listener = "listener-0123456789"
	res, err := http.Get("http://" + s.host + target + "since=zzzz-1&presence=1&name=Lis&format=" + format + "&cid=" + listener)
	if err != nil {
		x.t.Fatal(err)
	}
	defer res.Body.Close()
	in := bufio.NewReader(res.Body)
	var all strings.Builder
	upto := func(word string) {
		for {
			line, err := in.ReadString('\n')
			all.WriteString(line)
			if err != nil || strings.Contains(line, word) {
				return
			}
		}
	}
	upto("gap")
	s.do("PUT", "/demo/kitchen/members/me?cid="+listener, "").is(200)
	upto("kitchen")
	id := s.post("/demo/lobby?event=note", "in the lobby", "Connection-ID: "+ann).is(201).said().ID
	s.post("/demo?to=lobby&to=*&ack=1ms", "\x00", "Content-Type: image/png").is(200)
	s.do("DELETE", "/demo/lobby/history/"+id, "", secret).is(200)
	s.do("DELETE", "/demo/lobby/history", "", secret).is(200)
	upto("upto")
	s.do("DELETE", "/demo/-/members/me?cid="+listener, "").is(200)
	rest, err := io.ReadAll(in)
	if err != nil {
		x.t.Fatal(err)
	}
	all.Write(rest)
	for _, word := range []string{"rooms", "presence", "gap", "note", "erased", "bye"} {
		if format != "text" && !strings.Contains(all.String(), word) {
			x.t.Errorf("%s: no %s in %s", format, word, all.String())
		}
	}
	x.hold(o, reply{x.t, res.StatusCode, res.Header, all.String()})
}

// first tells the id of each line of a stream that has one, until two have come.
func (x *examiner) first(target string, ids chan<- string) {
	res, err := http.Get("http://" + x.site.host + target)
	if err != nil {
		close(ids)
		return
	}
	defer res.Body.Close()
	dec := json.NewDecoder(res.Body)
	for range 2 {
		var e struct{ ID string }
		if dec.Decode(&e) != nil {
			close(ids)
			return
		}
		ids <- e.ID
	}
}

// What the document says may be sent is taken: every parameter and every kind of
// body.
func TestWhatIsDescribedIsTaken(t *testing.T) {
	d := described(t)
	s := opened(t, events.Options{})
	s.get("/demo/lobby?format=json&cid=" + ann).is(200)
	id := s.post("/demo/lobby", "x", "Connection-ID: "+ann).is(201).said().ID
	sample := map[string]string{
		"since": "10m", "last": "0", "format": "json", "wait": "0s", "heartbeat": "20s", "presence": "1", "name": "Ann", "ticket": "",
		"echo": "1", "event": "note", "volatile": "1", "ttl": "1h", "ack": "1ms", "before": id, "after": id, "limit": "3",
		"to": "lobby", "except": "kitchen", "in": "lobby", "room": "lobby", "cid": ann,
		"Connection-ID": ann, "Last-Event-ID": id, "Idempotency-Key": "k",
	}
	path := strings.NewReplacer("{ns}", "demo", "{room}", "lobby", "{id}", id, "{member}", "k3x7abcdefgh2345", "{file}", "app.js")
	for o, op := range d.operations(t) {
		ask := func(name, in, contentType, body string) {
			q, headers := url.Values{}, []string{"Accept: application/json, */*;q=0.5", secret}
			for _, p := range d.parameters(t, o) {
				if p["in"] == "query" && (p["required"] == true) {
					q.Set(p["name"].(string), "lobby")
				}
			}
			if strings.HasSuffix(o.path, "/me") || strings.Contains(o.path, "/acks/") {
				q.Set("cid", ann)
			}
			if contentType == "" && o.method == "PATCH" {
				contentType, body = "application/json", "{}"
			}
			if contentType != "" {
				headers = append(headers, "Content-Type: "+contentType)
			}
			if o.method == "GET" && name != "wait" {
				q.Set("wait", "0s")
			}
			value := sample[name]
			if name == "after" && strings.HasSuffix(o.path, "/rooms") {
				value = "lobby"
			}
			switch in {
			case "query":
				q.Set(name, value)
			case "header":
				headers = append(headers, name+": "+value)
			}
			r := s.do(o.method, path.Replace(o.path)+"?"+q.Encode(), body, headers...)
			if r.status == 400 || r.status == 415 || r.status >= 500 {
				t.Errorf("%s with %s %s %s: %d %s", o, in, name, contentType, r.status, r.body)
			}
		}
		for _, p := range d.parameters(t, o) {
			name := p["name"].(string)
			if _, known := sample[name]; !known && p["in"] != "path" {
				t.Errorf("%s: there is no sample of %s", o, name)
			}
			if o.path != "/" {
				ask(name, p["in"].(string), "", "x")
			}
			if v := sample[name]; p["in"] != "path" && p["explode"] == nil && v != "" && o.path != "/" {
				var as any = v
				if d.deref(p["schema"])["type"] == "integer" {
					as, _ = strconv.ParseFloat(v, 64)
				}
				if err := d.fits(p["schema"], as); err != nil {
					t.Errorf("%s: the sample of %s: %v", o, name, err)
				}
			}
		}
		for kind, content := range d.deref(d.deref(op["requestBody"])["content"]) {
			body, _ := content.(map[string]any)["example"].(string)
			switch kind {
			case "application/json":
				raw, _ := json.Marshal(content.(map[string]any)["example"])
				body = string(raw)
			case "multipart/form-data":
				kind, body = "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=data\r\n\r\nx\r\n--b--\r\n"
			case "*/*":
				kind = "image/png"
			}
			ask("", "", kind, body)
		}
	}
}
