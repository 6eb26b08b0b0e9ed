package handlers_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/events"
)

// ANN, BOB and CYD stand for members' IDs.
var emitSeeds = []string{
	"to=a", "to=a&to=b", "to=b&to=a&to=b&echo=1", "to=*", "to=*&except=a", "to=@BOB", "to=a&except=@BOB", "to=@ANN&echo=1", "to=@ANN",
	"to=a&to=c&except=b&event=note&ttl=1h", "to=c&ack=5s", "to=a&volatile=1", "to=*&volatile=1&ack=1s", "to=a%20b&utm=1", "to=a&echo=0&volatile=0",
	"to=a&ticket=", "to=%F0%9F%90%88&event=%E2%9C%93",
	"", "except=a", "to=", "to=@x", "to=-a", "to=a&room=b", "to=a&ack=26s", "to=a&ack=5s&ack=5s", "to=a&volatile=1&ttl=1h", "to=a&ttl=-1s", "to=a&echo=yes", "to=a&event=bye", "to=a&ticket=x", "%zz",
}

// A post is heard by the union of its targets, less what except names and, without
// echo, less the sender; one that is refused is heard by nobody, and only one that
// cannot be is refused.
func FuzzEmit(f *testing.F) {
	for _, s := range emitSeeds {
		f.Add(s)
	}
	g := newBench()
	f.Fuzz(func(t *testing.T, query string) { checkEmit(t, g, query) })
}

func TestEmitSeeds(t *testing.T) { half(t, emitSeeds, checkEmit) }

// people of the emit tests, and the rooms that they are in.
var people = map[string][]string{ann: {"a"}, bob: {"a", "b"}, cyd: {"c"}}

func checkEmit(t *testing.T, g bench, query string) bool {
	g.fresh(t)
	members := map[string]string{}
	for cid, word := range map[string]string{ann: "ANN", bob: "BOB", cyd: "CYD"} {
		r, _ := g.ask(t, "POST", "/acme/elsewhere", "", http.Header{"Connection-Id": {cid}})
		members[cid] = r.said().From
		query = strings.ReplaceAll(query, word, members[cid])
	}
	r, ok := g.ask(t, "POST", "/acme?"+query, "said", http.Header{"Connection-Id": {ann}})
	if !ok {
		return false
	}
	taken, p := emits(query)
	if d, good := howLong(p.Get("ttl")); good && d > 0 && d < time.Minute {
		return false // it may be over before anybody asks
	}
	if taken != (r.status < 300) {
		t.Fatalf("?%s: %d %s", query, r.status, r.body)
	}
	for cid, rooms := range people {
		in := func(targets []string) bool {
			return slices.ContainsFunc(targets, func(to string) bool {
				return to == "*" || to == "@"+members[cid] || slices.Contains(rooms, to)
			})
		}
		want := taken && in(p["to"]) && !in(p["except"]) && !isOn(p, "volatile") && (cid != ann || isOn(p, "echo"))
		poll, _ := g.ask(t, "GET", "/acme?format=json&wait=0s&since=all&room="+strings.Join(rooms, "&room="), "", http.Header{"Connection-Id": {cid}})
		var heard struct{ Events []event }
		poll.json(&heard)
		if got := len(heard.Events) == 1; got != want || len(heard.Events) > 1 {
			t.Fatalf("?%s: %s is told %s", query, cid, poll.body)
		}
		if want && (heard.Events[0].From != members[ann] || text(t, heard.Events[0].Data) != "said" || p.Has("event") && heard.Events[0].Event != p.Get("event")) {
			t.Fatalf("?%s: %s is told %s", query, cid, poll.body)
		}
	}
	return taken
}

// isOn reports whether a flag is.
func isOn(p url.Values, name string) bool { return p.Get(name) == "1" || p.Get(name) == "true" }

