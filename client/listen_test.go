package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/client"
)

var lobby = client.ListenRequest{Namespace: "acme", Rooms: []string{"lobby"}}

// collect takes events until one satisfies last, or the loop ends.
func collect(ctx context.Context, c *client.Client, r client.ListenRequest, last func(client.Event) bool) (got []client.Event, err error) {
	for e, err := range c.Listen(ctx, r) {
		if err != nil {
			return got, err
		}
		got = append(got, e)
		if last(e) {
			break
		}
	}
	return got, nil
}

func isID(id string) func(client.Event) bool {
	return func(e client.Event) bool { return e.ID == id }
}

func never(client.Event) bool { return false }

// said gives the IDs of what somebody said.
func said(got []client.Event) (ids []string) {
	for _, e := range got {
		if !e.Own() {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

func TestWhatAStreamTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{Key: "k", ConnectionID: "0123456789abcdef"}, stream(
			hello(7),
			message(8),
			": hb\n\n", heartbeat(9),
			"event: typing\ndata: {\"room\":\"lobby\",\"event\":\"typing\",\"data\":{\"n\":1.0},\"time\":\"2026-11-23T01:02:03.456Z\"}\n\n",
			"id: e4f1-10\nevent: message\ndata: {\"id\":\"e4f1-10\",\"to\":[\"a\",\"@b\"],\"event\":\"message\",\"data\":\"eP8=\",\"encoding\":\"base64\",\"type\":\"image/png\",\"time\":\"2026-11-23T01:02:03.456Z\"}\n\n",
			"id: e4f1-11\nevent: erased\ndata: {\"room\":\"lobby\",\"ids\":[\"e4f1-8\"]}\n\n",
			"id: e4f1-12\nevent: x\ndata: {\"id\":\"e4f1-12\",\"room\":\"lobby\",\"event\":\"\\u0085x\",\"data\":null,\"time\":\"2026-11-23T01:02:03.456Z\"}\n\n",
		))
		got, err := collect(t.Context(), f.client, lobby, isID("e4f1-12"))
		if err != nil || len(got) != 6 {
			t.Fatalf("got %d events, %v", len(got), err)
		}
		if h, ok := got[0].Hello(); !ok || h.Member != "k3x9" || h.Heartbeat != 15 || got[0].Position != "e4f1-7" || got[0].ID != "" {
			t.Errorf("hello: %+v %+v", got[0], h)
		}
		if text, ok := got[1].Text(); !ok || text != "word 8" || got[1].From != "abcd" || got[1].Time.Nanosecond() != 456e6 {
			t.Errorf("message: %+v", got[1])
		}
		if e := got[2]; e.ID != "" || e.Position != "e4f1-9" || e.Event != "typing" || string(e.Data) != `{"n":1.0}` {
			t.Errorf("volatile: %+v", e)
		}
		if b, err := got[3].Bytes(); err != nil || string(b) != "x\xff" || got[3].Type != "image/png" || !slices.Equal(got[3].To, []string{"a", "@b"}) {
			t.Errorf("bytes: %+v %q %v", got[3], b, err)
		}
		if e := got[4]; !e.Own() || e.ID != "e4f1-11" {
			t.Errorf("erased: %+v", e)
		}
		if e := got[5]; e.Event != "\u0085x" {
			t.Errorf("the name of the block and not the event's: %q", e.Event)
		}
		r := f.requests()[0]
		if r.Header.Get("Connection-ID") != "0123456789abcdef" || r.Header.Get("Authorization") != "Bearer k" || r.URL.String() != "/base/acme?room=lobby" {
			t.Errorf("asked for %s with %v", r.URL, r.Header)
		}
	})
}

