package web

import "strings"

// filterLines writes an RFC 4515 filter as a tree, one assertion a line, so that
// two of them can be compared line by line. The end of an operator stands behind
// its last operand. What is no filter stays as it is, and so does what is too long
// for a page, in a last line.
func filterLines(filter string) []string {
	var lines []string
	depth, rest := 0, filter
	for rest != "" && len(lines) < maxDiff {
		n, opened := strings.IndexByte(rest, ')')+1, 0
		switch {
		case len(rest) > 1 && rest[0] == '(' && strings.IndexByte("&|!", rest[1]) >= 0:
			n, opened = len("(&"), 1
		case n == 0:
			n = len(rest)
		}
		ends := len(rest[n:]) - len(strings.TrimLeft(rest[n:], ")"))
		lines = append(lines, indented(rest[:n+ends], depth))
		depth, rest = max(depth+opened-ends, 0), rest[n+ends:]
	}
	if rest != "" {
		lines = append(lines, rest)
	}
	return lines
}

const maxIndent = 20

func indented(s string, depth int) string { return strings.Repeat("  ", min(depth, maxIndent)) + s }
