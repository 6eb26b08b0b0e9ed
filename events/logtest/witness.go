package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"

	"parley/events"
)

// A Witness remembers what a log has said to be kept, and compares it with what
// the log, or another one that was opened on what was left of its store, gives
// later. It is for tests that kill, cut the power, or close a log in the midst of
// its work.
//
// Drafts are to be told apart by their data: a test gives no two of a namespace
// the same. The zero Witness is ready; all methods may be called at once. It
// expects the same epoch throughout, so it is not for restored backups.
//
// A test that takes a copy of the store at a random moment takes a Clone of the
// witness before it: what was answered by then must be in the copy.
type Witness struct {
	mu         sync.Mutex
	namespaces map[string]*testimony
}

// A testimony is what is known of one namespace.
type testimony struct {
	epoch     string
	kept      map[uint64]events.Draft // answered or heard
	last      uint64                  // the highest of them
	erased    map[uint64]bool
	keys      map[string]answeredKey
	uncertain []events.Batch // no answer came, or one that says it may have been kept
	faults    []string
}

type answeredKey struct {
	batch   events.Batch
	receipt events.Receipt
}

func (w *Witness) ofLocked(ns string) *testimony {
	n := w.namespaces[ns]
	if n == nil {
		n = &testimony{kept: map[uint64]events.Draft{}, erased: map[uint64]bool{}, keys: map[string]answeredKey{}}
		if w.namespaces == nil {
			w.namespaces = map[string]*testimony{}
		}
		w.namespaces[ns] = n
	}
	return n
}

// Append appends to the log and remembers the outcome: what was answered must be
// there later, what was refused must not, and what had no answer must be there
// whole or not at all.
func (w *Witness) Append(ctx context.Context, log events.Log, ns string, b events.Batch) (events.Receipt, error) {
	b.Drafts = slices.Clone(b.Drafts)
	w.mu.Lock()
	n := w.ofLocked(ns)
	n.uncertain = append(n.uncertain, b)
	w.mu.Unlock()

	r, err := log.Append(ctx, ns, b)

	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil || !errors.Is(err, events.ErrUnavailable) && ctx.Err() == nil {
		n.uncertain = slices.DeleteFunc(n.uncertain, func(u events.Batch) bool { return &u.Drafts[0] == &b.Drafts[0] })
	}
	if err == nil {
		n.answered(b, r)
	}
	return r, err
}

// Answered remembers the receipt of a batch that was appended without Append.
func (w *Witness) Answered(ns string, b events.Batch, r events.Receipt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ofLocked(ns).answered(b, r)
}

func (n *testimony) answered(b events.Batch, r events.Receipt) {
	if n.epoch == "" {
		n.epoch = r.Epoch
	} else if r.Epoch != n.epoch {
		n.fault("a receipt has epoch %s, one before it had %s", r.Epoch, n.epoch)
	}
	if r.Last-r.First+1 != uint64(len(b.Drafts)) {
		n.fault("a batch of %d was answered %d to %d", len(b.Drafts), r.First, r.Last)
		return
	}
	for i, d := range b.Drafts {
		n.keep(r.First+uint64(i), d)
	}
	if b.Key != "" && !r.Replayed {
		if before, ok := n.keys[b.Key]; ok && before.batch.Digest == b.Digest && r.Time.Sub(before.receipt.Time) < events.KeyLife {
			n.fault("key %q was stored at %d and again at %d", b.Key, before.receipt.First, r.First)
		}
		n.keys[b.Key] = answeredKey{b, r}
	}
}

// Heard remembers a segment that the tail gave: it must have been kept by then.
// It does not keep the segment's events from being erased; see Erased.
func (w *Witness) Heard(seg events.Segment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.ofLocked(seg.Namespace)
	for _, e := range seg.Events {
		n.keep(e.Seq, e.Draft)
	}
}

func (n *testimony) keep(seq uint64, d events.Draft) {
	if before, ok := n.kept[seq]; ok {
		if what := differs(&d, &before); what != "" {
			n.fault("number %d was given twice: %s", seq, what)
		}
		return
	}
	n.kept[seq] = d
	n.last = max(n.last, seq)
}

// Erased says that these were erased, and the erasing answered.
func (w *Witness) Erased(ns string, seqs ...uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, seq := range seqs {
		w.ofLocked(ns).erased[seq] = true
	}
}

// Clone gives a witness that knows what this one knows now.
func (w *Witness) Clone() *Witness {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &Witness{namespaces: map[string]*testimony{}}
	for ns, n := range w.namespaces {
		copied := *n
		copied.kept, copied.erased, copied.keys = maps.Clone(n.kept), maps.Clone(n.erased), maps.Clone(n.keys)
		copied.uncertain, copied.faults = slices.Clone(n.uncertain), slices.Clone(n.faults)
		c.namespaces[ns] = &copied
	}
	return c
}