// A log is a server that keeps its promises, but for a connection that ends where
// the test says.
func log(last int, cut func(connection int, whole string) (text string, orderly bool)) http.HandlerFunc {
	connection := 0
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if id := r.Header.Get("Last-Event-ID"); id != "" {
			n, err := strconv.Atoi(strings.TrimPrefix(id, "e4f1-"))
			if err != nil || !strings.HasPrefix(id, "e4f1-") {
				panic("a position that nobody gave: " + id)
			}
			from = n
		}
		whole := hello(from)
		for n := from + 1; n <= last; n++ {
			whole += message(n) + heartbeat(n)
		}
		text, orderly := cut(connection, whole)
		connection++
		say(w, text)
		if text == whole {
			<-r.Context().Done()
		}
		if !orderly {
			panic(http.ErrAbortHandler)
		}
	}
}

// However a stream is cut, each event comes once.
func TestATornStreamLosesNothing(t *testing.T) {
	whole := len(hello(0)) + 3*len(message(1)+heartbeat(1))
	for _, orderly := range []bool{true, false} {
		for at := range whole {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{}, log(3, func(n int, whole string) (string, bool) {
					if n == 0 {
						return whole[:at], orderly
					}
					return whole, true
				}))
				r := lobby
				r.Since = "all"
				got, err := collect(t.Context(), f.client, r, isID("e4f1-3"))
				if want := []string{"e4f1-1", "e4f1-2", "e4f1-3"}; err != nil || !slices.Equal(said(got), want) {
					t.Fatalf("cut after byte %d, orderly %t: heard %v, %v", at, orderly, said(got), err)
				}
			})
		}
	}
}

// A stream that is cut at each connection still comes through.
func TestAStreamOfManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{}, log(40, func(n int, whole string) (string, bool) {
			return whole[:min(len(whole), len(hello(1))+300+37*n)], n%2 == 0
		}))
		r := lobby
		r.Since, r.Last = "all", 9
		got, err := collect(t.Context(), f.client, r, isID("e4f1-40"))
		var want []string
		for n := range 40 {
			want = append(want, fmt.Sprintf("e4f1-%d", n+1))
		}
		if err != nil || !slices.Equal(said(got), want) {
			t.Fatalf("heard %v, %v", said(got), err)
		}
		requests := f.requests()
		if q := requests[0].URL.Query(); q.Get("since") != "all" || q.Has("last") {
			t.Errorf("the first connection asked for %s", requests[0].URL)
		}
		id := requests[0].Header.Get("Connection-ID")
		for _, again := range requests[1:] {
			if again.URL.Query().Has("since") || again.Header.Get("Last-Event-ID") == "" {
				t.Errorf("a later connection asked for %s", again.URL)
			}
			if len(id) < 16 || again.Header.Get("Connection-ID") != id {
				t.Errorf("a later connection is another member's")
			}
		}
	})
}

