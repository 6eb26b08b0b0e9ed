package logtest_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/events"
	"parley/events/logtest"
)

// A flaw breaks one promise of a log that keeps them all.
type flaw struct {
	name   string
	caught string // by this subtest
	wrap   func(events.Log) events.Log
}

// flawed is a log some of whose methods are not its own.
type flawed struct {
	events.Log
	head    func(string, events.Head) events.Head
	append  func(context.Context, string, events.Batch) (events.Receipt, error)
	read    func(context.Context, string, events.Query) (events.Page, error)
	removed func([]string, []uint64) []uint64
	rooms   func(ctx context.Context, ns, after string, limit int) ([]events.Stretch, bool, error)
	erase   func(context.Context, string, events.Erasure) (events.Receipt, error)
	forget  func(ctx context.Context, ns string) (bool, error)
	tail    func(func(events.Segment)) func(events.Segment)
}

func (l *flawed) Open(ctx context.Context, ns string) (events.Head, error) {
	h, err := l.Log.Open(ctx, ns)
	if l.head != nil {
		h = l.head(ns, h)
	}
	return h, err
}

func (l *flawed) Append(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
	if l.append != nil {
		return l.append(ctx, ns, b)
	}
	return l.Log.Append(ctx, ns, b)
}

func (l *flawed) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	if l.read != nil {
		return l.read(ctx, ns, q)
	}
	return l.Log.Read(ctx, ns, q)
}

func (l *flawed) Removed(ctx context.Context, ns string, stretches []string) ([]uint64, error) {
	marks, err := l.Log.Removed(ctx, ns, stretches)
	if l.removed != nil {
		marks = l.removed(stretches, marks)
	}
	return marks, err
}

func (l *flawed) Rooms(ctx context.Context, ns, after string, limit int) ([]events.Stretch, bool, error) {
	if l.rooms != nil {
		return l.rooms(ctx, ns, after, limit)
	}
	return l.Log.Rooms(ctx, ns, after, limit)
}

func (l *flawed) Erase(ctx context.Context, ns string, e events.Erasure) (events.Receipt, error) {
	if l.erase != nil {
		return l.erase(ctx, ns, e)
	}
	return l.Log.Erase(ctx, ns, e)
}

func (l *flawed) Forget(ctx context.Context, ns string) (bool, error) {
	if l.forget != nil {
		return l.forget(ctx, ns)
	}
	return l.Log.Forget(ctx, ns)
}

func (l *flawed) Tail(f func(events.Segment)) {
	if l.tail != nil {
		f = l.tail(f)
	}
	l.Log.Tail(f)
}

// reading is a flaw of what is asked or of what is answered.
func reading(name, caught string, ask func(*events.Query), answer func(events.Query, *events.Page)) flaw {
	return flaw{name, caught, func(l events.Log) events.Log {
		return &flawed{Log: l, read: func(ctx context.Context, ns string, q events.Query) (events.Page, error) {
			if ask != nil {
				ask(&q)
			}
			p, err := l.Read(ctx, ns, q)
			if answer != nil {
				answer(q, &p)
			}
			return p, err
		}}
	}}
}

// listing is a flaw of the list of rooms, which change is given whole.
func listing(name, caught string, change func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool)) flaw {
	return flaw{name, caught, func(l events.Log) events.Log {
		return &flawed{Log: l, rooms: func(ctx context.Context, ns, after string, limit int) ([]events.Stretch, bool, error) {
			all, _, err := l.Rooms(ctx, ns, "", 1<<30)
			rooms, more := change(all, after, max(limit, 1))
			return rooms, more, err
		}}
	}}
}

// pageOf pages through a list as Rooms does.
func pageOf(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
	all = slices.DeleteFunc(slices.Clone(all), func(s events.Stretch) bool { return s.Room <= after })
	return all[:min(limit, len(all))], len(all) > limit
}

