package events

import (
	"context"
	"time"
)

// A Log numbers what is said in each namespace and keeps it. It is the one thing
// that a cluster does differently, so its promises are written for one that
// stands on a network too. events/logtest holds every implementation to them.
//
// All methods may be called at once from any goroutine. Times are virtual: an
// implementation takes its clock as an option. An error is an [*Error]; where a
// call was refused nothing was changed, and only after [CodeUnavailable] or a
// cancelled context may an append or a forgetting have happened all the same. A
// call whose context has ended comes back soon: with its answer, or with
// CodeUnavailable around the context's cause.
//
// Namespaces are independent: each has its own numbers, epoch and member key.
// Names are given checked.
type Log interface {
	// Open gives the namespace's head, and makes its log first where there is
	// none: a new epoch, a new member key and no events, kept durably before
	// Open returns. One namespace too many is ErrQuota.
	Open(ctx context.Context, ns string) (Head, error)

	// Head is Open for a caller that makes nothing: ErrNotFound where the
	// namespace has no log.
	Head(ctx context.Context, ns string) (Head, error)

	// Append numbers the drafts of a batch, consecutively and all or none, and
	// returns once they are kept: what it answered survives the end of the
	// process, and of the machine where the implementation says so. The
	// namespace is opened where it was not. Before Append returns, the
	// segment with these events has been handed to the tail of this node or
	// will be without waiting for anything that the caller does.
	//
	// With a Key, a repeat within [KeyLife] of the first stores nothing and
	// answers the first receipt with Replayed set, also after a restart, and
	// also while the first is under way (it is waited for); the same Key with
	// another Digest is ErrKeyReused. What no disk has room for is ErrLogFull.
	//
	// Every field of a draft comes back as it was given, AckBy too, but for AckID,
	// which is dropped: answers to a kept event go to its own ID.
	//
	// A context that ends stops the waiting, not the append.
	Append(ctx context.Context, ns string, b Batch) (Receipt, error)

	// Read gives a page of a stretch; see Query and Page. A namespace that was
	// never opened has empty pages.
	Read(ctx context.Context, ns string, q Query) (Page, error)

	// Removed gives, for each stretch, the highest number that retention has
	// taken from it: by age, bytes or disk from the namespace, by count from
	// the room; 0 when nothing was. It remembers that of rooms that are empty
	// by now. For Everything it is the highest of all. What was erased or
	// outlived its TTL does not count.
	Removed(ctx context.Context, ns string, stretches []string) ([]uint64, error)

	// Find gives the number of the first event that is kept and whose time is
	// not before t, in any stretch; the number after the last when there is
	// none.
	Find(ctx context.Context, ns string, t time.Time) (uint64, error)

	// Rooms lists the rooms whose stretch holds an event, in byte order of their
	// names, those above after ("" is below all), at most limit, which counts as
	// 1 where it is less; more says that there are others above the last. Members
	// and Everyone are no rooms. A room all of whose events were erased, removed
	// or have outlived their TTL is not there. A namespace without a log has no
	// rooms, and is not made.
	//
	// A room is there from before the Append that brought its first event is
	// answered. What is said while a caller goes from page to page may be listed
	// or not; a room that has an event throughout is listed once. What a page
	// costs depends on its length, and not on how many events there are.
	Rooms(ctx context.Context, ns string, after string, limit int) (rooms []Stretch, more bool, err error)

	// Erase takes events for good, from every stretch that they lie in, and
	// appends the notice in the same step. When it returns no read gives them
	// any more; their bytes have left the disk after the next Sweep. Numbers that
	// are not there are passed over.
	Erase(ctx context.Context, ns string, e Erasure) (Receipt, error)

	// Namespaces lists the namespaces that have a log, in byte order.
	Namespaces(ctx context.Context) ([]string, error)

	// Forget removes a namespace's log for good, and reports whether it did: only
	// where it holds no event that lives (one that has outlived its TTL does not,
	// one that retention has yet to take does), no idempotency key that is still
	// remembered, and nothing of it is under way. Otherwise, and where there is no
	// log, it answers false and leaves things as they are. After it Head is
	// ErrNotFound, the place under Keep.Namespaces is free, and whoever opens the
	// namespace makes another log: a new epoch, a new member key, numbers from 1 and
	// no marks. A full disk does not keep it from forgetting.
	//
	// It is one step. An Append or Erase at the same time is either before it, and
	// keeps the log from being forgotten; or after it, and in the new log, as the
	// epoch of its Receipt says. A crash leaves the old log whole, with its epoch,
	// or none of it; once Forget has answered true it is as durable as an append
	// that was answered.
	//
	// The tail is given no segment of the old log after Forget has answered true.
	// Those of a new one, where After begins at 0 again, may come before that
	// answer. So whoever tails the log drops what it knows of the namespace before
	// it calls Forget, and opens it only after: an Open at the same time may be
	// answered with the head of either.
	Forget(ctx context.Context, ns string) (bool, error)

	// Tail registers who hears what was appended. It is called once, before
	// the first Open. For each namespace segments come one at a time and in
	// order of number, each number of a log in one segment, and only after it is
	// kept: whatever a segment holds, Read gives. f must not block and not call the
	// log. A log that lost its tail and found it again goes on at the head: the
	// next segment's After is then beyond the last number handed over, and it
	// may hold no event.
	Tail(f func(Segment))

	// Sweep enforces retention, and forgets keys and events that have outlived
	// their time, now. A log also does this by itself; nothing waits for it.
	//
	// What is retained is bounded by a Keep, and in a namespace by its own Age,
	// Events and Bytes where it has some; see [Keep.With]. An implementation takes
	// both as options, the second as a function of the namespace's name that it may
	// call at any time, and that may answer differently later: the next Sweep goes
	// by what it says then, for what was kept before, too.
	Sweep(ctx context.Context) error

	// Close ends the log once what is under way is done. Calls after it are
	// ErrUnavailable.
	Close() error
}

