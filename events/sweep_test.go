package events_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

func TestAnEmptyNamespaceIsForgotten(t *testing.T) {
	for name, tt := range map[string]struct {
		do     func(s *stage)
		wait   time.Duration
		forget bool
	}{
		"a stream was there": {func(s *stage) { s.listen(ann, events.Start{}, "lobby").Close() }, 12 * time.Minute, true},
		"too early":          {func(s *stage) { s.listen(ann, events.Start{}, "lobby").Close() }, 9 * time.Minute, false},
		"a stream is there":  {func(s *stage) { s.listen(ann, events.Start{}, "lobby") }, time.Hour, false},
		"something is kept":  {func(s *stage) { s.say(ann, "x", "lobby") }, time.Hour, false},
		"it has outlived its ttl": {func(s *stage) {
			s.post(ann, events.Post{To: []string{"a"}, Bodies: []events.Body{{Data: []byte("1"), TTL: time.Minute}}})
		}, time.Hour, true},
		"a key is remembered": {func(s *stage) {
			s.post(ann, events.Post{To: []string{"a"}, Key: "k", Bodies: []events.Body{{Data: []byte("1"), TTL: time.Minute}}})
		}, 9 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, events.Keep{})
				first := s.listen(bo, events.Start{}, "lobby")
				first.Close()
				tt.do(s)
				for range int(tt.wait / time.Minute) {
					time.Sleep(time.Minute)
					s.sweep()
					if err := s.reg.Sweep(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				again := s.listen(bo, events.Start{}, "lobby")
				if forgotten := again.Epoch() != first.Epoch(); forgotten != tt.forget {
					t.Errorf("forgotten %v, want %v", forgotten, tt.forget)
				}
				if same := again.Hello().Member == first.Hello().Member; same == tt.forget {
					t.Errorf("the member is the same: %v", same)
				}
			})
		})
	}
}

// What was forgotten while the process was down is found too.
func TestANamespaceThatNobodyOpenedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		s.listen(ann, events.Start{}, "lobby").Close()
		s.reg = events.NewRegistry(events.Options{Log: s.log})
		for _, wait := range []time.Duration{time.Minute, 10 * time.Minute} {
			time.Sleep(wait)
			if err := s.reg.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			names, err := s.log.Namespaces(t.Context())
			if err != nil || len(names) != map[bool]int{true: 1}[wait == time.Minute] {
				t.Errorf("after %v there are %v %v", wait, names, err)
			}
		}
	})
}

// A slowForget takes its time to forget.
type slowForget struct {
	events.Log
	began, goOn chan struct{}
}

func (l *slowForget) Forget(ctx context.Context, ns string) (bool, error) {
	l.began <- struct{}{}
	<-l.goOn
	return l.Log.Forget(ctx, ns)
}

// Whoever comes while a namespace is being forgotten waits, and gets a new one,
// whole.
func TestComingWhileItIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		slow := &slowForget{Log: s.log, began: make(chan struct{}), goOn: make(chan struct{})}
		s.reg = events.NewRegistry(events.Options{Log: slow, Grace: 1})
		old := s.listen(ann, events.Start{}, "lobby")
		old.Close()
		go func() {
			for range 3 {
				time.Sleep(11 * time.Minute)
				if err := s.reg.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}()
		<-slow.began
		came := make(chan *events.Cursor)
		go func() { came <- s.listen(ann, events.After(old.Position().String()), "lobby") }()
		ctx, hangUp := context.WithTimeout(t.Context(), time.Second)
		defer hangUp()
		if _, err := s.reg.Members(ctx, caller(""), "demo", events.Selection{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who is there was told of a namespace that is being forgotten: %v", err)
		}
		synctest.Wait()
		select {
		case <-came:
			t.Fatal("a stream began in a namespace that is being forgotten")
		default:
		}
		close(slow.goOn)
		c := <-came
		if c.Epoch() == old.Epoch() || c.Hello().Member == old.Hello().Member || c.Hello().Resumed {
			t.Errorf("the new one is %+v, the old one was %+v", c.Hello(), old.Hello())
		}
		if id := s.say(bo, "in the new one", "lobby"); id.Epoch != c.Epoch() || id.Seq != 1 {
			t.Errorf("said in %v, listened in %v", id, c.Epoch())
		}
		s.next(c) // the gap
	})
}
