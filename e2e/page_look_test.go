package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// size makes a tab's window so large; narrow ones are phones, with a finger.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	var how []chromedp.EmulateViewportOption
	if width < 600 {
		how = append(how, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.run(chromedp.EmulateViewport(width, height, how...))
}

// media sets what the system of a tab prefers: "prefers-color-scheme", "dark".
func (b *tab) media(features ...string) {
	b.t.Helper()
	var p emulation.SetEmulatedMediaParams
	for i := 0; i < len(features); i += 2 {
		p.Features = append(p.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, p)
		return err
	}))
}

// shoot writes what a tab shows to PARLEY_SCREENSHOTS, where that is a folder.
func (b *tab) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("PARLEY_SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// looks are the sizes and themes in which the page is looked at.
var looks = []struct {
	name          string
	width, height int64
	scheme        string
}{
	{"desktop-light", 1280, 800, "light"},
	{"desktop-dark", 1280, 800, "dark"},
	{"phone-light", 390, 844, "light"},
	{"phone-dark", 390, 844, "dark"},
}

// everyLook shows a tab in every look.
func (b *tab) everyLook(page string, do func(name string)) {
	b.t.Helper()
	for _, look := range looks {
		b.size(look.width, look.height)
		b.media("prefers-reduced-motion", "reduce", "prefers-color-scheme", look.scheme)
		do(page + "-" + look.name)
	}
}

// Every look holds together: nothing is wider than the window, nothing that one
// needs lies outside of it. With PARLEY_SCREENSHOTS they are there to be looked at.
func TestPageLooks(t *testing.T) {
	s := serve(t, quick...)
	room := s.URL + "/demo/lobby"
	bea, cy := visit(t, room, "Bo"), visit(t, room, "Cy")
	visit(t, room, "")
	bea.say("Morning! It is all there now.")
	bea.say("It is all written down in https://example.org/runs.")
	cy.say("🎉🎉")
	cy.say("What did it? Was it `group commit`, or the window?")
	ann := chrome(t)
	ann.enterAs(room, "Ann")
	ann.say("Both, but mostly this:")
	ann.does(`document.getElementById("words").value = "\x60\x60\x60\nGET /demo/lobby\nLast-Event-ID: e4f1-1042\n\x60\x60\x60"`)
	ann.run(enterKey)
	bea.say("A cursor and a bell. It costs a slow reader nothing but its own place, and everybody else not even that, which is why I like it so much more than queues.")
	cy.say("شكرا جزيلا! 谢谢 — and lunch at 12?")
	ann.kept()
	ann.hears("شكرا جزيلا! 谢谢 — and lunch at 12?")

	ann.everyLook("room", func(name string) {
		ann.fits(name)
		ann.shoot(name)
	})
	ann.size(1280, 800)
	ann.shows("#people-list bdi", "Cy")
	bea.whisper(eval[string](ann, `document.getElementById("sheet-you").textContent.match(/\w{16}/)[0]`), "Lunch? Do not tell Cy.")
	ann.until(`document.querySelector("#private-list .count")`)
	ann.say("/join release notes")
	cy.say("Are you coming?")
	ann.until(`document.querySelectorAll("#room-list .waiting").length === 1`)
	ann.does(`document.getElementById("wire-switch").click()`)
	ann.everyLook("wire", func(name string) {
		ann.fits(name)
		ann.shoot(name)
	})
	ann.does(`document.getElementById("wire-close").click(); document.querySelector("#private-list a").click()`)
	ann.everyLook("private", func(name string) {
		ann.fits(name)
		ann.shoot(name)
	})
	ann.does(`document.getElementById("words").value = "/"; document.getElementById("words").focus(); document.getElementById("words").dispatchEvent(new Event("input"))`)
	ann.everyLook("commands", func(name string) {
		ann.fits(name)
		ann.shoot(name)
	})
	ann.does(`document.getElementById("words").value = ""; document.getElementById("words").dispatchEvent(new Event("input")); document.getElementById("add-room").click()`)
	ann.everyLook("switcher", ann.shoot)
	ann.does(`document.getElementById("switcher").close()`)
	ann.size(390, 844)
	for _, drawer := range []string{"rooms", "people", "menu"} {
		ann.does(`document.getElementById("` + drawer + `").showPopover()`)
		ann.shoot("drawer-" + drawer)
		ann.does(`document.getElementById("` + drawer + `").hidePopover()`)
	}
	newcomer := chrome(t)
	newcomer.open(room)
	newcomer.until(`document.getElementById("nickname").open`)
	newcomer.everyLook("nickname", newcomer.shoot)

	landing := chrome(t)
	landing.open(s.URL + "/")
	landing.until(`document.getElementById("curl-listen").textContent`)
	landing.run(chromedp.SendKeys(chromedp.CSS("#say-text"), "hello, room"), enterKey)
	landing.until(`document.getElementById("frames").textContent.includes("hello, room")`)
	landing.everyLook("landing", func(name string) {
		landing.fits(name)
		landing.shoot(name)
	})
}

// fits demands that nothing is wider than the window, and that the field to type
// in is inside it.
func (b *tab) fits(name string) {
	b.t.Helper()
	over := eval[[]string](b, `[...document.querySelectorAll("body *")].filter((el) => el.checkVisibility() && !el.closest(".unseen, svg, pre, .scroller, .side") && el.getBoundingClientRect().right > innerWidth + 1).map((el) => el.tagName + "." + el.className + "#" + el.id)`)
	if len(over) > 0 {
		b.t.Errorf("%s: wider than the window: %q", name, over)
	}
	if wide := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		b.t.Errorf("%s: the page is %d px wider than the window", name, wide)
	}
	if low := eval[float64](b, `document.getElementById("words").getBoundingClientRect().bottom - innerHeight`); low > 0 {
		b.t.Errorf("%s: the field ends %v px below the window", name, low)
	}
}

