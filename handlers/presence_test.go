package handlers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

// settled waits until the first grace after the start is over.
func settled() { time.Sleep(11 * time.Second) }

func TestFramesOfPresenceAndRooms(t *testing.T) {
	for _, format := range []string{"sse", "ndjson", "text"} {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, stageOptions{})
				settled()
				st.member(ann)
				r := st.get("/acme?room=lobby&room=side&presence=1&name=Bob&heartbeat=60s&format="+format, "Connection-ID", bob)
				var got strings.Builder
				done := make(chan struct{})
				go func() { defer close(done); io.Copy(&got, r.Body) }()
				synctest.Wait()
				a := st.attend(ann, "/acme/lobby?name=%23%20Ann%20(x),%20y")
				time.Sleep(2 * time.Second)
				st.call("PATCH", "/acme/-/members/me", `{"name":"Anna"}`, as(ann), asJSON).is(200)
				time.Sleep(2 * time.Second)
				st.call("PATCH", "/acme/-/members/me", `{"name":null}`, as(ann), asJSON).is(200)
				time.Sleep(2 * time.Second)
				st.call("PUT", "/acme/kitchen/members/me", "", as(bob)).is(200)
				synctest.Wait()
				st.call("DELETE", "/acme/side/members/me", "", as(bob)).is(200)
				synctest.Wait()
				a.leave()
				time.Sleep(12 * time.Second)
				st.call("POST", "/acme/lobby?ack=5s", "anybody?", as(ann)).is(200)
				for _, room := range []string{"lobby", "kitchen"} {
					st.call("DELETE", "/acme/"+room+"/members/me", "", as(bob)).is(200)
					synctest.Wait()
				}
				st.call("DELETE", "/acme/-/members/me", "", as(bob)).is(200)
				<-done
				frames(t, "presence."+format, st.names(got.String()), st.epoch(), "e4f1")
				if err := describedFrames(t, format, got.String()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func (st *stage) epoch() string {
	epoch, _, _ := strings.Cut(st.id(0), "-")
	return epoch
}

// describedFrames holds what a stream said to the document.
func describedFrames(t *testing.T, format, body string) error {
	d := described(t)
	content := d.at(t, "paths", "/{ns}/{room}", "get", "responses", "200", "content")
	media := map[string]string{"sse": "text/event-stream", "ndjson": "application/x-ndjson", "text": "text/plain"}[format]
	return d.holds(media, content[media].(map[string]any)["schema"], body)
}

// Who is there, who comes, and who goes once the grace is over.
func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		settled()
		b := st.attend(bob, "/acme/lobby?presence=1&name=Bob")
		expect := func(want string) {
			t.Helper()
			if got := st.names(b.told()); got != want {
				t.Errorf("told %s, want %s", got, want)
			}
		}
		expect(`presence {"room":"lobby","members":[{"id":"<bob>","name":"Bob"}],"count":1,"users":1}` + "\n")
		a := st.attend(ann, "/acme/lobby?name=Ann")
		time.Sleep(time.Second)
		expect(`presence {"room":"lobby","joined":[{"id":"<ann>","name":"Ann"}],"left":[],"changed":[],"count":2,"users":2}` + "\n")

		// A return within the grace is silence, whatever it calls itself.
		id := st.say("acme", "lobby", bob, "not heard here")
		a.leave()
		time.Sleep(9 * time.Second)
		a = st.attend(ann, "/acme/lobby?name=Other", "Last-Event-ID", id)
		time.Sleep(20 * time.Second)
		expect("")

		// So is somebody who is in the room twice.
		second := st.attend(ann, "/acme/lobby")
		a.leave()
		time.Sleep(20 * time.Second)
		expect("")
		second.leave()
		time.Sleep(9 * time.Second)
		expect("")
		time.Sleep(3 * time.Second)
		expect(`presence {"room":"lobby","joined":[],"left":["<ann>"],"changed":[],"count":1,"users":1}` + "\n")
	})
}

func TestWithoutAskingNobodyIsToldOfPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		settled()
		for _, target := range []string{"/acme/lobby", "/acme/lobby?presence=0", "/acme?room=*"} {
			b := st.attend(bob, target)
			st.attend(ann, "/acme/lobby").leave()
			time.Sleep(15 * time.Second)
			if got := b.told(); got != "" {
				t.Errorf("%s: told %s", target, got)
			}
		}
	})
}

