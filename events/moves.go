package events

import (
	"context"
	"errors"
)

// Join takes the caller's member into a room, with all its streams, and remembers
// it for those that come back. The room is heard from the position in the answer.
// Joining a room that the member is in changes nothing. no-stream without a stream,
// open or gone less than the grace ago.
func (r *Registry) Join(ctx context.Context, c Caller, ns, room string) (Moved, error) {
	return r.moveSelf(ctx, c, ns, room, false)
}

// Leave is Join's opposite: nothing above the position in the answer is heard of the
// room, and everything up to it is by streams that stay open, however slow they
// read. Leaving a room that the member is not in changes nothing.
func (r *Registry) Leave(ctx context.Context, c Caller, ns, room string) (Moved, error) {
	return r.moveSelf(ctx, c, ns, room, true)
}

func (r *Registry) moveSelf(ctx context.Context, c Caller, ns, room string, leave bool) (Moved, error) {
	n, me, err := r.self(ctx, c, ns, MayRead)
	if err != nil {
		return Moved{}, err
	}
	if n == nil {
		return Moved{}, noStream()
	}
	defer n.unpin()
	moved, err := r.move(n, room, leave, Selection{Member: me})
	if err == nil && moved.Count == 0 {
		return Moved{}, noStream()
	}
	return moved, err
}

func noStream() error {
	return Refuse(CodeNoStream, "open a stream with this connection ID first")
}

// self gives the namespace, nil where nobody can be, and the caller's own member,
// which needs a connection ID. The namespace is the caller's to unpin.
func (r *Registry) self(ctx context.Context, c Caller, ns string, what Permission) (*namespace, string, error) {
	c, err := r.permit(c, ns, what)
	if err != nil {
		return nil, "", err
	}
	if c.Connection == "" {
		return nil, "", Refuse(CodeBadID, "who asks is told by a connection ID, and there is none")
	}
	n, err := r.peek(ctx, ns)
	if n == nil || err != nil {
		return nil, "", err
	}
	return n, n.member(c), nil
}

// Move does to others what Join and Leave do to oneself; it takes MayManage. A
// single member that is not there is not-found; of a selection nobody may be there.
// A single member whose streams cannot have one room more is bad-parameter; of a
// selection such members are left out, as are those that listen to everything.
func (r *Registry) Move(ctx context.Context, c Caller, ns string, m Move) (Moved, error) {
	if err := CheckRoom(m.Room); err != nil {
		return Moved{}, err
	}
	n, err := r.managed(ctx, c, ns, &m.Who)
	if err != nil {
		return Moved{}, err
	}
	defer n.unpin()
	moved, err := r.move(n, m.Room, m.Leave, m.Who)
	if err == nil && m.Who.Member != "" && moved.Count == 0 {
		return Moved{}, noMember()
	}
	return moved, err
}

func noMember() error { return Refuse(CodeNotFound, "no such member is here") }

// managed checks a call that acts on others. The namespace is the caller's to unpin;
// not-found where there is none.
func (r *Registry) managed(ctx context.Context, c Caller, ns string, who *Selection) (*namespace, error) {
	if _, err := r.permit(c, ns, MayManage); err != nil {
		return nil, err
	}
	if err := who.Check(); err != nil {
		return nil, err
	}
	if who.Member == "" && len(who.In) == 0 {
		return nil, Refuse(CodeNoTarget, "name whom you mean: in= a room, @member, or * for everyone")
	}
	if _, err := r.o.Log.Head(ctx, ns); errors.Is(err, ErrNotFound) {
		return nil, Refuse(CodeNotFound, "there is no such namespace here")
	} else if err != nil {
		return nil, err
	}
	return r.open(ctx, ns)
}

// Check refuses a selection that cannot be, as a [Post] with such targets would be, and
// puts each target once. Whom it selects nobody is asked.
func (s *Selection) Check() (err error) {
	if s.Member != "" {
		return CheckMember(s.Member)
	}
	if s.In, err = targets("in", s.In); err != nil {
		return err
	}
	s.Except, err = targets("except", s.Except)
	return err
}

