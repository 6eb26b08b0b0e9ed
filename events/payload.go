package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxDataBytes is how large one payload may be, as it was posted.
const MaxDataBytes = 64 << 10

// MaxBatchBytes and MaxBatchEvents bound a batch.
const (
	MaxBatchBytes  = 1 << 20
	MaxBatchEvents = 1000
)

// A Body is one thing that is said: the part of a draft that the sender writes.
type Body struct {
	Event    string // the event's name; "" is [MessageEvent]
	Data     []byte // as in Draft: from JSONData, TextData or BinaryData
	Encoding string
	Type     string
	TTL      time.Duration
}

// JSONData makes Data of a JSON text. Numbers' text, key order and duplicate keys
// stay; only white space between tokens goes. What is not JSON (RFC 8259), not
// UTF-8 or holds a lone surrogate escape is bad-json.
func JSONData(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, Refuse(CodeBadJSON, "the JSON is not UTF-8")
	}
	var out bytes.Buffer
	out.Grow(len(raw))
	if err := json.Compact(&out, raw); err != nil {
		return nil, Refuse(CodeBadJSON, "the payload is not one JSON value")
	}
	if loneSurrogate(out.Bytes()) {
		return nil, Refuse(CodeBadJSON, "the JSON escapes half of a surrogate pair, which is no character")
	}
	return out.Bytes(), nil
}

// TextData makes Data of text, which comes back byte for byte. What is not UTF-8
// is bad-event.
func TextData(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, Refuse(CodeBadEvent, "the text is not UTF-8; send other bytes with a Content-Type of their own")
	}
	return quote(make([]byte, 0, len(raw)+2), raw), nil
}

// BinaryData makes Data of any bytes.
func BinaryData(raw []byte) []byte {
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(raw))+2)
	out = append(out, '"')
	out = base64.StdEncoding.AppendEncode(out, raw)
	return append(out, '"')
}

// QuoteJSON appends s to dst as a JSON string. s must be UTF-8. Nothing that ends
// a line anywhere (controls, DEL, C1, U+2028, U+2029) is left unescaped.
func QuoteJSON(dst []byte, s string) []byte { return quote(dst, s) }

// quote is QuoteJSON for bytes too, which would have to be copied into a string.
func quote[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c, n := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		}
		if c >= 0x20 && c != '"' && c != '\\' && c < 0x7f || c > 0x9f && c != 0x2028 && c != 0x2029 {
			i += n
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', byte(c))
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
		}
		i += n
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// loneSurrogate looks through valid JSON for a \u escape that is half of a
// surrogate pair without the other half beside it.
func loneSurrogate(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		i++
		if b[i] != 'u' {
			continue
		}
		c := hex4(b[i+1:])
		i += 4
		if c < 0xd800 || c > 0xdfff {
			continue
		}
		if c >= 0xdc00 || i+6 >= len(b) || b[i+1] != '\\' || b[i+2] != 'u' {
			return true
		}
		if low := hex4(b[i+3:]); low < 0xdc00 || low > 0xdfff {
			return true
		}
		i += 6
	}
	return false
}

func hex4(b []byte) uint64 {
	n, _ := strconv.ParseUint(string(b[:4]), 16, 32) // valid JSON has four hex digits here
	return n
}
