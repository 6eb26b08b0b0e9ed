package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// key is the bearer token of the servers that crowds meet on.
const key = "the-application"

// A crowd is people in a namespace of their own, each on an open stream.
type crowd struct {
	t      *testing.T
	url    string // of the namespace
	people map[string]*person
	marks  int
}

// newCrowd makes a crowd without anybody.
func newCrowd(t *testing.T, s *server, ns string) *crowd {
	t.Helper()
	return &crowd{t: t, url: s.URL + "/" + ns, people: map[string]*person{}}
}

// A word is an event as it is heard.
type word struct {
	ID       string
	Room     string
	To       []string
	Event    string
	From     string
	Name     string
	Data     json.RawMessage
	Encoding string
	Type     string
	Ack      *struct {
		ID string
		By time.Time
	}
}

// text is what was said: a string as it is, anything else as JSON, and before
// it the event's name where that is not message.
func (w word) text() string {
	said := string(w.Data)
	var s string
	if json.Unmarshal(w.Data, &s) == nil {
		said = s
	}
	if w.Event != "message" {
		said = w.Event + ":" + said
	}
	return said
}

func words(heard []word) []string {
	var texts []string
	for _, w := range heard {
		texts = append(texts, w.text())
	}
	return texts
}

// A person is one member with one stream.
type person struct {
	c          *crowd
	name       string
	connection string
	member     string
	cancel     context.CancelFunc
	over       chan struct{} // closed when the stream has ended

	mu     sync.Mutex
	heard  []word            // guarded by mu; since the last look, marks not among them
	own    []frame           // guarded by mu; the server's own events
	last   string            // guarded by mu; the last id
	mark   int               // guarded by mu; the last that was heard
	answer func(word) string // guarded by mu; to a word that asks for one
	bell   chan struct{}
}

// enter opens a stream for each, given as a name and the rooms it listens to.
func (c *crowd) enter(each ...string) {
	c.t.Helper()
	for _, one := range each {
		fields := strings.Fields(one)
		c.stream(fields[0], fields[1:], "", "")
	}
}

// returns opens a stream again from where it was, without naming a room.
func (c *crowd) returns(name string) {
	c.t.Helper()
	p := c.people[name]
	p.mu.Lock()
	last := p.last
	p.mu.Unlock()
	c.stream(name, nil, last, "")
}

// stream opens a stream for somebody who may have been there before, from a
// position where one is given and with more query, and waits for its hello.
func (c *crowd) stream(name string, rooms []string, last, query string) {
	c.t.Helper()
	p := c.people[name]
	if p == nil {
		p = &person{c: c, name: name, connection: name + "-0123456789abcdef", bell: make(chan struct{}, 1)}
		c.people[name] = p
	}
	ctx, cancel := context.WithCancel(context.Background())
	resp, err := open(ctx, c.url+"?"+url.Values{"room": rooms}.Encode()+"&"+query, p.connection, last)
	if err != nil {
		cancel()
		c.t.Fatal(err)
	}
	over := make(chan struct{})
	p.cancel, p.over = cancel, over
	c.t.Cleanup(func() {
		cancel()
		<-over
	})
	p.mu.Lock()
	p.own = nil
	p.mu.Unlock()
	go func() {
		defer close(over)
		defer resp.Body.Close()
		readFrames(resp.Body, func(f frame) bool {
			p.take(f)
			return true
		})
	}()
	var hello struct{ Member string }
	p.unmarshal("hello", &hello)
	p.member = hello.Member
}

// take keeps a frame and answers what asks for it.
func (p *person) take(f frame) {
	var w word
	p.mu.Lock()
	if f.id != "" {
		p.last = f.id
	}
	switch f.event {
	case "hello", "rooms", "presence", "gap", "erased", "bye":
		p.own = append(p.own, f)
	case "":
	default:
		json.Unmarshal([]byte(f.data), &w)
		if w.Event == "mark" {
			json.Unmarshal(w.Data, &p.mark)
		} else {
			p.heard = append(p.heard, w)
		}
	}
	answer := p.answer
	p.mu.Unlock()
	select {
	case p.bell <- struct{}{}:
	default:
	}
	if w.Ack != nil && answer != nil {
		if text := answer(w); text != "" {
			p.reply(w.Ack.ID, text)
		}
	}
}

