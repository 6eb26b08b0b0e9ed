package load

import (
	"encoding/binary"
	"errors"
)

// A framing takes what the transport put around the bytes of a stream off again.
type framing interface {
	// next gives the first bytes of the stream that b holds, which may be none, and
	// what is left of b. Both lie in b. done is the end of the stream.
	next(b []byte) (data, rest []byte, done bool, err error)
}

// plain bytes go on until the connection ends.
type plain struct{}

func (plain) next(b []byte) (data, rest []byte, done bool, err error) { return b, nil, false, nil }

// chunked is the transfer coding of HTTP/1.1. Its zero value is before the first
// chunk.
type chunked struct {
	left  uint64 // of the chunk's data
	state chunkState
}

type chunkState uint8

const (
	chunkSize  chunkState = iota // at the first digit
	chunkDigit                   // after a digit
	chunkExtension
	chunkSizeEnd // at the newline behind the size
	chunkData
	chunkDataCR
	chunkDataLF
	trailer     // at the beginning of a line
	trailerLine // further on in it
	trailerLF   // behind the carriage return of an empty one
	chunksDone
)

var errChunk = errors.New("the chunks of the body are malformed")

func (c *chunked) next(b []byte) (data, rest []byte, done bool, err error) {
	for i := 0; i < len(b); i++ {
		ch := b[i]
		switch c.state {
		case chunkSize, chunkDigit:
			digit := fromHex[ch|0x20]
			if ch < '0' { // |0x20 would make digits of control characters
				digit = 255
			}
			switch {
			case digit < 16 && c.left < 1<<40:
				c.left, c.state = c.left<<4|uint64(digit), chunkDigit
			case c.state == chunkDigit && (ch == ';' || ch == ' ' || ch == '\t'):
				c.state = chunkExtension
			case c.state == chunkDigit && ch == '\r':
				c.state = chunkSizeEnd
			default:
				return nil, nil, false, errChunk
			}
		case chunkExtension:
			if ch == '\r' {
				c.state = chunkSizeEnd
			}
		case chunkSizeEnd:
			if ch != '\n' {
				return nil, nil, false, errChunk
			}
			if c.state = chunkData; c.left == 0 {
				c.state = trailer
			}
		case chunkData:
			n := int(min(c.left, uint64(len(b)-i)))
			if c.left -= uint64(n); c.left == 0 {
				c.state = chunkDataCR
			}
			return b[i : i+n], b[i+n:], false, nil
		case chunkDataCR:
			if c.state = chunkDataLF; ch != '\r' {
				return nil, nil, false, errChunk
			}
		case chunkDataLF:
			if c.state = chunkSize; ch != '\n' {
				return nil, nil, false, errChunk
			}
		case trailer:
			if c.state = trailerLine; ch == '\r' {
				c.state = trailerLF
			}
		case trailerLine:
			if ch == '\n' {
				c.state = trailer
			}
		case trailerLF:
			if ch != '\n' {
				return nil, nil, false, errChunk
			}
			c.state = chunksDone
			return nil, nil, true, nil
		case chunksDone:
			return nil, nil, true, nil
		}
	}
	return nil, nil, false, nil
}

// webSocket takes the frames of a server apart: they have no mask, and what kind
// they are of is looked at only to find the end.
type webSocket struct {
	head   [10]byte
	have   int
	left   uint64
	single bool // the frame has one byte
	pinged bool // Engine.IO's ping, "2" in a frame of its own, came and waits for its answer
}

func (w *webSocket) next(b []byte) (data, rest []byte, done bool, err error) {
	for len(b) > 0 && w.left == 0 {
		w.head[w.have] = b[0]
		w.have++
		b = b[1:]
		if w.have < 2 {
			continue
		}
		short := w.head[1] & 0x7f
		switch {
		case w.head[1]&0x80 != 0:
			return nil, nil, false, errors.New("a server's frame has a mask")
		case short < 126:
			w.left = uint64(short)
		case short == 126 && w.have == 4:
			w.left = uint64(binary.BigEndian.Uint16(w.head[2:]))
		case short == 127 && w.have == 10:
			w.left = binary.BigEndian.Uint64(w.head[2:])
		default:
			continue
		}
		w.have, w.single = 0, w.left == 1
		if w.head[0]&0x0f == 8 {
			return nil, nil, true, nil
		}
	}
	n := int(min(w.left, uint64(len(b))))
	if n == 1 && w.single && b[0] == '2' {
		w.pinged = true
	}
	w.left -= uint64(n)
	return b[:n], b[n:], false, nil
}

// frame wraps a short text as a client's frame, whose mask may be all zeros.
func frame(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}
