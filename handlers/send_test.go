package handlers_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"parley/handlers"
)

func TestAPostAnswersWithIDTimeAndFrom(t *testing.T) {
	s := open(t, handlers.Options{})
	form := regexp.MustCompile(`^\{"id":"[a-z0-9]{4,12}-1","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","from":"[a-z2-7]{16}"\}\n$`)
	r := s.post("/acme/lobby", "hello", "Connection-ID: "+ann).is(201)
	if !form.MatchString(r.body) {
		t.Fatalf("answer %s", r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("Content-Type %q", got)
	}
}

func TestWithoutAConnectionIDNobodyIsNamedOrLeftOut(t *testing.T) {
	s := open(t, handlers.Options{})
	r := s.post("/acme/lobby", "news").is(201)
	if strings.Contains(r.body, "from") {
		t.Fatalf("answer %s", r.body)
	}
	got := s.heard("/acme/lobby", "Connection-ID: "+ann)
	if len(got) != 1 || got[0].From != "" {
		t.Fatalf("heard %+v", got)
	}
}

func TestTheSenderIsLeftOutUnlessEcho(t *testing.T) {
	for _, c := range []struct {
		query      string
		ann, other int
	}{{"", 0, 1}, {"?echo=1", 1, 1}, {"?echo=true", 1, 1}, {"?echo=0", 0, 1}, {"?echo=false", 0, 1}} {
		t.Run("echo"+c.query, func(t *testing.T) {
			s := open(t, handlers.Options{})
			from := s.post("/acme/lobby"+c.query, "hi", "Connection-ID: "+ann).is(201).said().From
			if n := len(s.heard("/acme/lobby", "Connection-ID: "+ann)); n != c.ann {
				t.Errorf("the sender heard %d, want %d", n, c.ann)
			}
			got := s.heard("/acme/lobby?cid=" + bob)
			if len(got) != c.other || got[0].From != from {
				t.Errorf("the other heard %+v", got)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	s := open(t, handlers.Options{})
	member := s.post("/acme/elsewhere", "x", "Connection-ID: "+bob).is(201).said().From
	for i, c := range []struct {
		target string
		to     []string // in the event; nil when it is one room
		bob    bool     // bob, who is in room a, hears it
	}{
		{"/acme/a", nil, true},
		{"/acme/b", nil, false},
		{"/acme?to=a", nil, true},
		{"/acme?to=a&to=b", []string{"a", "b"}, true},
		{"/acme?to=a&to=a", nil, true},
		{"/acme?to=*", []string{"*"}, true},
		{"/acme?to=@" + member, []string{"@" + member}, true},
		{"/acme?to=*&except=a", []string{"*"}, false},
		{"/acme/a?except=@" + member, nil, false},
		{"/acme?to=a&to=b&except=c", []string{"a", "b"}, true},
	} {
		word := fmt.Sprint("word ", i)
		s.post(c.target, word).is(201)
		var mine *event
		for _, e := range s.heard("/acme/a", "Connection-ID: "+bob) {
			if string(e.Data) == fmt.Sprintf("%q", word) {
				mine = &e
			}
		}
		if (mine != nil) != c.bob {
			t.Errorf("%s: heard %v, want %v", c.target, mine != nil, c.bob)
		}
		if mine != nil && fmt.Sprint(mine.To) != fmt.Sprint(c.to) {
			t.Errorf("%s: to %q, want %q", c.target, mine.To, c.to)
		}
	}
}

func TestPayloadsComeBackAsTheyWere(t *testing.T) {
	s := open(t, handlers.Options{})
	bytes := "\x00\x01\xff\xfe\r\n\r\ndata: forged\n\n"
	for i, c := range []struct {
		typ, body      string // typ "-" is none
		data, enc, as_ string // as JSON text
	}{
		{"-", "hello", `"hello"`, "", ""},
		{"", "hello", `"hello"`, "", ""},
		{"text/plain", "", `""`, "", ""},
		{"text/plain", "two\nlines\r\n", `"two\nlines\r\n"`, "", ""},
		{"text/plain; charset=utf-8", "grüß 👋", `"grüß 👋"`, "", ""},
		{"text/plain;charset=UTF-8", "grüß 👋", `"grüß 👋"`, "", ""},
		{"text/plain; charset=UTF8", "x", `"x"`, "", ""},
		{`text/plain; charset="us-ascii"`, "x", `"x"`, "", ""},
		{"text/markdown", "# x", `"# x"`, "", ""},
		{"TEXT/HTML", "<b>", `"<b>"`, "", ""},
		{"application/x-www-form-urlencoded", "a=1&b=%20+", `"a=1&b=%20+"`, "", ""},
		{"application/json", ` { "b" : 1.00 , "a" : [ 1e400 , null ] , "b":2 } `, `{"b":1.00,"a":[1e400,null],"b":2}`, "", ""},
		{"application/json; charset=utf-8", `"x"`, `"x"`, "", ""},
		{"application/json", `null`, `null`, "", ""},
		{"application/json", `"\ud83d\udc4b"`, `"\ud83d\udc4b"`, "", ""},
		{"application/octet-stream", bytes, `"` + base64.StdEncoding.EncodeToString([]byte(bytes)) + `"`, "base64", "application/octet-stream"},
		{"image/png", "\x89PNG", `"iVBORw=="`, "base64", "image/png"},
		{"application/vnd.x+json; v=1", "{", `"ew=="`, "base64", "application/vnd.x+json; v=1"},
		{"application/octet-stream", "", `""`, "base64", "application/octet-stream"},
	} {
		t.Run(fmt.Sprint(i, " ", c.typ), func(t *testing.T) {
			room := fmt.Sprintf("/acme/r%d", i)
			headers := []string{"Content-Type: " + c.typ}
			if c.typ == "-" {
				headers = nil
			}
			s.post(room, c.body, headers...).is(201)
			got := s.past(room)
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			var want, have any
			if c.data != "" && json.Unmarshal([]byte(c.data), &want) == nil && json.Unmarshal(got[0].Data, &have) == nil {
				if fmt.Sprint(want) != fmt.Sprint(have) {
					t.Errorf("data %s, want %s", got[0].Data, c.data)
				}
			}
			if c.typ == "application/json" && string(got[0].Data) != c.data {
				t.Errorf("data %s, want %s", got[0].Data, c.data)
			}
			if got[0].Encoding != c.enc || got[0].Type != c.as_ {
				t.Errorf("encoding %q type %q", got[0].Encoding, got[0].Type)
			}
			if got[0].Event != "message" {
				t.Errorf("event %q", got[0].Event)
			}
		})
	}
}

// form builds a multipart body of parts, each "headers\n\nbody".
func form(parts ...string) (contentType, body string) {
	var b strings.Builder
	for _, p := range parts {
		head, value, _ := strings.Cut(p, "\n\n")
		b.WriteString("--frontier\r\n" + strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + value + "\r\n")
	}
	return "Content-Type: multipart/form-data; boundary=frontier", b.String() + "--frontier--\r\n"
}

func field(name, value string) string {
	return `Content-Disposition: form-data; name="` + name + `"` + "\n\n" + value
}

func TestForms(t *testing.T) {
	s := open(t, handlers.Options{})
	file := func(typ, value string) string {
		return `Content-Disposition: form-data; name="data"; filename="x"` + "\nContent-Type: " + typ + "\n\n" + value
	}
	for i, c := range []struct {
		query string
		parts []string
		want  string // event and data, or status and code
	}{
		{"", []string{field("data", "hello")}, `message "hello"`},
		{"", []string{field("data", "")}, `message ""`},
		{"", []string{field("event", "tick"), field("data", "x")}, `tick "x"`},
		{"", []string{field("data", "x"), field("event", ""), field("go", "Send")}, `message "x"`},
		{"?event=tick", []string{field("data", "x")}, `tick "x"`},
		{"?event=tick", []string{field("data", "x"), field("event", "")}, `tick "x"`},
		{"", []string{file("application/json", `{ "a": 1 }`)}, `message {"a":1}`},
		{"", []string{file("image/png", "\x89PNG")}, `message "iVBORw==" base64 image/png`},
		{"", []string{file("text/plain", "x")}, `message "x"`},
		{"?event=tick", []string{field("data", "x"), field("event", "tock")}, "400 bad-parameter"},
		{"", []string{field("event", "x")}, "400 bad-event"},
		{"", []string{field("data", "x"), field("data", "y")}, "400 bad-event"},
		{"", []string{field("data", "x"), field("event", "a"), field("event", "b")}, "400 bad-event"},
		{"", []string{field("data", "x"), field("event", "hello")}, "400 bad-event"},
		{"", []string{field("data", "\xff")}, "400 bad-event"},
		{"", []string{file("application/json", `{`)}, "400 bad-json"},
		{"", []string{file("application/x-ndjson", `{}`)}, "415 unsupported-type"},
		{"", []string{file("text/plain; charset=latin1", `x`)}, "415 unsupported-type"},
	} {
		room := fmt.Sprintf("/acme/f%d", i)
		typ, body := form(c.parts...)
		r := s.post(room+c.query, body, typ)
		got := fmt.Sprintf("%d %s", r.status, r.code())
		if r.status == 201 {
			e := s.past(room)[0]
			got = strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Event, e.Data, e.Encoding, e.Type))
		}
		if got != c.want {
			t.Errorf("form %d: %s, want %s (%s)", i, got, c.want, r.body)
		}
	}
	s.post("/acme/lobby", "--frontier\r\ntorn", "Content-Type: multipart/form-data; boundary=frontier").refused(400, "bad-event")
	s.post("/acme/lobby", "x", "Content-Type: multipart/form-data").refused(415, "unsupported-type")
}

func TestABatchIsStoredAllOrNoneInOrder(t *testing.T) {
	s := open(t, handlers.Options{})
	const ndjson = "Content-Type: application/x-ndjson"
	r := s.post("/acme/lobby?event=tick", `{"data":1}`+"\n\r\n"+`{"event":"b","data":{"x":1.0},"ttl":"1h"}`+"\r\n"+`{"data":"3"}`, ndjson, "Connection-ID: "+ann).is(201)
	if ok, _ := regexp.MatchString(`^\{"id":"(\w+)-1","last":"\w+-3","count":3,"time":"[^"]+","from":"[a-z2-7]{16}"\}\n$`, r.body); !ok {
		t.Fatalf("answer %s", r.body)
	}
	got := ""
	for _, e := range s.past("/acme/lobby") {
		got += e.Event + " " + string(e.Data) + "; "
	}
	if want := `tick 1; b {"x":1.0}; tick "3"; `; got != want {
		t.Fatalf("kept %s, want %s", got, want)
	}

	big := `{"data":"` + strings.Repeat("x", 64<<10) + `"}`
	for name, c := range map[string]struct {
		body, code string
		status     int
	}{
		"empty":          {"", "bad-event", 400},
		"only newlines":  {"\n\n", "bad-event", 400},
		"second torn":    {`{"data":1}` + "\n" + `{"data":`, "bad-json", 400},
		"two on a line":  {`{"data":1}{"data":2}`, "bad-json", 400},
		"not an object":  {`[1]`, "bad-json", 400},
		"no data":        {`{"event":"x"}`, "bad-event", 400},
		"other member":   {`{"data":1,"to":"a"}`, "bad-event", 400},
		"other case":     {`{"Data":1}`, "bad-event", 400},
		"member twice":   {`{"data":1,"data":2}`, "bad-event", 400},
		"server's name":  {`{"data":1}` + "\n" + `{"data":2,"event":"bye"}`, "bad-event", 400},
		"empty name":     {`{"data":1,"event":""}`, "bad-event", 400},
		"name no string": {`{"data":1,"event":1}`, "bad-event", 400},
		"ttl no string":  {`{"data":1,"ttl":1}`, "bad-event", 400},
		"ttl malformed":  {`{"data":1,"ttl":"soon"}`, "bad-parameter", 400},
		"half surrogate": {`{"data":"\ud800"}`, "bad-json", 400},
		"half in name":   {`{"data":1,"event":"\ud800"}`, "bad-json", 400},
		"not UTF-8":      {"{\"data\":\"\xff\"}", "bad-json", 400},
		"long line":      {`{"data":1}` + "\n" + big, "too-large", 413},
		"many lines":     {strings.Repeat("{\"data\":1}\n", 1001), "too-large", 413},
		"many bytes":     {strings.Repeat(`{"data":"`+strings.Repeat("x", 60<<10)+"\"}\n", 20), "too-large", 413},
	} {
		t.Run(name, func(t *testing.T) {
			s.post("/acme/none", c.body, ndjson).refused(c.status, c.code)
			if n := len(s.past("/acme/none")); n != 0 {
				t.Fatalf("%d events were kept", n)
			}
		})
	}
	s.post("/acme/full", strings.Repeat("{\"data\":1}\n", 1000), ndjson).is(201)
	s.post("/acme/full", strings.Repeat(`{"data":"`+strings.Repeat("x", 60<<10)+"\"}\n", 17), ndjson).is(201)
	s.post("/acme/none?volatile=1", `{"data":1}`, ndjson).refused(400, "bad-parameter")
}

// chunked hides how long a body is.
type chunked struct{ *strings.Reader }

func TestBodiesHaveLimits(t *testing.T) {
	s := open(t, handlers.Options{})
	const most = 64 << 10
	for _, typ := range []string{"text/plain", "application/octet-stream"} {
		s.post("/acme/lobby", strings.Repeat("x", most), "Content-Type: "+typ).is(201)
		s.post("/acme/lobby", strings.Repeat("x", most+1), "Content-Type: "+typ).refused(413, "too-large")
		s.doReader("POST", "/acme/lobby", chunked{strings.NewReader(strings.Repeat("x", most))}, "Content-Type: "+typ).is(201)
		s.doReader("POST", "/acme/lobby", chunked{strings.NewReader(strings.Repeat("x", most+1))}, "Content-Type: "+typ).refused(413, "too-large")
	}
	if n := len(s.past("/acme/lobby")); n != 4 {
		t.Fatalf("%d events were kept, want 4", n)
	}
	// A line of a batch is no larger than a payload, and a batch no larger than 1 MiB.
	line := func(n int) string { return `{"data":"` + strings.Repeat("x", n-len(`{"data":""}`)) + `"}` }
	batch := "Content-Type: application/x-ndjson"
	s.post("/acme/lines", line(most)+"\n", batch).is(201)
	s.post("/acme/lines", line(most+1)+"\n", batch).refused(413, "too-large")
	whole := strings.Repeat(line(32<<10-1)+"\n", 32)
	s.post("/acme/lines", whole, batch).is(201)
	s.post("/acme/lines", whole+"\n", batch).refused(413, "too-large")
	if n := len(s.past("/acme/lines")); n != 33 {
		t.Fatalf("%d events were kept, want 33", n)
	}
}

func TestATooLargeBodyIsNotReadToItsEnd(t *testing.T) {
	s := open(t, handlers.Options{})
	for _, length := range []int64{-1, 1 << 40} {
		body := &endless{}
		req := httptest.NewRequest("POST", "/acme/lobby", body)
		req.ContentLength = length
		w := httptest.NewRecorder()
		s.server.Handler().ServeHTTP(w, req)
		if w.Code != 413 || w.Header().Get("Connection") != "close" {
			t.Fatalf("%d %q", w.Code, w.Header())
		}
		if most := 64<<10 + 1; body.read > most || length > 0 && body.read > 0 {
			t.Fatalf("%d bytes were read of a body of %d", body.read, length)
		}
	}
}

type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	return len(b), nil
}

func TestVolatileIsNotKept(t *testing.T) {
	s := open(t, handlers.Options{})
	r := s.post("/acme/lobby?volatile=1&event=typing", "x", "Connection-ID: "+ann).is(202)
	if ok, _ := regexp.MatchString(`^\{"time":"[^"]+","from":"[a-z2-7]{16}"\}\n$`, r.body); !ok {
		t.Fatalf("answer %s", r.body)
	}
	if n := len(s.past("/acme/lobby")); n != 0 {
		t.Fatalf("%d events were kept", n)
	}
	s.post("/acme/lobby?volatile=1&ttl=1h", "x").refused(400, "bad-parameter")
	s.post("/acme/lobby?volatile=1", "x", "Idempotency-Key: k").refused(400, "bad-parameter")
}

func TestIdempotencyKey(t *testing.T) {
	s := open(t, handlers.Options{})
	const key = "Idempotency-Key: once"
	first := s.post("/acme/lobby", "hello", key).is(201)
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Fatal("the first answer says that it is a repeat")
	}
	again := s.post("/acme/lobby", "hello", key).is(201)
	if again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("repeat: %s %q, want %s", again.body, again.header.Get("Idempotent-Replayed"), first.body)
	}
	s.post("/acme/lobby", "other", key).refused(422, "key-reused")
	s.post("/acme/hall", "hello", key).refused(422, "key-reused")
	s.post("/acme/lobby", "hello", key, "Connection-ID: "+ann).is(201) // another scope
	s.post("/other/lobby", "hello", key).is(201)
	if n := len(s.past("/acme/lobby")); n != 2 {
		t.Fatalf("%d events were kept, want 2", n)
	}
	for _, bad := range []string{"a b", "grün", strings.Repeat("k", 256)} {
		s.post("/acme/lobby", "x", "Idempotency-Key: "+bad).refused(400, "bad-parameter")
	}
	s.post("/acme/lobby", "x", "Idempotency-Key: a", "Idempotency-Key: b").refused(400, "bad-parameter")
	s.post("/acme/lobby", "x", "Idempotency-Key: "+strings.Repeat("k", 255)).is(201)
}

