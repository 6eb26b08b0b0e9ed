package commands

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"parley/client"
)

type historyCmd struct {
	remote
	Place  string `arg:"" name:"namespace/room" help:"The room: acme/lobby."`
	Last   int    `default:"50" help:"The newest N events. Default: ${default}." placeholder:"N"`
	Before string `help:"Of those before this event." placeholder:"ID"`
	After  string `help:"Of those after this event." placeholder:"ID"`
	JSON   bool   `name:"json" help:"One JSON object a line."`
}

// Run prints what was said in a room, the oldest first.
func (c *historyCmd) Run(ctx context.Context, env *Env) error {
	ns, rooms, err := places([]string{c.Place})
	if err != nil {
		return err
	}
	if len(rooms) != 1 {
		return &usageError{errors.New("name one room as namespace/room, such as acme/lobby")}
	}
	if c.Last < 1 {
		return &usageError{errors.New("--last is a number of events above zero")}
	}
	speaks, err := c.dial(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer speaks.Close()

	var out printer = &lines{to: env.Stdout, paint: paints(env, env.Stdout)}
	if c.JSON {
		out = ndjson{env.Stdout}
	}
	events, err := newest(ctx, speaks, client.HistoryRequest{Namespace: ns, Room: rooms[0], Before: c.Before, After: c.After}, c.Last)
	if err != nil {
		return err
	}
	for _, e := range events {
		if err := out.print(e); err != nil {
			return err
		}
	}
	return nil
}

// newest gives the newest n events of a range, the oldest first. The server gives
// pages from the end.
func newest(ctx context.Context, c *client.Client, r client.HistoryRequest, n int) ([]client.Event, error) {
	const page = 500
	var pages [][]client.Event
	for n > 0 {
		r.Limit = min(n, page)
		p, err := c.History(ctx, r)
		if err != nil {
			return nil, err
		}
		pages = append(pages, p.Events)
		if n -= len(p.Events); !p.More || len(p.Events) == 0 {
			break
		}
		r.Before = p.Events[0].ID
	}
	slices.Reverse(pages)
	return slices.Concat(pages...), nil
}