// appending is a flaw of what is kept.
func appending(name, caught string, change func(*events.Batch)) flaw {
	return flaw{name, caught, func(l events.Log) events.Log {
		return &flawed{Log: l, append: func(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
			b.Drafts = slices.Clone(b.Drafts)
			change(&b)
			return l.Append(ctx, ns, b)
		}}
	}}
}

// hearing is a flaw of the tail.
func hearing(name, caught string, tail func(func(events.Segment)) func(events.Segment)) flaw {
	return flaw{name, caught, func(l events.Log) events.Log { return &flawed{Log: l, tail: tail} }}
}

// remembering is a log that lists a room as long as it has been listed before.
func remembering(l events.Log) events.Log {
	known := map[string]uint64{}
	return listing("", "", func(now []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
		for _, s := range now {
			known[s.Room] = s.Last
		}
		var all []events.Stretch
		for _, room := range slices.Sorted(maps.Keys(known)) {
			all = append(all, events.Stretch{Room: room, Last: known[room]})
		}
		return pageOf(all, after, limit)
	}).wrap(l)
}

// tellingAfterErasing is a log that erases in two steps, between which others look.
func tellingAfterErasing(l events.Log) events.Log {
	looked := make(chan struct{}, 1)
	look := func() {
		select {
		case looked <- struct{}{}:
		default:
		}
	}
	return &flawed{Log: l, read: func(ctx context.Context, ns string, q events.Query) (events.Page, error) {
		defer look()
		return l.Read(ctx, ns, q)
	}, rooms: func(ctx context.Context, ns, after string, limit int) ([]events.Stretch, bool, error) {
		defer look()
		return l.Rooms(ctx, ns, after, limit)
	}, erase: func(ctx context.Context, ns string, e events.Erasure) (events.Receipt, error) {
		n := e.Notice
		e.Notice = events.Draft{To: []string{"@abcdefghijklmnop"}, Event: "e"}
		if _, err := l.Erase(ctx, ns, e); err != nil {
			return events.Receipt{}, err
		}
		for range 4 { // more than began before
			select {
			case <-looked:
			case <-time.After(10 * time.Millisecond): // nobody looks
			}
		}
		return l.Append(ctx, ns, events.Batch{Drafts: []events.Draft{n}})
	}}
}

func eachDraft(change func(*events.Draft)) func(*events.Batch) {
	return func(b *events.Batch) {
		for i := range b.Drafts {
			change(&b.Drafts[i])
		}
	}
}

// letOthersIn is between two steps that ought to be one, as a disk would be.
func letOthersIn() {
	for range 20 {
		runtime.Gosched()
	}
}

