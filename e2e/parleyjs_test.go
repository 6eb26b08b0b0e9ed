package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// connects opens an empty page of a server and connects the module there: conn
// is the connection, heard what was said to it, states what became of it.
func (b *tab) connects(at, options string) {
	b.t.Helper()
	b.connectsWith(at, options, "")
}

// connectsWith connects and runs a script before anything can have come: what it
// listens to misses nothing.
func (b *tab) connectsWith(at, options, script string) {
	b.t.Helper()
	b.open(at + "/-/health")
	b.does(fmt.Sprintf(`import(%s).then(({ connect }) => {
		window.heard = []; window.states = []; window.gaps = [];
		window.conn = connect({ server: %s, namespace: "demo", rooms: "lobby", ...%s });
		conn.watch(({ state }) => states.push(state));
		conn.on("gap", (gap) => gaps.push(gap));
		conn.on(null, (e) => { if (e.time) heard.push((e.own ? "own: " : "") + e.data); });
		%s
	})`, quoted(at+"/-/parley.js"), quoted(at), options, script))
}

func (b *tab) connected() {
	b.t.Helper()
	b.until(`conn.connected`)
}

func (b *tab) heard() []string {
	b.t.Helper()
	return eval[[]string](b, `heard`)
}

// another gives another tab of the same browser, as a person opens one.
func (b *tab) another() *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	other := &tab{t: b.t, ctx: ctx}
	other.watch()
	return other
}

func sameWords(t *testing.T, who string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s heard %q, want %q", who, got, want)
	}
}

func TestClientOverAKill(t *testing.T) {
	s := serve(t)
	ann, bob := chrome(t), chrome(t)
	ann.connects(s.URL, `{}`)
	bob.connects(s.URL, `{}`)
	ann.connected()
	bob.connected()
	backend(t, s.URL+"/demo/lobby", "text/plain", "before")
	ann.until(`heard.length === 1`)
	member := eval[string](ann, `conn.id`)

	s.Kill()
	ann.until(`!conn.connected`)
	ann.does(`{ window.kept = []; for (let i = 0; i < 20; i++) conn.emit("message", "while away " + i).then(({ id }) => kept.push(id)); 0 }`)
	if waiting := eval[[]string](ann, `conn.outbox.map(({ data }) => data)`); len(waiting) != 20 || waiting[19] != "while away 19" {
		t.Errorf("the outbox holds %q", waiting)
	}
	s.Restart()
	ann.until(`conn.recovered && conn.pending === 0`)
	backend(t, s.URL+"/demo/lobby", "text/plain", "after")

	want := []string{"before"}
	for i := range 20 {
		want = append(want, fmt.Sprintf("while away %d", i))
	}
	want = append(want, "after")
	ann.until(`heard.length === 2`)
	bob.until(`heard.length === 22`)
	sameWords(t, "bob", bob.heard(), want)
	sameWords(t, "ann", ann.heard(), []string{"before", "after"})
	sameWords(t, "the log", historyOf(t, s.URL+"/demo/lobby"), want)
	if now := eval[string](ann, `conn.id`); now != member {
		t.Errorf("after the restart ann is %s, before she was %s", now, member)
	}
	if gaps := eval[int](bob, `gaps.length`); gaps != 0 {
		t.Errorf("bob was told of %d gaps", gaps)
	}
}

