package client

import (
	"context"
	"errors"
	"iter"
	"time"
)

// A ListenRequest says what to hear, and from where on.
type ListenRequest struct {
	Namespace string
	Rooms     []string // up to 100; none hears what is sent to everyone and to this member
	All       bool     // everything in the namespace instead of rooms

	// Name is the member's nickname, 1 to 64 bytes; "" leaves it as it is. It counts
	// where a stream begins; a stream that comes back has the one that it had last,
	// be it by [Client.Describe].
	Name string

	// Presence asks for who is in the rooms, and who comes and goes; see
	// [Event.Presence]. Not with All.
	Presence bool

	// Since is where to start: an [Event.Position], "all", a duration back such
	// as "10m", or an RFC 3339 time. Last starts at the newest events of the
	// rooms together, at most 1,000; it counts where Since is empty. Without both
	// the stream starts now. They say where the first connection starts; every
	// later one goes on where the one before stopped.
	Since string
	Last  int

	// Heartbeat asks the server to show after so long a silence that it is there,
	// 5 s to 60 s; 0 leaves it at the server's default. A stream that is silent for two
	// and a half heartbeats is opened anew.
	Heartbeat time.Duration

	// Reconnecting is told, in the loop's own goroutine, each time a stream has
	// ended and will be opened again after wait; nil means that nobody is. cause
	// is nil where the server closed the stream in good order.
	Reconnecting func(cause error, wait time.Duration)
}

// Listen gives the events of a stream as they come, the server's own words among
// them, for as long as the caller takes them. A connection that breaks, ends or
// falls silent is replaced by one that goes on exactly where it stopped: each
// event comes once and in order, and a [Gap] where the server no longer has all of them.
// Rooms that the member joined or left meanwhile are kept.
// Whatever time mends, an answer of 429 or 5xx or no answer at all, is tried again
// until it is mended, in the server's own pace.
//
// The loop ends without an error where the server ended the stream for good,
// after the [Bye] that says why. Otherwise the last pair holds the error: a
// [*Problem] where the server refused, or the cause of ctx, which ends a stream
// at once. Breaking the loop ends the stream too; when the loop is left nothing
// of it remains.
//
// A loop that takes its events slowly costs others nothing. One that takes none
// for half a minute loses its connection, and nothing else. Each range over the
// sequence starts anew.
func (c *Client) Listen(ctx context.Context, r ListenRequest) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if r.All && len(r.Rooms) > 0 {
			yield(Event{}, errors.New("name rooms or listen to all, not both"))
			return
		}
		s := &stream{c: c, request: r, connection: c.id, rooms: r.Rooms, retry: usualRetry}
		if s.connection == "" {
			// One for all the connections of this loop, so that it stays one member.
			s.connection = NewConnectionID()
		}
		failures := 0
		for ctx.Err() == nil {
			s.greeted = false
			err := s.connect(ctx, func(e Event) bool { return yield(e, nil) })
			if s.over {
				return
			}
			if ctx.Err() != nil {
				break
			}
			if err != nil && !mends(err) {
				yield(Event{}, err)
				return
			}
			if failures++; s.greeted {
				failures = 1
			}
			wait := pause(s.retry, failures)
			if p := new(Problem); errors.As(err, &p) && p.RetryAfter > 0 {
				wait = max(wait, pause(p.RetryAfter, 1))
			}
			c.log.LogAttrs(ctx, levelOf(err), "stream ended", attrs(r.Namespace, err, wait)...)
			if r.Reconnecting != nil {
				r.Reconnecting(err, wait)
			}
			if !sleep(ctx, wait) {
				break
			}
		}
		yield(Event{}, context.Cause(ctx))
	}
}
