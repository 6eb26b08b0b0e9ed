package disklog_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"parley/events"
	"parley/events/disklog"
)

// Each benchmark does the same once with the log and once with plain Pebble, key
// room ‖ number and every write synced, in the same run: absolute figures are
// the disk's, the ratio is ours. Plain Pebble has no order among its writers,
// no index by number, no counters and decodes nothing.

const benchRooms = 1000

func benchRoom(i int) string { return fmt.Sprintf("room-%03d", i) }

func payload(n int) []byte {
	return []byte(`"` + strings.Repeat("x", n-2) + `"`)
}

func benchDraft(room string, data []byte) events.Draft {
	return events.Draft{To: []string{room}, From: "k3x9k3x9k3x9k3x9", Skip: "k3x9k3x9k3x9k3x9", Event: "message", Data: data}
}

func plainKey(room string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(room), seq)
}

func openPlain(b *testing.B, dir string) *pebble.DB {
	b.Helper()
	db, err := pebble.Open(dir, &pebble.Options{
		FormatMajorVersion:          pebble.FormatNewest,
		CacheSize:                   16 << 20,
		MemTableSize:                8 << 20,
		MemTableStopWritesThreshold: 4,
		Logger:                      quiet{},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}

func openBench(b *testing.B) *disklog.Log {
	b.Helper()
	l := open(b, b.TempDir(), disklog.Options{Keep: events.Keep{Events: -1, Bytes: -1, Disk: -1}})
	b.Cleanup(func() { l.Close() })
	l.Tail(func(events.Segment) {})
	return l
}

// write has a number of writers share b.N calls.
func write(b *testing.B, writers int, f func(i int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 1000} {
		for _, writers := range []int{1, 16, 256} {
			data := payload(size)
			name := fmt.Sprintf("bytes=%d/writers=%d", size, writers)
			b.Run(name+"/log", func(b *testing.B) {
				l := openBench(b)
				b.ReportAllocs()
				write(b, writers, func(i int) error {
					_, err := l.Append(context.Background(), "bench", events.Batch{Drafts: []events.Draft{benchDraft(benchRoom(i%benchRooms), data)}})
					return err
				})
			})
			b.Run(name+"/plain", func(b *testing.B) {
				db := openPlain(b, b.TempDir())
				b.ReportAllocs()
				write(b, writers, func(i int) error {
					return db.Set(plainKey(benchRoom(i%benchRooms), uint64(i)), data, pebble.Sync)
				})
			})
		}
	}
}

// benchEvents is how many events the reads have among them.
const benchEvents = 1_000_000

// What a page of rooms costs must not depend on how much was said in them.
func BenchmarkRooms(b *testing.B) {
	for _, each := range []int{1, 100} {
		b.Run(fmt.Sprintf("events=%d", each), func(b *testing.B) {
			l := openBench(b)
			for range each {
				for i := 0; i < benchRooms; i += 500 {
					drafts := make([]events.Draft, 500)
					for j := range drafts {
						drafts[j] = benchDraft(benchRoom(i+j), []byte(`"x"`))
					}
					if _, err := l.Append(b.Context(), "bench", events.Batch{Drafts: drafts}); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := disklog.Settle(l); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				rooms, more, err := l.Rooms(b.Context(), "bench", "", 100)
				if err != nil || len(rooms) != 100 || !more {
					b.Fatal(len(rooms), more, err)
				}
			}
		})
	}
}

// filled gives a log and a plain database with the same events in 1,000 rooms.
func filled(b *testing.B) (*disklog.Log, *pebble.DB) {
	l, db, data := openBench(b), openPlain(b, b.TempDir()), payload(100)
	for i := 0; i < benchEvents; i += 1000 {
		drafts, batch := make([]events.Draft, 1000), db.NewBatch()
		for j := range drafts {
			drafts[j] = benchDraft(benchRoom(j), data)
			batch.Set(plainKey(benchRoom(j), uint64(i+j+1)), data, nil)
		}
		if _, err := l.Append(context.Background(), "bench", events.Batch{Drafts: drafts}); err != nil {
			b.Fatal(err)
		}
		if err := batch.Commit(pebble.NoSync); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(disklog.Settle(l), db.Compact(context.Background(), []byte{0}, []byte{0xff}, false)); err != nil {
		b.Fatal(err)
	}
	return l, db
}

func BenchmarkRead(b *testing.B) {
	l, db := filled(b)
	for _, newest := range []bool{false, true} {
		for _, n := range []int{10, 100, 1000} {
			if newest && n != 100 {
				continue
			}
			name := fmt.Sprintf("after/events=%d", n)
			if newest {
				name = fmt.Sprintf("newest/events=%d", n)
			}
			n := min(n, benchEvents/benchRooms)
			// The position below which a room has n events more.
			after := uint64(benchEvents - n*benchRooms)
			b.Run(name+"/log", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p, err := l.Read(context.Background(), "bench", events.Query{
						Stretch: benchRoom(rand.IntN(benchRooms)), After: after, Upto: benchEvents, Limit: n, Newest: newest,
					})
					if err != nil || len(p.Events) != n {
						b.Fatal(len(p.Events), err)
					}
				}
			})
			b.Run(name+"/plain", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					room := benchRoom(rand.IntN(benchRooms))
					it, err := db.NewIter(&pebble.IterOptions{LowerBound: plainKey(room, after+1), UpperBound: plainKey(room, benchEvents+1)})
					if err != nil {
						b.Fatal(err)
					}
					got := make([][]byte, 0, n)
					if newest {
						for ok := it.Last(); ok && len(got) < n; ok = it.Prev() {
							got = append(got, bytes.Clone(it.Value()))
						}
					} else {
						for ok := it.First(); ok && len(got) < n; ok = it.Next() {
							got = append(got, bytes.Clone(it.Value()))
						}
					}
					if len(got) != n || it.Close() != nil {
						b.Fatal(len(got))
					}
				}
			})
		}
	}
}

