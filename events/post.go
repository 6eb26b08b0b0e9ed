package events

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// A Post is what a caller has to say, and to whom.
type Post struct {
	To       []string // 1 to 64 targets
	Except   []string // up to 64 targets that are left out
	Bodies   []Body   // 1 to 1,000, kept all or none, in order
	Batch    bool     // it was said as a batch: another request than one event of the same words
	Echo     bool     // the sender hears itself too
	Volatile bool     // no number, not kept, only for streams that are up to date
	Key      string   // Idempotency-Key; "" for none

	// Ack asks everybody in the audience for an answer and waits until all have given
	// one, at most so long; up to [MaxAckWait], 0 for not. Not for a batch.
	Ack time.Duration
}

// Published is the answer to a Post. First and Last are zero for a volatile one.
type Published struct {
	First, Last ID
	Count       int
	Time        time.Time
	From        string // the sender's member; "" for a back end
	Replayed    bool   // this is the answer to an earlier request with the same key
	Acks        *Acks  // only where Ack was asked for
}

// CheckTargets gives the targets of a post, each once and in the order they were
// named, or refuses: no-target without any, bad-name or bad-id for one that
// cannot be, bad-parameter for too many. A list of one is given back as it is.
func CheckTargets(to, except []string) (tos, excepts []string, err error) {
	if len(to) == 0 {
		return nil, nil, Refuse(CodeNoTarget, "name a target: a room, @member, or * for everyone")
	}
	if tos, err = targets("to", to); err != nil {
		return nil, nil, err
	}
	if excepts, err = targets("except", except); err != nil {
		return nil, nil, err
	}
	return tos, excepts, nil
}

func targets(what string, in []string) ([]string, error) {
	if len(in) == 1 {
		return in, CheckTarget(in[0])
	}
	var out []string
	for _, t := range in {
		if err := CheckTarget(t); err != nil {
			return nil, err
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
		if len(out) > MaxTargets {
			return nil, Refuse(CodeBadParameter, "%s names at most %d targets", what, MaxTargets)
		}
	}
	return out, nil
}

// check refuses a post that cannot be, before anything is changed, and puts its
// targets in order.
func (p *Post) check() error {
	var err error
	if p.To, p.Except, err = CheckTargets(p.To, p.Except); err != nil {
		return err
	}
	if len(p.Bodies) == 0 {
		return Refuse(CodeBadEvent, "a batch holds at least one event")
	}
	if len(p.Bodies) > MaxBatchEvents {
		return Refuse(CodeTooLarge, "a batch holds at most %d events", MaxBatchEvents)
	}
	if p.Key != "" {
		if err := CheckIdempotencyKey(p.Key); err != nil {
			return err
		}
	}
	for i := range p.Bodies {
		b := &p.Bodies[i]
		if b.Event == "" {
			b.Event = MessageEvent
		}
		if err := CheckEventName(b.Event); err != nil {
			return err
		}
		if b.TTL < 0 {
			return Refuse(CodeBadParameter, "ttl is a duration above zero")
		}
		if p.Volatile && b.TTL > 0 {
			return Refuse(CodeBadParameter, "a volatile event is not kept and has no ttl")
		}
	}
	if p.Ack < 0 || p.Ack > MaxAckWait {
		return Refuse(CodeBadParameter, "ack is a duration above zero, at most %v", MaxAckWait)
	}
	if p.Ack > 0 && (p.Batch || len(p.Bodies) > 1) {
		return Refuse(CodeBadParameter, "one event at a time can ask for answers, a batch cannot")
	}
	if p.Volatile && len(p.Bodies) > 1 {
		return Refuse(CodeBadParameter, "a batch is kept and cannot be volatile")
	}
	if p.Volatile && p.Key != "" {
		return Refuse(CodeBadParameter, "a volatile event is not kept and has no Idempotency-Key")
	}
	return nil
}

// drafts turns a checked post into what the log keeps.
func (p *Post) drafts(c Caller, member, name string, now time.Time) []Draft {
	skip := member
	if p.Echo {
		skip = ""
	}
	out := make([]Draft, len(p.Bodies))
	for i, b := range p.Bodies {
		out[i] = Draft{
			To: p.To, Except: p.Except,
			From: member, Skip: skip, User: c.User, Name: name,
			Event: b.Event, Data: b.Data, Encoding: b.Encoding, Type: b.Type,
			TTL: b.TTL,
		}
	}
	if p.Ack > 0 {
		out[0].AckBy = now.Add(p.Ack).UTC().Truncate(time.Millisecond)
		if p.Volatile {
			out[0].AckID = NewConnectionID()[:16] // no event's ID looks like it
		}
	}
	return out
}

// identity gives what the log compares of a post with an idempotency key: who
// and which key, and what was asked for.
func (p *Post) identity(c Caller) (key, digest string) {
	b := make([]byte, 0, 512)
	for _, s := range []string{c.identity(), c.Connection, p.Key} {
		b = appendSized(b, s)
	}
	k := sha256.Sum256(b)
	b = b[:0]
	for _, list := range [][]string{p.To, p.Except} {
		b = appendCount(b, len(list))
		for _, s := range sorted(list) {
			b = appendSized(b, s)
		}
	}
	if p.Echo {
		b = appendSized(b, "echo")
	}
	if p.Batch {
		b = appendSized(b, "batch")
	}
	if p.Ack > 0 {
		b = appendSized(b, "ack") // for how long may differ from one try to the next
	}
	for i := range p.Bodies {
		body := &p.Bodies[i]
		b = appendSized(b, body.Event)
		b = append(appendCount(b, len(body.Data)), body.Data...)
		b = appendSized(b, body.Encoding)
		b = appendSized(b, body.Type)
		b = appendCount(b, int(body.TTL))
	}
	d := sha256.Sum256(b)
	return string(k[:]), string(d[:])
}

// sorted gives a set of targets in one order, whatever order they were named in.
func sorted(targets []string) []string {
	if len(targets) < 2 {
		return targets
	}
	return slices.Sorted(slices.Values(targets))
}

// appendSized and appendCount write what is hashed so that no two lists run together.
func appendSized(b []byte, s string) []byte { return append(appendCount(b, len(s)), s...) }

func appendCount(b []byte, n int) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

// fits refuses what the settings of a namespace do not allow.
func (p *Post) fits(s Settings) error {
	if p.Volatile && s.NoVolatile {
		return Refuse(CodeForbidden, "nothing volatile is said in this namespace")
	}
	if s.Data <= 0 {
		return nil
	}
	for _, b := range p.Bodies {
		if len(b.Data) > s.Data {
			return Refuse(CodeTooLarge, "an event's data is at most %d bytes in this namespace", s.Data)
		}
	}
	return nil
}
