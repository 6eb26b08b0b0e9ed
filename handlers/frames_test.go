package handlers_test

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

// What differs from run to run is written as a word.
var variable = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`retry: [1-3]\d{3}\b`), "retry: <1-3s>"},
	{regexp.MustCompile(`retry: (5\d{3}|[1-5]\d{4}|60000|[6-9]\d{3})\b`), "retry: <5-60s>"},
	{regexp.MustCompile(`"connection":"[a-z2-7]{26}"`), `"connection":"<issued>"`},
}

// frames compares with golden frames; words stand for what differs.
func frames(t *testing.T, name, got string, words ...string) {
	t.Helper()
	got = strings.NewReplacer(words...).Replace(got)
	for _, v := range variable {
		got = v.re.ReplaceAllString(got, v.with)
	}
	golden(t, "frames/"+name, got)
}

// kinds are one event of every kind, as a log may hold them.
func kinds(annsMember string) []events.Draft {
	lobby := []string{"lobby"}
	return []events.Draft{
		{To: lobby, From: annsMember, Skip: annsMember, User: "ann", Name: "Ann", Event: "message", Data: []byte(`"hello"`)},
		{To: lobby, Event: "typing", Data: []byte(`{"a":1.0,"a":1e2,"b":[null,true]}`)},
		{To: []string{"lobby", "*"}, Event: "message", Data: []byte(`""`)},
		{To: lobby, Name: "# server", From: annsMember, Event: " spaced: name", Data: events.QuoteJSON(nil, "line\r\nid: 9\n\x1b[31m\u0085\u2028\u202etxt")},
		{To: lobby, Event: "message", Data: []byte("{\"raw\":\"\u009b\u2029\u202e\"}")},
		{To: lobby, From: annsMember, Event: "message", Data: events.BinaryData([]byte{0, 1, 255}), Encoding: "base64", Type: "image/png"},
	}
}

func TestFrames(t *testing.T) {
	for _, format := range []string{"sse", "ndjson", "text"} {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, stageOptions{})
				head, err := st.log.Open(t.Context(), "acme")
				if err != nil {
					t.Fatal(err)
				}
				annsMember := events.Member(head.Key, "", ann)
				if _, err := st.log.Append(t.Context(), "acme", events.Batch{Drafts: kinds(annsMember)}); err != nil {
					t.Fatal(err)
				}
				r := st.get("/acme?room=lobby&room=side&since=all&heartbeat=7500ms&format="+format, "Connection-ID", bob)
				var got strings.Builder
				done := make(chan struct{})
				go func() { defer close(done); io.Copy(&got, r.Body) }()
				synctest.Wait()

				if _, err := st.reg.Publish(t.Context(), events.Anonymous(ann), "acme", events.Post{
					To: []string{"lobby"}, Bodies: []events.Body{{Event: "cursor", Data: []byte(`[1,2]`)}}, Volatile: true,
				}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				notice := events.Draft{To: []string{"lobby"}, Event: events.ErasedEvent, Data: []byte(
					`{"room":"lobby","ids":["` + head.Epoch + `-1","` + head.Epoch + `-2"]}`)}
				if _, err := st.log.Erase(t.Context(), "acme", events.Erasure{Seqs: []uint64{1, 2}, Notice: notice}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				st.post("acme", "elsewhere", "", said("not for this stream, but past it"))
				time.Sleep(8 * time.Second)
				st.reg.Drain()
				<-done
				frames(t, "stream."+format, got.String(), head.Epoch, "e4f1", annsMember, "<ann>", events.Member(head.Key, "", bob), "<bob>")
			})
		})
	}
}

func TestFramesOfGapsAndByes(t *testing.T) {
	for _, format := range []string{"sse", "ndjson", "text", "json"} {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, stageOptions{keep: events.Keep{Events: 2}, streams: 1})
				for range 3 {
					st.say("acme", "lobby", "", "said")
				}
				head, err := st.log.Open(t.Context(), "acme")
				if err != nil {
					t.Fatal(err)
				}
				if err := st.log.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				words := []string{head.Epoch, "e4f1", events.Member(head.Key, "", bob), "<bob>"}
				for name, start := range map[string][2]string{
					"expired":   {"", head.Epoch + "-0"},
					"epoch":     {"since=zzzz-7", ""},
					"malformed": {"", "…"},
				} {
					header := []string{"Connection-ID", bob}
					if start[1] != "" {
						header = append(header, "Last-Event-ID", start[1])
					}
					r := st.get("/acme/lobby?wait=0s&format="+format+"&"+start[0], header...)
					var got strings.Builder
					done := make(chan struct{})
					go func() { defer close(done); io.Copy(&got, r.Body) }()
					synctest.Wait()
					if format == "json" {
						r.conn.Close()
					} else {
						st.listen("/acme/lobby", "Connection-ID", bob).conn.Close() // one too many: the first is replaced
					}
					<-done
					synctest.Wait()
					frames(t, "gap-"+name+"."+format, got.String(), words...)
				}
			})
		})
	}
}

func TestFramesOfANewClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		for name, target := range map[string]string{
			"new.sse": "/acme/lobby", "everything.sse": "/acme?room=*", "nothing.sse": "/acme",
			"new.ndjson": "/acme/lobby?format=ndjson",
		} {
			r := st.get(target)
			var got strings.Builder
			done := make(chan struct{})
			go func() { defer close(done); io.Copy(&got, r.Body) }()
			synctest.Wait()
			r.conn.Close()
			<-done
			head, err := st.log.Open(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			text := regexp.MustCompile(`"member":"[a-z2-7]{16}"`).ReplaceAllString(got.String(), `"member":"<new>"`)
			frames(t, name, text, head.Epoch, "e4f1")
		}
	})
}
