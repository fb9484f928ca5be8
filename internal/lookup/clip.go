package lookup

import (
	"unicode"
	"unicode/utf8"
)

// clipMark stands where text was cut.
const clipMark = "…"

// Clip returns s as one printable line of valid UTF-8, at most limit bytes long.
// Longer text is cut between two runes and ends with "…" (the mark counts). A
// byte that is not UTF-8, and every byte of a rune that would break the line or
// hide (controls, line separators, invisible and direction-changing formats), is
// written as \xNN. Work and result are bounded by limit, however long s is.
//
// The result is for reading: a backslash of the text itself stays as it is, since
// filters and DNs are full of them.
func Clip(s string, limit int) string {
	if isPlain(s, limit) {
		return s
	}
	limit = max(limit, 0)
	var (
		out  = make([]byte, 0, min(limit, len(s)+16))
		keep = 0 // length of out that leaves room for the mark
	)
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		start := len(out)
		if isReadable(r, size) {
			out = append(out, s[:size]...)
		} else {
			out = appendEscaped(out, s[:size])
		}
		if len(out) > limit {
			return cut(out[:start], keep, limit)
		}
		if len(out) <= limit-len(clipMark) {
			keep = len(out)
		}
		s = s[size:]
	}
	return string(out)
}

func cut(out []byte, keep, limit int) string {
	if limit < len(clipMark) {
		return ""
	}
	return string(append(out[:keep], clipMark...))
}

// isPlain reports whether s fits in limit bytes and is printable ASCII, which
// nearly every value is; those are returned without a copy.
func isPlain(s string, limit int) bool {
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func isReadable(r rune, size int) bool {
	if r == utf8.RuneError && size <= 1 {
		return false
	}
	return !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

func appendEscaped(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		out = append(out, '\\', 'x', hex[s[i]>>4], hex[s[i]&0xf])
	}
	return out
}
