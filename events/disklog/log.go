package disklog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events"
)

// Options says how a log keeps time, what it keeps and what it may take. The
// zero value is useful.
type Options struct {
	// Now is the clock; nil means time.Now. It may be called from any goroutine.
	Now func() time.Time

	// Keep bounds what is retained; its zero fields mean the defaults. Bytes and
	// Disk count Draft.Size, once for each event; what lies on the disk may be a
	// little more or, compressed, less.
	Keep events.Keep

	// KeepOf gives a namespace's own bounds; see [events.Keep.With]. nil means that
	// none has any. It is called often, from any goroutine and under the log's
	// locks: it must answer at once and not call the log. Its answers may change.
	KeepOf func(ns string) events.Keep

	// SweepEvery is how often the log enforces retention by itself; 0 means every
	// 10 seconds. When it is negative only Sweep does.
	SweepEvery time.Duration

	// CacheBytes is how much memory caches what was read from disk; 0 means
	// 16 MiB. About 32 MiB for what is being written come on top under load.
	CacheBytes int64

	// Reserve is how many bytes of the disk stay free: with fewer, appends are
	// ErrLogFull. It keeps the engine alive, which ends the process when it
	// cannot write, so it must hold what is written behind the appends' backs:
	// 0 means 256 MiB, and less than 32 MiB counts as 32 MiB.
	Reserve int64

	// NewEpoch starts every namespace on a new epoch. It must be set once for a
	// directory that was brought back in a way that cannot be noticed, see the
	// package's comment.
	NewEpoch bool

	// Logger hears of what goes wrong and, at level debug, what the engine does;
	// nil means that nobody does.
	Logger *slog.Logger

	// FS is the file system; nil means the machine's. With another one a
	// restored backup is recognised by its token only, unless Birth is set.
	FS vfs.FS

	// Birth gives what a file has that its copy has not; nil means its inode and
	// time of birth on the machine's own file system, and nothing on others.
	// The empty string means that nothing is known.
	Birth func(path string) (string, error)
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Keep = o.Keep.WithDefaults()
	if o.SweepEvery == 0 {
		o.SweepEvery = 10 * time.Second
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 16 << 20
	}
	if o.Reserve == 0 {
		o.Reserve = 256 << 20
	}
	o.Reserve = max(o.Reserve, minReserve)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Birth == nil {
		o.Birth = func(string) (string, error) { return "", nil }
		if o.FS == nil {
			o.Birth = birth
		}
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	return o
}

// A Log is an [events.Log] on disk. It must be closed.
type Log struct {
	dir    string
	now    func() time.Time
	keep   events.Keep
	own    func(ns string) events.Keep // nil for none
	logger *slog.Logger
	db     *pebble.DB
	lock   *pebble.Lock
	space  *space
	syncer *syncer     // nil where nothing is quiet: with one processor, and on another file system than the machine's
	many   atomic.Bool // several callers wait for the sync of what was written last

	queue     *queue
	tail      atomic.Pointer[func(events.Segment)]
	retention retention
	nextID    uint32 // of namespaces; the appender's

	broken atomic.Pointer[events.Error] // why nothing is appended any more

	mu     sync.RWMutex
	byName map[string]*namespace
	byID   map[uint32]*namespace

	gate    sync.RWMutex // held shared by calls under way
	closed  bool
	working sync.WaitGroup // appender and teller
}

var _ events.Log = (*Log)(nil)

// Open opens the log in a directory, and makes both where there are none. What
// a power cut left half-written is healed. It is refused with ErrUnavailable
// when another process has the directory or a newer version wrote it, and with
// ErrCorrupt when the disk does not give back what was written; the error
// names the directory. Nothing is changed then.
func Open(dir string, o Options) (*Log, error) {
	o = o.withDefaults()
	l := &Log{
		now: o.Now, keep: o.Keep, own: o.KeepOf, logger: o.Logger,
		queue:  newQueue(),
		byName: map[string]*namespace{}, byID: map[uint32]*namespace{},
	}
	if err := l.open(dir, o); err != nil {
		return nil, err
	}
	a := &appender{log: l, commits: make(chan *commit, maxUnsynced)}
	l.working.Go(a.append)
	l.working.Go(a.tell)
	l.retention.start(l, o.SweepEvery)
	return l, nil
}

func (l *Log) open(dir string, o Options) (err error) {
	if err := o.FS.MkdirAll(dir, 0o700); err != nil {
		return unavailable(err, "the directory %q cannot be made", dir)
	}
	if o.FS == vfs.Default {
		// Locks go by name within a process: one directory must have one.
		if dir, err = canonical(dir); err != nil {
			return unavailable(err, "the directory %q cannot be found", dir)
		}
	}
	l.dir = dir
	if l.lock, err = pebble.LockDirectory(dir, o.FS); err != nil {
		return unavailable(err, "the directory %q cannot be locked; does another process use it?", dir)
	}
	defer func() {
		if err != nil {
			_ = l.release() // why it did not open is what matters
		}
	}()
	fs := o.FS
	if fs == vfs.Default && runtime.GOMAXPROCS(0) > 1 {
		l.syncer = newSyncer()
		fs = quietFS{fs, l.syncer, &l.many}
	}
	l.space = newSpace(fs, dir, o.Reserve, o.Logger)
	if l.db, err = pebble.Open(dir, l.engineOptions(o)); err != nil {
		return l.openError(err)
	}
	fresh, err := l.checkFormat()
	if err != nil {
		return err
	}
	if fresh {
		// The engine begins a new directory in an old format and then raises it,
		// but the first write-ahead log stays in the old one, which cannot tell
		// corruption from a torn tail. A flush begins the next.
		if err := l.db.Flush(); err != nil {
			return l.engineError(err)
		}
	}
	if err := l.loadNamespaces(); err != nil {
		return err
	}
	if err := l.identify(o, fresh); err != nil {
		return err
	}
	l.space.leisure.ample.Store(true)
	return nil
}

// release gives back what open has taken.
func (l *Log) release() error {
	var errs []error
	if l.db != nil {
		errs = append(errs, l.db.Close())
	}
	if l.syncer != nil {
		l.syncer.close()
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	return errors.Join(errs...)
}

func canonical(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir, err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return dir, err
	}
	return real, nil
}

// Close waits for the calls under way and ends the log. A second Close does
// nothing.
func (l *Log) Close() error {
	l.space.leisure.ample.Store(false)
	l.retention.stop()
	l.gate.Lock()
	first := !l.closed
	l.closed = true
	l.gate.Unlock()
	if !first {
		return nil
	}
	l.queue.close()
	l.working.Wait()
	if err := l.release(); err != nil {
		return unavailable(err, "the log in %q did not close well", l.dir)
	}
	return nil
}

// enter begins a call. Close waits until it leaves.
func (l *Log) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	l.gate.RLock()
	if l.closed {
		l.gate.RUnlock()
		return events.Refuse(events.CodeUnavailable, "the log is closed")
	}
	return nil
}

