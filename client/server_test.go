package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/client"
	"parley/events"
	"parley/events/memlog"
	"parley/handlers"
)

// A house is a real server, for what a fake could get wrong.
type house struct {
	t    *testing.T
	pipe *pipes
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t, &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
	log := memlog.New(memlog.Options{SweepEvery: -1})
	registry := events.NewRegistry(events.Options{Log: log})
	server := handlers.New(handlers.Options{Key: "sesame"})
	server.Open(registry)
	web := &http.Server{Handler: server.Handler()}
	go func() { _ = web.Serve(h.pipe) }()
	t.Cleanup(func() {
		registry.Drain()
		_ = web.Close()
		_ = log.Close()
	})
	return h
}

func (h *house) client(o client.Options) *client.Client {
	h.t.Helper()
	transport := &http.Transport{DialContext: h.pipe.dial}
	o.HTTPClient = &http.Client{Transport: transport}
	c, err := client.New("http://parley.test", o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(transport.CloseIdleConnections)
	return c
}

// A listener is a member that is listening.
type listener struct {
	*client.Client
	id     string
	events chan client.Event
	ended  chan struct{}
}

// listens starts a member and waits for its hello.
func (h *house) listens(ctx context.Context, name string, rooms ...string) *listener {
	h.t.Helper()
	l := &listener{
		Client: h.client(client.Options{ConnectionID: client.NewConnectionID()}),
		events: make(chan client.Event, 100), ended: make(chan struct{}),
	}
	go func() {
		defer close(l.ended)
		for e, err := range l.Listen(ctx, client.ListenRequest{Namespace: "acme", Rooms: rooms, Name: name, Presence: true}) {
			if err != nil {
				return
			}
			l.events <- e
		}
	}()
	hello, _ := l.next(h.t, client.HelloEvent).Hello()
	l.id = hello.Member
	return l
}

// next gives the next event of a name, and passes over others.
func (l *listener) next(t *testing.T, name string) *client.Event {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case e := <-l.events:
			if e.Event == name {
				return &e
			}
		case <-limit:
			t.Errorf("no %s came", name)
			return &client.Event{}
		}
	}
}

