package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"parley/client"
)

// lobbyists is a server that has heard of Ann and Bo, who are in the lobby, and
// gives a client of it that is Ann.
func lobbyists(more map[string]string) (c *client.Client, done func()) {
	said := map[string]string{
		"PUT /acme/-/members/me":    `{"rooms":["dev","lobby"],"position":"e4f1-7"}`,
		"DELETE /acme/-/members/me": `{"rooms":["dev"],"position":"e4f1-8"}`,
		"PATCH /acme/-/members/me":  `{"id":"k3x9m2p7q4r6s8t1","name":"Anna","rooms":["lobby"],"since":"2026-11-23T01:02:03.456Z"}`,
		"PUT /acme/-/members":       `{"count":2,"position":"e4f1-7"}`,
		"DELETE /acme/-/members":    `{"count":1}`,
		"GET /acme/-/members": `{"count":2,"users":2,"members":[` +
			`{"id":"k3x9m2p7q4r6s8t1","name":"Ann","rooms":["lobby"],"since":"2026-11-23T01:02:03.456Z"},` +
			`{"id":"b7c2d9e4f6a1g3h5","name":"Bo","data":{"away":true},"rooms":["dev","lobby"],"since":"2026-11-23T01:05:00.000Z"}],"partial":false}`,
		"GET /acme/-/rooms": `{"rooms":[{"room":"dev","count":1,"users":1,"last":"e4f1-5"},{"room":"lobby","count":2,"users":2,"last":"e4f1-6"}],"more":false}`,
		"GET /acme/-/history": `{"events":[` +
			`{"id":"e4f1-4","room":"lobby","event":"message","from":"k3x9m2p7q4r6s8t1","name":"Ann","data":"hello","time":"2026-11-23T01:05:00.000Z"},` +
			`{"id":"e4f1-6","room":"lobby","event":"message","from":"b7c2d9e4f6a1g3h5","name":"Bo","data":"hi Ann","time":"2026-11-23T01:06:00.000Z"}],"more":false}`,
		"GET /acme/-/history/e4f1-4":    `{"id":"e4f1-4","room":"lobby","event":"message","from":"k3x9m2p7q4r6s8t1","name":"Ann","data":"hello","time":"2026-11-23T01:05:00.000Z"}`,
		"DELETE /acme/-/history/e4f1-4": `{"id":"e4f1-9","time":"2026-11-23T01:10:00.000Z"}`,
		"POST /acme/-/acks/e4f1-7":      ``,
		"POST /acme":                    `{"id":"e4f1-9","time":"2026-11-23T01:10:00.000Z","from":"k3x9m2p7q4r6s8t1"}`,
	}
	for request, answer := range more {
		said[request] = answer
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := said[r.Method+" "+r.URL.Path]
		switch {
		case strings.HasPrefix(answer, "retry:"):
			w.Header().Set("Content-Type", "text/event-stream")
		case answer == "":
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(w, answer)
	}))
	c, err := client.New(server.URL, client.Options{ConnectionID: client.NewConnectionID()})
	if err != nil {
		panic(err)
	}
	return c, func() { c.Close(); server.Close() }
}

