package events_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/events"
)

func TestJSONKeepsWhatWasWritten(t *testing.T) {
	for in, want := range map[string]string{
		`1.0`:                                  `1.0`,
		`1e400`:                                `1e400`,
		`123456789012345678901`:                `123456789012345678901`,
		" {\n \"b\" : 1 ,\t\"a\":2,\"b\":3 } ": `{"b":1,"a":2,"b":3}`,
		`"\ud83e\udd86 \u0041"`:                `"\ud83e\udd86 \u0041"`,
		`"\\ud83e"`:                            `"\\ud83e"`,
		`"<&>"`:                                `"<&>"`,
		`null`:                                 `null`,
	} {
		got, err := events.JSONData([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s becomes %s (%v)", in, got, err)
		}
	}
}

func TestJSONIsRefused(t *testing.T) {
	for _, in := range []string{
		``, ` `, `{`, `{}{}`, `nul`, `'a'`, "\"\x01\"", "\"\xff\"", `"\ud83e"`, `"\ud83ex"`, `"\udd86\ud83e"`, `"\ud83e\u0041"`, `{"\udd86":1}`, `"\ud83e\\udd86"`, `NaN`,
	} {
		if got, err := events.JSONData([]byte(in)); codeOf(err) != events.CodeBadJSON {
			t.Errorf("%q becomes %s (%v)", in, got, err)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.50,"x"]}`, `"\ud83e\udd86"`, ` [ ] `, `"é\n"`, `"\ud83e"`, `{`, "\"\xff\"", `nul`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := events.JSONData(raw)
		if err != nil {
			return
		}
		if !json.Valid(got) || bytes.ContainsAny(got, "\r\n") || !utf8.Valid(got) {
			t.Fatalf("%q becomes %q", raw, got)
		}
		var a, b any
		left, right := json.NewDecoder(bytes.NewReader(raw)), json.NewDecoder(bytes.NewReader(got))
		left.UseNumber()
		right.UseNumber()
		if left.Decode(&a) != nil || right.Decode(&b) != nil {
			t.Fatalf("%q or %q is not read", raw, got)
		}
		one, _ := json.Marshal(a)
		two, _ := json.Marshal(b)
		if !bytes.Equal(one, two) {
			t.Fatalf("%s became %s", one, two)
		}
	})
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"hello", "a\r\nid: 1\n\n", "\x00\x1b[2J", "\u2028\u2029\u0085\u007f", `"\`, "🦆", "\xff", "\xc3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := events.TextData(raw)
		if utf8.Valid(raw) != (err == nil) {
			t.Fatalf("%q: %v", raw, err)
		}
		if err != nil {
			return
		}
		var back string
		if json.Unmarshal(got, &back) != nil || back != string(raw) {
			t.Fatalf("%q came back as %q", raw, back)
		}
		for _, c := range string(got) {
			if c < 0x20 || c >= 0x7f && c <= 0x9f || c == 0x2028 || c == 0x2029 {
				t.Fatalf("%q is written with %U", raw, c)
			}
		}
	})
}

func TestBinaryComesBack(t *testing.T) {
	raw := []byte{0, 1, 0xff, '\n', '"'}
	var s string
	if err := json.Unmarshal(events.BinaryData(raw), &s); err != nil {
		t.Fatal(err)
	}
	if back, err := base64.StdEncoding.DecodeString(s); err != nil || !bytes.Equal(back, raw) {
		t.Errorf("%v came back as %v (%v)", raw, back, err)
	}
}

func TestTextIsByteForByte(t *testing.T) {
	in := strings.Repeat("\r\n\x00é", 100)
	got, err := events.TextData([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(got, &back); err != nil || back != in {
		t.Errorf("%q came back as %q", in, back)
	}
}