// reply answers an event and gives the status.
func (p *person) reply(ack, text string) int {
	status, _, _ := post(context.Background(), p.c.url+"/-/acks/"+ack, p.connection, "", text)
	return status
}

// until waits for yes, which is asked with the person locked.
func (p *person) until(yes func() bool, what string) {
	p.c.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		done := yes()
		p.mu.Unlock()
		if done {
			return
		}
		select {
		case <-p.bell:
		case <-time.After(50 * time.Millisecond): // another may wait on the same bell
		case <-late:
			p.c.t.Fatalf("%s never heard %s, but %q and %q", p.name, what, words(p.heard), p.own)
		}
	}
}

// unmarshal waits for one of the server's own events and reads the newest of it.
func (p *person) unmarshal(event string, to any) {
	p.c.t.Helper()
	var data string
	p.until(func() bool {
		for _, f := range slices.Backward(p.own) {
			if f.event == event {
				data = f.data
				return true
			}
		}
		return false
	}, event)
	if err := json.Unmarshal([]byte(data), to); err != nil {
		p.c.t.Fatal(err)
	}
}

// answering has somebody answer whatever asks for it; "" is no answer.
func (c *crowd) answering(name string, answer func(word) string) {
	p := c.people[name]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// answers has people answer with their names.
func (c *crowd) answers(names ...string) {
	for _, name := range names {
		c.answering(name, func(word) string { return name })
	}
}

// first gives the first word that was heard since the last look.
func (p *person) first() word {
	p.c.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.heard) == 0 {
		p.c.t.Fatalf("%s has heard nothing", p.name)
	}
	return p.heard[0]
}

// try does a request below the namespace: for the application, with its key, when who is
// "", else as that person. @name in the path stands for a member's ID. It
// gives the status and the body.
func (c *crowd) try(method, path, who, body string, headers ...string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+c.spelled(path), strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	if who == "" {
		req.Header.Set("Authorization", "Bearer "+key)
	} else {
		req.Header.Set("Connection-ID", c.people[who].connection)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(answer)
}

// spelled gives a path with members' IDs for the names of people. What was put
// in is not looked at again: an ID may begin with a name.
func (c *crowd) spelled(path string) string {
	var pairs []string
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(c.people))) { // bobby before bob
		id := c.people[name].member
		pairs = append(pairs, "@"+name, "@"+id, "/members/"+name, "/members/"+id)
	}
	return strings.NewReplacer(pairs...).Replace(path)
}

// do is try that has to end with this status.
func (c *crowd) do(status int, method, path, who, body string, headers ...string) string {
	c.t.Helper()
	got, answer := c.try(method, path, who, body, headers...)
	if got != status {
		c.t.Fatalf("%s %s as %q: %d, not %d: %s", method, path, who, got, status, answer)
	}
	return answer
}

// says posts with this query as somebody, or as the application; it is kept.
func (c *crowd) says(who, query, body string) string {
	c.t.Helper()
	return c.do(http.StatusCreated, "POST", "?"+query, who, body)
}

// settled waits until everybody on a stream has heard all that was said.
func (c *crowd) settled() {
	c.t.Helper()
	c.marks++
	c.do(http.StatusCreated, "POST", "?to=*&event=mark", "", fmt.Sprint(c.marks), "Content-Type", "application/json")
	for _, p := range c.people {
		if p.here() {
			p.until(func() bool { return p.mark >= c.marks }, "the mark")
		}
	}
}

func (p *person) here() bool {
	select {
	case <-p.over:
		return false
	default:
		return true
	}
}

// heard demands that each has heard this since it was last asked, in order: a
// name, and then the words. Who is not named has heard nothing.
func (c *crowd) heard(each ...string) {
	c.t.Helper()
	c.settled()
	want := map[string][]string{}
	for _, one := range each {
		name, words, _ := strings.Cut(one, " ")
		want[name] = strings.Fields(words)
	}
	for name, p := range c.people {
		p.mu.Lock()
		got := words(p.heard)
		p.heard = nil
		p.mu.Unlock()
		if !slices.Equal(got, want[name]) {
			c.t.Errorf("%s heard %q, not %q", name, got, want[name])
		}
	}
}

