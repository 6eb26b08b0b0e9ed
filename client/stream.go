package client

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/r3labs/sse/v2"
)

// A stream is what one loop knows from connection to connection.
type stream struct {
	c          *Client
	request    ListenRequest
	connection string

	position string        // the last one that a whole block has told; "" before the first
	rooms    []string      // those it has; another than it began with once it joined and left
	retry    time.Duration // the server's last word on it
	greeted  bool          // this connection got its hello
	over     bool          // nothing is to come: the loop was left, or the server ended it
}

// How long a server may be silent: before it answers, and before its hello says
// how often it shows itself.
const (
	answerIn = 30 * time.Second
	helloIn  = 30 * time.Second
)

// connect opens one connection and reads it to its end. It is the reader's only
// connection: its own way of coming back would send the number of a torn block,
// take the end of a body for the end of the stream, not end with its context,
// and give up after 15 minutes.
//
// A nil error is a connection that was closed in good order.
func (s *stream) connect(parent context.Context, yield func(Event) bool) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	w := newWatch(cancel, answerIn)
	defer w.end()

	reader := sse.NewClient(s.c.target(s.request.Namespace, "", s.query()), sse.ClientMaxBufferSize(2*maxBlock))
	reader.Connection = s.c.streams
	reader.ReconnectStrategy = once{}
	s.c.identify(func(name, value string) { reader.Headers[name] = value }, s.connection)
	if s.position != "" {
		reader.LastEventID.Store([]byte(s.position))
	}
	reader.ResponseValidator = func(_ *sse.Client, resp *http.Response) error {
		w.allow(helloIn)
		if err := s.admit(resp); err != nil {
			return err
		}
		resp.Body = newWholeBlocks(resp.Body, w)
		return nil
	}

	// After the end the reader still hands over what it has read: nothing of it is
	// wanted any more.
	var broken error
	ended := false
	err := reader.SubscribeRawWithContext(ctx, func(msg *sse.Event) {
		if ended || ctx.Err() != nil {
			return
		}
		more, err := s.take(msg, w, yield)
		if !more {
			ended, broken = true, err
			cancel(nil)
		}
	})
	switch {
	case ended:
		return broken
	case errors.Is(context.Cause(ctx), errSilent):
		// Under HTTP/2 the dead connection would be taken again.
		s.c.streams.CloseIdleConnections()
		return errSilent
	}
	return plain(err)
}

// admit looks at an answer before its body is read. An error closes the body.
func (s *stream) admit(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusNoContent:
		s.over = true
		discard(resp.Body)
		return errOver
	case resp.StatusCode != http.StatusOK:
		return readProblem(resp)
	case kind != "text/event-stream":
		_ = resp.Body.Close()
		return &strangeAnswer{kind, "text/event-stream"}
	}
	return nil
}

var errOver = errors.New("the server ended the stream")

// take reads one whole block and reports whether the connection goes on. The
// reader gives a block without an id the last one, which is where the stream is.
func (s *stream) take(msg *sse.Event, w *watch, yield func(Event) bool) (more bool, err error) {
	if ms, err := strconv.ParseUint(string(msg.Retry), 10, 32); err == nil {
		s.retry = clamp(time.Duration(ms) * time.Millisecond)
	}
	if len(msg.Data) == 0 {
		s.moveTo(string(msg.ID)) // a heartbeat
		return true, nil
	}
	e, err := parseEvent(string(msg.Event), string(msg.ID), msg.Data)
	if err != nil {
		return false, err
	}
	e.Namespace = s.request.Namespace
	s.moveTo(e.Position)
	if rooms, ok := e.Rooms(); ok && !s.request.All {
		s.rooms = rooms
	}
	if h, ok := e.Hello(); ok {
		s.greeted = true
		beat := time.Duration(max(h.Heartbeat, 1)) * time.Second
		w.allow(beat*5/2 + time.Second)
	}
	bye, last := e.Bye()
	s.over = last && !bye.Reconnect
	if !yield(e) {
		s.over = true
	}
	return !s.over && !last, nil
}

func (s *stream) moveTo(position string) {
	if position != "" {
		s.position = position
	}
}

// query is what the stream's URL asks for. A position that was reached goes in
// the header, which counts before the URL's.
//
// A stream that comes back names the rooms and the nickname that it had last, not
// those that it began with: a server that still knows the member passes over them,
// and one that was restarted has nothing else to go by.
func (s *stream) query() url.Values {
	r, q := &s.request, url.Values{}
	if r.All {
		q.Set("room", "*")
	}
	for _, room := range s.rooms {
		q.Add("room", room)
	}
	if name := s.name(); name != "" {
		q.Set("name", name)
	}
	if r.Presence {
		q.Set("presence", "1")
	}
	if r.Heartbeat > 0 {
		q.Set("heartbeat", r.Heartbeat.String())
	}
	switch {
	case s.position != "":
	case r.Since != "":
		q.Set("since", r.Since)
	case r.Last > 0:
		q.Set("last", strconv.Itoa(r.Last))
	}
	return q
}

func (s *stream) name() string {
	switch {
	case s.connection != s.c.id:
		return s.request.Name // a member of this loop's own; nobody else names it
	case s.position == "":
		if s.request.Name != "" {
			s.c.names.set(s.request.Namespace, s.request.Name)
		}
		return s.request.Name
	}
	return s.c.names.get(s.request.Namespace)
}

// once is the reconnect strategy that does not.
type once struct{}

func (once) NextBackOff() time.Duration { return -1 }
func (once) Reset()                     {}

// levelOf is how loud the end of a connection is: that a server closes one is
// nothing to warn of.
func levelOf(err error) slog.Level {
	if err == nil {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func attrs(namespace string, err error, wait time.Duration) []slog.Attr {
	out := []slog.Attr{slog.String("namespace", namespace), slog.Duration("wait", wait.Round(time.Millisecond))}
	if err != nil {
		out = append(out, slog.String("cause", err.Error()))
	}
	return out
}
