package commands

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/alecthomas/kong"

	"parley/events"
)

// ServeLog serves a log in memory's place that opens when open returns, on l,
// until ctx ends.
func ServeLog(ctx context.Context, l net.Listener, open func() (events.Log, error), drain time.Duration) error {
	p := newProcess(settings{Memory: true, OpenNamespaces: true, Drain: drain, Heartbeat: 15 * time.Second}, slog.New(slog.DiscardHandler))
	p.open = open
	return p.run(ctx, ears{public: l})
}

// SettingsOf reads declarations of namespaces, and gives what they come to for one.
func SettingsOf(yaml, namespace string) (events.Settings, bool, error) {
	var n namespaces
	ctx := &kong.DecodeContext{Scan: kong.Scan().PushTyped(yaml, kong.FlagValueToken)}
	if err := n.Decode(ctx); err != nil {
		return events.Settings{}, false, err
	}
	s, ok := n.register(false).settings(namespace)
	return s, ok, nil
}
