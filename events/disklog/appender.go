package disklog

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
)

// An op is something that the appender does: it is planned into a commit, and
// told its end once that commit is on disk.
type op interface {
	// bytes is about what it adds to the disk; 0 for what frees room.
	bytes() int
	// plan writes it into the commit. When it cannot, it changes nothing and
	// remembers why.
	plan(a *appender, c *commit)
	// refuse ends it without a plan.
	refuse(err error)
	// tell wakes who waits for it. It is called last, once.
	tell()
}

// A waiter is the part of an op that somebody waits for.
type waiter struct {
	done chan struct{}
	err  error
}

func newWaiter() waiter { return waiter{done: make(chan struct{})} }

func (w *waiter) refuse(err error) { w.err = err }
func (w *waiter) tell()            { close(w.done) }

// A commit is what reaches the disk in one step.
type commit struct {
	now        time.Time
	batch      *pebble.Batch
	ops        []op
	opened     []*namespace
	namespaces []*namespace // changed, each once
	kept       []uint64     // their last numbers
	stretches  []*stretch   // changed, each once
	segments   []events.Segment
	over       []*stretch        // hold more than they may, by this commit
	locked     []*namespace      // whose view is held until this is kept
	keys       map[string]*keyed // idempotency keys that this very commit brings
}

// Bounds on one commit. What does not fit waits for the next one, which is
// already being written while this one is synced.
const (
	maxCommitBytes = 1 << 20
	maxCommitOps   = 4096
	// Commits between the appender and the disk: one more is built while one is
	// synced. More would only make them smaller.
	maxUnsynced = 1

	// From how many operations on a commit is worth building while another is
	// synced. Smaller ones go together: two that take turns are two fsyncs where one
	// would do.
	manyOps = 64
)

// durable is how everything is written: with fsync. It is said here only.
var durable = pebble.Sync

// An appender numbers, writes and owns all counters. Its goroutine is the only
// one that writes to the engine, so that order needs no lock; a second one, the
// teller, waits for the disk behind it and hands over, in the same order.
type appender struct {
	log     *Log
	commits chan *commit
	untold  atomic.Int32 // commits that the teller has not settled yet
	crowd   crowd        // who was there last time, and is likely to come again
	stretch stretchCache
	scratch []*stretch
	value   []byte // scratch for encoding
}

// append is the appender's goroutine. It ends when the queue is closed and
// empty, and closes commits.
func (a *appender) append() {
	defer close(a.commits)
	var ops []op
	for {
		a.crowd.gather(a.log.queue)
		if ops = a.log.queue.take(ops); len(ops) == 0 {
			return
		}
		for rest := ops; len(rest) > 0; {
			n, bytes := 0, 0
			for n < len(rest) && n < maxCommitOps && (n == 0 || bytes < maxCommitBytes) {
				bytes += rest[n].bytes()
				n++
			}
			a.commit(rest[:n], bytes)
			rest = rest[n:]
		}
	}
}

// commit plans the operations, and hands the commit to the disk and to the
// teller.
func (a *appender) commit(ops []op, bytes int) {
	c := &commit{now: a.log.now(), batch: a.log.db.NewBatchWithSize(bytes*2 + 64*len(ops)), ops: make([]op, len(ops))}
	copy(c.ops, ops)
	refusal := a.log.refusal(bytes)
	for _, o := range c.ops {
		if refusal != nil && o.bytes() > 0 {
			o.refuse(refusal)
			continue
		}
		o.plan(a, c)
	}
	a.finish(c)
	if !c.batch.Empty() {
		a.log.many.Store(len(ops) > 1)
		// Visible to reads from here on, and on disk only after SyncWait: hence
		// namespace.kept.
		if err := a.log.db.ApplyNoSyncWait(c.batch, durable); err != nil {
			// Numbers were given that are not on disk: only a new start knows
			// again where the log stands.
			a.log.fail(err)
			for _, o := range c.ops {
				o.refuse(a.log.failure())
			}
			c = &commit{ops: c.ops, locked: c.locked}
		}
	}
	if a.untold.Load() == 0 && len(ops) < manyOps {
		began := time.Now()
		a.settle(c)
		// Counted before anybody is told: who has come again would count twice, and
		// then be waited for in vain.
		a.crowd.left(len(ops)+a.log.queue.len(), time.Since(began))
		c.tell()
		return
	}
	a.crowd.left(0, 0) // they are not answered yet
	a.untold.Add(1)
	a.commits <- c
}