func TestWhatIsTriedAgain(t *testing.T) {
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<h1>Bad Gateway</h1>"))
		}
	}
	busy := "retry: 7000\nevent: bye\ndata: {\"reason\":\"busy\",\"reconnect\":true}\n\n"
	drain := "retry: 4000\nevent: bye\ndata: {\"reason\":\"drain\",\"reconnect\":true}\n\n"
	for name, tt := range map[string]struct {
		first       http.HandlerFunc
		least, most time.Duration
	}{
		"a proxy's 502":                {page(502), 2 * time.Second, 3 * time.Second},
		"500":                          {page(500), 2 * time.Second, 3 * time.Second},
		"408":                          {page(408), 2 * time.Second, 3 * time.Second},
		"503 with a time":              {refuses(503, "unavailable", "Retry-After", "9"), 9 * time.Second, 12 * time.Second},
		"429 with a time":              {refuses(429, "rate-limited", "Retry-After", "3"), 3 * time.Second, 4 * time.Second},
		"503 with a date":              {refuses(503, "unavailable", "Retry-After", "Sat, 01 Jan 2000 00:00:20 GMT"), 20 * time.Second, 26 * time.Second},
		"a broken connection":          {breaks, 2 * time.Second, 3 * time.Second},
		"an empty stream":              {closes(), 2 * time.Second, 3 * time.Second},
		"a retry and no more":          {closes("retry: 1000\n\n"), time.Second, 1300 * time.Millisecond},
		"busy":                         {closes(busy), 7 * time.Second, 9 * time.Second},
		"drain":                        {closes(hello(0), drain), 4 * time.Second, 5100 * time.Millisecond},
		"drain that stays open":        {stream(hello(0), drain), 4 * time.Second, 5100 * time.Millisecond},
		"a retry of nothing":           {closes("retry: 0\n\n"), 100 * time.Millisecond, 130 * time.Millisecond},
		"a retry of a year":            {closes("retry: 4000000000\n\n"), 5 * time.Minute, 7 * time.Minute},
		"a retry that is none":         {closes("retry: soon\n\n"), 2 * time.Second, 3 * time.Second},
		"what nobody writes":           {closes("event: message\ndata: nonsense\n\n"), 2 * time.Second, 3 * time.Second},
		"two numbers that are not one": {closes("id: e4f1-9\nevent: message\ndata: {\"id\":\"e4f1-8\"}\n\n"), 2 * time.Second, 3 * time.Second},
		"a silent server":              {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 32 * time.Second, 33 * time.Second},
		"silence before hello":         {stream(), 32 * time.Second, 33 * time.Second},
		"silence after hello":          {stream(hello(0)), 40 * time.Second, 42 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{}, tt.first, stream(hello(0), message(1)))
				began := time.Now()
				told := 0
				r := lobby
				r.Reconnecting = func(_ error, wait time.Duration) { told++ }
				got, err := collect(t.Context(), f.client, r, isID("e4f1-1"))
				if err != nil || !slices.Equal(said(got), []string{"e4f1-1"}) || told != 1 {
					t.Fatalf("heard %v, %v, told %d times", said(got), err, told)
				}
				if took := time.Since(began); took < tt.least || took > tt.most {
					t.Errorf("came back after %s, not %s to %s", took, tt.least, tt.most)
				}
			})
		})
	}
}

// Failures in a row double the wait up to half a minute; a hello ends the row.
func TestFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers []http.HandlerFunc
		for range 8 {
			answers = append(answers, breaks)
		}
		f := serve(t, client.Options{}, append(answers, closes(hello(0)), stream(hello(0), message(1)))...)
		var waits []time.Duration
		r := lobby
		r.Reconnecting = func(_ error, wait time.Duration) { waits = append(waits, wait) }
		if _, err := collect(t.Context(), f.client, r, isID("e4f1-1")); err != nil {
			t.Fatal(err)
		}
		for i, base := range []time.Duration{2, 4, 8, 16, 30, 30, 30, 30, 2} {
			if w := waits[i]; w < base*time.Second || w > base*time.Second*5/4+1 {
				t.Errorf("wait %d was %s", i, w)
			}
		}
	})
}

func TestWhatEndsAStream(t *testing.T) {
	kicked := "id: e4f1-1!\nevent: bye\ndata: {\"reason\":\"kicked\",\"reconnect\":false}\n\n"
	for name, tt := range map[string]struct {
		first http.HandlerFunc
		code  string // of the problem
		words string // of the error
		heard int
	}{
		"bye for good":         {stream(hello(0), message(1), kicked), "", "", 3},
		"bye for good, closed": {closes(hello(0), message(1), kicked), "", "", 3},
		"204":                  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "", "", 0},
		"forbidden":            {refuses(403, "forbidden"), "forbidden", "forbidden: it says no", 0},
		"not there":            {refuses(404, "not-found"), "not-found", "not-found: it says no", 0},
		"not built":            {refuses(501, "not-implemented"), "not-implemented", "not-implemented: it says no", 0},
		"another's 404":        {http.NotFound, "", "the server answered 404: Not Found", 0},
		"a portal": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("password?"))
		}, "", `no Parley server answers at this URL: content type "text/html" instead of text/event-stream`, 0},
		"another host": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.test/", http.StatusTemporaryRedirect)
		}, "", "the server redirects to another host", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{}, tt.first)
				got, err := collect(t.Context(), f.client, lobby, never)
				if len(got) != tt.heard {
					t.Errorf("heard %v", got)
				}
				if tt.words == "" && err != nil || tt.words != "" && (err == nil || err.Error() != tt.words) {
					t.Errorf("ended with %v", err)
				}
				var p *client.Problem
				if errors.As(err, &p) && p.Code != tt.code || p == nil && tt.code != "" {
					t.Errorf("ended with %+v", p)
				}
				if n := len(f.requests()); n != 1 {
					t.Errorf("asked %d times", n)
				}
			})
		})
	}
}

