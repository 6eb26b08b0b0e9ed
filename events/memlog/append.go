package memlog

import (
	"bytes"
	"context"
	"slices"

	"parley/events"
)

// maxBatch is how many drafts a batch may hold.
const maxBatch = 1000

// Append numbers and keeps a batch; see [events.Log]. The tail has heard it when
// Append returns. The drafts' memory may be used again.
func (l *Log) Append(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
	if err := l.enter(ctx); err != nil {
		return events.Receipt{}, err
	}
	defer l.leave()
	if len(b.Drafts) < 1 || len(b.Drafts) > maxBatch {
		return events.Receipt{}, events.Refuse(events.CodeBadParameter, "a batch is 1 to %d events", maxBatch)
	}
	entries := copied(b.Drafts)
	n, err := l.turn(ctx, ns)
	if err != nil {
		return events.Receipt{}, err
	}
	defer n.give()
	now := l.now()
	n.mu.Lock()
	if b.Key != "" {
		if known, ok := n.keys.get(b.Key, now); ok {
			n.mu.Unlock()
			return known.replay(b.Digest)
		}
	}
	seg := n.addLocked(now, entries)
	r := n.receipt(seg)
	if b.Key != "" {
		n.keys.put(b.Key, known{digest: b.Digest, receipt: r})
	}
	size := n.size
	n.mu.Unlock()
	l.hand(seg, size)
	return r, nil
}

// Erase takes events out of every stretch and appends the notice; see
// [events.Log]. The namespace is opened where it was not.
func (l *Log) Erase(ctx context.Context, ns string, e events.Erasure) (events.Receipt, error) {
	if err := l.enter(ctx); err != nil {
		return events.Receipt{}, err
	}
	defer l.leave()
	notice := copied([]events.Draft{e.Notice})
	n, err := l.turn(ctx, ns)
	if err != nil {
		return events.Receipt{}, err
	}
	defer n.give()
	now := l.now()
	n.mu.Lock()
	n.dropLocked(n.namedLocked(e))
	seg := n.addLocked(now, notice)
	size := n.size
	n.mu.Unlock()
	l.hand(seg, size)
	return n.receipt(seg), nil
}

// namedLocked gives what is to be erased, in order of number, each once.
func (n *namespace) namedLocked(e events.Erasure) []*entry {
	var named []*entry
	seqs := slices.Clone(e.Seqs)
	slices.Sort(seqs)
	for _, seq := range slices.Compact(seqs) {
		if i := after(n.all, seq); i > 0 && n.all[i-1].Seq == seq {
			named = append(named, n.all[i-1])
		}
	}
	if s := n.stretches[e.Room]; s != nil && e.Room != events.Everything {
		named = append(named, s.entries[:after(s.entries, e.Upto)]...)
		slices.SortFunc(named, byNumber)
		named = slices.Compact(named)
	}
	return named
}

func byNumber(a, b *entry) int {
	switch {
	case a.Seq < b.Seq:
		return -1
	case a.Seq > b.Seq:
		return 1
	}
	return 0
}

// hand gives the segment to the tail, and tells the sweeper how big the
// namespace has become. It is called in turn and under no lock.
func (l *Log) hand(seg events.Segment, size int64) {
	l.mu.RLock()
	tail := l.tail
	l.mu.RUnlock()
	if tail != nil {
		tail(seg)
	}
	l.wakeSweeper(seg.Namespace, size)
}

func (n *namespace) receipt(seg events.Segment) events.Receipt {
	last := seg.Events[len(seg.Events)-1]
	return events.Receipt{Epoch: n.epoch, First: seg.After + 1, Last: last.Seq, Time: last.Time}
}

// copied makes entries of drafts and shares no memory with them.
func copied(drafts []events.Draft) []*entry {
	entries := make([]*entry, len(drafts))
	for i, d := range drafts {
		d.To, d.Except, d.Data, d.AckID = slices.Clone(d.To), slices.Clone(d.Except), bytes.Clone(d.Data), ""
		e := &entry{}
		e.Draft = d
		entries[i] = e
	}
	return entries
}
