package events

import (
	"context"
	"time"
)

// hear takes a signal, from this node or another.
func (r *Registry) hear(s Signal) {
	if s.Gone {
		for _, n := range r.all() {
			n.mu.Lock()
			n.lostLocked(s.Node)
			n.unlock()
		}
		return
	}
	n := r.known(s.Namespace)
	if n == nil {
		return
	}
	other := s.Node != r.o.Node
	switch {
	case s.Volatile != nil:
		n.volatile(s)
		return
	case !other:
		return // it has been done
	}
	n.mu.Lock()
	defer n.unlock()
	switch {
	case s.Moving != nil:
		n.movedLocked(s.Moving)
	case s.Kick != nil:
		n.kickedLocked(s.Kick)
	case s.Reply != nil:
		n.repliedLocked(s.Reply)
	case s.Here != nil:
		n.distantLocked(s.Node, s.Here)
	case s.Arrived:
		for _, p := range n.people {
			n.hereLocked(p)
		}
	}
}

// send tells all nodes. A node that could not be told hears of it the next time
// that something changes.
func (r *Registry) send(s Signal) { _ = r.o.Bus.Send(context.Background(), s) }

// hereLocked has the others told how a member stands on this node.
func (n *namespace) hereLocked(p *person) {
	if n.reg.o.Bus.Alone() {
		return
	}
	h := &Here{Person: *p.card, Data: p.said(), Since: p.since.time()}
	h.Left = len(p.streams) == 0 && p.until == 0
	for _, s := range p.stays {
		if !h.Left && (s.streams > 0 || s.until != 0) {
			h.Rooms = append(h.Rooms, Stay{s.roster.name, s.from})
		}
	}
	n.tellOthersLocked(Signal{Here: h})
}

// tellOthersLocked has the other nodes told what has been done here.
func (n *namespace) tellOthersLocked(s Signal) {
	if n.reg.o.Bus.Alone() {
		return
	}
	s.Namespace, s.Node = n.name, n.reg.o.Node
	n.outbox = append(n.outbox, s)
}

// flush sends what is in the outbox, in the order in which it came there.
func (n *namespace) flush() {
	n.sending.Lock()
	defer n.sending.Unlock()
	n.mu.Lock()
	out := n.outbox
	n.outbox = nil
	n.mu.Unlock()
	for _, s := range out {
		n.reg.send(s)
	}
}

// distantLocked takes in how a member stands on another node.
func (n *namespace) distantLocked(node string, h *Here) {
	p := n.people[h.Person.ID]
	if p == nil {
		if h.Left {
			return
		}
		card := h.Person
		p = &person{card: &card, data: string(h.Data), since: at(h.Since)}
		n.people[card.ID] = p
	}
	if !h.Left {
		p.since = min(p.since, at(h.Since))
		n.renameLocked(p, h.Person.Name)
		p.data = string(h.Data)
		for _, s := range h.Rooms {
			n.stayLocked(p, s.Room, s.After).distant++
		}
	}
	for _, s := range p.distant[node].Rooms {
		if st := p.stay(s.Room); st != nil {
			st.distant--
		}
	}
	if p.distant == nil {
		p.distant = make(map[string]Here)
	}
	p.distant[node] = *h
	if h.Left {
		delete(p.distant, node)
	}
	n.departLocked(p, func(s *stay) bool { return s.streams == 0 && s.until == 0 && s.distant == 0 })
	n.stoodLocked(p)
}

// lostLocked takes a node's members away with it.
func (n *namespace) lostLocked(node string) {
	for _, p := range n.people {
		if h, ok := p.distant[node]; ok {
			h.Left, h.Rooms = true, nil
			n.distantLocked(node, &h)
		}
	}
}

// partialLocked reports whether other nodes may not have told of their members yet.
func (n *namespace) partialLocked() bool {
	return !n.reg.o.Bus.Alone() && time.Since(n.arrived) < time.Second
}
