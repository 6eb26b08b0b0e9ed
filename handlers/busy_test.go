package handlers_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// isBusy checks a bye that says come back, without an id, and ends the stream.
func isBusy(t *testing.T, r *heard) {
	t.Helper()
	b, err := r.sse.block()
	if err != nil || b.event == nil || b.event.name != "bye" || b.event.data != `{"reason":"busy","reconnect":true}` {
		t.Fatalf("%+v, %v", b, err)
	}
	retry := -1
	for _, f := range b.fields {
		switch f[0] {
		case "id":
			t.Errorf("busy with id %q", f[1])
		case "retry":
			fmt.Sscan(f[1], &retry)
		}
	}
	if retry < 5000 || retry > 60_000 {
		t.Errorf("retry: %d", retry)
	}
	if s := r.rest(t); s != "" {
		t.Errorf("goes on with %q", s)
	}
}

func TestAServerThatIsNotOpenTellsAnEventSourceToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{closed: true})
		r := st.get("/acme/lobby", "Accept", "text/event-stream", "Last-Event-ID", "abcd-1")
		if r.Header.Get("Content-Length") != "" || r.Header.Get("Vary") != "Accept, Origin" {
			t.Errorf("a stream's head is %v", r.Header)
		}
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != typeSSE || r.Header.Get("X-Accel-Buffering") != "no" || !r.Close {
			t.Errorf("%s %v", r.Status, r.Header)
		}
		isBusy(t, r)
		retries := map[string]bool{}
		for range 20 {
			b, err := st.get("/acme/lobby", "Accept", "text/event-stream").sse.block()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range b.fields {
				if f[0] == "retry" {
					retries[f[1]] = true
				}
			}
		}
		if len(retries) < 10 {
			t.Errorf("20 who were sent away come back at %v", retries)
		}
		if r := st.do("HEAD", "/acme/lobby", "Accept", "text/event-stream"); r.StatusCode != 503 {
			t.Errorf("HEAD: %s", r.Status)
		}
		for _, accept := range []string{"*/*", "application/x-ndjson", "text/plain", "application/json"} {
			r := st.get("/acme/lobby", "Accept", accept)
			if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
				t.Errorf("Accept %s: %s, Retry-After %q", accept, r.Status, r.Header.Get("Retry-After"))
			}
		}
	})
}

func TestAStreamWhoseLogGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{window: 4})
		r := st.listen("/acme/lobby")
		last := st.say("acme", "lobby", "", "0")
		synctest.Wait() // this page is being written; what follows will be only in the log
		for i := range 99 {
			st.say("acme", "lobby", "", fmt.Sprint(i+1))
		}
		st.sick.Store(errLogAway)
		if e := r.event(t); e.id != last {
			t.Errorf("%+v", e)
		}
		isBusy(t, r)
		synctest.Wait()
		if st.reg.Streams() != 0 || !strings.Contains(st.said.String(), `"reason":"busy"`) {
			t.Errorf("%d streams; %s", st.reg.Streams(), st.said)
		}
		st.sick.Store(nil)
		time.Sleep(time.Minute)
		again := st.listen("/acme/lobby", "Last-Event-ID", r.sse.lastID)
		for i := range 99 {
			if e := again.event(t); !strings.Contains(e.data, fmt.Sprintf(`"data":"%d"`, i+1)) {
				t.Fatalf("event %d is %+v", i+1, e)
			}
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		id := st.say("acme", "lobby", "", "before")
		var ready []*heard
		for range 10 {
			ready = append(ready, st.listen("/acme/lobby", "Last-Event-ID", id))
		}
		stuck := st.listen("/acme/lobby", "Last-Event-ID", id)
		ends := make(chan *heard)
		for _, r := range ready {
			go func() {
				b, err := r.sse.block()
				if err != nil || b.event == nil || b.event.data != `{"reason":"drain","reconnect":true}` || r.sse.lastID != id {
					t.Errorf("%+v at %q, %v", b, r.sse.lastID, err)
				}
				if s := r.rest(t); s != "" {
					t.Errorf("goes on with %q", s)
				}
				ends <- r
			}()
		}
		began := time.Now()
		drained := make(chan time.Duration)
		go func() {
			ctx, cancel := contextWithin(t, 5*time.Second)
			defer cancel()
			st.srv.Drain(ctx)
			drained <- time.Since(began)
		}()
		for range ready {
			<-ends
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("the byes came after %v", d)
		}
		// One that takes nothing is waited for and then cut.
		if d := <-drained; d != 5*time.Second {
			t.Errorf("drained after %v", d)
		}
		if _, err := stuck.sse.block(); !isEOF(err) {
			t.Errorf("the stuck one: %v", err)
		}
		isBusy(t, st.get("/acme/lobby", "Accept", "text/event-stream"))
		if n := st.reg.Streams(); n != 0 {
			t.Errorf("%d streams", n)
		}
	})
}
