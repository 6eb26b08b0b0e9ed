package disklog

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
)

// Read gives a page of a stretch; see [events.Log]. A Limit below 1 counts as 1.
func (l *Log) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	if err := l.enter(ctx); err != nil {
		return events.Page{}, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil {
		return events.Page{}, nil
	}
	p := pager{log: l, ns: n, q: q, now: l.now()}
	p.q.Limit = max(q.Limit, 1)
	var err error
	if q.Stretch == events.Everything {
		err = p.everything()
	} else {
		err = p.stretch()
	}
	if err != nil {
		return events.Page{}, err
	}
	if q.Newest {
		slices.Reverse(p.page.Events)
	}
	return p.page, nil
}

// A pager fills one page from one view of the engine.
type pager struct {
	log  *Log
	ns   *namespace
	q    events.Query
	now  time.Time
	page events.Page
	size int
	read reader
	side *pebble.Iterator // of the same view, for what lies elsewhere
}

// stretch pages through a room's, member's or everyone's stretch.
//
// A mark is read after the events or from the same view: one that was read
// before could be older than the deletion that hid an event.
func (p *pager) stretch() error {
	prefix := stretchPrefix(p.ns.id, p.q.Stretch)
	p.read.target = []string{p.q.Stretch}
	after, mark := max(p.q.After, p.ns.removed.Load()), uint64(0)
	it, err := p.look(at(prefix, 0), prefix)
	if err != nil {
		return err
	}
	defer p.close(it)
	if p.ns.counted.Load() > 0 {
		// Somewhere in the namespace a count has taken events, perhaps here.
		// The engine still steps over what it has deleted, so begin above it.
		if it.First() && seqOf(it.Key()) == 0 {
			if _, mark, err = p.log.counters(it); err != nil {
				return err
			}
		}
		if it.Error() != nil {
			return p.log.engineError(it.Error())
		}
		after = max(after, mark)
	}
	if err := p.walk(it, prefix, after, p.inStretch); err != nil {
		return err
	}
	p.page.Removed = max(p.ns.removed.Load(), mark)
	return nil
}

// everything pages through the namespace by number.
func (p *pager) everything() error {
	prefix := numberPrefix(p.ns.id)
	after := max(p.q.After, p.ns.removed.Load())
	it, err := p.look(at(prefix, after+1), prefix)
	if err != nil {
		return err
	}
	defer p.close(it)
	if err := p.walk(it, prefix, after, p.byNumber); err != nil {
		return err
	}
	p.page.Removed = max(p.ns.removed.Load(), p.ns.counted.Load())
	return nil
}

// look fixes what the page sees: the numbers that are kept (what is above is
// perhaps not on disk yet) and a view of the engine, from a key to the last of
// those numbers.
func (p *pager) look(lower, prefix []byte) (*pebble.Iterator, error) {
	p.ns.view.RLock()
	defer p.ns.view.RUnlock()
	p.q.Upto = min(p.q.Upto, p.ns.kept.Load())
	it, err := p.log.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: at(prefix, p.q.Upto+1)})
	if err != nil {
		return nil, p.log.engineError(err)
	}
	return it, nil
}

func (p *pager) close(it *pebble.Iterator) {
	if p.side != nil {
		p.side.Close()
	}
	it.Close()
}

// walk goes through the keys of (after, Upto] until the page is full or the
// range ends. take gives the event at a key, nil for one that is not to be
// seen.
func (p *pager) walk(it *pebble.Iterator, prefix []byte, after uint64, take func(*pebble.Iterator, uint64) (*events.Event, error)) error {
	if after >= p.q.Upto {
		return nil
	}
	p.page.Events = make([]*events.Event, 0, min(p.q.Limit, 64))
	ok, next := false, it.Next
	if p.q.Newest {
		ok, next = it.SeekLT(at(prefix, p.q.Upto+1)), it.Prev
	} else {
		ok = it.SeekGE(at(prefix, after+1))
	}
	for ; ok; ok = next() {
		seq := seqOf(it.Key())
		if seq <= after { // newest first: the stretch's counters, or what is not asked for
			break
		}
		e, err := take(it, seq)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		if len(p.page.Events) >= p.q.Limit || p.q.Bytes > 0 && p.size >= p.q.Bytes && len(p.page.Events) > 0 {
			p.page.More = true
			return nil
		}
		p.page.Events = append(p.page.Events, e)
		if p.q.Bytes > 0 {
			p.size += e.Size()
		}
	}
	if err := it.Error(); err != nil {
		return p.log.engineError(err)
	}
	return nil
}

// inStretch gives the event at a stretch's key.
func (p *pager) inStretch(it *pebble.Iterator, seq uint64) (*events.Event, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return nil, p.log.engineError(err)
	}
	if len(value) == len(pointer) && value[0] == pointer[0] {
		side, err := p.beside(it, numberKey(p.ns.id, seq))
		if err != nil {
			return nil, err
		}
		entry, err := parseEntry(side)
		if err != nil {
			return nil, p.corrupt(seq, err)
		}
		value = entry.record
	}
	return p.event(value, seq)
}

