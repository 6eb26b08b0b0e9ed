package disklog

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// A removal takes events away, in one commit with what it does to the counters
// and marks. It is prepared by reading, under retention.mu, so that no two know
// of the same event; the appender carries it out.
type removal struct {
	waiter
	log *Log
	ns  *namespace

	points  [][]byte
	ranges  [][2][]byte
	erased  [][2][]byte // ranges to compact away
	changes map[string]*change
	size    int64
	events  int

	removed uint64 // marks to raise; 0 for none
	counted uint64
}

// A change is what a removal does to one stretch.
type change struct {
	prefix  []byte
	mark    uint64 // before
	count   int64  // how many go
	removed uint64 // the mark to raise; 0 for none
	points  [][]byte
	loaded  *stretch
}

// manyPoints is from how many keys on a stretch's are deleted as one range, where
// they are one: ranges give room back sooner, but many short ones slow down
// reads.
const manyPoints = 64

// oldest turns the changes of stretches that lose all up to a number, and lose
// many, into ranges.
func (r *removal) oldest(upto uint64) {
	for _, c := range r.changes {
		if len(c.points) >= manyPoints {
			r.ranges = append(r.ranges, [2][]byte{c.points[0], at(c.prefix, upto+1)})
			c.points = nil
		}
	}
}

func (l *Log) newRemoval(n *namespace) *removal {
	return &removal{waiter: newWaiter(), log: l, ns: n, changes: map[string]*change{}}
}

func (r *removal) change(name string) (*change, error) {
	if c := r.changes[name]; c != nil {
		return c, nil
	}
	_, mark, err := r.log.stretchCounters(r.ns, name)
	if err != nil {
		return nil, err
	}
	c := &change{prefix: stretchPrefix(r.ns.id, name), mark: mark}
	r.changes[name] = c
	return c, nil
}

// take takes one event out of every stretch that holds it still, and its entry
// by number unless that goes with a range.
func (r *removal) take(seq uint64, e *entry, number bool) error {
	for _, t := range e.targets {
		c, err := r.change(t)
		if err != nil {
			return err
		}
		if seq > c.mark { // else its count took it already
			c.points = append(c.points, at(c.prefix, seq))
			c.count++
		}
	}
	r.forget(seq, e, number)
	return nil
}

// forget takes what is not in a stretch.
func (r *removal) forget(seq uint64, e *entry, number bool) {
	if number {
		r.points = append(r.points, numberKey(r.ns.id, seq))
	}
	if e.ttl > 0 {
		r.points = append(r.points, expiryKey(ends(e.time, e.ttl), r.ns.id, seq))
	}
	r.size += e.size
	r.events++
}

// entry reads what stands by a number. ok is false when nothing does.
func (l *Log) entry(n *namespace, seq uint64) (e entry, ok bool, err error) {
	value, closer, err := l.db.Get(numberKey(n.id, seq))
	if err == pebble.ErrNotFound {
		return entry{}, false, nil
	}
	if err != nil {
		return entry{}, false, l.engineError(err)
	}
	defer closer.Close()
	if e, err = parseEntry(value); err != nil {
		return entry{}, false, l.badEvent(n, seq, err)
	}
	e.record = nil // it is the engine's memory
	return e, true, nil
}

// bytes is 0: what deletes may use the reserve.
func (r *removal) bytes() int { return 0 }

func (r *removal) plan(a *appender, c *commit) {
	if err := r.load(a); err != nil {
		r.refuse(err)
		return
	}
	r.write(c)
}

// load brings the counters that change into memory. It may fail.
func (r *removal) load(a *appender) (err error) {
	if e := r.log.broken.Load(); e != nil {
		return e
	}
	for name, ch := range r.changes {
		if ch.loaded, err = a.load(r.ns, name); err != nil {
			return err
		}
	}
	return nil
}

// write cannot fail.
func (r *removal) write(c *commit) {
	// The marks first: a read that no longer finds an event must find them.
	n := r.ns
	n.removed.Store(max(n.removed.Load(), r.removed))
	n.counted.Store(max(n.counted.Load(), r.counted))
	c.touch(n)
	for _, k := range r.points {
		c.batch.Delete(k, nil)
	}
	for _, k := range r.ranges {
		c.batch.DeleteRange(k[0], k[1], nil)
	}
	for _, k := range r.erased {
		c.batch.Set(erasedKey(k[0]), k[1], nil)
	}
	for _, ch := range r.changes {
		if ch.count == 0 && ch.removed == 0 {
			continue
		}
		for _, k := range ch.points {
			c.batch.Delete(k, nil)
		}
		s := ch.loaded
		s.count -= ch.count
		s.removed = max(s.removed, ch.removed)
		s.told = 0
		c.touchStretch(s)
	}
	n.bytes.Add(-r.size)
	r.log.retention.total.Add(-r.size)
}

// carryOut has the appender do it, and waits whatever the caller does: the next
// removal is prepared from what this one leaves.
func (r *removal) carryOut() error {
	return r.log.do(context.Background(), r, &r.waiter)
}
