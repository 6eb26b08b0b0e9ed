// Command gosse is the server of github.com/tmaxmax/go-sse behind two routes.
package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/tmaxmax/go-sse"
)

func main() {
	server := &sse.Server{OnSession: func(w http.ResponseWriter, r *http.Request) ([]string, bool) {
		// Left alone, it says nothing at all before the first event.
		w.Header().Set("Content-Type", "text/event-stream")
		if err := http.NewResponseController(w).Flush(); err != nil {
			return nil, false
		}
		return []string{r.FormValue("room")}, true
	}}
	http.Handle("GET /stream", server)
	http.HandleFunc("POST /say", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			message := &sse.Message{}
			message.AppendData(string(body))
			err = server.Publish(message, r.URL.Query().Get("room"))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