// The page is there before any script has run, at its place and with its words,
// and nothing moves when it does.
func TestFirstPaintWaitsForNoScript(t *testing.T) {
	s := serve(t, quick...)
	b := chrome(t)
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	for path, want := range map[string][]string{
		"/":           {"Rooms over plain HTTP.", "Open a room", "one listens"},
		"/demo":       {"Rooms over plain HTTP."},
		"/demo/lobby": {"Rooms", "Here", "connecting", "needs JavaScript"},
	} {
		b.open(s.URL + path)
		text := eval[string](b, `document.body.innerText`)
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("without script %s shows %q, and not %q", path, text, words)
			}
		}
		if path == "/demo/lobby" == strings.Contains(text, "Open a room") {
			t.Errorf("without script %s shows the other page: %q", path, text)
		}
	}
	calm := chrome(t)
	calm.enterAs(s.URL+"/demo/lobby", "Ann")
	visit(t, s.URL+"/demo/lobby", "Bob").say("hello")
	calm.hears("hello")
	for _, path := range []string{"/", "/demo/lobby"} {
		calm.open(s.URL + path)
		calm.until(`document.getElementById("curl-listen").textContent || document.querySelector(".body")`)
		shifts := eval[float64](calm, `new Promise((done) => new PerformanceObserver((list) =>
			done(list.getEntries().reduce((sum, e) => sum + (e.entryType === "layout-shift" ? e.value : 0), 0)))
			.observe({ entryTypes: ["layout-shift", "paint"], buffered: true }) || performance.getEntriesByType("paint").length && setTimeout(() => done(performance.getEntriesByType("layout-shift").reduce((sum, e) => sum + e.value, 0)), 300))`)
		if shifts > 0.01 {
			t.Errorf("%s shifts by %v", path, shifts)
		}
		files := eval[map[string]int](calm, `Object.fromEntries([...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
			.filter((e) => e.initiatorType !== "fetch").map((e) => [new URL(e.name).pathname, e.encodedBodySize]))`)
		sum := 0
		for _, n := range files {
			sum += n
		}
		if len(files) != 4 || sum > 40<<10 {
			t.Errorf("%s is %d bytes on the wire: %v", path, sum, files)
		}
	}
}

