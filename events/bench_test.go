package events_test

import (
	"fmt"
	"testing"

	"parley/events"
	"parley/events/memlog"
)

// BenchmarkDelivery is what an event costs from the call of Publish until each of
// n cursors in its room has it on a page, in process and without a disk; with
// many other rooms that have listeners beside it.
func BenchmarkDelivery(b *testing.B) {
	for _, c := range []struct{ rooms, cursors int }{{1, 1}, {1, 1000}, {10, 1000}, {100_000, 1000}} {
		b.Run(fmt.Sprintf("rooms=%d/cursors=%d", c.rooms, c.cursors), func(b *testing.B) {
			log := memlog.New(memlog.Options{SweepEvery: -1})
			defer log.Close()
			reg := events.NewRegistry(events.Options{Log: log})
			open := func(n int, room string) *events.Cursor {
				cur, err := reg.Listen(b.Context(), events.Anonymous(fmt.Sprintf("connection-%09d", n)), "demo", events.Listen{Rooms: []string{room}})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(cur.Close)
				return cur
			}
			var cursors []*events.Cursor
			for i := range c.cursors {
				cursors = append(cursors, open(i, "lobby"))
			}
			for i := range c.rooms - 1 {
				open(c.cursors+i, fmt.Sprint("room ", i))
			}
			post := events.Post{To: []string{"lobby"}, Bodies: []events.Body{{Data: make([]byte, 100)}}}
			for i := range post.Bodies[0].Data {
				post.Bodies[0].Data[i] = '1'
			}
			var scratch events.Scratch
			b.ReportAllocs()
			for b.Loop() {
				if _, err := reg.Publish(b.Context(), events.Anonymous(""), "demo", post); err != nil {
					b.Fatal(err)
				}
				for _, cur := range cursors {
					d, err := cur.Next(b.Context(), events.Limit{Near: true, Scratch: &scratch})
					if err != nil || len(d.Events) != 1 {
						b.Fatalf("%d events, %v", len(d.Events), err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.cursors), "ns/delivery")
		})
	}
}
