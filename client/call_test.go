package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley/client"
)

// answers gives a JSON answer.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if body != "" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	moved  = `{"rooms":["dev","lobby"],"position":"e4f1-7"}`
	many   = `{"count":3,"position":"e4f1-7"}`
	annNow = `{"id":"abcd","name":"Ann","data":{"n":1.0},"rooms":["lobby"],"since":"2026-11-23T01:02:03.456Z"}`
	notice = `{"id":"e4f1-9","time":"2026-11-23T01:02:03.456Z"}`
)

var asked = client.Event{Namespace: "acme", Ack: &client.Ack{ID: "e4f1-8"}}

// Every call: what it asks for, and what it makes of the answer.
func TestCalls(t *testing.T) {
	type call func(context.Context, *client.Client) (any, error)
	for name, tt := range map[string]struct {
		call    call
		request string // method, URL, media type and body
		answer  string
		gives   string // as fmt prints it
		anybody bool   // a client without a connection ID may make it
	}{
		"join": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Join(ctx, "acme", "a/b") },
			"PUT /base/acme/-/members/me?room=a%2Fb ", moved, "{[dev lobby] e4f1-7 1}", false,
		},
		"leave": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Leave(ctx, "acme", "lobby") },
			"DELETE /base/acme/-/members/me?room=lobby ", moved, "{[dev lobby] e4f1-7 1}", false,
		},
		"leave the room without a name": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Leave(ctx, "acme", "") },
			"DELETE /base/acme/-/members/me?room= ", moved, "{[dev lobby] e4f1-7 1}", false,
		},
		"move one in": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.MoveIn(ctx, "acme", "lobby", client.Selection{Member: "@abcd"})
			},
			"PUT /base/acme/-/members/abcd?room=lobby ", moved, "{[dev lobby] e4f1-7 1}", true,
		},
		"move many out": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.MoveOut(ctx, "acme", "lobby", client.Selection{In: []string{"a", "@b"}, Except: []string{"c"}})
			},
			"DELETE /base/acme/-/members?except=c&in=a&in=%40b&room=lobby ", many, "{[] e4f1-7 3}", true,
		},
		"everybody": {
			func(ctx context.Context, c *client.Client) (any, error) { return c.Members(ctx, "acme", nil, nil) },
			"GET /base/acme/-/members ", `{"count":2,"users":1,"members":[` + annNow + `],"partial":true}`,
			`{2 1 [{{abcd  Ann} [123 34 110 34 58 49 46 48 125] [lobby] 2026-11-23 01:02:03.456 +0000 UTC}] true}`, true,
		},
		"members": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Members(ctx, "acme", []string{"lobby", "@abcd"}, []string{"dev"})
			},
			"GET /base/acme/-/members?except=dev&in=lobby&in=%40abcd ", `{"count":0,"users":0,"members":[],"partial":false}`, "{0 0 [] false}", true,
		},
		"a nickname": {
			func(ctx context.Context, c *client.Client) (any, error) {
				m, err := c.Describe(ctx, "acme", client.Description{Name: new("Ann"), Data: json.RawMessage(`{"n":1.0}`)})
				return m.Name, err
			},
			`PATCH /base/acme/-/members/me application/json{"data":{"n":1.0},"name":"Ann"}`, annNow, "Ann", false,
		},
		"nothing of itself": {
			func(ctx context.Context, c *client.Client) (any, error) {
				m, err := c.Describe(ctx, "acme", client.Description{Name: new(""), Data: json.RawMessage(`null`)})
				return m.ID, err
			},
			`PATCH /base/acme/-/members/me application/json{"data":null,"name":null}`, annNow, "abcd", false,
		},
		"disconnect": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Disconnect(ctx, "acme", client.Selection{In: []string{"*"}, Except: []string{"@abcd"}})
			},
			"DELETE /base/acme/-/members?except=%40abcd&in=%2A ", `{"count":3}`, "3", true,
		},
		"disconnect oneself": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Disconnect(ctx, "acme", client.Selection{Member: "me"})
			},
			"DELETE /base/acme/-/members/me ", `{"count":1}`, "1", false,
		},
		"rooms": {
			func(ctx context.Context, c *client.Client) (any, error) {
				var out []client.Room
				for r, err := range c.Rooms(ctx, "acme", "a") {
					if err != nil {
						return nil, err
					}
					out = append(out, r)
				}
				return out, nil
			},
			"GET /base/acme/-/rooms?after=a&limit=1000 ", `{"rooms":[{"room":"b","count":2,"users":1,"last":"e4f1-3"},{"room":"c","count":0,"users":0,"last":""}],"more":false}`,
			"[{b 2 1 e4f1-3} {c 0 0 }]", true,
		},
		"history": {
			func(ctx context.Context, c *client.Client) (any, error) {
				p, err := c.History(ctx, client.HistoryRequest{Namespace: "acme", Room: "lobby", Before: "e4f1-9", After: "e4f1-1", Limit: 2})
				if err != nil {
					return nil, err
				}
				text, _ := p.Events[0].Text()
				return fmt.Sprintln(p.More, len(p.Events), text, p.Events[0].Position, p.Events[0].Namespace), nil
			},
			"GET /base/acme/-/history?after=e4f1-1&before=e4f1-9&limit=2&room=lobby ",
			`{"events":[{"id":"e4f1-2","room":"lobby","event":"message","data":"hello","time":"2026-11-23T01:02:03.456Z"}],"more":true}`,
			"true 1 hello e4f1-2 acme\n", true,
		},
		"one event": {
			func(ctx context.Context, c *client.Client) (any, error) {
				e, err := c.HistoryEvent(ctx, "acme", "lobby", "e4f1-2")
				return e.ID + e.Event, err
			},
			"GET /base/acme/-/history/e4f1-2?room=lobby ", `{"id":"e4f1-2","room":"lobby","event":"note","data":1,"time":"2026-11-23T01:02:03.456Z"}`, "e4f1-2note", true,
		},
		"erase one": {
			func(ctx context.Context, c *client.Client) (any, error) {
				e, err := c.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby", ID: "e4f1-2"})
				return e.ID, err
			},
			"DELETE /base/acme/-/history/e4f1-2?room=lobby ", notice, "e4f1-9", true,
		},
		"erase what is old": {
			func(ctx context.Context, c *client.Client) (any, error) {
				e, err := c.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby", Before: "e4f1-2"})
				return e.ID, err
			},
			"DELETE /base/acme/-/history?before=e4f1-2&room=lobby ", notice, "e4f1-9", true,
		},
		"erase all": {
			func(ctx context.Context, c *client.Client) (any, error) {
				e, err := c.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby", All: true})
				return e.ID, err
			},
			"DELETE /base/acme/-/history?room=lobby ", notice, "e4f1-9", true,
		},
		"reply": {
			func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Reply(ctx, asked, "yes") },
			"POST /base/acme/-/acks/e4f1-8 text/plain; charset=utf-8yes", "", "<nil>", false,
		},
		"reply with JSON": {
			func(ctx context.Context, c *client.Client) (any, error) {
				return nil, c.Reply(ctx, asked, map[string]int{"n": 1})
			},
			`POST /base/acme/-/acks/e4f1-8 application/json{"n":1}`, "", "<nil>", false,
		},
		"a batch": {
			func(ctx context.Context, c *client.Client) (any, error) {
				r, err := c.SendBatch(ctx, client.BatchRequest{
					Namespace: "acme", To: []string{"lobby"}, Except: []string{"@abcd"}, Echo: true, IdempotencyKey: "k",
					Messages: []client.Message{
						{Data: "a\n<b>"}, {Event: "note", Data: json.RawMessage("{\n \"n\": 1.0 }"), TTL: time.Hour}, {Data: nil},
					},
				})
				return fmt.Sprintln(r.ID, r.Last, r.Count, r.From, r.Replayed), err
			},
			"POST /base/acme?echo=1&except=%40abcd&to=lobby application/x-ndjson" +
				`{"data":"a\n\u003cb\u003e"}` + "\n" + `{"data":{"n":1.0},"event":"note","ttl":"1h0m0s"}` + "\n" + `{"data":null}` + "\n",
			`{"id":"e4f1-1","last":"e4f1-3","count":3,"time":"2026-11-23T01:02:03.456Z","from":"k3x9"}`, "e4f1-1 e4f1-3 3 k3x9 false\n", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var body []byte
				status := 200
				if tt.answer == "" {
					status = 204
				}
				// What may have got lost is asked for again.
				f := serve(t, client.Options{ConnectionID: "0123456789abcdef"}, breaks, func(w http.ResponseWriter, r *http.Request) {
					body, _ = io.ReadAll(r.Body)
					answers(status, tt.answer)(w, r)
				})
				got, err := tt.call(t.Context(), f.client)
				if err != nil || fmt.Sprint(got) != tt.gives {
					t.Errorf("gives %v, %v", got, err)
				}
				requests := f.requests()
				if len(requests) != 2 {
					t.Fatalf("%d requests", len(requests))
				}
				r := requests[1]
				if was := fmt.Sprintf("%s %s %s%s", r.Method, r.URL, r.Header.Get("Content-Type"), body); was != tt.request {
					t.Errorf("asks for\n%s, not\n%s", was, tt.request)
				}
				if r.Header.Get("Connection-ID") != "0123456789abcdef" || r.Header.Get("Idempotency-Key") != requests[0].Header.Get("Idempotency-Key") {
					t.Errorf("headers %v", r.Header)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{ConnectionID: "0123456789abcdef"}, refuses(403, "forbidden"))
				var p *client.Problem
				if _, err := tt.call(t.Context(), f.client); !errors.As(err, &p) || p.Code != "forbidden" || len(f.requests()) != 1 {
					t.Errorf("refused: %v", err)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{}, refuses(403, "forbidden"))
				_, _ = tt.call(t.Context(), f.client)
				if came := len(f.requests()) > 0; came != tt.anybody {
					t.Errorf("without a connection ID the server was asked: %t", came)
				}
			})
		})
	}
}

