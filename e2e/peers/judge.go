package main

import (
	"fmt"
	"io"
)

// A wish is what a figure of Parley's ought to be.
type wish struct {
	what   string
	got    spread
	limit  float64
	atMost bool
}

func (w wish) holds() bool {
	if w.atMost {
		return w.got.median <= w.limit
	}
	return w.got.median >= w.limit
}

// judge compares pair by pair, so that what disturbed the machine disturbed both.
func judge(done []*measured) (list []wish) {
	byName := map[string]*measured{}
	for _, m := range done {
		byName[m.name] = m
	}
	ratio := func(name, fig, ours, theirs string, limit float64, atMost bool) {
		m := byName[name]
		if m == nil {
			return
		}
		f := figuresByName[fig]
		a, b := m.values(ours, f), m.values(theirs, f)
		var ratios []float64
		for i := range min(len(a), len(b)) {
			if b[i] > 0 {
				ratios = append(ratios, a[i]/b[i])
			}
		}
		if len(ratios) > 0 {
			list = append(list, wish{fmt.Sprintf("%s: %s, %s over %s", name, fig, ours, theirs), spreadOf(ratios), limit, atMost})
		}
	}
	value := func(name, fig string, limit float64, atMost bool) {
		if m := byName[name]; m != nil && len(m.results["parley"]) > 0 {
			list = append(list, wish{fmt.Sprintf("%s: %s", name, fig), spreadOf(m.values("parley", figuresByName[fig])), limit, atMost})
		}
	}
	ratio("burst", deliveries, "parley", "r3labs", 8, false)
	ratio("burst", cpuDelivery, "parley", "floor", 0.25, true)
	ratio("burst", p99, "parley", "r3labs", 1, true)
	for _, n := range []string{"paced-1000", "paced-5000", "paced-10000"} {
		ratio(n, cpuDelivery, "parley", "floor", 1.3, true)
		ratio(n, p50, "parley", "r3labs", 1, true)
	}
	value("idle", perStream, 3.5, true)
	value("idle", share, 3.5, true)
	ratio("idle", perStream, "parley", "nchan", 0.5, true)
	ratio("rooms", posts, "parley", "r3labs", 0.8, false)
	ratio("rooms", cpuPost, "parley", "r3labs", 1.3, true)
	ratio("rooms", posts, "parley-memory", "r3labs", 1, false)
	ratio("rooms", cpuPost, "parley-memory", "r3labs", 1, true)
	for _, n := range []string{"stalled-1", "stalled-50"} {
		between(byName, &list, n, "stalled-0", p99, 1.5)
		between(byName, &list, n, "stalled-0", memory, 1.25)
	}
	value("return-1-room", caughtUp, 10, true)
	value("return-1000-rooms", caughtUp, 10, true)
	for _, n := range []string{"return-paced-1-room", "return-paced-1000-rooms"} {
		if m := byName[n]; m != nil && len(m.results["parley"]) > 0 {
			quiet := spreadOf(m.values("parley", figuresByName[postP99])).median
			value(n, postBusy, max(5*quiet, 20), true)
		}
	}
	value("opening", opens, 5000, false)
	value("opening", noticed, 2, true)
	value("opening", left, 0, true)
	return list
}

// between compares Parley in two scenarios.
func between(byName map[string]*measured, list *[]wish, name, base, fig string, limit float64) {
	m, of := byName[name], byName[base]
	if m == nil || of == nil {
		return
	}
	f := figuresByName[fig]
	a, b := m.values("parley", f), of.values("parley", f)
	var ratios []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, a[i]/b[i])
	}
	if len(ratios) > 0 {
		*list = append(*list, wish{fmt.Sprintf("%s: %s, over %s", name, fig, base), spreadOf(ratios), limit, true})
	}
}

// writeWanted prints what holds and what does not.
func writeWanted(w io.Writer, list []wish) {
	if len(list) == 0 {
		return
	}
	fmt.Fprint(w, "\n### What it is held to\n\n| | measured | wanted | |\n|---|---|---|---|\n")
	for _, x := range list {
		sign, word := "≥", "holds"
		if x.atMost {
			sign = "≤"
		}
		if !x.holds() {
			word = "**missed**"
		}
		fmt.Fprintf(w, "| %s | %s | %s %.4g | %s |\n", x.what, x.got.text(2), sign, x.limit, word)
	}
}
