package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A room with 5,000 messages scrolls smoothly, from the newest to the oldest and
// back. How smoothly is measured in a run of the long suite only: on a loaded
// machine it says nothing.
func TestFiveThousandMessages(t *testing.T) {
	const n = 5000
	if os.Getenv("PARLEY_E2E_ALL") == "" {
		t.Skip("PARLEY_E2E_ALL=1 runs it")
	}
	s := serve(t, quick...)
	room := s.URL + "/demo/long"
	for from := 0; from < n; from += 500 {
		var batch strings.Builder
		for i := range 500 {
			fmt.Fprintf(&batch, "{\"data\":%q}\n", fmt.Sprintf("message %d %s", from+i, strings.Repeat("and so on ", (from+i)%17)))
		}
		backend(t, room, "application/x-ndjson", batch.String())
	}
	b := chrome(t)
	b.enterAs(room, "Ann")
	b.hears(fmt.Sprintf("message %d %s", n-1, strings.Repeat("and so on ", (n-1)%17)))
	for !eval[bool](b, stage+`.querySelector(".edge").textContent.startsWith("This is the beginning")`) {
		have := len(b.said())
		b.does(stage + `.scrollTop = 0; 0`)
		b.until(fmt.Sprintf(`%s.querySelectorAll(".body").length > %d || %[1]s.querySelector(".edge").textContent.startsWith("This is")`, stage, have))
	}
	if got := len(b.said()); got != n {
		t.Fatalf("the page shows %d messages, want %d", got, n)
	}
	b.does(`window.ride = (from, to, ms) => new Promise((done) => {
		const el = ` + stage + `, frames = [], begun = performance.now();
		let last = begun;
		requestAnimationFrame(function step(now) {
			frames.push(now - last);
			last = now;
			const part = Math.min(1, (now - begun) / ms);
			el.scrollTop = from + (to - from) * part;
			if (part < 1) requestAnimationFrame(step);
			else done(frames.slice(1).sort((a, b) => a - b));
		});
	})`)
	for _, ride := range [][2]string{{"0", "1e6"}, {stage + ".scrollHeight", "0"}, {"0", stage + ".scrollHeight"}} {
		frames := eval[[]float64](b, fmt.Sprintf(`ride(%s, %s, 4000)`, ride[0], ride[1]))
		median, p95, worst := frames[len(frames)/2], frames[len(frames)*95/100], frames[len(frames)-1]
		t.Logf("%d frames: median %.1f ms, 95 in 100 within %.1f ms, worst %.1f ms", len(frames), median, p95, worst)
		if median > 34 || p95 > 100 {
			t.Errorf("scrolling %d messages takes %.1f ms a frame, 95 in 100 within %.1f ms", n, median, p95)
		}
	}
	// One more message costs no more than it does in an empty room.
	took := eval[float64](b, `new Promise((done) => {
		const begun = performance.now();
		new MutationObserver(() => requestAnimationFrame(() => done(performance.now() - begun))).observe(`+stage+`.querySelector(".timeline"), { childList: true, subtree: true });
		const w = document.getElementById("words");
		w.value = "one more";
		w.form.requestSubmit();
	})`)
	t.Logf("a message of one's own is shown after %.1f ms", took)
	if took > 250 {
		t.Errorf("a message of one's own is shown after %.1f ms", took)
	}
	b.kept()
	b.clean()
}
