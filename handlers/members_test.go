package handlers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
	"parley/handlers"
)

// keyed is a stage whose server has a key.
func keyed(t *testing.T) *stage {
	t.Helper()
	return newStage(t, stageOptions{server: handlers.Options{Key: "secret"}})
}

// moved reads where a member is now.
func (r reply) moved() (rooms, position string) {
	r.t.Helper()
	var m struct {
		Rooms    []string
		Position string
	}
	r.is(200).json(&m)
	return strings.Join(m.Rooms, " "), m.Position
}

// All streams of a member join and leave without reopening; they are told so, and
// hear what is said from the position in the answer.
func TestJoiningAndLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		one, two := st.attend(ann, "/acme/lobby"), st.attend(ann, "/acme/side")
		other := st.attend(bob, "/acme/lobby")
		st.say("acme", "kitchen", "", "too early")
		rooms, at := st.call("PUT", "/acme/kitchen/members/me", "", as(ann)).moved()
		if rooms != "kitchen lobby side" || at != st.id(1) {
			t.Errorf("joined: %s from %s", rooms, at)
		}
		st.say("acme", "kitchen", "", "dinner")
		for l, want := range map[*listener]string{
			one: `rooms {"rooms":["lobby","kitchen"]}`, two: `rooms {"rooms":["side","kitchen"]}`,
		} {
			got := l.told()
			if lines := strings.Split(got, "\n"); lines[0] != want || strings.Count(got, "message ") != 1 || !strings.Contains(got, "dinner") {
				t.Errorf("told %s", got)
			}
		}
		// Again is nothing.
		if rooms, _ := st.call("PUT", "/acme/kitchen/members/me", "", as(ann)).moved(); rooms != "kitchen lobby side" {
			t.Errorf("joined again: %s", rooms)
		}
		if rooms, _ := st.call("DELETE", "/acme/attic/members/me", "", as(ann)).moved(); rooms != "kitchen lobby side" {
			t.Errorf("left where she is not: %s", rooms)
		}
		if got := one.told() + two.told(); got != "" {
			t.Errorf("nothing changed, and was told: %s", got)
		}
		if rooms, _ := st.call("DELETE", "/acme/lobby/members/me", "", as(ann)).moved(); rooms != "kitchen side" {
			t.Errorf("left: %s", rooms)
		}
		st.say("acme", "lobby", "", "behind her back")
		if got := one.told(); got != `rooms {"rooms":["kitchen"]}`+"\n" {
			t.Errorf("told %s", got)
		}
		if got := two.told() + other.words(t); got != "behind her back" {
			t.Errorf("told %s", got)
		}
	})
}

// The query can name the room wherever a path does.
func TestARoomInTheQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := keyed(t)
		a := st.attend(ann, "/acme/lobby")
		member := st.member(ann)
		for i, c := range []struct{ method, target, header, rooms string }{
			{"PUT", "/acme/-/members/me?room=a%20b", as(ann), "a b lobby"},
			{"DELETE", "/acme/-/members/me?room=a%20b", as(ann), "lobby"},
			{"PUT", "/acme/-/members/" + member + "?room=c", secret, "c lobby"},
			{"DELETE", "/acme/-/members/" + member + "?room=c", secret, "lobby"},
			{"PUT", "/acme/-/members?room=d&in=lobby", secret, "d lobby"},
			{"DELETE", "/acme/-/members?room=d&in=@" + member, secret, "lobby"},
			{"PUT", "/acme/e/members/" + member, secret, "e lobby"},
			{"DELETE", "/acme/e/members/" + member, secret, "lobby"},
			{"PUT", "/acme/f/members?in=*", secret, "f lobby"},
			{"DELETE", "/acme/f/members?in=f&except=nobody", secret, "lobby"},
		} {
			st.call(c.method, c.target, "", c.header).is(200)
			var m struct{ Members []struct{ Rooms []string } }
			st.call("GET", "/acme/-/members?room=lobby", "").is(200).json(&m)
			if got := strings.Join(m.Members[0].Rooms, " "); got != c.rooms {
				t.Errorf("%d: %s %s: in %s, want %s", i, c.method, c.target, got, c.rooms)
			}
		}
		// A slip in the room is no other act: nobody is disconnected by it.
		for _, c := range []struct{ target, header, code string }{
			{"/acme/-/members/me?room=", as(ann), "bad-name"}, {"/acme/-/members/" + member + "?room=", secret, "bad-name"},
			{"/acme/-/members?in=*&room=", secret, "bad-name"}, {"/acme/-/members/me?room=a&room=b", as(ann), "bad-parameter"},
			{"/acme/lobby/members/me?room=a", as(ann), "bad-parameter"}, {"/acme/-/members", secret, "no-target"},
			{"/acme/-/members?in=", secret, "bad-name"}, {"/acme/-/members?except=lobby", secret, "no-target"},
		} {
			st.call("DELETE", c.target, "", c.header).refused(400, c.code)
		}
		st.call("PUT", "/acme/-/members/me", "", as(ann)).refused(400, "bad-parameter")
		if strings.Contains(a.told(), "bye") {
			t.Error("a slip ended a stream")
		}
	})
}

