package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestTwoBrowsersTalk(t *testing.T) {
	s := serve(t)
	ann, bob := chrome(t), chrome(t)
	ann.enter(s.URL + "/demo/lobby")
	bob.enter(s.URL + "/demo/lobby")

	ann.say("hello, it is ann")
	bob.hears("hello, it is ann")
	bob.say("hello ann")
	ann.hears("hello ann")
	ann.say("and a second word")
	bob.hears("and a second word")
	ann.kept()
	bob.kept()

	want := []string{"hello, it is ann", "hello ann", "and a second word"}
	cid := chrome(t)
	cid.enter(s.URL + "/demo/lobby")
	for name, b := range map[string]*tab{"ann": ann, "bob": bob, "a third who came late": cid} {
		if got := b.said(); !slices.Equal(got, want) {
			t.Errorf("%s sees %q, want %q", name, got, want)
		}
		b.clean()
	}
	for name, c := range map[string]struct {
		b   *tab
		own int
	}{"ann": {ann, 2}, "bob": {bob, 1}, "the third": {cid, 0}} {
		if own := eval[int](c.b, `document.querySelectorAll(".timeline .own").length`); own != c.own {
			t.Errorf("%s sees %d messages as their own, want %d", name, own, c.own)
		}
	}
}

func TestPageOverARestart(t *testing.T) {
	s := serve(t)
	ann, bob := chrome(t), chrome(t)
	ann.enter(s.URL + "/demo/lobby")
	bob.enter(s.URL + "/demo/lobby")
	ann.say("before")
	bob.hears("before")
	ann.kept()

	s.Kill()
	for _, b := range []*tab{ann, bob} {
		b.until(`["waiting", "connecting"].includes(document.getElementById("pill").dataset.state)`)
		b.until(`/^back in \d+ s/.test(document.getElementById("pill-text").textContent)`)
	}
	ann.say("typed while it was down")
	ann.say("and another")
	ann.until(`document.querySelectorAll('.timeline .mark[data-state="sending"]').length === 2`)
	ann.until(`document.getElementById("pill-text").textContent.endsWith("2 waiting")`)

	s.Restart()
	backend(t, s.URL+"/demo/lobby", "text/plain", "said by somebody else")
	for _, b := range []*tab{ann, bob} {
		b.live()
		b.hears("typed while it was down")
		b.hears("and another")
		b.hears("said by somebody else")
	}
	ann.kept()

	want := historyOf(t, s.URL+"/demo/lobby")
	if len(want) != 4 {
		t.Errorf("the log holds %q", want)
	}
	for name, b := range map[string]*tab{"ann": ann, "bob": bob} {
		if got := b.said(); !slices.Equal(got, want) {
			t.Errorf("%s sees %q, the log holds %q", name, got, want)
		}
		b.clean()
	}
}

// A reload while a message is on its way neither loses nor doubles it, and what
// was one's own stays one's own.
func TestReloadKeepsWhoOneIs(t *testing.T) {
	s := serve(t)
	ann := chrome(t)
	ann.enter(s.URL + "/demo/lobby")
	ann.say("mine")
	ann.kept()
	// The server hears the second one, and the page never hears the answer.
	ann.does(`{ const real = window.fetch; window.fetch = (url, o) =>
		o?.method === "POST" ? real(url, o).then(() => { window.stored = true; return new Promise(() => {}); }) : real(url, o); }`)
	ann.say("mine as well")
	ann.until(`window.stored`)
	ann.run(chromedp.Reload())
	ann.live()
	ann.hears("mine")
	ann.hears("mine as well")
	ann.kept()
	ann.until(`sessionStorage.length === 1`) // the outbox is empty again
	if got, want := ann.said(), []string{"mine", "mine as well"}; !slices.Equal(got, want) {
		t.Errorf("after a reload the page shows %q, want %q", got, want)
	}
	if own := eval[int](ann, `document.querySelectorAll(".timeline .own").length`); own != 2 {
		t.Errorf("after a reload %d messages are one's own, want 2", own)
	}
	if got := historyOf(t, s.URL+"/demo/lobby"); len(got) != 2 {
		t.Errorf("the log holds %q", got)
	}
	ann.clean()
}

// A tab opened from another has a copy of its storage, and must be somebody else:
// otherwise neither would hear the other.
func TestDuplicatedTabIsAnother(t *testing.T) {
	s := serve(t)
	first := chrome(t)
	first.enter(s.URL + "/demo/lobby")
	second := first.beside(`void window.open(location.href)`)
	second.live()
	if got := eval[string](second, `location.pathname`); got != "/demo/lobby" {
		t.Fatalf("the second tab is at %s", got)
	}
	second.say("hello from the copy")
	first.hears("hello from the copy")
	first.say("hello from the first")
	second.hears("hello from the first")
	want := []string{"hello from the copy", "hello from the first"}
	for _, b := range []*tab{first, second} {
		b.kept()
		if got := b.said(); !slices.Equal(got, want) {
			t.Errorf("a tab shows %q, want %q", got, want)
		}
		b.clean()
	}
}