// of gives who is meant.
func (s *Selection) ofLocked(n *namespace) crowd {
	if s.Member != "" {
		return n.pickLocked([]string{"@" + s.Member}, nil)
	}
	return n.pickLocked(s.In, s.Except)
}

func (r *Registry) move(n *namespace, room string, leave bool, who Selection) (Moved, error) {
	if err := CheckRoom(room); err != nil {
		return Moved{}, err
	}
	n.mu.Lock()
	defer n.unlock()
	crowd := who.ofLocked(n)
	if !leave {
		if err := n.mayJoinLocked(crowd, room, who.Member != ""); err != nil {
			return Moved{}, err
		}
	}
	// The position is of the same moment as the seats: nothing can come between.
	m := &Moving{Room: room, Leave: leave, After: n.watermark.Load()}
	for p := range crowd {
		m.Members = append(m.Members, p.card.ID)
	}
	n.movedLocked(m)
	out := Moved{Member: who.Member, Count: len(crowd), Position: ID{n.epoch, m.After}}
	for p := range crowd {
		if who.Member != "" {
			out.Rooms = p.rooms()
		}
	}
	n.tellOthersLocked(Signal{Moving: m})
	return out, nil
}

// mayJoinLocked takes out of a crowd who cannot have one room more, or refuses where
// it is the one that is meant, and refuses a room too many for the namespace.
func (n *namespace) mayJoinLocked(crowd crowd, room string, single bool) error {
	for p := range crowd {
		var err error
		switch {
		case p.stay(room) == nil && len(p.stays) >= MaxStreamRooms:
			err = Refuse(CodeBadParameter, "a member has at most %d rooms", MaxStreamRooms)
		case p.overlooks():
			err = Refuse(CodeBadParameter, "a stream over everything is in no room")
		}
		if err != nil && single {
			return err
		}
		if err != nil {
			delete(crowd, p)
		}
	}
	if len(crowd) == 0 {
		return nil
	}
	return n.mayHaveLocked([]Stay{{Room: room}}, nil)
}

// mayHaveLocked refuses rooms that would be more than the namespace may have, once
// those are gone that only one member is in and is about to leave.
func (n *namespace) mayHaveLocked(rooms []Stay, leaving []stay) error {
	most := n.settings.Rooms
	if most <= 0 {
		return nil
	}
	there := len(n.rosters)
	more := 0
	for _, s := range rooms {
		if n.rosters[s.Room] == nil {
			more++
		}
	}
	for _, s := range leaving {
		if len(s.roster.present) == 1 && s.roster.watchers == 0 {
			there--
		}
	}
	if more > 0 && there+more > most {
		return Refuse(CodeQuota, "this namespace has at most %d rooms at once", most)
	}
	return nil
}

// movedLocked carries out a move for the members that have streams here.
func (n *namespace) movedLocked(m *Moving) {
	for _, id := range m.Members {
		p := n.people[id]
		if p == nil {
			continue
		}
		if m.Leave {
			n.leaveLocked(p, m.Room, m.After)
		} else {
			n.joinLocked(p, m.Room, m.After)
		}
		n.hereLocked(p)
	}
}

func (n *namespace) joinLocked(p *person, room string, after uint64) {
	if len(p.streams) == 0 && p.until == 0 {
		return // it is on other nodes only, and they join it
	}
	s := n.stayLocked(p, room, after)
	if len(p.streams) == 0 {
		s.until = p.until
		return
	}
	for _, c := range p.streams {
		if c.joinLocked(room, after) {
			s.streams++
			s.until = 0
			c.bell()
		}
	}
}

func (n *namespace) leaveLocked(p *person, room string, after uint64) {
	for _, c := range p.streams {
		if c.leaveLocked(room, after) {
			c.bell()
		}
	}
	if s := p.stay(room); s != nil {
		s.streams, s.until = 0, 0
	}
	n.departLocked(p, func(s *stay) bool { return s.roster.name == room && s.distant == 0 })
}