// finish writes the counters of all that the commit changed, once each.
func (a *appender) finish(c *commit) {
	for _, s := range c.stretches {
		s.changed = nil
		if s.count == 0 && s.removed <= s.ns.removed.Load() {
			c.batch.Delete(at(s.prefix, 0), nil) // it has nothing more to say
			continue
		}
		a.value = s.appendCounters(a.value[:0])
		set(c.batch, s.prefix, 0, a.value)
	}
	for _, n := range c.namespaces {
		n.changed, n.segment = nil, -1
		c.kept = append(c.kept, n.last)
		a.value = n.appendCounters(a.value[:0])
		c.batch.Set(counterKey(n.id), a.value, nil)
	}
	a.stretch.age()
}

// tell is the teller's goroutine.
func (a *appender) tell() {
	for c := range a.commits {
		a.settle(c)
		c.tell()
		a.untold.Add(-1)
	}
}

// settle waits for the disk, lets readers see what is kept and hands it to the
// tail, in this order; then those who wait are to be told. Commits are settled in
// their order, one at a time.
func (a *appender) settle(c *commit) {
	if c.batch != nil {
		if !c.batch.Empty() {
			if err := c.batch.SyncWait(); err != nil {
				a.log.fail(err)
				for _, o := range c.ops {
					o.refuse(a.log.failure())
				}
				c.opened, c.namespaces, c.segments, c.over = nil, nil, nil, nil
			}
		}
		c.batch.Close()
	}
	for i, n := range c.namespaces {
		n.kept.Store(c.kept[i])
	}
	for _, n := range c.locked {
		n.view.Unlock()
	}
	for _, n := range c.opened {
		n.open.Store(true)
	}
	for _, s := range c.over {
		a.log.retention.tooMany(s.id(), s.name())
	}
	if tail := a.log.tail.Load(); tail != nil {
		for _, s := range c.segments {
			(*tail)(s)
		}
	}
}

// tell wakes who waits for the commit.
func (c *commit) tell() {
	for _, o := range c.ops {
		o.tell()
	}
}

// set writes one numbered key without building it elsewhere first.
func set(b *pebble.Batch, prefix []byte, seq uint64, value []byte) {
	d := b.SetDeferred(len(prefix)+seqBytes, len(value))
	copy(d.Key, prefix)
	putSeq(d.Key[len(prefix):], seq)
	copy(d.Value, value)
	d.Finish()
}

// touch notes that the commit changes a namespace.
func (c *commit) touch(n *namespace) {
	if n.changed != c {
		n.changed, n.segment = c, -1
		c.namespaces = append(c.namespaces, n)
	}
}

func (c *commit) touchStretch(s *stretch) {
	if s.changed != c {
		s.changed = c
		c.stretches = append(c.stretches, s)
	}
}

// hear adds events, numbered and in order, to what the tail will hear of a
// touched namespace.
func (c *commit) hear(n *namespace, list []*events.Event) {
	if n.segment < 0 {
		n.segment = len(c.segments)
		c.segments = append(c.segments, events.Segment{Namespace: n.name, After: list[0].Seq - 1, Events: list})
		return
	}
	s := &c.segments[n.segment]
	s.Events = append(s.Events, list...)
}

// load gives a stretch's counters.
func (a *appender) load(n *namespace, name string) (*stretch, error) {
	if s := a.stretch.get(n.id, name); s != nil {
		return s, nil
	}
	s := &stretch{ns: n, prefix: stretchPrefix(n.id, name)}
	if n.last > 0 { // else it is new, and has none
		value, closer, err := a.log.db.Get(at(s.prefix, 0))
		switch {
		case err == pebble.ErrNotFound:
		case err != nil:
			return nil, a.log.engineError(err)
		default:
			s.count, s.removed, err = parseStretch(value)
			closer.Close()
			if err != nil {
				return nil, a.log.corrupted("the counters of a stretch of "+n.name, err)
			}
		}
	}
	a.stretch.put(n.id, name, s)
	return s, nil
}

// A stretchCache holds the counters of the stretches that were written to
// last. It is two maps: when the young one is full it becomes the old one, and
// what was not asked for since then is forgotten. Nothing is forgotten during a
// commit, so a changed stretch is in it once.
type stretchCache struct {
	young, old map[stretchName]*stretch
}

type stretchName struct {
	ns   uint32
	name string
}

// maxCached is how many stretches each of the two maps holds: together about
// 20 MiB at most.
const maxCached = 1 << 16

func (c *stretchCache) get(ns uint32, name string) *stretch {
	k := stretchName{ns, name}
	if s := c.young[k]; s != nil {
		return s
	}
	s := c.old[k]
	if s != nil {
		c.young[k] = s
	}
	return s
}

func (c *stretchCache) put(ns uint32, name string, s *stretch) {
	if c.young == nil {
		c.young = map[stretchName]*stretch{}
	}
	c.young[stretchName{ns, name}] = s
}

func (c *stretchCache) age() {
	if len(c.young) >= maxCached {
		c.young, c.old = map[stretchName]*stretch{}, c.young
	}
}
