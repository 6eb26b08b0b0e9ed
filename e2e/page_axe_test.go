package e2e_test

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe gives the source of axe-core, which .ci/need brings.
func axe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("there is no axe-core on this machine; .ci/need brings it")
	}
	return string(source)
}

// check runs every rule of axe-core on what a tab shows.
func (b *tab) check(name string) {
	b.t.Helper()
	// Colours on their way from one to another are nobody's to judge.
	b.until(`document.getAnimations().every((a) => a.playState === "finished")`)
	for _, v := range eval[[]string](b, `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
		violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`) {
		b.t.Errorf("%s: %s", name, v)
	}
}

func TestAxe(t *testing.T) {
	source := axe(t)
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	bob := visit(t, room, "Bob")
	visit(t, room, "")
	bob.say("hello, see https://example.org and `code`")
	bob.say("🎉")
	backend(t, room+"?event=deploy", "application/json", `{"ok":true}`)

	b := chrome(t)
	b.media("prefers-reduced-motion", "reduce")
	b.open(s.URL + "/")
	b.until(`document.getElementById("curl-listen").textContent`)
	b.run(chromedp.SendKeys(chromedp.CSS("#say-text"), "x"), enterKey)
	b.until(`document.getElementById("frames").textContent.includes("x")`)
	b.does(source + "; 0")
	b.everyLook("landing", func(name string) { b.check(name) })

	b.open(room)
	b.until(`document.getElementById("nickname").open`)
	b.does(source + "; 0")
	b.everyLook("nickname", func(name string) { b.check(name) })
	b.run(enterKey)
	b.ready()
	b.size(1280, 800)
	b.shows("#people-list bdi", "Bob")
	b.say("an answer")
	b.say("/msg @Bob in private")
	b.kept()
	b.until(`location.hash.startsWith("#@")`)
	b.does(`history.back()`)
	b.until(`location.hash === ""`)
	b.does(`document.getElementById("words").value = "y".repeat(70000); document.getElementById("composer").requestSubmit()`)
	b.until(`document.querySelector('.mark[data-state="failed"]')`)
	b.does(`[...document.querySelectorAll(".failure button")].find((el) => el.textContent === "discard").click()`)
	b.everyLook("room", func(name string) {
		b.check(name)
		if strings.Contains(name, "phone") {
			for _, drawer := range []string{"rooms", "people"} {
				b.does(`document.getElementById("` + drawer + `").showPopover()`)
				b.check(name + ", " + drawer)
				b.does(`document.getElementById("` + drawer + `").hidePopover()`)
			}
		}
	})
	// What opens over it, and beside it.
	b.size(1280, 800)
	for _, scheme := range []string{"light", "dark"} {
		b.media("prefers-reduced-motion", "reduce", "prefers-color-scheme", scheme)
		for name, act := range map[string][2]string{
			"wire":        {`document.getElementById("wire-switch").click()`, `document.getElementById("wire-close").click()`},
			"menu":        {`document.getElementById("menu").showPopover()`, `document.getElementById("menu").hidePopover()`},
			"help":        {`document.getElementById("menu-help").click()`, `document.getElementById("help").close()`},
			"terminal":    {`document.getElementById("terminal").click()`, `document.getElementById("sheet").close()`},
			"switcher":    {`document.getElementById("add-room").click()`, `document.getElementById("switcher").close()`},
			"completions": {`{ const w = document.getElementById("words"); w.focus(); w.value = "/"; w.dispatchEvent(new Event("input")); }`, `{ const w = document.getElementById("words"); w.value = ""; w.dispatchEvent(new Event("input")); }`},
			"private":     {`document.querySelector("#private-list a").click()`, `history.back()`},
		} {
			b.does(act[0] + "; 0")
			b.check(name + " in the " + scheme)
			b.does(act[1] + "; 0")
		}
	}
}
