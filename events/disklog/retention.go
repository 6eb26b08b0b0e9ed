package disklog

import (
	"container/heap"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
)

// stepEvents bounds one step of retention: a commit among many, that appends
// share and hardly wait for.
const stepEvents = 512

// A retention keeps the log within its bounds, in steps between which everybody
// else has a turn.
type retention struct {
	total atomic.Int64 // bytes of all namespaces; changed by the appender only
	early chan struct{}
	end   context.CancelFunc
	done  sync.WaitGroup

	// mu is held while something is taken away, from the reading to the disk.
	mu sync.Mutex

	overMu sync.Mutex
	over   map[stretchName]struct{} // stretches that hold more than they may

	sweeping sync.Mutex // one sweep at a time
}

// start begins the sweeper. When every is negative there is none.
func (r *retention) start(l *Log, every time.Duration) {
	r.early = make(chan struct{}, 1)
	ctx, end := context.WithCancel(context.Background())
	r.end = end
	if every < 0 {
		return
	}
	r.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-r.early:
			}
			if err := l.sweep(ctx); err != nil && ctx.Err() == nil {
				l.logger.Warn("retention could not do its work", "err", err)
			}
		}
	})
}

// stop ends the sweeper and waits for it.
func (r *retention) stop() {
	r.end()
	r.done.Wait()
}

// tooMany is told of a stretch that holds more than it may, once that is on
// disk: a sweep that looked before would find nothing to do and forget it.
func (r *retention) tooMany(ns uint32, name string) {
	r.overMu.Lock()
	defer r.overMu.Unlock()
	if r.over == nil {
		r.over = map[stretchName]struct{}{}
	}
	r.over[stretchName{ns, name}] = struct{}{}
}

// heavier is told by the appender of a namespace that has grown. Fast writers
// are swept after before the time.
func (r *retention) heavier(n *namespace, by int64, keep events.Keep) {
	total := r.total.Add(by)
	if wellPast(n.bytes.Load(), keep.Bytes) || wellPast(total, keep.Disk) {
		select {
		case r.early <- struct{}{}:
		default:
		}
	}
}

func wellPast(size, most int64) bool { return most > 0 && size > most+most/8 }

// Sweep enforces retention now; see [events.Log]. It also rewrites what held
// erased events, so that their bytes leave the disk.
func (l *Log) Sweep(ctx context.Context) error {
	if err := l.enter(ctx); err != nil {
		return err
	}
	defer l.leave()
	return l.sweep(ctx)
}

func (l *Log) sweep(ctx context.Context) error {
	r := &l.retention
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	now := l.now()
	// What outlived its TTL goes first: it is not to be taken for something that
	// retention removed.
	for _, part := range []func(context.Context, time.Time) error{
		l.forgetKeys, l.sweepExpired, l.sweepNamespaces, l.sweepCounts, l.sweepBytes, l.sweepDisk, l.scrub,
	} {
		if err := part(ctx, now); err != nil {
			return err
		}
	}
	if l.space.full.Load() {
		if _, err := l.db.AsyncFlush(); err != nil { // what was deleted gives room back only then
			return l.engineError(err)
		}
	}
	if err := l.space.keepBallast(); err != nil {
		return unavailable(err, "the ballast in %q cannot be made", l.dir)
	}
	return nil
}

// forgetKeys drops the buckets whose idempotency keys have all outlived their
// time.
func (l *Log) forgetKeys(ctx context.Context, now time.Time) error {
	b := bucket(now.UnixMilli())
	first, end := bucketKey(0), bucketKey(b-1)
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: first, UpperBound: end})
	if err != nil {
		return l.engineError(err)
	}
	found := it.First()
	if found {
		first = append([]byte(nil), it.Key()...)
	}
	if err := it.Close(); err != nil {
		return l.engineError(err)
	}
	if !found {
		return nil
	}
	o := &forgetting{waiter: newWaiter(), first: first, end: end}
	return l.do(ctx, o, &o.waiter)
}

// A forgetting drops a range of keys that nothing counts.
type forgetting struct {
	waiter
	first, end []byte
}

func (o *forgetting) bytes() int                  { return 0 }
func (o *forgetting) plan(_ *appender, c *commit) { c.batch.DeleteRange(o.first, o.end, nil) }