// A return has the rooms that are remembered, within the grace and from where they
// were joined; an opening without a position has those of its URL.
func TestWhichRoomsAStreamComesBackTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		hello := func(target string, header ...string) (rooms string) {
			t.Helper()
			r := st.get(target, append(header, "Connection-ID", ann)...)
			var h struct{ Rooms []string }
			if err := json.Unmarshal([]byte(r.event(t).data), &h); err != nil {
				t.Fatal(err)
			}
			r.conn.Close()
			synctest.Wait()
			return strings.Join(h.Rooms, " ")
		}
		first := st.attend(ann, "/acme/lobby")
		st.say("acme", "kitchen", "", "before she came")
		st.call("PUT", "/acme/kitchen/members/me", "", as(ann)).is(200)
		first.leave()
		st.say("acme", "kitchen", "", "while she was away")

		if got := hello("/acme/lobby", "Last-Event-ID", st.id(0)); got != "kitchen lobby" {
			t.Errorf("by the header: %s", got)
		}
		if got := hello("/acme/elsewhere?since=" + st.id(0)); got != "kitchen lobby" {
			t.Errorf("by since: %s", got)
		}
		if got := hello("/acme/lobby?since=zzzz-9"); got != "kitchen lobby" {
			t.Errorf("with a position of another log: %s", got)
		}
		// The room is heard from where it was joined, not from before.
		back := st.attend(ann, "/acme/lobby", "Last-Event-ID", st.id(0))
		if got := back.words(t); got != "while she was away" {
			t.Errorf("heard %q", got)
		}
		back.leave()
		for _, since := range []string{"all", "10m", ""} {
			if got := hello("/acme/lobby?since=" + since); got != "lobby" {
				t.Errorf("since=%s: %s", since, got)
			}
		}
		if got := hello("/acme/lobby", "Last-Event-ID", st.id(0)); got != "lobby" {
			t.Errorf("after a new opening: %s", got)
		}
		st.call("PUT", "/acme/kitchen/members/me", "", as(ann)).is(200) // within the grace
		if got := hello("/acme/lobby", "Last-Event-ID", st.id(0)); got != "kitchen lobby" {
			t.Errorf("joined while away: %s", got)
		}
		time.Sleep(11 * time.Second)
		if got := hello("/acme/lobby", "Last-Event-ID", st.id(0)); got != "lobby" {
			t.Errorf("after the grace: %s", got)
		}
		time.Sleep(11 * time.Second)
		st.call("PUT", "/acme/kitchen/members/me", "", as(ann)).refused(404, "no-stream")
	})
}

// There is an end to how many rooms one can join, and an onlooker joins none.
func TestRoomsThatCannotBeJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		target := "/acme?"
		for i := range 100 {
			target += fmt.Sprint("&room=r", i)
		}
		a := st.attend(ann, target)
		st.call("PUT", "/acme/r5/members/me", "", as(ann)).is(200) // it is there already
		st.call("PUT", "/acme/onemore/members/me", "", as(ann)).refused(400, "bad-parameter")
		st.call("DELETE", "/acme/r5/members/me", "", as(ann)).is(200)
		st.call("PUT", "/acme/onemore/members/me", "", as(ann)).is(200)
		if got := a.told(); !strings.Contains(got, "onemore") {
			t.Errorf("told %s", got)
		}
		b := st.attend(bob, "/acme?room=*")
		st.call("PUT", "/acme/lobby/members/me", "", as(bob)).refused(400, "bad-parameter")
		if got := b.told(); got != "" {
			t.Errorf("an onlooker is told %s", got)
		}
	})
}

func TestMovingOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := keyed(t)
		a, b, c := st.attend(ann, "/acme/lobby"), st.attend(bob, "/acme?room=lobby&room=side"), st.attend(cyd, "/acme/side")
		member := st.member(ann)
		rooms, at := st.call("PUT", "/acme/kitchen/members/"+member, "", secret).moved()
		if rooms != "kitchen lobby" || at != st.id(0) {
			t.Errorf("%s from %s", rooms, at)
		}
		count := func(method, target string, want int) {
			t.Helper()
			var n struct {
				Count    int
				Position string
			}
			st.call(method, target, "", secret).is(200).json(&n)
			if n.Count != want || n.Position != st.id(0) {
				t.Errorf("%s %s: %+v, want %d", method, target, n, want)
			}
		}
		count("PUT", "/acme/hall/members?in=lobby&in=side&except=@"+member, 2)
		count("PUT", "/acme/attic/members?in=*&except=side", 1)
		count("DELETE", "/acme/side/members?in=*", 3)
		count("PUT", "/acme/cellar/members?in=nobody-is-here", 0)
		for l, want := range map[*listener]string{
			a: `rooms {"rooms":["lobby","kitchen","attic"]}`, b: `rooms {"rooms":["lobby","hall"]}`, c: `rooms {"rooms":["hall"]}`,
		} {
			if got := l.told(); !strings.HasSuffix(got, want+"\n") {
				t.Errorf("told %s, at last want %s", got, want)
			}
		}
		st.call("PUT", "/acme/hall/members/aaaaaaaaaaaaaaaa", "", secret).refused(404, "not-found")
		st.call("DELETE", "/acme/hall/members/aaaaaaaaaaaaaaaa", "", secret).refused(404, "not-found")
		st.call("PUT", "/acme/hall/members", "", secret).refused(400, "no-target")
		many := ""
		for i := range 65 {
			many += fmt.Sprint("&in=r", i)
		}
		st.call("PUT", "/acme/hall/members?"+many, "", secret).refused(400, "bad-parameter")
		for _, target := range []string{"/acme/hall/members/" + member, "/acme/hall/members?in=*", "/acme/-/members?in=*", "/acme/-/members/" + member} {
			for _, method := range []string{"PUT", "DELETE"} {
				st.call(method, target, "").refused(403, "forbidden")
				st.call(method, target, "", as(ann)).refused(403, "forbidden")
			}
		}
	})
}

func TestAskingWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := keyed(t)
		if r := st.call("GET", "/acme/-/members", "").is(200); r.body != `{"count":0,"users":0,"members":[],"partial":false}`+"\n" {
			t.Errorf("an empty namespace: %s", r.body)
		}
		st.attend(ann, "/acme/lobby?name=Ann")
		time.Sleep(time.Second)
		st.attend(bob, "/acme?room=side&room=lobby")
		time.Sleep(time.Second)
		st.attend(cyd, "/acme/side").leave() // the grace counts
		st.call("PATCH", "/acme/-/members/me", `{"data":{"b":1,"a":2}}`, as(ann), asJSON).is(200)

		const a = `{"id":"<ann>","name":"Ann","data":{"b":1,"a":2},"rooms":["lobby"],"since":"2000-01-01T00:00:00.000Z"}`
		const b = `{"id":"<bob>","rooms":["lobby","side"],"since":"2000-01-01T00:00:01.000Z"}`
		const c = `{"id":"<cyd>","rooms":["side"],"since":"2000-01-01T00:00:02.000Z"}`
		for query, want := range map[string][]string{
			"/acme/lobby/members": {a, b}, "/acme/side/members": {b, c}, "/acme/-/members": {a, b, c},
			"/acme/-/members?in=*": {a, b, c}, "/acme/-/members?in=lobby&in=side": {a, b, c}, "/acme/-/members?room=lobby": {a, b},
			"/acme/-/members?in=lobby&except=side": {a}, "/acme/lobby/members?except=side": {a}, "/acme/-/members?except=lobby": {c},
			"/acme/-/members?in=@" + st.member(ann): {a}, "/acme/-/members?except=*": {}, "/acme/nobody/members": {}, "/other/-/members": {},
		} {
			r := st.call("GET", query, "").is(200)
			if got, want := st.names(r.body), fmt.Sprintf(`{"count":%d,"users":%d,"members":[%s],"partial":false}`+"\n", len(want), len(want), strings.Join(want, ",")); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
			if r := st.call("HEAD", query, "").is(200); r.body != "" {
				t.Errorf("HEAD %s: %s", query, r.body)
			}
		}
		for query, code := range map[string]string{
			"/acme/-/members?in=@short": "bad-id", "/acme/-/members?in=": "bad-name", "/acme/-/members?in=..": "bad-name", "/acme/-/members?except=-x": "bad-name",
			"/acme/lobby/members?in=side": "bad-parameter", "/acme/-/members?room=a&in=b": "bad-parameter", "/acme/-/members?room=a&room=b": "bad-parameter",
			"/acme/-/members?room=*": "bad-name",
		} {
			st.call("GET", query, "", "Accept: image/png").refused(400, code)
		}
		st.call("GET", "/acme/-/members", "", "Accept: text/html").refused(406, "not-acceptable")
	})
}

func TestDescribingOneself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		st.attend(ann, "/acme/lobby")
		most := `"` + strings.Repeat("x", 4<<10-2) + `"`
		for _, c := range []struct{ body, want string }{ // want is the status and code, or name and data
			{`{}`, ` `}, {`{"name":"Ann"}`, `Ann `}, {`{"data":[1.0,{"b":1,"a":1}]}`, `Ann [1.0,{"b":1,"a":1}]`},
			{` { "name" : "A b" , "data" : { "x" : null } } `, `A b {"x":null}`}, {`{"data":false}`, `A b false`}, {`{"name":null}`, ` false`},
			{`{"data":null,"name":"\u0041nn"}`, `Ann `}, {`{"data":` + most + `}`, `Ann ` + most}, {`{"data":null}`, `Ann `},
			{`{"data":"` + strings.Repeat("x", 4<<10-1) + `"}`, "413 too-large"}, {`{"data":"` + strings.Repeat("x", 20<<10) + `"}`, "413 too-large"},
			{`{"user":"root"}`, "400 bad-parameter"}, {`{"Name":"x"}`, "400 bad-parameter"}, {`{"name":"x","rooms":[]}`, "400 bad-parameter"},
			{`{"name":1}`, "400 bad-parameter"}, {`{"name":["x"]}`, "400 bad-parameter"}, {`{"name":"x","name":"y"}`, "400 bad-parameter"},
			{`{"name":""}`, "400 bad-name"}, {`{"name":" x"}`, "400 bad-name"}, {`{"name":"a\nb"}`, "400 bad-name"}, {`{"name":"\u202ex"}`, "400 bad-name"},
			{`{"name":"` + strings.Repeat("x", 65) + `"}`, "400 bad-name"},
			{`{"name":"\ud800"}`, "400 bad-json"}, {`{"data":"\ud800"}`, "400 bad-json"}, {"{\"name\":\"\xff\"}", "400 bad-json"},
			{``, "400 bad-json"}, {`[]`, "400 bad-json"}, {`null`, "400 bad-json"}, {`{"name":"x"} {}`, "400 bad-json"}, {`{"name":}`, "400 bad-json"},
		} {
			r := st.call("PATCH", "/acme/-/members/me", c.body, as(ann), asJSON)
			got := fmt.Sprint(r.status, " ", r.code())
			if r.status == 200 {
				var m struct {
					Name string
					Data json.RawMessage
				}
				r.json(&m)
				got = m.Name + " " + string(m.Data)
			}
			if got != c.want {
				t.Errorf("%.80s: %.80s, want %.80s", c.body, got, c.want)
			}
		}
		var there struct{ Members []struct{ Name string } }
		st.call("GET", "/acme/lobby/members", "").is(200).json(&there)
		if there.Members[0].Name != "Ann" {
			t.Errorf("what was refused has changed something: %+v", there)
		}
		for _, kind := range []string{"", "Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/x-ndjson", "Content-Type: application/json; charset=latin1"} {
			headers := []string{as(ann)}
			if kind != "" {
				headers = append(headers, kind)
			}
			st.call("PATCH", "/acme/-/members/me", `{}`, headers...).refused(415, "unsupported-type")
		}
		st.call("PATCH", "/acme/-/members/me", `{}`, as(bob), asJSON).refused(404, "no-stream")
	})
}

