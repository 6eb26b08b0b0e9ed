package events_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"parley/events"
)

func TestNamespaceNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "0": true, "acme": true, "a-b_c9": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "_a": false, "A": false, "é": false, "a b": false, "a/b": false, "a.b": false,
		strings.Repeat("a", 64): false,
	} {
		check(t, "namespace", name, events.CheckNamespace(name), ok, events.CodeBadName)
	}
}

func TestRoomNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"lobby": true, "a.b": true, "a b": true, "100%": true, "%2F": true, "🦆": true, "Ünïcode": true, "...": true, "a-": true,
		"history": true, "members": true, "**": true, "a@b": true, strings.Repeat("é", 64): true,
		"": false, ".": false, "..": false, "*": false, "-": false, "-a": false, "@a": false,
		" a": false, "a ": false, "\u00a0a": false, "a/b": false, `a\b`: false, "a\nb": false, "a\x00": false, "a\x7f": false, "a\u0085": false,
		"a\u200db": false, "a\u202eb": false, "\ufeffa": false, "a\u2028b": false, "a\u2029b": false, "a\xff": false,
		strings.Repeat("a", 129): false, strings.Repeat("é", 65): false,
	} {
		check(t, "room", name, events.CheckRoom(name), ok, events.CodeBadName)
	}
}

func TestConnectionIDs(t *testing.T) {
	for id, ok := range map[string]bool{
		"0123456789abcdef": true, "A-Za-z0-9_-AAAAA": true, strings.Repeat("x", 64): true,
		"": false, "0123456789abcde": false, strings.Repeat("x", 65): false, "0123456789abcde!": false, "0123456789abcdé": false,
	} {
		err := events.CheckConnectionID(id)
		check(t, "connection ID", id, err, ok, events.CodeBadID)
		if err != nil && id != "" && strings.Contains(err.Error(), id) {
			t.Errorf("the error for %q tells the secret: %v", id, err)
		}
	}
	if err := events.CheckConnectionID(events.NewConnectionID()); err != nil {
		t.Errorf("one of our own: %v", err)
	}
}

func TestEventNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"message": true, "typing": true, "heartbeat": true, "a b": true, "Hello": true, "🦆": true, strings.Repeat("e", 64): true,
		"": false, "a\nb": false, "a\rb": false, "a\x00b": false, "\x7f": false, "\u0085": false, "\xff": false, strings.Repeat("e", 65): false,
		"hello": false, "rooms": false, "presence": false, "gap": false, "erased": false, "bye": false, "open": false, "error": false,
	} {
		check(t, "event name", name, events.CheckEventName(name), ok, events.CodeBadEvent)
	}
}

// What no character of a name may be, of those that most names are made of and of
// those that begin where they end.
func TestCharactersThatDoNotShow(t *testing.T) {
	for c := range rune(0x3000) {
		seen := !unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
		name := "a" + string(c) + "b"
		check(t, "room", name, events.CheckRoom(name), seen && c != '/' && c != '\\', events.CodeBadName)
		check(t, "nickname", name, events.CheckNickname(name), seen, events.CodeBadName)
		check(t, "event name", name, events.CheckEventName(name), !unicode.Is(unicode.Cc, c), events.CodeBadEvent)
	}
}

func TestTargets(t *testing.T) {
	member := events.Member([]byte("key"), "", "0123456789abcdef")
	for _, c := range []struct {
		to, except []string
		code       events.Code
		tos        int
	}{
		{to: []string{"lobby"}, tos: 1},
		{to: []string{"lobby", "*", "@" + member, "lobby"}, except: []string{"*", "a"}, tos: 3},
		{code: events.CodeNoTarget},
		{except: []string{"lobby"}, code: events.CodeNoTarget},
		{to: []string{""}, code: events.CodeBadName},
		{to: []string{"-"}, code: events.CodeBadName},
		{to: []string{"@me"}, code: events.CodeBadID},
		{to: []string{"lobby"}, except: []string{"@me"}, code: events.CodeBadID},
		{to: many(65), code: events.CodeBadParameter},
		{to: many(64), tos: 64},
		{to: []string{"a"}, except: many(65), code: events.CodeBadParameter},
	} {
		tos, _, err := events.CheckTargets(c.to, c.except)
		check(t, "targets", strings.Join(c.to, " "), err, c.code == "", c.code)
		if len(tos) != c.tos {
			t.Errorf("%v gives %v", c.to, tos)
		}
	}
}