// byNumber gives the event at a number's key.
func (p *pager) byNumber(it *pebble.Iterator, seq uint64) (*events.Event, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return nil, p.log.engineError(err)
	}
	entry, err := parseEntry(value)
	if err != nil {
		return nil, p.corrupt(seq, err)
	}
	if entry.private || entry.expired(p.now) {
		return nil, nil
	}
	record := entry.record
	if record == nil {
		if record, err = p.beside(it, at(stretchPrefix(p.ns.id, entry.targets[0]), seq)); err != nil {
			return nil, err
		}
	}
	return p.event(record, seq)
}

func (p *pager) event(record []byte, seq uint64) (*events.Event, error) {
	if expired(record, p.now) {
		return nil, nil
	}
	e, err := p.read.event(record, seq)
	if err != nil {
		return nil, p.corrupt(seq, err)
	}
	return e, nil
}

// beside gives the value of a key that must be there, from the iterator's view.
func (p *pager) beside(it *pebble.Iterator, key []byte) ([]byte, error) {
	if p.side == nil {
		side, err := it.Clone(pebble.CloneOptions{IterOptions: &pebble.IterOptions{}})
		if err != nil {
			return nil, p.log.engineError(err)
		}
		p.side = side
	}
	return p.log.beside(p.side, p.ns, key)
}

// beside gives the value of an event's key that must be there, from an iterator.
func (l *Log) beside(it *pebble.Iterator, n *namespace, key []byte) ([]byte, error) {
	if !it.SeekGE(key) || string(it.Key()) != string(key) {
		if err := it.Error(); err != nil {
			return nil, l.engineError(err)
		}
		return nil, l.badEvent(n, seqOf(key), errMissing)
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return nil, l.engineError(err)
	}
	return value, nil
}

func (p *pager) corrupt(seq uint64, err error) error { return p.log.badEvent(p.ns, seq, err) }

func (l *Log) badEvent(n *namespace, seq uint64, err error) error {
	return l.corrupted(fmt.Sprintf("event %s-%d of %s", n.epoch, seq, n.name), err)
}

// counters gives a stretch's counters from the key at which the iterator is.
func (l *Log) counters(it *pebble.Iterator) (count int64, removed uint64, err error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return 0, 0, l.engineError(err)
	}
	if count, removed, err = parseStretch(value); err != nil {
		return 0, 0, l.corrupted("the counters of a stretch", err)
	}
	return count, removed, nil
}

// stretchCounters gives a stretch's counters as the engine has them.
func (l *Log) stretchCounters(n *namespace, name string) (count int64, removed uint64, err error) {
	value, closer, err := l.db.Get(at(stretchPrefix(n.id, name), 0))
	if err == pebble.ErrNotFound {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, l.engineError(err)
	}
	defer closer.Close()
	if count, removed, err = parseStretch(value); err != nil {
		return 0, 0, l.corrupted("the counters of a stretch of "+n.name, err)
	}
	return count, removed, nil
}

// Removed gives the marks of stretches; see [events.Log].
func (l *Log) Removed(ctx context.Context, ns string, stretches []string) ([]uint64, error) {
	if err := l.enter(ctx); err != nil {
		return nil, err
	}
	defer l.leave()
	marks := make([]uint64, len(stretches))
	n := l.find(ns)
	if n == nil {
		return marks, nil
	}
	for i, name := range stretches {
		switch counted := n.counted.Load(); {
		case name == events.Everything:
			marks[i] = counted
		case counted > 0:
			_, mark, err := l.stretchCounters(n, name)
			if err != nil {
				return nil, err
			}
			marks[i] = mark
		}
		marks[i] = max(marks[i], n.removed.Load())
	}
	return marks, nil
}

// Find gives the number of the first event at or after a time; see [events.Log].
// In a namespace without a log it is 1. Times do not run backwards, so it halves
// the range.
func (l *Log) Find(ctx context.Context, ns string, t time.Time) (uint64, error) {
	if err := l.enter(ctx); err != nil {
		return 0, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil {
		return 1, nil
	}
	prefix := numberPrefix(n.id)
	low, high := n.removed.Load()+1, n.kept.Load()+1 // the answer is in [low, high]
	end := high
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: at(prefix, low), UpperBound: at(prefix, high)})
	if err != nil {
		return 0, l.engineError(err)
	}
	defer it.Close()
	for low < high {
		mid := low + (high-low)/2
		found := it.SeekGE(at(prefix, mid))
		if err := it.Error(); err != nil {
			return 0, l.engineError(err)
		}
		if !found { // nothing is kept from mid to the end
			high = mid
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return 0, l.engineError(err)
		}
		if len(value) < 10 {
			return 0, l.badEvent(n, seqOf(it.Key()), errEntry)
		}
		if time.UnixMilli(int64(binary.BigEndian.Uint64(value[2:]))).Before(t) {
			low = seqOf(it.Key()) + 1
		} else {
			high = mid
		}
	}
	// low is now the lowest number from which all is late enough; the answer is
	// the first that is kept there.
	if low >= end || !it.SeekGE(at(prefix, low)) {
		if err := it.Error(); err != nil {
			return 0, l.engineError(err)
		}
		return end, nil
	}
	return seqOf(it.Key()), nil
}