func TestParametersOfAPost(t *testing.T) {
	s := open(t, handlers.Options{})
	for _, c := range []struct{ query, want string }{
		{"ttl=1h", "201 "}, {"ttl=90s", "201 "}, {"ttl=7d", "201 "}, {"ttl=250ms", "201 "},
		{"ttl=0s", "400 bad-parameter"}, {"ttl=-1h", "400 bad-parameter"}, {"ttl=soon", "400 bad-parameter"},
		{"ttl=", "400 bad-parameter"}, {"ttl=5", "400 bad-parameter"}, {"ttl=1h&ttl=1h", "400 bad-parameter"},
		{"ttl=99999999d", "400 bad-parameter"}, {"ttl=9999999999h", "400 bad-parameter"}, {"ttl=d", "400 bad-parameter"},
		{"echo=2", "400 bad-parameter"}, {"echo=", "400 bad-parameter"}, {"echo=1&echo=1", "400 bad-parameter"},
		{"volatile=yes", "400 bad-parameter"},
		{"event=typing", "201 "}, {"event=a%20b", "201 "}, {"event=%E2%9C%93", "201 "},
		{"event=" + strings.Repeat("x", 64), "201 "}, {"event=" + strings.Repeat("x", 65), "400 bad-event"},
		{"event=", "400 bad-event"}, {"event=a%0Ab", "400 bad-event"}, {"event=%FF", "400 bad-event"},
		{"event=a&event=b", "400 bad-parameter"},
		{"event=hello", "400 bad-event"}, {"event=rooms", "400 bad-event"}, {"event=presence", "400 bad-event"},
		{"event=gap", "400 bad-event"}, {"event=erased", "400 bad-event"}, {"event=bye", "400 bad-event"},
		{"event=open", "400 bad-event"}, {"event=error", "400 bad-event"},
		{"utm_source=x&_=1", "201 "},
		{"ticket=x", "501 not-implemented"},
		{"ack=5s", "200 "}, {"ack=25s", "200 "}, {"ack=1ms", "200 "}, {"ack=5s&volatile=1", "200 "}, {"ack=5s&ttl=1h", "200 "},
		{"ack=", "400 bad-parameter"}, {"ack=0", "400 bad-parameter"}, {"ack=0s", "400 bad-parameter"}, {"ack=-1s", "400 bad-parameter"},
		{"ack=25001ms", "400 bad-parameter"}, {"ack=5", "400 bad-parameter"}, {"ack=1", "400 bad-parameter"}, {"ack=5s&ack=5s", "400 bad-parameter"},
		{"to=other", "400 bad-parameter"}, {"except=-bad", "400 bad-name"}, {"except=@short", "400 bad-id"},
		{"%zz", "400 bad-parameter"}, {"a;b", "400 bad-parameter"},
	} {
		r := s.post("/acme/lobby?"+c.query, "x")
		if got := fmt.Sprintf("%d %s", r.status, r.code()); got != c.want {
			t.Errorf("?%s: %s, want %s", c.query, got, c.want)
		}
	}
	many := func(name string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&%s=r%d", name, i)
		}
		return b.String()
	}
	for _, c := range []struct{ query, want string }{
		{"", "400 no-target"}, {"except=a", "400 no-target"}, {"room=a", "400 no-target"},
		{"to=", "400 bad-name"}, {"to=@x", "400 bad-id"}, {"to=a%2Fb", "400 bad-name"}, {"to=..", "400 bad-name"},
		{many("to", 64)[1:], "201 "}, {many("to", 65)[1:], "400 bad-parameter"},
		{"to=a" + many("except", 64), "201 "}, {"to=a" + many("except", 65), "400 bad-parameter"},
	} {
		r := s.post("/acme?"+c.query, "x")
		if got := fmt.Sprintf("%d %s", r.status, r.code()); got != c.want {
			t.Errorf("/acme?%s: %s, want %s", c.query, got, c.want)
		}
	}
}

