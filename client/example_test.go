package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"parley/client"
)

// room is a server with one room, in which two things have been said.
func room() *httptest.Server {
	said := []string{"hello", "is anybody there?"}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":"e4f1-3","time":"2026-11-23T01:02:03.456Z","from":"k3x9m2p7q4r6s8t1"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		from := 0
		if strings.HasSuffix(r.URL.Query().Get("since"), "-1") {
			from = 1
		}
		fmt.Fprintf(w, "retry: 1000\nid: e4f1-%d\nevent: hello\ndata: {\"ns\":\"acme\",\"rooms\":[\"lobby\"],\"member\":\"k3x9m2p7q4r6s8t1\",\"heartbeat\":15}\n\n", from)
		for n := from; n < len(said); n++ {
			fmt.Fprintf(w, "id: e4f1-%d\nevent: message\ndata: {\"id\":\"e4f1-%[1]d\",\"room\":\"lobby\",\"event\":\"message\",\"from\":\"b7c2d9e4f6a1g3h5\",\"data\":%q,\"time\":\"2026-11-23T01:02:03.456Z\"}\n\n", n+1, said[n])
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
}

// Say something in a room, as a member: the others hear it, and we do not.
func ExampleClient_Send() {
	server := room()
	defer server.Close()

	c, err := client.New(server.URL, client.Options{ConnectionID: client.NewConnectionID()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	receipt, err := c.Send(context.Background(), client.SendRequest{
		Namespace: "acme",
		To:        []string{"lobby"},
		Data:      "hello",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("kept as", receipt.ID)
	// Output: kept as e4f1-3
}

// Follow a room. The loop goes on over every reconnect, until its context ends or
// it is left.
func ExampleClient_Listen() {
	server := room()
	defer server.Close()

	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	for e, err := range c.Listen(context.Background(), client.ListenRequest{
		Namespace: "acme", Rooms: []string{"lobby"}, Since: "all",
	}) {
		if err != nil {
			fmt.Println(err) // refused, or the context has ended
			return
		}
		if gap, ok := e.Gap(); ok {
			fmt.Println("missed up to", gap.To)
		}
		if text, ok := e.Text(); ok {
			fmt.Printf("%s said %q\n", e.From, text)
		}
		if e.ID == "e4f1-2" {
			break
		}
	}
	// Output:
	// b7c2d9e4f6a1g3h5 said "hello"
	// b7c2d9e4f6a1g3h5 said "is anybody there?"
}

// Go on where an earlier program stopped: keep the Position of the last event that
// was dealt with, and give it as Since.
func ExampleClient_Listen_resume() {
	server := room()
	defer server.Close()

	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	position := "all" // at the first start; later what was kept
	next := func() {
		for e, err := range c.Listen(context.Background(), client.ListenRequest{
			Namespace: "acme", Rooms: []string{"lobby"}, Since: position,
		}) {
			if err != nil {
				fmt.Println(err)
				return
			}
			position = e.Position
			if text, ok := e.Text(); ok {
				fmt.Println(e.ID, text)
				return
			}
		}
	}
	next()
	next()
	// Output:
	// e4f1-1 hello
	// e4f1-2 is anybody there?
}
