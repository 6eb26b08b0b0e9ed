package events_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/events"
)

// A room that is joined while others speak in it is heard from the number that the
// join was answered with: no more and no less.
func TestJoiningWhileOthersSpeak(t *testing.T) {
	s := newStage(t, events.Keep{})
	a := s.listen(ann, events.Start{}, "lobby")
	for i := range 500 {
		room := fmt.Sprintf("r%d", i)
		var ids []events.ID
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 20 {
				ids = append(ids, s.say("", "x", room))
			}
		})
		m := s.join(ann, room)
		wg.Wait()
		want := 0
		for _, id := range ids {
			if id.Seq > m.Position.Seq {
				want++
			}
		}
		heard, _ := s.all(a)
		if len(heard) != want {
			t.Fatalf("joined %s at %v: heard %d of %d", room, m.Position, len(heard), want)
		}
		if _, err := s.reg.Leave(t.Context(), caller(ann), "demo", room); err != nil {
			t.Fatal(err)
		}
		s.all(a)
	}
}

func TestOpeningWhileBeingMoved(t *testing.T) {
	s := newStage(t, events.Keep{})
	s.listen(ann, events.Start{}, "lobby")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				room := fmt.Sprintf("r%d-%d", w, i%20)
				_, _ = s.reg.Join(t.Context(), caller(ann), "demo", room)
				_, _ = s.reg.Leave(t.Context(), caller(ann), "demo", room)
			}
		})
	}
	for range 1000 {
		c, err := s.reg.Listen(t.Context(), caller(ann), "demo", events.Listen{Rooms: []string{"lobby"}, Start: events.FromLast(3)})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Hello()
		c.Close()
	}
	close(stop)
	wg.Wait()
}

// A question whose time is over before anybody can answer is no success.
func TestAQuestionWithoutTimeIsNoSuccess(t *testing.T) {
	s := newStage(t, events.Keep{})
	s.listen(ann, events.Start{}, "lobby")
	s.listen(bo, events.Start{}, "lobby")
	for _, volatile := range []bool{false, true} {
		bad, slow := 0, 0
		for range 3 {
			began := time.Now()
			p := s.post(cy, events.Post{To: []string{"lobby"}, Volatile: volatile, Bodies: body("x"), Ack: time.Millisecond / 2})
			if p.Acks.Complete || p.Acks.Expected != 2 {
				bad++
				t.Logf("%+v", p.Acks)
			}
			if time.Since(began) > 500*time.Millisecond {
				slow++
			}
		}
		if bad > 0 {
			t.Errorf("volatile %v: %d of 3 are complete with nobody having answered, %d took a second", volatile, bad, slow)
		}
	}
}

func TestAShortRepeatDoesNotEndTheAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		a := s.listen(ann, events.Start{}, "lobby")
		first := make(chan *events.Acks, 1)
		began := time.Now()
		go func() {
			p := s.post(cy, events.Post{To: []string{"lobby"}, Bodies: body("x"), Ack: 20 * time.Second, Key: "k"})
			first <- p.Acks
		}()
		synctest.Wait()
		s.post(cy, events.Post{To: []string{"lobby"}, Bodies: body("x"), Ack: time.Millisecond, Key: "k"})
		if time.Since(began) < 20*time.Second {
			synctest.Wait()
			select {
			case got := <-first:
				t.Errorf("the first was answered after %v: %+v", time.Since(began), got)
				return
			default:
			}
		}
		a.Close()
		<-first
	})
}

// A question is another request than the same words.
func TestAKeyStandsForAQuestionOrNot(t *testing.T) {
	s := newStage(t, events.Keep{})
	s.listen(ann, events.Start{}, "lobby")
	s.post(cy, events.Post{To: []string{"lobby"}, Bodies: body("x"), Key: "k"})
	p := events.Post{To: []string{"lobby"}, Bodies: body("x"), Key: "k", Ack: time.Second}
	if _, err := s.reg.Publish(t.Context(), caller(cy), "demo", p); codeOf(err) != events.CodeKeyReused {
		t.Error(err)
	}
}

// A repeat is answered, however many there are by now.
func TestARepeatIsNotCountedAgain(t *testing.T) {
	s := newStage(t, events.Keep{})
	p := events.Post{To: []string{"lobby"}, Bodies: body("x"), Key: "k", Ack: time.Second}
	s.post(cy, p)
	for i := range events.MaxAckExpected + 1 {
		s.listen(fmt.Sprintf("connection-of-%05d", i), events.Start{}, "lobby")
	}
	if _, err := s.reg.Publish(t.Context(), caller(cy), "demo", p); err != nil {
		t.Error(err)
	}
}

// A key's answer is the same for as long as the key is remembered.
func TestARepeatAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		p := events.Post{To: []string{"lobby"}, Bodies: body("x"), Ack: time.Second, Key: "k"}
		first := s.post(cy, p)
		time.Sleep(time.Minute)
		again := s.post(cy, p)
		if !again.Replayed || again.Acks.Complete != first.Acks.Complete {
			t.Errorf("first %+v, then %+v", first.Acks, again.Acks)
		}
		time.Sleep(time.Hour)
	})
}

