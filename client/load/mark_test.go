package load_test

import (
	"bytes"
	"strings"
	"testing"

	"parley/client/load"
)

// A mark is lower-case hexadecimal to its last digit, and read as it was written.
func TestMarks(t *testing.T) {
	const good = "@@0123456789abcdef9876543210fedcba00ffa5"
	if again, ok := load.ReadsMark([]byte(good + "beyond")); !ok || string(again) != good {
		t.Errorf("%q is read as %q, %v", good, again, ok)
	}
	if _, ok := load.ReadsMark([]byte(good[:len(good)-1])); ok {
		t.Error("a mark that has not all come is read")
	}
	for at := range good {
		for c := range 256 {
			b := []byte(good)
			b[at] = byte(c)
			again, ok := load.ReadsMark(b)
			want := strings.IndexByte("0123456789abcdef", byte(c)) >= 0
			if at < 2 {
				want = c == '@'
			}
			if ok != want || ok && !bytes.Equal(again, b) {
				t.Fatalf("%q is read as %q, %v", b, again, ok)
			}
		}
	}
}
