package logtest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/events"
)

// A lives forgets a namespace by giving it another name below: a log that forgets
// as badly as it is told to.
type lives struct {
	events.Log
	may   func(l *lives, ctx context.Context, ns string) bool // nil forgets whatever there is
	after func()                                              // between looking and forgetting
	all   bool                                                // lists what is forgotten, too
	list  func(names []string) []string
	hear  func(next func(events.Segment)) func(events.Segment) // on the way to the tail
	own   map[string]int                                       // instead of names; nil for that
}

// names says which of its lives each namespace has, in all logs of this process
// so that the next log on a store goes on with it.
var (
	names   = map[string]int{}
	namesMu sync.Mutex // guards lives.own, too
)

func (l *lives) nowLocked() map[string]int {
	if l.own != nil {
		return l.own
	}
	return names
}

func (l *lives) name(ns string) string {
	namesMu.Lock()
	defer namesMu.Unlock()
	if n := l.nowLocked()[ns]; n > 0 {
		return fmt.Sprintf("%s.%d", ns, n)
	}
	return ns
}

func (l *lives) Open(ctx context.Context, ns string) (events.Head, error) {
	return l.Log.Open(ctx, l.name(ns))
}

func (l *lives) Head(ctx context.Context, ns string) (events.Head, error) {
	return l.Log.Head(ctx, l.name(ns))
}

func (l *lives) Append(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
	return l.Log.Append(ctx, l.name(ns), b)
}

func (l *lives) Read(ctx context.Context, ns string, q events.Query) (events.Page, error) {
	return l.Log.Read(ctx, l.name(ns), q)
}

func (l *lives) Removed(ctx context.Context, ns string, stretches []string) ([]uint64, error) {
	return l.Log.Removed(ctx, l.name(ns), stretches)
}

func (l *lives) Rooms(ctx context.Context, ns, after string, limit int) ([]events.Stretch, bool, error) {
	return l.Log.Rooms(ctx, l.name(ns), after, limit)
}

func (l *lives) Erase(ctx context.Context, ns string, e events.Erasure) (events.Receipt, error) {
	return l.Log.Erase(ctx, l.name(ns), e)
}

func (l *lives) Tail(f func(events.Segment)) {
	if l.hear != nil {
		f = l.hear(f)
	}
	l.Log.Tail(func(s events.Segment) {
		s.Namespace, _, _ = strings.Cut(s.Namespace, ".")
		f(s)
	})
}

func (l *lives) Namespaces(ctx context.Context) ([]string, error) {
	below, err := l.Log.Namespaces(ctx)
	found := map[string]bool{}
	for _, name := range below {
		if ns, _, _ := strings.Cut(name, "."); l.all || l.name(ns) == name {
			found[ns] = true
		}
	}
	list := slices.Sorted(maps.Keys(found))
	if l.list != nil {
		list = l.list(list)
	}
	return list, err
}

func (l *lives) Forget(ctx context.Context, ns string) (bool, error) {
	if _, err := l.Head(ctx, ns); err != nil {
		return false, nil
	}
	if l.may != nil && !l.may(l, ctx, ns) {
		return false, nil
	}
	if l.after != nil {
		l.after()
	}
	namesMu.Lock()
	defer namesMu.Unlock()
	l.nowLocked()[ns]++
	return true, nil
}

// quiet reports whether no event lives in any stretch that the suite asks for.
func quiet(l *lives, ctx context.Context, ns string) bool {
	for _, stretch := range []string{events.Everything, "@abcdefghijklmnop", "mine"} {
		p, err := l.Read(ctx, ns, events.Query{Stretch: stretch, Upto: 1 << 62, Limit: 1})
		if err != nil || len(p.Events) > 0 {
			return false
		}
	}
	return true
}