func TestStrangersWordsAreNoMarkup(t *testing.T) {
	s := serve(t, quick...)
	const attack = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><b>bold</b>`
	words := []string{
		attack,
		`javascript:window.hacked=1 data:text/html,<script>window.hacked=1</script>`,
		`see https://example.org/a"onmouseover="window.hacked=1 and https://example.org/<b>`,
		"two\nlines, and `<i>code</i>`",
		"</li></ol><iframe src=https://example.org></iframe>",
		"\u202egnp.exe \u0000 \ufeff 🏴‍☠️",
	}
	room := s.URL + "/demo/" + url.PathEscape("<b onclick=1>'quoted' & 50% 🎈")
	for _, w := range words {
		backend(t, room, "text/plain", w)
	}
	backend(t, room+"?event="+url.QueryEscape(attack[:40]), "application/json", `{"<b>":"</code><script>window.hacked=1</script>"}`)
	backend(t, room, "image/svg+xml", `<svg onload="window.hacked=1"/>`)
	const name = `<img src=x onerror="window.hacked=1"><b>`
	visit(t, room, name).say("by somebody with such a name")

	b := chrome(t)
	b.enter(room)
	b.hears(strings.ReplaceAll(words[3], "`", ""))
	b.shows(".by bdi", name)
	b.shows("#people-list bdi", name)
	b.say("/msg " + name + " privately")
	b.until(`document.getElementById("place-room").textContent === ` + quoted(name))
	b.kept()
	b.run(chromedp.NavigateBack())
	b.until(`location.hash === ""`)
	b.does(`document.getElementById("terminal").click()`)
	b.until(`document.getElementById("sheet").open`)
	if got := eval[string](b, `document.getElementById("place-room").textContent`); got != "<b onclick=1>'quoted' & 50% 🎈" {
		t.Errorf("the room is called %q", got)
	}
	got := b.said()
	if len(got) != len(words)+3 || got[0] != attack || got[4] != words[4] {
		t.Errorf("the page shows %q", got)
	}
	if n := eval[int](b, `document.querySelectorAll(":is(.timeline, .side) :is(img, script, b b, i, iframe, svg:not(button svg), [onclick], [onmouseover])").length`); n != 0 {
		t.Errorf("%d elements came out of strangers' words", n)
	}
	if links := eval[[]string](b, `[...document.querySelectorAll(".timeline .body a")].map((a) => a.href + " " + a.rel + " " + a.target)`); !slices.Equal(links, []string{
		"https://example.org/a noopener noreferrer _blank",
		"https://example.org/ noopener noreferrer _blank",
		"https://example.org/ noopener noreferrer _blank",
	}) {
		t.Errorf("the links are %q", links)
	}
	if eval[bool](b, `"hacked" in window`) {
		t.Error("a stranger's script ran")
	}
	b.clean()
}

// The console of these tests would tell of a breach: what the policy forbids is
// not done, and is complained of.
func TestPolicyIsStrict(t *testing.T) {
	s := serve(t)
	b := chrome(t)
	b.enter(s.URL + "/demo/lobby")
	b.clean()
	b.does(`{
		const script = document.createElement("script");
		script.textContent = "window.hacked = 1";
		document.body.append(script);
		document.body.setAttribute("style", "color: red");
		document.body.insertAdjacentHTML("beforeend", "<img src=https://example.org/x.png onerror='window.hacked = 1'>");
	}`)
	b.until(`performance.now() > 0`)
	if eval[bool](b, `"hacked" in window`) || eval[string](b, `getComputedStyle(document.body).color`) == "rgb(255, 0, 0)" {
		t.Error("the policy lets inline script or style run")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) < 2 {
		t.Errorf("the console says only %q", b.complaints)
	}
}

func TestSeveralLines(t *testing.T) {
	s := serve(t)
	ann, bob := chrome(t), chrome(t)
	ann.enter(s.URL + "/demo/lobby")
	bob.enter(s.URL + "/demo/lobby")
	ann.run(chromedp.SendKeys(chromedp.CSS("#words"), "one"), shiftEnterKey, chromedp.SendKeys(chromedp.CSS("#words"), "two  http://example.org/x."))
	low := eval[float64](bob, `document.getElementById("words").offsetHeight`)
	if high := eval[float64](ann, `document.getElementById("words").offsetHeight`); high <= low {
		t.Errorf("with two lines the field is %v px high, empty %v", high, low)
	}
	ann.run(enterKey)
	bob.hears("one\ntwo  http://example.org/x.")
	bob.until(`document.querySelector(".timeline a").href === "http://example.org/x"`)
	bob.until(`document.getElementById("announce").textContent.endsWith("one\ntwo  http://example.org/x.")`)
	ann.until(`document.getElementById("words").value === "" && document.activeElement.id === "words"`)
	ann.clean()
	bob.clean()
}

