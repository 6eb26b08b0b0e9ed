package disklog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/events"
	"parley/events/disklog"
)

// crashed gives a directory as a killed process leaves it, with a write-ahead
// log that holds the last n events, and the log's path.
func crashed(t *testing.T, n int) (dir, wal string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "log")
	l := open(t, dir, disklog.Options{})
	for i := range n {
		say(t, l, "lobby", fmt.Sprint("number ", i+1, strings.Repeat(".", 200)))
	}
	// A copy of a running log's files: what a kill leaves, since all is synced.
	copyDir(t, dir, dir+"-crashed")
	closeLog(t, l)
	dir += "-crashed"
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal("no write-ahead log: ", err)
	}
	return dir, logs[len(logs)-1]
}

func content(t *testing.T, l events.Log, room string) []*events.Event {
	t.Helper()
	p, err := l.Read(t.Context(), "acme", events.Query{Stretch: room, Upto: 1 << 40, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return p.Events
}

func TestTornTailIsHealed(t *testing.T) {
	for _, cut := range []int{1, 100, 400} {
		dir, wal := crashed(t, 20)
		b, err := os.ReadFile(wal)
		if err != nil {
			t.Fatal(err)
		}
		b = bytes.TrimRight(b, "\x00")
		if err := os.WriteFile(wal, b[:len(b)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, disklog.Options{})
		got := content(t, l, "lobby")
		if len(got) < 17 || len(got) > 19 {
			t.Errorf("with %d bytes cut off %d of 20 events are there", cut, len(got))
		}
		if r := say(t, l, "lobby", "next"); r.First != uint64(len(got))+1 {
			t.Errorf("the next number after %d is %d", len(got), r.First)
		}
		closeLog(t, l)
	}
}

func TestCorruptLogIsRefused(t *testing.T) {
	dir, wal := crashed(t, 400) // several blocks of the write-ahead log
	b, err := os.ReadFile(wal)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("number 100."))
	b[at] ^= 0xff
	if err := os.WriteFile(wal, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := disklog.Open(dir, disklog.Options{})
	if err == nil {
		l.Close()
	}
	if !errors.Is(err, events.ErrCorrupt) || !strings.Contains(err.Error(), dir) {
		t.Errorf("with a byte changed in the middle of the log: %v", err)
	}
}

func TestCorruptTableIsNeverServed(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, disklog.Options{})
	for i := range 100 {
		say(t, l, "lobby", fmt.Sprint("number ", i+1, strings.Repeat("abcdefgh", 50)))
	}
	closeLog(t, l)
	closeLog(t, open(t, dir, disklog.Options{})) // what was in memory is in a table now
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal("no table: ", err)
	}
	// The events lie in the first blocks of the biggest table.
	biggest, size := "", 0
	for _, path := range tables {
		if b, err := os.ReadFile(path); err == nil && len(b) > size {
			biggest, size = path, len(b)
		}
	}
	b, err := os.ReadFile(biggest)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(b, []byte("number "))
	b[at+2] ^= 0xff
	if err := os.WriteFile(biggest, b, 0o600); err != nil {
		t.Fatal(err)
	}

	l = open(t, dir, disklog.Options{})
	defer l.Close()
	p, err := l.Read(t.Context(), "acme", events.Query{Stretch: "lobby", Upto: 100, Limit: 1000})
	if !errors.Is(err, events.ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(biggest)) {
		t.Errorf("reading gives %d events and %v; want a refusal that names %s", len(p.Events), err, filepath.Base(biggest))
	}
	_, err = l.Append(t.Context(), "acme", events.Batch{Drafts: []events.Draft{{To: []string{"lobby"}, Event: "m", Data: []byte("1")}}})
	if !errors.Is(err, events.ErrCorrupt) {
		t.Errorf("appending to a log that was seen to be corrupt: %v", err)
	}
	if _, err := l.Head(t.Context(), "acme"); err != nil {
		t.Errorf("the head of it: %v", err)
	}
}
