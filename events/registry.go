package events

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a Registry is made of. The zero value of every field but Log
// is useful.
type Options struct {
	Log Log // where everything is numbered and kept; required, and closed by who made it
	Bus Bus // to the other nodes; nil means that there are none

	// Now is the clock of TTLs and of volatile events; nil means time.Now.
	Now func() time.Time

	// A room's window holds what is younger than WindowAge; 0 means 2 s, and a negative
	// one that age is no reason. What is older it drops by halves when it has more than
	// Window events, 0 means 512, or WindowBytes of Event.Size, 0 means 1 MiB; and what is
	// not when it has eight times those bytes.
	Window      int
	WindowBytes int
	WindowAge   time.Duration

	// WindowMemory is how many bytes of memory the windows of all rooms may take
	// together, about; 0 means 256 MiB, less no bound. With more the rooms that are
	// biggest, and have not been read for longest, give some of theirs back. An event
	// that lies in several rooms counts in each.
	WindowMemory int64

	Streams int // open streams of one connection ID; one more ends the oldest; 0 means 8

	// Grace is how long a member whose last stream has closed is still there, for
	// presence, rooms and answers alike; 0 means 10 s.
	Grace time.Duration

	// Idle is how long a namespace that holds nothing and that nobody uses is
	// remembered, see [Registry.Sweep]; 0 means 10 minutes.
	Idle time.Duration

	// Settings gives what holds in a namespace, and whether there may be one of that
	// name. It is asked often and must not block. Nil means the defaults, for all.
	Settings func(namespace string) (Settings, bool)

	Node string // this node's name on the Bus; different from all others. "" will do where there are none
}

// A Registry knows who listens where, and leaves the sender out. It is the way in
// for everything that is said and heard on this node: the log numbers and keeps,
// the registry tells those who listen.
//
// All methods may be called at once. Every call takes the Caller it acts for.
type Registry struct {
	o        Options
	started  time.Time
	windows  windows
	draining atomic.Bool
	settled  atomic.Bool
	streams  atomic.Int64

	mu         sync.Mutex
	namespaces map[string]*namespace
}

