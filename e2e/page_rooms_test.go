package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// rooms gives the column of rooms, with what is unread.
func (b *tab) rooms() []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll("#room-list a")].map((a) => {
		const count = a.querySelector(".count");
		return (a.ariaCurrent ? "*" : "") + a.querySelector("bdi").textContent + (count.hidden ? "" : " " + count.textContent);
	})`)
}

func (b *tab) expectRooms(want ...string) {
	b.t.Helper()
	b.until(`JSON.stringify([...document.querySelectorAll("#room-list a")].map((a) => {
		const count = a.querySelector(".count");
		return (a.ariaCurrent ? "*" : "") + a.querySelector("bdi").textContent + (count.hidden ? "" : " " + count.textContent);
	})) === ` + quoted(`["`+strings.Join(want, `","`)+`"]`))
}

// Several rooms over one stream: joined, left, counted, and there again after a
// reload.
func TestSeveralRooms(t *testing.T) {
	s := serve(t, quick...)
	at := put(t, s, false)
	ann := chrome(t)
	ann.enterAs(at.URL+"/demo/lobby", "Ann")
	bob := visit(t, s.URL+"/demo/kitchen", "Bob")
	bob.say("before ann came")

	ann.say("/join kitchen")
	ann.until(`location.pathname === "/demo/kitchen" && document.getElementById("place-room").textContent === "kitchen"`)
	ann.hears("before ann came")
	ann.shows("#people-list bdi", "Bob")
	bob.say("hello ann")
	ann.hears("hello ann")
	ann.say("hello bob")
	ann.kept()
	ann.expectRooms("*kitchen", "lobby")

	// A draft stays where it was typed.
	ann.run(chromedp.SendKeys(chromedp.CSS("#words"), "half a thou"))
	ann.run(chromedp.Click(chromedp.CSS("#room-list li:nth-child(2) a")))
	ann.until(`location.pathname === "/demo/lobby" && document.getElementById("words").value === ""`)
	bob.say("one")
	bob.say("two")
	ann.expectRooms("kitchen 2 unread", "*lobby")
	ann.until(`document.title === "(2) lobby · Parley"`)
	if got := ann.said(); len(got) != 0 {
		t.Errorf("in the lobby ann sees %q", got)
	}
	ann.run(chromedp.NavigateBack())
	ann.until(`location.pathname === "/demo/kitchen" && document.getElementById("words").value === "half a thou"`)
	ann.expectRooms("*kitchen", "lobby")
	want := []string{"before ann came", "hello ann", "hello bob", "one", "two"}
	if got := ann.said(); !slices.Equal(got, want) {
		t.Errorf("ann sees %q, want %q", got, want)
	}
	ann.until(stage + `.querySelector(".new")?.nextElementSibling.textContent.includes("one")`)
	ann.until(`document.title === "kitchen · Parley"`)

	// What came while the page was not there is counted when it is.
	ann.run(chromedp.Click(chromedp.CSS("#room-list li:nth-child(2) a")))
	ann.until(`location.pathname === "/demo/lobby"`)
	bob.say("three")
	ann.expectRooms("kitchen 1 unread", "*lobby")
	ann.open("about:blank")
	bob.say("four")
	ann.enter(at.URL + "/demo/lobby")
	ann.expectRooms("kitchen 2 unread", "*lobby")
	ann.run(chromedp.Click(chromedp.CSS("#room-list li:nth-child(1) a")))
	ann.until(stage + `.querySelector(".new")?.nextElementSibling.textContent.includes("three")`)
	if _, most := at.opened(); most != 1 {
		t.Errorf("%d streams were open at once for two rooms", most)
	}

	ann.say("/leave")
	ann.until(`location.pathname === "/demo/lobby"`)
	ann.expectRooms("*lobby")
	bob.say("not for ann")
	backend(t, s.URL+"/demo/lobby", "text/plain", "for ann")
	ann.hears("for ann")
	if got := ann.rooms(); !slices.Equal(got, []string{"*lobby"}) {
		t.Errorf("the rooms are %q", got)
	}
	ann.clean()
}

// Ctrl-K goes to rooms that are there and to ones that are not yet.
func TestSwitcher(t *testing.T) {
	s := serve(t, quick...)
	backend(t, s.URL+"/demo/kitchen", "text/plain", "somebody was here")
	b := chrome(t)
	b.enter(s.URL + "/demo/lobby")
	open := func(typed string) {
		t.Helper()
		b.key("k", chromedp.KeyModifiers(2))
		b.until(`document.getElementById("switcher").open && document.activeElement.id === "switcher-text"`)
		b.types(typed)
	}
	chosen := func() string {
		return eval[string](b, `document.querySelector("#switcher-list [aria-selected=true] bdi")?.textContent ?? ""`)
	}
	open("kit")
	b.until(`document.querySelector("#switcher-list [aria-selected=true] bdi").textContent === "kitchen"`)
	b.run(enterKey)
	b.until(`location.pathname === "/demo/kitchen" && !document.getElementById("switcher").open`)
	b.hears("somebody was here")

	open("Grüße & 100%")
	b.run(enterKey)
	b.until(`document.getElementById("place-room").textContent === "Grüße & 100%"`)
	b.say("first")
	b.kept()
	b.run(chromedp.Reload())
	b.live()
	b.hears("first")
	b.expectRooms("*Grüße & 100%", "kitchen", "lobby")

	open("")
	if got := chosen(); got != "lobby" && got != "kitchen" {
		t.Errorf("%q is chosen first", got)
	}
	b.key(kb.ArrowDown)
	b.key(kb.ArrowUp)
	b.key(kb.ArrowUp)
	if got := chosen(); got != "Grüße & 100%" {
		t.Errorf("above the first is %q, want where one is", got)
	}
	b.key(kb.Escape)
	b.until(`!document.getElementById("switcher").open && document.activeElement.id === "words"`)
	open("@nobody")
	b.run(enterKey)
	b.until(`document.getElementById("switcher-trouble").textContent.includes("does not start with")`)
	b.key(kb.Escape)
	b.clean()
}

// The address of a room is all that a friend needs.
func TestShare(t *testing.T) {
	s := serve(t, quick...)
	b := chrome(t)
	b.enter(s.URL + "/demo/tea%20room")
	b.does(`navigator.clipboard.writeText = async (text) => { window.copied = text; }`)
	b.run(chromedp.Click(chromedp.CSS("#share")))
	b.until(`window.copied`)
	if got, want := eval[string](b, `copied`), s.URL+"/demo/tea%20room"; got != want {
		t.Errorf("%s was copied, want %s", got, want)
	}
	b.until(`document.getElementById("announce").textContent === "Address copied"`)
	b.clean()
}

// Two tabs of a browser are one person.
func TestTwoTabsAreOnePerson(t *testing.T) {
	s := serve(t, quick...)
	first := chrome(t)
	first.enterAs(s.URL+"/demo/lobby", "Ann")
	second := first.another()
	second.enter(s.URL + "/demo/lobby")
	first.say("from the first tab")
	second.hears("from the first tab")
	if own := eval[int](second, stage+`.querySelectorAll(".own").length`); own != 1 {
		t.Errorf("the second tab has %d messages of its own, want 1", own)
	}
	first.until(`document.querySelectorAll("#people-list li").length === 1`)
	// What one joins, leaves and is called in one, holds in the other.
	second.say("/nick Anna")
	first.shows("#me bdi", "Anna")
	bob := visit(t, s.URL+"/demo/lobby", "Bob")
	second.shows("#people-list bdi", "Bob")
	second.say("/msg @Bob a secret")
	second.kept()
	first.shows("#private-list bdi", "Bob")
	bob.whisper(eval[string](first, `document.getElementById("sheet-you").textContent.match(/\w{16}/)[0]`), "and back")
	first.until(`document.querySelector("#private-list .count").textContent === "1 unread"`)
	second.hears("and back")
	first.clean()
	second.clean()
}
