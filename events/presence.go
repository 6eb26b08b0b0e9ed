package events

import "sync/atomic"

// MaxPresence is how many members a presence names; of more only the counts are told.
const MaxPresence = 500

// A Presence tells a stream who is in one of its rooms: all of them when Whole,
// else what changed since it was told before. It does not change once it is made
// and may be shared by any number of readers.
type Presence struct {
	Room    string
	Whole   bool
	Members []Person // with Whole; nil above [MaxPresence]
	Joined  []Person // nil, as Left and Changed, when there are more than MaxPresence in all
	Left    []string // member IDs
	Changed []Person // another name
	Count   int      // members in the room after it
	Users   int      // different users among them; an anonymous member is one

	forms [Forms]atomic.Pointer[[]byte]
}

// Form gives the presence's bytes in form i; see [Event.Form].
func (p *Presence) Form(i int, encode func(*Presence) []byte) []byte {
	if b := p.forms[i].Load(); b != nil {
		return *b
	}
	b := encode(p)
	p.forms[i].Store(&b)
	return b
}
