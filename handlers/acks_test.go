package handlers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

// An answered post.
type answers struct {
	ID, Time, From string
	Expected       int
	Acks           []struct {
		From, Encoding, Type string
		Data                 json.RawMessage
	}
	Missing  []string
	Complete bool
	body     string
	took     time.Duration
	header   http.Header
	status   int
}

// asking posts in the background and gives what it is answered.
func (st *stage) asking(target, body string, headers ...string) <-chan answers {
	out := make(chan answers, 1)
	began := time.Now()
	go func() {
		r := st.call("POST", target, body, headers...)
		a := answers{body: st.names(r.body), took: time.Since(began), header: r.header, status: r.status}
		r.json(&a)
		out <- a
	}()
	synctest.Wait()
	return out
}

// asked gives the ack of the event that a listener was told last.
func (l *listener) asked() (id string, by time.Time) {
	l.st.t.Helper()
	var e struct {
		Ack struct {
			ID string
			By time.Time
		}
	}
	told := l.told()
	_, data, _ := strings.Cut(told, " ")
	if err := json.Unmarshal([]byte(data), &e); err != nil || e.Ack.ID == "" {
		l.st.t.Fatalf("told %q, which asks for nothing", told)
	}
	return e.Ack.ID, e.Ack.By
}

func TestASenderIsAnsweredOnceAllHaveAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		began := time.Now()
		a, b, c := st.attend(ann, "/acme/lobby"), st.attend(bob, "/acme/lobby"), st.attend(cyd, "/acme/lobby")
		st.attend(bob, "/acme/lobby") // one member, however many streams
		done := st.asking("/acme/lobby?ack=5s", "lunch?", as(ann))
		id, by := b.asked()
		if id != st.id(1) || !by.Equal(began.Add(5*time.Second)) {
			t.Errorf("ack %s by %v", id, by)
		}
		if other, _ := c.asked(); other != id {
			t.Errorf("another is asked for %s", other)
		}
		if got := a.told(); got != "" {
			t.Errorf("the sender is told %s", got)
		}
		time.Sleep(time.Second)
		to := "/acme/-/acks/" + id
		if r := st.call("POST", to, "\x00\x01", as(cyd), "Content-Type: image/png").is(204); r.body != "" || r.header.Get("Content-Type") != "" {
			t.Errorf("answered with %q %q", r.header, r.body)
		}
		st.call("POST", to, `"changed my mind"`, as(cyd), asJSON).is(204) // the first counts
		st.call("POST", to, "I am the one who asks", as(ann)).refused(403, "forbidden")
		st.call("POST", to, "nobody asked me", as("stranger-0123456789")).refused(403, "forbidden")
		time.Sleep(time.Second)
		st.call("POST", to, `{"yes": 1.0}`, as(bob), asJSON).is(204)
		got := <-done
		want := fmt.Sprintf(`{"id":"%s","time":"2000-01-01T00:00:00.000Z","from":"<ann>","expected":2,"acks":[`+
			`{"from":"<cyd>","data":"AAE=","encoding":"base64","type":"image/png"},{"from":"<bob>","data":{"yes":1.0}}],"missing":[],"complete":true}`+"\n", id)
		if got.body != want || got.took != 2*time.Second || got.status != 200 {
			t.Errorf("%d after %v: %s, want %s", got.status, got.took, got.body, want)
		}
		st.call("POST", to, "again", as(bob)).is(204)
	})
}

func TestWhoDoesNotAnswerIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := keyed(t)
		gone := st.member("nobody-0123456789")
		b := st.attend(bob, "/acme/lobby")
		c := st.attend(cyd, "/acme/lobby")
		done := st.asking("/acme?to=lobby&to=@"+gone+"&ack=25s", "anybody?")
		id, _ := b.asked()
		st.call("POST", "/acme/-/acks/"+id, "here", as(bob)).is(204)
		got := <-done
		if got.took != 25*time.Second || got.Expected != 2 || got.Complete || len(got.Acks) != 1 || len(got.Missing) != 2 || strings.Contains(got.body, `"from":"<ann>"`) {
			t.Errorf("after %v: %s", got.took, got.body)
		}
		st.call("POST", "/acme/-/acks/"+id, "late", as(cyd)).refused(410, "gone")
		c.told()

		// Who is kicked is missing at once, who stays away is once the grace is over.
		done = st.asking("/acme/lobby?ack=25s", "anybody?")
		b.leave()
		time.Sleep(time.Second)
		st.call("DELETE", "/acme/-/members/"+st.member(cyd), "", secret).is(200)
		got = <-done
		if got.took != 10*time.Second || got.Expected != 2 || len(got.Acks) != 0 || len(got.Missing) != 2 || got.Complete {
			t.Errorf("after %v: %s", got.took, got.body)
		}
		// Nobody to ask is no reason to wait.
		if got = <-st.asking("/acme/lobby?ack=25s", "anybody?"); got.took != 0 || got.Expected != 0 || !got.Complete || !strings.Contains(got.body, `"acks":[],"missing":[],"complete":true`) {
			t.Errorf("after %v: %s", got.took, got.body)
		}
	})
}

func TestWhoIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		a := st.attend(ann, "/acme/lobby")
		b := st.attend(bob, "/acme?room=lobby&room=side")
		st.attend(cyd, "/acme/side").leave() // within the grace
		onlooker := st.attend("onlooker-0123456789", "/acme?room=*")
		for target, want := range map[string]string{
			"/acme/lobby?": "<ann> <bob>", "/acme/side?": "<bob> <cyd>", "/acme?to=*": "<ann> <bob> <cyd>", "/acme?to=lobby&except=side": "<ann>",
			"/acme?to=side&except=@" + st.member(bob): "<cyd>", "/acme?to=@" + st.member(ann): "<ann>", "/acme?to=lobby&to=side": "<ann> <bob> <cyd>",
			"/acme/lobby?volatile=1": "<ann> <bob>",
		} {
			got := <-st.asking(target+"&ack=1ms", "who?")
			if got.Expected != len(strings.Fields(want)) {
				t.Errorf("%s: %d asked: %s", target, got.Expected, got.body)
			}
			for name := range strings.FieldsSeq(want) {
				if !strings.Contains(got.body, `"`+name+`"`) {
					t.Errorf("%s: %s is not missing in %s", target, name, got.body)
				}
			}
		}
		for _, l := range []*listener{a, b, onlooker} {
			l.told()
		}
		if got := <-st.asking("/acme/lobby?ack=1ms&echo=1", "me too?", as(ann)); got.Expected != 1 {
			t.Errorf("with echo: %s", got.body)
		}
	})
}

// A volatile event can ask too: it has no ID, but what answers are sent to.
func TestAVolatileEventAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		b := st.attend(bob, "/acme/lobby")
		done := st.asking("/acme/lobby?volatile=1&ack=5s", "typing?", as(ann))
		id, _ := b.asked()
		st.call("POST", "/acme/-/acks/"+id, "no", as(bob)).is(204)
		got := <-done
		if got.status != 200 || got.ID != "" || got.took != 0 || !got.Complete || len(got.Acks) != 1 || !strings.HasPrefix(got.body, `{"time":`) {
			t.Errorf("%d after %v: %s", got.status, got.took, got.body)
		}
		if r := st.call("GET", "/acme/lobby/history", ""); strings.Contains(r.body, "typing?") {
			t.Errorf("kept: %s", r.body)
		}
	})
}

// What asks says so wherever it is read, also later.
func TestAnEventThatAsksSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		<-st.asking("/acme/lobby?ack=2s", "now?")
		id := st.id(1)
		want := `"ack":{"id":"` + id + `","by":"2000-01-01T00:00:02.000Z"}`
		for _, target := range []string{"/acme/lobby/history", "/acme/lobby/history/" + id, "/acme/lobby?format=json&since=all"} {
			if r := st.call("GET", target, ""); !strings.Contains(r.body, want) {
				t.Errorf("%s: %s", target, r.body)
			}
		}
		for format, want := range map[string]string{"sse": want, "ndjson": want, "text": "\n# asks for an answer to " + id + " by 2000-01-01T00:00:02.000Z\n"} {
			r := st.get("/acme/lobby?since=all&format=" + format)
			var b strings.Builder
			in := bufio.NewReader(r.Body)
			for !strings.Contains(b.String(), want) {
				line, err := in.ReadString('\n')
				if b.WriteString(line); err != nil || b.Len() > 4096 {
					t.Errorf("%s: %s", format, b.String())
					break
				}
			}
			r.conn.Close()
		}
		st.call("POST", "/acme/lobby", "no question").is(201)
		if r := st.call("GET", "/acme/lobby/history/"+st.id(2), ""); strings.Contains(r.body, "ack") {
			t.Errorf("%s", r.body)
		}
	})
}

