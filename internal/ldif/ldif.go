// Package ldif reads entries written as LDIF, RFC 2849.
package ldif

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// Entry is one entry as it is written: the DN and the attribute lines in their
// order.
type Entry struct {
	Line  int // where the entry starts, for messages
	DN    string
	Attrs []Attr
}

// Attr is one line of an entry; several values are several lines.
type Attr struct {
	Line        int
	Name, Value string
}

// Read reads the content records of an LDIF file. Change records and values that
// are read from URLs are refused: nothing here is written to a directory, and an
// LDIF must not reach for files.
func Read(r io.Reader) ([]Entry, error) {
	var (
		records []Entry
		current *Entry
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
			records = append(records, Entry{Line: n, DN: value})
			current = &records[len(records)-1]
		case current == nil:
			return fmt.Errorf("line %d: an entry must begin with dn, not %s", n, name)
		case strings.EqualFold(name, "dn"):
			return fmt.Errorf("line %d: an empty line is missing before dn", n)
		case strings.EqualFold(name, "changetype"):
			return fmt.Errorf("line %d: change records are not supported", n)
		default:
			current.Attrs = append(current.Attrs, Attr{Line: n, Name: name, Value: value})
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
			if line.Len() == 0 && text != " " {
				return fmt.Errorf("line %d: it begins with a space, but continues no line", n)
			}
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
