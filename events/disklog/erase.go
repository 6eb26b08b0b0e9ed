package disklog

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
)

// Erase takes events out of every stretch and appends the notice; see
// [events.Log]. The namespace is opened where it was not.
func (l *Log) Erase(ctx context.Context, ns string, e events.Erasure) (events.Receipt, error) {
	if err := l.enter(ctx); err != nil {
		return events.Receipt{}, err
	}
	defer l.leave()
	l.retention.mu.Lock() // so that it is not forgotten meanwhile
	defer l.retention.mu.Unlock()
	n, err := l.opened(ctx, ns)
	if err != nil {
		return events.Receipt{}, err
	}
	r := l.newRemoval(n)
	if err := r.named(e); err != nil {
		return events.Receipt{}, err
	}
	o := &erasing{removal: r, messages: prepare([]events.Draft{e.Notice})}
	if err := l.do(context.Background(), o, &o.waiter); err != nil {
		return events.Receipt{}, err
	}
	return o.receipt, nil
}

// An erasing is a removal and the notice of it in one step.
type erasing struct {
	*removal
	messages
	receipt events.Receipt
}

func (o *erasing) bytes() int { return o.weight }

func (o *erasing) plan(a *appender, c *commit) {
	err := o.load(a)
	if err == nil {
		var stretches []*stretch
		if stretches, err = a.targets(o.ns, &o.messages); err == nil {
			o.ns.view.Lock()
			c.locked = append(c.locked, o.ns)
			o.write(c)
			o.receipt = a.add(c, o.ns, &o.messages, stretches)
			return
		}
	}
	o.refuse(err)
}

// named takes what is to be erased.
func (r *removal) named(e events.Erasure) error {
	seqs := e.Seqs
	if e.Room != events.Everything {
		var err error
		if seqs, err = r.log.numbers(r.ns, e.Room, e.Upto); err != nil {
			return err
		}
	}
	seqs = slices.Clone(seqs)
	slices.Sort(seqs)
	var spans spans
	for _, seq := range slices.Compact(seqs) {
		if seq > r.ns.kept.Load() {
			break
		}
		entry, ok, err := r.log.entry(r.ns, seq)
		if err != nil {
			return err
		}
		if !ok || seq <= r.ns.removed.Load() {
			continue
		}
		if err := r.take(seq, &entry, true); err != nil {
			return err
		}
		for _, t := range entry.targets {
			spans.add(t, seq)
		}
	}
	for t, s := range spans {
		prefix := stretchPrefix(r.ns.id, t)
		r.erased = append(r.erased, [2][]byte{at(prefix, s.first), at(prefix, s.last+1)})
	}
	if s, ok := spans.all(); ok {
		r.erased = append(r.erased, [2][]byte{numberKey(r.ns.id, s.first), numberKey(r.ns.id, s.last+1)})
	}
	return nil
}

// numbers gives the numbers of what lies in a stretch, up to one.
func (l *Log) numbers(n *namespace, name string, upto uint64) ([]uint64, error) {
	upto = min(upto, n.kept.Load())
	_, mark, err := l.stretchCounters(n, name)
	if err != nil {
		return nil, err
	}
	prefix, after := stretchPrefix(n.id, name), max(mark, n.removed.Load())
	if after >= upto {
		return nil, nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: at(prefix, after+1), UpperBound: at(prefix, upto+1)})
	if err != nil {
		return nil, l.engineError(err)
	}
	defer it.Close()
	var seqs []uint64
	for ok := it.First(); ok; ok = it.Next() {
		seqs = append(seqs, seqOf(it.Key()))
	}
	if err := it.Error(); err != nil {
		return nil, l.engineError(err)
	}
	return seqs, nil
}

// spans are, for each stretch, the first and the last number that go.
type spans map[string]span

type span struct{ first, last uint64 }

func (s *spans) add(stretch string, seq uint64) {
	if *s == nil {
		*s = spans{}
	}
	v, ok := (*s)[stretch]
	if !ok {
		v.first = seq
	}
	v.last = seq
	(*s)[stretch] = v
}

func (s spans) all() (all span, ok bool) {
	for _, v := range s {
		if !ok || v.first < all.first {
			all.first = v.first
		}
		all.last = max(all.last, v.last)
		ok = true
	}
	return all, ok
}
