package events

import (
	"strconv"
	"strings"
)

// An ID is an event's number and the life of the log that gave it. As text it
// is {epoch}-{seq}. Seq starts at 1; 0 is the position before the first event.
type ID struct {
	Epoch string
	Seq   uint64
}

// String gives the text form, "" for the zero ID.
func (id ID) String() string {
	if id.Epoch == "" {
		return ""
	}
	var few [36]byte // an epoch is 12 bytes at most, and a number 20
	return string(strconv.AppendUint(append(append(few[:0], id.Epoch...), '-'), id.Seq, 10))
}

// ParseID reads [a-z0-9]{4,12}-[0-9]{1,19}. ok is false for anything else.
func ParseID(s string) (id ID, ok bool) {
	epoch, digits, found := strings.Cut(s, "-")
	if !found || len(epoch) < 4 || len(epoch) > 12 || len(digits) < 1 || len(digits) > 19 {
		return ID{}, false
	}
	for i := 0; i < len(epoch); i++ {
		if c := epoch[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			return ID{}, false
		}
	}
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return ID{}, false
		}
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return ID{}, false
	}
	return ID{Epoch: epoch, Seq: seq}, true
}
