package handlers_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parley/events"
	"parley/events/memlog"
	"parley/handlers"
)

// BenchmarkPost is what a POST costs in process, without a socket: routing, the
// checks, the body, the registry, a log in memory and the answer, with few and with
// many rooms that have been spoken in.
func BenchmarkPost(b *testing.B) {
	for _, rooms := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			log := memlog.New(memlog.Options{SweepEvery: -1, Keep: events.Keep{Events: 100}})
			defer log.Close()
			reg := events.NewRegistry(events.Options{Log: log})
			s := handlers.New(handlers.Options{Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))})
			s.Open(reg)
			h := s.Handler()
			names, paths := make([]string, rooms), make([]string, rooms)
			for i := range names {
				names[i] = fmt.Sprintf("room-%06d", i)
				paths[i] = "/demo/" + names[i]
			}
			body := strings.Repeat("x", 100)
			post := func(room int) int {
				r := httptest.NewRequest("POST", paths[room], strings.NewReader(body))
				r.Header.Set("Content-Type", "text/plain")
				r.Header.Set("Connection-ID", "connection-of-somebody")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Code
			}
			// As much has been said, in few rooms or in many: it is not the log in memory, nor
			// the collector that looks through it, that is to be compared. And each room has
			// some history, so that it is not the growth of a young one.
			for i := range 300_000 {
				_, err := reg.Publish(b.Context(), events.Anonymous(""), "demo", events.Post{To: []string{names[i%rooms]}, Bodies: []events.Body{said(body)}})
				if err != nil {
					b.Fatal(err)
				}
			}
			if code := post(0); code != http.StatusCreated {
				b.Fatal(code)
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				post(n * 7919 % rooms)
			}
		})
	}
}