// Check fails the test unless, in each namespace, the log is in the same epoch
// and has every event that was answered or heard, whole and under its number,
// in each of its stretches, except what was erased, has a TTL, or is no higher
// than the mark of the stretch; lists every room that holds an event; has nothing
// that was erased; has a batch without an answer whole or not at all; and numbers what is appended now beyond all of
// it. For that it appends one event to each namespace, to the room "witness",
// and remembers it. Nobody else may append meanwhile.
func (w *Witness) Check(t testing.TB, log events.Log) {
	t.Helper()
	w.mu.Lock()
	names := slices.Sorted(maps.Keys(w.namespaces))
	w.mu.Unlock()
	for _, ns := range names {
		w.mu.Lock()
		n := w.namespaces[ns]
		n.check(t, log, ns)
		faults := n.faults
		n.faults = nil
		w.mu.Unlock()
		for i, fault := range faults {
			if i == 10 {
				t.Errorf("%s: and %d more", ns, len(faults)-i)
				break
			}
			t.Errorf("%s: %s", ns, fault)
		}
	}
}

func (n *testimony) fault(format string, args ...any) {
	n.faults = append(n.faults, fmt.Sprintf(format, args...))
}

func (n *testimony) check(t testing.TB, log events.Log, ns string) {
	ctx := t.Context()
	if len(n.kept) == 0 && len(n.uncertain) == 0 {
		return
	}
	head, err := log.Head(ctx, ns)
	if errors.Is(err, events.ErrNotFound) && len(n.kept) == 0 {
		return
	}
	if err != nil {
		n.fault("Head: %v", err)
		return
	}
	if n.epoch != "" && head.Epoch != n.epoch {
		n.fault("the epoch is %s, it was %s", head.Epoch, n.epoch)
	}
	if head.Last < n.last {
		n.fault("the last number is %d, %d was answered or heard", head.Last, n.last)
	}

	found := n.readAll(ctx, log, ns, head.Last)
	if found == nil {
		return
	}
	for seq, d := range n.kept {
		if n.erased[seq] || d.TTL > 0 {
			continue
		}
		for _, stretch := range stretchesOf(&d) {
			if s := found[stretch]; s.events[seq] == nil && seq > s.removed {
				n.fault("number %d is not in %q, whose mark is %d", seq, stretch, s.removed)
			}
		}
	}
	n.checkWhole(found)
	n.checkRooms(ctx, log, ns, found)

	probe := events.Draft{To: []string{"witness"}, Event: "witness", Data: fmt.Appendf(nil, `"after %d"`, head.Last)}
	r, err := log.Append(ctx, ns, events.Batch{Drafts: []events.Draft{probe}})
	if err != nil {
		n.fault("Append: %v", err)
		return
	}
	if r.First != head.Last+1 || r.Last != r.First {
		n.fault("the number after %d is %d", head.Last, r.First)
	}
	for stretch, s := range found {
		for seq, e := range s.events {
			if r.Time.Before(e.Time) {
				n.fault("the time of %d is %v, that of %d in %q was %v", r.First, r.Time, seq, stretch, e.Time)
			}
		}
	}
	n.answered(events.Batch{Drafts: []events.Draft{probe}}, r)
}

// A content is what a stretch was found to hold.
type content struct {
	events  map[uint64]*events.Event
	removed uint64
}

func stretchesOf(d *events.Draft) []string {
	stretches := slices.Clone(d.To)
	if !d.OnlyMembers() {
		stretches = append(stretches, events.Everything)
	}
	return stretches
}

// readAll reads each stretch that something known lies in, page by page, and
// looks at every event. It gives nil when the log cannot be read.
func (n *testimony) readAll(ctx context.Context, log events.Log, ns string, last uint64) map[string]content {
	found := map[string]content{events.Everything: {}}
	for _, d := range n.kept {
		for _, stretch := range stretchesOf(&d) {
			found[stretch] = content{}
		}
	}
	for _, b := range n.uncertain {
		for _, d := range b.Drafts {
			for _, stretch := range stretchesOf(&d) {
				found[stretch] = content{}
			}
		}
	}
	whole := map[uint64]*events.Event{}
	for stretch := range found {
		s := content{events: map[uint64]*events.Event{}}
		for after, more := uint64(0), true; more; {
			p, err := log.Read(ctx, ns, events.Query{Stretch: stretch, After: after, Upto: 1 << 62, Limit: 500})
			if err != nil {
				n.fault("Read of %q after %d: %v", stretch, after, err)
				return nil
			}
			for _, e := range p.Events {
				if e.Seq <= after || e.Seq > last {
					n.fault("%q gives number %d after %d, the last is %d", stretch, e.Seq, after, last)
					return nil
				}
				after = e.Seq
				s.events[e.Seq] = e
				n.look(stretch, e, whole[e.Seq])
				whole[e.Seq] = e
			}
			s.removed, more = p.Removed, p.More && len(p.Events) > 0
		}
		found[stretch] = s
	}
	return found
}