func TestNobodyIsAnnouncedInTheFirstGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		b := st.attend(bob, "/acme/lobby?presence=1")
		synctest.Wait() // told who was there before ann is
		st.attend(ann, "/acme/lobby")
		time.Sleep(9 * time.Second)
		if got := st.names(b.told()); got != `presence {"room":"lobby","members":[{"id":"<bob>"}],"count":1,"users":1}`+"\n" {
			t.Errorf("told %s", got)
		}
		time.Sleep(3 * time.Second)
		got := st.names(b.told())
		if !strings.HasPrefix(got, `presence {"room":"lobby","members":[`) || !strings.HasSuffix(got, `"count":2,"users":2}`+"\n") {
			t.Errorf("told %s", got)
		}
	})
}

// However many come in a second, it is told once, and by counts alone when they are
// too many to name.
func TestACrowdIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		settled()
		b := st.attend(bob, "/acme/lobby?presence=1")
		b.told()
		crowd := func(n, from int) {
			for i := range n {
				c, err := st.reg.Listen(t.Context(), events.Anonymous(fmt.Sprintf("crowd-%010d", from+i)), "acme", events.Listen{Rooms: []string{"lobby"}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(c.Close)
			}
		}
		crowd(500, 0)
		time.Sleep(3 * time.Second)
		if got := b.told(); strings.Count(got, "presence") != 1 || strings.Count(got, `{"id":`) != 500 || !strings.Contains(got, `"count":501,"users":501}`) {
			t.Errorf("500 who came: %.200s …", got)
		}
		crowd(502, 500) // the first of them is told at once, it was quiet
		time.Sleep(3 * time.Second)
		if got := b.told(); strings.Count(got, "presence") != 2 || !strings.HasSuffix(got, `presence {"room":"lobby","count":1003,"users":1003}`+"\n") {
			t.Errorf("502 who came: %.200s …", got)
		}
		late := st.attend(cyd, "/acme/lobby?presence=1")
		if got := late.told(); got != `presence {"room":"lobby","count":1004,"users":1004}`+"\n" {
			t.Errorf("who comes into a crowd: %.200s …", got)
		}
	})
}

// A stream over many full rooms is told of them in pages that a slow reader does not
// pay for all at once.
func TestManyFullRoomsAreToldInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		var rooms []string
		for i := range 20 {
			rooms = append(rooms, fmt.Sprint("r", i))
		}
		for i := range 400 {
			c, err := st.reg.Listen(t.Context(), events.Anonymous(fmt.Sprintf("crowd-%010d", i)), "acme", events.Listen{Rooms: rooms})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
		}
		settled()
		conn := st.request("GET", "/acme?presence=1&format=ndjson&room="+strings.Join(rooms, "&room="), "Connection-ID", bob)
		heard, longest := 0, 0
		buf := make([]byte, 8<<20) // a pipe gives at most what one write holds
		for heard < len(rooms) {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			heard += strings.Count(string(buf[:n]), `"event":"presence"`)
			longest = max(longest, n)
		}
		if heard != len(rooms) || longest > 128<<10 {
			t.Errorf("%d rooms were told, in pages of up to %d bytes", heard, longest)
		}
		// And a poll is told of all of them.
		target := "/acme?presence=1&room=" + strings.Join(rooms, "&room=")
		got, next, _ := st.answered(target, cyd)
		if len(got) != len(rooms) {
			t.Errorf("a poll is told of %d", len(got))
		}
		time.Sleep(2 * time.Second) // until it is told that the poll came
		if got, _, took := st.answered(target+"&wait=5s&since="+next, cyd); len(got) != len(rooms) || took != 5*time.Second {
			t.Errorf("one that waits is told of %d after %v", len(got), took)
		}
	})
}

func TestPresenceIsNotOfEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		for query, code := range map[string]string{
			"room=*&presence=1": "bad-parameter", "presence=yes": "bad-parameter", "presence=": "bad-parameter", "presence=1&presence=1": "bad-parameter",
			"name=%20x": "bad-name", "name=x%20": "bad-name", "name=a%0Ab": "bad-name", "name=%E2%80%AEx": "bad-name", "name=%E2%80%8Bx": "bad-name",
			"name=%FF": "bad-name", "name=a&name=b": "bad-parameter", "name=" + strings.Repeat("x", 65): "bad-name",
		} {
			for _, method := range []string{"GET", "HEAD"} {
				r := st.call(method, "/acme?"+query, "", "Accept: image/png") // parameters come before Accept
				if r.status != 400 || method == "GET" && r.code() != code {
					t.Errorf("%s ?%s: %d %s", method, query, r.status, r.body)
				}
			}
		}
		for _, query := range []string{"room=*&presence=0", "presence=1", "name=", "name=x%20y", "name=" + strings.Repeat("x", 64), "name=%F0%9F%90%88"} {
			if r := st.call("HEAD", "/acme?"+query, ""); r.status != 200 {
				t.Errorf("?%s: %d", query, r.status)
			}
		}
	})
}

// A nickname goes with the words, as it was when they were said.
func TestANicknameIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		b := st.attend(bob, "/acme/lobby")
		st.call("POST", "/acme/lobby", "1", as(ann)).is(201)
		a := st.attend(ann, "/acme/lobby?name=Ann")
		st.call("POST", "/acme/lobby", "2", as(ann)).is(201)
		a.leave()
		a = st.attend(ann, "/acme/lobby?name=Other", "Last-Event-ID", st.id(2)) // a return keeps it
		st.call("POST", "/acme/lobby", "3", as(ann)).is(201)
		a.leave()
		a = st.attend(ann, "/acme/lobby?name=Anna") // a new opening does not
		st.call("POST", "/acme/lobby?volatile=1", "4", as(ann)).is(202)
		a.leave()
		time.Sleep(11 * time.Second)
		st.call("POST", "/acme/lobby", "5", as(ann)).is(201)
		var got []string
		for line := range strings.Lines(b.told()) {
			var e struct{ Name, Data string }
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "message ")), &e); err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Data+e.Name)
		}
		if s := strings.Join(got, " "); s != "1 2Ann 3Ann 4Anna 5" {
			t.Errorf("heard %s", s)
		}
		var h struct {
			Events []struct{ Name string }
		}
		st.call("GET", "/acme/lobby/history", "").is(200).json(&h)
		if len(h.Events) != 4 || h.Events[1].Name != "Ann" {
			t.Errorf("history: %+v", h)
		}
	})
}

// What has no position survives a page that is cut: a client that takes its time
// is told all events once and in order, and at last the rooms that it has.
func TestRoomsAndPresenceSurviveAFullSocket(t *testing.T) {
	st := newStage(t, stageOptions{tcp: true})
	const all = 3000
	r := st.listen("/acme?room=lobby&presence=1", "Connection-ID", bob)
	big := strings.Repeat("x", 8<<10)
	for i := range all {
		st.say("acme", "lobby", "", fmt.Sprint(i, " ", big))
		if i%100 == 50 {
			method := []string{"PUT", "DELETE"}[i/100%2]
			st.call(method, "/acme/kitchen/members/me", "", as(bob)).is(200)
		}
	}
	st.call("PUT", "/acme/attic/members/me", "", as(bob)).is(200)
	heard, rooms, present := 0, "", ""
	for heard < all || rooms != `{"rooms":["lobby","attic"]}` || !strings.Contains(present, `"attic"`) {
		e := r.event(t)
		switch e.name {
		case "message":
			if !strings.Contains(e.data, fmt.Sprintf(`"data":"%d x`, heard)) {
				t.Fatalf("event %d is %.100s", heard, e.data)
			}
			heard++
		case "rooms":
			rooms = e.data
		case "presence":
			present = e.data
			if err := describedFrames(t, "sse", "event: presence\ndata: "+present+"\n\n"); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("%+v", e)
		}
	}
}

// The last answer of a poll, its entries as lines.
func (st *stage) answered(target, cid string) (entries []string, next string, took time.Duration) {
	st.t.Helper()
	began := time.Now()
	headers := []string{"Accept: application/json"}
	if cid != "" {
		headers = append(headers, as(cid))
	}
	var p struct {
		Events []json.RawMessage
		Next   string
	}
	r := st.call("GET", target, "", headers...).is(200)
	r.json(&p)
	for _, e := range p.Events {
		entries = append(entries, st.names(string(e)))
	}
	d := described(st.t)
	poll := d.at(st.t, "paths", "/{ns}/{room}", "get", "responses", "200", "content", "application/json")
	if err := d.holds("application/json", poll["schema"], r.body); err != nil {
		st.t.Errorf("GET %s: %v", target, err)
	}
	return entries, p.Next, time.Since(began)
}

