package commands

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"parley/client"
)

// remote is which server a command speaks to, and as whom.
type remote struct {
	Server       string `setting:"env" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server: http://…, https://… or unix:/path. Default: ${default}."`
	Key          string `setting:"env" placeholder:"SECRET" help:"The server's key. Other users of the machine can read a flag; prefer the environment."`
	ConnectionID string `setting:"env" placeholder:"SECRET" help:"Speak and listen as this member: 16 to 64 of A-Z, a-z, 0-9, _ and -."`
}

// dial makes a client, and connects to nothing yet.
func (r *remote) dial(log *slog.Logger) (*client.Client, error) {
	base, o := r.Server, client.Options{Key: r.Key, ConnectionID: r.ConnectionID, Logger: log}
	if path, ok := strings.CutPrefix(base, unixScheme); ok {
		base = "http://localhost"
		o.HTTPClient = &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
		}}
	}
	c, err := client.New(base, o)
	if err != nil {
		return nil, &usageError{errors.New("--server: " + err.Error())}
	}
	return c, nil
}

// places reads ns/room arguments of one namespace. A bare ns stands for no room
// of it.
func places(args []string) (ns string, rooms []string, err error) {
	for i, a := range args {
		n, room, named := strings.Cut(strings.TrimPrefix(a, "/"), "/")
		switch {
		case n == "":
			return "", nil, &usageError{errors.New("name a room as namespace/room, such as acme/lobby")}
		case i > 0 && n != ns:
			return "", nil, &usageError{errors.New("one stream is about one namespace: " + ns + " or " + n)}
		case named && room == "":
			return "", nil, &usageError{errors.New("the room of " + a + " has no name")}
		}
		ns = n
		if named {
			rooms = append(rooms, room)
		}
	}
	return ns, rooms, nil
}
