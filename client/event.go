package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// An Event is what a stream was told: what somebody said, or a word of the
// server's own, which has one of the names below that no client may send.
type Event struct {
	// Position is where the stream is once it has been told this event. Given as
	// [ListenRequest.Since], another stream goes on right after it. Opaque.
	Position string

	ID    string    // the event's own number; "" for volatile events and the server's words
	Event string    // its name; "message" unless the sender gave another
	Room  string    // the room it was sent to, when that is its only target
	To    []string  // all its targets, when they are not one room
	From  string    // the member that sent it; "" for a back end
	User  string    // the sender's user; "" when anonymous
	Name  string    // the sender's nickname; "" without one
	Time  time.Time // when it was numbered; zero for the server's words

	// Data is the payload as JSON: text is a string. Of the server's own words it
	// is the whole of what was said.
	Data json.RawMessage
	// Encoding is "base64" for a payload that was neither text nor JSON, and Type
	// is its media type then; see [Event.Bytes].
	Encoding string
	Type     string
}

// The server's own events.
const (
	HelloEvent  = "hello"  // a stream begins; see [Event.Hello]
	GapEvent    = "gap"    // events may be missing; see [Event.Gap]
	ByeEvent    = "bye"    // a stream ends; see [Event.Bye]
	ErasedEvent = "erased" // what is in Data was erased

	roomsEvent    = "rooms"
	presenceEvent = "presence"
)

// Own reports whether this is a word of the server's own.
func (e *Event) Own() bool {
	switch e.Event {
	case HelloEvent, GapEvent, ByeEvent, ErasedEvent, roomsEvent, presenceEvent:
		return true
	}
	return false
}

// Text gives the payload as text. ok is false when it is none: other JSON than a
// string, or bytes.
func (e *Event) Text() (text string, ok bool) {
	if e.Own() || e.Encoding != "" || json.Unmarshal(e.Data, &text) != nil || !bytes.HasPrefix(e.Data, []byte(`"`)) {
		return "", false
	}
	return text, true
}

// Bytes gives the payload as it was posted: the bytes of a binary payload, those
// of text, or the JSON.
func (e *Event) Bytes() ([]byte, error) {
	switch e.Encoding {
	case "":
		if text, ok := e.Text(); ok {
			return []byte(text), nil
		}
		return e.Data, nil
	case "base64":
		var text string
		if err := json.Unmarshal(e.Data, &text); err != nil {
			return nil, errors.New("a base64 payload is not a string")
		}
		return base64.StdEncoding.DecodeString(text)
	}
	return nil, errors.New("the payload's encoding is not known: " + e.Encoding)
}

// Decode reads a JSON payload into v, as [json.Unmarshal] does.
func (e *Event) Decode(v any) error { return json.Unmarshal(e.Data, v) }

// Hello is what a stream is told first, after each opening.
type Hello struct {
	Namespace string   `json:"ns"`
	Rooms     []string `json:"rooms"`
	Member    string   `json:"member"` // who we are to others
	User      string   `json:"user"`
	Heartbeat int      `json:"heartbeat"` // seconds of silence after which the server shows that it is there
	Resumed   bool     `json:"resumed"`   // a position was asked for, and nothing is missing
}

// Hello gives the first word of a stream. ok is false for every other event.
func (e *Event) Hello() (h Hello, ok bool) {
	return h, e.Event == HelloEvent && json.Unmarshal(e.Data, &h) == nil
}

// A Gap says that events after From up to To may be missing, in Room or, when
// that is "", in all of the stream's rooms.
type Gap struct {
	Room   string `json:"room"`
	From   string `json:"from"` // "" when the position that was given is none
	To     string `json:"to"`
	Reason string `json:"reason"` // "expired": retention took them; "epoch": the position is not of this log
}

// Gap gives what is missing. ok is false for every other event.
func (e *Event) Gap() (g Gap, ok bool) {
	return g, e.Event == GapEvent && json.Unmarshal(e.Data, &g) == nil
}

// A Bye is why the server ends a stream.
type Bye struct {
	Reason    string `json:"reason"`    // "replaced", "kicked", "forbidden", "expired", "drain", "age" or "busy"
	Reconnect bool   `json:"reconnect"` // whether Listen comes back
}

// Bye gives the last word of a stream. ok is false for every other event.
func (e *Event) Bye() (b Bye, ok bool) {
	return b, e.Event == ByeEvent && json.Unmarshal(e.Data, &b) == nil
}

// parseEvent reads a block of a stream: its name, its id (of this block or, where
// it had none, the last one) and its one line of JSON.
func parseEvent(name, id string, data []byte) (Event, error) {
	if name == "" {
		name = "message"
	}
	e := Event{Event: name, Position: strings.TrimSuffix(id, "!")}
	if e.Own() {
		var own map[string]json.RawMessage
		if err := json.Unmarshal(data, &own); err != nil || own == nil {
			return Event{}, errGarbled
		}
		e.Data = data
		if name == ErasedEvent {
			e.ID = e.Position
		}
		return e, nil
	}
	var in *struct {
		ID       string          `json:"id"`
		Room     string          `json:"room"`
		To       []string        `json:"to"`
		Event    string          `json:"event"`
		From     string          `json:"from"`
		User     string          `json:"user"`
		Name     string          `json:"name"`
		Data     json.RawMessage `json:"data"`
		Encoding string          `json:"encoding"`
		Type     string          `json:"type"`
		Time     time.Time       `json:"time"`
	}
	if err := json.Unmarshal(data, &in); err != nil || in == nil {
		return Event{}, errGarbled
	}
	// An event that has a number says it twice. Where the two differ the block is
	// not what the server wrote, and its position must not be believed.
	if in.ID != "" && in.ID != id {
		return Event{}, errGarbled
	}
	if in.Event != "" {
		// The block's own line cannot hold every name.
		if e.Event = in.Event; e.Own() {
			return Event{}, errGarbled
		}
	}
	e.ID, e.Room, e.To, e.From, e.User, e.Name = in.ID, in.Room, in.To, in.From, in.User, in.Name
	e.Data, e.Encoding, e.Type, e.Time = in.Data, in.Encoding, in.Type, in.Time
	return e, nil
}

var errGarbled = errors.New("the stream holds what no Parley server writes")
