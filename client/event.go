package client

import (
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

	Namespace string    // where it was heard
	ID        string    // the event's own number; "" for volatile events and the server's words
	Event     string    // its name; "message" unless the sender gave another
	Room      string    // the room it was sent to, when that is its only target
	To        []string  // all its targets, when they are not one room
	From      string    // the member that sent it; "" for a back end
	User      string    // the sender's user; "" when anonymous
	Name      string    // the sender's nickname; "" without one
	Time      time.Time // when it was numbered; zero for the server's words
	Ack       *Ack      // the sender waits for answers; see [Client.Reply]; nil when it does not

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
	HelloEvent    = "hello"    // a stream begins; see [Event.Hello]
	RoomsEvent    = "rooms"    // the stream's rooms are others now; see [Event.Rooms]
	PresenceEvent = "presence" // who is there; see [Event.Presence]
	GapEvent      = "gap"      // events may be missing; see [Event.Gap]
	ErasedEvent   = "erased"   // events were erased; see [Event.Erased]
	ByeEvent      = "bye"      // a stream ends; see [Event.Bye]
)

// Own reports whether this is a word of the server's own.
func (e *Event) Own() bool {
	switch e.Event {
	case HelloEvent, RoomsEvent, PresenceEvent, GapEvent, ErasedEvent, ByeEvent:
		return true
	}
	return false
}

// Text gives the payload as text. ok is false when it is none: other JSON than a
// string, or bytes.
func (e *Event) Text() (text string, ok bool) {
	if e.Own() {
		return "", false
	}
	return textOf(e.Data, e.Encoding)
}

// Bytes gives the payload as it was posted: the bytes of a binary payload, those
// of text, or the JSON.
func (e *Event) Bytes() ([]byte, error) { return bytesOf(e.Data, e.Encoding) }

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

// Rooms gives the rooms that the stream has now, whoever changed them.
// ok is false for every other event.
func (e *Event) Rooms() (rooms []string, ok bool) {
	var in struct {
		Rooms []string `json:"rooms"`
	}
	ok = e.Event == RoomsEvent && json.Unmarshal(e.Data, &in) == nil
	return in.Rooms, ok
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

// An Erased says what was erased: the events of IDs, or, when there are none, all
// in Room up to Upto. Who keeps what it heard forgets them.
type Erased struct {
	Room string   `json:"room"`
	IDs  []string `json:"ids"`
	Upto string   `json:"upto"`
}

// Erased gives what was erased. ok is false for every other event.
func (e *Event) Erased() (x Erased, ok bool) {
	return x, e.Event == ErasedEvent && json.Unmarshal(e.Data, &x) == nil
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
	in, err := readEvent(data)
	if err != nil {
		return Event{}, errGarbled
	}
	// An event that has a number says it twice. Where the two differ the block is
	// not what the server wrote, and its position must not be believed.
	if in.ID != "" && in.ID != id {
		return Event{}, errGarbled
	}
	// The block's own line cannot hold every name.
	if in.Event == "" {
		in.Event = e.Event
	} else if in.Own() {
		return Event{}, errGarbled
	}
	in.Position = e.Position
	return in, nil
}

// readEvent reads the object that an event is, in a stream and in the history.
func readEvent(data []byte) (Event, error) {
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
		Ack      *Ack            `json:"ack"`
	}
	if err := json.Unmarshal(data, &in); err != nil || in == nil {
		return Event{}, errGarbled
	}
	return Event{
		ID: in.ID, Event: in.Event, Room: in.Room, To: in.To,
		From: in.From, User: in.User, Name: in.Name, Time: in.Time, Ack: in.Ack,
		Data: in.Data, Encoding: in.Encoding, Type: in.Type,
	}, nil
}

var errGarbled = errors.New("the stream holds what no Parley server writes")