// NewRegistry starts a registry on a log and a bus that nobody else tails or
// receives from.
func NewRegistry(o Options) *Registry {
	if o.Bus == nil {
		o.Bus = NewLocalBus()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Window <= 0 {
		o.Window = 512
	}
	if o.WindowBytes <= 0 {
		o.WindowBytes = 1 << 20
	}
	if o.WindowAge == 0 {
		o.WindowAge = 2 * time.Second
	}
	switch {
	case o.WindowMemory == 0:
		o.WindowMemory = 256 << 20
	case o.WindowMemory < 0:
		o.WindowMemory = math.MaxInt64
	}
	if o.Streams <= 0 {
		o.Streams = 8
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.Idle <= 0 {
		o.Idle = 10 * time.Minute
	}
	r := &Registry{o: o, started: time.Now(), namespaces: make(map[string]*namespace)}
	r.windows.most = o.WindowMemory
	o.Bus.Receive(r.hear)
	o.Log.Tail(func(s Segment) {
		if n := r.known(s.Namespace); n != nil {
			n.tail(s)
			r.windows.relieve()
		}
	})
	return r
}

// Draining reports whether streams are being ended and none may begin.
func (r *Registry) Draining() bool { return r.draining.Load() }

// WindowMemory gives about how many bytes of memory the windows take now.
func (r *Registry) WindowMemory() int64 { return r.windows.total.Load() }

// Streams gives the number of open streams.
func (r *Registry) Streams() int { return int(r.streams.Load()) }

// known gives a namespace that somebody has opened here, or nil.
func (r *Registry) known(name string) *namespace {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.namespaces[name]
}

// settings gives what holds in a namespace.
func (r *Registry) settings(ns string) Settings {
	if r.o.Settings == nil {
		return Settings{}
	}
	s, _ := r.o.Settings(ns)
	return s
}

// Permit gives the caller with what it may in a namespace, as the namespace's
// settings have it: not-found where there may be no such namespace.
func (r *Registry) Permit(c Caller, ns string) (Caller, error) {
	if err := CheckNamespace(ns); err != nil {
		return Caller{}, err
	}
	if r.o.Settings == nil {
		return c, nil
	}
	s, there := r.o.Settings(ns)
	if !there {
		return Caller{}, Refuse(CodeNotFound, "there is no such namespace here")
	}
	if s.Anonymous != 0 && c.User == "" && !c.Holder {
		c.May &= s.Anonymous
	}
	return c, nil
}

// permit is Permit for a call that needs what.
func (r *Registry) permit(c Caller, ns string, what Permission) (Caller, error) {
	c, err := r.Permit(c, ns)
	if err == nil {
		err = c.Require(what)
	}
	return c, err
}

// pin gives a namespace to a call that is at work in it, made where there is none
// and make says so. It waits for one that is just being forgotten.
func (r *Registry) pin(ctx context.Context, name string, make bool) (*namespace, error) {
	for {
		r.mu.Lock()
		n := r.namespaces[name]
		if n == nil && make {
			n = newNamespace(r, name)
			r.namespaces[name] = n
		}
		if n == nil {
			r.mu.Unlock()
			return nil, nil
		}
		retiring := n.retiring
		if retiring == nil {
			n.pins.Add(1)
			n.uses.Add(1)
		}
		r.mu.Unlock()
		if retiring == nil {
			return n, nil
		}
		select {
		case <-retiring:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (n *namespace) unpin() { n.pins.Add(-1) }

// open gives a namespace whose watermark, epoch and key are the log's, for the
// caller to unpin. It is in the map before the log is asked where it stands, so that
// no segment can pass between the answer and the first room.
func (r *Registry) open(ctx context.Context, name string) (*namespace, error) {
	n, err := r.pin(ctx, name, true)
	if err != nil {
		return nil, err
	}
	if n.opened.Load() {
		return n, nil
	}
	head, err := r.o.Log.Open(ctx, name)
	if err != nil {
		n.unpin()
		r.drop(n)
		return nil, err
	}
	n.mu.Lock()
	first := !n.opened.Load()
	if first {
		n.epoch, n.key = head.Epoch, head.Key
		n.settings = r.settings(name)
		n.arrived = time.Now()
		if !n.known {
			n.known = true
			n.watermark.Store(head.Last)
		}
		n.opened.Store(true)
	}
	n.mu.Unlock()
	if first && !r.o.Bus.Alone() {
		r.send(Signal{Namespace: name, Node: r.o.Node, Arrived: true})
	}
	return n, nil
}

// peek gives a namespace, for the caller to unpin, without making one: nil where
// there is none.
func (r *Registry) peek(ctx context.Context, name string) (*namespace, error) {
	if r.o.Bus.Alone() {
		return r.pin(ctx, name, false)
	}
	_, err := r.o.Log.Head(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.open(ctx, name)
}

// drop forgets a namespace that the log would not open, so that names which come
// to nothing leave nothing behind.
func (r *Registry) drop(n *namespace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !n.opened.Load() && n.pins.Load() == 0 && r.namespaces[n.name] == n {
		delete(r.namespaces, n.name)
	}
}

// member gives the caller's public ID in the namespace, "" without a connection.
func (n *namespace) member(c Caller) string {
	if c.Connection == "" {
		return ""
	}
	return Member(n.key, c.identity(), c.Connection)
}

// A memo remembers members that were worked out: who speaks mostly speaks again.
type memo struct {
	mu    sync.Mutex
	known map[memoKey]string
}

type memoKey struct{ identity, connection string }

// maxMemo is how many members a namespace remembers so. Beyond it it begins anew.
const maxMemo = 1024

// speaker is member for a caller that speaks.
func (n *namespace) speaker(c Caller) string {
	if c.Connection == "" {
		return ""
	}
	key := memoKey{c.identity(), c.Connection}
	n.speakers.mu.Lock()
	defer n.speakers.mu.Unlock()
	m, known := n.speakers.known[key]
	if !known {
		m = n.member(c)
		if n.speakers.known == nil || len(n.speakers.known) >= maxMemo {
			n.speakers.known = make(map[memoKey]string)
		}
		// What a caller came with may be a piece of a whole request.
		n.speakers.known[memoKey{strings.Clone(key.identity), strings.Clone(key.connection)}] = m
	}
	return m
}

// Publish validates a post, has the log keep it and answers once it is kept. It
// never waits for who listens. A refusal has stored nothing; after unavailable,
// or when ctx ends, it may have been stored.
func (r *Registry) Publish(ctx context.Context, c Caller, ns string, p Post) (Published, error) {
	c, err := r.permit(c, ns, MayWrite)
	if err != nil {
		return Published{}, err
	}
	if err := p.check(); err != nil {
		return Published{}, err
	}
	if err := p.fits(r.settings(ns)); err != nil {
		return Published{}, err
	}
	n, err := r.open(ctx, ns)
	if err != nil {
		return Published{}, err
	}
	defer n.unpin()
	from := n.speaker(c)
	name := ""
	if from != "" {
		n.mu.Lock()
		name = n.nickLocked(from)
		n.mu.Unlock()
	}
	b := Batch{Drafts: p.drafts(c, from, name, r.o.Now())}
	if p.Key != "" {
		b.Key, b.Digest = p.identity(c)
	}
	if p.Ack > 0 {
		n.mu.Lock()
		err := n.mayAskLocked(&b.Drafts[0], b.Key)
		n.mu.Unlock()
		if err != nil {
			return Published{}, err
		}
	}
	if p.Volatile {
		return r.say(ctx, n, b.Drafts[0])
	}
	got, err := r.o.Log.Append(ctx, ns, b)
	if err != nil {
		return Published{}, err
	}
	n.mu.Lock()
	n.kept = max(n.kept, got.Last)
	n.mu.Unlock()
	out := Published{
		First: ID{got.Epoch, got.First}, Last: ID{got.Epoch, got.Last},
		Count: int(got.Last-got.First) + 1, Time: got.Time,
		From: from, Replayed: got.Replayed,
	}
	if p.Ack > 0 {
		out.Acks, err = n.await(ctx, out.First.String(), b.Drafts[0].AckBy, got.Replayed, b.Key)
	}
	return out, err
}

// say hands a volatile event to the bus. Its place is after everything that this
// node has in its windows or has answered a publisher for.
func (r *Registry) say(ctx context.Context, n *namespace, d Draft) (Published, error) {
	n.mu.Lock()
	last := n.time
	mark := max(n.watermark.Load(), n.kept)
	n.mu.Unlock()
	d.To, d.Except = slices.Clone(d.To), slices.Clone(d.Except) // the caller's, which a log would have copied
	e := &Event{Draft: d, Time: Stamp(r.o.Now(), last)}
	if err := r.o.Bus.Send(ctx, Signal{Namespace: n.name, Node: r.o.Node, Volatile: e, After: mark}); err != nil {
		return Published{}, err
	}
	out := Published{Count: 1, Time: e.Time, From: d.From}
	var err error
	if e.AckID != "" {
		out.Acks, err = n.await(ctx, e.AckID, e.AckBy, false, "")
	}
	return out, err
}

// EraseRoom takes everything that was said in a room for good, or what is older
// than the event of an ID, and tells it: an event "erased" with the room and the ID
// up to which. It takes MayManage. not-found where there is nothing of that.
func (r *Registry) EraseRoom(ctx context.Context, c Caller, ns, room, before string) (Published, error) {
	if err := r.mayErase(c, ns, room); err != nil {
		return Published{}, err
	}
	if err := c.Require(MayManage); err != nil {
		return Published{}, err
	}
	head, err := r.o.Log.Head(ctx, ns)
	if err != nil {
		return Published{}, err
	}
	upto := head.Last
	if before != "" {
		id, ok := ParseID(before)
		if !ok || id.Epoch != head.Epoch {
			return Published{}, Refuse(CodeBadParameter, "before is the ID of an event in this log")
		}
		upto = min(upto, max(id.Seq, 1)-1)
	}
	if upto > 0 {
		said, err := r.o.Log.Read(ctx, ns, Query{Stretch: room, Upto: upto, Limit: 1})
		if err != nil {
			return Published{}, err
		}
		if len(said.Events) == 0 {
			upto = 0
		}
	}
	if upto == 0 {
		return Published{}, Refuse(CodeNotFound, "there is nothing to erase in this room")
	}
	return r.erase(ctx, ns, Erasure{Room: room, Upto: upto, Notice: Draft{
		To: []string{room}, Event: ErasedEvent, Data: erasedData(head.Epoch, room, nil, upto),
	}})
}

// EraseEvent takes one event of a room for good, from all the rooms that it was said
// in, and tells all who may have heard it. It takes MayManage, but for the caller's
// own event.
func (r *Registry) EraseEvent(ctx context.Context, c Caller, ns, room, id string) (Published, error) {
	if err := r.mayErase(c, ns, room); err != nil {
		return Published{}, err
	}
	e, epoch, err := r.event(ctx, ns, room, id)
	if c.May&MayManage == 0 {
		// Whether it is there is told to who may erase it only.
		mine := false
		if err == nil && e.From != "" {
			n, err := r.open(ctx, ns)
			if err != nil {
				return Published{}, err
			}
			mine = e.From == n.member(c)
			n.unpin()
		}
		if !mine {
			return Published{}, Refuse(CodeForbidden, "this caller may erase nothing but its own events")
		}
	}
	if err != nil {
		return Published{}, err
	}
	return r.erase(ctx, ns, Erasure{Seqs: []uint64{e.Seq}, Notice: Draft{
		To: e.To, Event: ErasedEvent, Data: erasedData(epoch, room, []uint64{e.Seq}, 0),
	}})
}

func (r *Registry) mayErase(c Caller, ns, room string) error {
	if _, err := r.permit(c, ns, 0); err != nil {
		return err
	}
	return CheckRoom(room)
}

func (r *Registry) erase(ctx context.Context, ns string, e Erasure) (Published, error) {
	got, err := r.o.Log.Erase(ctx, ns, e)
	if err != nil {
		return Published{}, err
	}
	return Published{First: ID{got.Epoch, got.First}, Last: ID{got.Epoch, got.Last}, Count: 1, Time: got.Time}, nil
}

func erasedData(epoch, room string, seqs []uint64, upto uint64) []byte {
	b := append(QuoteJSON([]byte(`{"room":`), room), ',')
	if upto > 0 {
		b = QuoteJSON(append(b, `"upto":`...), ID{epoch, upto}.String())
		return append(b, '}')
	}
	b = append(b, `"ids":[`...)
	for i, s := range seqs {
		if i > 0 {
			b = append(b, ',')
		}
		b = QuoteJSON(b, ID{epoch, s}.String())
	}
	return append(b, "]}"...)
}

// Drain ends every stream with a bye that spreads their return over the time in
// which the next process can take them, and lets no new one begin. What is being
// published goes on.
func (r *Registry) Drain() {
	r.draining.Store(true)
	var all []*Cursor
	for _, n := range r.all() {
		n.mu.Lock()
		all = append(all, n.streams...)
		n.mu.Unlock()
	}
	for _, c := range all {
		c.End(Bye{Reason: ByeDrain, Reconnect: true, Retry: spread(len(all))})
	}
}

func (r *Registry) all() []*namespace {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*namespace, 0, len(r.namespaces))
	for _, n := range r.namespaces {
		out = append(out, n)
	}
	return out
}

// closedLocked forgets a stream that has ended.
func (n *namespace) closedLocked(c *Cursor) {
	last := len(n.streams) - 1
	n.streams[c.at] = n.streams[last]
	n.streams[c.at].at = c.at
	n.streams[last] = nil
	n.streams = shrunk(n.streams[:last])
	n.uses.Add(1)
}
