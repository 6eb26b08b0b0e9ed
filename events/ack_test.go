package events_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
	"parley/events/memlog"
)

// ask posts something that asks for answers, and gives what came back.
func (s *stage) ask(ctx context.Context, connection string, wait time.Duration, p events.Post, to ...string) (chan *events.Acks, chan error) {
	p.To, p.Bodies, p.Ack = to, body("well?"), wait
	acks, failed := make(chan *events.Acks, 1), make(chan error, 1)
	go func() {
		got, err := s.reg.Publish(ctx, caller(connection), "demo", p)
		acks <- got.Acks
		failed <- err
	}()
	return acks, failed
}

// answer answers the newest event that asks on a stream.
func (s *stage) answer(connection, id, data string) error {
	return s.reg.Answer(s.Context(), caller(connection), "demo", id, events.Body{Data: []byte(data)})
}

func summary(a *events.Acks) string {
	var said []string
	for _, x := range a.Answers {
		said = append(said, string(x.Data))
	}
	return fmt.Sprintf("%d [%s] missing %d %v", a.Expected, strings.Join(said, " "), len(a.Missing), a.Complete)
}

func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		to, except []string
		from       string
		echo       bool
		do         func(t *testing.T, s *stage, id string, streams map[string]*events.Cursor)
		after      time.Duration // the answer is there at this time
		want       string
	}{
		"all answer": {to: []string{"lobby"}, from: ann, want: `2 ["b" "c"] missing 0 true`,
			do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) {
				s.mustAnswer(bo, id, `"b"`)
				s.mustAnswer(cy, id, `"c"`)
			}},
		"one is silent": {to: []string{"lobby"}, from: ann, after: 5 * time.Second, want: `2 ["b"] missing 1 false`,
			do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) { s.mustAnswer(bo, id, `"b"`) }},
		"the first counts": {to: []string{"@bob"}, from: ann, want: `1 [1] missing 0 true`,
			do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) {
				s.mustAnswer(bo, id, `1`)
				s.mustAnswer(bo, id, `2`)
			}},
		"one is kicked": {to: []string{"lobby"}, from: ann, want: `2 ["b"] missing 1 false`,
			do: func(t *testing.T, s *stage, id string, streams map[string]*events.Cursor) {
				s.mustAnswer(bo, id, `"b"`)
				who := events.Selection{Member: streams[cy].Hello().Member}
				if _, err := s.reg.Disconnect(t.Context(), boss, "demo", who); err != nil {
					t.Error(err)
				}
			}},
		"one stays away": {to: []string{"lobby"}, from: ann, after: 5 * time.Second, want: `2 ["b"] missing 1 false`,
			do: func(t *testing.T, s *stage, id string, streams map[string]*events.Cursor) {
				s.mustAnswer(bo, id, `"b"`)
				streams[cy].Close()
			}},
		"one goes away and comes back": {to: []string{"lobby"}, from: ann, after: time.Second, want: `2 ["b" "c"] missing 0 true`,
			do: func(t *testing.T, s *stage, id string, streams map[string]*events.Cursor) {
				s.mustAnswer(bo, id, `"b"`)
				streams[cy].Close()
				time.Sleep(time.Second)
				back := s.listen(cy, events.After(events.ID{Epoch: streams[cy].Epoch()}.String()), "lobby")
				d := s.next(back)
				if len(d.Events) != 1 || d.Events[0].AckBy.IsZero() {
					t.Errorf("returned to %+v", d.Events)
				}
				s.mustAnswer(cy, id, `"c"`)
			}},
		"the sender is not asked": {to: []string{"lobby"}, from: bo, echo: true, want: `1 ["c"] missing 0 true`,
			do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) {
				if err := s.answer(bo, id, `"b"`); codeOf(err) != events.CodeForbidden {
					t.Errorf("the sender answered itself: %v", err)
				}
				s.mustAnswer(cy, id, `"c"`)
			}},
		"a back end asks": {to: []string{"lobby"}, except: []string{"side"}, want: `1 ["b"] missing 0 true`,
			do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) { s.mustAnswer(bo, id, `"b"`) }},
		"nobody is there":           {to: []string{"empty"}, from: ann, want: `0 [] missing 0 true`},
		"who is named is not there": {to: []string{"@aaaaaaaaaaaaaaaa"}, from: ann, want: `0 [] missing 1 false`},
		"onlookers are not asked":   {to: []string{"*"}, except: []string{"side"}, from: ann, want: `1 ["b"] missing 0 true`, do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) { s.mustAnswer(bo, id, `"b"`) }},
		"a stranger is not asked": {to: []string{"@bob"}, from: ann, want: `1 [1] missing 0 true`, do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) {
			s.refused(cy, id, events.CodeForbidden)
			s.mustAnswer(bo, id, `1`)
		}},
		"an answer to nothing is": {to: []string{"empty"}, from: ann, want: `0 [] missing 0 true`, do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) {
			s.refused(bo, "zzzz-1", events.CodeGone)
		}},
		"one without a name answers": {to: []string{"empty"}, from: ann, want: `0 [] missing 0 true`, do: func(t *testing.T, s *stage, id string, _ map[string]*events.Cursor) {
			s.refused("", id, events.CodeBadID)
		}},
	} {
		for _, volatile := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " volatile ", volatile), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t, events.Keep{})
					streams := map[string]*events.Cursor{
						bo: s.listen(bo, events.Start{}, "lobby"), cy: s.listen(cy, events.Start{}, "lobby", "side"),
					}
					if volatile && name == "one goes away and comes back" {
						return // it is not kept
					}
					s.come("connection-of-eve", events.Listen{All: true})
					all := s.come("connection-of-dan", events.Listen{All: true})
					began := time.Now()
					to := slices.Clone(tt.to)
					if to[0] == "@bob" {
						to[0] = "@" + streams[bo].Hello().Member
						all = streams[bo]
					}
					for _, c := range append([]*events.Cursor{all}, streams[bo], streams[cy]) {
						s.next(c) // up to date, for what is volatile
					}
					acks, failed := s.ask(t.Context(), tt.from, 5*time.Second, events.Post{Except: tt.except, Echo: tt.echo, Volatile: volatile}, to...)
					synctest.Wait()
					if tt.do != nil {
						d := s.next(all)
						id := ""
						for _, e := range d.Events {
							if id = e.AckID; id == "" {
								id = events.ID{Epoch: all.Epoch(), Seq: e.Seq}.String()
							}
							if e.AckBy.Sub(began) != 5*time.Second {
								t.Errorf("answers are taken until %v", e.AckBy)
							}
						}
						tt.do(t, s, id, streams)
					}
					got, err := <-acks, <-failed
					if err != nil {
						t.Fatal(err)
					}
					if summary(got) != tt.want {
						t.Errorf("%s, want %s", summary(got), tt.want)
					}
					if took := time.Since(began); took != tt.after {
						t.Errorf("it took %v, want %v", took, tt.after)
					}
				})
			})
		}
	}
}

