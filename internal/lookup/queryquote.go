package lookup

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitQuery splits at spaces that stand outside of double quotes, which it leaves.
func splitQuery(s string) []string {
	var words []string
	begin, open := 0, false
	for i, c := range s {
		switch {
		case c == '"':
			open = !open
		case unicode.IsSpace(c) && !open:
			words = appendSome(words, s[begin:i])
			begin = i + utf8.RuneLen(c)
		}
	}
	return appendSome(words, s[begin:])
}

func appendSome(words []string, s string) []string {
	if s == "" {
		return words
	}
	return append(words, s)
}

// unquoted takes quotes away, and reads two of them within quotes as one.
func unquoted(s string) string {
	var out strings.Builder
	open := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '"':
			out.WriteByte(s[i])
		case open && strings.HasPrefix(s[i+1:], `"`):
			out.WriteByte('"')
			i++
		default:
			open = !open
		}
	}
	return out.String()
}

// quotedWord writes a word of the text so that it is not read as a condition.
func quotedWord(s string) string {
	if _, _, found := cutTerm(s); found {
		return quoted(s)
	}
	return quotedValue(s)
}

// quotedValue puts quotes around what would not be read back without them.
func quotedValue(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return c == '"' || unicode.IsSpace(c) }) {
		return quoted(s)
	}
	return s
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
