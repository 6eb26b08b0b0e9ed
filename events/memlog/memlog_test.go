package memlog_test

import (
	"testing"

	"go.uber.org/goleak"

	"parley/events"
	"parley/events/logtest"
	"parley/events/memlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLog(t *testing.T) {
	logtest.Run(t, logtest.Volatile(func(_ testing.TB, o logtest.Options) events.Log {
		return memlog.New(memlog.Options{Now: o.Now, Keep: o.Keep, KeepOf: o.KeepOf, SweepEvery: -1})
	}))
}
