package client

import "encoding/json"

// A Person is what a stream is told of a member.
type Person struct {
	ID   string `json:"id"`             // the member, as in [Event.From]
	User string `json:"user,omitempty"` // "" when anonymous
	Name string `json:"name,omitempty"` // its nickname; "" without one
}

// A Presence says who is in one of a stream's rooms. One with Members, as the
// first for each room after a hello is, says all of it: who is not named is not
// there. Every other one says what has changed since.
//
// More than 500 are not named: then all the lists are nil, and only Count and Users
// are known.
type Presence struct {
	Room    string   `json:"room"`
	Members []Person `json:"members"` // everybody; nil where the presence tells changes
	Joined  []Person `json:"joined"`
	Left    []string `json:"left"`    // member IDs
	Changed []Person `json:"changed"` // who has another nickname
	Count   int      `json:"count"`   // members in the room now
	Users   int      `json:"users"`   // different users among them; an anonymous member is one
}

// Presence gives who is there. It is told to streams that asked for it, at most
// once a second a room. ok is false for every other event.
func (e *Event) Presence() (p Presence, ok bool) {
	return p, e.Event == PresenceEvent && json.Unmarshal(e.Data, &p) == nil
}
