package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"parley/client"
)

type whoCmd struct {
	remote
	Places []string `arg:"" name:"namespace/room" help:"Rooms of one namespace: acme/lobby acme/dev. A namespace alone, acme, is everybody in it."`
	JSON   bool     `name:"json" help:"One JSON object a line."`
}

// Run lists who is there, with those who have only just gone and may come back.
func (c *whoCmd) Run(ctx context.Context, env *Env) error {
	ns, rooms, err := places(c.Places)
	if err != nil {
		return err
	}
	speaks, err := c.dial(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer speaks.Close()
	there, err := speaks.Members(ctx, ns, rooms, nil)
	if err != nil {
		return err
	}
	if there.Partial {
		fmt.Fprintln(env.Stderr, "parley who: a part of the server could not be asked")
	}
	if c.JSON {
		return eachJSON(env.Stdout, there.List)
	}
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	for _, m := range there.List {
		name := "-"
		if m.Name != "" {
			name = nickname(m.Name)
		}
		if m.User != "" {
			name += " (" + plain(m.User) + ")"
		}
		fmt.Fprintf(table, "@%s\t%s\t%s\tsince %s\n", plain(m.ID), name, plain(strings.Join(m.Rooms, ", ")), m.Since.Local().Format("2006-01-02 15:04:05"))
	}
	return table.Flush()
}

type roomsCmd struct {
	remote
	Namespace string `arg:"" help:"The namespace."`
	JSON      bool   `name:"json" help:"One JSON object a line."`
}

// Run lists the rooms that have members or history.
func (c *roomsCmd) Run(ctx context.Context, env *Env) error {
	speaks, err := c.dial(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer speaks.Close()
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	for r, err := range speaks.Rooms(ctx, strings.Trim(c.Namespace, "/"), "") {
		if err != nil {
			return err
		}
		if c.JSON {
			err = eachJSON(env.Stdout, []client.Room{r})
		} else {
			_, err = fmt.Fprintf(table, "%s\t%d here\t%s\n", plain(r.Room), r.Count, plain(r.Last))
		}
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

// eachJSON writes one object a line.
func eachJSON[T any](w io.Writer, list []T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range list {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
