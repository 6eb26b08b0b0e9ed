package handlers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

// An answer of a poll.
type polled struct {
	Events []struct {
		Event, ID, Reason string
		Data              any
	}
	Next string
}

func (st *stage) poll(target string, header ...string) (p polled, took time.Duration) {
	st.t.Helper()
	began := time.Now()
	r := st.get(target, append(header, "Accept", "application/json")...)
	body := r.rest(st.t)
	if err := json.Unmarshal([]byte(body), &p); err != nil || r.StatusCode != 200 || r.ContentLength != int64(len(body)) {
		st.t.Fatalf("GET %s: %s %q, %v", target, r.Status, body, err)
	}
	if r.Header.Get("Cache-Control") != "no-store" {
		st.t.Errorf("GET %s: Cache-Control: %s", target, r.Header.Get("Cache-Control"))
	}
	return p, time.Since(began)
}

func TestAPollWithoutAPositionAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		id := st.say("acme", "lobby", "", "before")
		if p, took := st.poll("/acme/lobby?wait=60s"); p.Next != id || p.Events == nil || len(p.Events) != 0 || took != 0 {
			t.Errorf("%+v after %v", p, took)
		}
	})
}

func TestAPollWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		id := st.say("acme", "lobby", "", "before")
		for query, want := range map[string]time.Duration{"": 25 * time.Second, "&wait=60s": time.Minute, "&wait=0s": 0} {
			elsewhere := make(chan string, 1)
			time.AfterFunc(want/2, func() { elsewhere <- st.say("acme", "elsewhere", "", "not for it") })
			p, took := st.poll("/acme/lobby?since=" + id + query)
			if took != want || len(p.Events) != 0 {
				t.Errorf("%q: %+v after %v", query, p, took)
			}
			if past := <-elsewhere; want > 0 && p.Next != past {
				t.Errorf("%q: next is %s, past other rooms it is %s", query, p.Next, past)
			}
		}
		time.AfterFunc(7*time.Second, func() { st.say("acme", "lobby", "", "at last") })
		p, took := st.poll("/acme/lobby", "Last-Event-ID", id)
		if took != 7*time.Second || len(p.Events) != 1 || p.Events[0].Data != "at last" || p.Events[0].ID != p.Next {
			t.Errorf("%+v after %v", p, took)
		}
		synctest.Wait()
		if st.reg.Streams() != 0 {
			t.Error("a poll is still open")
		}
	})
}

func TestPollsFollowALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{window: 64})
		const all = 2500
		for i := range all {
			st.say("acme", "lobby", []string{"", ann}[i%5/4], fmt.Sprint(i))
		}
		next, heard, sizes := "all", 0, []int{}
		for heard < all*4/5 {
			p, took := st.poll("/acme/lobby?since="+next, "Connection-ID", ann)
			if took != 0 || len(p.Events) == 0 {
				t.Fatalf("%+v after %v", p, took)
			}
			for _, e := range p.Events {
				for want := heard + heard/4; e.Data != fmt.Sprint(want); {
					t.Fatalf("event %d is %v, want %d", heard, e.Data, want)
				}
				heard++
			}
			next = p.Next
			sizes = append(sizes, len(p.Events))
		}
		if fmt.Sprint(sizes) != "[1000 1000]" {
			t.Errorf("pages of %v", sizes)
		}
	})
}

func TestAPollIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		for range 100 {
			st.say("acme", "lobby", "", strings.Repeat("x", 60<<10))
		}
		p, _ := st.poll("/acme/lobby?since=all")
		if n := len(p.Events); n < 10 || n > 20 {
			t.Errorf("%d events of 60 KiB", n)
		}
	})
}

func TestAPollOfAMemberThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		id := st.say("acme", "lobby", "", "before")
		conn := st.request("GET", "/acme/lobby?format=json&since="+id, "Connection-ID", ann)
		synctest.Wait()
		if n := st.reg.Streams(); n != 1 {
			t.Fatalf("%d streams while it waits", n)
		}
		began := time.Now()
		conn.Close()
		synctest.Wait()
		if n := st.reg.Streams(); n != 0 || time.Since(began) != 0 || !strings.Contains(st.said.String(), `"reason":"gone"`) {
			t.Errorf("%d streams after %v; %s", n, time.Since(began), st.said)
		}
	})
}

func TestAPollIsToldTheBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		id := st.say("acme", "lobby", "", "before")
		time.AfterFunc(time.Second, st.reg.Drain)
		p, took := st.poll("/acme/lobby?since=" + id)
		if took != time.Second || len(p.Events) != 1 || p.Events[0].Event != "bye" || p.Events[0].Reason != "drain" || p.Next != id {
			t.Errorf("%+v after %v", p, took)
		}
	})
}

func TestAPollWhoseLogIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{window: 1})
		for range 5 {
			st.say("acme", "lobby", "", "x")
		}
		st.sick.Store(errLogAway)
		r := st.get("/acme/lobby?format=json&since=" + st.id(0))
		if body := r.rest(t); r.StatusCode != 503 || !strings.Contains(body, `"code":"unavailable"`) || r.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s", r.Status, body)
		}
		if st.reg.Streams() != 0 {
			t.Error("the cursor is still open")
		}
	})
}

// id gives the ID of a number in acme.
func (st *stage) id(seq uint64) string {
	st.t.Helper()
	head, err := st.log.Head(st.t.Context(), "acme")
	if err != nil {
		st.t.Fatal(err)
	}
	return events.ID{Epoch: head.Epoch, Seq: seq}.String()
}
