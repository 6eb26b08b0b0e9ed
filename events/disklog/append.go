package disklog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"crypto/rand"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
)

// maxBatch is how many drafts a batch may hold.
const maxBatch = 1000

// Append numbers and keeps a batch; see [events.Log]. The drafts' memory may be
// used again when it returns.
func (l *Log) Append(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
	if err := l.enter(ctx); err != nil {
		return events.Receipt{}, err
	}
	defer l.leave()
	if len(b.Drafts) < 1 || len(b.Drafts) > maxBatch {
		return events.Receipt{}, events.Refuse(events.CodeBadParameter, "a batch is 1 to %d events", maxBatch)
	}
	o := &appending{waiter: newWaiter(), ns: ns, key: b.Key, digest: b.Digest, messages: prepare(b.Drafts)}
	if err := l.do(ctx, o, &o.waiter); err != nil {
		return events.Receipt{}, err
	}
	return o.receipt, nil
}

// do has the appender do something and waits for its end.
func (l *Log) do(ctx context.Context, o op, w *waiter) error {
	if !l.queue.put(o) {
		return events.Refuse(events.CodeUnavailable, "the disk does not keep up")
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ended(ctx)
	}
}

// Messages are drafts made ready to be numbered: all that can be done before
// the number is known is done by the goroutine that appends.
type messages struct {
	events  []*events.Event
	records [][]byte
	total   int // of their sizes
	weight  int // of what is written
}

func prepare(drafts []events.Draft) messages {
	room := 0
	for i := range drafts {
		room += recordRoom(&drafts[i])
	}
	m := messages{
		events:  make([]*events.Event, len(drafts)),
		records: make([][]byte, len(drafts)),
	}
	slab := make([]events.Event, len(drafts))
	buf := make([]byte, 0, room)
	for i := range drafts {
		d := &drafts[i]
		start := len(buf)
		var data int
		buf, data = appendRecord(buf, d)
		e := &slab[i]
		e.Draft = *d
		e.To, e.Except, e.AckID = slices.Clone(d.To), slices.Clone(d.Except), ""
		m.records[i] = buf[start:len(buf):len(buf)]
		e.Data = m.records[i][data:]
		m.events[i] = e
		size := d.Size()
		m.total += size
		m.weight += size + 64*len(d.To)
	}
	return m
}

// An appending is an Append under way.
type appending struct {
	waiter
	messages
	ns          string
	key, digest string
	receipt     events.Receipt
}

func (o *appending) bytes() int { return o.weight }

func (o *appending) plan(a *appender, c *commit) {
	n, made, err := a.namespace(o.ns)
	if err != nil {
		o.refuse(err)
		return
	}
	if o.key != "" && !made {
		known, err := a.known(c, n, o.key)
		switch {
		case err != nil:
			o.refuse(err)
			return
		case known == nil:
		case known.digest != o.digest:
			o.refuse(events.Refuse(events.CodeKeyReused, "this key stands for another request"))
			return
		default:
			// The first was written before, and whoever is told of a commit is
			// told after all before it: so its answer is true by then.
			o.receipt = known.receipt
			o.receipt.Replayed = true
			return
		}
	}
	stretches, err := a.targets(n, &o.messages)
	if err != nil {
		o.refuse(err)
		return
	}
	if made {
		a.make(c, n)
	}
	o.receipt = a.add(c, n, &o.messages, stretches)
	if o.key != "" {
		a.remember(c, n, o.key, &keyed{digest: o.digest, receipt: o.receipt})
	}
}

// namespace gives the namespace, or makes one that is not written yet.
func (a *appender) namespace(name string) (n *namespace, made bool, err error) {
	l := a.log
	l.mu.RLock()
	n, count := l.byName[name], len(l.byName)
	l.mu.RUnlock()
	if n != nil {
		return n, false, nil
	}
	if most := l.keep.Namespaces; most > 0 && count >= most {
		return nil, false, events.Refuse(events.CodeQuota, "there may be %d namespaces", most)
	}
	if l.nextID == math.MaxUint32 {
		return nil, false, events.Refuse(events.CodeQuota, "no more namespaces can be made in this log")
	}
	n = &namespace{id: l.nextID, name: name, epoch: events.NewEpoch(), key: make([]byte, 32), segment: -1}
	rand.Read(n.key)
	n.bounded = max(l.bounds(n).Events, 0)
	return n, true, nil
}

// make writes a new namespace.
func (a *appender) make(c *commit, n *namespace) {
	l := a.log
	l.nextID++
	l.mu.Lock()
	l.byName[n.name], l.byID[n.id] = n, n
	l.mu.Unlock()
	c.batch.Set(nameKey(n.name), n.encode(), nil)
	c.opened = append(c.opened, n)
	c.touch(n)
}

// targets gives the stretches of all messages, one after the other.
func (a *appender) targets(n *namespace, m *messages) ([]*stretch, error) {
	a.scratch = a.scratch[:0]
	for _, e := range m.events {
		for _, t := range e.To {
			s, err := a.load(n, t)
			if err != nil {
				return nil, err
			}
			a.scratch = append(a.scratch, s)
		}
	}
	return a.scratch, nil
}

