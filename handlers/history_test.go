package handlers_test

import (
	"fmt"
	"regexp"
	"testing"

	"parley/handlers"
)

func TestHistory(t *testing.T) {
	s := open(t, handlers.Options{})
	var ids []string
	for i := range 60 {
		ids = append(ids, s.post("/acme/lobby", fmt.Sprint(i), "Connection-ID: "+ann).is(201).said().ID)
		s.post("/acme/elsewhere", "not this room").is(201)
	}
	for _, c := range []struct {
		query       string
		first, last int // of ids
		more        bool
	}{
		{"", 10, 59, true},
		{"?limit=500", 0, 59, false},
		{"?limit=1", 59, 59, true},
		{"?limit=60", 0, 59, false},
		{"?before=" + ids[10], 0, 9, false},
		{"?before=" + ids[10] + "&limit=3", 7, 9, true},
		{"?after=" + ids[50], 51, 59, false},
		{"?after=" + ids[10] + "&before=" + ids[20], 11, 19, false},
		{"?before=&after=&limit=2", 58, 59, true},
		{"?cid=" + ann + "&limit=2", 58, 59, true},
		{"?unknown=1&limit=2", 58, 59, true},
	} {
		for _, target := range []string{"/acme/lobby/history" + c.query, "/acme/-/history?room=lobby&" + trim(c.query)} {
			var h struct {
				Events []event
				More   *bool
			}
			s.get(target).is(200).json(&h)
			if len(h.Events) != c.last-c.first+1 || h.Events[0].ID != ids[c.first] || h.Events[len(h.Events)-1].ID != ids[c.last] || h.More == nil || *h.More != c.more {
				t.Errorf("%s: %d events, more %v", target, len(h.Events), *h.More)
			}
		}
	}
	if r := s.get("/acme/nobody/history").is(200); r.body != `{"events":[],"more":false}`+"\n" {
		t.Errorf("an empty room: %s", r.body)
	}
	if r := s.get("/fresh/lobby/history").is(200); r.body != `{"events":[],"more":false}`+"\n" {
		t.Errorf("an empty namespace: %s", r.body)
	}
	for query, code := range map[string]string{
		"limit=0": "bad-parameter", "limit=501": "bad-parameter", "limit=x": "bad-parameter", "limit=": "bad-parameter",
		"limit=-1": "bad-parameter", "limit=99999999999999999999": "bad-parameter", "limit=1&limit=1": "bad-parameter",
		"before=x": "bad-parameter", "after=abcd": "bad-parameter", "before=zzzz-1": "bad-parameter", "before=" + ids[1] + "&before=" + ids[1]: "bad-parameter",
		"room=lobby": "bad-parameter",
	} {
		s.get("/acme/lobby/history?"+query).refused(400, code)
	}
	s.get("/acme/-/history").refused(400, "bad-parameter")
	// Parameters come before Accept.
	for target, code := range map[string]string{"?before=junk": "bad-parameter", "?after=junk": "bad-parameter", "/junk": "bad-id"} {
		s.get("/acme/lobby/history"+target, "Accept: image/png").refused(400, code)
	}
	s.get("/acme/-/history?room=a&room=b").refused(400, "bad-parameter")
	s.get("/acme/-/history?room=").refused(400, "bad-name")
	s.get("/acme/-/history?room=*").refused(400, "bad-name")
	s.get("/acme/lobby/history", "Accept: text/html").refused(406, "not-acceptable")
	s.get("/acme/lobby/history", "Accept: text/html, */*;q=0.1").is(200)
}

func trim(query string) string {
	if query == "" {
		return ""
	}
	return query[1:]
}

func TestOneEventOfHistory(t *testing.T) {
	s := open(t, handlers.Options{})
	id := s.post("/acme/lobby?event=tick", `{"a": 1}`, "Content-Type: application/json", "Connection-ID: "+ann).is(201).said().ID
	form := regexp.MustCompile(`^\{"id":"` + id + `","room":"lobby","event":"tick","from":"[a-z2-7]{16}","data":\{"a":1\},"time":"[^"]+"\}\n$`)
	for _, target := range []string{"/acme/lobby/history/" + id, "/acme/-/history/" + id + "?room=lobby"} {
		if r := s.get(target).is(200); !form.MatchString(r.body) {
			t.Errorf("%s: %s", target, r.body)
		}
	}
	bin := s.post("/acme/lobby", "\x00", "Content-Type: image/png").is(201).said().ID
	form = regexp.MustCompile(`"data":"AA==","encoding":"base64","type":"image/png","time":`)
	if r := s.get("/acme/lobby/history/" + bin).is(200); !form.MatchString(r.body) {
		t.Errorf("binary: %s", r.body)
	}
	both := s.post("/acme?to=a&to=b", "x").is(201).said().ID
	for _, room := range []string{"a", "b"} {
		var e event
		s.get("/acme/" + room + "/history/" + both).is(200).json(&e)
		if e.Room != "" || fmt.Sprint(e.To) != "[a b]" {
			t.Errorf("in %s: %+v", room, e)
		}
	}
	s.get("/acme/elsewhere/history/"+id).refused(404, "not-found")
	s.get("/other/lobby/history/"+id).refused(404, "not-found")
	s.get("/acme/lobby/history/zzzz-1").refused(404, "not-found")
	s.get("/acme/lobby/history/"+id+"9").refused(404, "not-found")
	s.get("/acme/lobby/history/1").refused(400, "bad-id")
	s.get("/acme/lobby/history/..").refused(400, "bad-id")
	s.get("/acme/-/history/"+id).refused(400, "bad-parameter")
}