// A repeat waits for the same answers, or gets them.
func TestARepeatOfAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		b := st.attend(bob, "/acme/lobby")
		const key = "Idempotency-Key: once"
		first := st.asking("/acme/lobby?ack=5s", "once", as(ann), key)
		id, _ := b.asked()
		second := st.asking("/acme/lobby?ack=5s", "once", as(ann), key)
		if got := b.told(); got != "" {
			t.Errorf("asked again: %s", got)
		}
		time.Sleep(time.Second)
		st.call("POST", "/acme/-/acks/"+id, "yes", as(bob)).is(204)
		one, two := <-first, <-second
		third := <-st.asking("/acme/lobby?ack=5s", "once", as(ann), key)
		if one.body != two.body || one.body != third.body || len(one.Acks) != 1 || third.took != 0 {
			t.Errorf("%s, %s, %s", one.body, two.body, third.body)
		}
		if one.header.Get("Idempotent-Replayed") != "" || two.header.Get("Idempotent-Replayed") != "true" || third.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%q, %q, %q", one.header, two.header, third.header)
		}
	})
}

// A sender that hangs up leaves nothing: nobody waits, and answers come too late.
// net/http looks for a hang-up from when it has seen the body's end, whatever body
// there was.
func TestASenderThatHangsUpLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct{ length, body string }{
		"without a body": {"Content-Length: 0", ""},
		"small":          {"Content-Length: 5", "hello"},
		"large":          {"Content-Length: 60000", strings.Repeat("x", 60_000)},
		"chunked":        {"Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, stageOptions{})
				b := st.attend(bob, "/acme/lobby")
				conn := st.dial()
				defer conn.Close()
				fmt.Fprintf(conn, "POST /acme/lobby?ack=25s HTTP/1.1\r\nHost: x\r\nConnection-ID: %s\r\n%s\r\n\r\n%s", ann, c.length, c.body)
				synctest.Wait()
				id, _ := b.asked()
				if got := st.metric("parley_acks_waiting"); got != "1" {
					t.Errorf("%s wait", got)
				}
				conn.Close()
				synctest.Wait()
				if got := st.metric("parley_acks_waiting"); got != "0" {
					t.Errorf("%s wait for a client that has hung up", got)
				}
				st.call("POST", "/acme/-/acks/"+id, "there?", as(bob)).refused(410, "gone")
			})
		})
	}
}

