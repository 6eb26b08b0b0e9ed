package handlers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

// The head, retry and hello leave in one write, before the log is read; then all
// that is ready leaves in one more.
func TestAllThatIsReadyIsOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		for i := range 50 {
			st.say("acme", "lobby", "", fmt.Sprint("words ", i))
		}
		conn := st.request("GET", "/acme/lobby?since=all")
		buf := make([]byte, 1<<16) // a pipe gives at most what one write holds
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		first := string(buf[:n])
		for _, part := range []string{
			"HTTP/1.1 200 OK\r\n", "\r\nContent-Type: text/event-stream; charset=utf-8\r\n",
			"\r\nCache-Control: no-cache, no-store, no-transform\r\n", "\r\nX-Accel-Buffering: no\r\n",
			"\r\nVary: Accept, Origin\r\n", "\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n",
			"\r\nTransfer-Encoding: chunked\r\n", "\r\nConnection: close\r\n", "retry: ", "event: hello\n", "}\n\n",
		} {
			if !strings.Contains(first, part) {
				t.Errorf("the first write has no %q:\n%s", part, first)
			}
		}
		for _, never := range []string{"Content-Length", "Content-Encoding", "words"} {
			if strings.Contains(first, never) {
				t.Errorf("the first write has %s", never)
			}
		}
		if n, err = conn.Read(buf); err != nil || strings.Count(string(buf[:n]), "event: message\n") != 50 {
			t.Errorf("the second write has %d events, %v", strings.Count(string(buf[:n]), "event: message\n"), err)
		}
	})
}

func TestARetryIsJittered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		seen := map[string]bool{}
		for range 20 {
			r := st.get("/acme/lobby")
			b, err := r.sse.block()
			if err != nil || b.fields[0][0] != "retry" {
				t.Fatalf("%+v, %v", b, err)
			}
			var ms int
			fmt.Sscan(b.fields[0][1], &ms)
			if ms < 1000 || ms > 3000 {
				t.Errorf("retry: %d", ms)
			}
			seen[b.fields[0][1]] = true
		}
		if len(seen) < 5 {
			t.Errorf("%d different ones of 20", len(seen))
		}
	})
}

func TestWhoHearsWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		annHears := st.listen("/acme/lobby", "Connection-ID", ann)
		bobHears := st.listen("/acme?room=lobby&room=side", "Connection-ID", bob)
		nobody := st.listen("/acme")
		onlooker := st.listen("/acme?room=*")
		heardBy := map[*heard][]sseEvent{}
		var mu sync.Mutex
		for _, r := range []*heard{annHears, bobHears, nobody, onlooker} {
			go func() {
				all := r.sse.all()
				mu.Lock()
				defer mu.Unlock()
				heardBy[r] = all
			}()
		}
		publish := func(cid string, words string, to ...string) {
			if _, err := st.reg.Publish(t.Context(), events.Anonymous(cid), "acme", events.Post{To: to, Bodies: []events.Body{said(words)}}); err != nil {
				t.Fatal(err)
			}
		}
		publish(ann, "one", "lobby")
		publish(bob, "two", "lobby")
		publish("", "three", "side")
		publish("", "four", "*")
		publish(ann, "five", "lobby", "side", "*")
		synctest.Wait()
		st.reg.Drain()
		synctest.Wait()
		for name, tt := range map[string]struct {
			r    *heard
			want string
		}{
			"ann": {annHears, "two four"}, "bob": {bobHears, "one three four five"},
			"nobody": {nobody, "four five"}, "onlooker": {onlooker, "one two three four five"},
		} {
			var got []string
			for _, e := range heardBy[tt.r] {
				var said struct{ Data string }
				if e.name == "message" && json.Unmarshal([]byte(e.data), &said) == nil {
					got = append(got, said.Data)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%s heard %q, want %q", name, s, tt.want)
			}
		}
	})
}

func TestAHeartbeatCarriesThePosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		r := st.listen("/acme/lobby")
		began := time.Now()
		id := st.say("acme", "elsewhere", "", "not heard here")
		b, err := r.sse.block()
		if err != nil || b.event != nil || len(b.comments) != 1 || b.comments[0] != " hb" || len(b.fields) != 1 || r.sse.lastID != id {
			t.Errorf("%+v, last ID %q, want %q; %v", b, r.sse.lastID, id, err)
		}
		if d := time.Since(began); d != 15*time.Second {
			t.Errorf("after %v", d)
		}
		time.Sleep(10 * time.Second)
		said := st.say("acme", "lobby", "", "heard")
		if e := r.event(t); e.id != said {
			t.Errorf("%+v", e)
		}
		began = time.Now()
		if _, err := r.sse.block(); err != nil || time.Since(began) != 15*time.Second {
			t.Errorf("a heartbeat %v after something was written, %v", time.Since(began), err)
		}
	})
}

func TestAHeartbeatOfOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		r := st.get("/acme/lobby?heartbeat=5s")
		if e := r.event(t); !strings.Contains(e.data, `"heartbeat":5,`) {
			t.Errorf("hello: %s", e.data)
		}
		began := time.Now()
		if _, err := r.sse.block(); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("after %v, %v", time.Since(began), err)
		}
	})
}

func TestWhereAStreamStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		var ids []string
		began := time.Now()
		for i := range 5 {
			ids = append(ids, st.say("acme", "lobby", "", fmt.Sprint(i)))
			time.Sleep(time.Minute)
		}
		epoch, _, _ := strings.Cut(ids[0], "-")
		at := func(seq int) string { return fmt.Sprint(epoch, "-", seq) }
		for name, tt := range map[string]struct {
			header, query string
			hello         string // the ID of hello
			resumed       bool
			gap           string
			heard         int
		}{
			"now":              {"", "", at(5), false, "", 0},
			"header":           {ids[1], "", ids[1], true, "", 3},
			"header first":     {ids[1], "since=all&last=1", ids[1], true, "", 3},
			"since before":     {"", "since=" + ids[3] + "&last=5", ids[3], true, "", 1},
			"before the first": {at(0), "", at(0), true, "", 5},
			"the last":         {at(5), "", at(5), true, "", 0},
			"the mark":         {"", "since=" + ids[1] + "!", ids[1], true, "", 3},
			"all":              {"", "since=all", at(0), false, "", 5},
			"last":             {"", "last=2", at(3), false, "", 2},
			"last of more":     {"", "last=100", at(0), false, "", 5},
			"last none":        {"", "last=0", at(5), false, "", 0},
			"duration":         {"", "since=SINCE", at(3), false, "", 2},
			"time":             {"", "since=2000-01-01T00:01:00Z", at(1), false, "", 4},
			"in the future":    {"", "since=2100-01-01T00:00:00Z", at(5), false, "", 0},
			"empty":            {"", "since=&last=", at(5), false, "", 0},
			"another epoch":    {"zzzz-3", "", at(5), false, `{"from":"zzzz-3","to":"` + at(5) + `","reason":"epoch"}`, 0},
			"since another":    {"", "since=zzzz-3", at(5), false, `{"from":"zzzz-3","to":"` + at(5) + `","reason":"epoch"}`, 0},
			"beyond":           {at(6), "", at(5), false, `{"from":"` + at(6) + `","to":"` + at(5) + `","reason":"epoch"}`, 0},
			"absurd":           {"1", "", at(5), false, `{"to":"` + at(5) + `","reason":"epoch"}`, 0},
			"all as a header":  {"all", "", at(5), false, `{"to":"` + at(5) + `","reason":"epoch"}`, 0},
		} {
			header := []string{"Accept", "text/event-stream"}
			if tt.header != "" {
				header = append(header, "Last-Event-ID", tt.header)
			}
			query := strings.Replace(tt.query, "SINCE", (time.Since(began) - 150*time.Second).String(), 1)
			r := st.get("/acme/lobby?"+query, header...)
			hello := r.event(t)
			var told struct{ Resumed bool }
			if err := json.Unmarshal([]byte(hello.data), &told); err != nil || hello.id != tt.hello || told.Resumed != tt.resumed {
				t.Errorf("%s: hello %+v, want id %s, resumed %v", name, hello, tt.hello, tt.resumed)
			}
			if tt.gap != "" {
				b, err := r.sse.block()
				if err != nil || b.event == nil || b.event.name != "gap" || b.event.data != tt.gap {
					t.Errorf("%s: %+v, %v; want gap %s", name, b, err, tt.gap)
				}
				for _, f := range b.fields {
					if f[0] == "id" {
						t.Errorf("%s: a gap with an id", name)
					}
				}
			}
			began := time.Now()
			for range tt.heard {
				if e := r.event(t); e.name != "message" {
					t.Errorf("%s: %+v", name, e)
				}
			}
			if time.Since(began) != 0 {
				t.Errorf("%s: waited for events", name)
			}
			if b, err := r.sse.block(); err != nil || b.event != nil {
				t.Errorf("%s: one more: %+v, %v", name, b, err)
			}
			r.conn.Close()
		}
	})
}

