package commands

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// none is how an amount is written that has no bound.
const none = "none"

// An age is a duration that also knows whole days; negative is none.
type age time.Duration

// UnmarshalText reads 90s, 36h, 7d or none.
func (a *age) UnmarshalText(text []byte) error {
	s := string(text)
	if s == none {
		*a = -1
		return nil
	}
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no age: give a duration such as 36h or 7d, or none", s)
	}
	*a = age(d)
	return nil
}

func (a age) String() string {
	const day = 24 * time.Hour
	switch d := time.Duration(a); {
	case d < 0:
		return none
	case d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	default:
		return short(d)
	}
}

// short is a duration without the units that are zero.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// A count is how many there may be; negative is none.
type count int

// UnmarshalText reads 10000, 10_000 or none.
func (c *count) UnmarshalText(text []byte) error {
	s := string(text)
	if s == none {
		*c = -1
		return nil
	}
	n, err := strconv.ParseUint(strings.ReplaceAll(s, "_", ""), 10, 31)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no count: give a number above zero, or none", s)
	}
	*c = count(n)
	return nil
}

func (c count) String() string {
	if c < 0 {
		return none
	}
	return strconv.Itoa(int(c))
}

// A size is a number of bytes; negative is none.
type size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

var errSize = errors.New("give a number of bytes, or a size such as 512MiB, 1.5GiB or 10GB, or none")

// UnmarshalText reads 1048576, 512MiB, 1.5GiB, 10GB or none; the case of the unit
// does not matter.
func (z *size) UnmarshalText(text []byte) error {
	s := string(text)
	if s == none {
		*z = -1
		return nil
	}
	number, unit := s, 1.0
	for _, u := range units {
		if len(s) > len(u.name) && strings.EqualFold(s[len(s)-len(u.name):], u.name) {
			number, unit = strings.TrimSpace(s[:len(s)-len(u.name)]), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n*unit < 1 || n*unit > math.MaxInt64/2 || strings.ContainsAny(number, "xXeEpP_") {
		return fmt.Errorf("%q is no size: %w", s, errSize)
	}
	*z = size(n * unit)
	return nil
}

func (z size) String() string {
	if z < 0 {
		return none
	}
	for _, u := range []struct {
		name  string
		bytes size
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if z%u.bytes == 0 {
			return strconv.FormatInt(int64(z/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(z), 10)
}
