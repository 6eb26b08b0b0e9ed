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
	k := sha256.New()
	for _, s := range []string{c.identity(), c.Connection, p.Key} {
		writeSized(k.Write, s)
	}
	d := sha256.New()
	for _, list := range [][]string{p.To, p.Except} {
		writeCount(d.Write, len(list))
		for _, s := range slices.Sorted(slices.Values(list)) { // they are sets
			writeSized(d.Write, s)
		}
	}
	if p.Echo {
		writeSized(d.Write, "echo")
	}
	if p.Batch {
		writeSized(d.Write, "batch")
	}
	if p.Ack > 0 {
		writeSized(d.Write, "ack") // for how long may differ from one try to the next
	}
	for _, b := range p.Bodies {
		for _, s := range []string{b.Event, string(b.Data), b.Encoding, b.Type} {
			writeSized(d.Write, s)
		}
		writeCount(d.Write, int(b.TTL))
	}
	return string(k.Sum(nil)), string(d.Sum(nil))
}

// writeSized and writeCount feed a hash so that no two lists run together.
func writeSized(write func([]byte) (int, error), s string) {
	writeCount(write, len(s))
	_, _ = write([]byte(s)) // a hash.Hash never fails
}

func writeCount(write func([]byte) (int, error), n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	_, _ = write(b[:])
}

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
