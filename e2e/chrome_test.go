package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// A tab is one tab of a real Chromium, and what its console complained of.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string // guarded by mu
}

// browser is one Chromium for all tests of a run: one person more in it costs a
// tenth of another process.
var browser struct {
	once sync.Once
	ctx  context.Context
	end  func()
	err  error
}

// chrome gives an empty tab of a browser as another person would have one, with
// nothing in common with any other tab's. It is ended with the test. With
// preferences, which are names and their JSON, as a profile keeps them, it is a
// process of its own.
func chrome(t testing.TB, preferences ...string) *tab {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium on this machine")
	}
	var ctx context.Context
	if len(preferences) > 0 {
		own, end, err := chromium(path, preferences...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(end)
		ctx = own
	} else {
		browser.once.Do(func() { browser.ctx, browser.end, browser.err = chromium(path) })
		if browser.err != nil {
			t.Fatal(browser.err)
		}
		ctx, _ = chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
		t.Cleanup(func() {
			closing, done := context.WithTimeout(ctx, 10*time.Second)
			defer done()
			_ = chromedp.Cancel(closing) // what does not close now closes with the browser
		})
	}
	b := &tab{t: t, ctx: ctx}
	b.watch() // and with that opens the tab
	return b
}

// chromium starts a process; end ends it.
func chromium(path string, preferences ...string) (ctx context.Context, end func(), err error) {
	profile, err := os.MkdirTemp("", "parley-chrome-")
	if err != nil {
		return nil, nil, err
	}
	var set []string
	for i := 0; i < len(preferences); i += 2 {
		set = append(set, quoted(preferences[i])+":"+preferences[i+1])
	}
	if err := os.MkdirAll(filepath.Join(profile, "Default"), 0o700); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte("{"+strings.Join(set, ",")+"}"), 0o600); err != nil {
		return nil, nil, err
	}
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.WindowSize(1100, 800),
	}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "no-default-browser-check",
		"disable-background-networking", "disable-component-update", "disable-sync", "disable-extensions",
		"disable-dev-shm-usage", "disable-popup-blocking", "disable-background-timer-throttling",
		"disable-renderer-backgrounding", "disable-backgrounding-occluded-windows", "mute-audio",
	} {
		flags = append(flags, chromedp.Flag(name, true))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, _ = chromedp.NewContext(allocator)
	end = func() {
		closing, done := context.WithTimeout(ctx, 10*time.Second)
		_ = chromedp.Cancel(closing) // a browser that does not close is killed by the next line
		done()
		cancel()
		os.RemoveAll(profile)
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, err
	}
	return ctx, end, nil
}

// watch keeps what the console says, from the first document on.
func (b *tab) watch() {
	err := chromedp.Listen(b.ctx, func(event any) {
		complaint := ""
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complaint = (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error()
		case *runtime.EventConsoleAPICalled:
			if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
				complaint = fmt.Sprintf("console.%s: %s", e.Type, e.Args[0].Value)
			}
		case *log.EventEntryAdded:
			// What could not be reached is what these tests are about, and the browser
			// says so whatever the page does.
			unreachable := e.Entry.Source == "network" && strings.Contains(e.Entry.Text, "net::ERR_")
			// The page brings its icon; now and then the browser asks for one all the same.
			icon := e.Entry.Source == "network" && strings.HasSuffix(e.Entry.URL, "/favicon.ico")
			if !unreachable && !icon && (e.Entry.Level == "error" || e.Entry.Level == "warning" || e.Entry.Source == "security") {
				complaint = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
			}
		}
		if complaint != "" {
			b.mu.Lock()
			b.complaints = append(b.complaints, complaint)
			b.mu.Unlock()
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// clean demands that the console has nothing to complain of: no exception, no
// violation of the policy, no refused request.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) > 0 {
		b.t.Errorf("the console says:\n%s", strings.Join(b.complaints, "\n"))
	}
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// open goes to an address.
func (b *tab) open(url string) {
	b.t.Helper()
	b.run(chromedp.Navigate(url))
}

// eval gives what an expression, or the promise it gives, comes to.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise, func(p *runtime.EvaluateParams) {
		yes := true
		p.UserGesture = &yes
	}))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// does runs statements in the page.