// forgetfuls are logs that forget badly.
var forgetfuls = []flaw{
	{"forgets nothing", "forgetting/anew", func(l events.Log) events.Log {
		return &lives{Log: l, may: func(*lives, context.Context, string) bool { return false }}
	}},
	{"only says that it forgets", "forgetting/anew", func(l events.Log) events.Log {
		return &flawed{Log: l, forget: func(ctx context.Context, ns string) (bool, error) { return true, nil }}
	}},
	{"says nothing of what it forgets", "forgetting/anew", func(l events.Log) events.Log {
		return &flawed{Log: l, forget: func(ctx context.Context, ns string) (bool, error) {
			_, err := l.Forget(ctx, ns)
			return false, err
		}}
	}},
	{"makes what it is to forget", "forgetting/none", func(l events.Log) events.Log {
		return &flawed{Log: l, forget: func(ctx context.Context, ns string) (bool, error) {
			if _, err := l.Open(ctx, ns); err != nil {
				return false, err
			}
			return false, nil
		}}
	}},
	{"has the same epoch again", "forgetting/anew", again(func(now *events.Head, first events.Head) { now.Epoch = first.Epoch })},
	{"has the same member key again", "forgetting/anew", again(func(now *events.Head, first events.Head) { now.Key = first.Key })},
	{"keeps its marks", "forgetting/anew", func(l events.Log) events.Log {
		var highest uint64
		return &flawed{Log: l,
			forget: func(ctx context.Context, ns string) (bool, error) {
				if marks, err := l.Removed(ctx, ns, []string{events.Everything}); err == nil {
					highest = max(highest, marks[0])
				}
				return l.Forget(ctx, ns)
			},
			removed: func(_ []string, marks []uint64) []uint64 {
				for i := range marks {
					marks[i] = max(marks[i], highest)
				}
				return marks
			},
		}
	}},
	{"forgets what it holds", "forgetting/not what it holds", func(l events.Log) events.Log { return &lives{Log: l} }},
	{"forgets what members hold", "forgetting/not what it holds", func(l events.Log) events.Log {
		return &lives{Log: l, may: func(l *lives, ctx context.Context, ns string) bool {
			p, err := l.Read(ctx, ns, events.Query{Upto: 1 << 62, Limit: 1})
			return err == nil && len(p.Events) == 0
		}}
	}},
	{"forgets what it remembers", "forgetting/not what it remembers", func(l events.Log) events.Log { return &lives{Log: l, may: quiet} }},
	{"does not free the place", "forgetting/frees its place", func(l events.Log) events.Log { return &lives{Log: l, may: quiet} }},
	{"forgets others, too", "forgetting/one of many", func(l events.Log) events.Log {
		return &flawed{Log: l, forget: func(ctx context.Context, ns string) (bool, error) {
			ok, err := l.Forget(ctx, ns)
			if ok {
				_, err = l.Erase(ctx, ns+"a", events.Erasure{Room: "a", Upto: 1 << 62, Notice: draft("", "@abcdefghijklmnop")})
			}
			return ok, err
		}}
	}},
	{"forgets in two steps", "forgetting/together with appends", func(l events.Log) events.Log {
		said := make(chan struct{}, 1) // that something which lives was kept
		between := &flawed{Log: l, append: func(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
			r, err := l.Append(ctx, ns, b)
			if b.Drafts[0].TTL == 0 {
				select {
				case said <- struct{}{}:
				default:
				}
			}
			return r, err
		}}
		return &lives{Log: between, may: quiet, after: func() {
			select {
			case <-said: // of before
			default:
			}
			select {
			case <-said:
			case <-time.After(10 * time.Millisecond): // nobody speaks
			}
		}}
	}},
	{"hands over what it has forgotten", "forgetting/anew", func(l events.Log) events.Log {
		var mu sync.Mutex
		var late []func()
		return &lives{Log: l, may: quiet, hear: func(next func(events.Segment)) func(events.Segment) {
			return func(s events.Segment) { // always one behind, until it begins anew
				mu.Lock()
				defer mu.Unlock()
				for _, f := range late {
					f()
				}
				late = nil
				if s.After > 0 || len(s.Events) > 900 {
					late = append(late, func() { next(s) })
					return
				}
				next(s)
			}
		}}
	}},
	{"remembers at its next start", "reopened/forgotten", func(l events.Log) events.Log {
		return &lives{Log: l, may: quiet, own: map[string]int{}}
	}},

	{"lists in no order", "namespaces are listed", func(l events.Log) events.Log {
		return &lives{Log: l, list: func(names []string) []string { slices.Reverse(names); return names }}
	}},
	{"lists not the last", "namespaces are listed", func(l events.Log) events.Log {
		return &lives{Log: l, list: func(names []string) []string { return names[:max(len(names), 1)-1] }}
	}},
	{"lists what it has forgotten", "forgetting/anew", func(l events.Log) events.Log {
		return &lives{Log: l, may: quiet, all: true}
	}},
}

// again is a log that takes something of its first head over.
func again(change func(now *events.Head, first events.Head)) func(events.Log) events.Log {
	return func(l events.Log) events.Log {
		var mu sync.Mutex
		first := map[string]events.Head{}
		return &flawed{Log: l, head: func(ns string, h events.Head) events.Head {
			mu.Lock()
			defer mu.Unlock()
			if _, ok := first[ns]; !ok {
				first[ns] = h
			}
			change(&h, first[ns])
			return h
		}}
	}
}
