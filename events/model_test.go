package events_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
	"parley/events/memlog"
)

var (
	modelSeeds = flag.Int("model.seeds", 2000, "how many seeds TestModel runs")
	modelFirst = flag.Uint64("model.first", 1, "the first of them")
)

// TestModel runs cursors over 1 to 8 rooms against writers, in virtual time: the
// tail lags and breaks, reads of the log take their time, readers lag, drop in the
// middle of a page, return, join and leave, and retention takes away what it may.
// What every reader was given must be, page by page, exactly what a naive reading
// of the whole log says it is to hear, or lie in a gap that it was told of.
func TestModel(t *testing.T) {
	const perTest = 100
	for first := *modelFirst; first < *modelFirst+uint64(*modelSeeds); first += perTest {
		t.Run(fmt.Sprintf("seeds %d to %d", first, first+perTest-1), func(t *testing.T) {
			t.Parallel()
			for seed := first; seed < min(first+perTest, *modelFirst+uint64(*modelSeeds)); seed++ {
				synctest.Test(t, func(t *testing.T) { runModel(t, seed) })
				if t.Failed() {
					t.Fatalf("seed %d; again with -model.first=%d -model.seeds=1", seed, seed)
				}
			}
		})
	}
}

const (
	modelRooms   = 10
	modelPeople  = 5
	modelWriters = 3
	modelPosts   = 40
	modelScratch = 3 // so many pages are made at once
)

// A model is one run: the truth beside the registry.
type model struct {
	t     *testing.T
	seed  uint64
	log   *lateLog
	reg   *events.Registry
	quiet sync.WaitGroup // the writers

	scratches chan *events.Scratch

	mu    sync.Mutex
	truth []*events.Event // by number, from 1; nil where an append is under way
}

func runModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	keep := events.Keep{Events: -1, Age: -1, Bytes: -1, Disk: -1}
	switch rnd.IntN(4) {
	case 0:
		keep.Events = 5 + rnd.IntN(20)
	case 1:
		keep.Age = time.Duration(50+rnd.IntN(400)) * time.Millisecond
	case 2:
		keep.Bytes = int64(2000 + rnd.IntN(8000))
	}
	mem := memlog.New(memlog.Options{Keep: keep, SweepEvery: -1})
	m := &model{t: t, seed: seed, log: newLateLog(mem, seed, rnd.IntN(3) == 0), scratches: make(chan *events.Scratch, modelScratch)}
	for range modelScratch {
		m.scratches <- &events.Scratch{}
	}
	o := events.Options{Log: m.log, Window: 2 + rnd.IntN(40), WindowAge: -1}
	if rnd.IntN(3) == 0 {
		o.WindowAge = time.Duration(1+rnd.IntN(1000)) * time.Millisecond
	}
	if seed%3 == 0 {
		o.WindowMemory = int64(1 + rnd.IntN(20_000)) // from none at all to a few events a room
	}
	m.reg = events.NewRegistry(o)

	people := make([]*person, modelPeople)
	for i := range people {
		people[i] = newPerson(m, i)
	}
	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	for _, p := range people {
		reading.Go(func() { p.listen(ctx) })
	}
	for w := range modelWriters {
		m.quiet.Go(func() { m.write(w, people) })
	}
	if rnd.IntN(2) == 0 {
		reading.Go(func() {
			for ctx.Err() == nil {
				time.Sleep(20 * time.Millisecond)
				if err := mem.Sweep(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("sweep: %v", err)
				}
			}
		})
	}
	m.quiet.Wait()
	m.log.settle()
	time.Sleep(10 * time.Second) // everybody catches up
	stop()
	reading.Wait()
	last := uint64(len(m.truth))
	for _, p := range people {
		if p.position != last {
			t.Errorf("person %d ended at %d of %d", p.n, p.position, last)
		}
	}
	m.log.stop()
	if err := mem.Close(); err != nil {
		t.Error(err)
	}
}