var flaws = []flaw{
	reading("starts one early", "reading/random", func(q *events.Query) { q.After = max(q.After, 1) - 1 }, nil),
	reading("starts one late", "reading/random", func(q *events.Query) { q.After++ }, nil),
	reading("ends one early", "reading/edges", func(q *events.Query) { q.Upto = max(q.Upto, 1) - 1 }, nil),
	reading("takes one too many", "reading/random", func(q *events.Query) { q.Limit++ }, nil),
	reading("does not count bytes", "reading/random", func(q *events.Query) { q.Bytes = 0 }, nil),
	reading("has no newest", "reading/random", func(q *events.Query) { q.Newest = false }, nil),
	reading("never has more", "reading/edges", nil, func(_ events.Query, p *events.Page) { p.More = false }),
	reading("has more when the page is full", "reading/edges", nil, func(q events.Query, p *events.Page) { p.More = len(p.Events) == q.Limit }),
	reading("gives the newest first", "reading/random", nil, func(q events.Query, p *events.Page) {
		if q.Newest {
			slices.Reverse(p.Events)
		}
	}),
	reading("marks no page", "retention/read together with sweeps", nil, func(_ events.Query, p *events.Page) { p.Removed = 0 }),
	reading("does not know everyone", "stretches", nil, func(q events.Query, p *events.Page) {
		if q.Stretch == events.Everyone {
			p.Events = nil
		}
	}),

	listing("begins at after", "rooms/order and pages", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
		all = slices.DeleteFunc(slices.Clone(all), func(s events.Stretch) bool { return s.Room < after })
		return all[:min(limit, len(all))], len(all) > limit
	}),
	listing("lists short names first", "rooms/order and pages", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
		rooms, more := pageOf(all, after, limit)
		slices.SortStableFunc(rooms, func(a, b events.Stretch) int { return len(a.Room) - len(b.Room) })
		return rooms, more
	}),
	listing("pages in order of length", "rooms/order and pages", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
		all = slices.DeleteFunc(slices.Clone(all), func(s events.Stretch) bool {
			return len(s.Room) < len(after) || len(s.Room) == len(after) && s.Room <= after
		})
		slices.SortStableFunc(all, func(a, b events.Stretch) int { return len(a.Room) - len(b.Room) })
		return all[:min(limit, len(all))], len(all) > limit
	}),
	listing("lists one room too many", "rooms/order and pages", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
		_, more := pageOf(all, after, limit)
		rooms, _ := pageOf(all, after, limit+1)
		return rooms, more
	}),
	listing("never has more rooms", "rooms/order and pages", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
		rooms, _ := pageOf(all, after, limit)
		return rooms, false
	}),
	listing("has more rooms when the page is full", "rooms/order and pages", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
		rooms, _ := pageOf(all, after, limit)
		return rooms, len(rooms) == limit
	}),
	listing("does not know the newest of a room", "rooms/order and pages", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
		rooms, more := pageOf(all, after, limit)
		for i := range rooms {
			rooms[i].Last = 1
		}
		return rooms, more
	}),
	{"makes what it lists", "rooms/none", func(l events.Log) events.Log {
		return &flawed{Log: l, rooms: func(ctx context.Context, ns, after string, limit int) ([]events.Stretch, bool, error) {
			if _, err := l.Open(ctx, ns); err != nil {
				return nil, false, err
			}
			return l.Rooms(ctx, ns, after, limit)
		}}
	}},
	{"takes everyone for a room", "rooms/none", func(l events.Log) events.Log {
		return &flawed{Log: l, rooms: func(ctx context.Context, ns, after string, limit int) ([]events.Stretch, bool, error) {
			p, err := l.Read(ctx, ns, events.Query{Stretch: events.Everyone, Upto: 1 << 62, Limit: 1, Newest: true})
			if err == nil && len(p.Events) > 0 && after < events.Everyone {
				return []events.Stretch{{Room: events.Everyone, Last: p.Events[0].Seq}}, false, nil
			}
			return l.Rooms(ctx, ns, after, limit)
		}}
	}},
	{"lists rooms that are gone", "rooms/what is gone", remembering},
	{"knows the rooms of its own life", "reopened/rooms", func(l events.Log) events.Log {
		known := map[string]bool{}
		f := listing("", "", func(all []events.Stretch, after string, limit int) ([]events.Stretch, bool) {
			return pageOf(slices.DeleteFunc(all, func(s events.Stretch) bool { return !known[s.Room] }), after, limit)
		}).wrap(l).(*flawed)
		f.append = func(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
			for _, d := range b.Drafts {
				for _, to := range d.To {
					known[to] = true
				}
			}
			return l.Append(ctx, ns, b)
		}
		return f
	}},
	appending("lists what outlived its TTL", "rooms/what is gone", eachDraft(func(d *events.Draft) { d.TTL = 0 })),
	{"lists no room while it erases", "rooms/together with erasing", tellingAfterErasing},

	appending("forgets keys", "keys/repeat", func(b *events.Batch) { b.Key = "" }),
	appending("forgets keys of two at once", "keys/together", func(b *events.Batch) { b.Key = "" }),
	appending("forgets digests", "keys/digest", func(b *events.Batch) { b.Digest = "" }),
	appending("forgets skip", "drafts/every field comes back", eachDraft(func(d *events.Draft) { d.Skip = "" })),
	appending("forgets except", "drafts/every field comes back", eachDraft(func(d *events.Draft) { d.Except = nil })),
	appending("rounds TTL", "drafts/every field comes back", eachDraft(func(d *events.Draft) { d.TTL = d.TTL.Truncate(time.Millisecond) })),
	appending("forgets until when answers are taken", "drafts/acknowledgements", eachDraft(func(d *events.Draft) { d.AckBy = time.Time{} })),
	appending("rounds until when answers are taken", "drafts/acknowledgements", eachDraft(func(d *events.Draft) { d.AckBy = d.AckBy.Truncate(time.Second) })),
	hearing("tells what answers are sent to", "drafts/acknowledgements", func(f func(events.Segment)) func(events.Segment) {
		return func(seg events.Segment) {
			for i, e := range seg.Events {
				told := &events.Event{Draft: e.Draft, Seq: e.Seq, Time: e.Time}
				told.AckID = "x"
				seg.Events[i] = told
			}
			f(seg)
		}
	}),
	appending("forgets TTL", "ttl", eachDraft(func(d *events.Draft) { d.TTL = 0 })),
	appending("trims data", "drafts/every byte comes back", eachDraft(func(d *events.Draft) { d.Data = []byte(strings.TrimRight(string(d.Data), "\x00")) })),
	appending("keeps one target", "stretches", eachDraft(func(d *events.Draft) { d.To = d.To[:1] })),

	{"appends batches in pieces", "numbers/a batch is seen whole", func(l events.Log) events.Log {
		return &flawed{Log: l, append: func(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
			var all events.Receipt
			for i, d := range b.Drafts {
				r, err := l.Append(ctx, ns, events.Batch{Drafts: []events.Draft{d}})
				if err != nil {
					return r, err
				}
				if i == 0 {
					all = r
				}
				all.Last = r.Last
				letOthersIn()
			}
			return all, nil
		}}
	}},
	{"answers another number", "numbers/concurrent writers", func(l events.Log) events.Log {
		var mu sync.Mutex
		var before events.Receipt
		return &flawed{Log: l, append: func(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
			r, err := l.Append(ctx, ns, b)
			mu.Lock()
			defer mu.Unlock()
			r, before = before, r
			return r, err
		}}
	}},
	{"has no marks of rooms", "retention/count", func(l events.Log) events.Log {
		return &flawed{Log: l, removed: func(_ []string, marks []uint64) []uint64 { return make([]uint64, len(marks)) }}
	}},
	{"mixes marks up", "retention/count", func(l events.Log) events.Log {
		return &flawed{Log: l, removed: func(_ []string, marks []uint64) []uint64 { slices.Sort(marks); return marks }}
	}},
	{"tells the notice after erasing", "erasing/one step with the notice", tellingAfterErasing},
	{"erases nothing", "erasing/numbers", func(l events.Log) events.Log {
		return &flawed{Log: l, erase: func(ctx context.Context, ns string, e events.Erasure) (events.Receipt, error) {
			return l.Append(ctx, ns, events.Batch{Drafts: []events.Draft{e.Notice}})
		}}
	}},
	{"changes its epoch", "reopened/events and head", func(l events.Log) events.Log {
		epoch := events.NewEpoch()
		return &flawed{Log: l, head: func(_ string, h events.Head) events.Head { h.Epoch = epoch; return h }}
	}},

	hearing("tells twice", "numbers/concurrent writers", func(f func(events.Segment)) func(events.Segment) {
		return func(seg events.Segment) { f(seg); f(seg) }
	}),
	hearing("tells not everything", "keys/repeat", func(f func(events.Segment)) func(events.Segment) {
		var n int
		return func(seg events.Segment) {
			if n++; n != 2 {
				f(seg)
			}
		}
	}),
	hearing("tells out of order", "numbers/concurrent writers", func(f func(events.Segment)) func(events.Segment) {
		var before *events.Segment
		return func(seg events.Segment) {
			if before == nil {
				before = &seg
				return
			}
			f(seg)
			f(*before)
			before = nil
		}
	}),
}

