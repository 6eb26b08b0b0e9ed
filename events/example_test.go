package events_test

import (
	"context"
	"fmt"

	"parley/events"
	"parley/events/memlog"
)

// Two people share a room. What one says is kept, and heard by the other only.
func ExampleRegistry_Publish() {
	log := memlog.New(memlog.Options{})
	defer log.Close()
	reg := events.NewRegistry(events.Options{Log: log})
	ctx := context.Background()
	ann, bo := events.Anonymous("connection-of-ann"), events.Anonymous("connection-of-bob")

	a, _ := reg.Listen(ctx, ann, "demo", events.Listen{Rooms: []string{"lobby"}})
	defer a.Close()
	b, _ := reg.Listen(ctx, bo, "demo", events.Listen{Rooms: []string{"lobby"}})
	defer b.Close()

	data, _ := events.TextData([]byte("hello"))
	said, _ := reg.Publish(ctx, ann, "demo", events.Post{
		To: []string{"lobby"}, Bodies: []events.Body{{Data: data}},
	})
	for name, c := range map[string]*events.Cursor{"ann": a, "bo": b} {
		page, _ := c.Next(ctx, events.Limit{})
		for _, e := range page.Events {
			fmt.Printf("%s hears %s, number %d as answered: %v\n", name, e.Data, e.Seq, e.Seq == said.First.Seq)
		}
	}
	// Output: bo hears "hello", number 1 as answered: true
}

// A stream sleeps until its bell rings, and then reads until it is dry.
func ExampleRegistry_Listen_follow() {
	log := memlog.New(memlog.Options{})
	defer log.Close()
	reg := events.NewRegistry(events.Options{Log: log})
	ctx := context.Background()

	bell := make(chan struct{}, 1)
	c, _ := reg.Listen(ctx, events.Anonymous(""), "demo", events.Listen{
		Rooms: []string{"lobby"},
		Bell: events.BellFunc(func() {
			select {
			case bell <- struct{}{}:
			default: // it is ringing already
			}
		}),
	})
	defer c.Close()

	go func() {
		data, _ := events.JSONData([]byte(`{"n": 1}`))
		_, _ = reg.Publish(ctx, events.Anonymous(""), "demo", events.Post{
			To: []string{"lobby"}, Bodies: []events.Body{{Event: "count", Data: data}},
		})
	}()
	for {
		page, err := c.Next(ctx, events.Limit{})
		if err != nil {
			return
		}
		for _, e := range page.Events {
			fmt.Println(e.Event, string(e.Data))
			return
		}
		if page.Empty() && !page.More {
			<-bell
		}
	}
	// Output: count {"n":1}
}

// A stream that returns with the last ID it saw gets exactly what it missed.
func ExampleAfter_resume() {
	log := memlog.New(memlog.Options{})
	defer log.Close()
	reg := events.NewRegistry(events.Options{Log: log})
	ctx := context.Background()
	say := func(text string) events.ID {
		data, _ := events.TextData([]byte(text))
		got, _ := reg.Publish(ctx, events.Anonymous(""), "demo", events.Post{
			To: []string{"lobby"}, Bodies: []events.Body{{Data: data}},
		})
		return got.First
	}

	seen := say("one")
	say("two")
	say("three")
	c, _ := reg.Listen(ctx, events.Anonymous("connection-of-ann"), "demo", events.Listen{
		Rooms: []string{"lobby"}, Start: events.After(seen.String()),
	})
	defer c.Close()
	page, _ := c.Next(ctx, events.Limit{})
	fmt.Println("resumed:", c.Hello().Resumed)
	for _, e := range page.Events {
		fmt.Println(string(e.Data))
	}
	// Output:
	// resumed: true
	// "two"
	// "three"
}
