package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// quick is a grace in which nobody has to wait: within the first one after a start
// no comings are told.
var quick = []string{"--grace", "1s"}

// key presses a key that is no character: kb.ArrowUp.
func (b *tab) key(key string, modifiers ...chromedp.KeyOption) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(key, modifiers...))
}

// types puts text where the focus is, key by key.
func (b *tab) types(text string) { b.t.Helper(); b.key(text) }

// here gives who the page says is in the room.
func (b *tab) here() []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll("#people-list bdi")].map((el) => el.textContent)`)
}

// lines gives the quiet lines between the messages.
func (b *tab) lines() []string {
	b.t.Helper()
	return eval[[]string](b, `[...`+stage+`.querySelectorAll(".quiet-line")].map((el) => el.textContent)`)
}

func (b *tab) shows(css, text string) {
	b.t.Helper()
	b.until(`[...document.querySelectorAll(` + quoted(css) + `)].some((el) => el.textContent === ` + quoted(text) + `)`)
}

// A first visit asks one thing, and Enter is enough.
func TestNickname(t *testing.T) {
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	ann := chrome(t)
	ann.open(room)
	ann.until(`document.getElementById("nickname").open`)
	suggested := eval[string](ann, `document.getElementById("nickname-text").value`)
	if strings.Count(suggested, " ") != 1 {
		t.Errorf("%q is suggested", suggested)
	}
	if asked := eval[string](ann, `document.activeElement.id`); asked != "nickname-text" {
		t.Errorf("the focus is on %q", asked)
	}
	ann.run(enterKey)
	ann.ready()
	ann.shows("#people-list bdi", suggested)

	// It is kept, and not asked for again.
	ann.run(chromedp.Reload())
	ann.ready()
	ann.shows("#me bdi", suggested)
	if eval[bool](ann, `document.getElementById("nickname").open`) {
		t.Error("the nickname is asked for again")
	}

	bob := chrome(t)
	bob.enterAs(room, "Bob")
	bob.shows("#people-list bdi", suggested)
	ann.shows("#people-list bdi", "Bob")

	// What the server would refuse is not taken.
	ann.say("/nick " + strings.Repeat("x", 65))
	ann.until(`document.getElementById("trouble").textContent.includes("too long")`)
	ann.does(`document.getElementById("words").value = ""`)
	ann.say("/nick Ann")
	bob.shows("#people-list bdi", "Ann")
	bob.until(stage + `.innerText.includes("` + suggested + ` is now Ann")`)
	ann.shows("#me bdi", "Ann")
	ann.say("under a new name")
	bob.hears("under a new name")
	bob.shows(".by bdi", "Ann")

	// The column asks for it, too.
	bob.run(chromedp.Click(chromedp.CSS("#me")))
	bob.until(`document.getElementById("nickname").open && document.getElementById("nickname-text").value === "Bob"`)
	bob.types("Robert")
	bob.run(enterKey)
	ann.shows("#people-list bdi", "Robert")
	ann.clean()
	bob.clean()
}

// Who is here, who comes, who goes: in one quiet line, whoever comes and goes
// within it left out.
func TestComingsAndGoings(t *testing.T) {
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	ann := chrome(t)
	ann.enterAs(room, "Ann")
	ann.say("first")
	ann.kept()
	visitors := map[string]*visitor{}
	for _, name := range []string{"Bo", "Cy", "Dee", "Eve", ""} {
		visitors[name] = visit(t, room, name)
	}
	ann.until(`document.querySelectorAll("#people-list li").length === 6`)
	guest := "guest " + visitors[""].Member[:4]
	if got, want := ann.here(), []string{"Ann", "Bo", "Cy", "Dee", "Eve", guest}; !slices.Equal(got, want) {
		t.Errorf("the page says %q are here, want %q", got, want)
	}
	if got := ann.lines(); len(got) != 1 || !strings.HasSuffix(got[0], " and 3 others joined") {
		t.Errorf("the page says %q", got)
	}
	ann.until(`document.getElementById("people-count").textContent === "6"`)

	for _, name := range []string{"Bo", "Dee", "Eve", ""} {
		visitors[name].leave()
	}
	ann.until(`document.querySelectorAll("#people-list li").length === 2`)
	if got := ann.lines(); !slices.Equal(got, []string{"Cy joined"}) {
		t.Errorf("the page says %q", got)
	}
	ann.say("second")
	ann.kept()
	visitors["Cy"].leave()
	ann.until(`document.querySelectorAll("#people-list li").length === 1`)
	if got := ann.lines(); !slices.Equal(got, []string{"Cy joined", "Cy left"}) {
		t.Errorf("the page says %q", got)
	}
	ann.clean()
}

func TestTyping(t *testing.T) {
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	ann, bob, cy := chrome(t), chrome(t), chrome(t)
	ann.enterAs(room, "Ann")
	bob.enterAs(room, "Bob")
	cy.enterAs(room, "Cy")
	place := eval[string](cy, `JSON.stringify(document.getElementById("composer").getBoundingClientRect())`)

	ann.run(chromedp.SendKeys(chromedp.CSS("#words"), "hel"))
	cy.shows("#typing", "Ann is typing…")
	cy.shows("#people-list .quiet", "typing…")
	bob.run(chromedp.SendKeys(chromedp.CSS("#words"), "x"))
	cy.until(`/^(Ann and Bob|Bob and Ann) are typing…$/.test(document.getElementById("typing").textContent)`)
	if now := eval[string](cy, `JSON.stringify(document.getElementById("composer").getBoundingClientRect())`); now != place {
		t.Errorf("the field moved from %s to %s", place, now)
	}
	// What was typed is taken back; what was sent ends it, too.
	bob.key(kb.Backspace)
	cy.shows("#typing", "Ann is typing…")
	ann.run(enterKey)
	cy.hears("hel")
	cy.until(`document.getElementById("typing").textContent === ""`)
	// A command is nobody's concern, and nothing of all this is kept.
	ann.shows("#people-list bdi", "Bob")
	ann.say("/who")
	ann.until(`[...document.querySelectorAll(".quiet-line")].some((el) => /^Here: .*Bob/.test(el.textContent))`)
	if got := cy.said(); !slices.Equal(got, []string{"hel"}) {
		t.Errorf("cy sees %q", got)
	}
	if got := historyOf(t, room); !slices.Equal(got, []string{"hel"}) {
		t.Errorf("the log holds %q", got)
	}
	for _, b := range []*tab{ann, bob, cy} {
		b.clean()
	}
}

// What is private is heard by one, looks private, and outlives a reload.
func TestPrivateWords(t *testing.T) {
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	ann, bob, cy := chrome(t), chrome(t), chrome(t)
	ann.enterAs(room, "Ann")
	bob.enterAs(room, "Bob Stone")
	cy.enterAs(room, "Cy")
	ann.shows("#people-list bdi", "Bob Stone")

	ann.say("/msg @Bob Stone between us two")
	ann.hears("between us two")
	ann.kept()
	ann.until(`document.body.classList.contains("private") && document.getElementById("words").placeholder === "Only Bob Stone will see this"`)
	bob.until(`document.querySelector("#private-list .waiting .count")?.textContent === "1 unread"`)
	bob.until(`document.title.startsWith("(1) ")`)
	if got := bob.said(); len(got) != 0 {
		t.Errorf("in the room bob sees %q", got)
	}
	bob.run(chromedp.Click(chromedp.CSS("#private-list a")))
	bob.hears("between us two")
	bob.shows(".chip", "private")
	bob.until(`document.getElementById("place-room").textContent === "Ann" && !document.title.startsWith("(")`)
	bob.run(chromedp.SendKeys(chromedp.CSS("#words"), "so"))
	ann.shows("#typing", "Bob Stone is typing…")
	bob.say(" it is")
	ann.hears("so it is")

	want := []string{"between us two", "so it is"}
	for name, b := range map[string]*tab{"ann": ann, "bob": bob} {
		b.kept()
		b.run(chromedp.Reload())
		b.live()
		b.until(stage + `.querySelectorAll(".body").length === 2`)
		if got := b.said(); !slices.Equal(got, want) {
			t.Errorf("after a reload %s sees %q, want %q", name, got, want)
		}
		if own := eval[int](b, stage+`.querySelectorAll(".own").length`); own != 1 {
			t.Errorf("after a reload %d messages are %s's own, want 1", own, name)
		}
	}
	ann.say("and still")
	bob.hears("and still")

	// Nobody else has heard of it, and the room's history neither.
	if n := eval[int](cy, `document.querySelectorAll("#private-list li, .body").length`); n != 0 {
		t.Error("cy has heard something")
	}
	if got := historyOf(t, room); len(got) != 0 {
		t.Errorf("the room's history holds %q", got)
	}
	// From the column of people, with the keyboard alone; and back to the room.
	cy.does(`[...document.querySelectorAll("#people-list button")].find((el) => el.textContent.includes("Bob")).focus()`)
	cy.run(enterKey)
	cy.until(`document.getElementById("place-room").textContent === "Bob Stone"`)
	cy.run(chromedp.NavigateBack())
	cy.until(`document.getElementById("place-room").textContent === "lobby"`)
	cy.say("/msg nobody hello")
	cy.until(`document.getElementById("trouble").textContent.includes("Nobody here is called nobody")`)
	for _, b := range []*tab{ann, bob, cy} {
		b.clean()
	}
}
