package lookup

import "strings"

// filter hashes the values of an RFC 4515 filter. The text needs no full parse:
// parentheses inside values are escaped there, so an item ends at the next ')'.
func (h *Hasher) filter(s string) string {
	var out strings.Builder
	out.Grow(2 * len(s))
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '(' && i+1 < len(s) && strings.IndexByte("&|!", s[i+1]) >= 0:
			out.WriteString(s[i : i+2])
			i += 2
		case c == '(' || c == ')':
			out.WriteByte(c)
			i++
		default:
			end := i + itemLength(s[i:])
			h.writeItem(&out, s[i:end])
			i = end
		}
	}
	return out.String()
}

func itemLength(s string) int {
	if n := strings.IndexAny(s, "()"); n >= 0 {
		return n
	}
	return len(s)
}

// writeItem hashes one assertion: name, operator, value. What is no assertion, or
// has a name that cannot be one, is hashed whole.
func (h *Hasher) writeItem(out *strings.Builder, s string) {
	name, value, found := strings.Cut(s, "=")
	if !found || !isName(strings.TrimRight(name, "~<>")) {
		out.WriteString(h.Value(s))
		return
	}
	out.WriteString(name)
	out.WriteByte('=')
	if strings.EqualFold(name, "objectClass") && isWord(value) {
		out.WriteString(value)
		return
	}
	h.writeAssertion(out, value)
}

// writeAssertion hashes values as they are without the filter's escapes, so that a
// name has the same hash here and in a DN.
func (h *Hasher) writeAssertion(out *strings.Builder, value string) {
	if !strings.Contains(value, "*") {
		if plain := unescaped(value); isDN(plain) {
			h.writeDN(out, plain)
			return
		}
	}
	for i, piece := range strings.Split(value, "*") {
		if i > 0 {
			out.WriteByte('*')
		}
		out.WriteString(h.Value(unescaped(piece)))
	}
}
