package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const pill = `document.getElementById("pill-text").textContent`

// Offline one can go on typing: it is shown as waiting, and kept once when the
// network is back, and nothing that others said is missing.
func TestOfflineAndBack(t *testing.T) {
	s := serve(t, quick...)
	ann, bob := chrome(t), chrome(t)
	ann.enterAs(s.URL+"/demo/lobby", "Ann")
	bob.enterAs(s.URL+"/demo/lobby", "Bob")
	ann.say("before")
	ann.kept()
	ann.goes(true)
	ann.until(pill + ` === "offline"`)
	ann.say("typed offline")
	ann.say("and again")
	ann.until(pill + ` === "offline, 2 waiting"`)
	if marks := eval[[]string](ann, `[...document.querySelectorAll(".mark")].map((el) => el.dataset.state)`); !slices.Equal(marks, []string{"kept", "sending", "sending"}) {
		t.Errorf("the marks are %q", marks)
	}
	ann.until(`document.getElementById("announce").textContent === "Connection lost"`)
	bob.say("meanwhile")
	bob.kept()
	ann.does(`{ window.pills = []; new MutationObserver(() => pills.push(` + pill + `)).observe(document.getElementById("pill-text"), { childList: true, characterData: true, subtree: true }); 0 }`)
	ann.goes(false)
	ann.live()
	ann.hears("meanwhile")
	ann.kept()
	bob.hears("and again")
	if got := eval[[]string](ann, `pills`); !slices.Contains(got, "catching up 1") {
		t.Errorf("the pill said %q", got)
	}
	want := historyOf(t, s.URL+"/demo/lobby")
	for name, b := range map[string]*tab{"ann": ann, "bob": bob} {
		if got := b.said(); !slices.Equal(got, want) || len(got) != 4 {
			t.Errorf("%s sees %q, the log holds %q", name, got, want)
		}
	}
}

// Behind a proxy that hands on no stream the page asks again and again, and says so.
func TestPageBehindABufferingProxy(t *testing.T) {
	s := serve(t, quick...)
	at := put(t, s, true)
	b := chrome(t)
	b.open(at.URL + "/demo/lobby")
	b.until(`document.getElementById("nickname").open`)
	b.run(enterKey)
	b.until(pill + ` === "polling"`)
	if got := eval[string](b, `document.getElementById("pill").title`); !strings.HasPrefix(got, "This network buffers") {
		t.Errorf("the pill's title is %q", got)
	}
	backend(t, s.URL+"/demo/lobby", "text/plain", "by and by")
	b.hears("by and by")
	b.say("and back")
	b.kept()
}

// What came while one looked elsewhere is counted in the title, told once one has
// asked for it, and marked when one is back.
func TestNewsWhileAway(t *testing.T) {
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	bob := visit(t, room, "Bob")
	b := chrome(t)
	b.open(s.URL + "/-/health")
	b.enterAs(room, "Ann")
	b.does(`{
		window.notes = []; window.asked = 0;
		window.Notification = class { constructor(title, o) { notes.push(title + ": " + o.body); } close() {} };
		Notification.permission = "default";
		Notification.requestPermission = async () => { asked++; return (Notification.permission = "granted"); };
		window.away = (hidden) => { Object.defineProperty(document, "hidden", { configurable: true, value: hidden }); document.dispatchEvent(new Event("visibilitychange")); };
	}`)
	bob.say("seen")
	b.hears("seen")
	b.until(`document.getElementById("announce").textContent === "Bob: seen"`)
	b.does(`away(true)`)
	bob.say("one")
	b.until(`document.title === "(1) lobby · Parley"`)
	if n := eval[int](b, `asked + notes.length`); n != 0 {
		t.Error("somebody was notified who had not asked for it")
	}
	b.does(`away(false)`)
	b.until(`document.title === "lobby · Parley"`)
	b.until(stage + `.querySelector(".new")?.nextElementSibling.textContent.includes("one")`)

	// Asked for in the menu; and there the voice can be silenced.
	b.run(chromedp.Click(chromedp.CSS(`[popovertarget="menu"]`)))
	b.run(chromedp.Click(chromedp.CSS("#notify")))
	b.until(`asked === 1 && document.getElementById("notify").checked`)
	b.run(chromedp.Click(chromedp.CSS("#speak")))
	b.key(kb.Escape)
	b.until(`!document.querySelector(":popover-open")`)
	b.does(`document.getElementById("announce").textContent = ""; away(true)`)
	bob.say("two")
	b.until(`notes.length === 1`)
	if got := eval[[]string](b, `notes`); got[0] != "Bob in lobby: two" {
		t.Errorf("the notification says %q", got)
	}
	if got := eval[string](b, `document.getElementById("announce").textContent`); got != "" {
		t.Errorf("silenced, the page announces %q", got)
	}
	// The line moves to where one left this time.
	b.does(`away(false)`)
	if got := eval[[]string](b, `[...document.querySelectorAll(".new")].map((el) => el.nextElementSibling.querySelector(".body").textContent)`); !slices.Equal(got, []string{"two"}) {
		t.Errorf("new is what begins with %q", got)
	}
	b.say("an answer")
	b.until(`!document.querySelector(".new")`)
	b.clean()
}