// misled are logs that take their options for others.
var misled = []struct {
	name    string
	caught  string // by this subtest
	options func(*logtest.Options)
}{
	{"has no bounds of namespaces", "retention/of a namespace", func(o *logtest.Options) { o.KeepOf = nil }},
	{"has no bytes of namespaces", "retention/bytes of a namespace", keptOf(func(k, _ events.Keep) events.Keep { k.Bytes = 0; return k })},
	{"takes what a namespace does not bound for unbound", "retention/of a namespace", keptOf(func(k, _ events.Keep) events.Keep {
		if k.Events == 0 {
			k.Events = -1
		}
		return k
	})},
	{"takes a namespace that is unbound for one that says nothing", "retention/of a namespace", keptOf(func(k, _ events.Keep) events.Keep {
		k.Events = max(k.Events, 0)
		return k
	})},
	{"keeps no more than the process's bound", "retention/of a namespace", keptOf(func(k, all events.Keep) events.Keep {
		k.Age = min(k.Age, all.Age)
		return k
	})},
	{"takes a namespace's disk for its own", "retention/of a namespace", func(o *logtest.Options) {
		if o.KeepOf != nil {
			o.Keep.Disk = o.KeepOf("ignored").Disk
		}
	}},
	{"takes a namespace's namespaces for its own", "retention/of a namespace", func(o *logtest.Options) {
		if o.KeepOf != nil {
			o.Keep.Namespaces = o.KeepOf("ignored").Namespaces
		}
	}},
	{"asks once", "retention/of a namespace that changes", func(o *logtest.Options) {
		if of := o.KeepOf; of != nil {
			var first sync.Map
			o.KeepOf = func(ns string) events.Keep {
				k, _ := first.LoadOrStore(ns, of(ns))
				return k.(events.Keep)
			}
		}
	}},
}