func TestABye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{streams: 1})
		id := st.say("acme", "lobby", "", "before")
		first := st.listen("/acme/lobby", "Connection-ID", ann)
		second := st.listen("/acme/lobby", "Connection-ID", ann)
		if e := first.event(t); e != (sseEvent{id + "!", "bye", `{"reason":"replaced","reconnect":false}`}) {
			t.Errorf("%+v", e)
		}
		if s := first.rest(t); s != "" {
			t.Errorf("after the bye: %q", s)
		}
		// What a browser does with it, and a person who knows better.
		if r := st.get("/acme/lobby", "Last-Event-ID", id+"!", "Accept", "text/event-stream"); r.StatusCode != 204 || r.rest(t) != "" {
			t.Errorf("%s", r.Status)
		}
		if r := st.listen("/acme/lobby?since=" + id + "!"); r.sse.lastID != id {
			t.Errorf("came back at %q", r.sse.lastID)
		}
		st.reg.Drain()
		b, err := second.sse.block()
		if err != nil || b.event == nil || b.event.data != `{"reason":"drain","reconnect":true}` || b.fields[0][0] != "retry" || len(b.fields) != 3 {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

func TestTheMarkIsSeenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{closed: true})
		for _, target := range []string{"/acme/lobby", "/acme/lobby?format=nonsense", "/acme?cid=short"} {
			for _, method := range []string{"GET", "HEAD"} {
				if r := st.do(method, target, "Last-Event-ID", "anything!"); r.StatusCode != 204 {
					t.Errorf("%s %s: %s", method, target, r.Status)
				}
			}
		}
	})
}

func TestTwoSlowStreamsDoNotShareAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		for i := range 2000 {
			st.say("acme", "lobby", "", fmt.Sprint("number ", i))
		}
		a, b := st.listen("/acme/lobby?since=all"), st.listen("/acme/lobby?since=all")
		for i := range 2000 {
			want := fmt.Sprintf(`"data":"number %d"`, i)
			if e := a.event(t); !strings.Contains(e.data, want) {
				t.Fatalf("a: %s, want %s", e.data, want)
			}
			if e := b.event(t); !strings.Contains(e.data, want) {
				t.Fatalf("b: %s, want %s", e.data, want)
			}
		}
	})
}

func TestAStreamIsLoggedWithoutSecretsOrWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		r := st.listen("/acme?room=lobby&cid=" + ann)
		st.say("acme", "lobby", "", "a word in confidence")
		r.event(t)
		r.conn.Close()
		synctest.Wait()
		var opened, closed map[string]any
		for line := range strings.Lines(st.said.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			switch m["msg"] {
			case "stream opened":
				opened = m
			case "stream closed":
				closed = m
			}
		}
		if opened["namespace"] != "acme" || opened["member"] == "" {
			t.Errorf("opened: %v", opened)
		}
		if closed["events"] != 1.0 || closed["reason"] != "gone" || closed["duration"] == nil || fmt.Sprint(closed["rooms"]) != "[lobby]" {
			t.Errorf("closed: %v", closed)
		}
		for _, secret := range []string{"confidence", ann, "cid"} {
			if strings.Contains(st.said.String(), secret) {
				t.Errorf("the log has %q", secret)
			}
		}
		if st.reg.Streams() != 0 {
			t.Error("the cursor is still open")
		}
	})
}

func TestAStalledStreamIsClosedAndGivesItsCursorBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		r := st.listen("/acme/lobby", "Connection-ID", ann)
		st.say("acme", "lobby", "", "nobody takes this")
		time.Sleep(30*time.Second - 1)
		if st.reg.Streams() != 1 {
			t.Fatal("closed too early")
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		if st.reg.Streams() != 0 || !strings.Contains(st.said.String(), `"reason":"stalled"`) {
			t.Errorf("%d streams; %s", st.reg.Streams(), st.said)
		}
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("a stream that was cut looks as if it had ended")
		}
	})
}
