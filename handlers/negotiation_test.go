package handlers_test

import (
	"strings"
	"testing"
	"testing/synctest"
)

const (
	typeSSE  = "text/event-stream; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
	typeHTML = "text/html; charset=utf-8"
	typePoll = "application/json"
	typeLine = "application/x-ndjson"
)

func TestNegotiation(t *testing.T) {
	for _, tt := range []struct {
		accept, query string
		want          string // a media type, or a status
	}{
		{"", "", typeSSE},
		{"*/*", "", typeSSE},
		{"text/event-stream", "", typeSSE},
		{"TEXT/Event-Stream ; charset=utf-8", "", typeSSE},
		{"application/x-ndjson", "", typeLine},
		{"text/plain", "", typeText},
		{"application/json", "", typePoll},
		{"text/html", "", typeHTML},
		{"text/*", "", typeSSE},
		{"application/*", "", typeLine},
		{"application/json, text/plain;q=0.9", "", typePoll},
		{"application/json;q=0.1, text/plain;q=0.9", "", typeText},
		{"application/json, application/x-ndjson", "", typeLine},
		{"application/json, text/plain, */*", "", typeSSE},
		{"text/event-stream;q=0, */*", "", typeLine},
		{"*/*;q=0.1, application/json;q=0.2", "", typePoll},
		{"text/*;q=0.5, text/plain;q=0.4", "", typeSSE},
		{"text/event-stream;q=high", "", typeSSE},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", typeHTML},
		{"text/event-stream, text/html;q=0.1", "", typeHTML},
		{"text/event-stream, text/html;q=0", "", typeSSE},
		{"image/png", "", "406"},
		{"text/event-stream;q=0", "", "406"},
		{"*/*;q=0", "", "406"},
		{"image/png", "format=sse", typeSSE},
		{"text/html", "format=ndjson", typeLine},
		{"", "format=text", typeText},
		{"text/event-stream", "format=json", typePoll},
		{"application/json", "format=", typePoll},
		{"", "format=html", "400 bad-parameter"},
		{"image/png", "format=xml", "400 bad-parameter"},
		{"image/png", "heartbeat=1s", "400 bad-parameter"},
	} {
		t.Run(tt.accept+"?"+tt.query, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, stageOptions{page: true})
				for _, method := range []string{"GET", "HEAD"} {
					var header []string
					if tt.accept != "" {
						header = []string{"Accept", tt.accept}
					}
					r := st.do(method, "/acme/lobby?"+tt.query, header...)
					if status, code, _ := strings.Cut(tt.want, " "); len(status) == 3 {
						if !strings.HasPrefix(r.Status, status) {
							t.Errorf("%s: %s", method, r.Status)
						} else if method == "GET" && !strings.Contains(r.rest(t), code) {
							t.Errorf("%s: no %s", method, code)
						}
						continue
					}
					if got := r.Header.Get("Content-Type"); r.StatusCode != 200 || got != tt.want {
						t.Errorf("%s: %s, %s", method, r.Status, got)
					}
					if v := r.Header.Get("Vary"); v != "Accept, Origin" {
						t.Errorf("%s: Vary: %s", method, v)
					}
					if method == "HEAD" && st.reg.Streams() > 1 {
						t.Error("HEAD opened a stream")
					}
				}
			})
		})
	}
}

func TestWithoutAPageABrowserGetsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		r := st.get("/acme/lobby", "Accept", "text/html,*/*;q=0.8")
		if got := r.Header.Get("Content-Type"); got != typeSSE {
			t.Errorf("%s, %s", r.Status, got)
		}
	})
}

func TestThePageOfARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{page: true})
		for _, path := range []string{"/acme", "/acme/lobby"} {
			r := st.get(path, "Accept", "text/html")
			if r.Header.Get("Cache-Control") != "no-store" || !strings.Contains(r.rest(t), "the page") {
				t.Errorf("%s: %v", path, r.Header)
			}
		}
		if n := st.reg.Streams(); n != 0 {
			t.Errorf("%d streams", n)
		}
	})
}

func TestHeadOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		for _, target := range []string{"/acme/lobby", "/acme?room=a&room=b", "/acme/lobby?format=json"} {
			if r := st.do("HEAD", target); r.StatusCode != 200 || r.rest(t) != "" {
				t.Errorf("%s: %s", target, r.Status)
			}
		}
		if strings.Contains(st.said.String(), "stream opened") || st.reg.Streams() != 0 {
			t.Error("HEAD opened a stream")
		}
	})
}

func TestParametersOfAStream(t *testing.T) {
	for query, want := range map[string]int{
		"":                                    200,
		"since=&last=&heartbeat=":             200,
		"wait=&format=":                       200,
		"since=all":                           200,
		"since=10m":                           200,
		"since=7d":                            200,
		"since=2000-01-01T00:00:00Z":          200,
		"since=2000-01-01T00:00:00.5%2B02:00": 200,
		"since=2000-01-01T00:00:00+02:00":     200,
		"since=abcd-1":                        200,
		"since=abcd-1!":                       200,
		"since=abcd-99999999999999999999":     400,
		"since=-10m":                          400,
		"since=all!":                          400,
		"since=yesterday":                     400,
		"since=2000-01-01":                    400,
		"since=all&since=all":                 400,
		"since=abc-1":                         400,
		"last=0":                              200,
		"last=1000":                           200,
		"last=1001":                           400,
		"last=-1":                             400,
		"last=ten":                            400,
		"last=1&last=2":                       400,
		"heartbeat=5s":                        200,
		"heartbeat=7500ms":                    200,
		"heartbeat=60s":                       200,
		"heartbeat=1m":                        200,
		"heartbeat=4.9s":                      400,
		"heartbeat=61s":                       400,
		"heartbeat=15":                        400,
		"wait=0s":                             200,
		"wait=60s":                            200,
		"wait=61s":                            400,
		"wait=-1s":                            400,
		"wait=soon":                           400,
		"unknown=1":                           200,
	} {
		t.Run(query, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, stageOptions{})
				r := st.get("/acme/lobby?" + query)
				if r.StatusCode != want {
					t.Fatalf("%s, want %d", r.Status, want)
				}
				if want == 400 && !strings.Contains(r.rest(t), `"code":"bad-parameter"`) {
					t.Error("another code")
				}
			})
		})
	}
}
