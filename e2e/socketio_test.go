package e2e_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A told is what came of one scenario: what everybody heard, and what was noted.
type told struct {
	Facts map[string]string
	Error string
}

// A scenario is what the script of e2e/socketio says to a real Socket.IO server
// and to ours, and what came of it there and here.
type scenario struct {
	Name        string
	Rows        []string
	There, Here told
}

// A deviation is a row of the table in docs/socketio.md: a fact that is otherwise
// there than here, and why.
type deviation struct {
	id, scenario, fact, there, here, why string
}

// The rows of the emit cheat sheet, and its section on what is done to many at
// once, of which some scenario has to speak.
var compared = strings.Fields("1 6 9 12 13 14 15 16 17 18 19 20 21 22 24 26 36 37 38 39 2.5 47 48")

// TestSocketIO tells the same script to Socket.IO and to Parley. What came of it
// has to be the same, but for what docs/socketio.md says is not; and what it says
// is not must not be.
func TestSocketIO(t *testing.T) {
	listed := deviations(t)
	seen := map[string]bool{}
	covered := map[string]bool{}
	for _, s := range tellBoth(t) {
		for _, row := range s.Rows {
			covered[row] = true
		}
		t.Run(s.Name, func(t *testing.T) {
			for where, told := range map[string]told{"there": s.There, "here": s.Here} {
				if told.Error != "" {
					t.Errorf("%s: %s", where, told.Error)
				}
			}
			if t.Failed() {
				return
			}
			facts := maps.Clone(s.There.Facts)
			maps.Copy(facts, s.Here.Facts)
			for _, fact := range slices.Sorted(maps.Keys(facts)) {
				there, here := s.There.Facts[fact], s.Here.Facts[fact]
				d, isListed := listed[s.Name+": "+fact]
				seen[s.Name+": "+fact] = true
				switch {
				case there != here && !isListed:
					t.Errorf("%s\n there: %s\n here:  %s", fact, there, here)
				case there == here && isListed:
					t.Errorf("%s: %s is %q there and here, and listed as a difference", d.id, fact, there)
				case isListed && (d.there != there || d.here != here):
					t.Errorf("%s: %s\n there: %s\nlisted: %s\n here:  %s\nlisted: %s", d.id, fact, there, d.there, here, d.here)
				}
			}
		})
	}
	for where, d := range listed {
		if !seen[where] {
			t.Errorf("%s is listed for %q, which no scenario tells", d.id, where)
		}
	}
	for _, row := range compared {
		if !covered[row] {
			t.Errorf("no scenario speaks of row %s", row)
		}
	}
}

// tellBoth runs the script in node and gives what came of it.
func tellBoth(t *testing.T) []scenario {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not on this machine")
	}
	if _, err := os.Stat("socketio/node_modules/socket.io"); err != nil {
		t.Skip("Socket.IO is not in e2e/socketio/node_modules: .ci/need installs it")
	}
	s, ended := serve(t, "--key", key, "--grace", "5s"), serve(t, "--key", key)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "agree.mjs", s.URL, key, ended.URL, strconv.Itoa(ended.Pid()))
	cmd.Dir = "socketio"
	complaints := &output{}
	cmd.Stderr = complaints
	dieWithParent(cmd)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the script: %v\n%s", err, complaints)
	}
	var scenarios []scenario
	if err := json.Unmarshal(out, &scenarios); err != nil {
		t.Fatalf("the script: %v\n%s", err, out)
	}
	return scenarios
}

// deviations gives the table of docs/socketio.md by scenario and fact.
func deviations(t *testing.T) map[string]deviation {
	t.Helper()
	all := map[string]deviation{}
	for _, cells := range table(t, "../docs/socketio.md", "Differences") {
		if len(cells) != 6 {
			t.Fatalf("a difference has six cells, not %q", cells)
		}
		d := deviation{cells[0], cells[1], cells[2], code(cells[3]), code(cells[4]), cells[5]}
		if !regexp.MustCompile(`^D\d+$`).MatchString(d.id) || d.why == "" {
			t.Errorf("a difference without an ID or a reason: %q", cells)
		}
		where := d.scenario + ": " + d.fact
		if other, twice := all[where]; twice {
			t.Errorf("%s and %s both list %q", other.id, d.id, where)
		}
		all[where] = d
	}
	if len(all) == 0 {
		t.Fatal("docs/socketio.md lists no difference")
	}
	return all
}

// table gives the rows of the first table under a heading of a document.
func table(t *testing.T, file, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^#+ ` + regexp.QuoteMeta(heading) + `\n(?:[^|#\n].*\n|\n)*((?:\|.*\n)+)`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no table under %q", file, heading)
	}
	var rows [][]string
	for line := range strings.Lines(string(m[1])) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("the table under %q has no row", heading)
	}
	return rows[2:]
}

// code gives what stands between a cell's backticks; a cell of … holds nothing.
func code(cell string) string {
	return strings.Trim(strings.TrimSuffix(strings.TrimPrefix(cell, "`"), "`"), " ")
}
