package commands

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/alecthomas/kong"

	"parley/client"
	"parley/events"
)

// ServeLog serves a log in memory's place that opens when open returns, on l,
// until ctx ends.
func ServeLog(ctx context.Context, l net.Listener, open func() (events.Log, error), drain time.Duration) error {
	p := newProcess(settings{Memory: true, OpenNamespaces: true, Drain: drain, Heartbeat: 15 * time.Second}, slog.New(slog.DiscardHandler))
	p.open = open
	return p.run(ctx, ears{public: l})
}

func declare(yaml string) (n namespaces, err error) {
	err = n.Decode(&kong.DecodeContext{Scan: kong.Scan().PushTyped(yaml, kong.FlagValueToken)})
	return n, err
}

// SettingsOf reads declarations of namespaces, and gives what they come to for one.
func SettingsOf(yaml, namespace string) (events.Settings, bool, error) {
	n, err := declare(yaml)
	if err != nil {
		return events.Settings{}, false, err
	}
	s, ok := n.register(false).settings(namespace)
	return s, ok, nil
}

// OpenLog opens the log that serve would open with these declarations: in memory
// where there is no directory, and where nothing is declared with so many events a room.
func OpenLog(yaml, dir string, keep int) (events.Log, error) {
	n, err := declare(yaml)
	if err != nil {
		return nil, err
	}
	s := settings{Memory: dir == "", Data: dir, Reserve: leastReserve, KeepEvents: count(keep), Namespaces: n}
	return newProcess(s, slog.New(slog.DiscardHandler)).openLog()
}

// Rosters are what a chat knows of who is where.
type Rosters struct{ rosters }

// Rename is what /nick does in lobby.
func (r *Rosters) Rename(now client.Person) { r.rename(cardOf(now), []string{"lobby"}) }

// Forget is what /leave does.
func (r *Rosters) Forget(room string) { r.forget(room) }

// Take, Reconnected and Resolve give what a chat would tell.
func (r *Rosters) Take(p client.Presence) string { return r.take(p) }
func (r *Rosters) Reconnected()                  { r.reconnected() }
func (r *Rosters) Resolve(room string) string    { return r.resolve(room) }