// emits says whether a query can be one of a post, by the words of the manual.
func emits(query string) (ok bool, p url.Values) {
	p, err := url.ParseQuery(query)
	if err != nil {
		return false, nil
	}
	ok = len(p["to"]) > 0 && len(p["room"]) == 0 && !slices.ContainsFunc(p["ticket"], func(v string) bool { return v != "" })
	for _, name := range []string{"to", "except"} {
		different := map[string]bool{}
		for _, to := range p[name] {
			different[to] = true
			ok = ok && events.CheckTarget(to) == nil
		}
		ok = ok && len(different) <= 64
	}
	for _, name := range []string{"echo", "volatile", "event", "ttl", "ack"} {
		ok = ok && len(p[name]) <= 1
	}
	for _, name := range []string{"echo", "volatile"} {
		ok = ok && (!p.Has(name) || slices.Contains([]string{"0", "1", "true", "false"}, p.Get(name)))
	}
	ok = ok && (!p.Has("event") || events.CheckEventName(p.Get("event")) == nil)
	if p.Has("ttl") {
		d, good := howLong(p.Get("ttl"))
		ok = ok && good && d > 0 && !isOn(p, "volatile")
	}
	if p.Has("ack") {
		d, good := howLong(p.Get("ack"))
		ok = ok && good && d > 0 && d <= 25*time.Second
	}
	// A connection ID in the query is another than the header's, or the same.
	ok = ok && (!p.Has("cid") || len(p["cid"]) == 1 && p.Get("cid") == ann)
	return ok, p
}

func howLong(s string) (time.Duration, bool) {
	if days, found := strings.CutSuffix(s, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

var descriptionSeeds = []string{
	`{}`, `{"name":"Ann"}`, `{"data":{"a":[1.0,null]}}`, `{"name":null,"data":null}`, `{"name":"\ud83d\udc08","data":"\u2028"}`, ` {"data" : 1e400}`,
	`{"data":[]}`, `{"data":""}`, `{"name":"Anna B","data":false}`,
	`{"name":""}`, `{"name":" x"}`, `{"user":"x"}`, `{"name":1}`, `[]`, ``, `{"data":"\ud800"}`, `{"name":"x"`, "{\"name\":\"\xff\"}",
}

// A description that is taken is all that is changed, and is read back as it was
// said; one that is refused changes nothing.
func FuzzDescriptions(f *testing.F) {
	for _, s := range descriptionSeeds {
		f.Add(s)
	}
	g := newBench()
	f.Fuzz(func(t *testing.T, body string) { checkDescription(t, g, body) })
}

func TestDescriptionSeeds(t *testing.T) { half(t, descriptionSeeds, checkDescription) }

func checkDescription(t *testing.T, g bench, body string) bool {
	g.fresh(t)
	me := http.Header{"Connection-Id": {ann}, "Content-Type": {"application/json"}}
	g.ask(t, "GET", "/acme/lobby?format=json&name=Before", "", me)
	g.ask(t, "PATCH", "/acme/-/members/me", `{"data":"before"}`, me)
	r, _ := g.ask(t, "PATCH", "/acme/-/members/me", body, me)
	list, _ := g.ask(t, "GET", "/acme/-/members", "", nil)
	var there struct{ Members []json.RawMessage }
	list.json(&there)
	var now map[string]json.RawMessage
	if err := json.Unmarshal(there.Members[0], &now); err != nil {
		t.Fatal(err)
	}
	want := map[string]json.RawMessage{"name": []byte(`"Before"`), "data": []byte(`"before"`)}
	if r.status == 200 {
		if strings.TrimSpace(r.body) != string(there.Members[0]) {
			t.Fatalf("%q is answered %s and then it is %s", body, r.body, there.Members[0])
		}
		var said map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &said); err != nil {
			t.Fatalf("%q is taken: %v", body, err)
		}
		for k, v := range said {
			if k != "name" && k != "data" {
				t.Fatalf("%q is taken", body)
			}
			want[k] = v
			if string(v) == "null" {
				delete(want, k)
			}
		}
	}
	for _, k := range []string{"name", "data"} {
		if (want[k] == nil) != (now[k] == nil) || want[k] != nil && !reflect.DeepEqual(value(t, want[k]), value(t, now[k])) {
			t.Fatalf("%q: %s is %s, want %s", body, k, now[k], want[k])
		}
	}
	return r.status == 200
}