// sweepExpired takes what has outlived its TTL.
func (l *Log) sweepExpired(ctx context.Context, now time.Time) error {
	upper := expiryKey(now.UnixMilli()+1, 0, 0)
	for {
		taken, err := l.expireStep(upper)
		if err != nil || taken == 0 {
			return err
		}
		if ctx.Err() != nil {
			return ended(ctx)
		}
	}
}

func (l *Log) expireStep(upper []byte) (taken int, err error) {
	l.retention.mu.Lock()
	defer l.retention.mu.Unlock()
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tableExpiry}, UpperBound: upper})
	if err != nil {
		return 0, l.engineError(err)
	}
	defer it.Close()
	byNamespace := map[*namespace]*removal{}
	for ok := it.First(); ok && taken < stepEvents; ok = it.Next() {
		_, id, seq, valid := parseExpiryKey(it.Key())
		l.mu.RLock()
		n := l.byID[id]
		l.mu.RUnlock()
		if !valid || n == nil {
			return taken, l.corrupted("the table of TTLs", errNamespace)
		}
		if seq > n.kept.Load() {
			continue
		}
		r := byNamespace[n]
		if r == nil {
			r = l.newRemoval(n)
			byNamespace[n] = r
		}
		e, found, err := l.entry(n, seq)
		if err != nil {
			return taken, err
		}
		if found {
			if err := r.take(seq, &e, true); err != nil {
				return taken, err
			}
		} else {
			r.points = append(r.points, append([]byte(nil), it.Key()...))
		}
		taken++
	}
	if err := it.Error(); err != nil {
		return 0, l.engineError(err)
	}
	for _, r := range byNamespace {
		if err := r.carryOut(); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// sweepNamespaces takes what is older than Keep.Age.
func (l *Log) sweepNamespaces(ctx context.Context, now time.Time) error {
	for _, n := range l.namespaces() {
		age := l.bounds(n).Age
		if age <= 0 {
			continue
		}
		if err := l.takeOldest(ctx, n, bound{before: now.Add(-age), bytes: math.MaxInt64}); err != nil {
			return err
		}
	}
	return nil
}

// sweepBytes takes the oldest of namespaces that are too big.
func (l *Log) sweepBytes(ctx context.Context, _ time.Time) error {
	for _, n := range l.namespaces() {
		most := l.bounds(n).Bytes
		if over := n.bytes.Load() - most; most > 0 && over > 0 {
			if err := l.takeOldest(ctx, n, bound{before: farFuture, bytes: over}); err != nil {
				return err
			}
		}
	}
	return nil
}

var farFuture = time.UnixMilli(math.MaxInt64)

// sweepDisk takes the oldest events of all namespaces until all together keep
// no more than they may.
func (l *Log) sweepDisk(ctx context.Context, _ time.Time) error {
	if l.keep.Disk <= 0 || l.retention.total.Load() <= l.keep.Disk {
		return nil
	}
	var h byOldest
	for _, n := range l.namespaces() {
		if t, ok, err := l.oldest(n); err != nil {
			return err
		} else if ok {
			h = append(h, aged{n, t})
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		over := l.retention.total.Load() - l.keep.Disk
		if over <= 0 {
			return nil
		}
		before := farFuture // how far this one may go before another is older
		for _, i := range []int{1, 2} {
			if i < len(h) && h[i].time.Before(before) {
				before = h[i].time
			}
		}
		if before != farFuture {
			before = before.Add(time.Millisecond)
		}
		n := h[0].namespace
		if err := l.takeOldest(ctx, n, bound{before: before, bytes: over}); err != nil {
			return err
		}
		t, ok, err := l.oldest(n)
		if err != nil {
			return err
		}
		if ok {
			h[0].time = t
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
	}
	return nil
}

// A bound says how much takeOldest takes: events older than before, until this
// many bytes are gone.
type bound struct {
	before time.Time
	bytes  int64
}

// takeOldest takes a namespace's oldest events, in steps.
func (l *Log) takeOldest(ctx context.Context, n *namespace, b bound) error {
	for b.bytes > 0 {
		if ctx.Err() != nil {
			return ended(ctx)
		}
		taken, size, err := l.oldestStep(n, b)
		if err != nil || taken < stepEvents {
			return err
		}
		b.bytes -= size
	}
	return nil
}

func (l *Log) oldestStep(n *namespace, b bound) (taken int, size int64, err error) {
	l.retention.mu.Lock()
	defer l.retention.mu.Unlock()
	it, first, err := l.fromOldest(n)
	if it == nil {
		return 0, 0, err
	}
	defer it.Close()
	r := l.newRemoval(n)
	for ok := it.First(); ok && r.events < stepEvents && r.size < b.bytes; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return 0, 0, l.engineError(err)
		}
		seq := seqOf(it.Key())
		e, err := parseEntry(value)
		if err != nil {
			return 0, 0, l.badEvent(n, seq, err)
		}
		if !time.UnixMilli(int64(e.time)).Before(b.before) {
			break
		}
		if err := r.take(seq, &e, false); err != nil {
			return 0, 0, err
		}
		r.removed = seq
	}
	if err := it.Error(); err != nil {
		return 0, 0, l.engineError(err)
	}
	if r.events == 0 {
		return 0, 0, nil
	}
	r.oldest(r.removed)
	r.ranges = append(r.ranges, [2][]byte{numberKey(n.id, first), numberKey(n.id, r.removed+1)})
	return r.events, r.size, r.carryOut()
}

// fromOldest gives an iterator over what stands by number, not yet positioned,
// and the number that it begins at; nil when there is nothing. It begins at the
// mark, so that it does not step over what was deleted.
func (l *Log) fromOldest(n *namespace) (*pebble.Iterator, uint64, error) {
	first, last := n.removed.Load()+1, n.kept.Load()
	if first > last {
		return nil, 0, nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: numberKey(n.id, first), UpperBound: numberKey(n.id, last+1)})
	if err != nil {
		return nil, 0, l.engineError(err)
	}
	return it, first, nil
}