// KeyLife is how long an idempotency key is remembered.
const KeyLife = 10 * time.Minute

// A Head is where a namespace's log stands.
type Head struct {
	Epoch   string // [a-z0-9]{4,12}; another one when the log was made anew or restored
	Key     []byte // 32 random bytes, as old as the log; for [Member]
	Last    uint64 // the last number given; 0 before the first
	Removed uint64 // the highest number that age, bytes or disk removed; 0 when none
}

// A Batch is what is appended in one step.
type Batch struct {
	Drafts []Draft // 1 to 1,000
	Key    string  // opaque, at most 64 bytes; "" for none
	Digest string  // opaque, at most 64 bytes: what the key stands for
}

// A Receipt says what an append has kept: consecutive numbers, one time.
type Receipt struct {
	Epoch    string
	First    uint64
	Last     uint64
	Time     time.Time
	Replayed bool // nothing was stored: this is the answer to the first of these requests
}

// A Query asks for the events of one stretch in (After, Upto].
type Query struct {
	Stretch string // a room, @member, Everyone or Everything
	After   uint64
	Upto    uint64 // numbers beyond the last are allowed
	Limit   int    // events at most; at least 1
	Bytes   int    // stop once this many bytes of Size are reached, one event at least; 0 means no limit
	Newest  bool   // the newest Limit of them instead of the oldest
}

// A Page is the answer to a Query.
type Page struct {
	Events  []*Event // in order of number, without those that outlived their TTL
	More    bool     // the range holds more beyond the limits: after the page's last, or with Newest before its first; then Events is not empty
	Removed uint64   // as Log.Removed for the stretch, at the moment the events were read or later
}

// A Stretch is a room that has history, and the number of its newest event.
type Stretch struct {
	Room string
	Last uint64
}

// An Erasure names what is to be erased.
type Erasure struct {
	Seqs   []uint64 // these events; or
	Room   string   // with Upto, what lies in this room's stretch
	Upto   uint64   // up to and with this number
	Notice Draft    // the event that tells it, appended with the erasing
}

// A Segment is what the tail hands over: the events of one namespace in
// (After, After+len(Events)].
type Segment struct {
	Namespace string
	After     uint64
	Events    []*Event
}

// Keep bounds what a log retains. Zero fields mean the default, negative ones no
// bound.
type Keep struct {
	Age        time.Duration // how old an event may get; default 7 days
	Events     int           // how many events a room's, member's or everyone's stretch keeps; default 10,000
	Bytes      int64         // how many bytes a namespace keeps; default 1 GiB
	Disk       int64         // how many bytes all namespaces keep, oldest first; default 10 GiB
	Namespaces int           // how many namespaces there may be; default 10,000
}

// With gives the bounds of a namespace that has its own: own's Age, Events and
// Bytes where they are not zero, and else k's. Disk and Namespaces are always k's.
func (k Keep) With(own Keep) Keep {
	if own.Age != 0 {
		k.Age = own.Age
	}
	if own.Events != 0 {
		k.Events = own.Events
	}
	if own.Bytes != 0 {
		k.Bytes = own.Bytes
	}
	return k
}

// WithDefaults fills the zero fields.
func (k Keep) WithDefaults() Keep {
	if k.Age == 0 {
		k.Age = 7 * 24 * time.Hour
	}
	if k.Events == 0 {
		k.Events = 10_000
	}
	if k.Bytes == 0 {
		k.Bytes = 1 << 30
	}
	if k.Disk == 0 {
		k.Disk = 10 << 30
	}
	if k.Namespaces == 0 {
		k.Namespaces = 10_000
	}
	return k
}