// A kick ends all streams of a member for good, as an EventSource understands it,
// and is not a ban.
func TestDisconnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := keyed(t)
		settled()
		watcher := st.attend(cyd, "/acme/lobby?presence=1")
		watcher.told()
		id := st.say("acme", "lobby", "", "before")
		bye := func(l *listener) {
			t.Helper()
			synctest.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			last := l.got[len(l.got)-1]
			if last.name != "bye" || last.data != `{"reason":"kicked","reconnect":false}` || last.id != id+"!" {
				t.Errorf("ended with %+v", last)
			}
			select {
			case <-l.end:
			default:
				t.Error("the stream is still open")
			}
		}
		one, two := st.attend(ann, "/acme/lobby"), st.attend(ann, "/acme/side")
		time.Sleep(2 * time.Second)
		watcher.told()
		if r := st.call("DELETE", "/acme/-/members/"+st.member(ann), "", secret).is(200); r.body != `{"count":1}`+"\n" {
			t.Errorf("answered %s", r.body)
		}
		bye(one)
		bye(two)
		if r := st.get("/acme/lobby", "Last-Event-ID", id+"!", "Connection-ID", ann); r.StatusCode != 204 {
			t.Errorf("an EventSource that comes back: %s", r.Status)
		}
		time.Sleep(2 * time.Second)
		if got := st.names(watcher.told()); !strings.Contains(got, `"left":["<ann>"]`) {
			t.Errorf("there is no grace for who is kicked: %s", got)
		}
		st.call("DELETE", "/acme/-/members/"+st.member(ann), "", secret).refused(404, "not-found")
		st.call("PUT", "/acme/lobby/members/me", "", as(ann)).refused(404, "no-stream")

		again := st.attend(ann, "/acme/lobby?since="+id+"!") // on purpose
		b := st.attend(bob, "/acme/side")
		if r := st.call("DELETE", "/acme/-/members?in=lobby&in=side&except=@"+st.member(cyd), "", secret).is(200); r.body != `{"count":2}`+"\n" {
			t.Errorf("answered %s", r.body)
		}
		bye(again)
		bye(b)
		if r := st.call("DELETE", "/acme/-/members?in=side", "", secret).is(200); r.body != `{"count":0}`+"\n" {
			t.Errorf("answered %s", r.body)
		}
		self := st.attend(ann, "/acme/lobby")
		for _, path := range []string{"/acme/-/members/me", "/acme/-/members/" + st.member(ann)} {
			st.call("DELETE", path+"?in=*", "", secret, as(ann)).refused(400, "bad-parameter")
			st.call("DELETE", path+"?except=side&room=lobby", "", secret, as(ann)).refused(400, "bad-parameter")
		}
		if r := st.call("DELETE", "/acme/-/members/me", "", as(ann)).is(200); r.body != `{"count":1}`+"\n" {
			t.Errorf("answered %s", r.body)
		}
		bye(self)
		st.call("DELETE", "/acme/-/members/me", "", as(ann)).refused(404, "no-stream")
	})
}

func TestListingRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		if r := st.call("GET", "/acme/-/rooms", "").is(200); r.body != `{"rooms":[],"more":false}`+"\n" {
			t.Errorf("an empty namespace: %s", r.body)
		}
		st.attend(ann, "/acme?room=lobby&room=attic")
		st.attend(bob, "/acme/lobby")
		id := st.say("acme", "lobby", "", "said")
		rooms := func(query, want string) {
			t.Helper()
			if r := st.call("GET", "/acme/-/rooms"+query, "").is(200); r.body != want+"\n" {
				t.Errorf("%s: %s, want %s", query, r.body, want)
			}
		}
		const attic = `{"room":"attic","count":1,"users":1}`
		lobby := `{"room":"lobby","count":2,"users":2,"last":"` + id + `"}`
		rooms("", `{"rooms":[`+attic+`,`+lobby+`],"more":false}`)
		rooms("?limit=1", `{"rooms":[`+attic+`],"more":true}`)
		rooms("?after=attic&limit=1", `{"rooms":[`+lobby+`],"more":false}`)
		rooms("?after=&limit=1000", `{"rooms":[`+attic+`,`+lobby+`],"more":false}`)
		rooms("?after=zoo", `{"rooms":[],"more":false}`)
		last := st.say("acme", "cellar", "", "nobody is here, and yet it was said")
		rooms("?after=attic&limit=1", `{"rooms":[{"room":"cellar","count":0,"users":0,"last":"`+last+`"}],"more":true}`)
		for query, code := range map[string]string{
			"?limit=0": "bad-parameter", "?limit=1001": "bad-parameter", "?limit=": "bad-parameter", "?limit=1&limit=1": "bad-parameter",
			"?after=a%2Fb": "bad-name", "?after=a&after=b": "bad-parameter",
		} {
			st.call("GET", "/acme/-/rooms"+query, "", "Accept: image/png").refused(400, code)
		}
	})
}

// Who asks about oneself says who that is, and what is wrong shows in one order.
func TestTheOrderOfLookingAtMembers(t *testing.T) {
	s := open(t, handlers.Options{Key: "secret"})
	member := strings.Repeat("a", 16)
	for _, c := range []struct{ method, target string }{
		{"PUT", "/acme/lobby/members/me"}, {"DELETE", "/acme/lobby/members/me"}, {"PUT", "/acme/-/members/me?room=a"},
		{"DELETE", "/acme/-/members/me"}, {"PATCH", "/acme/-/members/me"}, {"POST", "/acme/-/acks/abcd-1"},
	} {
		s.do(c.method, c.target, "").refused(400, "bad-id")
		s.do(c.method, c.target, "", "Authorization: Bearer wrong").refused(400, "bad-id")
		s.do(c.method, c.target, "", as(ann), "Authorization: Bearer wrong").refused(401, "unauthorized")
	}
	// What others do not permit is refused before it is looked at.
	for _, c := range []struct{ method, target string }{
		{"PUT", "/acme/lobby/members?in=..&except=-x"}, {"DELETE", "/acme/lobby/members"}, {"PUT", "/acme/-/members"}, {"DELETE", "/acme/-/members?in=.."},
		{"DELETE", "/acme/lobby/history?before=junk"}, {"DELETE", "/acme/-/history"},
	} {
		s.do(c.method, c.target, "", as(ann), "Accept: image/png").refused(403, "forbidden")
		if r := s.do(c.method, c.target, "", secret, "Accept: image/png"); r.status != 400 && r.status != 406 {
			t.Errorf("%s %s: %d %s", c.method, c.target, r.status, r.body)
		}
	}
	for _, step := range []struct {
		target, token, accept string
		status                int
		code                  string
	}{
		{"/acme/-bad/members/you?room=-x", "wrong", "image/png", 400, "bad-name"},
		{"/acme/lobby/members/you?room=-x&cid=short", "wrong", "image/png", 400, "bad-id"},
		{"/acme/lobby/members/" + member + "?room=-x&cid=short", "wrong", "image/png", 400, "bad-id"},
		{"/acme/lobby/members/" + member + "?room=-x", "wrong", "image/png", 401, "unauthorized"},
		{"/acme/lobby/members/" + member + "?room=-x", "", "image/png", 403, "forbidden"},
		{"/acme/lobby/members/" + member + "?room=-x", "secret", "image/png", 400, "bad-parameter"},
		{"/acme/lobby/members/" + member, "secret", "image/png", 406, "not-acceptable"},
		{"/acme/lobby/members/" + member, "secret", "*/*", 404, "not-found"},
	} {
		headers := []string{"Accept: " + step.accept}
		if step.token != "" {
			headers = append(headers, "Authorization: Bearer "+step.token)
		}
		s.do("PUT", step.target, "", headers...).refused(step.status, step.code)
	}
}

