package load

import (
	"encoding/binary"
	"time"
)

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
	// A generator that is slow is a server that seems to be: eight digits at once.
	first, ok1 := readHex(b[0:])  // run, room
	second, ok2 := readHex(b[8:]) // the end of room, writer, the beginning of number
	number, ok3 := readHex(b[14:])
	high, ok4 := readHex(b[22:])
	low, ok5 := readHex(b[30:])
	m = mark{
		run: uint16(first >> 16), room: first&0xffff<<8 | second>>24, writer: uint16(second >> 8),
		number: number, at: int64(uint64(high)<<32 | uint64(low)),
	}
	return m, ok1 && ok2 && ok3 && ok4 && ok5
}

// readHex reads the eight digits that b begins with.
func readHex(b []byte) (v uint32, ok bool) {
	const each = 0x0101010101010101
	x := binary.LittleEndian.Uint64(b)
	n := x&(0x0f*each) + x>>6&each*9                      // a digit's value, if it is one
	back := n + '0'*each + (n+6*each)>>4&each*('a'-'9'-1) // as it would be written
	ok = back == x && n&(0xf0*each) == 0
	n = (n<<4 | n>>8) & 0x00ff00ff00ff00ff
	n = (n<<8 | n>>16) & 0x0000ffff0000ffff
	return uint32(n<<16 | n>>32), ok
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
