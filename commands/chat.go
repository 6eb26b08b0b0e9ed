package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/client"
)

type chatCmd struct {
	remote
	Place string `arg:"" name:"namespace/room" help:"Where to talk: acme/lobby."`
	Name  string `setting:"env" help:"Your nickname; /nick changes it." placeholder:"NAME"`
	Last  int    `default:"10" help:"Begin with the newest N of what was said before. Default: ${default}." placeholder:"N"`
}

// Run talks until there is no more to read, /quit, the end of ctx, or the server
// ends it.
func (c *chatCmd) Run(ctx context.Context, env *Env) error {
	ns, rooms, err := places([]string{c.Place})
	if err != nil {
		return err
	}
	if len(rooms) != 1 {
		return &usageError{errors.New("name one room as namespace/room, such as acme/lobby")}
	}
	if c.Last < 0 {
		return &usageError{errors.New("--last is a number of events")}
	}
	passing := c.ConnectionID == ""
	if passing {
		c.ConnectionID = client.NewConnectionID()
	}
	speaks, err := c.dial(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer speaks.Close()
	t := &talk{
		client: speaks, server: c.Server, ns: ns, last: c.Last, passing: passing,
		name: c.Name, rooms: rooms, current: rooms[0],
		paint: paints(env, env.Stdout), printed: newRecent(1000),
	}
	if t.screen, err = openScreen(env, t.complete); err != nil {
		return err
	}
	defer t.screen.close()
	t.prompt()
	return t.run(ctx)
}

// A talk is one chat: one goroutine hears, and one says what was typed, in order.
type talk struct {
	client  *client.Client
	server  string
	ns      string
	last    int  // how much of the past a room begins with
	passing bool // the member is of this process alone
	paint   bool
	screen  screen

	mu      sync.Mutex // held while something is told or changed, so that each is told as a whole
	name    string
	rooms   []string
	current string // where what is typed goes; one of rooms, or "" when there is none
	there   rosters
	printed recent
	moves   []move // of our own, that the stream has not told yet
	unsaid  bool   // something could not be said
	over    bool

	// Of the connection.
	cut   time.Time // since when there is none; zero while there is one
	cuts  int       // attempts since then
	begun bool      // there was one
	plain bool      // without presence, which this namespace does not tell
}

var errQuit = errors.New("enough")

// run hears and says until one of the two ends.
func (t *talk) run(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	begun := make(chan struct{})
	heard := make(chan error, 1)
	go func() {
		err := t.hear(ctx, begun)
		cancel(errQuit) // what is being said is not waited for
		heard <- err
	}()
	typed := t.read(ctx, cancel, begun)
	unread := t.saying(ctx, begun, typed)
	cancel(errQuit)
	err := <-heard
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	if t.passing && t.begun {
		t.part(parent)
	}
	switch {
	case err != nil:
		return err
	case parent.Err() != nil:
		return nil
	case unread != nil:
		return fmt.Errorf("cannot read standard input: %w", unread)
	case t.unsaid && !t.screen.echoes():
		return &toldError{errors.New("not everything was said")}
	}
	return nil
}

// saying deals with what was typed, in order, until there is no more.
func (t *talk) saying(ctx context.Context, begun <-chan struct{}, typed <-chan input) (unread error) {
	select {
	case <-begun: // nobody knows us before there is a stream
	case <-ctx.Done():
	}
	for {
		select {
		case in, more := <-typed:
			if !more || in.err != nil {
				return in.err
			}
			t.take(ctx, in.line)
		case <-ctx.Done():
			return nil
		}
	}
}

// An input is a line, or why there is none.
type input struct {
	line string
	err  error
}

// read gives what is typed, up to /quit or the end. It reads ahead, so that typing
// is not held up by what is being sent.
//
// It is left behind where it waits for a line when ctx ends: nothing but the end
// of the process ends a read of a terminal.
func (t *talk) read(ctx context.Context, cancel context.CancelCauseFunc, begun <-chan struct{}) <-chan input {
	typed := make(chan input, 100)
	go func() {
		defer close(typed)
		for {
			line, err := t.screen.line()
			if err == io.EOF || err == nil && strings.TrimSpace(line) == "/quit" {
				break
			}
			select {
			case typed <- input{line, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
		if !t.screen.echoes() {
			return
		}
		// Who leaves a terminal does not want to wait for a server that is away.
		select {
		case <-begun:
			time.AfterFunc(2*time.Second, func() { cancel(errQuit) })
		default:
			cancel(errQuit)
		}
	}()
	return typed
}

// part tells the others at once that we are gone, and not only after the grace.
func (t *talk) part(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = t.client.Disconnect(ctx, t.ns, client.Selection{Member: "me"}) // else the grace does it
}

// hear tells what comes until the stream ends for good.
func (t *talk) hear(ctx context.Context, begun chan<- struct{}) error {
	r := client.ListenRequest{
		Namespace: t.ns, Rooms: t.rooms, Name: t.name, Presence: true,
		Reconnecting: t.reconnecting,
	}
	for {
		err := t.listen(ctx, r, begun)
		var refused *client.Problem
		if r.Presence && !t.begun && errors.As(err, &refused) && refused.Code == "forbidden" {
			r.Presence, t.plain = false, true // this namespace may tell nobody who is there
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
}

func (t *talk) listen(ctx context.Context, r client.ListenRequest, begun chan<- struct{}) error {
	for e, err := range t.client.Listen(ctx, r) {
		if err != nil {
			return err
		}
		if err := t.event(ctx, e, begun); err != nil {
			return err
		}
	}
	return nil
}

func (t *talk) reconnecting(cause error, _ time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut.IsZero() {
		t.cut = time.Now()
	}
	// A connection that comes back at once is told in one line when it is back.
	if t.cuts++; t.cuts == 2 || t.cuts == 1 && !t.begun {
		why := "it ended the stream"
		if cause != nil {
			why = plain(cause.Error())
		}
		_ = t.note("no connection to %s (%s); trying again", plain(t.server), why)
	}
}

// event tells one event.
func (t *talk) event(ctx context.Context, e client.Event, begun chan<- struct{}) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h, ok := e.Hello(); ok {
		return t.hello(ctx, h, begun)
	}
	if g, ok := e.Gap(); ok {
		return t.gap(g)
	}
	if b, ok := e.Bye(); ok {
		if b.Reconnect {
			return nil
		}
		return t.note("the server ended this (%s)", plain(b.Reason))
	}
	if rooms, ok := e.Rooms(); ok {
		return t.moved(rooms)
	}
	if p, ok := e.Presence(); ok {
		return t.presence(p)
	}
	if x, ok := e.Erased(); ok {
		return t.note("%s", t.in(x.Room)+erased(x))
	}
	return t.heard(e)
}

func (t *talk) hello(ctx context.Context, h client.Hello, begun chan<- struct{}) error {
	t.there.me, t.moves = h.Member, nil
	if !t.begun {
		t.begun = true
		defer close(begun) // what is typed comes after what was said before
		t.cut, t.cuts = time.Time{}, 0
		if t.plain {
			if err := t.note("in %s; who else is here is not told", plain(t.current)); err != nil {
				return err
			}
		}
		return t.past(ctx, t.current, t.last)
	}
	t.there.reconnected()
	if h.Resumed {
		if err := t.back("nothing was missed"); err != nil {
			return err
		}
	}
	// Else the gap says what was.
	return t.moved(h.Rooms)
}

func (t *talk) gap(g client.Gap) error {
	what := "what was said meanwhile may be lost"
	if g.Reason == "expired" {
		what = "the oldest of what was said meanwhile is no longer kept"
	}
	if t.cut.IsZero() {
		return t.note("%s", t.in(g.Room)+what)
	}
	return t.back(what)
}

// back tells in one line how a cut ended.
func (t *talk) back(what string) error {
	away := time.Since(t.cut).Round(time.Second)
	t.cut, t.cuts = time.Time{}, 0
	return t.note("connected again after %s: %s", max(away, time.Second), what)
}

// moved notes the rooms that the stream tells, and says so where it was not our
// doing. Of our own moves the stream tells late, and of several at once only the
// last.
func (t *talk) moved(rooms []string) error {
	// One that was undone before it was told never is.
	t.moves = slices.DeleteFunc(t.moves, func(m move) bool { return time.Since(m.at) > patience })
	if i := slices.IndexFunc(t.moves, func(m move) bool { return sameRooms(m.rooms, rooms) }); i >= 0 {
		t.moves = t.moves[i+1:]
		return nil
	}
	if sameRooms(t.rooms, rooms) {
		return nil
	}
	t.settle(rooms, t.current)
	if len(rooms) == 0 {
		return t.note("you are in no room now")
	}
	return t.note("you are in %s now", plain(strings.Join(rooms, ", ")))
}

// A move is a change of our own, with the rooms after it.
type move struct {
	rooms []string
	at    time.Time
}

// ours takes the rooms that a move of our own has left us with.
func (t *talk) ours(rooms []string, current string) {
	if !sameRooms(t.rooms, rooms) {
		t.moves = append(t.moves, move{rooms, time.Now()})
	}
	t.settle(rooms, current)
}

func sameRooms(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// settle takes rooms as those that we have, and current as the one that is
// spoken to if we have it.
func (t *talk) settle(rooms []string, current string) {
	for _, r := range t.rooms {
		if !slices.Contains(rooms, r) {
			t.there.forget(r)
		}
	}
	t.rooms, t.current = rooms, current
	if !slices.Contains(rooms, current) {
		t.current = ""
		if len(rooms) > 0 {
			t.current = rooms[0]
		}
	}
	t.prompt()
}

func (t *talk) presence(p client.Presence) error {
	if !slices.Contains(t.rooms, p.Room) {
		return nil // told before we left
	}
	what := t.there.take(p)
	if len(t.there.doubt[p.Room]) > 0 {
		time.AfterFunc(doubtful, func() { t.doubted(p.Room) })
	}
	if me, ok := t.there.room[p.Room][t.there.me]; ok && me.name != t.name {
		t.name = me.name
		t.prompt()
	}
	if what == "" {
		return nil
	}
	return t.note("%s", t.in(p.Room)+what)
}

// doubtful is how long somebody may take to come back to a server that was
// restarted before it is told that they left: longer than the usual grace.
const doubtful = 15 * time.Second

func (t *talk) doubted(room string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if what := t.there.resolve(room); what != "" && !t.over {
		_ = t.note("%s", t.in(room)+what)
	}
}

// heard tells what somebody said, unless it was told with the room's past.
func (t *talk) heard(e client.Event) error {
	if e.ID == "" && e.Event != "message" {
		return nil // such as who is typing
	}
	if e.ID != "" && !t.printed.add(e.ID) {
		return nil
	}
	return t.show(e)
}

// past tells the newest of what was said in a room before.
func (t *talk) past(ctx context.Context, room string, n int) error {
	if n == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	events, err := newest(ctx, t.client, client.HistoryRequest{Namespace: t.ns, Room: room}, n)
	if ctx.Err() == context.Canceled {
		return nil // we are leaving
	}
	if err != nil {
		return t.note("what was said before cannot be told: %s", plain(err.Error()))
	}
	for _, e := range events {
		if err := t.heard(e); err != nil {
			return err
		}
	}
	return nil
}

// patience is how long a command waits for the server. While one changes what is
// heard, nothing else is told.
const patience = 10 * time.Second

// recent remembers the IDs that were printed last.
type recent struct {
	ids   map[string]bool
	order []string
	next  int
}

func newRecent(n int) recent { return recent{make(map[string]bool, n), make([]string, n), 0} }

// add reports whether an ID is new.
func (r *recent) add(id string) bool {
	if r.ids[id] {
		return false
	}
	delete(r.ids, r.order[r.next])
	r.ids[id], r.order[r.next] = true, id
	r.next = (r.next + 1) % len(r.order)
	return true
}