// An acked is what a post that asked for answers was told.
type acked struct {
	ID       string
	From     string
	Expected int
	Acks     []struct {
		From string
		Data json.RawMessage
	}
	Missing  []string
	Complete bool
	Took     time.Duration
}

// asks posts with ack in the query and gives what came back.
func (c *crowd) asks(who, query, body string, headers ...string) acked {
	c.t.Helper()
	began := time.Now()
	var a acked
	answer := c.do(http.StatusOK, "POST", "?"+query, who, body, headers...)
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		c.t.Fatal(err)
	}
	a.Took = time.Since(began)
	return a
}

// said demands of a that these have answered with their names and these have not.
func (c *crowd) said(a acked, answered, missing string) {
	c.t.Helper()
	var who, not []string
	for _, ack := range a.Acks {
		name := c.nameOf(ack.From)
		if text := (word{Event: "message", Data: ack.Data}).text(); text != name {
			c.t.Errorf("%s answered %s", name, text)
		}
		who = append(who, name)
	}
	for _, member := range a.Missing {
		not = append(not, c.nameOf(member))
	}
	slices.Sort(who)
	slices.Sort(not)
	if strings.Join(who, " ") != answered || strings.Join(not, " ") != missing || a.Complete != (missing == "") {
		c.t.Errorf("answered %q, missing %q, complete %t; not %q and %q", who, not, a.Complete, answered, missing)
	}
}

func (c *crowd) nameOf(member string) string {
	for name, p := range c.people {
		if p.member == member {
			return name
		}
	}
	return member
}

// A listing is an answer to who is there.
type listing struct {
	Count, Users int
	Members      []struct {
		ID, User, Name string
		Data           json.RawMessage
		Rooms          []string
		Since          time.Time
	}
	Partial bool
}

// members demands that a list of members names these.
func (c *crowd) members(path, want string) listing {
	c.t.Helper()
	var l listing
	if err := json.Unmarshal([]byte(c.do(http.StatusOK, "GET", path, "", "")), &l); err != nil {
		c.t.Fatal(err)
	}
	var names []string
	for _, m := range l.Members {
		names = append(names, c.nameOf(m.ID))
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != want || l.Count != len(names) {
		c.t.Errorf("%s: %d, %q, not %q", path, l.Count, got, want)
	}
	return l
}

// roomCount gives how many members a room has.
func (c *crowd) roomCount(room string) int {
	c.t.Helper()
	var l struct {
		Rooms []struct {
			Room  string
			Count int
		}
	}
	if err := json.Unmarshal([]byte(c.do(http.StatusOK, "GET", "/-/rooms?limit=1000", "", "")), &l); err != nil {
		c.t.Fatal(err)
	}
	for _, r := range l.Rooms {
		if r.Room == room {
			return r.Count
		}
	}
	return 0
}

// leaves closes somebody's stream, as a browser that goes away does.
func (c *crowd) leaves(name string) {
	p := c.people[name]
	p.cancel()
	<-p.over
}

// ended waits until the server has ended somebody's stream, and demands that it
// said why and that it is told to stay away.
func (c *crowd) ended(name, reason string) {
	c.t.Helper()
	p := c.people[name]
	select {
	case <-p.over:
	case <-time.After(patience):
		c.t.Fatalf("the stream of %s never ended", name)
	}
	var bye struct {
		Reason    string
		Reconnect bool
	}
	p.unmarshal("bye", &bye)
	if bye.Reason != reason {
		c.t.Errorf("%s was told %+v, not %s", name, bye, reason)
	}
	if bye.Reconnect {
		return
	}
	if !strings.HasSuffix(p.last, "!") {
		c.t.Errorf("%s is to stay away, and was given the position %q", name, p.last)
	}
	// An EventSource tries again all the same, until it is answered 204.
	if status, _ := c.try("GET", "", name, "", "Accept", "text/event-stream", "Last-Event-ID", p.last); status != http.StatusNoContent {
		c.t.Errorf("%s tried again and was answered %d", name, status)
	}
}