// write posts to random targets, with and without a sender.
func (m *model) write(w int, people []*person) {
	rnd := rand.New(rand.NewPCG(m.seed, uint64(100+w)))
	for i := range modelPosts {
		time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
		caller := events.Anonymous("")
		if rnd.IntN(2) == 0 {
			caller = events.Anonymous(people[rnd.IntN(len(people))].connection)
		}
		p := events.Post{Echo: rnd.IntN(4) == 0}
		for range 1 + rnd.IntN(3) {
			p.To = append(p.To, m.target(rnd, people))
		}
		for range rnd.IntN(3) {
			p.Except = append(p.Except, m.target(rnd, people))
		}
		for n := range 1 + rnd.IntN(3) {
			p.Bodies = append(p.Bodies, events.Body{Data: fmt.Appendf(nil, `"%d.%d.%d"`, w, i, n)})
		}
		if rnd.IntN(8) == 0 {
			p.Bodies = p.Bodies[:1]
			p.Volatile = true
		}
		got, err := m.reg.Publish(m.t.Context(), caller, "demo", p)
		if err != nil {
			m.t.Errorf("publish: %v", err)
			return
		}
		if !p.Volatile {
			m.record(got, p)
		}
	}
}

func (m *model) target(rnd *rand.Rand, people []*person) string {
	switch rnd.IntN(12) {
	case 0:
		return events.Everyone
	case 1:
		return "@" + people[rnd.IntN(len(people))].member
	}
	return roomName(rnd.IntN(modelRooms))
}

func roomName(i int) string { return fmt.Sprintf("room %d", i) }

func (m *model) record(got events.Published, p events.Post) {
	skip := got.From
	if p.Echo {
		skip = ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.truth) < int(got.Last.Seq) {
		m.truth = append(m.truth, nil)
	}
	for i, b := range p.Bodies {
		seq := got.First.Seq + uint64(i)
		m.truth[seq-1] = &events.Event{Seq: seq, Draft: events.Draft{
			To: p.To, Except: p.Except, From: got.From, Skip: skip, Data: b.Data,
		}}
	}
}

// event waits until the truth about a number is known: a reader may hear an
// event before its publisher is answered.
func (m *model) event(seq uint64) *events.Event {
	for range 10_000 {
		m.mu.Lock()
		if int(seq) <= len(m.truth) && m.truth[seq-1] != nil {
			defer m.mu.Unlock()
			return m.truth[seq-1]
		}
		m.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	m.t.Errorf("number %d was heard and never answered", seq)
	return nil
}

// A person listens, and is judged by what a naive reader would have heard.
type person struct {
	m          *model
	n          int
	rnd        *rand.Rand
	connection string
	member     string
	rooms      map[string]uint64 // heard above this number
	left       []stretch         // rooms that this stream was in
	position   uint64
	first      bool
	bell       chan struct{}
	told       []events.Gap
}

// A stretch is the numbers in (from, upto] of a room.
type stretch struct {
	room       string
	from, upto uint64
}

func newPerson(m *model, n int) *person {
	p := &person{
		m: m, n: n, rnd: rand.New(rand.NewPCG(m.seed, uint64(10+n))),
		connection: fmt.Sprintf("connection-of-%04d", n),
		rooms:      map[string]uint64{}, first: true,
		bell: make(chan struct{}, 1),
	}
	for range 1 + p.rnd.IntN(8) {
		p.rooms[roomName(p.rnd.IntN(modelRooms))] = 0
	}
	c := p.open(m.t.Context(), events.Start{})
	p.member = c.Hello().Member
	c.Close()
	return p
}

func (p *person) open(ctx context.Context, s events.Start) *events.Cursor {
	p.left = nil // a room that was left is not one that a return comes back to
	var rooms []string
	for r := range p.rooms {
		rooms = append(rooms, r)
	}
	sort.Strings(rooms)
	c, err := p.m.reg.Listen(ctx, events.Anonymous(p.connection), "demo", events.Listen{
		Rooms: rooms, Start: s,
		Bell: events.BellFunc(func() {
			select {
			case p.bell <- struct{}{}:
			default:
			}
		}),
	})
	if err != nil {
		if ctx.Err() == nil {
			p.m.t.Errorf("listen: %v", err)
		}
		return nil
	}
	return c
}

func (p *person) listen(ctx context.Context) {
	epoch := ""
	for ctx.Err() == nil {
		start := events.Start{}
		if !p.first {
			start = events.After(events.ID{Epoch: epoch, Seq: p.position}.String())
		}
		c := p.open(ctx, start)
		if c == nil {
			return
		}
		if p.first {
			p.position = c.Hello().Start.Seq
			p.first = false
		}
		epoch = c.Epoch()
		if got := c.Hello().Start.Seq; got != p.position {
			// Only a position beyond what this node's tail has brought is not taken up.
			p.m.t.Errorf("seed %d: returned at %d, was given %d", p.m.seed, p.position, got)
		}
		p.read(ctx, c)
		c.Close()
		time.Sleep(time.Duration(p.rnd.IntN(200)) * time.Millisecond)
	}
}

// read reads pages until the stream drops or the time is over.
func (p *person) read(ctx context.Context, c *events.Cursor) {
	for {
		if p.rnd.IntN(3) == 0 {
			time.Sleep(time.Duration(p.rnd.IntN(60)) * time.Millisecond)
		}
		if p.rnd.IntN(10) == 0 {
			p.move(ctx)
		}
		limit := events.Limit{Events: 8, Near: p.rnd.IntN(2) == 0}
		if p.rnd.IntN(2) == 0 {
			limit.Events = 1 + p.rnd.IntN(8)
		}
		d, err := p.next(ctx, c, limit)
		if d.Far {
			if !limit.Near || !d.More || len(d.Events) > 0 || d.Position.Seq != p.position {
				p.m.t.Errorf("seed %d: a page too far from %d is %+v", p.m.seed, p.position, d)
			}
			limit.Near = false
			d, err = p.next(ctx, c, limit)
		}
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				p.m.t.Errorf("next: %v", err)
			}
			return
		}
		p.judge(d)
		if p.m.t.Failed() {
			return
		}
		if !d.Empty() && p.rnd.IntN(12) == 0 {
			p.drop(d)
			if len(d.Gaps) == 0 && p.rnd.IntN(2) == 0 {
				c.Back(p.position) // a socket that was full goes on from there
				continue
			}
			return
		}
		p.position = d.Position.Seq
		if d.Empty() && !d.More {
			select {
			case <-p.bell:
			case <-time.After(3 * time.Second): // a heartbeat moves the position on
			case <-ctx.Done():
				return
			}
		}
	}
}