func (b *tab) does(statements string) {
	b.t.Helper()
	eval[chromedp.Void](b, statements)
}

// until waits until a condition holds in a page that is there as far as its last
// element: where a click leads elsewhere, the new page has its address before that.
// chromedp.Poll would make its condition a function from a string, which the page's
// policy rightly forbids.
func (b *tab) until(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !eval[bool](b, `document.readyState !== "loading" && Boolean(`+condition+`)`) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never came true: %s\nthe page shows:\n%s", condition, eval[string](b, "document.body.innerText"))
		}
		<-tick.C
	}
}

// beside gives the tab that opens when act is done.
func (b *tab) beside(act string) *tab {
	b.t.Helper()
	opened := chromedp.WaitNewTarget(b.ctx, func(i *target.Info) bool { return i.Type == "page" && i.URL != "" })
	b.does(act)
	select {
	case id := <-opened:
		ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
		b.t.Cleanup(cancel)
		other := &tab{t: b.t, ctx: ctx}
		other.watch()
		return other
	case <-time.After(patience):
		b.t.Fatal("no tab was opened")
		return nil
	}
}

// stage is what is shown of the conversation.
const stage = `document.querySelector(".scroller:not([hidden])")`

// enter opens a room's page, takes the nickname that is suggested on a first visit,
// and waits until the page is live and has read its history.
func (b *tab) enter(url string) {
	b.t.Helper()
	b.open(url)
	b.introduce()
}

// introduce takes the nickname that is suggested, where one is asked for.
func (b *tab) introduce() {
	b.t.Helper()
	b.until(`document.getElementById("nickname").open || document.getElementById("pill").dataset.state === "live"`)
	if eval[bool](b, `document.getElementById("nickname").open`) {
		b.run(enterKey)
	}
	b.ready()
}

// enterAs is a first visit by somebody with a name.
func (b *tab) enterAs(url, name string) {
	b.t.Helper()
	b.open(url)
	b.until(`document.getElementById("nickname").open`)
	b.run(chromedp.SendKeys(chromedp.CSS("#nickname-text"), name), enterKey)
	b.ready()
}

func (b *tab) ready() {
	b.t.Helper()
	b.live()
	b.until(`!` + stage + `.querySelector(".empty").hidden || ` + stage + `.querySelector(".timeline li")`)
}

// live waits until the pill says so.
func (b *tab) live() {
	b.t.Helper()
	b.until(`document.getElementById("pill").dataset.state === "live"`)
}

// enterKey and shiftEnterKey press Enter as a keyboard does: when the page takes
// the key for itself, no line break follows. (As a character of SendKeys it would.)
var enterKey, shiftEnterKey = enter(0), enter(8)

func enter(modifiers int64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		key := input.DispatchKeyEventParams{
			Type: "keyDown", Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13, Modifiers: modifiers,
		}
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key); err != nil {
			return err
		}
		key.Type, key.Text = "keyUp", ""
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key)
		return err
	})
}

// say types a message into the page and sends it.
func (b *tab) say(text string) {
	b.t.Helper()
	b.run(chromedp.SendKeys(chromedp.CSS("#words"), text), enterKey)
}

// said gives the conversation as the page shows it.
func (b *tab) said() []string {
	b.t.Helper()
	return eval[[]string](b, `[...`+stage+`.querySelectorAll(".body")].map((el) => el.textContent)`)
}

// hears waits until the page shows a message.
func (b *tab) hears(text string) {
	b.t.Helper()
	b.until(`[...` + stage + `.querySelectorAll(".body")].some((el) => el.textContent === ` + quoted(text) + `)`)
}

// kept waits until every message of one's own is marked as kept.
func (b *tab) kept() {
	b.t.Helper()
	b.until(`[...` + stage + `.querySelectorAll(".mark")].every((el) => el.dataset.state === "kept")`)
}

// quoted gives a string as JavaScript.
func quoted(s string) string {
	q, _ := json.Marshal(s)
	return string(q)
}
