package disklog

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
)

// Namespaces lists the namespaces that have a log; see [events.Log].
func (l *Log) Namespaces(ctx context.Context) ([]string, error) {
	if err := l.enter(ctx); err != nil {
		return nil, err
	}
	defer l.leave()
	var names []string
	for _, n := range l.namespaces() {
		names = append(names, n.name)
	}
	slices.Sort(names)
	return names, nil
}

// Forget removes a namespace's log that holds nothing; see [events.Log]. First
// what has outlived its TTL is taken, in steps as retention does.
func (l *Log) Forget(ctx context.Context, ns string) (bool, error) {
	if err := l.enter(ctx); err != nil {
		return false, err
	}
	defer l.leave()
	for {
		forgotten, again, err := l.forgetStep(ns)
		if err == nil && again && ctx.Err() != nil {
			err = ended(ctx)
		}
		if err != nil || !again {
			return forgotten, err
		}
	}
}

// forgetStep takes some of what has outlived its TTL or, when there is none,
// forgets the namespace. It has retention.mu to the end, whatever the caller
// does: another removal must not be prepared for a namespace that goes before it
// is carried out.
func (l *Log) forgetStep(ns string) (forgotten, again bool, err error) {
	l.retention.mu.Lock()
	defer l.retention.mu.Unlock()
	n := l.find(ns)
	if n == nil {
		return false, false, nil
	}
	o := &ending{waiter: newWaiter(), log: l, ns: n, last: n.kept.Load()}
	r, lives, err := l.outlivedOf(n, l.now())
	if err != nil || lives {
		return false, false, err
	}
	if r.events > 0 {
		return false, true, r.carryOut()
	}
	if o.key, err = l.newestKey(n); err != nil {
		return false, false, err
	}
	if err := l.do(context.Background(), o, &o.waiter); err != nil {
		return false, false, err
	}
	return o.forgotten, false, nil
}

// outlivedOf gives a removal of the oldest events of a namespace, unless one
// lives.
func (l *Log) outlivedOf(n *namespace, now time.Time) (r *removal, lives bool, err error) {
	r = l.newRemoval(n)
	it, _, err := l.fromOldest(n)
	if it == nil {
		return r, false, err
	}
	defer it.Close()
	look := func() (e entry, err error) {
		value, err := it.ValueAndErr()
		if err != nil {
			return entry{}, l.engineError(err)
		}
		if e, err = parseEntry(value); err != nil {
			return entry{}, l.badEvent(n, seqOf(it.Key()), err)
		}
		return e, nil
	}
	if it.Last() { // where one lives, it is most often the newest
		if e, err := look(); err != nil || !e.expired(now) {
			return nil, err == nil, err
		}
	}
	for ok := it.First(); ok && r.events < stepEvents; ok = it.Next() {
		e, err := look()
		if err != nil || !e.expired(now) {
			return nil, err == nil, err
		}
		if err := r.take(seqOf(it.Key()), &e, true); err != nil {
			return nil, false, err
		}
	}
	if err := it.Error(); err != nil {
		return nil, false, l.engineError(err)
	}
	return r, false, nil
}

// newestKey gives the time of the newest idempotency key of a namespace that may
// still be remembered; zero when there is none. It looks into the buckets in which
// such keys are, from the oldest on: there are two, or more where the clock was set
// back.
func (l *Log) newestKey(n *namespace) (newest time.Time, err error) {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tableKey}, UpperBound: tableEnd(tableKey)})
	if err != nil {
		return time.Time{}, l.engineError(err)
	}
	defer it.Close()
	for ok := it.SeekGE(keyKey(bucket(l.now().UnixMilli())-1, n.id, "")); ok; {
		b, id, valid := parseKeyKey(it.Key())
		switch {
		case !valid:
			return time.Time{}, l.corrupted("the table of idempotency keys", errKeyed)
		case id < n.id:
			ok = it.SeekGE(keyKey(b, n.id, ""))
			continue
		case id > n.id: // on to the next bucket: no namespace has this number
			ok = it.SeekGE(keyKey(b, math.MaxUint32, ""))
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return time.Time{}, l.engineError(err)
		}
		k, err := parseKeyed(value)
		if err != nil {
			return time.Time{}, l.corrupted("an idempotency key of "+n.name, err)
		}
		if k.receipt.Time.After(newest) {
			newest = k.receipt.Time
		}
		ok = it.Next()
	}
	if err := it.Error(); err != nil {
		return time.Time{}, l.engineError(err)
	}
	return newest, nil
}

// An ending forgets a namespace that was found to hold nothing, unless something
// has been said in it since then.
type ending struct {
	waiter
	log       *Log
	ns        *namespace
	last      uint64    // its last number when it was looked at
	key       time.Time // of its newest idempotency key; zero for none
	forgotten bool
}

func (o *ending) bytes() int { return 0 }

// plan writes it. What is left in the engine is counters of stretches, and keys
// that are not remembered any more. Those go with their bucket: no other
// namespace ever gets this one's short number, so nobody finds them.
func (o *ending) plan(a *appender, c *commit) {
	l, n := o.log, o.ns
	if e := l.broken.Load(); e != nil {
		o.refuse(e)
		return
	}
	if n.last != o.last || !o.key.IsZero() && keyTime(n, c.now).Sub(o.key) < events.KeyLife {
		return
	}
	c.batch.Delete(nameKey(n.name), nil)
	c.batch.Delete(counterKey(n.id), nil)
	if n.last > 0 {
		c.batch.DeleteRange(stretchesKey(n.id), stretchesKey(n.id+1), nil)
	}
	a.value = binary.AppendUvarint(a.value[:0], uint64(l.nextID))
	c.batch.Set(globalKey("next"), a.value, nil)
	l.mu.Lock()
	delete(l.byName, n.name)
	delete(l.byID, n.id)
	l.mu.Unlock()
	l.retention.total.Add(-n.bytes.Load())
	o.forgotten = true
}

// loadNext gives the short number from which on none was given, as it is known
// since a namespace was forgotten.
func (l *Log) loadNext() error {
	value, closer, err := l.db.Get(globalKey("next"))
	if err == pebble.ErrNotFound {
		return nil
	}
	if err != nil {
		return l.engineError(err)
	}
	defer closer.Close()
	next, rest, ok := uvarint(value)
	if !ok || len(rest) > 0 || next > math.MaxUint32 {
		return l.corrupted("the number of the next namespace", errors.New("it cannot be read"))
	}
	l.nextID = max(l.nextID, uint32(next))
	return nil
}
