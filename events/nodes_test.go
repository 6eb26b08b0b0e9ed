package events_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
	"parley/events/memlog"
)

// A net is a Bus between registries of one process.
type net struct {
	mu    sync.Mutex
	ports []*port
}

type port struct {
	net  *net
	name string
	f    func(events.Signal)
}

func (n *net) port(name string) *port {
	p := &port{net: n, name: name}
	n.mu.Lock()
	n.ports = append(n.ports, p)
	n.mu.Unlock()
	return p
}

func (p *port) Send(_ context.Context, s events.Signal) error {
	p.net.mu.Lock()
	ports := p.net.ports
	p.net.mu.Unlock()
	for _, o := range ports {
		o.f(s)
	}
	return nil
}

func (p *port) Receive(f func(events.Signal)) { p.f = f }

func (p *port) Alone() bool { return false }

// A shared is one log that several registries of a process read and tail.
type shared struct {
	events.Log
	mu    sync.Mutex
	tails []func(events.Segment)
}

func newShared(t *testing.T) *shared {
	log := memlog.New(memlog.Options{SweepEvery: -1})
	t.Cleanup(func() { _ = log.Close() })
	s := &shared{Log: log}
	log.Tail(func(seg events.Segment) {
		s.mu.Lock()
		tails := s.tails
		s.mu.Unlock()
		for _, f := range tails {
			f(seg)
		}
	})
	return s
}

func (s *shared) Tail(f func(events.Segment)) {
	s.mu.Lock()
	s.tails = append(s.tails, f)
	s.mu.Unlock()
}

// Everything that is about members holds over two nodes as over one.
func TestTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, wires := newShared(t), &net{}
		node := func(name string) *stage {
			return &stage{T: t, reg: events.NewRegistry(events.Options{Log: log, Bus: wires.port(name), Node: name})}
		}
		one, two := node("one"), node("two")
		time.Sleep(grace)

		a := one.come(ann, events.Listen{Rooms: []string{"lobby"}, Name: "Ann", Presence: true})
		one.next(a)
		// A node that comes to a namespace later is told who is there.
		b := two.come(bo, events.Listen{Rooms: []string{"lobby"}, Name: "Bob", Presence: true})
		if got := two.who("lobby"); got != "Ann Bob" {
			t.Errorf("node two knows of %q", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := tells(one.next(a)); got != "lobby:2/2 +Bob" {
			t.Errorf("node one told %q", got)
		}
		if got := tells(two.next(b)); got != "=lobby:2/2 Ann Bob" {
			t.Errorf("node two told %q", got)
		}

		// Moved, asked and sent away from the other node.
		if _, err := one.reg.Move(t.Context(), boss, "demo", events.Move{Room: "side", Who: events.Selection{In: []string{"*"}}}); err != nil {
			t.Fatal(err)
		}
		if got := one.who("side"); got != "Ann Bob" {
			t.Errorf("moved are %q", got)
		}
		acks, failed := one.ask(t.Context(), ann, 5*time.Second, events.Post{}, "side")
		synctest.Wait()
		d := two.next(b)
		if len(d.Events) != 1 {
			t.Fatalf("%+v", d)
		}
		two.mustAnswer(bo, events.ID{Epoch: b.Epoch(), Seq: d.Events[0].Seq}.String(), `"here"`)
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		if got := summary(<-acks); got != `1 ["here"] missing 0 true` {
			t.Error(got)
		}

		// A member with streams on both is there until both have let it go.
		tab := two.come(ann, events.Listen{Rooms: []string{"lobby"}})
		a.Close()
		time.Sleep(2 * grace)
		if got := two.who("lobby"); got != "Ann Bob" {
			t.Errorf("there are %q", got)
		}
		tab.Close()
		time.Sleep(2 * grace)
		for _, s := range []*stage{one, two} {
			if got := s.who(); got != "Bob" {
				t.Errorf("there are %q", got)
			}
		}

		if n, err := one.reg.Disconnect(t.Context(), boss, "demo", events.Selection{In: []string{"lobby"}}); n != 1 || err != nil {
			t.Error(n, err)
		}
		if d := two.next(b); d.Bye == nil || d.Bye.Reason != events.ByeKicked {
			t.Errorf("%+v", d)
		}
		if got := one.who(); got != "" {
			t.Errorf("there are %q", got)
		}

		// With a node its members go.
		two.come(cy, events.Listen{Rooms: []string{"lobby"}, Name: "Cyd"})
		if got := one.who(); got != "Cyd" {
			t.Errorf("there are %q", got)
		}
		if err := wires.ports[0].Send(t.Context(), events.Signal{Node: "two", Gone: true}); err != nil {
			t.Fatal(err)
		}
		if got := one.who(); got != "" {
			t.Errorf("there are %q", got)
		}
	})
}