// What a Socket.IO user knows, against the real server, and again after it was
// killed.
func TestClientRoomsPresenceAnswers(t *testing.T) {
	s := serve(t)
	ann, bob := chrome(t), chrome(t)
	ann.connects(s.URL, `{ name: "Ann", data: { colour: "red" }, presence: true }`)
	bob.connectsWith(s.URL, `{ name: "Bob", presence: true }`, `
		window.here = {};
		conn.on("presence", ({ room, members, joined = [], left = [], changed = [] }) => {
			if (members) here[room] = Object.fromEntries(members.map((m) => [m.id, m.name]));
			for (const { id, name } of [...joined, ...changed]) here[room][id] = name;
			for (const id of left) delete here[room][id];
		});
		conn.on("sum", ({ data }, block, reply) => reply(data.reduce((a, b) => a + b)));
		window.names = (room) => Object.values(here[room] ?? {}).sort().join();
	`)
	ann.connected()
	bob.connected()
	bob.until(`names("lobby") === "Ann,Bob"`)

	again := func(when string) {
		t.Helper()
		// Both are in tea, and ann alone in the cellar.
		ann.does(`conn.join(["tea", "cellar"])`)
		bob.does(`conn.join("tea")`)
		bob.until(`names("tea") === "Ann,Bob"`)
		if got := eval[string](ann, `conn.rooms.toSorted().join()`); got != "cellar,lobby,tea" {
			t.Errorf("%s: ann is in %s", when, got)
		}
		bob.does(`{ heard.length = 0; void conn.to("tea", "cellar").except("lobby").emit("x", "nobody"); void conn.to("tea").emit("x", "for tea"); 0 }`)
		bob.does(`conn.to("@" + Object.entries(here.lobby).find(([, name]) => name === "Ann")[0]).emit("x", "for ann")`)
		ann.until(`heard.at(-1) === "for ann"`)
		if got := ann.heard(); !slices.Equal(got[len(got)-2:], []string{"for tea", "for ann"}) {
			t.Errorf("%s: ann heard %q", when, got)
		}
		if got := eval[string](ann, `conn.emitWithAck("sum", [1, 2, 3]).then(({ expected, acks, complete }) => [expected, acks[0].data, complete].join())`); got != "1,6,true" {
			t.Errorf("%s: the answers are %s", when, got)
		}
		if got := eval[string](ann, `new Promise((done) => conn.timeout(300).emit("what", 1, (err, { missing }) => done(err.message + " " + missing.length)))`); got != "1 did not answer 1" {
			t.Errorf("%s: the callback was given %s", when, got)
		}
		if got := eval[string](bob, `conn.members({ in: "cellar" }).then(({ members: [m] }) => [m.name, m.data.colour, m.rooms].join())`); got != "Ann,red,cellar,lobby,tea" {
			t.Errorf("%s: in the cellar is %s", when, got)
		}
	}
	again("at first")
	s.Kill()
	bob.until(`!conn.connected`)
	s.Restart()
	ann.until(`conn.recovered && conn.connected`)
	bob.until(`conn.recovered && conn.connected`)
	again("after a kill")

	ann.does(`conn.describe({ name: "Anna" })`)
	bob.until(`names("lobby") === "Anna,Bob"`)
	ann.does(`conn.leave("tea")`)
	bob.until(`names("tea") === "Bob"`)
	if got := eval[string](bob, `conn.listRooms().then(({ rooms }) => rooms.map((r) => r.room + " " + r.count).join())`); got != "cellar 1,lobby 2,tea 1" {
		t.Errorf("the rooms are %s", got)
	}
	ann.does(`conn.disconnect()`)
	bob.until(`names("lobby") === "Bob"`)
}

// byRule has Chromium emulate a network: 148 wants to be told beside the rules whether
// it is offline, 156 in each of them.
var byRule = cdp.Command[conditionsByRule, network.EmulateNetworkConditionsByRuleResult]{Method: network.CommandEmulateNetworkConditionsByRule}

type conditionsByRule struct {
	network.EmulateNetworkConditionsByRuleParams
	Offline bool `json:"offline"`
}

// goes takes the tab's network away, or gives it back.
func (b *tab) goes(offline bool) {
	b.t.Helper()
	rules := conditionsByRule{Offline: offline}
	rules.MatchedNetworkConditions = []*network.Conditions{{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}}
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, byRule, rules)
		if err == nil {
			_, err = cdp.Call(ctx, t, network.OverrideNetworkState, network.OverrideNetworkStateParams{
				Offline: offline, DownloadThroughput: -1, UploadThroughput: -1,
			})
		}
		return err
	}))
}