// add numbers the messages and writes them. Nothing can fail from here on.
func (a *appender) add(c *commit, n *namespace, m *messages, stretches []*stretch) events.Receipt {
	c.touch(n)
	t := events.Stamp(c.now, time.UnixMilli(n.time).UTC())
	n.time = t.UnixMilli()
	first := n.last + 1
	keep := a.log.bounds(n)
	numbers := numberPrefix(n.id)
	for i, e := range m.events {
		n.last++
		e.Seq, e.Time = n.last, t
		record := m.records[i]
		seal(record, t)
		a.value = appendEntry(a.value[:0], e, e.Size(), record)
		set(c.batch, numbers, e.Seq, a.value)
		if e.TTL > 0 {
			c.batch.Set(expiryKey(ends(uint64(n.time), uint64(e.TTL)), n.id, e.Seq), nil, nil)
		}
		if len(e.To) > 1 {
			record = pointer
		}
		for _, s := range stretches[:len(e.To)] {
			set(c.batch, s.prefix, e.Seq, record)
			s.count++
			c.touchStretch(s)
			if keep.Events > 0 && s.count > int64(keep.Events) && s.told != keep.Events {
				s.told = keep.Events
				c.over = append(c.over, s)
			}
		}
		stretches = stretches[len(e.To):]
	}
	n.bytes.Add(int64(m.total))
	a.log.retention.heavier(n, int64(m.total), keep)
	c.hear(n, m.events)
	return events.Receipt{Epoch: n.epoch, First: first, Last: n.last, Time: t}
}

// A keyed is what an idempotency key stands for.
type keyed struct {
	digest  string
	receipt events.Receipt
}

// A bucket is as long as a key lives: a key that lives was put into this bucket
// or into the one before, and older buckets go as one range.
func bucket(ms int64) uint32 {
	b := ms / events.KeyLife.Milliseconds()
	return uint32(min(max(b, 1), math.MaxUint32))
}

// keyTime is the time by which a namespace's keys live. It never runs
// backwards, whatever the clock does, so that no key is looked for in the wrong
// bucket.
func keyTime(n *namespace, now time.Time) time.Time {
	return events.Stamp(now, time.UnixMilli(n.time).UTC())
}

// known gives what a key stands for, nil for nothing.
func (a *appender) known(c *commit, n *namespace, key string) (*keyed, error) {
	now := keyTime(n, c.now)
	if k := c.keys[commitKey(n, key)]; k != nil {
		return k, nil
	}
	b := bucket(now.UnixMilli())
	for _, b := range [...]uint32{b, b - 1} {
		value, closer, err := a.log.db.Get(keyKey(b, n.id, key))
		if err == pebble.ErrNotFound {
			continue
		}
		if err != nil {
			return nil, a.log.engineError(err)
		}
		k, err := parseKeyed(value)
		closer.Close()
		if err != nil {
			return nil, a.log.corrupted("an idempotency key of "+n.name, err)
		}
		if now.Sub(k.receipt.Time) < events.KeyLife {
			return k, nil
		}
	}
	return nil, nil
}

// remember writes what a key stands for.
func (a *appender) remember(c *commit, n *namespace, key string, k *keyed) {
	if c.keys == nil {
		c.keys = map[string]*keyed{}
	}
	c.keys[commitKey(n, key)] = k
	a.value = k.encode(a.value[:0])
	c.batch.Set(keyKey(bucket(k.receipt.Time.UnixMilli()), n.id, key), a.value, nil)
}

func commitKey(n *namespace, key string) string {
	return string(append(binary.BigEndian.AppendUint32(nil, n.id), key...))
}

func (k *keyed) encode(b []byte) []byte {
	b = append(b, namespaceVersion, byte(len(k.receipt.Epoch)))
	b = append(b, k.receipt.Epoch...)
	b = binary.AppendUvarint(b, k.receipt.First)
	b = binary.AppendUvarint(b, k.receipt.Last)
	b = binary.AppendVarint(b, k.receipt.Time.UnixMilli())
	return append(b, k.digest...)
}

var errKeyed = errors.New("the receipt cannot be read")

func parseKeyed(b []byte) (*keyed, error) {
	if len(b) < 2 || b[0] != namespaceVersion || len(b) < 2+int(b[1]) {
		return nil, errKeyed
	}
	k := &keyed{}
	k.receipt.Epoch = string(b[2 : 2+b[1]])
	r := varints{b: b[2+int(b[1]):]}
	k.receipt.First, k.receipt.Last = r.uint(), r.uint()
	k.receipt.Time = time.UnixMilli(r.int()).UTC()
	if r.bad {
		return nil, errKeyed
	}
	k.digest = string(bytes.Clone(r.b))
	return k, nil
}

// An opening makes a namespace.
type opening struct {
	waiter
	ns     string
	opened *namespace // it may have been forgotten again when the caller looks
}

func (o *opening) bytes() int { return 256 }

func (o *opening) plan(a *appender, c *commit) {
	n, made, err := a.namespace(o.ns)
	switch {
	case err != nil:
		o.refuse(err)
		return
	case made:
		a.make(c, n)
	}
	o.opened = n
}