// next gives a page, made in memory that all readers take turns with: what one saw in
// it must be nothing to the next.
func (p *person) next(ctx context.Context, c *events.Cursor, limit events.Limit) (events.Delivery, error) {
	limit.Scratch = <-p.m.scratches
	defer func() { p.m.scratches <- limit.Scratch }()
	d, err := c.Next(ctx, limit)
	d.Events = slices.Clone(d.Events)
	return d, err
}

// drop forgets a page from some event on, as a socket that breaks does.
func (p *person) drop(d events.Delivery) {
	for _, e := range d.Events[:p.rnd.IntN(len(d.Events)+1)] {
		if e.Seq > 0 {
			p.position = e.Seq
		}
	}
}

// move joins or leaves a room.
func (p *person) move(ctx context.Context) {
	room, caller := roomName(p.rnd.IntN(modelRooms)), events.Anonymous(p.connection)
	if _, in := p.rooms[room]; in {
		moved, err := p.m.reg.Leave(ctx, caller, "demo", room)
		if err != nil {
			p.m.t.Errorf("leave: %v", err)
			return
		}
		p.left = append(p.left, stretch{room, p.rooms[room], moved.Position.Seq})
		delete(p.rooms, room)
		return
	}
	moved, err := p.m.reg.Join(ctx, caller, "demo", room)
	if err != nil {
		p.m.t.Errorf("join: %v", err)
		return
	}
	p.rooms[room] = moved.Position.Seq
}

// judge compares a page with a naive reading of (position, d.Position].
func (p *person) judge(d events.Delivery) {
	t := p.m.t
	given := map[uint64]bool{}
	last := p.position
	for _, e := range d.Events {
		if e.Skip != "" && e.Skip == p.member {
			t.Errorf("person %d heard its own words: %d", p.n, e.Seq)
		}
		if e.Seq == 0 {
			if !p.hears(e, now) {
				t.Errorf("person %d heard a volatile event that was not for it", p.n)
			}
			continue
		}
		if e.Seq <= last || e.Seq > d.Position.Seq {
			t.Errorf("person %d was given %d after %d on a page up to %d", p.n, e.Seq, last, d.Position.Seq)
		}
		last = e.Seq
		given[e.Seq] = true
		if want := p.m.event(e.Seq); want != nil && string(want.Data) != string(e.Data) {
			t.Errorf("number %d came as %s and was %s", e.Seq, e.Data, want.Data)
		}
	}
	for _, g := range d.Gaps {
		if g.To.Seq > p.m.log.removed() {
			t.Errorf("a gap up to %d, and nothing above %d was ever removed", g.To.Seq, p.m.log.removed())
		}
	}
	for seq := p.position + 1; seq <= d.Position.Seq; seq++ {
		e := p.m.event(seq)
		if e == nil {
			return
		}
		switch {
		case given[seq] && !p.hears(e, seq):
			t.Errorf("person %d in %v was given %d to %v except %v", p.n, p.rooms, seq, e.To, e.Except)
		case !given[seq] && p.hears(e, seq) && !excused(d.Gaps, e) && !p.excusedBefore(e):
			t.Errorf("seed %d: person %d in %v missed %d to %v except %v skip %q on the page (%d, %d]",
				p.m.seed, p.n, p.rooms, seq, e.To, e.Except, e.Skip, p.position, d.Position.Seq)
		}
	}
	p.told = append(p.told, d.Gaps...)
}

