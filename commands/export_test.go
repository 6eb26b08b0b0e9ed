package commands

import (
	"context"
	"log/slog"
	"net"
	"time"

	"parley/events"
)

// ServeLog serves a log in memory's place that opens when open returns, on l,
// until ctx ends.
func ServeLog(ctx context.Context, l net.Listener, open func() (events.Log, error), drain time.Duration) error {
	p := newProcess(settings{Memory: true, Drain: drain, Heartbeat: 15 * time.Second}, slog.New(slog.DiscardHandler))
	p.open = open
	return p.run(ctx, ears{public: l})
}