// Members lists who is there, with the grace. An empty In means everyone.
func (r *Registry) Members(ctx context.Context, c Caller, ns string, who Selection) (Members, error) {
	c, err := r.permit(c, ns, MayRead)
	if err != nil {
		return Members{}, err
	}
	if err := who.Check(); err != nil {
		return Members{}, err
	}
	if len(who.In) == 0 && who.Member == "" {
		who.In = []string{Everyone}
	}
	if r.settings(ns).NoPresence && c.May&MayManage == 0 {
		return Members{}, hidden()
	}
	out := Members{List: []MemberInfo{}}
	n, err := r.peek(ctx, ns)
	if n == nil || err != nil {
		return out, err
	}
	defer n.unpin()
	n.mu.Lock()
	defer n.mu.Unlock()
	out.Partial = n.partialLocked()
	users := make(map[string]bool)
	for _, p := range who.ofLocked(n).sorted() {
		out.List = append(out.List, p.info())
		out.Count++
		if p.card.User == "" {
			out.Users++
		} else if !users[p.card.User] {
			users[p.card.User] = true
			out.Users++
		}
	}
	return out, nil
}

// Describe changes what the caller's member says of itself, in all its streams.
// no-stream as Join.
func (r *Registry) Describe(ctx context.Context, c Caller, ns string, d Description) (MemberInfo, error) {
	if d.Name != nil && *d.Name != "" {
		if err := CheckNickname(*d.Name); err != nil {
			return MemberInfo{}, err
		}
	}
	if len(d.Data) > MaxMemberData {
		return MemberInfo{}, Refuse(CodeTooLarge, "what a member says of itself is at most %d bytes", MaxMemberData)
	}
	n, me, err := r.self(ctx, c, ns, MayRead)
	if err != nil {
		return MemberInfo{}, err
	}
	if n == nil {
		return MemberInfo{}, noStream()
	}
	defer n.unpin()
	n.mu.Lock()
	defer n.unlock()
	p := n.people[me]
	if p == nil {
		return MemberInfo{}, noStream()
	}
	if d.Name != nil {
		n.renameLocked(p, *d.Name)
	}
	switch {
	case d.Data == nil:
	case string(d.Data) == "null":
		p.data = ""
	default:
		p.data = string(d.Data)
	}
	n.hereLocked(p)
	return p.info(), nil
}

// Disconnect ends the streams of members for good, with bye kicked after what was
// said to them before, and gives how many members that were. They are gone at once, without a grace, and may come back
// as anybody may. It takes MayManage, but for the caller's own member. A single
// member that is not there is not-found, no-stream where that is the caller's own.
func (r *Registry) Disconnect(ctx context.Context, c Caller, ns string, who Selection) (count int, err error) {
	n, err := r.managed(ctx, c, ns, &who)
	if err != nil {
		return 0, err
	}
	defer n.unpin()
	count = r.kick(n, who)
	if count == 0 && who.Member != "" {
		err = noMember()
	}
	return count, err
}

// DisconnectSelf is Disconnect for the caller's own member.
func (r *Registry) DisconnectSelf(ctx context.Context, c Caller, ns string) error {
	n, me, err := r.self(ctx, c, ns, MayRead)
	if err != nil {
		return err
	}
	if n == nil {
		return noStream()
	}
	defer n.unpin()
	if r.kick(n, Selection{Member: me}) == 0 {
		return noStream()
	}
	return nil
}

func (r *Registry) kick(n *namespace, who Selection) int {
	n.mu.Lock()
	defer n.unlock()
	var ids []string
	for p := range who.ofLocked(n) {
		ids = append(ids, p.card.ID)
	}
	if len(ids) > 0 {
		n.kickedLocked(ids)
		n.tellOthersLocked(Signal{Kick: ids})
	}
	return len(ids)
}

func (n *namespace) kickedLocked(ids []string) {
	for _, id := range ids {
		p := n.people[id]
		if p == nil {
			continue
		}
		streams := p.streams
		p.streams, p.until = nil, 0
		for _, c := range streams {
			c.person = nil
		}
		for i := range p.stays {
			p.stays[i].streams, p.stays[i].until = 0, 0
		}
		n.departLocked(p, func(s *stay) bool { return s.distant == 0 })
		n.hereLocked(p)
		n.stoodLocked(p)
		for _, c := range streams {
			c.End(Bye{Reason: ByeKicked})
		}
	}
}
