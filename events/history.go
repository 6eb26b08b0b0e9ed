package events

import (
	"context"
	"errors"
)

// Limits of a page of history.
const (
	HistoryDefault = 50
	HistoryMost    = 500
)

// Look asks for a page of a room's history: the newest Limit events in (After,
// Before).
type Look struct {
	Before string // an event ID; "" for no bound
	After  string // an event ID; "" for no bound
	Limit  int    // 1 to 500; 0 means 50
}

// History is a page, oldest first. It holds the caller's own events too.
type History struct {
	Epoch  string
	Events []*Event
	More   bool // there are older ones in the range
}

// History gives what was said in a room. A room or namespace that nothing was
// said in has an empty one, and is not made. bad-parameter refuses bounds that
// are not IDs of this log.
func (r *Registry) History(ctx context.Context, c Caller, ns, room string, l Look) (History, error) {
	if err := r.mayLook(c, ns, room); err != nil {
		return History{}, err
	}
	if l.Limit == 0 {
		l.Limit = HistoryDefault
	}
	if l.Limit < 1 || l.Limit > HistoryMost {
		return History{}, Refuse(CodeBadParameter, "limit is 1 to %d", HistoryMost)
	}
	bounds := [2]ID{}
	for i, raw := range []string{l.Before, l.After} {
		if raw == "" {
			continue
		}
		id, ok := ParseID(raw)
		if !ok {
			return History{}, Refuse(CodeBadParameter, "before and after are event IDs")
		}
		bounds[i] = id
	}
	head, err := r.o.Log.Head(ctx, ns)
	if errors.Is(err, ErrNotFound) {
		return History{}, nil
	}
	if err != nil {
		return History{}, err
	}
	for _, id := range bounds {
		if id.Epoch != "" && id.Epoch != head.Epoch {
			return History{}, Refuse(CodeBadParameter, "before and after are IDs of another log than the one there is now")
		}
	}
	q := Query{Stretch: room, After: bounds[1].Seq, Upto: r.heardUpTo(ns, head), Limit: l.Limit, Newest: true}
	if l.Before != "" {
		if bounds[0].Seq == 0 {
			return History{Epoch: head.Epoch}, nil
		}
		q.Upto = min(q.Upto, bounds[0].Seq-1)
	}
	page, err := r.o.Log.Read(ctx, ns, q)
	if err != nil {
		return History{}, err
	}
	return History{Epoch: head.Epoch, Events: page.Events, More: page.More}, nil
}

// Event gives one event of a room's history, not-found where it is not there.
func (r *Registry) Event(ctx context.Context, c Caller, ns, room, raw string) (*Event, string, error) {
	if err := r.mayLook(c, ns, room); err != nil {
		return nil, "", err
	}
	return r.event(ctx, ns, room, raw)
}

func (r *Registry) event(ctx context.Context, ns, room, raw string) (*Event, string, error) {
	id, ok := ParseID(raw)
	if !ok {
		return nil, "", Refuse(CodeBadID, "an event's ID is its epoch, - and its number")
	}
	missing := Refuse(CodeNotFound, "no such event in this room")
	head, err := r.o.Log.Head(ctx, ns)
	if errors.Is(err, ErrNotFound) || err == nil && (id.Epoch != head.Epoch || id.Seq == 0 || id.Seq > r.heardUpTo(ns, head)) {
		return nil, "", missing
	}
	if err != nil {
		return nil, "", err
	}
	page, err := r.o.Log.Read(ctx, ns, Query{Stretch: room, After: id.Seq - 1, Upto: id.Seq, Limit: 1})
	if err != nil {
		return nil, "", err
	}
	if len(page.Events) == 0 {
		return nil, "", missing
	}
	return page.Events[0], head.Epoch, nil
}

func (r *Registry) mayLook(c Caller, ns, room string) error {
	c, err := r.Permit(c, ns)
	if err != nil {
		return err
	}
	if err := CheckRoom(room); err != nil {
		return err
	}
	return c.Require(MayHistory)
}

// heardUpTo gives the number up to which history may tell: what the tail has
// brought, where the namespace is open here. A log may know of events that are not
// kept for good yet.
func (r *Registry) heardUpTo(ns string, head Head) uint64 {
	n := r.known(ns)
	if n == nil {
		return head.Last
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.known {
		return head.Last
	}
	return n.watermark.Load()
}
