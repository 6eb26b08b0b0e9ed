package disklog_test

import (
	"testing"

	"go.uber.org/goleak"

	"parley/events"
	"parley/events/disklog"
	"parley/events/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A store is a directory that outlives the logs in it.
type store struct{ dir string }

func (s store) Open(t testing.TB, o logtest.Options) events.Log {
	t.Helper()
	return open(t, s.dir, disklog.Options{Now: o.Now, Keep: o.Keep, KeepOf: o.KeepOf})
}

func (store) Durable() bool { return true }

// open opens a log that sweeps only when it is told to.
func open(t testing.TB, dir string, o disklog.Options) *disklog.Log {
	t.Helper()
	o.SweepEvery = -1
	l, err := disklog.Open(dir, o)
	if err != nil {
		t.Fatalf("opening the log: %v", err)
	}
	return l
}

func TestLog(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Store { return store{t.TempDir()} })
}