// keptOf changes what a namespace says of itself.
func keptOf(change func(own, all events.Keep) events.Keep) func(*logtest.Options) {
	return func(o *logtest.Options) {
		if of, all := o.KeepOf, o.Keep; of != nil {
			o.KeepOf = func(ns string) events.Keep { return change(of(ns), all) }
		}
	}
}

// broken, in the environment, names the flaw that TestRun is to have.
const broken = "LOGTEST_BROKEN"

func newBroken(t *testing.T) logtest.Store {
	s := brokenStore{newSurvivor(t), func(*logtest.Options) {}, func(l events.Log) events.Log { return l }}
	name := os.Getenv(broken)
	for _, f := range slices.Concat(flaws, forgetfuls) {
		if f.name == name {
			s.wrap = f.wrap
		}
	}
	for _, f := range misled {
		if f.name == name {
			s.options = f.options
		}
	}
	return s
}

type brokenStore struct {
	logtest.Store
	options func(*logtest.Options)
	wrap    func(events.Log) events.Log
}

func (s brokenStore) Open(t testing.TB, o logtest.Options) events.Log {
	s.options(&o)
	return s.wrap(s.Store.Open(t, o))
}

// TestRunCatches runs the suite on a broken log, in a process of its own because
// it is to fail there.
func TestRunCatches(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	catches := func(name, caught string) {
		t.Run(name, func(t *testing.T) {
			pattern := "^TestRun$"
			for part := range strings.SplitSeq(caught, "/") {
				pattern += "/^" + regexp.QuoteMeta(strings.ReplaceAll(part, " ", "_")) + "$"
			}
			cmd := exec.CommandContext(t.Context(), self, "-test.run="+pattern, "-test.timeout=60s")
			cmd.Env = append(os.Environ(), broken+"="+name)
			out, err := cmd.CombinedOutput()
			want := "--- FAIL: TestRun/" + strings.ReplaceAll(caught, " ", "_")
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%s did not catch it: %v\n%s", caught, err, out)
			}
		})
	}
	for _, f := range slices.Concat(flaws, forgetfuls) {
		catches(f.name, f.caught)
	}
	for _, f := range misled {
		catches(f.name, f.caught)
	}
}
