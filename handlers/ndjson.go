package handlers

import (
	"time"

	"parley/events"
)

// ndjson writes one object a line.
type ndjson struct{}

func (ndjson) mediaType() string { return "application/x-ndjson" }

func (ndjson) hello(dst []byte, h *events.Hello, heartbeat time.Duration) []byte {
	dst = append(appendPosition(append(dst, `{"event":"hello","id":`...), h.Start), ',')
	return append(appendHello(dst, h, heartbeat), "}\n"...)
}

func (ndjson) event(dst []byte, epoch string, e *events.Event) []byte {
	return append(append(dst, lineOf(epoch, e)...), '\n')
}

// lineOf gives an event as the object of a line, without its end.
func lineOf(epoch string, e *events.Event) []byte {
	return e.Form(formLine, func(e *events.Event) []byte {
		return appendLine(make([]byte, 0, 256+len(e.Data)), epoch, e)
	})
}

func (ndjson) rooms(dst []byte, rooms []string) []byte {
	return append(appendRoomsLine(dst, rooms), '\n')
}

func appendRoomsLine(dst []byte, rooms []string) []byte {
	return append(appendRooms(append(dst, `{"event":"rooms",`...), rooms), '}')
}

func (ndjson) presence(dst []byte, p *events.Presence) []byte {
	return append(append(dst, presenceLine(p)...), '\n')
}

// presenceLine gives a presence as the object of a line, without its end.
func presenceLine(p *events.Presence) []byte {
	return p.Form(formLine, func(p *events.Presence) []byte {
		return append(appendPresence([]byte(`{"event":"presence",`), p), '}')
	})
}

func (ndjson) gap(dst []byte, g *events.Gap) []byte {
	return append(appendGapLine(dst, g), '\n')
}

func appendGapLine(dst []byte, g *events.Gap) []byte {
	return append(appendGap(append(dst, `{"event":"gap",`...), g), '}')
}

func (ndjson) bye(dst []byte, at events.ID, b *events.Bye) []byte {
	return append(appendByeLine(dst, at, b), '\n')
}

func appendByeLine(dst []byte, at events.ID, b *events.Bye) []byte {
	dst = append(dst, `{"event":"bye",`...)
	if !b.Reconnect && at.Epoch != "" {
		dst = append(appendFinal(append(dst, `"id":"`...), at), `",`...)
	}
	return append(appendBye(dst, b), '}')
}

func (ndjson) heartbeat(dst []byte, at events.ID) []byte {
	return append(appendPosition(append(dst, `{"event":"heartbeat","id":`...), at), "}\n"...)
}
