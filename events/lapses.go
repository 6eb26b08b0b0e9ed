package events

import "context"

// Lapses are what a stream has missed for good. They are its reader's own, and few
// streams have any.
type lapses struct {
	due  []Gap             // to be told before anything else
	told map[string]uint64 // by stretch, "" for all: up to where a gap was told
}

func (c *Cursor) lapsed() *lapses {
	if c.lapses == nil {
		c.lapses = &lapses{}
	}
	return c.lapses
}

// owe has the stream told gaps.
func (c *Cursor) owe(gaps []Gap) {
	if len(gaps) > 0 {
		l := c.lapsed()
		l.due = append(l.due, gaps...)
	}
}

func (c *Cursor) owes() bool { return c.lapses != nil && len(c.lapses.due) > 0 }

// owed gives the gaps that the stream is to be told, which it then has been.
func (c *Cursor) owed() []Gap {
	if !c.owes() {
		return nil
	}
	due := c.lapses.due
	c.lapses.due = nil
	return due
}

// told gives up to where a gap was told.
func (c *Cursor) told(scope string) uint64 {
	if c.lapses == nil {
		return 0
	}
	return c.lapses.told[scope]
}

// missed tells the gap between a position and what retention removed beyond it,
// once.
func (c *Cursor) missed(ctx context.Context, stretch string, pos, removed uint64) ([]Gap, error) {
	if removed <= max(pos, c.told(Everything), c.told("in "+stretch)) {
		return nil, nil
	}
	head, err := c.ns.reg.o.Log.Head(ctx, c.ns.name)
	if err != nil {
		return nil, err
	}
	var gaps []Gap
	if head.Removed > max(pos, c.told(Everything)) {
		gaps = append(gaps, c.gap("", pos, head.Removed))
		c.tell(Everything, head.Removed)
	}
	if removed > max(pos, c.told(Everything)) {
		room := stretch
		if stretch == Everything || !IsRoom(stretch) {
			room = ""
		}
		gaps = append(gaps, c.gap(room, pos, removed))
		c.tell("in "+stretch, removed)
	}
	return gaps, nil
}

// tell notes up to where a gap was told.
func (c *Cursor) tell(scope string, upto uint64) {
	l := c.lapsed()
	if l.told == nil {
		l.told = make(map[string]uint64)
	}
	l.told[scope] = upto
}

// forget takes what retention removed from a stretch as told.
func (c *Cursor) forget(stretch string, removed uint64) {
	if removed > 0 {
		c.tell("in "+stretch, removed)
	}
}

func (c *Cursor) gap(room string, from, to uint64) Gap {
	return Gap{Room: room, From: ID{c.Epoch(), from}.String(), To: ID{c.Epoch(), to}, Reason: GapExpired}
}
