package handlers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"parley/events"
)

// A stream is cut after every byte there is of it, and comes back as an
// EventSource does: with the ID of the last block that it read to the end. It
// must have heard everything once, in order, and nothing of its own.
func TestAReturnMissesNothingWhereverItWasCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{window: 4}) // the older half is read from the log
		script := func(ns string, from, to int) (want []string) {
			for i := from; i < to; i++ {
				words := fmt.Sprint("w", i)
				room, by := []string{"lobby", "side", "elsewhere"}[i%3], ""
				if i%4 == 3 {
					by = ann
				}
				st.say(ns, room, by, words)
				if room != "elsewhere" && by != ann {
					want = append(want, words)
				}
			}
			return want
		}
		hear := func(ns, last string, cut int) (words []string, lastID string, total int) {
			header := []string{"Connection-ID", ann}
			if last != "" {
				header = append(header, "Last-Event-ID", last)
			}
			r := st.get("/"+ns+"?room=lobby&room=side&since=all", header...)
			var got bytes.Buffer
			copied := make(chan struct{})
			go func() {
				defer close(copied)
				if cut > 0 {
					io.CopyN(&got, r.Body, int64(cut))
				} else {
					io.Copy(&got, r.Body)
				}
			}()
			synctest.Wait()
			r.conn.Close()
			<-copied
			total = got.Len()
			p := newSSEParser(&got)
			for _, e := range p.all() {
				var said struct{ Data string }
				switch e.name {
				case "message":
					if err := json.Unmarshal([]byte(e.data), &said); err != nil {
						t.Fatal(err)
					}
					words = append(words, said.Data)
				case "gap":
					t.Errorf("cut at %d: %+v", cut, e)
				}
			}
			return words, p.lastID, total
		}
		script("whole", 0, 10)
		_, _, total := hear("whole", "", 0)
		if total < 800 {
			t.Fatalf("a stream of %d bytes shows nothing", total)
		}
		for cut := 1; cut <= total; cut++ {
			ns := fmt.Sprintf("%05d", cut) // as long as the first, for the same bytes
			want := script(ns, 0, 10)
			before, last, _ := hear(ns, "", cut)
			want = append(want, script(ns, 10, 13)...)
			after, _, _ := hear(ns, last, 0)
			if got := append(before, after...); !slices.Equal(got, want) {
				t.Fatalf("cut at %d of %d, back at %q: heard %v and %v, want %v", cut, total, last, before, after, want)
			}
		}
	})
}

func TestAnOpenStreamThatFellBehindIsToldTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{window: 4, keep: events.Keep{Events: 10}})
		r := st.listen("/acme/lobby?since=all")
		for i := range 1000 {
			st.say("acme", "lobby", "", fmt.Sprint(i))
		}
		if err := st.log.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		gaps, heard := 0, []string{}
		for len(heard) == 0 || heard[len(heard)-1] != "999" {
			e := r.event(t)
			switch e.name {
			case "gap":
				gaps++
			case "message":
				var said struct{ Data string }
				if err := json.Unmarshal([]byte(e.data), &said); err != nil {
					t.Fatal(err)
				}
				heard = append(heard, said.Data)
			}
		}
		if gaps != 1 || len(heard) >= 1000 || len(heard) < 10 {
			t.Errorf("%d gaps, %d heard", gaps, len(heard))
		}
	})
}