// A tab that goes offline notices at once, and is back at once: it does not wait
// for the end of its patience.
func TestClientOfflineAndBack(t *testing.T) {
	s := serve(t)
	b := chrome(t)
	b.connects(s.URL, `{}`)
	b.connected()
	b.goes(true)
	b.until(`conn.state === "waiting"`)
	backend(t, s.URL+"/demo/lobby", "text/plain", "missed")
	b.does(`conn.emit("message", "typed offline"); void conn.volatile.emit("typing").then((r) => { window.dropped = r === null; })`)
	b.until(`window.dropped`)
	// Long enough away that the next attempt would be seconds off.
	b.until(`states.filter((s) => s === "waiting").length >= 3`)
	b.does(`addEventListener("online", () => { window.since = performance.now(); conn.watch(({ state }) => { window.took ??= state === "catching-up" ? performance.now() - since : undefined; }); })`)
	b.goes(false)
	b.until(`conn.connected && heard.length === 1 && conn.pending === 0`)
	if took := eval[float64](b, `took`); took > 1000 {
		t.Errorf("it came back %v ms after the network", took)
	}
	sameWords(t, "the tab", b.heard(), []string{"missed"})
	sameWords(t, "the log", historyOf(t, s.URL+"/demo/lobby"), []string{"missed", "typed offline"})
}

// Answers are lost on the way, and nothing is kept twice or in another order.
func TestClientOutboxOverLoss(t *testing.T) {
	s := serve(t)
	way := put(t, s, false)
	posts := 0
	way.loses(func(r *http.Request) bool {
		if r.Method == http.MethodPost {
			posts++
		}
		return r.Method == http.MethodPost && posts%3 == 1
	})
	ann, bob := chrome(t), chrome(t)
	ann.connects(way.URL, `{}`)
	bob.connects(s.URL, `{}`)
	ann.connected()
	bob.connected()
	ann.does(`{ window.ids = []; for (let i = 0; i < 12; i++) conn.emit("message", String(i)).then(({ id }) => ids.push(id)); 0 }`)
	ann.until(`ids.length === 12`)
	bob.until(`heard.length >= 12`)
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprint(i))
	}
	sameWords(t, "bob", bob.heard(), want)
	sameWords(t, "the log", historyOf(t, s.URL+"/demo/lobby"), want)
	if sorted := eval[bool](ann, `ids.every((id, i) => !i || Number(id.split("-")[1]) > Number(ids[i - 1].split("-")[1]))`); !sorted {
		t.Error("the receipts are out of order")
	}
}

// A duplicated tab has a copy of the storage of its model, and takes another ID;
// a reloaded one keeps its own.
func TestClientInADuplicatedTab(t *testing.T) {
	s := serve(t)
	first := chrome(t)
	first.connects(s.URL, `{}`)
	first.connected()
	second := first.beside(`void window.open(location.href)`)
	second.connects(s.URL, `{}`)
	second.connected()
	one, two := eval[string](first, `conn.connectionId`), eval[string](second, `conn.connectionId`)
	if one == two {
		t.Fatal("both tabs have one connection ID")
	}
	second.does(`conn.emit("message", "from the copy")`)
	first.until(`heard.length === 1`)
	first.connects(s.URL, `{}`)
	first.connected()
	if again := eval[string](first, `conn.connectionId`); again != one {
		t.Error("a reloaded tab has another connection ID")
	}
}

// sharing opens so many tabs of one browser that share a stream.
func sharing(t *testing.T, at string, n int) []*tab {
	t.Helper()
	tabs := []*tab{chrome(t)}
	for len(tabs) < n {
		tabs = append(tabs, tabs[0].another())
	}
	for _, b := range tabs {
		b.connects(at, `{ shared: true }`)
		b.connected()
	}
	return tabs
}

// Two tabs have one stream and are one member; each hears everything once, and
// what the other says.
func TestSharedStream(t *testing.T) {
	s := serve(t)
	way := put(t, s, false)
	tabs := sharing(t, way.URL, 2)
	if now, most := way.opened(); now != 1 || most != 1 {
		t.Errorf("two tabs have %d streams, and had %d", now, most)
	}
	if one, two := eval[string](tabs[0], `conn.id`), eval[string](tabs[1], `conn.id`); one != two || one == "" {
		t.Errorf("the tabs are the members %q and %q", one, two)
	}
	backend(t, s.URL+"/demo/lobby", "text/plain", "a")
	for i, b := range tabs {
		b.until(`heard[0] === "a"`)
		b.does(fmt.Sprintf(`conn.emit("message", "tab %d")`, i))
		b.until(`conn.pending === 0`)
		tabs[1-i].until(`heard.length > 1`)
	}
	backend(t, s.URL+"/demo/lobby", "text/plain", "b")
	for i, b := range tabs {
		b.until(`heard.length === 3`)
		sameWords(t, fmt.Sprintf("tab %d", i), b.heard(), []string{"a", fmt.Sprintf("own: tab %d", 1-i), "b"})
	}
}

