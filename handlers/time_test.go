package handlers_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"parley/handlers"
)

// Times are written as package time writes them by the layout, from the first year
// that has four digits to the last, wherever they were read off a clock.
func TestTimesAreWrittenByTheirLayout(t *testing.T) {
	first, last := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	times := []time.Time{
		first, last, {}, time.UnixMilli(0),
		time.Date(2024, 2, 29, 23, 59, 59, 999_999, time.UTC), // not a millisecond yet
		time.Date(2025, 1, 1, 0, 0, 0, 7_000_000, time.UTC),
		time.Date(2025, 1, 1, 0, 0, 0, 70_999_999, time.UTC), // not rounded
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		at := first.Unix() + rnd.Int64N(last.Unix()-first.Unix())
		zone := time.FixedZone("", rnd.IntN(48*3600)-24*3600)
		times = append(times, time.Unix(at, rnd.Int64N(1e9)).In(zone))
	}
	for _, at := range times {
		want := at.UTC().Format(`"2006-01-02T15:04:05.000Z"`)
		if got := handlers.AppendTime([]byte("time: "), at); string(got) != "time: "+want {
			t.Fatalf("%v is written %s", at, got)
		}
	}
}
