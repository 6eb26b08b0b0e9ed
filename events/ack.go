package events

import (
	"container/list"
	"context"
	"slices"
	"strings"
	"time"
)

// Bounds of acknowledgements.
const (
	MaxAckWait     = 25 * time.Second
	MaxAckExpected = 1000
)

// Acks is what came back of a post that asked for answers.
type Acks struct {
	Expected int      // members in the audience when the event got its number, the sender not among them
	Answers  []Answer // in the order they came
	Missing  []string // members that did not answer, sorted; one that was named as a target and is not there is among them
	Complete bool     // nobody is missing
}

// An Answer is one member's.
type Answer struct {
	From     string
	Data     []byte // as in [Draft]
	Encoding string
	Type     string
}

// An ask is an event that asks its audience for answers. Every node that the event
// comes to has one, for it is there that members answer; what they said is of use
// to the node that waits for it. All of it is under namespace.mu, but done.
type ask struct {
	id      string
	asked   bool            // the audience is known
	waiting map[string]bool // members that have not answered
	given   map[string]bool // those that have
	answers []Answer
	missing []string
	absent  int // of missing, those that were named and not there
	cost    int
	key     string // who may ask again; "" when nobody may
	over    bool
	place   *list.Element // in namespace.over
	done    chan struct{} // closed with over
	timer   *time.Timer
}

// Bounds on the bytes that questions and answers hold.
const (
	maxAskCost = 64 << 20 // of those of a namespace that are over, and of as many again that are not
	maxAnswers = 8 << 20  // of the answers to one event
)

// tooOld is how long after its time an event that asks comes from a log that was
// away. One that comes sooner took that long to be numbered: somebody waits, and
// everybody is missing.
const tooOld = time.Minute

// repeatable is how long an answer that is given again is known to have been given.
const repeatable = 30 * time.Second

func (n *namespace) askLocked(id string) *ask {
	a := n.asks[id]
	if a == nil {
		a = &ask{id: id, done: make(chan struct{})}
		if n.asks == nil {
			n.asks = make(map[string]*ask)
		}
		n.asks[id] = a
	}
	return a
}

// askID is what answers to an event are sent to.
func (n *namespace) askID(e *Event) string {
	if e.AckID != "" {
		return e.AckID
	}
	return ID{n.epoch, e.Seq}.String()
}

// audienceLocked gives who is to answer an event: the members that hear it, without
// those that do nothing but look on, and without its sender; and who was named and
// is not there.
func (n *namespace) audienceLocked(d *Draft) (members, absent []string) {
	for p := range n.pickLocked(d.To, d.Except) {
		id := p.card.ID
		if id != d.From && (!p.onlooker() || slices.Contains(d.To, "@"+id)) {
			members = append(members, id)
		}
	}
	for _, t := range d.To {
		if id, named := strings.CutPrefix(t, "@"); named && n.people[id] == nil && !slices.Contains(d.Except, t) {
			absent = append(absent, id)
		}
	}
	return members, absent
}

// askedLocked begins to take answers to an event that has just come.
func (n *namespace) askedLocked(e *Event) {
	id, wait := n.askID(e), e.AckBy.Sub(n.reg.o.Now())
	if wait < -tooOld && n.asks[id] == nil {
		return // it comes from a log that was away, and who asked has been answered
	}
	a := n.askLocked(id)
	if a.asked {
		return
	}
	var members []string
	members, a.missing = n.audienceLocked(&e.Draft)
	a.absent = len(a.missing)
	a.asked, a.waiting, a.given = true, make(map[string]bool, len(members)), make(map[string]bool)
	for _, id := range members {
		a.waiting[id] = true
	}
	if n.open == nil {
		n.open = make(map[*ask]struct{})
	}
	n.open[a] = struct{}{}
	a.cost = 256 + 64*len(members)
	n.askCost += a.cost
	if len(a.waiting) == 0 || n.reg.settled.Load() {
		n.overLocked(a)
		return
	}
	a.timer = time.AfterFunc(max(wait, 0), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.overLocked(a)
	})
}

// repliedLocked takes an answer. The first of a member counts.
func (n *namespace) repliedLocked(r *Reply) {
	a := n.asks[r.ID]
	if a == nil || a.over || !a.waiting[r.Answer.From] {
		return
	}
	delete(a.waiting, r.Answer.From)
	a.given[r.Answer.From] = true
	a.answers = append(a.answers, r.Answer)
	a.cost += r.Answer.size()
	n.askCost += r.Answer.size()
	if len(a.waiting) == 0 {
		n.overLocked(a)
	}
}

func (a *Answer) size() int { return len(a.Data) + len(a.Type) + 64 }

// missLocked tells those who wait for a member that it has gone. It looks at all that
// are open: members go less often than they are asked, and an index of who is
// waited for would be written for each of them.
func (n *namespace) missLocked(member string) {
	for a := range n.open {
		if !a.waiting[member] {
			continue
		}
		delete(a.waiting, member)
		a.missing = append(a.missing, member)
		if len(a.waiting) == 0 {
			n.overLocked(a)
		}
	}
}