func (l *Log) leave() { l.gate.RUnlock() }

// Tail registers who hears what was appended; see [events.Log].
func (l *Log) Tail(f func(events.Segment)) { l.tail.Store(&f) }

// Open gives the namespace's head and makes its log where there is none; see
// [events.Log].
func (l *Log) Open(ctx context.Context, ns string) (events.Head, error) {
	if err := l.enter(ctx); err != nil {
		return events.Head{}, err
	}
	defer l.leave()
	n, err := l.opened(ctx, ns)
	if err != nil {
		return events.Head{}, err
	}
	return n.head(), nil
}

// opened gives a namespace, which is made where there is none.
func (l *Log) opened(ctx context.Context, ns string) (*namespace, error) {
	if n := l.find(ns); n != nil {
		return n, nil
	}
	o := &opening{waiter: newWaiter(), ns: ns}
	if err := l.do(ctx, o, &o.waiter); err != nil {
		return nil, err
	}
	return o.opened, nil
}

// Head gives the namespace's head where it has a log; see [events.Log].
func (l *Log) Head(ctx context.Context, ns string) (events.Head, error) {
	if err := l.enter(ctx); err != nil {
		return events.Head{}, err
	}
	defer l.leave()
	n := l.find(ns)
	if n == nil {
		return events.Head{}, events.Refuse(events.CodeNotFound, "this namespace has no log")
	}
	return n.head(), nil
}

// bounds gives what a namespace is kept within.
func (l *Log) bounds(n *namespace) events.Keep {
	if l.own == nil {
		return l.keep
	}
	return l.keep.With(l.own(n.name))
}

// find gives a namespace that is on disk, or nil.
func (l *Log) find(name string) *namespace {
	l.mu.RLock()
	n := l.byName[name]
	l.mu.RUnlock()
	if n == nil || !n.open.Load() {
		return nil
	}
	return n
}

// namespaces gives all that are on disk.
func (l *Log) namespaces() []*namespace {
	l.mu.RLock()
	defer l.mu.RUnlock()
	list := make([]*namespace, 0, len(l.byName))
	for _, n := range l.byName {
		if n.open.Load() {
			list = append(list, n)
		}
	}
	return list
}

// refusal says why an append of this many bytes cannot be, nil when it can.
func (l *Log) refusal(bytes int) error {
	if e := l.broken.Load(); e != nil {
		return e
	}
	if bytes > 0 && !l.space.holds(bytes) {
		return events.Refuse(events.CodeLogFull, "the disk has no room to keep anything")
	}
	return nil
}

// fail ends appending until the log is opened again.
func (l *Log) fail(err error) {
	l.logger.Error("the log is broken: nothing is appended until it is opened again", "dir", l.dir, "err", err)
	l.broken.CompareAndSwap(nil, unavailable(err, "the log in %q is broken", l.dir))
}

func (l *Log) failure() error { return l.broken.Load() }

// corrupted notes that the disk did not give back what was written. From then on
// nothing is appended: a disk that forgets is not to be trusted with more, and
// whoever runs it shall notice. Reads of what is whole go on.
func (l *Log) corrupted(what string, err error) *events.Error {
	e := &events.Error{
		Code:   events.CodeCorrupt,
		Detail: "the disk did not give back what was written",
		Cause:  fmt.Errorf("%s in %q: %w", what, l.dir, err),
	}
	if l.broken.CompareAndSwap(nil, e) {
		l.logger.Error("the log is corrupt: nothing is appended until it is opened again", "dir", l.dir, "err", e.Cause)
	}
	return e
}

func unavailable(cause error, format string, args ...any) *events.Error {
	return &events.Error{Code: events.CodeUnavailable, Detail: fmt.Sprintf(format, args...), Cause: cause}
}

func ended(ctx context.Context) error {
	return &events.Error{Code: events.CodeUnavailable, Detail: "the caller no longer waits for the log", Cause: context.Cause(ctx)}
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
