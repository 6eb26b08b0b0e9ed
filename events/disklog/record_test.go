package disklog_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
	"time"

	"parley/events"
	"parley/events/disklog"
)

func sampleDrafts() []events.Draft {
	return []events.Draft{
		{To: []string{"lobby"}, Event: "message", Data: []byte(`"hello"`)},
		{To: []string{"lobby"}, From: "k3x9k3x9k3x9k3x9", Skip: "k3x9k3x9k3x9k3x9", User: "ann", Name: "Ann", Event: "message", Data: []byte(`{}`)},
		{To: []string{"lobby"}, From: "k3x9k3x9k3x9k3x9", Event: "echo", Data: []byte(`0`), TTL: time.Nanosecond},
		{To: []string{"a", "b", "*", "@k3x9k3x9k3x9k3x9"}, Except: []string{"c", "d"}, Event: "e", Data: []byte(`"AAE="`), Encoding: "base64", Type: "image/png"},
		{To: []string{strings.Repeat("ü", 64)}, Event: "\U0001f389", Data: []byte(`"` + strings.Repeat("x", 5000) + `"`), TTL: 1 << 62},
		{To: []string{"lobby"}, Event: "m", Data: []byte(`1`), AckBy: sampleTime.Add(5 * time.Second)},
		{To: []string{"a", "b"}, Event: "m", Data: []byte(`1`), TTL: time.Minute, AckBy: time.UnixMilli(-1).UTC()},
		{To: []string{"other"}, Skip: "k3x9k3x9k3x9k3x9", Event: "m", Data: []byte(`null`)},
	}
}

var sampleTime = time.Date(2026, 11, 23, 1, 2, 3, 456e6, time.UTC)

func TestRecordComesBack(t *testing.T) {
	for _, d := range sampleDrafts() {
		e, err := disklog.Decode(disklog.Encode(d, sampleTime), 7)
		if err != nil {
			t.Fatalf("%+v: %v", d, err)
		}
		if e.Seq != 7 || !e.Time.Equal(sampleTime) || !reflect.DeepEqual(e.Draft, d) {
			t.Errorf("stored %+v, read %d at %v: %+v", d, e.Seq, e.Time, e.Draft)
		}
	}
}

// What earlier versions have written is read, and what has no new fields is
// written as they did.
func TestOlderRecord(t *testing.T) {
	for _, c := range []struct {
		record string
		draft  events.Draft
	}{
		{"0100a80ebe86000001a205eca0c0000000000700000105006d6573736167656c6f6262792268656c6c6f22", sampleDrafts()[0]},
		{"0101a9afbf42000001a205eca0c00000000000000001100000000400000105006b3378396b3378396b3378396b3378396563686f6c6f62627930", sampleDrafts()[2]},
	} {
		record, err := hex.DecodeString(c.record)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := disklog.Decode(record, 1); err != nil || !reflect.DeepEqual(e.Draft, c.draft) || !e.Time.Equal(sampleTime) {
			t.Errorf("%s is read as %+v, %v; want %+v", c.record, e, err, c.draft)
		}
		if now := disklog.Encode(c.draft, sampleTime); !bytes.Equal(now, record) {
			t.Errorf("%+v is written as %x, it was %s", c.draft, now, c.record)
		}
	}
}

// Any change to a stored record is noticed.
func TestRecordCorruption(t *testing.T) {
	for _, d := range sampleDrafts() {
		record := disklog.Encode(d, sampleTime)
		for i := range record {
			for _, bit := range []byte{1, 0x80} {
				bad := bytes.Clone(record)
				bad[i] ^= bit
				if e, err := disklog.Decode(bad, 7); err == nil {
					t.Errorf("byte %d of %d changed, and was read as %+v", i, len(record), e.Draft)
				}
			}
		}
		for i := range record {
			if _, err := disklog.Decode(record[:i], 7); err == nil {
				t.Errorf("cut to %d of %d bytes, and was read", i, len(record))
			}
		}
	}
}

// resealed gives the record the checksum that its bytes want, so that what lies
// behind the checksum is tried too.
func resealed(record []byte) []byte {
	record = bytes.Clone(record)
	if len(record) >= 6 {
		sum := crc32.Update(0, crc32.MakeTable(crc32.Castagnoli), record[:2])
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), record[6:])
		binary.BigEndian.PutUint32(record[2:], sum)
	}
	return record
}

func FuzzRecord(f *testing.F) {
	for _, d := range sampleDrafts() {
		record := disklog.Encode(d, sampleTime)
		f.Add(record)                   // accepted
		f.Add(record[:len(record)*2/3]) // not
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, record := range [][]byte{b, resealed(b)} {
			e, err := disklog.Decode(record, 1)
			if err != nil {
				continue
			}
			again, err := disklog.Decode(disklog.Encode(e.Draft, e.Time), 1)
			if err != nil || !reflect.DeepEqual(again.Draft, e.Draft) || !again.Time.Equal(e.Time) {
				t.Fatalf("%+v came back as %+v, %v", e.Draft, again, err)
			}
		}
	})
}

func FuzzEntry(f *testing.F) {
	for i, d := range sampleDrafts() {
		e := &events.Event{Seq: 1, Time: sampleTime}
		e.Draft = d
		record := disklog.Encode(d, sampleTime)
		entry := disklog.EncodeEntry(e, d.Size(), record)
		targets, size, kept, err := disklog.DecodeEntry(entry)
		if err != nil || !reflect.DeepEqual(targets, d.To) || size != int64(d.Size()) || len(d.To) > 1 && !bytes.Equal(kept, record) {
			f.Errorf("sample %d came back as %q, %d, %x, %v", i, targets, size, kept, err)
		}
		f.Add(entry)
		f.Add(entry[:len(entry)-len(entry)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		targets, size, _, err := disklog.DecodeEntry(b)
		if err == nil && (len(targets) < 1 || len(targets) > events.MaxTargets || size < 0) {
			t.Fatalf("accepted with %d targets and %d bytes", len(targets), size)
		}
	})
}