func (l *Log) oldest(n *namespace) (t time.Time, ok bool, err error) {
	it, _, err := l.fromOldest(n)
	if it == nil {
		return time.Time{}, false, err
	}
	defer it.Close()
	if !it.First() {
		if err := it.Error(); err != nil {
			return time.Time{}, false, l.engineError(err)
		}
		return time.Time{}, false, nil
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return time.Time{}, false, l.engineError(err)
	}
	e, err := parseEntry(value)
	if err != nil {
		return time.Time{}, false, l.badEvent(n, seqOf(it.Key()), err)
	}
	return time.UnixMilli(int64(e.time)), true, nil
}

// sweepCounts takes the oldest of stretches that hold too many. The appender
// says which; where the bound is lower than it was, or may be because the log was
// opened since, all of the namespace's are looked at.
func (l *Log) sweepCounts(ctx context.Context, _ time.Time) error {
	r := &l.retention
	for _, n := range l.namespaces() {
		most := max(l.bounds(n).Events, 0)
		if most > 0 && (n.bounded == 0 || most < n.bounded) {
			if err := l.scanCounts(ctx, n, most); err != nil {
				return err
			}
		}
		n.bounded = most
	}
	r.overMu.Lock()
	over := r.over
	r.over = nil
	r.overMu.Unlock()
	for s := range over {
		l.mu.RLock()
		n := l.byID[s.ns]
		l.mu.RUnlock()
		if n == nil {
			continue // it was forgotten
		}
		for more := true; more; {
			var err error
			if more, err = l.countStep(n, s.name); err == nil && ctx.Err() != nil {
				err = ended(ctx)
			}
			if err != nil {
				for s := range over { // what is within its bound by now costs a look
					r.tooMany(s.ns, s.name)
				}
				return err
			}
		}
	}
	return nil
}

