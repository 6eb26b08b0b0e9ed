package handlers

import (
	"math/rand/v2"
	"strconv"
	"time"

	"parley/events"
)

// sse writes text/event-stream. Everything a stranger can choose is a JSON string
// on one data line, but for an event's name; see appendName.
type sse struct{}

func (sse) mediaType() string { return "text/event-stream; charset=utf-8" }

func (sse) hello(dst []byte, h *events.Hello, heartbeat time.Duration) []byte {
	dst = appendRetry(dst, jitter(time.Second, 3*time.Second))
	dst = append(appendBare(append(dst, "id: "...), h.Start), "\nevent: hello\ndata: {"...)
	return append(appendHello(dst, h, heartbeat), "}\n\n"...)
}

func (sse) event(dst []byte, epoch string, e *events.Event) []byte {
	return append(dst, e.Form(formSSE, func(e *events.Event) []byte { return encodeSSE(epoch, e) })...)
}

// chunk is event as a chunk of HTTP/1.1.
func (sse) chunk(dst []byte, epoch string, e *events.Event) []byte {
	return append(dst, e.Form(formChunk, func(e *events.Event) []byte { return asChunk(encodeSSE(epoch, e), 0) })...)
}

func encodeSSE(epoch string, e *events.Event) []byte {
	b := make([]byte, 0, 288+len(e.Data))
	if e.Seq > 0 {
		b = append(appendBare(append(b, "id: "...), events.ID{Epoch: epoch, Seq: e.Seq}), '\n')
	}
	b = append(appendName(append(b, "event: "...), e.Event), "\ndata: "...)
	if e.Event == events.ErasedEvent {
		b = append(b, e.Data...)
	} else {
		b = appendEvent(b, epoch, e)
	}
	return append(b, "\n\n"...)
}

func (sse) rooms(dst []byte, rooms []string) []byte {
	return append(appendRooms(append(dst, "event: rooms\ndata: {"...), rooms), "}\n\n"...)
}

func (sse) presence(dst []byte, p *events.Presence) []byte {
	return append(dst, p.Form(formSSE, func(p *events.Presence) []byte {
		return append(appendPresence([]byte("event: presence\ndata: {"), p), "}\n\n"...)
	})...)
}

func (sse) gap(dst []byte, g *events.Gap) []byte {
	return append(appendGap(append(dst, "event: gap\ndata: {"...), g), "}\n\n"...)
}

func (sse) bye(dst []byte, at events.ID, b *events.Bye) []byte {
	if b.Retry > 0 {
		dst = appendRetry(dst, b.Retry)
	}
	if !b.Reconnect && at.Epoch != "" {
		dst = append(appendFinal(append(dst, "id: "...), at), '\n')
	}
	return append(appendBye(append(dst, "event: bye\ndata: {"...), b), "}\n\n"...)
}

func (sse) heartbeat(dst []byte, at events.ID) []byte {
	return append(appendBare(append(dst, ": hb\nid: "...), at), "\n\n"...)
}

func appendRetry(dst []byte, d time.Duration) []byte {
	return append(strconv.AppendInt(append(dst, "retry: "...), d.Milliseconds(), 10), '\n')
}

// jitter gives a time between two, so that those who were sent away together do
// not come back together.
func jitter(least, most time.Duration) time.Duration {
	return least + rand.N(most-least+1)
}

// appendName appends an event's name for a line of its own. A name has no control
// character; should a log hold one all the same, it ends no line here.
func appendName(dst []byte, name string) []byte {
	for _, c := range name {
		if c < 0x20 || c >= 0x7f && c <= 0x9f || c == 0x2028 || c == 0x2029 {
			c = '\ufffd'
		}
		dst = append(dst, string(c)...)
	}
	return dst
}
