package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKillUnderLoad kills the server with -9 again and again while people write
// and listen. Writers repeat with the same key until they are answered 201;
// streams come back with the last ID they saw. In the end each stream has had
// everything that was answered 201 in its rooms and not said by itself, once
// and in order, and no gap was told.
//
// The page cache outlives a process, so this shows nothing of power loss;
// disklog's own tests cut the power.
func TestKillUnderLoad(t *testing.T) {
	const kills, writers = 20, 4
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s := serve(t)
	rooms := []string{"attic", "kitchen", "lobby"}

	var tally struct {
		sync.Mutex
		said []saying
	}
	answered := func() int { tally.Lock(); defer tally.Unlock(); return len(tally.said) }

	listeners := []*listener{
		{url: s.URL + "/demo/lobby"},
		{url: s.URL + "/demo/kitchen"},
		{url: s.URL + "/demo?room=lobby&room=attic"},
		{url: s.URL + "/demo?room=*"},
		{url: s.URL + "/demo?room=attic&room=kitchen&room=lobby", connection: connectionOf(0)},
		{url: s.URL + "/demo/lobby", connection: connectionOf(1)},
		{url: s.URL + "/demo?room=*", connection: connectionOf(2)},
	}
	var streaming sync.WaitGroup
	for _, l := range listeners {
		l.rooms = roomsOf(l.url, rooms)
		l.first = make(chan struct{})
		streaming.Go(func() { l.run(ctx) })
	}
	for _, l := range listeners {
		select {
		case <-l.first:
		case <-ctx.Done():
			t.Fatalf("%s never said hello: %v", l.url, l.trouble())
		}
	}

	enough := make(chan struct{})
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-enough:
					return
				case <-ctx.Done():
					return
				default:
				}
				what := saying{room: rooms[rand.IntN(len(rooms))], by: connectionOf(w), text: fmt.Sprintf("%d says %d", w, n)}
				if !what.say(ctx, s.URL) {
					return
				}
				tally.Lock()
				tally.said = append(tally.said, what)
				tally.Unlock()
			}
		})
	}

	// A kill falls at a random moment of the work, after every stream has heard
	// something since the last one.
	for range kills {
		at, heard := answered()+20+rand.IntN(200), make([]int64, len(listeners))
		for i, l := range listeners {
			heard[i] = l.count.Load()
		}
		for answered() < at || slices.ContainsFunc(listeners, func(l *listener) bool {
			return l.count.Load() == heard[slices.Index(listeners, l)]
		}) {
			if ctx.Err() != nil {
				t.Fatalf("stuck after %d answers; streams: %v", answered(), troubles(listeners))
			}
			time.Sleep(time.Millisecond)
		}
		s.Kill()
		s.Restart()
	}
	close(enough)
	writing.Wait()

	// The last word, to everybody, says that a stream has had all before it.
	last := saying{room: "*", text: "the end"}
	if !last.say(ctx, s.URL) {
		t.Fatal("the last word was not kept")
	}
	for _, l := range listeners {
		for !l.has(last.id) {
			if ctx.Err() != nil {
				t.Fatalf("%s never heard the end: %v", l.url, l.trouble())
			}
			time.Sleep(time.Millisecond)
		}
	}
	cancel()
	streaming.Wait()

	said := append(tally.said, last)
	slices.SortFunc(said, func(a, b saying) int { return cmp.Compare(a.seq(), b.seq()) })
	for i := 1; i < len(said); i++ {
		if said[i].id == said[i-1].id {
			t.Fatalf("%q and %q were both answered %s", said[i-1].text, said[i].text, said[i].id)
		}
	}
	for _, l := range listeners {
		var want []string
		for _, e := range said {
			if (e.room == "*" || slices.Contains(l.rooms, e.room)) && (e.by == "" || e.by != l.connection) {
				want = append(want, e.id+" "+e.text)
			}
		}
		if !slices.Equal(l.heard, want) {
			t.Errorf("%s as %q heard %d of %d: %s", l.url, l.connection, len(l.heard), len(want), firstDifference(l.heard, want))
		}
		if len(l.gaps) > 0 {
			t.Errorf("%s was told of gaps: %v", l.url, l.gaps)
		}
		if l.openings < kills {
			t.Errorf("%s was opened %d times over %d kills", l.url, l.openings, kills)
		}
	}
	t.Logf("%d events, %d kills, %d streams", len(said), kills, len(listeners))
}

func connectionOf(writer int) string { return fmt.Sprintf("writer-%d-3b9e0c55d172", writer) }

// A saying is an event that was answered 201.
type saying struct {
	room, by, text, id string
}

func (e *saying) seq() uint64 {
	_, n, _ := strings.Cut(e.id, "-")
	seq, _ := strconv.ParseUint(n, 10, 64)
	return seq
}

// say posts until it is answered 201, with one key, and takes the ID.
func (e *saying) say(ctx context.Context, url string) bool {
	for ctx.Err() == nil {
		status, answer, err := post(ctx, url+"/demo?to="+e.room, e.by, "key-"+strings.ReplaceAll(e.text, " ", "-"), e.text)
		if err == nil && status == http.StatusCreated {
			var receipt struct{ ID string }
			if json.Unmarshal(answer, &receipt) == nil && receipt.ID != "" {
				e.id = receipt.ID
				return true
			}
		}
		pause(ctx)
	}
	return false
}

// pause keeps who retries from spinning while the server is away.
func pause(ctx context.Context) {
	select {
	case <-time.After(2 * time.Millisecond):
	case <-ctx.Done():
	}
}

// A listener is a stream that comes back whenever it is cut.
type listener struct {
	url, connection string
	rooms           []string
	first           chan struct{} // closed with the first hello
	count           atomic.Int64

	mu       sync.Mutex
	heard    []string // id and data
	gaps     []string
	openings int
	last     string
	err      error
}

func (l *listener) run(ctx context.Context) {
	for ctx.Err() == nil {
		resp, err := open(ctx, l.url, l.connection, l.last)
		if err == nil {
			err = readFrames(resp.Body, l.take)
			resp.Body.Close()
		}
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
		pause(ctx)
	}
}

func (l *listener) take(f frame) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.id != "" {
		l.last = f.id
	}
	switch f.event {
	case "hello":
		if l.openings++; l.openings == 1 {
			close(l.first)
		}
	case "gap":
		l.gaps = append(l.gaps, f.data)
	case "message":
		var e struct{ ID, Data string }
		if err := json.Unmarshal([]byte(f.data), &e); err != nil || e.ID != f.id {
			e.Data = "not an event: " + f.data
		}
		l.heard = append(l.heard, f.id+" "+e.Data)
		l.count.Add(1)
	}
	return true
}

func (l *listener) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heard) > 0 && strings.HasPrefix(l.heard[len(l.heard)-1], id+" ")
}

func (l *listener) trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func troubles(ls []*listener) []string {
	var out []string
	for _, l := range ls {
		out = append(out, fmt.Sprintf("%s: %d heard, %v", l.url, l.count.Load(), l.trouble()))
	}
	return out
}

func roomsOf(url string, all []string) []string {
	if strings.Contains(url, "room=*") {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(r string) bool { return !strings.Contains(url, r) })
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "nothing more", "nothing more"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("at %d it heard %q where %q was said", i, g, w)
		}
	}
	return ""
}
