package disklog_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
	"parley/events/disklog"
)

func say(t testing.TB, l events.Log, room, what string) events.Receipt {
	t.Helper()
	r, err := l.Append(t.Context(), "acme", events.Batch{Drafts: []events.Draft{{To: []string{room}, Event: "message", Data: []byte(fmt.Sprintf("%q", what))}}})
	if err != nil {
		t.Fatalf("appending: %v", err)
	}
	return r
}

func head(t testing.TB, l events.Log) events.Head {
	t.Helper()
	h, err := l.Head(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func closeLog(t testing.TB, l io.Closer) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// What makes an epoch new, and what does not. Each case gets a directory with a
// closed log and gives the one that is opened next.
func TestEpochs(t *testing.T) {
	for _, c := range []struct {
		name  string
		then  func(t *testing.T, dir string) string
		o     disklog.Options
		fresh bool
	}{
		{name: "restart", then: func(t *testing.T, dir string) string { return dir }},
		{name: "three restarts", then: func(t *testing.T, dir string) string {
			for range 3 {
				closeLog(t, open(t, dir, disklog.Options{}))
			}
			return dir
		}},
		{name: "moved", then: func(t *testing.T, dir string) string {
			if err := os.Rename(dir, dir+"-moved"); err != nil {
				t.Fatal(err)
			}
			return dir + "-moved"
		}},
		{name: "a start that ended before the rename", then: func(t *testing.T, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, "IDENTITY.new"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}},
		{name: "copied", fresh: true, then: func(t *testing.T, dir string) string {
			copyDir(t, dir, dir+"-copy")
			return dir + "-copy"
		}},
		{name: "copied back in place", fresh: true, then: func(t *testing.T, dir string) string {
			copyDir(t, dir, dir+"-copy")
			l := open(t, dir, disklog.Options{})
			say(t, l, "lobby", "after the backup")
			closeLog(t, l)
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			copyDir(t, dir+"-copy", dir)
			return dir
		}},
		{name: "written back into the same files", fresh: true, then: func(t *testing.T, dir string) string {
			copyDir(t, dir, dir+"-copy")
			l := open(t, dir, disklog.Options{})
			say(t, l, "lobby", "after the backup")
			closeLog(t, l)
			restoreInto(t, dir+"-copy", dir)
			return dir
		}},
		{name: "all but the identity restored", fresh: true, then: func(t *testing.T, dir string) string {
			copyDir(t, dir, dir+"-copy")
			closeLog(t, open(t, dir, disklog.Options{}))
			if err := os.Remove(filepath.Join(dir+"-copy", "IDENTITY")); err != nil {
				t.Fatal(err)
			}
			restoreInto(t, dir+"-copy", dir)
			return dir
		}},
		{name: "without the identity", fresh: true, then: func(t *testing.T, dir string) string {
			if err := os.Remove(filepath.Join(dir, "IDENTITY")); err != nil {
				t.Fatal(err)
			}
			return dir
		}},
		{name: "told so", fresh: true, o: disklog.Options{NewEpoch: true}, then: func(t *testing.T, dir string) string { return dir }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			l := open(t, dir, disklog.Options{})
			say(t, l, "lobby", "one")
			before := head(t, l)
			closeLog(t, l)

			dir = c.then(t, dir)
			l = open(t, dir, c.o)
			after := head(t, l)
			if (after.Epoch != before.Epoch) != c.fresh {
				t.Errorf("the epoch was %s and is %s", before.Epoch, after.Epoch)
			}
			if string(after.Key) != string(before.Key) {
				t.Error("the member key is another")
			}
			if r := say(t, l, "lobby", "two"); r.First != after.Last+1 || r.Epoch != after.Epoch {
				t.Errorf("after %+v the next number is %d in %s", after, r.First, r.Epoch)
			}
			closeLog(t, l)
			l = open(t, dir, disklog.Options{})
			defer l.Close()
			if h := head(t, l); h.Epoch != after.Epoch {
				t.Errorf("the epoch is %s after another restart, it was %s", h.Epoch, after.Epoch)
			}
		})
	}
}

// restoreInto does what cp does: it leaves the inodes of files that are there
// and writes into them; what the copy has not goes, but for the identity.
func restoreInto(t *testing.T, from, to string) {
	t.Helper()
	there, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range there {
		if _, err := os.Stat(filepath.Join(from, e.Name())); err != nil && e.Name() != "IDENTITY" {
			if err := os.RemoveAll(filepath.Join(to, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range files {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// With this variable the test binary opens the log in a directory, says so, and
// appends until it is killed.
const childDir = "DISKLOG_TEST_CHILD_DIR"

func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return // it is a test only as a child of the tests below
	}
	l, err := disklog.Open(dir, disklog.Options{})
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(3)
	}
	for i := 0; ; i++ {
		r := say(t, l, "lobby", fmt.Sprint(i))
		fmt.Println("answered", r.Epoch, r.Last)
	}
}

func child(t *testing.T, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// A process that is killed gives no new epoch and loses nothing that it was
// answered.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	say(t, l, "lobby", "first")
	epoch := head(t, l).Epoch
	closeLog(t, l)
	for range 3 {
		cmd, lines := child(t, dir)
		var last uint64
		for n := 0; n < 50 && lines.Scan(); n++ {
			var e string
			fmt.Sscanf(lines.Text(), "answered %s %d", &e, &last)
		}
		cmd.Process.Kill()
		for lines.Scan() { // what it was answered before it died
			var e string
			var n uint64
			if _, err := fmt.Sscanf(lines.Text(), "answered %s %d", &e, &n); err == nil {
				last = max(last, n)
			}
		}
		cmd.Wait()
		l := open(t, dir, disklog.Options{})
		h := head(t, l)
		if h.Epoch != epoch || h.Last < last || last < 10 {
			t.Errorf("after %d in %s was answered the head is %+v", last, epoch, h)
		}
		closeLog(t, l)
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	defer l.Close()
	say(t, l, "lobby", "mine")

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, dir + "/.", link} {
		_, err := disklog.Open(name, disklog.Options{})
		if !errors.Is(err, events.ErrUnavailable) || !strings.Contains(err.Error(), dir) {
			t.Errorf("opening %q again: %v", name, err)
		}
	}
	cmd, lines := child(t, dir)
	said := ""
	for lines.Scan() {
		said += lines.Text()
	}
	cmd.Wait()
	if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(said, "refused: unavailable") || !strings.Contains(said, dir) {
		t.Errorf("another process said %q and ended with %v", said, cmd.ProcessState)
	}
	say(t, l, "lobby", "still mine")
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	say(t, l, "lobby", "one")
	closeLog(t, l)
	setFormat(t, dir, disklog.Format+6)
	_, err := disklog.Open(dir, disklog.Options{})
	for _, want := range []string{dir, fmt.Sprint("format ", disklog.Format+6), fmt.Sprint("up to ", disklog.Format)} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the refusal %v does not say %q", err, want)
		}
	}
	if !errors.Is(err, events.ErrUnavailable) {
		t.Errorf("a newer format: %v", err)
	}
	setFormat(t, dir, disklog.Format) // and nothing was changed
	l = open(t, dir, disklog.Options{})
	defer l.Close()
	if h := head(t, l); h.Last != 1 {
		t.Errorf("the head is %+v", h)
	}
}

// A log of an older format goes on, and is of this one from then on, so that an
// older version of the server does not take for corrupt what it does not know.
func TestOlderFormatIsBroughtUp(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	say(t, l, "lobby", "one")
	before := head(t, l)
	closeLog(t, l)
	setFormat(t, dir, 1)
	l = open(t, dir, disklog.Options{})
	if h := head(t, l); h.Last != 1 || h.Epoch != before.Epoch || len(content(t, l, "lobby")) != 1 {
		t.Errorf("the head was %+v and is %+v", before, h)
	}
	closeLog(t, l)
	db := openEngine(t, dir)
	value, closer, err := db.Get(disklog.FormatKey())
	if err != nil {
		t.Fatal(err)
	}
	if want := disklog.FormatValue(disklog.Format); !bytes.Equal(value, want) {
		t.Errorf("the format is %x, want %x", value, want)
	}
	if err := errors.Join(closer.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func openEngine(t *testing.T, dir string) *pebble.DB {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}, FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func setFormat(t *testing.T, dir string, v uint64) {
	t.Helper()
	db := openEngine(t, dir)
	if err := errors.Join(db.Set(disklog.FormatKey(), disklog.FormatValue(v), pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
}
