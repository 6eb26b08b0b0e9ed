package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"parley/client"
)

func keeps(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"id":"e4f1-9","time":"2026-11-23T01:02:03.456Z","from":"k3x9"}`)
}

var words = client.SendRequest{Namespace: "acme", To: []string{"lobby"}, Data: "hello"}

func TestWhatASendAsksFor(t *testing.T) {
	for name, tt := range map[string]struct {
		r               client.SendRequest
		url, kind, body string
	}{
		"text":    {words, "/base/acme?to=lobby", "text/plain; charset=utf-8", "hello"},
		"nothing": {client.SendRequest{Namespace: "acme", Data: ""}, "/base/acme", "text/plain; charset=utf-8", ""},
		"null":    {client.SendRequest{Namespace: "acme"}, "/base/acme", "application/json", "null"},
		"JSON":    {client.SendRequest{Namespace: "acme", To: []string{"*"}, Data: map[string]int{"n": 1}}, "/base/acme?to=%2A", "application/json", `{"n":1}`},
		"raw":     {client.SendRequest{Namespace: "acme", Data: json.RawMessage(`{ "n": 1.0 }`)}, "/base/acme", "application/json", `{ "n": 1.0 }`},
		"bytes":   {client.SendRequest{Namespace: "acme", Data: []byte{255}}, "/base/acme", "application/octet-stream", "\xff"},
		"image":   {client.SendRequest{Namespace: "acme", Data: []byte{255}, Type: "image/png"}, "/base/acme", "image/png", "\xff"},
		"options": {
			client.SendRequest{Namespace: "acme", To: []string{"a b", "@k3x9"}, Except: []string{"c/d"}, Event: "typing now", TTL: time.Hour, Echo: true, Data: ""},
			"/base/acme?echo=1&event=typing+now&except=c%2Fd&to=a+b&to=%40k3x9&ttl=1h0m0s", "text/plain; charset=utf-8", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var body []byte
				f := serve(t, client.Options{ConnectionID: "0123456789abcdef"}, func(w http.ResponseWriter, r *http.Request) {
					body, _ = io.ReadAll(r.Body)
					keeps(w, r)
				})
				receipt, err := f.client.Send(t.Context(), tt.r)
				if err != nil || receipt.ID != "e4f1-9" || receipt.From != "k3x9" || receipt.Time.IsZero() || receipt.Replayed {
					t.Errorf("got %+v, %v", receipt, err)
				}
				r := f.requests()[0]
				if r.Method != "POST" || r.URL.String() != tt.url || r.Header.Get("Content-Type") != tt.kind || string(body) != tt.body {
					t.Errorf("%s %s %s %q", r.Method, r.URL, r.Header.Get("Content-Type"), body)
				}
				if r.Header.Get("Connection-ID") != "0123456789abcdef" || len(r.Header.Get("Idempotency-Key")) < 20 {
					t.Errorf("headers %v", r.Header)
				}
			})
		})
	}
}

// What may have got lost is said again under the same key.
func TestASendIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{},
			breaks,
			refuses(503, "unavailable", "Retry-After", "5"),
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) },
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Idempotent-Replayed", "true")
				keeps(w, r)
			})
		began := time.Now()
		receipt, err := f.client.Send(t.Context(), words)
		if err != nil || !receipt.Replayed || receipt.ID != "e4f1-9" {
			t.Fatalf("got %+v, %v", receipt, err)
		}
		if took := time.Since(began); took < 35*time.Second || took > 45*time.Second {
			t.Errorf("took %s", took)
		}
		requests := f.requests()
		key := requests[0].Header.Get("Idempotency-Key")
		for _, r := range requests {
			if key == "" || r.Header.Get("Idempotency-Key") != key {
				t.Errorf("key %q and %q", key, r.Header.Get("Idempotency-Key"))
			}
		}
		if len(requests) != 5 {
			t.Errorf("tried %d times", len(requests))
		}
		again, err := f.client.Send(t.Context(), words)
		if last := f.requests()[5].Header.Get("Idempotency-Key"); err != nil || last == key || again.ID == "" {
			t.Errorf("another message has the same key, or %v", err)
		}
	})
}

func TestASendThatIsNotRepeated(t *testing.T) {
	volatile := words
	volatile.Volatile = true
	for name, tt := range map[string]struct {
		r      client.SendRequest
		answer http.HandlerFunc
		tries  int
		code   string
	}{
		"refused":            {words, refuses(400, "bad-name"), 1, "bad-name"},
		"full":               {words, refuses(507, "log-full"), 1, "log-full"},
		"volatile":           {volatile, breaks, 1, ""},
		"volatile, and busy": {volatile, refuses(503, "unavailable"), 1, "unavailable"},
		"six times":          {words, refuses(503, "unavailable"), 6, "unavailable"},
		"another program":    {words, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{}, tt.answer)
				_, err := f.client.Send(t.Context(), tt.r)
				var p *client.Problem
				if errors.As(err, &p); err == nil || p != nil && p.Code != tt.code || p == nil && tt.code != "" {
					t.Errorf("got %v", err)
				}
				if n := len(f.requests()); n != tt.tries {
					t.Errorf("tried %d times", n)
				}
				if key := f.requests()[0].Header.Get("Idempotency-Key"); (key == "") != tt.r.Volatile {
					t.Errorf("key %q", key)
				}
			})
		})
	}
}

func TestTheContextEndsASend(t *testing.T) {
	gone := errors.New("gone home")
	for name, answer := range map[string]http.HandlerFunc{
		"waiting for an answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"waiting to try again":  refuses(503, "unavailable", "Retry-After", "60"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, client.Options{}, answer)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer time.AfterFunc(time.Second, func() { cancel(gone) }).Stop()
				began := time.Now()
				if _, err := f.client.Send(ctx, words); !errors.Is(err, gone) || time.Since(began) != time.Second {
					t.Errorf("ended after %s with %v", time.Since(began), err)
				}
			})
		})
	}
}

// The connection ID is a secret, and stays with the server it is for.
func TestARedirectToAnotherHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, client.Options{ConnectionID: "0123456789abcdef"}, func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "parley.test" {
				t.Errorf("%s was told %v", r.Host, r.Header)
			}
			http.Redirect(w, r, "http://elsewhere.test/", http.StatusTemporaryRedirect)
		})
		if _, err := f.client.Send(t.Context(), words); err == nil {
			t.Error("it went through")
		}
	})
}

func TestBases(t *testing.T) {
	for base, good := range map[string]bool{
		"http://127.0.0.1:8080": true, "https://example.org/chat/": true,
		"": false, "example.org": false, "ftp://example.org": false, "http://": false, "http://%zz": false,
		"http://user:pass@example.org": false, "http://example.org?x": false, "http://example.org#x": false,
	} {
		if _, err := client.New(base, client.Options{}); (err == nil) != good {
			t.Errorf("%q: %v", base, err)
		}
	}
}
