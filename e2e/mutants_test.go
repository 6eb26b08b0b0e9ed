//go:build mutants

package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A mutant is a way to break what the house stands on: one change of a source file
// and the test that has to fail because of it.
type mutant struct {
	name     string
	file     string // from the module's root
	old, new string // old is there exactly once
	pkg, run string
	short    bool // the test's short form notices too
	why      string
}

var mutants = []mutant{
	{
		name: "the watermark is read after the rooms",
		file: "events/cursor.go",
		old:  "page, upto, gaps, err := c.gather(ctx, seats, left, pos, mark, limit)\n",
		new:  "page, upto, gaps, err := c.gather(ctx, seats, left, pos, mark, limit)\n\tif upto == mark {\n\t\tmark = c.ns.watermark.Load()\n\t\tupto = mark\n\t}\n",
		pkg:  "./events", run: "^TestModel$",
		why: "the position would pass events that came into a room after it had been looked at",
	},
	{
		name: "skip is not judged in replay",
		file: "events/cursor.go",
		old:  "\tgaps, err := c.missed(ctx, r.name, from, read.Removed)\n",
		new:  "\tfor i, e := range read.Events {\n\t\ttold := *e\n\t\ttold.Skip = \"\"\n\t\tread.Events[i] = &told\n\t}\n\tgaps, err := c.missed(ctx, r.name, from, read.Removed)\n",
		pkg:  "./events", run: "^TestModel$",
		why: "a returning sender would hear itself",
	},
	{
		name: "what was seen in one room is told in another",
		file: "events/scratch.go",
		old:  "l.room != r.number || ",
		new:  "",
		pkg:  "./events", run: "^TestModel$",
		why: "who is in a room would hear what was said in the one before it on the list",
	},
	{
		name: "where to look may be a seat that was left",
		file: "events/leaving.go",
		old:  "c.many = true",
		new:  "_ = c.many",
		pkg:  "./events", run: "^TestGettingUpWhileSomethingComesIn$",
		why: "who leaves a room while something comes in would hear it",
	},
	{
		name: "skip is not judged at all",
		file: "events/audience.go",
		old:  `e.Skip != "" && p.is(e.Skip) || `,
		new:  ``,
		pkg:  "./events", run: "^TestTheSenderIsLeftOutLiveAndInReplay$",
		why: "every sender would hear itself",
	},
	{
		name: "except is not judged",
		file: "events/audience.go",
		old:  "return !meets(e.Except, e.Seq, p, false)",
		new:  "return true",
		pkg:  "./events", run: "^TestTheAudienceIsTheUnionLessExcept$",
		why: "what was kept from somebody would reach them",
	},
	{
		name: "a quiet sync syncs nothing",
		file: "events/disklog/quiet.go",
		old:  "if synced, err := f.syncer.sync(f.Fd()); synced {",
		new:  "if synced, err := true, error(nil); synced {",
		pkg:  "./events/disklog", run: "^TestAnsweredIsOnDisk$",
		why: "what was answered would be lost with the power",
	},
	{
		name: "floors stay where they are when the tail breaks",
		file: "events/namespace.go",
		old:  "n.raiseLocked(s.After)",
		new:  "",
		pkg:  "./events", run: "^TestModel$",
		why: "the hole would be read from windows that do not have it",
	},
	{
		name: "a trimmed window keeps its floor",
		file: "events/room.go",
		old:  "r.floor = r.window[n-1].Seq",
		new:  "",
		pkg:  "./events", run: "^TestModel$",
		why: "a slow reader would lose what the window no longer has",
	},
	{
		name: "the commit is not synced",
		file: "events/disklog/appender.go",
		old:  "var durable = pebble.Sync",
		new:  "var durable = pebble.NoSync",
		pkg:  "./events/disklog", run: "^TestPowerCut$", short: true,
		why: "a power cut would take what was answered",
	},
	{
		name: "the digest of a repeated request is ignored on disk",
		file: "events/disklog/append.go",
		old:  "known.digest != o.digest",
		new:  "known.digest != known.digest",
		pkg:  "./events/disklog", run: "^TestLog$",
		why: "another request under the same key would be taken for a repeat, and lost",
	},
	{
		name: "the digest of a repeated request is ignored in memory",
		file: "events/memlog/keys.go",
		old:  "v.digest != digest",
		new:  "v.digest != v.digest",
		pkg:  "./events/memlog", run: "^TestLog$",
		why: "another request under the same key would be taken for a repeat, and lost",
	},
	{
		name: "what was erased is put back into a window",
		file: "events/room.go",
		old:  "r.raised != f.raised, ",
		new:  "",
		pkg:  "./events", run: "^TestWhatWasErasedIsNotRecalled$",
		why: "a read that was under way would bring back what was erased",
	},
	{
		name: "the watermark is raised before cursors know where to look",
		file: "events/namespace.go",
		old:  "\tfor _, r := range n.touched {\n\t\tfor _, s := range r.seats {\n\t\t\ts.cursor.touch(s, last)\n\t\t}\n\t}\n\tn.watermark.Store(last)\n",
		new:  "\tn.watermark.Store(last)\n\tfor _, r := range n.touched {\n\t\tfor _, s := range r.seats {\n\t\t\ts.cursor.touch(s, last)\n\t\t}\n\t}\n",
		pkg:  "./events", run: "^TestReadersThatNeverWait$",
		why: "a reader would pass what it had not been told of",
	},
	{
		name: "a full socket does not take its cursor back",
		file: "handlers/pump/hand_linux.go",
		old:  "r.source.Back(at)",
		new:  "_ = at",
		pkg:  "./handlers/pump", run: "^TestAFullSocketIsAPosition$",
		why: "a slow reader would miss what its socket had no room for",
	},
	{
		name: "a page is cut in the middle of an event",
		file: "handlers/pump/source.go",
		old:  "return p.Bytes[n:m.end], m.at, true",
		new:  "return nil, m.at, true",
		pkg:  "./handlers/pump", run: "^TestAFullSocketIsAPosition$",
		why: "a slow reader would get the end of one event and the start of another as one",
	},
	{
		name: "tables are written with rests while the next memtable is full",
		file: "events/disklog/leisure.go",
		old:  "late := l.queued.Load",
		new:  "late := func() bool { return false }",
		pkg:  "./events/disklog", run: "^TestNoRestWhileAMemtableWaits$",
		why: "appends would wait for an engine that rests",
	},
}

