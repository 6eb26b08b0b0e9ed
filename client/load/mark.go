package load

import "time"

// A mark is what a message begins with: "@@" and 38 hexadecimal digits. It can
// stand in JSON, in a URL and in a line of text, and keeps its length.
type mark struct {
	run    uint16 // what an earlier run left behind is not this one's
	room   uint32
	writer uint16
	number uint32 // of the writer's messages to that room
	at     int64  // nanoseconds since the run began
}

const (
	markSign   = "@@"
	markLen    = len(markSign) + 4 + 6 + 4 + 8 + 16
	maxRooms   = 1 << 24
	maxWriters = 1 << 16
)

// A clock gives nanoseconds since a run began, and never runs backwards.
type clock struct{ began time.Time }

func (c clock) now() int64 { return int64(time.Since(c.began)) }

func (m mark) append(b []byte) []byte {
	b = append(b, markSign...)
	b = appendHex(b, uint64(m.run), 4)
	b = appendHex(b, uint64(m.room), 6)
	b = appendHex(b, uint64(m.writer), 4)
	b = appendHex(b, uint64(m.number), 8)
	return appendHex(b, uint64(m.at), 16)
}

// readMark reads the mark that b begins with.
func readMark(b []byte) (m mark, ok bool) {
	if len(b) < markLen || string(b[:len(markSign)]) != markSign {
		return mark{}, false
	}
	b = b[len(markSign):markLen]
	ok = true
	take := func(digits int) (v uint64) {
		for _, c := range b[:digits] {
			d := fromHex[c]
			ok = ok && d < 16
			v = v<<4 | uint64(d&15)
		}
		b = b[digits:]
		return v
	}
	m.run, m.room, m.writer = uint16(take(4)), uint32(take(6)), uint16(take(4))
	m.number, m.at = uint32(take(8)), int64(take(16))
	return m, ok
}

const hexDigits = "0123456789abcdef"

var fromHex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range len(hexDigits) {
		t[hexDigits[i]] = byte(i)
	}
	return t
}()

func appendHex(b []byte, v uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hexDigits[v>>(4*i)&15])
	}
	return b
}
