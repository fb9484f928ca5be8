package directory

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// record is one entry as LDIF writes it: the DN and the attribute lines in
// their order.
type record struct {
	line  int // where the entry starts, for messages
	dn    string
	pairs []pair
}

type pair struct {
	line        int
	name, value string
}

// readLDIF reads the content records of an LDIF file (RFC 2849). Change records
// and values that are read from URLs are refused: the directory is read-only
// and an LDIF must not reach for files.
func readLDIF(r io.Reader) ([]record, error) {
	var (
		records []record
		current *record
	)
	err := logicalLines(r, func(n int, line string) error {
		if line == "" {
			current = nil
			return nil
		}
		name, value, err := splitLine(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		switch {
		case strings.EqualFold(name, "version") && current == nil:
		case strings.EqualFold(name, "dn") && current == nil:
			records = append(records, record{line: n, dn: value})
			current = &records[len(records)-1]
		case current == nil:
			return fmt.Errorf("line %d: an entry must begin with dn, not %s", n, name)
		case strings.EqualFold(name, "changetype"):
			return fmt.Errorf("line %d: change records are not supported", n)
		default:
			current.pairs = append(current.pairs, pair{line: n, name: name, value: value})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// logicalLines calls fn for each line with its continuations joined (a line
// that starts with one space continues the one before) and comments left out.
func logicalLines(r io.Reader, fn func(n int, line string) error) error {
	var (
		line    strings.Builder
		start   int
		comment bool
	)
	flush := func() error {
		if start == 0 || comment {
			return nil
		}
		return fn(start, line.String())
	}
	in := bufio.NewScanner(r)
	in.Buffer(nil, 16<<20)
	n := 0
	for in.Scan() {
		n++
		text := strings.TrimSuffix(in.Text(), "\r")
		if strings.HasPrefix(text, " ") && start != 0 {
			line.WriteString(text[1:])
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		start, comment = n, strings.HasPrefix(text, "#")
		line.Reset()
		line.WriteString(text)
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("reading line %d: %w", n+1, err)
	}
	return flush()
}

// splitLine takes "name: value" and "name:: base64" apart.
func splitLine(line string) (name, value string, err error) {
	name, rest, ok := strings.Cut(line, ":")
	if !ok || name == "" {
		return "", "", fmt.Errorf("no attribute name in %q", line)
	}
	switch {
	case strings.HasPrefix(rest, ":"):
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest[1:]))
		if err != nil {
			return "", "", fmt.Errorf("decoding the value of %s: %w", name, err)
		}
		return name, string(raw), nil
	case strings.HasPrefix(rest, "<"):
		return "", "", fmt.Errorf("value of %s is a URL, which is not supported", name)
	}
	return name, strings.TrimLeft(rest, " "), nil
}