func TestContentTypesThatCannotBe(t *testing.T) {
	s := open(t, handlers.Options{})
	for _, headers := range [][]string{
		{"Content-Type: text/plain; charset=latin1"},
		{"Content-Type: text/plain; charset=iso-8859-1"},
		{"Content-Type: application/json; charset=utf-16"},
		{"Content-Type: garbage"},
		{"Content-Type: text/plain; ="},
		{"Content-Type: image/" + strings.Repeat("x", 300)},
		{"Content-Type: text/plain", "Content-Type: application/json"},
		{"Content-Encoding: gzip"},
	} {
		s.post("/acme/lobby", "x", headers...).refused(http.StatusUnsupportedMediaType, "unsupported-type")
	}
	s.post("/acme/lobby", "x", "Content-Encoding: identity").is(201)
	s.post("/acme/lobby", "\xff").refused(400, "bad-event")
	s.post("/acme/lobby", "{", "Content-Type: application/json").refused(400, "bad-json")
	s.post("/acme/lobby", "", "Content-Type: application/json").refused(400, "bad-json")
	s.post("/acme/lobby", `"\ud800"`, "Content-Type: application/json").refused(400, "bad-json")
	s.post("/acme/lobby", `1 2`, "Content-Type: application/json").refused(400, "bad-json")
}

func TestWhatAnEventLivesForIsOver(t *testing.T) {
	s := open(t, handlers.Options{})
	s.post("/acme/lobby?ttl=1ms", "short").is(201)
	s.post("/acme/lobby?ttl=1h", "long").is(201)
	// The first has outlived its millisecond once a later event's time says so.
	for {
		p := s.past("/acme/lobby")
		if string(p[0].Data) == `"long"` {
			return
		}
	}
}
