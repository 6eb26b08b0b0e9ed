package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A spread is what several runs gave.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return spread{(v[(n-1)/2] + v[n/2]) / 2, v[0], v[n-1]}
}

func (s spread) text(digits int) string {
	if math.IsNaN(s.median) {
		return "–"
	}
	return fmt.Sprintf("**%s** (%s–%s)", number(s.median, digits), number(s.least, digits), number(s.most, digits))
}

func number(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if digits == 0 {
		return grouped(int(math.Round(v)))
	}
	return s
}

func (m *measured) values(peer string, f figure) (list []float64) {
	for _, r := range m.results[peer] {
		list = append(list, f.of(r))
	}
	return list
}

// write prints the scenario as a table in Markdown.
func (m *measured) write(w io.Writer) {
	fmt.Fprintf(w, "\n### %s\n\n`make bench-peers PEERS='-only %s'`, which runs `parley bench %s", m.title, m.name, strings.Join(m.args, " "))
	if m.restart {
		fmt.Fprint(w, " --between …")
	}
	fmt.Fprint(w, "`\n\n| |")
	for _, f := range m.figures {
		fmt.Fprintf(w, " %s |", f.name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(m.figures)))
	var notes []string
	for _, name := range m.peers {
		if m.titles[name] == "" {
			continue
		}
		fmt.Fprintf(w, "| %s |", m.titles[name])
		for _, f := range m.figures {
			fmt.Fprintf(w, " %s |", spreadOf(m.values(name, f)).text(f.digits))
		}
		fmt.Fprintln(w)
		if t := m.trouble[name]; t != "" {
			notes = append(notes, m.titles[name]+": "+strings.ReplaceAll(t, "\n", " "))
		}
	}
	for _, n := range notes {
		fmt.Fprintf(w, "\n%s\n", n)
	}
}

const (
	beginMark = "<!-- figures: written by make bench-peers -->"
	endMark   = "<!-- end of figures -->"
)

// writeDoc puts the tables, the plots that are shown, and what was wanted between the
// markers of the file.
func writeDoc(path string, b *bench, done []*measured, shown string, wanted []wish) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(beginMark))
	_, after, ok2 := bytes.Cut(rest, []byte(endMark))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the figures: it needs the lines %q and %q", path, beginMark, endMark)
	}
	var out bytes.Buffer
	out.Write(before)
	fmt.Fprintf(&out, "%s\n\n%s\n\n%s, the load generator on the same machine. Medians of %s, with the least and the most in brackets.\n", beginMark, b.account(path), machine(), plural(b.pairs, "run"))
	if len(b.missing) > 0 {
		fmt.Fprintf(&out, "\nNot measured, since they could not be built here: %s.\n", strings.Join(b.missing, ", "))
	}
	for _, m := range done {
		m.write(&out)
	}
	out.WriteString(shown)
	writeWanted(&out, wanted)
	fmt.Fprintf(&out, "\n%s", endMark)
	out.Write(after)
	return os.WriteFile(path, out.Bytes(), 0o644)
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// machine says on what it was measured.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kernel, _ := exec.Command("uname", "-sr").Output()
	return fmt.Sprintf("%s of an %s, %s, %s", plural(runtime.NumCPU(), "core"), model, strings.TrimSpace(string(kernel)), runtime.Version())
}