func TestAPollTellsWhoIsThereAndWaitsForNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		settled()
		const state = `{"event":"presence","room":"lobby","members":[{"id":"<bob>","name":"Bob"}],"count":1,"users":1}`
		got, next, took := st.answered("/acme/lobby?presence=1&name=Bob", bob)
		if len(got) != 1 || got[0] != state || took != 0 {
			t.Errorf("the first: %q after %v", got, took)
		}
		time.Sleep(2 * time.Second)
		// The state comes with every answer, and is none by itself.
		if got, _, took = st.answered("/acme/lobby?presence=1&wait=5s&since="+next, bob); len(got) != 1 || got[0] != state || took != 5*time.Second {
			t.Errorf("without news: %q after %v", got, took)
		}
		// A change is.
		time.AfterFunc(3*time.Second, func() { st.attend(ann, "/acme/lobby?name=Ann") })
		got, next, took = st.answered("/acme/lobby?presence=1&since="+next, bob)
		if len(got) != 2 || got[0] != state || got[1] != `{"event":"presence","room":"lobby","joined":[{"id":"<ann>","name":"Ann"}],"left":[],"changed":[],"count":2,"users":2}` ||
			took < 3*time.Second || took > 4*time.Second {
			t.Errorf("somebody came: %q after %v", got, took)
		}
		// And so is a word, with who is there by now.
		time.AfterFunc(time.Second, func() { st.say("acme", "lobby", "", "hello") })
		got, _, took = st.answered("/acme/lobby?presence=1&since="+next, bob)
		if len(got) != 2 || !strings.Contains(got[0], `"count":2`) || !strings.Contains(got[1], `"data":"hello"`) || took != time.Second {
			t.Errorf("somebody spoke: %q after %v", got, took)
		}
		if got, _, _ = st.answered("/acme/lobby", bob); len(got) != 0 {
			t.Errorf("without presence: %q", got)
		}
	})
}

// A poll with a connection ID is somebody while it runs and for the grace after;
// one without is nobody.
func TestWhomAPollMakesPresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		count := func() (n struct{ Count int }) {
			st.call("GET", "/acme/lobby/members", "").is(200).json(&n)
			return n
		}
		_, next, _ := st.answered("/acme/lobby?presence=1", "")
		go st.answered("/acme/lobby?presence=1&since="+next, "")
		synctest.Wait()
		if n := count().Count; n != 0 {
			t.Errorf("a poll without a connection ID makes %d", n)
		}
		time.Sleep(30 * time.Second)
		st.answered("/acme/lobby?wait=20s&since="+next, bob)
		if n := count().Count; n != 1 {
			t.Errorf("a poll with one makes %d", n)
		}
		time.Sleep(9 * time.Second)
		if n := count().Count; n != 1 {
			t.Errorf("within the grace there are %d", n)
		}
		time.Sleep(2 * time.Second)
		if n := count().Count; n != 0 {
			t.Errorf("after the grace there are %d", n)
		}
	})
}

// A poll that comes back is in the rooms that are remembered, and is told so.
func TestAPollComesBackToItsRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		_, next, _ := st.answered("/acme/lobby", bob)
		st.call("PUT", "/acme/kitchen/members/me", "", as(bob)).is(200)
		st.say("acme", "kitchen", "", "dinner")
		got, next, _ := st.answered("/acme/lobby?since="+next, bob)
		if len(got) != 2 || got[0] != `{"event":"rooms","rooms":["kitchen","lobby"]}` || !strings.Contains(got[1], "dinner") {
			t.Errorf("told %q", got)
		}
		// What changes while it waits is news.
		time.AfterFunc(4*time.Second, func() { st.call("DELETE", "/acme/kitchen/members/me", "", as(bob)).is(200) })
		got, next, took := st.answered("/acme/lobby?since="+next, bob)
		if len(got) != 2 || got[1] != `{"event":"rooms","rooms":["lobby"]}` || took != 4*time.Second {
			t.Errorf("told %q after %v", got, took)
		}
		if got, _, _ = st.answered("/acme/lobby?wait=1s&since="+next, bob); len(got) != 0 {
			t.Errorf("in the rooms that it names it is told %q", got)
		}
	})
}
