package handlers

import (
	"strconv"
	"time"
	"unicode/utf8"

	"parley/events"
)

// The forms in which the bytes of an event, or of a presence, are remembered
// beside it, made once however many read them.
const (
	formSSE = iota
	formLine
	formText
	formChunk // formSSE as a chunk of HTTP/1.1, in which nearly every stream has it
)

// appendEvent appends an event as one JSON object, "id" first; one without a
// number has no "id".
func appendEvent(dst []byte, epoch string, e *events.Event) []byte {
	dst = append(dst, '{')
	if e.Seq > 0 {
		dst = append(appendID(append(dst, `"id":`...), epoch, e), ',')
	}
	dst = append(appendPlace(dst, e), `,"event":`...)
	dst = append(events.QuoteJSON(dst, e.Event), ',')
	return append(appendAsked(appendSaid(dst, e), epoch, e), '}')
}

// appendLine appends an event as the object of a line: "event" and "id" first. The
// server's own erased has the members of its data beside them.
func appendLine(dst []byte, epoch string, e *events.Event) []byte {
	dst = events.QuoteJSON(append(dst, `{"event":`...), e.Event)
	if e.Seq > 0 {
		dst = appendID(append(dst, `,"id":`...), epoch, e)
	}
	if e.Event == events.ErasedEvent {
		return append(append(dst, ','), e.Data[1:]...) // an object with a member at least
	}
	dst = appendPlace(append(dst, ','), e)
	return append(appendAsked(appendSaid(append(dst, ','), e), epoch, e), '}')
}

func appendID(dst []byte, epoch string, e *events.Event) []byte {
	return appendPosition(dst, events.ID{Epoch: epoch, Seq: e.Seq})
}

// appendPosition appends an ID as a JSON string. It has no character that would
// need an escape.
func appendPosition(dst []byte, id events.ID) []byte {
	return append(appendBare(append(dst, '"'), id), '"')
}

func appendBare(dst []byte, id events.ID) []byte {
	return strconv.AppendUint(append(append(dst, id.Epoch...), '-'), id.Seq, 10)
}

// appendPlace appends the member that says where an event was said: its room, or
// every target it had.
func appendPlace(dst []byte, e *events.Event) []byte {
	if room, ok := e.Single(); ok {
		return events.QuoteJSON(append(dst, `"room":`...), room)
	}
	return appendStrings(append(dst, `"to":`...), e.To)
}

// appendSaid appends the members that say who said what, and when.
func appendSaid(dst []byte, e *events.Event) []byte {
	for _, m := range [...]struct{ key, value string }{
		{`"from":`, e.From}, {`"user":`, e.User}, {`"name":`, e.Name},
	} {
		if m.value != "" {
			dst = append(events.QuoteJSON(append(dst, m.key...), m.value), ',')
		}
	}
	dst = appendPayload(dst, e.Data, e.Encoding, e.Type)
	return appendTime(append(dst, `,"time":`...), e.Time)
}

// appendPayload appends the members that hold what was said.
func appendPayload(dst, data []byte, encoding, typ string) []byte {
	dst = appendData(append(dst, `"data":`...), data)
	if encoding != "" {
		dst = events.QuoteJSON(append(dst, `,"encoding":`...), encoding)
		dst = events.QuoteJSON(append(dst, `,"type":`...), typ)
	}
	return dst
}

// appendAsked appends the member that asks for an answer: what to send it to, and
// until when.
func appendAsked(dst []byte, epoch string, e *events.Event) []byte {
	if e.AckBy.IsZero() {
		return dst
	}
	dst = events.QuoteJSON(append(dst, `,"ack":{"id":`...), ackID(epoch, e))
	return append(appendTime(append(dst, `,"by":`...), e.AckBy), '}')
}

// ackID gives what answers to an event are sent to.
func ackID(epoch string, e *events.Event) string {
	if e.AckID != "" {
		return e.AckID
	}
	return events.ID{Epoch: epoch, Seq: e.Seq}.String()
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = events.QuoteJSON(dst, s)
	}
	return append(dst, ']')
}

// appendData appends a payload's JSON, the same value in the same words. Only
// what a terminal may take for a command or a line's end, DEL, C1, U+2028 and
// U+2029, is escaped: in valid JSON it stands inside strings, where an escape
// means the same.
func appendData(dst, data []byte) []byte {
	return appendEscaped(dst, data, func(c rune) bool {
		return c >= 0x7f && c <= 0x9f || c == 0x2028 || c == 0x2029
	})
}

// appendEscaped appends s with every character that is unsafe as \uXXXX.
func appendEscaped(dst, s []byte, unsafe func(rune) bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		c, n := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(s[i:])
		}
		if unsafe(c) {
			dst = append(append(dst, s[from:i]...), '\\', 'u', hex(c>>12), hex(c>>8), hex(c>>4), hex(c))
			from = i + n
		}
		i += n
	}
	return append(dst, s[from:]...)
}

func hex(c rune) byte { return "0123456789abcdef"[c&15] }

// appendHello appends the members of hello's data, without braces.
func appendHello(dst []byte, h *events.Hello, heartbeat time.Duration) []byte {
	dst = events.QuoteJSON(append(dst, `"ns":`...), h.Namespace)
	dst = appendStrings(append(dst, `,"rooms":`...), h.Rooms)
	dst = events.QuoteJSON(append(dst, `,"member":`...), h.Member)
	if h.Connection != "" {
		dst = events.QuoteJSON(append(dst, `,"connection":`...), h.Connection)
	}
	if h.User != "" {
		dst = events.QuoteJSON(append(dst, `,"user":`...), h.User)
	}
	dst = strconv.AppendFloat(append(dst, `,"heartbeat":`...), heartbeat.Seconds(), 'f', -1, 64)
	return strconv.AppendBool(append(dst, `,"resumed":`...), h.Resumed)
}

// appendGap appends the members of a gap's data, without braces.
func appendGap(dst []byte, g *events.Gap) []byte {
	if g.Room != "" {
		dst = append(events.QuoteJSON(append(dst, `"room":`...), g.Room), ',')
	}
	if g.From != "" {
		dst = append(events.QuoteJSON(append(dst, `"from":`...), g.From), ',')
	}
	dst = appendPosition(append(dst, `"to":`...), g.To)
	return events.QuoteJSON(append(dst, `,"reason":`...), string(g.Reason))
}

// appendBye appends the members of a bye's data, without braces.
func appendBye(dst []byte, b *events.Bye) []byte {
	dst = events.QuoteJSON(append(dst, `"reason":`...), string(b.Reason))
	return strconv.AppendBool(append(dst, `,"reconnect":`...), b.Reconnect)
}

// appendFinal appends the ID that tells a client for good not to come back by
// itself: the position and the mark.
func appendFinal(dst []byte, id events.ID) []byte {
	return append(appendBare(dst, id), finalMark)
}

// finalMark ends the ID of a stream that is not to be opened again by itself.
const finalMark = '!'
