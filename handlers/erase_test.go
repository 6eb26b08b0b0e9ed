package handlers_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"parley/handlers"
)

// What is erased is read nowhere any more, and whoever listens is told.
func TestErasing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := keyed(t)
		b := st.attend(bob, "/acme?room=lobby&room=side")
		mine := st.say("acme", "lobby", ann, "mine")
		st.say("acme", "lobby", cyd, "another's")
		st.say("acme", "side", "", "elsewhere")
		st.say("acme", "lobby", "", "of nobody")
		b.told()
		past := func(room, want string) {
			t.Helper()
			var h struct {
				Events []struct {
					Event string
					Data  any
				}
			}
			st.call("GET", "/acme/"+room+"/history", "").is(200).json(&h)
			var got []string
			for _, e := range h.Events {
				if e.Event == "message" {
					got = append(got, e.Data.(string))
				}
			}
			if s := strings.Join(got, ", "); s != want {
				t.Errorf("%s holds %q, want %q", room, s, want)
			}
		}
		notice := func(r reply, seq uint64, data string) {
			t.Helper()
			id := st.id(seq)
			if r.is(200).body != `{"id":"`+id+`","time":"2000-01-01T00:00:00.000Z"}`+"\n" {
				t.Errorf("answered %s", r.body)
			}
			if got := b.told(); got != "erased "+data+"\n" {
				t.Errorf("told %s, want %s", got, data)
			}
		}
		// One's own without a key; another's, or nobody's, with it.
		for _, seq := range []uint64{2, 3, 4, 99} {
			room := map[uint64]string{3: "side"}[seq]
			if room == "" {
				room = "lobby"
			}
			st.call("DELETE", "/acme/"+room+"/history/"+st.id(seq), "", as(ann)).refused(403, "forbidden")
			st.call("DELETE", "/acme/"+room+"/history/"+st.id(seq), "").refused(403, "forbidden")
		}
		notice(st.call("DELETE", "/acme/lobby/history/"+mine, "", as(ann)), 5, `{"room":"lobby","ids":["`+mine+`"]}`)
		past("lobby", "another's, of nobody")
		st.call("GET", "/acme/lobby/history/"+mine, "").refused(404, "not-found")
		notice(st.call("DELETE", "/acme/-/history/"+st.id(2)+"?room=lobby", "", secret), 6, `{"room":"lobby","ids":["`+st.id(2)+`"]}`)
		st.call("DELETE", "/acme/lobby/history/"+st.id(2), "", secret).refused(404, "not-found")

		// All that is older, and all of it, by who may manage alone.
		st.say("acme", "lobby", "", "newer")
		b.told()
		for _, target := range []string{"/acme/lobby/history", "/acme/lobby/history?before=" + st.id(7), "/acme/-/history?room=lobby"} {
			st.call("DELETE", target, "", as(ann)).refused(403, "forbidden")
		}
		notice(st.call("DELETE", "/acme/lobby/history?before="+st.id(7), "", secret), 8, `{"room":"lobby","upto":"`+st.id(6)+`"}`)
		past("lobby", "newer")
		past("side", "elsewhere")
		notice(st.call("DELETE", "/acme/-/history?room=lobby", "", secret), 9, `{"room":"lobby","upto":"`+st.id(8)+`"}`)
		past("lobby", "")
		past("side", "elsewhere")

		// Who comes back is not told that anything was lost.
		if got := st.attend(cyd, "/acme/side?since="+st.id(0)).told(); strings.Contains(got, "gap") {
			t.Errorf("a return is told %s", got)
		}
		if log := st.said.String(); strings.Count(log, `"msg":"history erased"`) != 4 {
			t.Errorf("logged %s", log)
		}
	})
}

// A slip does not erase more than was meant.
func TestErasingThatCannotBe(t *testing.T) {
	s := open(t, handlers.Options{Key: "secret"})
	id := s.post("/acme/lobby", "kept").is(201).said().ID
	for _, c := range []struct {
		target string
		status int
		code   string
	}{
		{"/acme/lobby/history?before=", 400, "bad-parameter"}, {"/acme/lobby/history?before=junk", 400, "bad-parameter"},
		{"/acme/lobby/history?before=zzzz-1", 400, "bad-parameter"}, {"/acme/lobby/history?before=" + id + "&before=" + id, 400, "bad-parameter"},
		{"/acme/lobby/history?after=" + id, 400, "bad-parameter"}, {"/acme/lobby/history?limit=1", 400, "bad-parameter"},
		{"/acme/-/history", 400, "bad-parameter"}, {"/acme/-/history?room=", 400, "bad-name"}, {"/acme/-/history?room=*", 400, "bad-name"},
		{"/acme/lobby/history?room=side", 400, "bad-parameter"}, {"/acme/-/history/" + id, 400, "bad-parameter"},
		{"/acme/lobby/history/junk", 400, "bad-id"}, {"/acme/lobby/history/zzzz-1", 404, "not-found"},
		{"/acme/side/history/" + id, 404, "not-found"}, {"/acme/lobby/history?before=" + id, 404, "not-found"},
		{"/fresh/lobby/history", 404, "not-found"},
	} {
		s.do("DELETE", c.target, "", secret).refused(c.status, c.code)
	}
	s.do("DELETE", "/acme/lobby/history", "", secret, "Accept: text/html").refused(406, "not-acceptable")
	if n := len(s.past("/acme/lobby")); n != 1 {
		t.Errorf("%d events are left", n)
	}
}