// metric gives the value of a metric.
func (st *stage) metric(name string) string {
	st.t.Helper()
	w := httptest.NewRecorder()
	st.srv.Ops().ServeHTTP(w, httptest.NewRequest("GET", "/-/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestMetricsOfMembersAndAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		b := st.attend(bob, "/acme/lobby")
		st.attend(cyd, "/other/lobby")
		if got := st.metric("parley_members"); got != "2" {
			t.Errorf("%s members", got)
		}
		st.attend(cyd, "/acme/lobby")
		const key = "Idempotency-Key: k"
		done := st.asking("/acme/lobby?ack=5s", "x", key)
		id, _ := b.asked()
		st.call("POST", "/acme/-/acks/"+id, "a word in confidence", as(bob)).is(204)
		<-done
		<-st.asking("/acme/lobby?ack=5s", "x", key)
		for name, want := range map[string]string{
			`parley_acks_total{outcome="answered"}`: "1", `parley_acks_total{outcome="missing"}`: "1", "parley_acks_waiting": "0",
		} {
			if got := st.metric(name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		log := st.said.String()
		if !strings.Contains(log, `"expected":2,"answered":1,"missing":1`) || strings.Count(log, `"msg":"answer taken"`) != 1 || strings.Contains(log, "confidence") {
			t.Errorf("logged %s", log)
		}
	})
}

func TestQuestionsThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		st.call("POST", "/acme/lobby?ack=5s", `{"data":1}`, "Content-Type: application/x-ndjson").refused(400, "bad-parameter")
		st.call("POST", "/acme/lobby?ack=5s", "", "Content-Type: application/x-ndjson", "Accept: image/png").refused(400, "bad-parameter")
		st.call("POST", "/acme/lobby?ack=26s", "", "Accept: image/png").refused(400, "bad-parameter")
		for i := range 1001 {
			c, err := st.reg.Listen(t.Context(), events.Anonymous(fmt.Sprintf("crowd-%010d", i)), "acme", events.Listen{Rooms: []string{"lobby"}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
		}
		st.call("POST", "/acme/lobby?ack=1s", "too many").refused(400, "bad-parameter")
		if r := st.call("GET", "/acme/lobby/history", ""); r.body != `{"events":[],"more":false}`+"\n" {
			t.Errorf("kept: %s", r.body)
		}
		to := "/acme/-/acks/" + st.id(1)
		for name, c := range map[string]struct {
			body, typ string
			status    int
			code      string
		}{
			"batch":      {`{"data":1}`, "application/x-ndjson", 415, "unsupported-type"},
			"charset":    {"x", "text/plain; charset=latin1", 415, "unsupported-type"},
			"not JSON":   {"{", "application/json", 400, "bad-json"},
			"not UTF-8":  {"\xff", "text/plain", 400, "bad-event"},
			"too large":  {strings.Repeat("x", 64<<10+1), "text/plain", 413, "too-large"},
			"named":      {"--b\r\nContent-Disposition: form-data; name=event\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=data\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400, "bad-event"},
			"a form":     {"--b\r\nContent-Disposition: form-data; name=data\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 410, "gone"},
			"nobody has": {"x", "text/plain", 410, "gone"},
		} {
			r := st.call("POST", to, c.body, as(ann), "Content-Type: "+c.typ)
			if r.status != c.status || r.code() != c.code {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		for _, id := range []string{"x", "%2F", "zzzz-1", strings.Repeat("a", 300)} {
			if r := st.call("POST", "/acme/-/acks/"+id, "x", as(ann)); r.status != 410 {
				t.Errorf("%s: %d %s", id, r.status, r.body)
			}
		}
	})
}

// A drain lets those who were asked answer for as long as it waits, and then tells
// the sender what there is.
func TestADrainAnswersThoseWhoWait(t *testing.T) {
	for name, answering := range map[string]bool{"in time": true, "too late": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, stageOptions{})
				b := st.attend(bob, "/acme/lobby")
				st.attend(cyd, "/acme/lobby")
				done := st.asking("/acme/lobby?ack=25s", "still there?")
				id, _ := b.asked()
				st.call("POST", "/acme/-/acks/"+id, "yes", as(bob)).is(204)
				drained := make(chan time.Duration, 1)
				began := time.Now()
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
					defer cancel()
					st.srv.Drain(ctx)
					drained <- time.Since(began)
				}()
				time.Sleep(2 * time.Second)
				want, missing := 5*time.Second, 1
				if answering {
					st.call("POST", "/acme/-/acks/"+id, "yes", as(cyd)).is(204)
					want, missing = 2*time.Second, 0
				}
				got := <-done
				if got.status != 200 || got.took != want || got.Expected != 2 || len(got.Missing) != missing || got.Complete == (missing > 0) {
					t.Errorf("%d after %v: %s", got.status, got.took, got.body)
				}
				if took := <-drained; took != want {
					t.Errorf("the drain took %v", took)
				}
				// Nobody waits for answers any more, but what is said is kept.
				if !answering {
					if got := <-st.asking("/acme/lobby?ack=25s", "and now?"); got.took != 0 || got.ID == "" {
						t.Errorf("after the drain: %v %s", got.took, got.body)
					}
				}
			})
		})
	}
}

// The wait for answers is longer than a body may take, and outlives its deadline.
func TestAQuestionOutlivesTheTimeOfABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		b := st.attend(bob, "/acme/lobby")
		conn := st.dial()
		defer conn.Close()
		began := time.Now()
		go func() {
			fmt.Fprint(conn, "POST /acme/lobby?ack=25s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
			time.Sleep(20 * time.Second)
			fmt.Fprint(conn, "llo")
		}()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); res.StatusCode != 200 || took != 45*time.Second {
			t.Errorf("%s after %v", res.Status, took)
		}
		b.told()
	})
}