// TestMutants breaks the code on purpose, without touching a file of it, and
// demands that a test notices: one that cannot fail proves nothing.
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	sound := map[string]bool{}
	for _, m := range slices.Concat(mutants, memberMutants) {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			test := func(flags ...string) ([]byte, error) {
				args := append([]string{"test", "-count=1", "-failfast", "-timeout=10m"}, flags...)
				if m.short {
					args = append(args, "-short")
				}
				cmd := exec.Command("go", append(args, "-run", m.run, m.pkg)...)
				cmd.Dir = root
				return cmd.CombinedOutput()
			}
			if what := m.pkg + " " + m.run; !sound[what] {
				if out, err := test(); err != nil {
					t.Fatalf("%s fails without any mutant:\n%s", m.run, out)
				}
				sound[what] = true
			}
			file := filepath.Join(root, m.file)
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), m.old); n != 1 {
				t.Fatalf("%s has %q %d times: the mutant is out of date", m.file, m.old, n)
			}
			dir := t.TempDir()
			mutated := filepath.Join(dir, filepath.Base(m.file))
			if err := os.WriteFile(mutated, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutated}})
			if err != nil {
				t.Fatal(err)
			}
			plan := filepath.Join(dir, "overlay.json")
			if err := os.WriteFile(plan, overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := test("-overlay", plan)
			switch {
			case err == nil:
				t.Errorf("%s passes although %s", m.run, m.why)
			case strings.Contains(string(out), "[build failed]") || !strings.Contains(string(out), "--- FAIL"):
				t.Errorf("the mutant did not get as far as failing a test:\n%s", out)
			}
		})
	}
}
