package pump_test

import (
	"bufio"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/handlers/pump"
)

// A pausing source does something whenever it is asked.
type pausing struct {
	*record
	before func()
}

func (s *pausing) Next(ctx context.Context, p *pump.Page, near bool) pump.State {
	s.before()
	return s.record.Next(ctx, p, near)
}

// An event for a thousand is written by two hands at once, each stream by one of
// them: two that wait for each other both get on. Clients that hang up meanwhile, take
// nothing for a while or are done trouble nobody.
func TestManyTurnsAreShared(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	const streams, rounds = 1000, 5
	p := pump.New(pump.Options{})
	pad := strings.Repeat(".", 100)

	// While the gate's turn lasts all others are rung: the next list has all of them.
	gate, asked := make(chan struct{}), make(chan struct{}, 16)
	var shut atomic.Bool
	ours, theirs := tcp(t)
	kept := make(chan struct{}, 1)
	go func() {
		for in := bufio.NewScanner(theirs); in.Scan(); {
			select {
			case kept <- struct{}{}:
			default:
			}
		}
	}()
	keeper := &record{page: 1}
	st, keeperEnded := keeper.stream()
	st.Source = &pausing{keeper, func() {
		if shut.Load() {
			asked <- struct{}{}
			<-gate
		}
	}}
	p.Take(ours, st)

	// A loop that has not rested since everybody came is not helped. When the keeper's
	// line has been read it is about to.
	rest := func() {
		for range 20 {
			keeper.grow(1)
			<-kept
		}
	}

	var meet atomic.Bool
	var there atomic.Int32
	met := make(chan struct{})
	rendezvous := func() {
		if !meet.Load() {
			return
		}
		if there.Add(1) == 2 {
			close(met)
		}
		select {
		case <-met:
		case <-time.After(20 * time.Second):
			t.Error("nobody takes turns beside the first")
			meet.Store(false)
			close(met)
		}
	}

	var asking sync.WaitGroup // until each has been asked once
	var all []*record
	var ends []<-chan pump.Result
	read := make(chan error, streams)
	leavers := 0
	for i := range streams {
		ours, theirs := tcp(t)
		s := &record{page: 3, pad: pad}
		st, ended := s.stream()
		asking.Add(1)
		first := sync.OnceFunc(asking.Done)
		meets := i == 0 || i == 40
		st.Source = &pausing{s, func() {
			first()
			if meets {
				rendezvous()
			}
		}}
		p.Take(ours, st)
		if i%10 == 5 {
			leavers++
			go func() {
				theirs.Read(make([]byte, 1))
				theirs.Close()
				read <- nil
			}()
		} else {
			go func() { read <- lines(theirs, pad, 40*rounds) }()
		}
		all, ends = append(all, s), append(ends, ended)
	}
	asking.Wait()
	rest()
	for round := range rounds {
		shut.Store(true)
		keeper.bell.Ring()
		<-asked
		shut.Store(false)
		if round == 0 {
			meet.Store(true)
		}
		for _, s := range all {
			s.grow(40)
			if round == rounds-1 {
				s.over.Store(true)
			}
		}
		gate <- struct{}{}
		if round == 0 {
			<-met
			meet.Store(false)
		}
	}
	for range streams {
		if err := <-read; err != nil {
			t.Error(err)
		}
	}
	done := 0
	for _, ended := range ends {
		if r := <-ended; r.Err == nil {
			done++
		} else if !errors.Is(r.Err, pump.ErrGone) {
			t.Error(r.Err)
		}
	}
	if done < streams-leavers {
		t.Errorf("%d of %d streams were written to the end", done, streams-leavers)
	}
	keeper.finish()
	if r := <-keeperEnded; r.Err != nil {
		t.Error(r.Err)
	}
}