func TestHistoryIsReadUpwards(t *testing.T) {
	s := serve(t)
	const n = 230
	var batch strings.Builder
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("message %d", i))
		fmt.Fprintf(&batch, "{\"data\":%q}\n", want[i])
	}
	backend(t, s.URL+"/demo/long", "application/x-ndjson", batch.String())

	b := chrome(t)
	b.enter(s.URL + "/demo/long")
	b.hears(want[n-1])
	const gapBelow = `(() => { const s = ` + stage + `; return s.scrollHeight - s.scrollTop - s.clientHeight; })()`
	b.until(gapBelow + ` < 2`)
	if got := b.said(); len(got) >= n {
		t.Errorf("all %d were read at once", len(got))
	}
	const first = `[...document.querySelectorAll(".timeline li")].find((el) => el.getBoundingClientRect().top > 100)`
	const edge = stage + `.querySelector(".edge")`
	for !eval[bool](b, edge+`.textContent.startsWith("This is the beginning")`) {
		// What one reads stays under the eye while older text comes above it.
		have := len(b.said())
		b.does(stage + `.scrollTop = 300; window.seen = ` + first + `; window.seenAt = seen.getBoundingClientRect().top; 0`)
		b.until(fmt.Sprintf(`document.querySelectorAll(".timeline .body").length > %d || `+edge+`.textContent.startsWith("This is")`, have))
		if moved := eval[float64](b, `Math.abs(seen.getBoundingClientRect().top - seenAt)`); moved > 2 {
			t.Errorf("the text jumped by %v px", moved)
		}
	}
	if got := b.said(); !slices.Equal(got, want) {
		t.Errorf("the page shows %d messages, not all %d once and in order", len(got), n)
	}
	// What one reads stays under the eye when the window gets another width, too.
	b.does(stage + `.scrollTop = 2000; 0`)
	b.until(`performance.now() > 0`)
	b.does(`window.seen = ` + first + `; window.seenAt = seen.getBoundingClientRect().top; 0`)
	b.size(500, 700)
	b.until(`innerWidth === 500`)
	if moved := eval[float64](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(Math.abs(seen.getBoundingClientRect().top - seenAt)))))`); moved > 60 {
		t.Errorf("in a narrower window the text jumped by %v px", moved)
	}
	b.size(1100, 800)
	// Somebody who reads above is told of what comes, and not torn away.
	b.does(stage + `.scrollTop = 0; 0`)
	b.until(`!document.getElementById("jump").hidden`)
	backend(t, s.URL+"/demo/long", "text/plain", "something new")
	b.until(`document.getElementById("jump").textContent.startsWith("1 new")`)
	b.run(chromedp.Click(chromedp.CSS("#jump")))
	b.until(gapBelow + ` < 2`)
	b.until(`document.getElementById("jump").hidden`)
	b.clean()
}

func TestRefusedMessageCanBeTriedAgain(t *testing.T) {
	s := serve(t)
	b := chrome(t)
	b.enter(s.URL + "/demo/lobby")
	b.does(`{ const w = document.getElementById("words"); w.value = "x".repeat(70000); w.dispatchEvent(new Event("input")); w.form.requestSubmit(); }`)
	b.until(`document.querySelector('.timeline .mark[data-state="failed"]')`)
	b.say("the next one is not held up")
	b.until(`document.querySelector('.timeline .mark[data-state="kept"]')`)
	b.does(`[...document.querySelectorAll(".failure button")].find((el) => el.textContent === "discard").click()`)
	b.until(`document.querySelectorAll(".timeline .body").length === 1`)
	if got := historyOf(t, s.URL+"/demo/lobby"); len(got) != 1 {
		t.Errorf("the log holds %d messages, want 1", len(got))
	}
}

func TestGapIsTold(t *testing.T) {
	s := serve(t, "--memory")
	b := chrome(t)
	b.enter(s.URL + "/demo/lobby")
	b.say("before")
	b.kept()
	s.Kill()
	s.Restart() // another log: nothing of the old one is known
	b.until(`document.querySelector(".timeline .gap")`)
	b.live()
	backend(t, s.URL+"/demo/lobby", "text/plain", "after")
	b.hears("after")
	if got, want := b.said(), []string{"before", "after"}; !slices.Equal(got, want) {
		t.Errorf("the page shows %q, want %q", got, want)
	}
	b.clean()
}

func TestPageUnderABasePath(t *testing.T) {
	s := serve(t, "--base-path", "/chat")
	b := chrome(t)
	b.open(s.URL + "/")
	b.until(`document.getElementById("curl-listen").textContent`)
	if got, want := eval[string](b, `document.getElementById("curl-listen").textContent`), "curl -N "+s.URL+"/demo/lobby"; got != want {
		t.Errorf("the page says %q, want %q", got, want)
	}
	// The terminals beside it show the frame of what is typed.
	b.run(chromedp.SendKeys(chromedp.CSS("#say-text"), "hello there"), enterKey)
	b.until(`/^id: \S+\nevent: message\ndata: \{.*"hello there".*\}$/m.test(document.getElementById("frames").textContent)`)

	b.run(chromedp.SetValue(chromedp.CSS("#room-name"), "tea room"), chromedp.Focus(chromedp.CSS("#room-name")), enterKey)
	b.until(`location.pathname === "/chat/demo/tea%20room"`)
	b.introduce()
	b.say("tea?")
	b.kept()
	if got := historyOf(t, s.URL+"/demo/tea%20room"); !slices.Equal(got, []string{"tea?"}) {
		t.Errorf("the log holds %q", got)
	}
	b.clean()
}

// A page that knows nothing of us, with the browser's own EventSource, gets
// exactly what it missed while the server was away.
func TestEventSourceOverARestart(t *testing.T) {
	s := serve(t)
	b := chrome(t)
	b.open(s.URL + "/-/health")
	b.does(`{
		window.heard = []; window.opened = 0; window.lost = 0;
		window.source = new EventSource("/demo/lobby?cid=a-native-event-source");
		source.onopen = () => opened++;
		source.onerror = () => { lost++; window.stateThen = source.readyState; };
		source.onmessage = (e) => heard.push([e.lastEventId, JSON.parse(e.data).id, JSON.parse(e.data).data]);
		source.addEventListener("gap", (e) => heard.push(["gap", "", e.data]));
		source.addEventListener("bye", (e) => { window.bye = JSON.parse(e.data); });
	}`)
	b.until(`source.readyState === EventSource.OPEN`)
	var want []string
	speak := func(n int) {
		for range n {
			want = append(want, fmt.Sprintf("message %d", len(want)))
			backend(t, s.URL+"/demo/lobby", "text/plain", want[len(want)-1])
		}
	}
	speak(3)
	b.until(`heard.length === 3`)
	s.Kill()
	b.until(`lost > 0 && stateThen === EventSource.CONNECTING`)
	s.Restart()
	speak(5)
	b.until(`source.readyState === EventSource.OPEN && heard.length >= 8`)
	s.Stop() // and once more, in order: bye, and come back
	b.until(`window.bye?.reason === "drain"`)
	s.Restart()
	speak(2)
	b.until(`heard.length >= 10`)
	speak(1)
	b.until(`heard.length >= 11`)
	var got []string
	for _, h := range eval[[][]string](b, `heard`) {
		if h[0] != h[1] {
			t.Errorf("lastEventId was %s at the event %s", h[0], h[1])
		}
		got = append(got, h[2])
	}
	if !slices.Equal(got, want) {
		t.Errorf("it heard %q, want %q", got, want)
	}
}

// The ninth stream of one connection ID closes the oldest, for good: the browser
// comes back once, is answered 204, and gives up.
func TestEventSourceObeysBye(t *testing.T) {
	s := serve(t)
	b := chrome(t)
	b.open(s.URL + "/-/health")
	b.does(`{
		window.source = new EventSource("/demo/lobby?cid=a-native-event-source");
		source.addEventListener("bye", (e) => { window.bye = JSON.parse(e.data); });
	}`)
	b.until(`source.readyState === EventSource.OPEN`)
	for range 8 {
		resp, err := http.Get(s.URL + "/demo/lobby?format=sse&cid=a-native-event-source")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
	b.until(`window.bye`)
	if got := eval[string](b, `bye.reason + " " + bye.reconnect`); got != "replaced false" {
		t.Errorf("the bye says %s", got)
	}
	b.until(`source.readyState === EventSource.CLOSED`)
}

// backend speaks as a back end does, without a connection ID, and demands a 201.
func backend(t testing.TB, url, kind, body string) {
	t.Helper()
	resp, err := http.Post(url, kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST %s: %s: %s", url, resp.Status, answer)
	}
}

// historyOf gives the payloads of a room that are strings, oldest first.
func historyOf(t testing.TB, room string) []string {
	t.Helper()
	resp, err := http.Get(room + "/history?limit=500")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page struct {
		Events []struct{ Data string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	said := []string{}
	for _, e := range page.Events {
		said = append(said, e.Data)
	}
	return said
}