// The wire drawer shows the frames and the requests as they are; the connection ID
// only to who asks for it.
func TestWireDrawer(t *testing.T) {
	s := serve(t, quick...)
	b := chrome(t)
	b.enterAs(s.URL+"/demo/lobby", "Ann")
	b.run(chromedp.Click(chromedp.CSS("#wire-switch")))
	b.until(`document.activeElement.id === "wire-lines"`)
	const wire = `document.getElementById("wire-lines").textContent`
	backend(t, s.URL+"/demo/lobby", "text/plain", "a frame")
	b.until(`/id: \S+\nevent: message\ndata: \{[^\n]*"a frame"/.test(` + wire + `)`)
	b.say("it's a request")
	b.kept()
	b.until(wire + `.includes("POST 201")`)
	lines := eval[[]string](b, `[...document.querySelectorAll("#wire-lines .up pre")].map((el) => el.textContent)`)
	last := lines[len(lines)-1]
	for _, part := range []string{`-H 'Connection-ID: ••••••••'`, `-H 'Idempotency-Key: `, `--data-raw 'it'\''s a request'`, `'` + s.URL + `/demo?to=lobby'`} {
		if !strings.Contains(last, part) {
			t.Errorf("%s has no %s", last, part)
		}
	}
	if !strings.HasPrefix(lines[0], "curl -N -H 'Accept: text/event-stream'") {
		t.Errorf("the stream is %s", lines[0])
	}
	b.run(chromedp.Click(chromedp.CSS("#wire-secrets")))
	b.until(`!` + wire + `.includes("••••")`)
	b.run(chromedp.Click(chromedp.CSS("#wire-secrets")))
	b.until(wire + `.includes("••••")`)

	b.run(chromedp.Click(chromedp.CSS("#wire-pause")))
	backend(t, s.URL+"/demo/lobby", "text/plain", "held")
	b.hears("held")
	b.until(`/^resume, \d+ held$/.test(document.getElementById("wire-pause").textContent)`)
	if eval[bool](b, wire+`.includes('"held"')`) {
		t.Error("the drawer goes on while it is paused")
	}
	b.run(chromedp.Click(chromedp.CSS("#wire-pause")))
	b.until(wire + `.includes('"held"')`)
	b.does(`navigator.clipboard.writeText = async (text) => { window.copied = text; }`)
	b.run(chromedp.Click(chromedp.CSS("#wire-copy")))
	b.until(`window.copied?.includes("event: hello") && !copied.includes("undefined")`)
	b.run(chromedp.Click(chromedp.CSS("#wire-clear")))
	b.until(wire + ` === ""`)
	b.does(`document.getElementById("wire-lines").focus()`)
	b.key(kb.Escape)
	b.until(`document.getElementById("wire").hidden && document.activeElement.id === "words"`)
	b.clean()
}

// The command that the drawer shows does what the page did.
func TestWireLinesRun(t *testing.T) {
	s := serve(t, quick...)
	b := chrome(t)
	b.enterAs(s.URL+"/demo/lobby", "Ann")
	b.does(`document.getElementById("wire-switch").click(); document.getElementById("wire-secrets").click()`)
	words := `quotes ' and " and $(echo) and @file`
	b.does(fmt.Sprintf(`document.getElementById("words").value = %s; document.getElementById("composer").requestSubmit()`, quoted(words)))
	b.kept()
	lines := eval[[]string](b, `[...document.querySelectorAll("#wire-lines .up pre")].map((el) => el.textContent)`)
	out := shell(t, strings.Replace(lines[len(lines)-1], "curl ", "curl -s ", 1))
	if id := eval[string](b, stage+`.querySelector(".own") && [...document.querySelectorAll("#wire-lines")].length && "x"`); id != "x" || !strings.Contains(out, `"id":"`) {
		t.Errorf("curl says %s", out)
	}
	// Under the same key it was kept once.
	if got := historyOf(t, s.URL+"/demo/lobby"); !slices.Equal(got, []string{words}) {
		t.Errorf("the log holds %q", got)
	}
}