// Ask everybody in a room, and see who has answered and who has not.
func ExampleClient_Send_acks() {
	c, done := lobbyists(map[string]string{
		"POST /acme": `{"id":"e4f1-9","time":"2026-11-23T01:10:00.000Z","from":"k3x9m2p7q4r6s8t1","expected":2,` +
			`"acks":[{"from":"b7c2d9e4f6a1g3h5","data":"I am"}],"missing":["c1d2e3f4g5h6i7j2"],"complete":false}`,
	})
	defer done()

	receipt, err := c.Send(context.Background(), client.SendRequest{
		Namespace: "acme", To: []string{"lobby"}, Data: "who is for lunch?", Ack: 10 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range receipt.Acks.Answers {
		text, _ := a.Text()
		fmt.Println(a.From, "answered:", text)
	}
	fmt.Println("nothing of", receipt.Acks.Missing)
	// Output:
	// b7c2d9e4f6a1g3h5 answered: I am
	// nothing of [c1d2e3f4g5h6i7j2]
}

// Everyone but one, and not kept: who is typing is of no interest later.
func ExampleClient_Send_volatile() {
	c, done := lobbyists(nil)
	defer done()

	_, err := c.Send(context.Background(), client.SendRequest{
		Namespace: "acme", To: []string{"lobby"}, Except: []string{"@b7c2d9e4f6a1g3h5"},
		Event: "typing", Data: true, Volatile: true,
	})
	fmt.Println(err)
	// Output: <nil>
}

// Three things at once: all of them are kept, one after the other, or none.
func ExampleClient_SendBatch() {
	c, done := lobbyists(map[string]string{
		"POST /acme": `{"id":"e4f1-9","last":"e4f1-11","count":3,"time":"2026-11-23T01:10:00.000Z","from":"k3x9m2p7q4r6s8t1"}`,
	})
	defer done()

	receipt, err := c.SendBatch(context.Background(), client.BatchRequest{
		Namespace: "acme", To: []string{"lobby"},
		Messages: []client.Message{
			{Data: "one"},
			{Data: map[string]int{"n": 2}, Event: "count"},
			{Data: "three, for an hour", TTL: time.Hour},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("kept as", receipt.ID, "to", receipt.Last)
	// Output: kept as e4f1-9 to e4f1-11
}

// Answer whoever asks.
func ExampleClient_Reply() {
	c, done := lobbyists(map[string]string{
		"GET /acme": "retry: 1000\nid: e4f1-6\nevent: hello\ndata: {\"ns\":\"acme\",\"rooms\":[\"lobby\"],\"member\":\"k3x9m2p7q4r6s8t1\",\"heartbeat\":15}\n\n" +
			"id: e4f1-7\nevent: message\ndata: {\"id\":\"e4f1-7\",\"room\":\"lobby\",\"event\":\"message\",\"from\":\"b7c2d9e4f6a1g3h5\",\"data\":\"lunch?\",\"time\":\"2026-11-23T01:09:00.000Z\",\"ack\":{\"id\":\"e4f1-7\",\"by\":\"2026-11-23T01:09:10.000Z\"}}\n\n",
	})
	defer done()

	for e, err := range c.Listen(context.Background(), client.ListenRequest{Namespace: "acme", Rooms: []string{"lobby"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if e.Ack == nil {
			continue
		}
		if err := c.Reply(context.Background(), e, "count me in"); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("answered", e.ID)
		break
	}
	// Output: answered e4f1-7
}

// Who is there, and who comes and goes.
func ExampleEvent_Presence() {
	c, done := lobbyists(map[string]string{
		"GET /acme": "retry: 1000\nid: e4f1-6\nevent: hello\ndata: {\"ns\":\"acme\",\"rooms\":[\"lobby\"],\"member\":\"k3x9m2p7q4r6s8t1\",\"heartbeat\":15}\n\n" +
			"event: presence\ndata: {\"room\":\"lobby\",\"members\":[{\"id\":\"k3x9m2p7q4r6s8t1\",\"name\":\"Ann\"}],\"count\":1,\"users\":1}\n\n" +
			"event: presence\ndata: {\"room\":\"lobby\",\"joined\":[{\"id\":\"b7c2d9e4f6a1g3h5\",\"name\":\"Bo\"}],\"count\":2,\"users\":2}\n\n",
	})
	defer done()

	for e, err := range c.Listen(context.Background(), client.ListenRequest{
		Namespace: "acme", Rooms: []string{"lobby"}, Name: "Ann", Presence: true,
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		p, ok := e.Presence()
		if !ok {
			continue
		}
		for _, who := range p.Members {
			fmt.Println(who.Name, "is in", p.Room)
		}
		for _, who := range p.Joined {
			fmt.Println(who.Name, "joined", p.Room)
		}
		if p.Count == 2 {
			break
		}
	}
	// Output:
	// Ann is in lobby
	// Bo joined lobby
}

// Hear another room, on the streams that are open, and no longer the first.
func ExampleClient_Join() {
	c, done := lobbyists(nil)
	defer done()

	ctx := context.Background()
	joined, err := c.Join(ctx, "acme", "dev")
	if err != nil {
		fmt.Println(err) // no-stream: listen first
		return
	}
	fmt.Println("in", joined.Rooms, "from", joined.Position)
	left, err := c.Leave(ctx, "acme", "lobby")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("in", left.Rooms)
	// Output:
	// in [dev lobby] from e4f1-7
	// in [dev]
}

// Take everyone in the lobby into a meeting, but for one. It takes the server's key.
func ExampleClient_MoveIn() {
	c, done := lobbyists(nil)
	defer done()

	moved, err := c.MoveIn(context.Background(), "acme", "meeting", client.Selection{
		In: []string{"lobby"}, Except: []string{"@b7c2d9e4f6a1g3h5"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(moved.Count, "moved")
	// Output: 2 moved
}

// End the streams of everyone in a room. It takes the server's key.
func ExampleClient_Disconnect() {
	c, done := lobbyists(nil)
	defer done()

	count, err := c.Disconnect(context.Background(), "acme", client.Selection{In: []string{"lobby"}})
	fmt.Println(count, err)
	// Output: 1 <nil>
}

// Who is in a room.
func ExampleClient_Members() {
	c, done := lobbyists(nil)
	defer done()

	there, err := c.Members(context.Background(), "acme", []string{"lobby"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range there.List {
		fmt.Println(m.ID, m.Name, m.Rooms)
	}
	// Output:
	// k3x9m2p7q4r6s8t1 Ann [lobby]
	// b7c2d9e4f6a1g3h5 Bo [dev lobby]
}

// Another nickname, and what else there is to say of oneself.
func ExampleClient_Describe() {
	c, done := lobbyists(nil)
	defer done()

	now, err := c.Describe(context.Background(), "acme", client.Description{
		Name: new("Anna"),
		Data: json.RawMessage("null"), // nothing; nil would leave it
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(now.Name)
	// Output: Anna
}

// The rooms of a namespace.
func ExampleClient_Rooms() {
	c, done := lobbyists(nil)
	defer done()

	for r, err := range c.Rooms(context.Background(), "acme", "") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(r.Room, r.Count)
	}
	// Output:
	// dev 1
	// lobby 2
}

// Read back from now to the beginning, a page at a time.
func ExampleClient_History() {
	c, done := lobbyists(nil)
	defer done()

	r := client.HistoryRequest{Namespace: "acme", Room: "lobby", Limit: 500}
	for {
		page, err := c.History(context.Background(), r)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, e := range page.Events {
			text, _ := e.Text()
			fmt.Println(e.ID, e.Name, text)
		}
		if !page.More {
			break
		}
		r.Before = page.Events[0].ID
	}
	// Output:
	// e4f1-4 Ann hello
	// e4f1-6 Bo hi Ann
}

// Look one event up, and take it back.
func ExampleClient_Erase() {
	c, done := lobbyists(nil)
	defer done()

	ctx := context.Background()
	e, err := c.HistoryEvent(ctx, "acme", "lobby", "e4f1-4")
	if err != nil {
		fmt.Println(err) // not-found: retention may have taken it
		return
	}
	notice, err := c.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: e.Room, ID: e.ID})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("erased, and told as", notice.ID)
	// Output: erased, and told as e4f1-9
}
