package events

import (
	"strings"
	"sync/atomic"
	"time"
)

// A Draft is an event that has no number yet, whole and validated: what a [Log]
// is given to keep.
type Draft struct {
	To     []string // 1 to 64 targets, each once: a room, @member or *
	Except []string // targets left out; judged when the event is read, by the rooms that the stream had at its number
	From   string   // the member that is named as the sender; "" when a back end speaks
	Skip   string   // the member that is not to hear it; "" with echo or without a sender
	User   string   // the sender's user; "" when anonymous
	Name   string   // the sender's nickname at that moment; "" without one
	Event  string   // the event's name

	// Data is one line of compact JSON in UTF-8. A payload of other bytes is a
	// JSON string in base64, and then Encoding is "base64" and Type the media
	// type it came with.
	Data     []byte
	Encoding string
	Type     string

	TTL time.Duration // how long it lives; 0 means as long as retention lets it

	// AckBy is until when answers are taken, whole milliseconds; zero means that none
	// are asked for. AckID is what they are sent to where that is not the event's own
	// ID: only a volatile event, which is never stored, has one.
	AckBy time.Time
	AckID string
}

// Size is what the draft counts for in limits and windows: its bytes and a
// little for the rest.
func (d *Draft) Size() int {
	n := 96 + len(d.From) + len(d.Skip) + len(d.User) + len(d.Name) + len(d.Event) + len(d.Data) + len(d.Type)
	for _, t := range d.To {
		n += len(t)
	}
	for _, t := range d.Except {
		n += len(t)
	}
	return n
}

// Single gives the room when the only target is one room.
func (d *Draft) Single() (room string, ok bool) {
	if len(d.To) == 1 && IsRoom(d.To[0]) {
		return d.To[0], true
	}
	return "", false
}

// OnlyMembers reports whether every target is a single member, so that the event
// is in no stretch that others can read.
func (d *Draft) OnlyMembers() bool {
	for _, t := range d.To {
		if !strings.HasPrefix(t, "@") {
			return false
		}
	}
	return true
}

// IsRoom reports whether a valid target is a room.
func IsRoom(target string) bool {
	return target != Everyone && target != Everything && target[0] != '@'
}

// An Event is a draft with its number and time. It does not change once it is
// made and may be shared by any number of readers.
type Event struct {
	Draft
	Seq  uint64    // 0 for a volatile event, which has no number
	Time time.Time // UTC, whole milliseconds; never runs backwards in a namespace

	forms [Forms]atomic.Pointer[[]byte]
}

// Forms is how many encodings of an event can be remembered beside it.
const Forms = 4

// Form gives the event's bytes in form i, 0 ≤ i < [Forms], made by encode the first
// time anyone asks. Two first askers may both encode; the bytes must not depend
// on who asks, and nobody may change them.
func (e *Event) Form(i int, encode func(*Event) []byte) []byte {
	if b := e.forms[i].Load(); b != nil {
		return *b
	}
	b := encode(e)
	e.forms[i].Store(&b)
	return b
}

// Expired reports whether the event has outlived its TTL at now.
func (e *Event) Expired(now time.Time) bool {
	return e.TTL > 0 && !now.Before(e.Time.Add(e.TTL))
}

// Stamp gives the time of an event that is numbered now, after one at last:
// whole milliseconds UTC, never before last.
func Stamp(now, last time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if now.Before(last) {
		return last
	}
	return now
}