// overLocked ends an ask: who has not answered is missing. It is remembered for as
// long as an answer or the question may be repeated, the oldest for less where
// there are too many.
func (n *namespace) overLocked(a *ask) {
	if a.over {
		return
	}
	a.over = true
	delete(n.open, a)
	if a.timer != nil {
		a.timer.Stop()
	}
	for id := range a.waiting {
		a.missing = append(a.missing, id)
	}
	a.waiting = nil
	slices.Sort(a.missing)
	close(a.done)
	life := repeatable
	if a.key != "" {
		life = KeyLife
	}
	a.timer = time.AfterFunc(life, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.dropAskLocked(a)
	})
	a.place = n.over.PushBack(a)
	for n.askCost > maxAskCost && n.over.Len() > 0 {
		n.dropAskLocked(n.over.Front().Value.(*ask))
	}
}

// keepLocked remembers an ask for who may ask again.
func (n *namespace) keepLocked(a *ask, key string) {
	if key == "" || a.key != "" {
		return
	}
	a.key = key
	if n.keyed == nil {
		n.keyed = make(map[string]*ask)
	}
	n.keyed[key] = a
	if a.over {
		a.timer.Reset(KeyLife)
	}
}

func (n *namespace) dropAskLocked(a *ask) {
	if n.asks[a.id] != a {
		return
	}
	a.timer.Stop()
	delete(n.asks, a.id)
	if n.keyed[a.key] == a {
		delete(n.keyed, a.key)
	}
	n.askCost -= a.cost
	n.over.Remove(a.place)
}

// mayAskLocked refuses, before anything is kept, what asks too many. What is asked
// again has been let through before.
func (n *namespace) mayAskLocked(d *Draft, key string) error {
	if n.keyed[key] != nil {
		return nil
	}
	members, _ := n.audienceLocked(d)
	if len(members) > MaxAckExpected {
		return Refuse(CodeBadParameter, "%d would have to answer, and at most %d can be asked", len(members), MaxAckExpected)
	}
	if n.askCost > 2*maxAskCost {
		return Refuse(CodeQuota, "too many answers are being waited for in this namespace")
	}
	return nil
}

// await gives what was answered once everybody has or nobody will any more, at the
// latest when the time is over. With a key it is there for whoever asks again;
// without, an end of ctx ends it.
func (n *namespace) await(ctx context.Context, id string, by time.Time, replayed bool, key string) (*Acks, error) {
	n.mu.Lock()
	a := n.asks[id]
	if a == nil {
		if replayed {
			// The process has ended in between, and with it what it was told.
			n.mu.Unlock()
			return &Acks{Answers: []Answer{}, Missing: []string{}}, nil
		}
		a = n.askLocked(id)
	}
	n.keepLocked(a, key)
	n.mu.Unlock()
	// The event's own clock ends the asking. This one is for an event that does not
	// come to this node.
	lost := time.NewTimer(max(by.Sub(n.reg.o.Now()), 0) + time.Second)
	defer lost.Stop()
	for over := false; !over; {
		select {
		case <-a.done:
			over = true
		case <-lost.C:
			n.mu.Lock()
			if !a.asked {
				n.overLocked(a)
			}
			n.mu.Unlock()
		case <-ctx.Done():
			if key == "" {
				n.mu.Lock()
				defer n.mu.Unlock()
				if a.asked {
					n.overLocked(a)
				} else if n.asks[id] == a {
					delete(n.asks, id)
				}
			}
			return nil, context.Cause(ctx)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return &Acks{
		Expected: len(a.given) + len(a.missing) - a.absent,
		Answers:  slices.Clone(a.answers), Missing: append([]string{}, a.missing...),
		Complete: a.asked && len(a.missing) == 0,
	}, nil
}

// Answer gives a member's answer to an event that asked for one: nil for the first
// and for every repeat of it, of which the first counts; gone when it is too late,
// or nobody ever asked; forbidden when this member was not asked; too-large when all
// answers to the event are too many bytes with it.
func (r *Registry) Answer(ctx context.Context, c Caller, ns, id string, b Body) error {
	if len(b.Data) > 2*MaxDataBytes {
		return Refuse(CodeTooLarge, "an answer is at most %d bytes", MaxDataBytes)
	}
	n, me, err := r.self(ctx, c, ns, MayRead)
	if err != nil {
		return err
	}
	if n == nil {
		return nobodyWaits()
	}
	defer n.unpin()
	reply := &Reply{ID: id, Answer: Answer{From: me, Data: b.Data, Encoding: b.Encoding, Type: b.Type}}
	n.mu.Lock()
	defer n.unlock()
	first, err := n.mayAnswerLocked(reply)
	if first {
		// In the same moment, so that what is answered here has counted.
		n.repliedLocked(reply)
		n.tellOthersLocked(Signal{Reply: reply})
	}
	return err
}

func nobodyWaits() error { return Refuse(CodeGone, "nobody waits for this answer any more") }

// mayAnswerLocked reports whether an answer is the first of its member, and refuses
// one that cannot be taken.
func (n *namespace) mayAnswerLocked(r *Reply) (first bool, err error) {
	a, me := n.asks[r.ID], r.Answer.From
	switch {
	case a == nil || !a.asked:
		return false, nobodyWaits()
	case a.given[me]:
		return false, nil
	case slices.Contains(a.missing, me):
		return false, Refuse(CodeGone, "the time to answer is over")
	case !a.waiting[me]:
		return false, Refuse(CodeForbidden, "this member was not asked")
	case a.cost+r.Answer.size() > maxAnswers:
		return false, Refuse(CodeTooLarge, "all answers to one event are at most %d MiB, and this one would be too much", maxAnswers>>20)
	case n.askCost+r.Answer.size() > 2*maxAskCost:
		return false, Refuse(CodeQuota, "too many answers are being waited for in this namespace")
	}
	return true, nil
}