// Tabs of one stream have rooms of their own. A room that only one of them wants
// is left with it, also when it held the stream.
func TestSharedTabsHaveTheirRooms(t *testing.T) {
	s := serve(t)
	one := chrome(t)
	two, stranger := one.another(), chrome(t)
	one.connects(s.URL, `{ shared: true, rooms: ["lobby", "tea"], presence: true }`)
	one.connected()
	two.connects(s.URL, `{ shared: true, rooms: ["lobby", "cellar"], presence: true }`)
	two.connected()
	stranger.connects(s.URL, `{ rooms: [] }`)
	stranger.connected()
	in := func(room string) int {
		return eval[int](stranger, fmt.Sprintf(`conn.members({ in: %s }).then(({ count }) => count)`, quoted(room)))
	}
	rooms := func(b *tab, want string) {
		t.Helper()
		b.until(`conn.rooms.toSorted().join() === ` + quoted(want))
	}
	rooms(one, "lobby,tea")
	rooms(two, "cellar,lobby")
	say := func(to, data string) {
		stranger.does(fmt.Sprintf(`conn.to(%s).emit("x", %s)`, quoted(to), quoted(data)))
	}
	say("tea", "t")
	say("cellar", "c")
	say("*", "all")
	one.until(`heard.at(-1) === "all"`)
	two.until(`heard.at(-1) === "all"`)
	sameWords(t, "the first tab", one.heard(), []string{"t", "all"})
	sameWords(t, "the second tab", two.heard(), []string{"c", "all"})

	// Who is there is told to a tab that comes to a room in which the other is.
	two.does(`conn.on("presence", ({ room, members }) => { if (members && room === "tea") window.tea = members.length; })`)
	two.does(`conn.join("tea")`)
	two.until(`window.tea === 1`)
	rooms(two, "cellar,lobby,tea")
	rooms(one, "lobby,tea")
	one.does(`conn.leave("tea")`)
	rooms(one, "lobby")
	say("tea", "t2")
	say("lobby", "l")
	one.until(`heard.at(-1) === "l"`)
	two.until(`heard.at(-1) === "l"`)
	sameWords(t, "the first tab", one.heard(), []string{"t", "all", "l"})
	sameWords(t, "the second tab", two.heard(), []string{"c", "all", "t2", "l"})
	two.does(`conn.emit("x", "own")`)
	one.until(`heard.at(-1) === "own: own"`)
	two.does(`conn.to("tea").emit("x", "not there")`)
	one.does(`conn.join("attic")`)
	sameWords(t, "the first tab", one.heard(), []string{"t", "all", "l", "own: own"})

	// The one that holds the stream goes, and its room with it; then the other.
	one.does(`conn.close()`)
	if !eventually(func() bool { return in("attic") == 0 }) {
		t.Error("the room of a closed tab was not left")
	}
	if in("tea") != 1 || in("lobby") != 1 {
		t.Error("the other tab's rooms were left too")
	}
	say("cellar", "still")
	two.until(`heard.at(-1) === "still"`)
	one.connects(s.URL, `{ shared: true, rooms: "pantry" }`)
	one.until(`conn.connected && conn.rooms.toSorted().join() === "pantry"`)
	if in("pantry") != 1 {
		t.Error("a room of a tab that came later was not joined")
	}
	one.does(`conn.close()`)
	if !eventually(func() bool { return in("pantry") == 0 }) {
		t.Error("the room of a closed tab was not left")
	}
}