// hears is the contract said naively.
func (p *person) hears(e *events.Event, seq uint64) bool {
	if e.Skip != "" && e.Skip == p.member {
		return false
	}
	meant := func(x string) bool { return p.in(x, seq) || x == events.Everyone || x == "@"+p.member }
	return slices.ContainsFunc(e.To, meant) && !slices.ContainsFunc(e.Except, meant)
}

// in reports whether the person was in the room when the number was given.
func (p *person) in(room string, seq uint64) bool {
	if from, in := p.rooms[room]; in && seq > from {
		return true
	}
	return seq != now && slices.ContainsFunc(p.left, func(s stretch) bool {
		return s.room == room && seq > s.from && seq <= s.upto
	})
}

// now is the number of a volatile event, which is above all there are.
const now = ^uint64(0)

// excused reports whether a gap covers the event.
func excused(gaps []events.Gap, e *events.Event) bool {
	return slices.ContainsFunc(gaps, func(g events.Gap) bool {
		return e.Seq <= g.To.Seq && (g.Room == "" || slices.Contains(e.To, g.Room))
	})
}

// excusedBefore reports whether a gap that this stream was told on an earlier
// page covers the event.
func (p *person) excusedBefore(e *events.Event) bool { return excused(p.told, e) }

// A lateLog is a log whose tail lags and breaks and whose reads take time.
type lateLog struct {
	*memlog.Log
	breaks bool

	mu    sync.Mutex
	rnd   *rand.Rand
	queue []events.Segment
	f     func(events.Segment)
	calm  bool
	wake  chan struct{}
	done  chan struct{}
	over  sync.WaitGroup
}

func newLateLog(inner *memlog.Log, seed uint64, breaks bool) *lateLog {
	l := &lateLog{
		Log: inner, breaks: breaks, rnd: rand.New(rand.NewPCG(seed, 2)),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	l.over.Go(l.carry)
	return l
}

func (l *lateLog) pause(most time.Duration) {
	l.mu.Lock()
	d := time.Duration(0)
	if l.rnd.IntN(2) == 0 {
		d = time.Duration(l.rnd.Int64N(int64(most)))
	}
	l.mu.Unlock()
	time.Sleep(d)
}

func (l *lateLog) Tail(f func(events.Segment)) {
	l.f = f
	l.Log.Tail(func(s events.Segment) {
		l.mu.Lock()
		l.queue = append(l.queue, s)
		l.mu.Unlock()
		select {
		case l.wake <- struct{}{}:
		default:
		}
	})
}

// carry hands segments on, late; when the tail breaks, those that wait are lost
// and it goes on at the head.
func (l *lateLog) carry() {
	for {
		select {
		case <-l.wake:
		case <-l.done:
			return
		}
		for {
			l.pause(15 * time.Millisecond)
			l.mu.Lock()
			if len(l.queue) == 0 {
				l.mu.Unlock()
				break
			}
			s := l.queue[0]
			l.queue = l.queue[1:]
			if l.breaks && !l.calm && l.rnd.IntN(6) == 0 {
				for len(l.queue) > 0 && l.rnd.IntN(3) > 0 {
					s, l.queue = l.queue[0], l.queue[1:]
				}
				s = events.Segment{Namespace: s.Namespace, After: s.After + uint64(len(s.Events))}
			}
			l.mu.Unlock()
			l.f(s)
		}
	}
}

func (l *lateLog) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	l.pause(20 * time.Millisecond)
	page, err := l.Log.Read(ctx, ns, q)
	l.pause(20 * time.Millisecond)
	return page, err
}

func (l *lateLog) removed() uint64 {
	marks, err := l.Log.Removed(context.Background(), "demo", []string{events.Everything})
	if err != nil {
		return ^uint64(0)
	}
	return marks[0]
}

// settle lets the tail come to the end without breaking any more.
func (l *lateLog) settle() {
	l.mu.Lock()
	l.calm = true
	l.mu.Unlock()
}

func (l *lateLog) stop() {
	close(l.done)
	l.over.Wait()
}