// What the settings of a namespace refuse is refused in time, and in words that a
// client knows.
func TestSettingsOfANamespace(t *testing.T) {
	s := opened(t, events.Options{Settings: func(ns string) (events.Settings, bool) {
		switch ns {
		case "closed":
			return events.Settings{}, false
		case "mute":
			return events.Settings{Anonymous: events.MayRead}, true
		case "dark":
			return events.Settings{Anonymous: events.Nothing}, true
		case "small":
			return events.Settings{Data: 8, Rooms: 1, Streams: 1}, true
		case "plain":
			return events.Settings{NoPresence: true, NoVolatile: true}, true
		}
		return events.Settings{}, true
	}})
	for _, c := range []struct {
		method, target string
		status         int
		code           string
	}{
		{"GET", "/closed/lobby", 404, "not-found"}, {"POST", "/closed/lobby", 404, "not-found"}, {"GET", "/closed/-/members", 404, "not-found"},
		{"FOO", "/closed/lobby", 404, "not-found"}, {"GET", "/closed/lobby/history", 404, "not-found"},
		{"POST", "/mute/lobby?echo=2", 403, "forbidden"}, {"GET", "/mute/lobby/history?limit=0", 403, "forbidden"},
		{"GET", "/dark/lobby", 403, "forbidden"}, {"GET", "/dark/-/rooms", 403, "forbidden"},
		{"POST", "/plain/lobby?volatile=1", 403, "forbidden"}, {"GET", "/plain/lobby?presence=1", 403, "forbidden"}, {"GET", "/plain/-/members", 403, "forbidden"},
		{"GET", "/small?room=a&room=b", 429, "quota"},
	} {
		s.do(c.method, c.target, "x").refused(c.status, c.code)
	}
	if r := s.do("HEAD", "/closed/lobby", ""); r.status != 404 {
		t.Errorf("HEAD: %d", r.status)
	}
	s.post("/small/lobby", "too many words").refused(413, "too-large")
	s.post("/small/lobby", "few").is(201)
	s.get("/mute/lobby?format=json").is(200)
	s.post("/dark/lobby", "x", secret).is(201)
	s.get("/plain/-/members", secret).is(200)
	if r := s.get("/small?room=a&room=b"); r.header.Get("Retry-After") == "" {
		t.Errorf("a quota without Retry-After: %q", r.header)
	}
	// An EventSource is told to come back.
	if r := s.get("/small?room=a&room=b", "Accept: text/event-stream").is(200); !strings.Contains(r.body, `"reason":"busy"`) {
		t.Errorf("an EventSource is told %s", r.body)
	}
}

func TestWhatIsDoneToMembersIsLoggedWithoutWhatTheyAreCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := keyed(t)
		st.attend(ann, "/acme/lobby?name=Confidential")
		st.call("PATCH", "/acme/-/members/me", `{"data":"confidential","name":"Confidential"}`, as(ann), asJSON).is(200)
		st.call("PUT", "/acme/kitchen/members/me", "", as(ann)).is(200)
		st.call("DELETE", "/acme/kitchen/members?in=lobby", "", secret).is(200)
		st.call("DELETE", "/acme/-/members?in=lobby", "", secret).is(200)
		log := st.said.String()
		for _, msg := range []string{"member described", "member moved", "members moved", "members disconnected"} {
			if strings.Count(log, `"msg":"`+msg+`"`) != 1 {
				t.Errorf("%q is not there once: %s", msg, log)
			}
		}
		if strings.Count(log, `"member":"`+st.member(ann)+`","room":"kitchen","how":"join"`) != 1 {
			t.Errorf("nobody knows who was moved: %s", log)
		}
		for _, secret := range []string{"onfidential", ann, "?in="} {
			if strings.Contains(log, secret) {
				t.Errorf("the log has %q", secret)
			}
		}
	})
}
