// Command r3labs is the server of github.com/r3labs/sse behind two routes.
package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/r3labs/sse/v2"
)

func main() {
	server := sse.New()
	server.AutoStream = true
	server.AutoReplay = false // else it keeps every event for ever
	http.Handle("GET /stream", server)
	http.HandleFunc("POST /say", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		server.Publish(r.FormValue("stream"), &sse.Event{Data: body})
		w.WriteHeader(http.StatusNoContent)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