func (s *stage) mustAnswer(connection, id, data string) {
	s.Helper()
	if err := s.answer(connection, id, data); err != nil {
		s.Errorf("%s answers: %v", connection, err)
	}
}

func (s *stage) refused(connection, id string, code events.Code) {
	s.Helper()
	if err := s.answer(connection, id, "1"); codeOf(err) != code {
		s.Errorf("%q answers: %v, want %s", connection, err, code)
	}
}

// What stays away past the grace is missing then, and not when the time is over.
func TestTheGraceEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		c := s.listen(bo, events.Start{}, "lobby")
		began := time.Now()
		acks, _ := s.ask(t.Context(), ann, events.MaxAckWait, events.Post{}, "lobby")
		synctest.Wait()
		c.Close()
		if got := summary(<-acks); got != "1 [] missing 1 false" {
			t.Error(got)
		}
		if took := time.Since(began); took != grace {
			t.Errorf("it took %v", took)
		}
	})
}

func TestLateAnswersAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		c := s.listen(bo, events.Start{}, "lobby")
		acks, _ := s.ask(t.Context(), ann, time.Second, events.Post{}, "lobby")
		<-acks
		id := events.ID{Epoch: c.Epoch(), Seq: 1}.String()
		s.refused(bo, id, events.CodeGone)
		time.Sleep(time.Minute)
		s.refused(bo, id, events.CodeGone)
	})
}