func TestAnOnlookerJoinsNothing(t *testing.T) {
	s := newStage(t, events.Keep{})
	c := s.listen(ann, events.Start{}, "lobby")
	s.listen(ann, events.Start{}, "*")
	c.Close() // lobby is in its grace
	if m, err := s.reg.Join(t.Context(), caller(ann), "demo", "den"); codeOf(err) != events.CodeBadParameter {
		t.Errorf("joined %+v: %v", m, err)
	}
	// And does not keep others from it.
	s.listen(bo, events.Start{}, "lobby")
	all := events.Move{Room: "den", Who: events.Selection{In: []string{"*"}}}
	if m, err := s.reg.Move(t.Context(), boss, "demo", all); err != nil || m.Count != 1 {
		t.Errorf("moved %+v: %v", m, err)
	}
}

func TestAMemberHasAHundredRoomsInAllItsStreams(t *testing.T) {
	s := newStage(t, events.Keep{})
	rooms := func(prefix string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint(prefix, i))
		}
		return out
	}
	s.listen(ann, events.Start{}, rooms("r", 60)...)
	s.listen(ann, events.Start{}, append(rooms("r", 50), rooms("s", 40)...)...)
	_, err := s.reg.Listen(t.Context(), caller(ann), "demo", events.Listen{Rooms: []string{"one too many"}})
	if codeOf(err) != events.CodeBadParameter {
		t.Error(err)
	}
}

// What is refused makes no namespace.
func TestRefusalsMakeNothing(t *testing.T) {
	s := newStage(t, events.Keep{})
	who := events.Selection{In: []string{"*"}}
	name := "Ann"
	_, join := s.reg.Join(t.Context(), caller(ann), "demo", "lobby")
	_, describe := s.reg.Describe(t.Context(), caller(ann), "demo", events.Description{Name: &name})
	_, move := s.reg.Move(t.Context(), boss, "demo", events.Move{Room: "lobby", Who: who})
	_, kick := s.reg.Disconnect(t.Context(), boss, "demo", who)
	_, _, rooms := s.reg.Rooms(t.Context(), boss, "demo", "", 0)
	_, members := s.reg.Members(t.Context(), boss, "demo", who)
	for i, tt := range []struct {
		err  error
		code events.Code
	}{
		{join, events.CodeNoStream},
		{describe, events.CodeNoStream},
		{s.reg.DisconnectSelf(t.Context(), caller(ann), "demo"), events.CodeNoStream},
		{s.answer(ann, "abcd-1", "1"), events.CodeGone},
		{move, events.CodeNotFound},
		{kick, events.CodeNotFound},
		{rooms, ""},
		{members, ""},
	} {
		if codeOf(tt.err) != tt.code {
			t.Errorf("%d: %v, want %q", i, tt.err, tt.code)
		}
	}
	if names, err := s.log.Namespaces(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("there are %v %v", names, err)
	}
}

// What answers hold is bounded, whoever sends them.
func TestAnswersHaveABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, events.Keep{})
		for i := range 200 {
			s.listen(fmt.Sprintf("connection-of-%05d", i), events.Start{}, "lobby")
		}
		acks, _ := s.ask(t.Context(), ann, 5*time.Second, events.Post{}, "lobby")
		synctest.Wait()
		head, err := s.log.Head(t.Context(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		big, taken := `"`+strings.Repeat("x", 60<<10)+`"`, 0
		for i := range 200 {
			switch err := s.answer(fmt.Sprintf("connection-of-%05d", i), events.ID{Epoch: head.Epoch, Seq: 1}.String(), big); codeOf(err) {
			case "":
				taken++
			case events.CodeTooLarge:
			default:
				t.Fatal(err)
			}
		}
		if got := <-acks; len(got.Answers) != taken || taken < 100 || taken > 140 || got.Complete {
			t.Errorf("%d answers of 60 KiB were taken, %d given", taken, len(got.Answers))
		}
	})
}

// A room that nothing was ever said in has nothing to erase, and is not made by it.
func TestErasingNothing(t *testing.T) {
	s := newStage(t, events.Keep{})
	s.say("", "x", "lobby")
	if got, err := s.reg.EraseRoom(t.Context(), boss, "demo", "never", ""); codeOf(err) != events.CodeNotFound {
		t.Errorf("erased: %v %v", got.First, err)
	}
}

// A room of many takes its time to note where each stream has to look, and a stream
// that is getting up from it then has been noted, but for an event that is not its.
func TestGettingUpWhileSomethingComesIn(t *testing.T) {
	s := newStage(t, events.Keep{})
	for i := range 3000 {
		s.listen(fmt.Sprintf("connection-of-%d", i), events.Start{}, "hall")
	}
	c := s.listen(bo, events.Start{}, "lobby")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.say("", "a word", "hall")
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	for range 500 {
		s.join(bo, "hall")
		s.next(c)
		s.next(c)
		moved, err := s.reg.Leave(t.Context(), caller(bo), "demo", "hall")
		if err != nil {
			t.Fatal(err)
		}
		for range 6 {
			for _, e := range s.next(c).Events {
				if e.Seq > moved.Position.Seq {
					t.Fatalf("left at %d, and heard %d", moved.Position.Seq, e.Seq)
				}
			}
		}
	}
}
