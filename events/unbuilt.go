package events

import "context"

func unbuilt() error { return Refuse(CodeUnavailable, "not built") }

// Join takes the caller's member into a room, with all its streams, and remembers
// it for those that come back. no-stream without a stream, open or within the grace.
func (r *Registry) Join(ctx context.Context, c Caller, ns, room string) (Moved, error) {
	return Moved{}, unbuilt()
}

// Leave is Join's opposite. Leaving a room that the member is not in is no error.
func (r *Registry) Leave(ctx context.Context, c Caller, ns, room string) (Moved, error) {
	return Moved{}, unbuilt()
}

// Move does to others what Join and Leave do to oneself; it takes MayManage. A
// single member that is not there is not-found; a selection by In may be empty of members.
func (r *Registry) Move(ctx context.Context, c Caller, ns string, m Move) (Moved, error) {
	return Moved{}, unbuilt()
}

// Members lists who is there. An empty In means everyone.
func (r *Registry) Members(ctx context.Context, c Caller, ns string, who Selection) (Members, error) {
	return Members{}, unbuilt()
}

// Describe changes what the caller's member says of itself.
func (r *Registry) Describe(ctx context.Context, c Caller, ns string, d Description) (MemberInfo, error) {
	return MemberInfo{}, unbuilt()
}

// Disconnect ends the streams of members for good and gives how many members that were;
// it takes MayManage.
func (r *Registry) Disconnect(ctx context.Context, c Caller, ns string, who Selection) (count int, err error) {
	return 0, unbuilt()
}

// Rooms lists the rooms of a namespace that have members or history, in order of name,
// those after a name, at most limit (1 to 1,000; 0 means 100).
func (r *Registry) Rooms(ctx context.Context, c Caller, ns, after string, limit int) (rooms []RoomInfo, more bool, err error) {
	return nil, false, unbuilt()
}

// Answer gives a member's answer to an event that asked for one: nil for the first and
// for every repeat of it (the first counts), gone when it is too late or was never asked, forbidden
// when this member was not asked.
func (r *Registry) Answer(ctx context.Context, c Caller, ns, id string, b Body) error {
	return unbuilt()
}

// CheckNickname refuses with bad-name what cannot be one: UTF-8 of 1 to 64 bytes, no
// control, format (bidi and zero-width among them) or line-separator character, no leading or trailing space.
func CheckNickname(s string) error { return nil }