// The whole conversation with a real server.
func TestAgainstTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := open(t)
		ann := h.listens(ctx, "Ann", "lobby")
		time.Sleep(20 * time.Second) // the first grace, in which nobody is announced
		bo := h.listens(ctx, "Bo", "lobby")
		boss := h.client(client.Options{Key: "sesame"})
		defer func() {
			cancel()
			<-ann.ended
			<-bo.ended
		}()

		// Presence, with all of it first and then what changes.
		if p, _ := ann.next(t, client.PresenceEvent).Presence(); len(p.Members) != 1 || p.Members[0] != (client.Person{ID: ann.id, Name: "Ann"}) {
			t.Errorf("ann is told %+v", p)
		}
		if p, _ := ann.next(t, client.PresenceEvent).Presence(); p.Members != nil || len(p.Joined) != 1 || p.Joined[0].Name != "Bo" || p.Count != 2 {
			t.Errorf("then %+v", p)
		}

		// Describing, members.
		me, err := bo.Describe(ctx, "acme", client.Description{Name: new("Bob"), Data: map[string]bool{"away": true}})
		if err != nil || me.ID != bo.id || me.Name != "Bob" || string(me.Data) != `{"away":true}` || !slices.Equal(me.Rooms, []string{"lobby"}) || me.Since.IsZero() {
			t.Errorf("describe: %+v, %v", me, err)
		}
		if p, _ := ann.next(t, client.PresenceEvent).Presence(); len(p.Changed) != 1 || p.Changed[0].Name != "Bob" {
			t.Errorf("changed: %+v", p)
		}
		if me, err = bo.Describe(ctx, "acme", client.Description{Data: json.RawMessage("null")}); err != nil || me.Name != "Bob" || me.Data != nil {
			t.Errorf("described anew: %+v, %v", me, err)
		}
		there, err := ann.Members(ctx, "acme", []string{"lobby"}, []string{"@" + ann.id})
		if err != nil || there.Count != 1 || len(there.List) != 1 || there.List[0].ID != bo.id || there.Partial {
			t.Errorf("members: %+v, %v", there, err)
		}

		// Joining, leaving, and what a key holder may do to others.
		moved, err := bo.Join(ctx, "acme", "a room")
		if err != nil || !slices.Equal(moved.Rooms, []string{"a room", "lobby"}) || moved.Position == "" {
			t.Errorf("join: %+v, %v", moved, err)
		}
		if rooms, _ := bo.next(t, client.RoomsEvent).Rooms(); len(rooms) != 2 {
			t.Errorf("rooms: %v", rooms)
		}
		if moved, err = bo.Leave(ctx, "acme", "a room"); err != nil || !slices.Equal(moved.Rooms, []string{"lobby"}) {
			t.Errorf("leave: %+v, %v", moved, err)
		}
		if moved, err = boss.MoveIn(ctx, "acme", "dev", client.Selection{In: []string{"lobby"}, Except: []string{"@" + ann.id}}); err != nil || moved.Count != 1 || moved.Rooms != nil {
			t.Errorf("moved in: %+v, %v", moved, err)
		}
		if moved, err = boss.MoveOut(ctx, "acme", "dev", client.Selection{Member: "@" + bo.id}); err != nil || moved.Count != 1 || !slices.Equal(moved.Rooms, []string{"lobby"}) {
			t.Errorf("moved out: %+v, %v", moved, err)
		}
		var refused *client.Problem
		if _, err := ann.MoveIn(ctx, "acme", "dev", client.Selection{In: []string{"*"}}); !errors.As(err, &refused) || refused.Code != "forbidden" {
			t.Errorf("moved without the key: %v", err)
		}
		if _, err := boss.MoveIn(ctx, "acme", "dev", client.Selection{Member: strings.Repeat("a", 16)}); !errors.As(err, &refused) || refused.Code != "not-found" {
			t.Errorf("moved nobody: %v", err)
		}
		if _, err := boss.MoveIn(ctx, "acme", "dev", client.Selection{}); !errors.As(err, &refused) || refused.Code != "no-target" {
			t.Errorf("moved without naming anybody: %v", err)
		}

		// Sending: to one member, with an answer, several at once.
		private, err := ann.Send(ctx, client.SendRequest{Namespace: "acme", To: []string{"@" + bo.id}, Data: "psst"})
		if err != nil || private.From != ann.id {
			t.Errorf("private: %+v, %v", private, err)
		}
		if e := bo.next(t, "message"); e.ID != private.ID || !slices.Equal(e.To, []string{"@" + bo.id}) || e.Name != "Ann" || e.Ack != nil {
			t.Errorf("bo heard %+v", e)
		}
		replied := make(chan error, 1)
		go func() { replied <- bo.Reply(ctx, *bo.next(t, "question"), map[string]int{"n": 42}) }()
		asked, err := ann.Send(ctx, client.SendRequest{
			Namespace: "acme", To: []string{"lobby", "@" + strings.Repeat("a", 16)}, Event: "question", Data: "how many?", Ack: 10 * time.Second,
		})
		if err != nil || asked.Acks == nil || asked.Acks.Expected != 1 || len(asked.Acks.Answers) != 1 || asked.Acks.Complete || !slices.Equal(asked.Acks.Missing, []string{strings.Repeat("a", 16)}) {
			t.Fatalf("asked: %+v %+v, %v", asked, asked.Acks, err)
		}
		var answer struct{ N int }
		if a := asked.Acks.Answers[0]; a.Decode(&answer) != nil || answer.N != 42 || a.From != bo.id {
			t.Errorf("answered %+v", a)
		}
		if err := <-replied; err != nil {
			t.Errorf("reply: %v", err)
		}
		late := client.Event{Namespace: "acme", Ack: &client.Ack{ID: private.ID}}
		if err := bo.Reply(ctx, late, "x"); !errors.As(err, &refused) || refused.Code != "gone" {
			t.Errorf("an answer that nobody waits for: %v", err)
		}
		batch, err := ann.SendBatch(ctx, client.BatchRequest{
			Namespace: "acme", To: []string{"lobby"},
			Messages: []client.Message{{Data: "one"}, {Data: json.RawMessage(`{"n": 1.0}`), Event: "count"}, {Data: nil, TTL: time.Hour}},
		})
		if err != nil || batch.Count != 3 || batch.Last == batch.ID || batch.From != ann.id {
			t.Errorf("batch: %+v, %v", batch, err)
		}
		if e := bo.next(t, "count"); string(e.Data) != `{"n":1.0}` {
			t.Errorf("bo heard %s", e.Data)
		}

		// Rooms, history, erasing.
		var rooms []client.Room
		for r, err := range ann.Rooms(ctx, "acme", "") {
			if err != nil {
				t.Fatal(err)
			}
			rooms = append(rooms, r)
		}
		if want := (client.Room{Room: "lobby", Count: 2, Users: 2, Last: batch.Last}); len(rooms) != 1 || rooms[0] != want {
			t.Errorf("rooms: %+v", rooms)
		}
		page, err := ann.History(ctx, client.HistoryRequest{Namespace: "acme", Room: "lobby", Limit: 3})
		if err != nil || len(page.Events) != 3 || !page.More || page.Events[0].ID != batch.ID || page.Events[2].Position != batch.Last {
			t.Fatalf("history: %+v, %v", page, err)
		}
		one, err := ann.HistoryEvent(ctx, "acme", "lobby", batch.ID)
		if text, _ := one.Text(); err != nil || text != "one" || one.From != ann.id {
			t.Errorf("one: %+v, %v", one, err)
		}
		if _, err := bo.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby", ID: batch.ID}); !errors.As(err, &refused) || refused.Code != "forbidden" {
			t.Errorf("erased what is not one's own: %v", err)
		}
		gone, err := ann.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby", ID: batch.ID})
		if err != nil || gone.ID == "" || gone.Time.IsZero() {
			t.Errorf("erase: %+v, %v", gone, err)
		}
		if x, ok := bo.next(t, client.ErasedEvent).Erased(); !ok || !slices.Equal(x.IDs, []string{batch.ID}) || x.Room != "lobby" {
			t.Errorf("bo is told %+v", x)
		}
		if _, err := boss.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby", Before: batch.Last}); err != nil {
			t.Errorf("erase before: %v", err)
		}
		if x, ok := bo.next(t, client.ErasedEvent).Erased(); !ok || x.IDs != nil || x.Upto == "" {
			t.Errorf("bo is told %+v", x)
		}
		if _, err := boss.Erase(ctx, client.EraseRequest{Namespace: "acme", Room: "lobby", All: true}); err != nil {
			t.Errorf("erase all: %v", err)
		}

		// The end, of one and of others.
		if n, err := bo.Disconnect(ctx, "acme", client.Selection{Member: "me"}); err != nil || n != 1 {
			t.Errorf("disconnect: %d, %v", n, err)
		}
		if b, ok := bo.next(t, client.ByeEvent).Bye(); !ok || b.Reason != "kicked" || b.Reconnect {
			t.Errorf("bye: %+v", b)
		}
		<-bo.ended
		if _, err := bo.Join(ctx, "acme", "dev"); !errors.As(err, &refused) || refused.Code != "no-stream" {
			t.Errorf("joined without a stream: %v", err)
		}
		if n, err := boss.Disconnect(ctx, "acme", client.Selection{In: []string{"*"}}); err != nil || n != 1 {
			t.Errorf("disconnect all: %d, %v", n, err)
		}
		<-ann.ended
	})
}
