package events

import "time"

// A Start says where a stream begins. The zero Start is now.
type Start struct {
	kind startKind
	id   ID
	raw  string
	at   time.Time
	n    int
}

type startKind uint8

const (
	startNow startKind = iota
	startAfter
	startMalformed
	startAll
	startAt
	startLast
)

// After starts after the event whose ID was given as text, as it was received. An
// ID of another epoch, beyond the log's last or of no ID's form is told as a gap,
// and the stream goes on from now.
func After(raw string) Start {
	id, ok := ParseID(raw)
	if !ok {
		return Start{kind: startMalformed, raw: raw}
	}
	return Start{kind: startAfter, id: id, raw: raw}
}

// FromAll starts below the first event that is still kept, without a gap.
func FromAll() Start { return Start{kind: startAll} }

// FromTime starts at the first event whose time is not before t.
func FromTime(t time.Time) Start { return Start{kind: startAt, at: t} }

// FromLast starts at the newest n events of the stream's rooms together that it
// may hear.
func FromLast(n int) Start { return Start{kind: startLast, n: n} }

// Return reports whether a position was asked for, so that the stream is one that
// comes back.
func (s Start) Return() bool { return s.kind == startAfter || s.kind == startMalformed }

// A Gap says that events after From up to To may be missing, in Room or, when
// that is "", in all the stream's rooms.
type Gap struct {
	Room   string
	From   string // an event ID, or "" when none was given in an ID's form
	To     ID
	Reason GapReason
}

// A GapReason is why events may be missing.
type GapReason string

// The reasons for a gap.
const (
	GapExpired GapReason = "expired" // retention removed them; the stream goes on with the first still known
	GapEpoch   GapReason = "epoch"   // the position is not of this log; the stream goes on from now
)

// A Bye is why a stream ends.
type Bye struct {
	Reason    ByeReason
	Reconnect bool          // whether the client is to come back
	Retry     time.Duration // after how long; 0 leaves it to the client

	upto uint64 // of one that is for good: nothing above it is heard
}

// A ByeReason is the word for it.
type ByeReason string

// The reasons for a bye.
const (
	ByeReplaced  ByeReason = "replaced"  // more streams of one connection ID than it may have
	ByeKicked    ByeReason = "kicked"    // disconnected by somebody who may
	ByeForbidden ByeReason = "forbidden" // what it may was taken back
	ByeExpired   ByeReason = "expired"   // its token ended
	ByeDrain     ByeReason = "drain"     // the process is ending
	ByeAge       ByeReason = "age"       // the stream has lasted as long as streams may
	ByeBusy      ByeReason = "busy"      // the server cannot serve it now
)