// What cannot be is refused before anybody is asked.
func TestCallsThatAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{ConnectionID: "0123456789abcdef"}, answers(200, `{}`))
		c, ctx := f.client, t.Context()
		for name, err := range map[string]error{
			"nothing to erase":      second(c.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby"})),
			"two ways to erase":     second(c.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby", ID: "e4f1-1", All: true})),
			"an event nobody asked": c.Reply(ctx, client.Event{Namespace: "acme"}, "yes"),
			"an answer of no form":  c.Reply(ctx, asked, func() {}),
			"bytes in a batch":      second(c.SendBatch(ctx, client.BatchRequest{Namespace: "acme", Messages: []client.Message{{Data: []byte("x")}}})),
			"no JSON in a batch":    second(c.SendBatch(ctx, client.BatchRequest{Namespace: "acme", Messages: []client.Message{{Data: json.RawMessage("{")}}})),
			"a description":         second(c.Describe(ctx, "acme", client.Description{Data: func() {}})),
			"a key with a space":    second(c.SendBatch(ctx, client.BatchRequest{Namespace: "acme", IdempotencyKey: "a b"})),
		} {
			if err == nil {
				t.Errorf("%s went through", name)
			}
		}
		if n := len(f.requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// All rooms come, however many pages that takes, and no more than are wanted.
func TestRoomsComePageByPage(t *testing.T) {
	page := func(first, n int, more bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b := `{"rooms":[`
			for i := range n {
				if i > 0 {
					b += ","
				}
				b += fmt.Sprintf(`{"room":"r%04d","count":1,"users":1}`, first+i)
			}
			answers(200, fmt.Sprintf(`%s],"more":%t}`, b, more))(w, r)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{}, page(0, 3, true), page(3, 2, true), page(5, 0, true))
		var got []string
		for r, err := range f.client.Rooms(t.Context(), "acme", "") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Room)
		}
		if len(got) != 5 || got[4] != "r0004" {
			t.Errorf("got %v", got)
		}
		var after []string
		for _, r := range f.requests() {
			after = append(after, r.URL.Query().Get("after"))
		}
		if !slices.Equal(after, []string{"", "r0002", "r0004"}) {
			t.Errorf("asked after %q", after)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{}, page(0, 3, true))
		for range f.client.Rooms(t.Context(), "acme", "") {
			break
		}
		if n := len(f.requests()); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// What the others answered, and who did not, is no error.
func TestASendThatAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{ConnectionID: "0123456789abcdef"},
			breaks,
			// It takes longer than an answer usually may, and the server says when it is over.
			func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(45 * time.Second)
				answers(200, `{"id":"e4f1-9","time":"2026-11-23T01:02:03.456Z","from":"k3x9","expected":3,
					"acks":[{"from":"abcd","data":"yes"},{"from":"efgh","data":"eP8=","encoding":"base64","type":"image/png"}],
					"missing":["ijkl"],"complete":false}`)(w, r)
			})
		r := words
		r.Ack = 20 * time.Second
		receipt, err := f.client.Send(t.Context(), r)
		if err != nil || receipt.ID != "e4f1-9" || receipt.Acks == nil {
			t.Fatalf("got %+v, %v", receipt, err)
		}
		a := receipt.Acks
		if a.Expected != 3 || len(a.Answers) != 2 || !slices.Equal(a.Missing, []string{"ijkl"}) || a.Complete {
			t.Errorf("got %+v", a)
		}
		if text, ok := a.Answers[0].Text(); !ok || text != "yes" || a.Answers[0].From != "abcd" {
			t.Errorf("first %+v", a.Answers[0])
		}
		if b, err := a.Answers[1].Bytes(); err != nil || string(b) != "x\xff" {
			t.Errorf("second %q, %v", b, err)
		}
		var word string
		if err := a.Answers[0].Decode(&word); err != nil || word != "yes" {
			t.Errorf("decoded %q, %v", word, err)
		}
		requests := f.requests()
		if q := requests[1].URL.Query(); q.Get("ack") != "20s" {
			t.Errorf("asked for %v", q)
		}
		if key := requests[0].Header.Get("Idempotency-Key"); key == "" || requests[1].Header.Get("Idempotency-Key") != key {
			t.Errorf("the second try has another key")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{}, keeps)
		if receipt, err := f.client.Send(t.Context(), words); err != nil || receipt.Acks != nil {
			t.Errorf("nobody was asked: %+v, %v", receipt, err)
		}
	})
}
