package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Protocols that streams can speak.
const (
	SSE      = "sse"       // Server-Sent Events
	SocketIO = "socket.io" // Socket.IO over WebSocket: a stream emits "join" with "room{r}" and hears any event
)

// Options say what to do to which server. The zero value of everything but
// Server is useful.
//
// Sub, Pub, Body and the headers are templates: {r} is a room's number, {i} a
// stream's, {m} the message, {run} a word that is another one in each run.
type Options struct {
	Server   string // http://…, https://… or unix:/path; required
	Protocol string // of the streams; default SSE

	Sub         string   // what a stream asks for; default /bench/room{r}
	SubHeaders  []string // "Name: value"; default a Connection-ID of the stream's own
	Pub         string   // where a message is posted: a path, or a URL on another host; default /bench/room{r}
	PubHeaders  []string // "Name: value"; default none, so that nobody is left out
	Body        string   // of a POST; default {m}
	ContentType string   // of a POST; default text/plain

	Streams int // default 1000; they are dealt to the rooms one after the other
	Rooms   int // default 1; messages go to one after the other
	Stalled int // so many of the streams, evenly spread, are opened and never read
	Writers int // connections that post, each waiting for its answers; default 4

	Messages int           // in all; default 400, or no bound where For is given
	For      time.Duration // how long messages are sent; 0 is until all are
	Rate     float64       // messages a second in all; 0 is as fast as they are answered
	Size     int           // bytes of a message, at least 40; default 100

	Idle   bool // open the streams and send nothing
	Return bool // drop all streams, send, and have all come back with Last-Event-ID
	// Between is called when the messages of a Return are sent, before anybody
	// comes back. With a Rate, sending then goes on until all have caught up.
	Between func(context.Context) error

	Pids     []int         // processes of a server on this machine; Linux only
	Opening  int           // connections being opened at once; default 128
	Settle   time.Duration // rest between the opening and the first message; default 1s, negative is none
	Patience time.Duration // without any progress for so long, it is over; default 10s
	Readers  int           // loops that read streams; default one a core, at most 4
}

// DefaultSubHeaders are what streams send where Options name no headers.
func DefaultSubHeaders() []string { return []string{"Connection-ID: bench-{run}-{i}-stream"} }

// Check finds what is wrong with the options, without connecting to anything.
func (o Options) Check() error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	if _, err := locate(o.Server, o.Sub); err != nil {
		return err
	}
	_, err = locate(o.Server, o.Pub)
	return err
}

func (o Options) withDefaults() (Options, error) {
	number := func(v *int, usual int) {
		if *v == 0 {
			*v = usual
		}
	}
	text := func(v *string, usual string) {
		if *v == "" {
			*v = usual
		}
	}
	text(&o.Protocol, SSE)
	text(&o.Sub, "/bench/room{r}")
	text(&o.Pub, "/bench/room{r}")
	text(&o.Body, "{m}")
	text(&o.ContentType, "text/plain")
	if o.SubHeaders == nil {
		o.SubHeaders = DefaultSubHeaders()
	}
	number(&o.Streams, 1000)
	number(&o.Rooms, 1)
	number(&o.Writers, 4)
	number(&o.Size, 100)
	number(&o.Opening, 128)
	number(&o.Readers, min(4, runtime.GOMAXPROCS(0)))
	if o.For == 0 {
		number(&o.Messages, 400)
	}
	if o.Settle == 0 {
		o.Settle = time.Second
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	switch {
	case o.Protocol != SSE && o.Protocol != SocketIO:
		return o, fmt.Errorf("unknown protocol %q", o.Protocol)
	case o.Streams < 1 || o.Rooms < 1 || o.Writers < 1 || o.Messages < 0 || o.Opening < 1 || o.Readers < 1:
		return o, errors.New("streams, rooms, writers and messages are numbers above zero")
	case o.Rooms > maxRooms || o.Writers > maxWriters:
		return o, fmt.Errorf("there are at most %d rooms and %d writers", maxRooms, maxWriters)
	case o.Rate < 0 || o.For < 0:
		return o, errors.New("a rate and a time are not below zero")
	case o.Size < markLen || o.Size > 1<<20:
		return o, fmt.Errorf("a message has between %d bytes, which is its mark, and 1 MiB", markLen)
	case o.Stalled < 0 || o.Stalled > o.Streams:
		return o, errors.New("no more streams can be stalled than there are")
	case o.Return && (o.Idle || o.Stalled > 0):
		return o, errors.New("streams that come back are neither idle nor stalled")
	case o.Return && o.Protocol != SSE:
		return o, errors.New("only Server-Sent Events come back with the last ID")
	case len(o.Pids) > 0 && runtime.GOOS != "linux":
		return o, errors.New("a server's processes can be looked at on Linux only")
	}
	for _, h := range append(o.SubHeaders[:len(o.SubHeaders):len(o.SubHeaders)], o.PubHeaders...) {
		name, _, ok := strings.Cut(h, ":")
		if !ok || name == "" || strings.ContainsAny(h, "\r\n") {
			return o, fmt.Errorf("%q is no header such as \"Name: value\"", h)
		}
	}
	return o, nil
}

// An endpoint is where one kind of request goes.
type endpoint struct {
	network, address string
	host             string // of the Host header
	tls              bool
	target           string // a template
}

// locate finds where a template's requests go.
func locate(server, target string) (endpoint, error) {
	if strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://") {
		scheme, rest, _ := strings.Cut(target, "://")
		host, path, _ := strings.Cut(rest, "/")
		server, target = scheme+"://"+host, "/"+path
	}
	if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \r\n") {
		return endpoint{}, fmt.Errorf("%q is no path such as /bench/room{r}", target)
	}
	if path, ok := strings.CutPrefix(server, "unix:"); ok {
		return endpoint{network: "unix", address: path, host: "localhost", target: target}, nil
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return endpoint{}, fmt.Errorf("%q is no server: give http://…, https://… or unix:/path", server)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return endpoint{
		network: "tcp", address: net.JoinHostPort(u.Hostname(), port), host: u.Host,
		tls: u.Scheme == "https", target: strings.TrimRight(u.EscapedPath(), "/") + target,
	}, nil
}

// A filling is what the templates of one request are filled with.
type filling struct {
	run     string
	room    int
	stream  int
	message string
}

func (f filling) fill(template string) string {
	if !strings.Contains(template, "{") {
		return template
	}
	s := strings.ReplaceAll(template, "{r}", strconv.Itoa(f.room))
	s = strings.ReplaceAll(s, "{i}", strconv.Itoa(f.stream))
	s = strings.ReplaceAll(s, "{run}", f.run)
	return strings.ReplaceAll(s, "{m}", f.message)
}