// A tardyLog takes longer to number what it is given than anybody waits for answers.
type tardyLog struct{ *memlog.Log }

func (l tardyLog) Append(ctx context.Context, ns string, b events.Batch) (events.Receipt, error) {
	time.Sleep(3 * time.Second)
	return l.Log.Append(ctx, ns, b)
}

// Nobody had the time to answer, and so nobody has: that is no success.
func TestAQuestionThatIsNumberedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		s.reg = events.NewRegistry(events.Options{Log: tardyLog{s.log}})
		s.listen(bo, events.Start{}, "lobby")
		acks, failed := s.ask(t.Context(), ann, time.Second, events.Post{}, "lobby")
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		if got := summary(<-acks); got != "1 [] missing 1 false" {
			t.Error(got)
		}
	})
}

// With a key the same question is asked once, whoever hangs up in between.
func TestAQuestionIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		b := s.listen(bo, events.Start{}, "lobby")
		ctx, hangUp := context.WithCancel(t.Context())
		_, failed := s.ask(ctx, ann, 5*time.Second, events.Post{Key: "k"}, "lobby")
		synctest.Wait()
		hangUp()
		if err := <-failed; err == nil {
			t.Fatal("answered who had gone")
		}
		again, _ := s.ask(t.Context(), ann, 5*time.Second, events.Post{Key: "k"}, "lobby")
		synctest.Wait()
		s.mustAnswer(bo, events.ID{Epoch: b.Epoch(), Seq: 1}.String(), `"yes"`)
		if got := summary(<-again); got != `1 ["yes"] missing 0 true` {
			t.Error(got)
		}
		time.Sleep(9 * time.Minute)
		third, _ := s.ask(t.Context(), ann, 5*time.Second, events.Post{Key: "k"}, "lobby")
		if got := summary(<-third); got != `1 ["yes"] missing 0 true` {
			t.Error(got)
		}
		if d := s.next(b); len(d.Events) != 1 {
			t.Errorf("it was asked %d times", len(d.Events))
		}
	})
}

func TestTooManyToAsk(t *testing.T) {
	s := newStage(t, events.Keep{})
	for i := range events.MaxAckExpected + 1 {
		s.listen(fmt.Sprintf("connection-of-%05d", i), events.Start{}, "lobby")
	}
	_, failed := s.ask(t.Context(), ann, time.Second, events.Post{}, "lobby")
	if err := <-failed; codeOf(err) != events.CodeBadParameter {
		t.Error(err)
	}
	head, err := s.log.Head(t.Context(), "demo")
	if err != nil || head.Last != 0 {
		t.Errorf("something was kept: %+v %v", head, err)
	}
	for what, p := range map[string]events.Post{
		"a batch":  {Batch: true, Ack: time.Second},
		"too long": {Ack: events.MaxAckWait + 1},
		"negative": {Ack: -1},
	} {
		p.To, p.Bodies = []string{"lobby"}, body("x")
		if _, err := s.reg.Publish(t.Context(), caller(ann), "demo", p); codeOf(err) != events.CodeBadParameter {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Who asks and hangs up leaves nothing behind but what a repeated answer needs, and
// that not for long.
func TestQuestionsLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		for i := range 20 {
			s.listen(fmt.Sprintf("connection-of-%05d", i), events.Start{}, "lobby")
		}
		round := func() {
			var all sync.WaitGroup
			for range 500 {
				ctx, hangUp := context.WithTimeout(t.Context(), time.Second)
				_, failed := s.ask(ctx, ann, 20*time.Second, events.Post{}, "lobby")
				all.Go(func() {
					<-failed
					hangUp()
				})
			}
			all.Wait()
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapObjects
		}
		round()
		before := heap()
		for range 5 {
			round()
		}
		// The log keeps the events, of a handful of objects each.
		if after := heap(); after > before+5*500*40 {
			t.Errorf("%d objects after the first round, %d after six", before, after)
		}
	})
}