// countStep takes the oldest events of one stretch. Those that other stretches
// hold too stay there.
func (l *Log) countStep(n *namespace, name string) (more bool, err error) {
	l.retention.mu.Lock()
	defer l.retention.mu.Unlock()
	r := l.newRemoval(n)
	c, err := r.change(name)
	if err != nil {
		return false, err
	}
	count, mark, err := l.stretchCounters(n, name)
	if err != nil {
		return false, err
	}
	most := int64(l.bounds(n).Events)
	over := count - most
	from := max(mark, n.removed.Load())
	kept := n.kept.Load()
	if most <= 0 || over <= 0 || from >= kept {
		return false, nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: at(c.prefix, from+1), UpperBound: at(c.prefix, kept+1)})
	if err != nil {
		return false, l.engineError(err)
	}
	defer it.Close()
	for ok := it.First(); ok && c.count < min(over, stepEvents); ok = it.Next() {
		seq := seqOf(it.Key())
		e, found, err := l.entry(n, seq)
		if err == nil && !found {
			err = l.badEvent(n, seq, errMissing)
		}
		if err != nil {
			return false, err
		}
		last := true // no other stretch holds it
		for _, t := range e.targets {
			if t != name {
				other, err := r.change(t)
				if err != nil {
					return false, err
				}
				last = last && seq <= other.mark
			}
		}
		if last {
			r.forget(seq, &e, true)
		}
		c.count++
		c.removed = seq
	}
	if err := it.Error(); err != nil {
		return false, l.engineError(err)
	}
	if c.count == 0 {
		return false, nil
	}
	r.counted = c.removed
	r.ranges = append(r.ranges, [2][]byte{at(c.prefix, from+1), at(c.prefix, c.removed+1)})
	return over > c.count, r.carryOut()
}

// scanCounts looks at the counters of every stretch of a namespace, from one to
// the next.
func (l *Log) scanCounts(ctx context.Context, n *namespace, most int) error {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: stretchesKey(n.id), UpperBound: stretchesKey(n.id + 1)})
	if err != nil {
		return l.engineError(err)
	}
	defer it.Close()
	for ok := it.First(); ok; {
		if ctx.Err() != nil {
			return ended(ctx)
		}
		key := it.Key()
		if len(key) < 6+seqBytes || len(key) != 6+int(key[5])+seqBytes || seqOf(key) != 0 {
			return l.corrupted("the table of stretches", errStretch)
		}
		count, _, err := l.counters(it)
		if err != nil {
			return err
		}
		prefix := append([]byte(nil), key[:len(key)-seqBytes]...)
		if count > int64(most) {
			s := stretch{prefix: prefix}
			l.retention.tooMany(s.id(), s.name())
		}
		ok = it.SeekGE(behind(prefix))
	}
	if err := it.Error(); err != nil {
		return l.engineError(err)
	}
	return nil
}

// scrub has the engine rewrite what held erased events, and forgets then that
// it must. The events are in old write-ahead logs too, which the engine keeps to
// write over: so as many new ones are begun as it may keep, none of them over an
// old one.
func (l *Log) scrub(ctx context.Context, _ time.Time) error {
	type span struct{ first, end []byte }
	var erased []span
	err := l.scan(tableErased, func(key, value []byte) error {
		erased = append(erased, span{append([]byte(nil), key[1:]...), append([]byte(nil), value...)})
		return nil
	})
	if err != nil || len(erased) == 0 {
		return err
	}
	for _, s := range erased {
		if err := l.db.Compact(ctx, s.first, s.end, false); err != nil {
			if ctx.Err() != nil {
				return ended(ctx)
			}
			return l.engineError(err)
		}
	}
	l.space.scrubbing.Store(true)
	defer l.space.scrubbing.Store(false)
	for range recycledLogs + 1 {
		if err := l.db.Flush(); err != nil {
			return l.engineError(err)
		}
	}
	for _, s := range erased {
		first := erasedKey(s.first)
		o := &forgetting{waiter: newWaiter(), first: first, end: append(first[:len(first):len(first)], 0)}
		if err := l.do(ctx, o, &o.waiter); err != nil {
			return err
		}
	}
	return nil
}

// aged is a namespace and the time of its oldest event.
type aged struct {
	namespace *namespace
	time      time.Time
}

type byOldest []aged

func (h byOldest) Len() int           { return len(h) }
func (h byOldest) Less(i, j int) bool { return h[i].time.Before(h[j].time) }
func (h byOldest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byOldest) Push(x any)        { *h = append(*h, x.(aged)) }
func (h *byOldest) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
