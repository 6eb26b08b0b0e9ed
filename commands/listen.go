package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/client"
)

type listenCmd struct {
	remote
	Rooms []string `arg:"" name:"namespace/room" help:"Rooms of one namespace: acme/lobby acme/dev. A namespace alone, acme, is what is sent to everyone and to this member."`

	All       bool          `help:"Everything in the namespace, instead of rooms."`
	Last      int           `help:"Begin with the newest N events." placeholder:"N"`
	Since     string        `help:"Begin after an event's ID, at a time, a duration back (10m), or with all." placeholder:"WHEN"`
	Heartbeat time.Duration `help:"Ask the server to show after so long a silence that it is there; 5s to 60s." placeholder:"DURATION"`
	Name      string        `help:"The nickname that others see." placeholder:"NAME"`
	Presence  bool          `help:"Tell who is in the rooms, and who comes and goes."`
	JSON      bool          `name:"json" help:"One JSON object a line, the server's own words too."`
}

// Run prints until ctx ends or the server ends the stream for good.
func (c *listenCmd) Run(ctx context.Context, env *Env) error {
	ns, rooms, err := places(c.Rooms)
	if err != nil {
		return err
	}
	if c.All && len(rooms) > 0 {
		return &usageError{errors.New("--all is every room already: name the namespace alone")}
	}
	if c.All && c.Presence {
		return &usageError{errors.New("--presence is told room by room: name the rooms")}
	}
	if c.Last < 0 {
		return &usageError{errors.New("--last is a number of events")}
	}
	if c.Last > 0 && c.Since != "" {
		return &usageError{errors.New("--last and --since both say where to begin")}
	}
	speaks, err := c.dial(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer speaks.Close()

	var out printer = &lines{to: env.Stdout, paint: paints(env, env.Stdout), rooms: c.All || len(rooms) > 1}
	if c.JSON {
		out = ndjson{env.Stdout}
	}
	for e, err := range speaks.Listen(ctx, client.ListenRequest{
		Namespace: ns, Rooms: rooms, All: c.All,
		Since: c.Since, Last: c.Last, Heartbeat: c.Heartbeat,
		Name: c.Name, Presence: c.Presence,
		Reconnecting: func(cause error, wait time.Duration) {
			if cause == nil {
				cause = errors.New("the stream ended")
			}
			fmt.Fprintf(env.Stderr, "# %s: %s; trying again in %s\n", plain(c.Server), plain(cause.Error()), wait.Round(100*time.Millisecond))
		},
	}) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := out.print(e); err != nil {
			return fmt.Errorf("cannot print: %w", err)
		}
	}
	return nil
}

// paints reports whether people see colours there.
func paints(env *Env, w any) bool {
	if v, ok := env.LookupEnv("NO_COLOR"); ok && v != "" {
		return false
	}
	if v, _ := env.LookupEnv("TERM"); v == "dumb" {
		return false
	}
	return isTerminal(w)
}
