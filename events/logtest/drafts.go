package logtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/events"
)

func everyField(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	var targets, excepts []string
	for i := range events.MaxTargets {
		targets = append(targets, fmt.Sprintf("room %d", i))
		excepts = append(excepts, fmt.Sprintf("@%016d", i))
	}
	drafts := []events.Draft{
		say("least", "lobby"),
		{
			To: []string{"lobby", "@abcdefghijklmnop", events.Everyone}, Except: []string{"den", "@ponmlkjihgfedcba"},
			From: "abcdefghijklmnop", Skip: "ponmlkjihgfedcba", User: "ann@example.org", Name: "Ann 🙂",
			Event: "typing…", Data: []byte("aGVsbG8="), Encoding: "base64", Type: "image/png; q=\"1\"",
			TTL: 90*time.Minute + 7*time.Millisecond + 3*time.Nanosecond,
		},
		{To: []string{"lobby"}, Skip: "ponmlkjihgfedcba", Event: "e", Data: []byte("1")},
		{To: []string{"lobby"}, From: "abcdefghijklmnop", Event: "e", Data: []byte("2")},
		{To: []string{"lobby"}, User: "u", Event: "e", Data: []byte("3"), TTL: time.Second},
		{To: []string{"lobby"}, Name: "n", Event: "e", Data: []byte("4")},
		{To: targets, Except: excepts, Event: strings.Repeat("e", events.MaxEventNameBytes), Data: []byte("5")},
	}
	r := f.append("acme", drafts...)
	wantEvents(t, f.tape.upto(t, "acme", r.Last), r, drafts)
	for range rounds(f) {
		wantEvents(t, f.read("acme", events.Query{Upto: r.Last, Limit: most}).Events, r, drafts)
		f.wantNumbers("acme", targets[63], r.Last)
	}
}

// ackFields holds a log to keeping until when answers are taken, to the
// millisecond, and to dropping what they are sent to.
func ackFields(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	by := start.Add(25*time.Second + 7*time.Millisecond)
	drafts := []events.Draft{say("1", "a"), say("2", "a"), say("3", "a", "b"), say("4", "a")}
	drafts[0].AckBy = by
	drafts[1].AckBy, drafts[1].TTL = by.Add(-time.Hour), time.Hour
	drafts[2].AckBy, drafts[2].From, drafts[2].Skip = by, "abcdefghijklmnop", "abcdefghijklmnop"
	given := slices.Clone(drafts)
	given[2].AckID, given[3].AckID = "a volatile event's", "another's"
	r := f.append("acme", given...)
	wantEvents(t, f.tape.upto(t, "acme", r.Last), r, drafts)
	for range rounds(f) {
		for _, stretch := range []string{"a", events.Everything} {
			wantEvents(t, f.read("acme", events.Query{Stretch: stretch, Upto: r.Last, Limit: most}).Events, r, drafts)
		}
	}
	// It bounds answers, not the event: only its TTL does that.
	f.clock.Advance(30 * time.Minute)
	f.sweep()
	f.wantNumbers("acme", "a", 1, 2, 3, 4)
	f.clock.Advance(30 * time.Minute)
	f.wantNumbers("acme", "a", 1, 3, 4)
	f.sweep()
	f.wantNumbers("acme", "a", 1, 3, 4)
}

func everyByte(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	random := make([]byte, 64<<10)
	rand.NewChaCha8([32]byte{1}).Read(random)
	drafts := make([]events.Draft, 0, 24)
	for _, data := range [][]byte{nil, {}, {0}, bytes, random, []byte(`"a\n\r"`), []byte("\xff\xfe"), []byte(strings.Repeat("0", 64<<10))} {
		drafts = append(drafts, events.Draft{To: []string{"lobby"}, Event: "e", Data: data})
	}
	for range 16 { // a batch of about 1 MiB
		drafts = append(drafts, events.Draft{To: []string{"lobby"}, Event: "e", Data: random[:60<<10]})
	}
	r := f.append("acme", drafts...)
	for range rounds(f) {
		wantEvents(t, f.read("acme", events.Query{Stretch: "lobby", Upto: r.Last, Limit: most}).Events, r, drafts)
	}
}

func reusedMemory(t *testing.T, newStore func(*testing.T) Store) {
	f := begin(t, newStore, forever)
	fresh := func() []events.Draft {
		return []events.Draft{{To: []string{"lobby", "den"}, Except: []string{"@abcdefghijklmnop"}, Event: "e", Data: []byte(`"hello"`)}}
	}
	drafts := fresh()
	r := f.append("acme", drafts...)
	drafts[0].To[0], drafts[0].To[1], drafts[0].Except[0] = "x", "y", "z"
	copy(drafts[0].Data, "garbage")
	told := []events.Draft{notice("lobby")}
	n := f.erase("acme", events.Erasure{Notice: told[0]})
	told[0].To[0] = "x"
	copy(told[0].Data, "garbage")

	heard := f.tape.upto(t, "acme", n.Last)
	wantEvents(t, heard[:1], r, fresh())
	wantEvents(t, heard[1:], n, []events.Draft{notice("lobby")})
	read := f.read("acme", events.Query{Stretch: "lobby", Upto: n.Last, Limit: 10}).Events
	if len(read) != 2 {
		t.Fatalf("the room has %d events, want 2", len(read))
	}
	wantEvents(t, read[:1], r, fresh())
	wantEvents(t, read[1:], n, []events.Draft{notice("lobby")})
}

// rounds is the rounds of a loop that looks at the same thing again after the
// log was opened once more, where that can be.
func rounds(f *fixture) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		if !yield(0) || !f.store.Durable() {
			return
		}
		f.reopen()
		yield(1)
	}
}