// Text at twice its size is a smaller window: the columns become drawers, and
// nothing is cut off.
func TestLargeText(t *testing.T) {
	s := serve(t, quick...)
	visit(t, s.URL+"/demo/lobby", "Bob").say("hello, with a word that is aslongasawordcanbeandstillgoesonandonandonandonandonandonandonandonandonandonandonandon")
	b := chrome(t, "webkit", `{"webprefs":{"default_font_size":32,"default_fixed_font_size":26}}`)
	b.enterAs(s.URL+"/demo/lobby", "Ann")
	if size := eval[string](b, `getComputedStyle(document.documentElement).fontSize`); size != "32px" {
		t.Fatalf("the text is %s large", size)
	}
	for _, width := range []int64{1280, 640, 400} {
		b.run(chromedp.EmulateViewport(width, 800))
		b.fits(fmt.Sprintf("at twice the size, %d px", width))
		if cut := eval[[]string](b, `[...document.querySelectorAll("button, h2, label, .by, .body, .pill")].filter((el) => el.checkVisibility() && el.scrollWidth > el.clientWidth + 2).map((el) => el.className + el.id + ": " + el.textContent)`); len(cut) > 0 {
			t.Errorf("cut off at %d px: %q", width, cut)
		}
	}
	b.shoot("room-large-text")
	b.open(s.URL + "/")
	b.until(`document.getElementById("curl-listen").textContent`)
	b.run(chromedp.EmulateViewport(1280, 800))
	b.fits("the landing page at twice the size")
}

// Whatever colours the system forces, one sees where one is and what is one's own;
// whoever wants no motion has none.
func TestSystemsWishes(t *testing.T) {
	s := serve(t, quick...)
	b := chrome(t)
	b.enterAs(s.URL+"/demo/lobby", "Ann")
	b.say("mine")
	b.kept()
	b.media("forced-colors", "active")
	for _, el := range []string{".own > .body", ".avatar", ".mark", ".places a[aria-current]"} {
		style := eval[string](b, `(() => { const s = getComputedStyle(document.querySelector("`+el+`")); return s.borderTopWidth + s.outlineStyle; })()`)
		if style == "0pxnone" {
			t.Errorf("in forced colours %s is not to be seen", el)
		}
	}
	b.shoot("room-forced-colours")
	b.media("prefers-reduced-motion", "reduce")
	if moving := eval[int](b, `[...document.querySelectorAll("*")].filter((el) => { const s = getComputedStyle(el); return s.animationName !== "none" || s.transitionDuration !== "0s"; }).length`); moving != 0 {
		t.Errorf("%d elements move for somebody who wants no motion", moving)
	}

	// Initials are to be read on every colour that a member can have.
	least := eval[float64](b, `(() => {
		const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
		const face = document.querySelector(".avatar:not(.none)");
		const light = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
		let least = 21;
		for (let hue = 0; hue < 360; hue++) {
			face.style.setProperty("--hue", hue);
			canvas.fillStyle = getComputedStyle(face).backgroundColor;
			canvas.fillRect(0, 0, 1, 1);
			const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
			least = Math.min(least, 1.05 / (0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b) + 0.05));
		}
		return least;
	})()`)
	if least < 4.5 {
		t.Errorf("initials have a contrast of %.2f, less than 4.5", least)
	}

	// Light and dark are the system's, until one chooses; and then for good.
	paper := func() string { return eval[string](b, `getComputedStyle(document.body).backgroundColor`) }
	b.media("prefers-color-scheme", "dark")
	dark := paper()
	b.media("prefers-color-scheme", "light")
	if paper() == dark {
		t.Error("dark looks as light does")
	}
	b.does(`document.getElementById("dark").click()`)
	b.run(chromedp.Reload())
	b.ready()
	if got := paper(); got != dark {
		t.Errorf("after a reload the paper is %s, want %s", got, dark)
	}
}
