package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSocketIODocument runs the lines of docs/socketio.md, and looks whether the
// tests that it names are there.
func TestSocketIODocument(t *testing.T) {
	sheet := table(t, "../docs/socketio.md", "The cheat sheet")
	named := map[string]bool{}
	for _, cells := range append(sheet, table(t, "../docs/socketio.md", "The bar")...) {
		if len(cells) != 4 {
			t.Fatalf("a line has four cells, not %q", cells)
		}
		for _, name := range strings.Split(cells[3], ", ") {
			named[name] = true
			if err := testExists(name); err != nil {
				t.Errorf("%s: %v", cells[1], err)
			}
		}
	}
	for _, line := range cheatsheet {
		if !named["e2e.TestCheatSheet/"+line.line] {
			t.Errorf("docs/socketio.md does not have the line %s", line.line)
		}
	}
	for _, row := range bar {
		if !named["e2e.TestBar/"+row.name] {
			t.Errorf("docs/socketio.md does not have the feature %s", row.name)
		}
	}

	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not on this machine")
	}
	s := serve(t, "--key", key)
	run := 0
	for i, cells := range sheet {
		line := code(cells[2])
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		run++
		t.Run(line, func(t *testing.T) {
			c := newCrowd(t, s, fmt.Sprintf("sheet-%d", i))
			c.enter("ann a lobby application", "bo b")
			c.answers("ann", "bo")
			cmd := exec.Command("sh", "-c", strings.Replace(line, "curl ", `curl -sS -m 60 -o /dev/null -w '%{http_code}' `, 1))
			cmd.Env = append(os.Environ(), "P="+c.url, "M="+c.people["bo"].member,
				"ME=Connection-ID: "+c.people["ann"].connection, "KEY=Authorization: Bearer "+key)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "2") {
				t.Errorf("%v %s", err, out)
			}
		})
	}
	if run < 50 {
		t.Errorf("only %d lines were run", run)
	}
}

// testExists looks for a test as the document names it: package.Test, with the
// name of one of its own after a slash.
func testExists(name string) error {
	name, sub, _ := strings.Cut(name, "/")
	dir, name, ok := strings.Cut(name, ".")
	if !ok {
		return fmt.Errorf("%q names no test", name)
	}
	files, err := filepath.Glob("../" + dir + "/*_test.go")
	if err != nil {
		return err
	}
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		source.Write(text)
	}
	if !regexp.MustCompile(`(?m)^func ` + name + `\(`).MatchString(source.String()) {
		return fmt.Errorf("there is no test %s in %s", name, dir)
	}
	switch {
	case sub == "":
		return nil
	case name == "TestScripts":
		_, err = os.Stat("testdata/" + sub + ".txtar")
		return err
	case name == "TestSocketIO":
		text, err := os.ReadFile("socketio/scenarios.mjs")
		if err == nil && !strings.Contains(string(text), "scenario('"+sub+"'") {
			err = fmt.Errorf("there is no scenario %q", sub)
		}
		return err
	case !strings.Contains(source.String(), `{"`+sub+`", `):
		return fmt.Errorf("%s has no line %q", name, sub)
	}
	return nil
}