func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.Repeat("r", i+1)
	}
	return out
}

func check(t *testing.T, what, s string, err error, ok bool, code events.Code) {
	t.Helper()
	if ok != (err == nil) {
		t.Errorf("%s %q: %v", what, s, err)
	}
	if err != nil && codeOf(err) != code {
		t.Errorf("%s %q is refused with %v, not %s", what, s, err, code)
	}
}

func codeOf(err error) events.Code {
	if e, ok := err.(*events.Error); ok {
		return e.Code
	}
	return ""
}

func TestIDs(t *testing.T) {
	for s, want := range map[string]events.ID{
		"e4f1-1042":                {Epoch: "e4f1", Seq: 1042},
		"e4f1-0":                   {Epoch: "e4f1"},
		"abcdefghijkl-1":           {Epoch: "abcdefghijkl", Seq: 1},
		"0000-9999999999999999999": {Epoch: "0000", Seq: 9999999999999999999},
	} {
		got, ok := events.ParseID(s)
		if !ok || got != want || got.String() != s {
			t.Errorf("%s is read as %v %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "-", "e4f1", "e4f1-", "e4f-1", "abcdefghijklm-1", "E4F1-1", "e4f1-x", "e4f1--1", "e4f1-1!", "e4f1-10000000000000000000", "e4f1-+1", "é4f1-1", " e4f1-1"} {
		if got, ok := events.ParseID(s); ok {
			t.Errorf("%q is read as %v", s, got)
		}
	}
	if s := (events.ID{}).String(); s != "" {
		t.Errorf("no ID is %q", s)
	}
}

// The vector was made with another implementation of the rule: openssl dgst -mac
// hmac over "ann", a zero byte and the connection ID, then base32.
func TestMemberIsWhatTheWireSays(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	got := events.Member(key, "ann", "connection-0123456789")
	if got != "yi3eg2qpsyxavc3j" {
		t.Errorf("the member is %s", got)
	}
	if err := events.CheckMember(got); err != nil {
		t.Error(err)
	}
	for _, other := range []string{
		events.Member(key, "bo", "connection-0123456789"),
		events.Member(key, "", "connection-0123456789"),
		events.Member(key, "ann", "connection-0123456788"),
		events.Member(key[1:], "ann", "connection-0123456789"),
	} {
		if other == got {
			t.Errorf("two members are one: %s", got)
		}
	}
}

func FuzzRoomNames(f *testing.F) {
	for _, s := range []string{"lobby", "a b", "🦆", "%2F", "a.b", "", "..", "@x", "a\nb", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if events.CheckRoom(s) != nil {
			return
		}
		if !utf8.ValidString(s) || s == "" || len(s) > 128 || strings.ContainsAny(s, "/\\\r\n\x00\u2028\u2029\u202e") || s == "*" || s[0] == '@' || s[0] == '-' {
			t.Errorf("%q passes for a room", s)
		}
		if err := events.CheckTarget(s); err != nil {
			t.Errorf("room %q is no target: %v", s, err)
		}
	})
}

func FuzzIDs(f *testing.F) {
	for _, s := range []string{"e4f1-1042", "abcd-0", "abcdefghijkl-9999999999999999999", "a-1", "e4f1-", "e4f1-1!"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := events.ParseID(s)
		if !ok {
			return
		}
		again, ok := events.ParseID(id.String())
		if !ok || again != id {
			t.Errorf("%q is %v, and %q is %v", s, id, id.String(), again)
		}
	})
}