func TestSettings(t *testing.T) {
	log := memlog.New(memlog.Options{SweepEvery: -1})
	t.Cleanup(func() { _ = log.Close() })
	reg := events.NewRegistry(events.Options{Log: log, Settings: func(ns string) (events.Settings, bool) {
		switch ns {
		case "small":
			return events.Settings{Streams: 2, Rooms: 3, Data: 10, NoPresence: true, NoVolatile: true}, true
		case "readers":
			return events.Settings{Anonymous: events.MayRead}, true
		case "closed":
			return events.Settings{Anonymous: events.Nothing}, true
		case "open":
			return events.Settings{}, true
		}
		return events.Settings{}, false
	}})
	listen := func(ns, connection string, l events.Listen) error {
		c, err := reg.Listen(t.Context(), caller(connection), ns, l)
		if err == nil {
			t.Cleanup(c.Close)
		}
		return err
	}
	post := func(c events.Caller, ns, data string, volatile bool) error {
		p := events.Post{To: []string{"a"}, Bodies: []events.Body{{Data: []byte(data)}}, Volatile: volatile}
		_, err := reg.Publish(t.Context(), c, ns, p)
		return err
	}
	history := func(ns string) error {
		_, err := reg.History(t.Context(), caller(ann), ns, "a", events.Look{})
		return err
	}
	members := func(c events.Caller, ns string) error {
		_, err := reg.Members(t.Context(), c, ns, events.Selection{})
		return err
	}
	_, _, roomsOfSmall := reg.Rooms(t.Context(), caller(ann), "small", "", 0)
	for i, tt := range []struct {
		err  error
		code events.Code
	}{
		{listen("nowhere", ann, events.Listen{}), events.CodeNotFound},
		{post(caller(ann), "nowhere", "1", false), events.CodeNotFound},
		{history("nowhere"), events.CodeNotFound},
		{members(caller(ann), "nowhere"), events.CodeNotFound},
		{listen("open", ann, events.Listen{Presence: true}), ""},
		{listen("small", ann, events.Listen{Presence: true}), events.CodeForbidden},
		{listen("small", ann, events.Listen{Rooms: []string{"a", "b", "c", "d"}}), events.CodeQuota},
		{listen("small", ann, events.Listen{Rooms: []string{"a", "b"}}), ""},
		{listen("small", bo, events.Listen{Rooms: []string{"b", "c"}}), ""},
		{listen("small", cy, events.Listen{Rooms: []string{"a"}}), events.CodeQuota},
		{joined(t, reg, "small", ann, "c"), ""},
		{joined(t, reg, "small", ann, "d"), events.CodeQuota},
		{post(caller(ann), "small", `"12345678"`, false), ""},
		{post(caller(ann), "small", `"123456789"`, false), events.CodeTooLarge},
		{post(caller(ann), "small", "1", true), events.CodeForbidden},
		{members(caller(ann), "small"), events.CodeForbidden},
		{members(boss, "small"), ""},
		{roomsOfSmall, events.CodeForbidden},
		{listen("readers", ann, events.Listen{}), ""},
		{post(caller(ann), "readers", "1", false), events.CodeForbidden},
		{history("readers"), events.CodeForbidden},
		{listen("closed", ann, events.Listen{}), events.CodeForbidden},
		{post(boss, "closed", "1", false), ""},
		{post(events.Caller{User: "ann", May: events.MayWrite}, "closed", "1", false), ""},
	} {
		if codeOf(tt.err) != tt.code {
			t.Errorf("%d: %v, want %q", i, tt.err, tt.code)
		}
	}
}

func joined(t *testing.T, reg *events.Registry, ns, connection, room string) error {
	_, err := reg.Join(t.Context(), caller(connection), ns, room)
	return err
}
