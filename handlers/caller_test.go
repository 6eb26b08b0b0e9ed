package handlers_test

import (
	"strings"
	"testing"

	"parley/handlers"
)

func TestConnectionIDs(t *testing.T) {
	s := open(t, handlers.Options{})
	member := s.post("/acme/lobby", "x", "Connection-ID: "+ann).is(201).said().From
	if got := s.post("/acme/lobby?cid="+ann, "x").is(201).said().From; got != member {
		t.Errorf("?cid= is %s, the header %s", got, member)
	}
	if got := s.post("/acme/lobby?cid="+ann, "x", "Connection-ID: "+ann).is(201).said().From; got != member {
		t.Errorf("both are %s, the header %s", got, member)
	}
	if got := s.post("/other/lobby", "x", "Connection-ID: "+ann).is(201).said().From; got == member {
		t.Error("one member in two namespaces")
	}
	for _, good := range []string{strings.Repeat("a", 16), strings.Repeat("Z", 64), "0123456789_-abcd"} {
		s.post("/acme/lobby?cid="+good, "x").is(201)
	}
	for _, bad := range []string{"", "short", strings.Repeat("a", 15), strings.Repeat("a", 65), "with.a.dot.and.so.on", "with%20a%20space%20in%20it", "gr%C3%BCn-0123456789abcdef"} {
		for _, target := range []string{"/acme/lobby?cid=" + bad, "/acme/lobby/history?cid=" + bad, "/acme/-/rooms?cid=" + bad} {
			s.get(target).refused(400, "bad-id")
		}
		s.post("/acme/lobby?cid="+bad, "x").refused(400, "bad-id")
	}
	s.post("/acme/lobby", "x", "Connection-ID: short").refused(400, "bad-id")
	s.post("/acme/lobby?cid="+ann, "x", "Connection-ID: "+bob).refused(400, "bad-id")
	s.post("/acme/lobby?cid="+ann+"&cid="+ann, "x").refused(400, "bad-id")
	s.post("/acme/lobby", "x", "Connection-ID: "+ann, "Connection-ID: "+ann).refused(400, "bad-id")
}

func TestTokens(t *testing.T) {
	s := open(t, handlers.Options{Key: "a secret"})
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{nil, 201},
		{[]string{"Authorization: Bearer a secret"}, 201},
		{[]string{"Authorization: bearer a secret"}, 201},
		{[]string{"Authorization: Basic YTpi"}, 201},
		{[]string{"Authorization: Basic YTpi", "Authorization: Bearer a secret"}, 201},
		{[]string{"Authorization: Digest x", "Authorization: Bearer wrong"}, 401},
		{[]string{"Authorization: Bearer a secret", "Authorization: Bearer a secret"}, 401},
		{[]string{"Authorization: Bearer"}, 401},
		{[]string{"Authorization: Bearer a secre"}, 401},
		{[]string{"Authorization: Bearer a secrets"}, 401},
		{[]string{"Authorization: Bearer A SECRET"}, 401},
	} {
		r := s.post("/acme/lobby", "x", c.headers...)
		if r.status != c.status {
			t.Errorf("%q: %d %s", c.headers, r.status, r.body)
		}
		if challenge := r.header.Get("WWW-Authenticate"); (challenge != "") != (c.status == 401) || c.status == 401 && !strings.HasPrefix(challenge, "Bearer ") {
			t.Errorf("%q: WWW-Authenticate %q", c.headers, challenge)
		}
	}
	// Who holds the key is nobody else's member, whatever the connection ID.
	mine := s.post("/acme/lobby", "x", "Authorization: Bearer a secret", "Connection-ID: "+ann).is(201).said()
	theirs := s.post("/acme/lobby", "x", "Connection-ID: "+ann).is(201).said()
	if mine.From == theirs.From || mine.From == "" {
		t.Errorf("the holder of the key is %q, a stranger with its connection ID %q", mine.From, theirs.From)
	}
	keyless := open(t, handlers.Options{})
	keyless.post("/acme/lobby", "x", "Authorization: Bearer x").refused(401, "unauthorized")
	keyless.post("/acme/lobby", "x", "Authorization: Bearer ").refused(401, "unauthorized")
	keyless.get("/-/health", "Authorization: Bearer x").is(200)
}
