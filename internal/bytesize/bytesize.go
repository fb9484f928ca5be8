// Package bytesize holds the one scalar that YAML has no word for: a number of
// bytes written with a unit, such as 256KiB.
package bytesize

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// Binary multiples; decimal ones are refused so that nobody has to guess.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

var units = []struct {
	suffix string
	size   Size
}{{"KiB", KiB}, {"MiB", MiB}, {"GiB", GiB}, {"B", 1}, {"", 1}}

// UnmarshalText reads "4096", "256KiB", "16MiB" or "1GiB".
func (s *Size) UnmarshalText(text []byte) error {
	in := strings.TrimSpace(string(text))
	for _, u := range units {
		digits, ok := strings.CutSuffix(in, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > int64(1<<62)/int64(u.size) {
			break
		}
		*s = Size(n) * u.size
		return nil
	}
	return fmt.Errorf("%q is not a size: write a whole number with KiB, MiB or GiB, for example 256KiB", in)
}

// String writes the size with the largest unit that leaves a whole number.
func (s Size) String() string {
	for _, u := range []int{2, 1, 0} {
		if s > 0 && s%units[u].size == 0 {
			return strconv.FormatInt(int64(s/units[u].size), 10) + units[u].suffix
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalText writes what UnmarshalText reads.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