// leaves are the ways in which the tab that holds the stream goes.
var leaves = map[string]func(t *testing.T, b *tab){
	"closed": func(_ *testing.T, b *tab) { b.does(`conn.close()`) },
	"navigated": func(_ *testing.T, b *tab) {
		b.open("about:blank")
	},
	"killed": func(_ *testing.T, b *tab) {
		// The call itself has no answer: its process is gone.
		_ = chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := cdp.Call(ctx, t, page.Crash, cdp.Empty{})
			return err
		}))
	},
	"gone": func(t *testing.T, b *tab) {
		id := chromedp.FromContext(b.ctx).Target.TargetID
		if _, err := chromedp.CallBrowser(b.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: id}); err != nil {
			t.Fatal(err)
		}
	},
}

// When the tab goes that holds the stream, another has it, and while that goes
// on under load nothing is lost and nothing heard twice.
func TestSharedStreamChangesHands(t *testing.T) {
	for how, leave := range leaves {
		t.Run(how, func(t *testing.T) {
			s := serve(t)
			way := put(t, s, false)
			home := chrome(t) // stays, so that the browser does
			tabs := []*tab{home.another(), home.another(), home.another()}
			for _, b := range tabs {
				b.connects(way.URL, `{ shared: true }`)
				b.connected()
			}
			var want []string
			speak := func(n int) {
				for range n {
					want = append(want, fmt.Sprint(len(want)))
					backend(t, s.URL+"/demo/lobby", "text/plain", want[len(want)-1])
				}
			}
			speak(30)
			leave(t, tabs[0])
			speak(30)
			for i, b := range tabs[1:] {
				b.until(fmt.Sprintf(`heard.length >= %d`, len(want)))
				b.until(`conn.connected`)
				sameWords(t, fmt.Sprintf("tab %d", i+1), b.heard(), want)
			}
			tabs[2].does(`conn.emit("message", "still here")`)
			tabs[1].until(`heard.at(-1) === "own: still here"`)
			if !eventually(func() bool { now, _ := way.opened(); return now == 1 }) {
				now, _ := way.opened()
				t.Errorf("%d streams are open", now)
			}
		})
	}
}

// A kill of the server is the same to all tabs of a stream: each says what it was
// given meanwhile, and hears what the other said, once.
func TestSharedStreamOverAKill(t *testing.T) {
	s := serve(t)
	tabs := sharing(t, s.URL, 2)
	s.Kill()
	for i, b := range tabs {
		b.until(`conn.state === "waiting"`)
		b.does(fmt.Sprintf(`for (const n of [1, 2, 3]) void conn.emit("message", "tab %d: " + n); 0`, i))
	}
	s.Restart()
	backend(t, s.URL+"/demo/lobby", "text/plain", "back end")
	for i, b := range tabs {
		b.until(`heard.length >= 4 && conn.connected && conn.pending === 0`)
		own := fmt.Sprintf("own: tab %d: ", 1-i)
		got := b.heard()
		slices.Sort(got)
		sameWords(t, fmt.Sprintf("tab %d", i), got, []string{"back end", own + "1", own + "2", own + "3"})
	}
	if got := historyOf(t, s.URL+"/demo/lobby"); len(got) != 7 {
		t.Errorf("the log holds %q", got)
	}
}

// HTTP/1.1 has six connections for all tabs of a browser; streams of their own
// would take all of them, and the seventh tab would neither hear nor speak.
func TestSevenTabs(t *testing.T) {
	if os.Getenv("PARLEY_E2E_ALL") == "" {
		t.Skip("PARLEY_E2E_ALL is not set")
	}
	s := serve(t)
	way := put(t, s, false)
	tabs := sharing(t, way.URL, 7)
	for i, b := range tabs {
		b.does(fmt.Sprintf(`conn.emit("message", "tab %d")`, i))
		b.until(`conn.pending === 0`)
	}
	backend(t, s.URL+"/demo/lobby", "text/plain", "end")
	for i, b := range tabs {
		b.until(`heard.length === 7`)
		var want []string
		for j := range tabs {
			if j != i {
				want = append(want, fmt.Sprintf("own: tab %d", j))
			}
		}
		sameWords(t, fmt.Sprintf("tab %d", i), b.heard(), append(want, "end"))
	}
	if now, most := way.opened(); now != 1 || most != 1 {
		t.Errorf("seven tabs have %d streams, and had %d", now, most)
	}
	// One after the other goes, and the last hears everything still.
	for i, b := range tabs[:6] {
		b.does(`conn.close()`)
		word := fmt.Sprintf("without %d", i)
		backend(t, s.URL+"/demo/lobby", "text/plain", word)
		for _, left := range tabs[i+1:] {
			left.until(`heard.at(-1) === ` + quoted(word))
		}
	}
	if got := len(tabs[6].heard()); got != 13 {
		t.Errorf("the last tab heard %d events, want 13", got)
	}
}