func TestTheContextEndsAStreamAtOnce(t *testing.T) {
	gone := errors.New("gone home")
	for name, answer := range map[string]http.HandlerFunc{
		"listening":  stream(hello(0)),
		"waiting":    breaks,
		"connecting": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"flooded": func(w http.ResponseWriter, r *http.Request) {
			say(w, hello(0))
			for n := 1; r.Context().Err() == nil; n++ {
				if _, err := w.Write([]byte(message(n))); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{}, answer)
				ctx, cancel := context.WithCancelCause(t.Context())
				began := time.Now()
				time.AfterFunc(500*time.Millisecond, func() { cancel(gone) })
				n := 0
				_, err := collect(ctx, f.client, lobby, func(client.Event) bool {
					if n++; n == 100 {
						cancel(gone) // a flood leaves no virtual time to pass
					}
					return false
				})
				if !errors.Is(err, gone) || time.Since(began) > 500*time.Millisecond || n > 100 {
					t.Errorf("ended after %s and %d events with %v", time.Since(began), n, err)
				}
			})
		})
	}
}

// Comments are enough to show that the server is there.
func TestAnyByteIsASignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{}, func(w http.ResponseWriter, r *http.Request) {
			say(w, hello(0))
			for range 40 {
				time.Sleep(15 * time.Second)
				say(w, ": hb\n\n")
			}
			say(w, message(1))
			<-r.Context().Done()
		})
		if got, err := collect(t.Context(), f.client, lobby, isID("e4f1-1")); err != nil || len(got) != 2 || len(f.requests()) != 1 {
			t.Errorf("heard %v over %d connections, %v", got, len(f.requests()), err)
		}
	})
}

// A loop that takes its time is not a server that fell silent.
func TestASlowLoopKeepsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocks := []string{hello(0)}
		for n := range 50 {
			blocks = append(blocks, message(n+1))
		}
		f := serve(t, client.Options{}, stream(blocks...))
		n := 0
		for e, err := range f.client.Listen(t.Context(), lobby) {
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if n++; e.ID == "e4f1-50" {
				break
			}
		}
		if n != 51 || len(f.requests()) != 1 {
			t.Errorf("heard %d over %d connections", n, len(f.requests()))
		}
	})
}

func TestAGapIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{},
			closes(hello(3), message(4)),
			closes(strings.ReplaceAll(hello(90), "e4f1", "n3w0"), "event: gap\ndata: {\"from\":\"e4f1-4\",\"to\":\"n3w0-90\",\"reason\":\"epoch\"}\n\n"),
			stream(strings.ReplaceAll(hello(90)+message(91), "e4f1", "n3w0")))
		got, err := collect(t.Context(), f.client, lobby, isID("n3w0-91"))
		if err != nil || len(got) != 6 {
			t.Fatalf("heard %v, %v", got, err)
		}
		if g, ok := got[3].Gap(); !ok || g != (client.Gap{From: "e4f1-4", To: "n3w0-90", Reason: "epoch"}) || got[3].Position != "n3w0-90" {
			t.Errorf("gap %+v at %s", g, got[3].Position)
		}
		if at := f.requests()[2].Header.Get("Last-Event-ID"); at != "n3w0-90" {
			t.Errorf("came back to %s", at)
		}
	})
}

func TestALongBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Replace(message(1), "word 1", strings.Repeat(`\u0001`, 64<<10), 1)
		f := serve(t, client.Options{}, stream(hello(0), long, message(2)))
		got, err := collect(t.Context(), f.client, lobby, isID("e4f1-2"))
		if err != nil || len(got) != 3 {
			t.Fatalf("heard %d, %v", len(got), err)
		}
		if text, _ := got[1].Text(); len(text) != 64<<10 {
			t.Errorf("heard %d bytes", len(text))
		}
	})
}

func TestEveryLineEnd(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r"} {
		synctest.Test(t, func(t *testing.T) {
			f := serve(t, client.Options{}, log(3, func(n int, whole string) (string, bool) {
				whole = strings.ReplaceAll(whole, "\n", end)
				if n == 0 {
					return whole[:len(whole)*2/3], true
				}
				return whole, true
			}))
			r := lobby
			r.Since = "all"
			got, err := collect(t.Context(), f.client, r, isID("e4f1-3"))
			if err != nil || len(said(got)) != 3 {
				t.Errorf("with %q: heard %v, %v", end, said(got), err)
			}
		})
	}
}

func TestWhatAStreamAsksFor(t *testing.T) {
	for name, tt := range map[string]struct {
		r    client.ListenRequest
		want string
	}{
		"nothing":   {client.ListenRequest{Namespace: "acme"}, "/base/acme"},
		"rooms":     {client.ListenRequest{Namespace: "acme", Rooms: []string{"a b", "c/d", "é%"}}, "/base/acme?room=a+b&room=c%2Fd&room=%C3%A9%25"},
		"all":       {client.ListenRequest{Namespace: "acme", All: true, Last: 20}, "/base/acme?last=20&room=%2A"},
		"since":     {client.ListenRequest{Namespace: "acme", Since: "e4f1-7", Last: 20}, "/base/acme?since=e4f1-7"},
		"heartbeat": {client.ListenRequest{Namespace: "acme", Heartbeat: 5 * time.Second}, "/base/acme?heartbeat=5s"},
		"odd names": {client.ListenRequest{Namespace: "a/../b"}, "/base/a%2F..%2Fb"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{}, refuses(400, "bad-name"))
				_, _ = collect(t.Context(), f.client, tt.r, never)
				if got := f.requests()[0].URL.String(); got != tt.want {
					t.Errorf("asked for %s", got)
				}
			})
		})
	}
	c, err := client.New("http://parley.test", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := collect(t.Context(), c, client.ListenRequest{Namespace: "acme", All: true, Rooms: []string{"a"}}, never); err == nil {
		t.Error("all and a room were taken")
	}
}