// BenchmarkDelivery is one event, kept with fsync, that each of 1,000 cursors in
// its room then has on a page; for plain Pebble, one synced write that 1,000
// readers then read, each from its own position.
func BenchmarkDelivery(b *testing.B) {
	const readers = 1000
	data := payload(100)
	b.Run("log", func(b *testing.B) {
		l := open(b, b.TempDir(), disklog.Options{Keep: events.Keep{Events: -1, Bytes: -1, Disk: -1}})
		b.Cleanup(func() { l.Close() })
		reg := events.NewRegistry(events.Options{Log: l})
		cursors := make([]*events.Cursor, readers)
		for i := range cursors {
			c, err := reg.Listen(b.Context(), events.Anonymous(fmt.Sprintf("connection-%08d", i)), "bench", events.Listen{Rooms: []string{"room"}})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(c.Close)
			cursors[i] = c
		}
		var scratch events.Scratch
		b.ReportAllocs()
		for b.Loop() {
			if _, err := reg.Publish(b.Context(), events.Anonymous(""), "bench", events.Post{To: []string{"room"}, Bodies: []events.Body{{Data: data}}}); err != nil {
				b.Fatal(err)
			}
			for _, c := range cursors {
				d, err := c.Next(b.Context(), events.Limit{Scratch: &scratch})
				if err != nil || len(d.Events) != 1 {
					b.Fatalf("%d events, %v", len(d.Events), err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*readers), "ns/delivery")
	})
	b.Run("plain", func(b *testing.B) {
		db := openPlain(b, b.TempDir())
		b.ReportAllocs()
		end := plainKey("room", ^uint64(0))
		for seq := uint64(1); b.Loop(); seq++ {
			if err := db.Set(plainKey("room", seq), data, pebble.Sync); err != nil {
				b.Fatal(err)
			}
			for range readers {
				it, err := db.NewIter(&pebble.IterOptions{LowerBound: plainKey("room", seq), UpperBound: end})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for ok := it.First(); ok; ok = it.Next() {
					n++
				}
				if err := it.Close(); err != nil || n != 1 {
					b.Fatalf("%d events, %v", n, err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*readers), "ns/delivery")
	})
}
