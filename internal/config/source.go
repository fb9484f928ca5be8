package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// source is the text of a file, ready to be quoted in messages: secrets hidden,
// nothing in it that a terminal would obey.
type source struct {
	lines []string
}

func newSource(text []byte) *source {
	return &source{lines: maskLines(strings.Split(string(text), "\n"))}
}

// normalise drops a byte order mark and makes every line end with \n, so that
// our line numbers and the YAML parser's are the same.
func normalise(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
}

// hide replaces what stands at a place and behind it.
func (s *source) hide(line, column int) {
	if s == nil || line < 1 || line > len(s.lines) {
		return
	}
	text := []rune(s.lines[line-1])
	s.lines[line-1] = string(text[:min(max(column, 1)-1, len(text))]) + hidden
}

// A quoted line keeps this many characters before and after the mark.
const (
	snippetBefore = 60
	snippetAfter  = 60
)

// snippet quotes a line with a mark below the column:
//
//	7 |     - { legacy: b, posix: got }
//	  |                           ^
func (s *source) snippet(line, column int) string {
	if s == nil || line < 1 || line > len(s.lines) {
		return ""
	}
	text := []rune(strings.TrimRight(s.lines[line-1], " \t"))
	if len(text) == 0 {
		return ""
	}
	col := max(column, 1) - 1 // from 0
	before, after := "", ""
	if col > snippetBefore && len(text) > snippetBefore+snippetAfter {
		// Masking may have made the line shorter than the column says.
		cut := min(col-snippetBefore, len(text)-1)
		text, col, before = text[cut:], col-cut, "..."
	}
	if len(text) > snippetBefore+snippetAfter {
		text, after = text[:snippetBefore+snippetAfter], "..."
	}
	col = min(col, len(text))
	pad := strings.Repeat(" ", len(before))
	for _, r := range text[:col] {
		if r == '\t' {
			pad += "\t" // a tab is as wide below as above
		} else {
			pad += " "
		}
	}
	return fmt.Sprintf("%5d | %s%s%s\n      | %s^", line, before, printable(string(text)), after, pad)
}

// printable replaces what a terminal would interpret instead of show.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// maxValueLength bounds a value quoted in a message.
const maxValueLength = 80

// quoted shows a value as one line of bounded length.
func quoted(value string) string {
	runes := []rune(value)
	if len(runes) > maxValueLength {
		return fmt.Sprintf("%q...", string(runes[:maxValueLength]))
	}
	return fmt.Sprintf("%q", value)
}