// look compares an event with what is known of it and with what another stretch
// gave under its number, if any.
func (n *testimony) look(stretch string, e, other *events.Event) {
	if n.erased[e.Seq] {
		n.fault("number %d was erased and is in %q", e.Seq, stretch)
	}
	if !slices.Contains(stretchesOf(&e.Draft), stretch) {
		n.fault("number %d is in %q and was said to %q", e.Seq, stretch, e.To)
	}
	if d, ok := n.kept[e.Seq]; ok {
		if what := differs(&e.Draft, &d); what != "" {
			n.fault("number %d in %q: %s", e.Seq, stretch, what)
		}
	}
	if other != nil {
		if what := differs(&e.Draft, &other.Draft); what != "" || !e.Time.Equal(other.Time) {
			n.fault("number %d in %q is at %v, elsewhere at %v; %s", e.Seq, stretch, e.Time, other.Time, what)
		}
	}
}

// checkWhole looks for batches of which a part is there, and for the same draft
// under two numbers.
func (n *testimony) checkWhole(found map[string]content) {
	number := map[string]uint64{}
	for _, s := range found {
		for seq, e := range s.events {
			if before, ok := number[string(e.Data)]; ok && before != seq {
				n.fault("%.80q is there as %d and as %d", e.Data, before, seq)
			}
			number[string(e.Data)] = seq
		}
	}
	for _, b := range n.uncertain {
		first, there := uint64(0), 0
		for i, d := range b.Drafts {
			seq, ok := number[string(d.Data)]
			if !ok || d.TTL > 0 || n.erased[seq] {
				continue
			}
			if there > 0 && first+uint64(i) != seq {
				n.fault("a batch that had no answer is not numbered consecutively at %d", seq)
			}
			first = seq - uint64(i)
			there++
		}
		if there == 0 || there == len(b.Drafts) {
			continue
		}
		for i, d := range b.Drafts {
			seq := first + uint64(i)
			for _, stretch := range stretchesOf(&d) {
				s := found[stretch]
				if e := s.events[seq]; d.TTL == 0 && !n.erased[seq] && seq > s.removed && (e == nil || !bytes.Equal(e.Data, d.Data)) {
					n.fault("of a batch of %d that had no answer only %d are there; %d is not in %q", len(b.Drafts), there, seq, stretch)
				}
			}
		}
	}
}

// checkRooms looks for rooms that hold an event and are not listed. A log that
// sweeps meanwhile may have removed it.
func (n *testimony) checkRooms(ctx context.Context, log events.Log, ns string, found map[string]content) {
	rooms, _, err := log.Rooms(ctx, ns, "", math.MaxInt)
	if err != nil {
		n.fault("Rooms: %v", err)
		return
	}
	listed := map[string]uint64{}
	for _, r := range rooms {
		listed[r.Room] = r.Last
	}
	for stretch, s := range found {
		for seq, e := range s.events {
			if !events.IsRoom(stretch) || e.TTL > 0 || listed[stretch] >= seq {
				continue
			}
			marks, err := log.Removed(ctx, ns, []string{stretch})
			if err != nil || seq > marks[0] {
				n.fault("%q holds number %d, its newest is listed as %d (%v)", stretch, seq, listed[stretch], err)
			}
			break
		}
	}
}

// CheckKeys repeats what was answered under a key and fails the test unless the
// answer is the first one. Keys must not have outlived [events.KeyLife] by the
// log's clock.
func (w *Witness) CheckKeys(t testing.TB, log events.Log) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for ns, n := range w.namespaces {
		for key, first := range n.keys {
			r, err := log.Append(t.Context(), ns, first.batch)
			if err != nil {
				t.Errorf("%s: a repeat with key %q: %v", ns, key, err)
				return
			}
			want := first.receipt
			if !r.Replayed || r.Epoch != want.Epoch || r.First != want.First || r.Last != want.Last || !r.Time.Equal(want.Time) {
				t.Errorf("%s: a repeat with key %q is answered %+v, the first was %+v", ns, key, r, want)
				return
			}
		}
	}
}