// A stream that died without a word is opened anew, and what was said meanwhile
// is heard.
func TestClientNoticesSilence(t *testing.T) {
	if os.Getenv("PARLEY_E2E_ALL") == "" {
		t.Skip("PARLEY_E2E_ALL is not set")
	}
	s := serve(t, "--heartbeat", "5s")
	way := put(t, s, false)
	b := chrome(t)
	b.connects(way.URL, `{}`)
	b.connected()
	backend(t, s.URL+"/demo/lobby", "text/plain", "one")
	b.until(`heard.length === 1`)
	way.mutes(true)
	backend(t, s.URL+"/demo/lobby", "text/plain", "two")
	b.until(`conn.state === "waiting"`)
	way.mutes(false)
	b.until(`heard.length === 2 && conn.recovered`)
	sameWords(t, "the client", b.heard(), []string{"one", "two"})
}

// Where fetch gives no streams, the browser's own EventSource is as good for who
// hears events by name.
func TestClientOverEventSource(t *testing.T) {
	s := serve(t)
	b := chrome(t)
	b.open(s.URL + "/-/health")
	b.does(fmt.Sprintf(`{
		const real = fetch;
		window.opened = 0;
		window.fetch = async (url, options) => {
			const { ok, status, headers, body } = await real(url, options);
			window.opened++;
			body.cancel();
			return { ok, status, headers };
		};
		import(%s).then(({ connect }) => {
			window.heard = [];
			window.conn = connect({ server: %s, namespace: "demo", rooms: "lobby" });
			conn.on("message", ({ data }) => heard.push(data));
			conn.on("note", ({ data }) => heard.push("note " + data));
		});
	}`, quoted(s.URL+"/-/parley.js"), quoted(s.URL)))
	b.until(`window.conn?.state === "live"`)
	if n := eval[int](b, `opened`); n != 1 {
		t.Errorf("fetch was tried %d times", n)
	}
	backend(t, s.URL+"/demo/lobby", "text/plain", "one")
	backend(t, s.URL+"/demo/lobby?event=unheard", "text/plain", "x")
	b.until(`heard.length === 1`)
	s.Kill()
	b.until(`!conn.connected`)
	s.Restart()
	backend(t, s.URL+"/demo/lobby?event=note", "text/plain", "two")
	b.until(`heard.length === 2 && conn.connected`)
	sameWords(t, "the client", b.heard(), []string{"one", "note two"})
}

// Where something on the way holds streams back, the client asks again and again,
// says so, and misses nothing.
func TestClientBehindABufferingProxy(t *testing.T) {
	s := serve(t)
	way := put(t, s, true)
	b := chrome(t)
	b.connects(way.URL, `{}`)
	b.until(`conn.state === "polling"`)
	backend(t, s.URL+"/demo/lobby", "text/plain", "one")
	b.until(`heard.length === 1`)
	b.does(`conn.emit("message", "mine")`)
	b.until(`conn.pending === 0`)
	backend(t, s.URL+"/demo/lobby", "text/plain", "two")
	b.until(`heard.length === 2`)
	sameWords(t, "the client", b.heard(), []string{"one", "two"})
	s.Kill()
	b.until(`conn.state === "waiting"`)
	s.Restart()
	backend(t, s.URL+"/demo/lobby", "text/plain", "three")
	b.until(`heard.length === 3 && conn.state === "polling"`)
	sameWords(t, "the client", b.heard(), []string{"one", "two", "three"})
	if states := eval[string](b, `states.join()`); strings.Contains(states, "live") {
		t.Errorf("its states were %s", states)
	}
}
