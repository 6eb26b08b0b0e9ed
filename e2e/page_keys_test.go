package e2e_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// shell runs a line as somebody who copied it would.
func shell(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// Everything can be done with the keyboard alone, and one sees where one is.
func TestKeyboardAlone(t *testing.T) {
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	bob := visit(t, room, "Bob")
	for i := range 3 {
		bob.say(fmt.Sprintf("message %d", i))
	}
	b := chrome(t)
	b.enterAs(room, "Ann")
	b.hears("message 2")
	b.until(`document.activeElement.id === "words"`)

	// Commands are completed: chosen with the arrows, taken with Tab or Enter.
	b.types("/")
	b.until(`document.querySelectorAll("#options li").length === 8`)
	b.key(kb.ArrowDown)
	b.until(`document.getElementById("words").getAttribute("aria-activedescendant") === document.querySelector("#options [aria-selected=true]").id && document.querySelector("#options [aria-selected=true] bdi").textContent === "/join"`)
	b.key(kb.Escape)
	b.until(`document.getElementById("options").hidden && document.getElementById("words").value === "/"`)
	b.types("m")
	b.key(kb.Tab)
	b.until(`document.getElementById("words").value === "/msg "`)
	b.shows("#people-list bdi", "Bob")
	b.types("b")
	b.run(enterKey)
	b.until(`document.getElementById("words").value === "/msg @Bob "`)
	b.types("psst")
	b.run(enterKey)
	b.hears("psst")
	b.kept()
	b.say("/leave")
	b.until(`location.pathname === "/demo/lobby" && document.getElementById("private").hidden`)
	b.say("/nonsense")
	b.until(`document.getElementById("trouble").textContent.startsWith("There is no /nonsense.")`)
	b.does(`document.getElementById("words").value = ""`)
	b.say("//slash")
	b.hears("/slash")
	b.say("/help")
	b.until(`document.getElementById("help").open && document.querySelectorAll("#help-commands dt").length === 8`)
	b.key(kb.Escape)
	b.until(`!document.getElementById("help").open && document.activeElement.id === "words"`)
	b.say("/curl")
	b.until(`document.getElementById("sheet").open && document.getElementById("sheet-speak").textContent === ` + quoted("curl -d 'hello' "+room))
	b.key(kb.Escape)

	// From the empty field up through the messages, and down and back again.
	b.until(`document.activeElement.id === "words"`)
	focused := func() string {
		return eval[string](b, `document.activeElement.querySelector?.(".body")?.textContent ?? document.activeElement.id`)
	}
	var walked []string
	for range 3 {
		b.key(kb.ArrowUp)
		walked = append(walked, focused())
	}
	if want := []string{"/slash", "message 2", "message 1"}; !slices.Equal(walked, want) {
		t.Errorf("the arrow walks %q, want %q", walked, want)
	}
	ring := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle + " " + document.activeElement.querySelector(".actions .quiet").textContent.length`)
	if !strings.HasPrefix(ring, "solid ") || strings.HasSuffix(ring, " 0") {
		t.Errorf("the focus is not to be seen: %s", ring)
	}
	// The exact time, and what one can do with a message, are in reach.
	b.does(`navigator.clipboard.writeText = async (text) => { window.copied = text; }`)
	b.key(kb.Tab)
	b.run(enterKey)
	b.until(`window.copied === "message 1"`)
	b.key(kb.Escape)
	b.until(`document.activeElement.id === "words"`)
	b.key(kb.ArrowUp)
	b.key(kb.ArrowDown)
	if got := focused(); got != "words" {
		t.Errorf("below the last message is %q", got)
	}
	b.say("/clear")
	b.until(`!document.querySelector(".body")`)
	b.clean()

	// Tab goes round the whole page, and every stop is to be seen.
	stops := map[string]bool{}
	for range 40 {
		b.key(kb.Tab)
		stop := eval[string](b, `(() => {
			const el = document.activeElement;
			if (el === document.body) return "the browser";
			const box = el.getBoundingClientRect();
			const style = getComputedStyle(el);
			const ring = style.outlineStyle !== "none" || el.id === "words";
			return (el.id || el.className || el.tagName) + (ring && box.width && style.opacity !== "0" ? "" : " is not to be seen");
		})()`)
		stops[stop] = true
		if strings.HasSuffix(stop, "seen") {
			t.Error(stop)
		}
	}
	for _, id := range []string{"share", "wire-switch", "add-room", "me", "words", "scroller"} {
		if !stops[id] {
			t.Errorf("Tab never comes to %s: %v", id, stops)
		}
	}
}

// One's own message can be taken back, and is gone for everyone.
func TestMessageIsDeleted(t *testing.T) {
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	ann, bob := chrome(t), chrome(t)
	ann.enterAs(room, "Ann")
	bob.enterAs(room, "Bob")
	ann.say("a slip")
	ann.say("what was meant")
	bob.hears("a slip")
	bob.hears("what was meant")
	ann.kept()
	ann.key(kb.ArrowUp)
	ann.key(kb.ArrowUp)
	ann.run(chromedp.Click(chromedp.CSS(`.actions [aria-label="Delete this message"]`)))
	for name, b := range map[string]*tab{"ann": ann, "bob": bob} {
		b.until(stage + `.querySelectorAll(".body").length === 1`)
		if got := b.said(); !slices.Equal(got, []string{"what was meant"}) {
			t.Errorf("%s sees %q", name, got)
		}
		b.clean()
	}
	// What is another's cannot be.
	bob.does(stage + `.querySelector(".entry").focus()`)
	if !eval[bool](bob, `document.querySelector('.actions [aria-label="Delete this message"]').hidden`) {
		t.Error("bob is offered to delete what ann said")
	}
}

// One can go to a message of one's own before it is kept, and stays there when it is.
func TestFocusOutlivesKeeping(t *testing.T) {
	s := serve(t, quick...)
	b := chrome(t)
	b.enterAs(s.URL+"/demo/lobby", "Ann")
	b.does(`{ const real = window.fetch; window.fetch = async (url, o) => {
		if (o?.method === "POST") await new Promise((go) => { window.go = go; });
		return real(url, o);
	}; }`)
	b.does(`document.getElementById("words").value = "slow"; document.getElementById("composer").requestSubmit()`)
	b.until(`window.go`)
	b.key(kb.ArrowUp)
	b.until(`document.activeElement.classList.contains("own")`)
	b.does(`go()`)
	b.kept()
	if !eval[bool](b, `document.activeElement.classList.contains("own")`) {
		t.Error("the focus is lost when the message is kept")
	}
}