// The server's own words have types of their own.
func TestWordsOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{}, stream(
			hello(7),
			"event: presence\ndata: {\"room\":\"lobby\",\"members\":[{\"id\":\"abcd\",\"user\":\"ann\",\"name\":\"Ann\"}],\"count\":1,\"users\":1}\n\n",
			"event: presence\ndata: {\"room\":\"lobby\",\"joined\":[{\"id\":\"efgh\"}],\"left\":[\"abcd\"],\"changed\":[],\"count\":1,\"users\":1}\n\n",
			"event: presence\ndata: {\"room\":\"lobby\",\"count\":700,\"users\":600}\n\n",
			"event: rooms\ndata: {\"rooms\":[\"dev\",\"lobby\"]}\n\n",
			"id: e4f1-8\nevent: erased\ndata: {\"room\":\"lobby\",\"upto\":\"e4f1-3\"}\n\n",
			"id: e4f1-9\nevent: message\ndata: {\"id\":\"e4f1-9\",\"room\":\"lobby\",\"event\":\"message\",\"data\":1,\"time\":\"2026-11-23T01:02:03.456Z\",\"ack\":{\"id\":\"e4f1-9\",\"by\":\"2026-11-23T01:02:08.456Z\"}}\n\n",
		))
		got, err := collect(t.Context(), f.client, client.ListenRequest{Namespace: "acme", Rooms: []string{"lobby"}, Name: "Ann", Presence: true}, isID("e4f1-9"))
		if err != nil || len(got) != 7 {
			t.Fatalf("got %d events, %v", len(got), err)
		}
		if p, ok := got[1].Presence(); !ok || !got[1].Own() || p.Room != "lobby" || len(p.Members) != 1 || p.Members[0] != (client.Person{ID: "abcd", User: "ann", Name: "Ann"}) || p.Count != 1 || p.Users != 1 {
			t.Errorf("whole: %+v", p)
		}
		if p, ok := got[2].Presence(); !ok || p.Members != nil || len(p.Joined) != 1 || !slices.Equal(p.Left, []string{"abcd"}) {
			t.Errorf("changes: %+v", p)
		}
		if p, ok := got[3].Presence(); !ok || p.Members != nil || p.Joined != nil || p.Left != nil || p.Changed != nil || p.Count != 700 || p.Users != 600 {
			t.Errorf("too many: %+v", p)
		}
		if rooms, ok := got[4].Rooms(); !ok || !slices.Equal(rooms, []string{"dev", "lobby"}) {
			t.Errorf("rooms: %v", rooms)
		}
		if x, ok := got[5].Erased(); !ok || x.Upto != "e4f1-3" || x.Room != "lobby" || x.IDs != nil {
			t.Errorf("erased: %+v", x)
		}
		if e := got[6]; e.Ack == nil || e.Ack.ID != "e4f1-9" || e.Ack.By.Second() != 8 || e.Namespace != "acme" {
			t.Errorf("asks: %+v", e)
		}
		for _, e := range got {
			if _, ok := e.Presence(); ok != (e.Event == "presence") {
				t.Errorf("%s is a presence: %t", e.Event, ok)
			}
			if _, ok := e.Rooms(); ok != (e.Event == "rooms") {
				t.Errorf("%s is rooms: %t", e.Event, ok)
			}
			if _, ok := e.Erased(); ok != (e.Event == "erased") {
				t.Errorf("%s is erased: %t", e.Event, ok)
			}
		}
		if url := f.requests()[0].URL.String(); url != "/base/acme?name=Ann&presence=1&room=lobby" {
			t.Errorf("asked for %s", url)
		}
	})
}

// A server that was restarted knows neither what a member joined nor what it
// called itself since: the next connection says so.
func TestAStreamComesBackAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		change := make(chan struct{})
		rooms := func(names string) string { return "event: rooms\ndata: {\"rooms\":[" + names + "]}\n\n" }
		f := serve(t, client.Options{ConnectionID: "0123456789abcdef"},
			func(w http.ResponseWriter, r *http.Request) {
				say(w, hello(7), rooms(`"dev","lobby"`), rooms(`"dev"`), message(8))
				<-change
			},
			answers(200, annNow),
			closes(hello(8)),
			stream(hello(8), message(9)),
		)
		got, err := collect(t.Context(), f.client, client.ListenRequest{Namespace: "acme", Rooms: []string{"lobby"}, Name: "Ann"}, func(e client.Event) bool {
			if e.ID == "e4f1-8" {
				if _, err := f.client.Describe(t.Context(), "acme", client.Description{Name: new("Anna")}); err != nil {
					t.Error(err)
				}
				close(change)
			}
			return e.ID == "e4f1-9"
		})
		if err != nil || !slices.Equal(said(got), []string{"e4f1-8", "e4f1-9"}) {
			t.Fatalf("got %v, %v", said(got), err)
		}
		var asked []string
		for _, r := range f.requests() {
			asked = append(asked, r.Method+" "+r.URL.String())
		}
		want := []string{
			"GET /base/acme?name=Ann&room=lobby", "PATCH /base/acme/-/members/me",
			"GET /base/acme?name=Anna&room=dev", "GET /base/acme?name=Anna&room=dev",
		}
		if !slices.Equal(asked, want) {
			t.Errorf("asked for %q", asked)
		}
	})
}
