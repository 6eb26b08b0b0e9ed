package events

import (
	"context"
	"slices"
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

	Window      int // events that a room's window holds at most; 0 means 512
	WindowBytes int // bytes of Event.Size that it holds at most; 0 means 1 MiB
	Streams     int // open streams of one connection ID; one more ends the oldest; 0 means 8
}

// A Registry knows who listens where, and leaves the sender out. It is the way in
// for everything that is said and heard on this node: the log numbers and keeps,
// the registry tells those who listen.
//
// All methods may be called at once. Every call takes the Caller it acts for.
type Registry struct {
	o        Options
	draining atomic.Bool
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
	if o.Streams <= 0 {
		o.Streams = 8
	}
	r := &Registry{o: o, namespaces: make(map[string]*namespace)}
	o.Bus.Receive(func(s Signal) {
		if s.Volatile != nil {
			if n := r.known(s.Namespace); n != nil {
				n.volatile(s)
			}
		}
	})
	o.Log.Tail(func(s Segment) {
		if n := r.known(s.Namespace); n != nil {
			n.tail(s)
		}
	})
	return r
}

// Draining reports whether streams are being ended and none may begin.
func (r *Registry) Draining() bool { return r.draining.Load() }

// Streams gives the number of open streams.
func (r *Registry) Streams() int { return int(r.streams.Load()) }

// known gives a namespace that somebody has opened here, or nil.
func (r *Registry) known(name string) *namespace {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.namespaces[name]
}

// open gives a namespace whose watermark, epoch and key are the log's. It is in
// the map before the log is asked where it stands, so that no segment can pass
// between the answer and the first room.
func (r *Registry) open(ctx context.Context, name string) (*namespace, error) {
	r.mu.Lock()
	n := r.namespaces[name]
	if n == nil {
		n = &namespace{
			name: name, reg: r,
			rooms: make(map[string]*room), members: make(map[string][]*Cursor),
		}
		r.namespaces[name] = n
	}
	r.mu.Unlock()

	n.mu.Lock()
	opened := n.opened
	n.mu.Unlock()
	if opened {
		return n, nil
	}
	head, err := r.o.Log.Open(ctx, name)
	if err != nil {
		r.drop(n)
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.opened {
		n.opened, n.epoch, n.key = true, head.Epoch, head.Key
		if !n.known {
			n.known = true
			n.watermark.Store(head.Last)
		}
	}
	return n, nil
}

// drop forgets a namespace that the log would not open, so that names which come
// to nothing leave nothing behind.
func (r *Registry) drop(n *namespace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.opened && r.namespaces[n.name] == n {
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

// Publish validates a post, has the log keep it and answers once it is kept. It
// never waits for who listens. A refusal has stored nothing; after unavailable,
// or when ctx ends, it may have been stored.
func (r *Registry) Publish(ctx context.Context, c Caller, ns string, p Post) (Published, error) {
	if err := CheckNamespace(ns); err != nil {
		return Published{}, err
	}
	if err := c.Require(MayWrite); err != nil {
		return Published{}, err
	}
	if err := p.check(); err != nil {
		return Published{}, err
	}
	n, err := r.open(ctx, ns)
	if err != nil {
		return Published{}, err
	}
	from := n.member(c)
	b := Batch{Drafts: p.drafts(c, from)}
	if p.Volatile {
		return r.say(ctx, n, b.Drafts[0])
	}
	if p.Key != "" {
		b.Key, b.Digest = p.identity(c)
	}
	got, err := r.o.Log.Append(ctx, ns, b)
	if err != nil {
		return Published{}, err
	}
	n.mu.Lock()
	n.kept = max(n.kept, got.Last)
	n.mu.Unlock()
	return Published{
		First: ID{got.Epoch, got.First}, Last: ID{got.Epoch, got.Last},
		Count: int(got.Last-got.First) + 1, Time: got.Time,
		From: from, Replayed: got.Replayed,
	}, nil
}

// say hands a volatile event to the bus. Its place is after everything that this
// node has in its windows or has answered a publisher for.
func (r *Registry) say(ctx context.Context, n *namespace, d Draft) (Published, error) {
	n.mu.Lock()
	last := n.time
	mark := max(n.watermark.Load(), n.kept)
	n.mu.Unlock()
	e := &Event{Draft: d, Time: Stamp(r.o.Now(), last)}
	if err := r.o.Bus.Send(ctx, Signal{Namespace: n.name, Volatile: e, After: mark}); err != nil {
		return Published{}, err
	}
	return Published{Count: 1, Time: e.Time, From: d.From}, nil
}

// Erase takes events of a room for good and tells it: an event "erased" with the
// room and the IDs, numbered and kept. With upto zero the seqs are erased, else
// everything in the room up to it.
func (r *Registry) Erase(ctx context.Context, c Caller, ns, room string, seqs []uint64, upto uint64) (Published, error) {
	if err := CheckNamespace(ns); err != nil {
		return Published{}, err
	}
	if err := CheckRoom(room); err != nil {
		return Published{}, err
	}
	if err := c.Require(MayManage); err != nil {
		return Published{}, err
	}
	head, err := r.o.Log.Head(ctx, ns)
	if err != nil {
		return Published{}, err
	}
	notice := Draft{To: []string{room}, Event: ErasedEvent, Data: erasedData(head.Epoch, room, seqs, upto)}
	got, err := r.o.Log.Erase(ctx, ns, Erasure{Seqs: seqs, Room: room, Upto: upto, Notice: notice})
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
		for _, streams := range n.members {
			all = append(all, streams...)
		}
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

// admitLocked counts the cursor among its member's streams and gives the oldest
// when there is one too many.
func (n *namespace) admitLocked(c *Cursor) (oldest *Cursor) {
	m := c.hello.Member
	n.members[m] = append(n.members[m], c)
	if len(n.members[m]) > n.reg.o.Streams {
		oldest = n.members[m][0]
		n.members[m] = slices.Clone(n.members[m][1:])
	}
	return oldest
}

func (n *namespace) forgetLocked(c *Cursor) {
	m := c.hello.Member
	left := slices.DeleteFunc(n.members[m], func(o *Cursor) bool { return o == c })
	if len(left) == 0 {
		delete(n.members, m)
		return
	}
	n.members[m] = left
}
