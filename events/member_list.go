package events

import "time"

// A Person is what presence tells of a member.
type Person struct {
	ID   string // the member's public ID
	User string // "" when anonymous
	Name string // its nickname; "" without one
}

// A MemberInfo is all there is to know of a member.
type MemberInfo struct {
	Person
	Data  []byte    // what the member said of itself, one JSON value; nil for nothing
	Rooms []string  // sorted; those it has in any of its streams, the grace included
	Since time.Time // when it came: the first of its streams, without a break longer than the grace
}

// A Members is an answer to who is there.
type Members struct {
	Count   int          // members
	Users   int          // different users; an anonymous member is one
	List    []MemberInfo // in order of Since, then of ID
	Partial bool         // a node that should have answered has not
}

// A Selection names members: Member alone, or those in any of In less those in
// Except, targets as in a [Post]: rooms, @member, or * for everyone. At most 64 of
// each.
type Selection struct {
	Member string
	In     []string
	Except []string
}

// MaxMemberData is how many bytes of JSON a member may say of itself.
const MaxMemberData = 4 << 10

// A Description changes what a member says of itself.
type Description struct {
	Name *string // the nickname, "" for none; nil leaves it
	Data []byte  // one JSON value, null for none; nil leaves it
}

// A Moved is the answer to joining or leaving.
type Moved struct {
	Member   string   // the one member; "" where several were moved
	Rooms    []string // what the one member has now, sorted; nil where several were moved
	Position ID       // rooms that were joined are heard from here
	Count    int      // members that were found
}

// A Move takes members into a room or out of it.
type Move struct {
	Room  string
	Leave bool
	Who   Selection
}

// A RoomInfo says of a room who is in it and what was said last.
type RoomInfo struct {
	Room  string
	Count int // members
	Users int
	Last  ID // of the newest event that is kept; zero when none is
}
