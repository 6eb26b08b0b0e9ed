package handlers_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"parley/events"
	"parley/events/memlog"
	"parley/handlers"
)

// A recorder takes a stream until it has seen the last words.
type recorder struct {
	*httptest.ResponseRecorder
	mu   sync.Mutex
	stop context.CancelFunc
	last []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.ResponseRecorder.Write(p)
	if bytes.Contains(r.Body.Bytes(), r.last) {
		r.stop()
	}
	return n, err
}

// What a stranger posts is read back as it was posted, and nothing else appears:
// no field, no line, no event more, and nothing that a terminal obeys.
func FuzzWhatIsReadBack(f *testing.F) {
	for _, seed := range []struct {
		data string
		kind uint8
		name string
	}{
		{"hello", 0, "message"},
		{"a\r\nid: 9\nevent: bye\ndata: {}\n\n", 0, "message"},
		{"\n\n: hb\n\n", 0, "typing"},
		{"\x1b[31mred\x07\u009b0m\u2028\u2029\u202e", 0, " data: x"},
		{"\ufeffdata: x\x00", 0, "\ufeff"},
		{`{"a":1.0,"a":[1e999,"\ud83d\ude00"]}`, 1, "x:y"},
		{"\"\u2028\u0085\u007f\"", 1, "\u2028"},
		{"\xff\xfe\x00\n", 2, "message"},
		{"\xff", 0, "message"}, // refused from here on
		{"{", 1, "message"},
		{`"\ud800"`, 1, "message"},
		{"x", 0, "bye"},
		{"x", 0, "error"},
		{"x", 0, "a\nid: 1"},
		{"x", 0, ""},
		{"x", 0, strings.Repeat("x", 65)},
	} {
		f.Add([]byte(seed.data), seed.kind, seed.name)
	}
	f.Fuzz(func(t *testing.T, data []byte, kind uint8, name string) {
		if name == "" || events.CheckEventName(name) != nil {
			t.Skip("refused")
		}
		body := events.Body{Event: name}
		var err error
		switch kind % 3 {
		case 0:
			body.Data, err = events.TextData(data)
		case 1:
			body.Data, err = events.JSONData(data)
		case 2:
			body.Data, body.Encoding, body.Type = events.BinaryData(data), "base64", "application/octet-stream"
		}
		if err != nil {
			t.Skip("refused")
		}
		l := memlog.New(memlog.Options{SweepEvery: -1})
		defer l.Close()
		reg := events.NewRegistry(events.Options{Log: l})
		srv := handlers.New(handlers.Options{})
		srv.Open(reg)
		sentinel := events.Body{Event: "last", Data: []byte(`"` + events.NewConnectionID() + `"`)}
		if _, err := reg.Publish(t.Context(), events.Anonymous(""), "acme", events.Post{
			To: []string{"lobby"}, Bodies: []events.Body{body, sentinel},
		}); err != nil {
			t.Fatal(err)
		}
		stream := func(format string) string {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := &recorder{ResponseRecorder: httptest.NewRecorder(), stop: cancel, last: bytes.Trim(sentinel.Data, `"`)}
			req := httptest.NewRequestWithContext(ctx, "GET", "/acme/lobby?since=all&format="+format, nil)
			srv.Handler().ServeHTTP(r, req)
			if r.Code != http.StatusOK {
				t.Fatalf("%s: %d", format, r.Code)
			}
			return r.Body.String()
		}
		same := func(where string, got json.RawMessage) {
			t.Helper()
			switch kind % 3 {
			case 0:
				var s string
				if err := json.Unmarshal(got, &s); err != nil || s != string(data) {
					t.Errorf("%s: %q came back as %q", where, data, s)
				}
			case 1:
				// Escapes apart, the text is what was posted.
				if want := plainJSON(body.Data); plainJSON(got) != want {
					t.Errorf("%s: %s came back as %s", where, want, got)
				}
			case 2:
				var s string
				if err := json.Unmarshal(got, &s); err != nil {
					t.Fatal(err)
				}
				if b, err := base64.StdEncoding.DecodeString(s); err != nil || !bytes.Equal(b, data) {
					t.Errorf("%s: %q came back as %q", where, data, b)
				}
			}
		}
		type object struct {
			Event string
			Data  json.RawMessage
		}

		out := stream("sse")
		harmless(t, "sse", out)
		p := newSSEParser(strings.NewReader(out))
		fields := map[int]string{0: "retry id event data", 1: "id event data", 2: "id event data"}
		for i := range 3 {
			b, err := p.block()
			if err != nil || b.event == nil {
				t.Fatalf("sse: block %d: %+v, %v", i, b, err)
			}
			var names []string
			for _, f := range b.fields {
				names = append(names, f[0])
			}
			if got := strings.Join(names, " "); got != fields[i] || len(b.comments) > 0 {
				t.Errorf("sse: block %d has fields %s and comments %q", i, got, b.comments)
			}
			if i == 1 {
				var o object
				if err := json.Unmarshal([]byte(b.event.data), &o); err != nil || o.Event != name {
					t.Errorf("sse: %+v, %v", b.event, err)
				}
				if want := strings.NewReplacer("\u2028", "\ufffd", "\u2029", "\ufffd").Replace(name); b.event.name != want {
					t.Errorf("sse: event %q, want %q", b.event.name, want)
				}
				same("sse", o.Data)
			}
		}
		if b, err := p.block(); err == nil {
			t.Errorf("sse: one more block: %+v", b)
		}

		out = stream("ndjson")
		harmless(t, "ndjson", out)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		var o object
		if len(lines) != 3 || json.Unmarshal([]byte(lines[1]), &o) != nil || o.Event != name {
			t.Fatalf("ndjson: %q", lines)
		}
		same("ndjson", o.Data)

		out = stream("text")
		harmless(t, "text", out)
		lines = strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[0], "# ") || !strings.HasPrefix(lines[1], "*: ") || !strings.HasPrefix(lines[2], "*: ") {
			t.Errorf("text: %q", lines)
		}
	})
}

// harmless checks that a stream holds nothing that ends a line or moves a cursor
// but its own newlines, and in text nothing that turns it around.
func harmless(t *testing.T, where, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s: not UTF-8", where)
	}
	for _, c := range out {
		if c < 0x20 && c != '\n' || c >= 0x7f && c <= 0x9f || c == 0x2028 || c == 0x2029 ||
			where == "text" && (c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069) {
			t.Errorf("%s: holds %U", where, c)
		}
	}
}

// plainJSON writes out the escapes that an encoder may add.
func plainJSON(b []byte) string {
	s := string(b)
	for c := rune(0x7f); c <= 0x9f; c++ {
		s = strings.ReplaceAll(s, string(c), escaped(c))
	}
	return strings.NewReplacer("\u2028", escaped(0x2028), "\u2029", escaped(0x2029)).Replace(s)
}

func escaped(c rune) string {
	const hex = "0123456789abcdef"
	return `\u` + string([]byte{hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15]})
}
