package lookup

import "strings"

// filter hashes the values of an RFC 4515 filter. The text needs no full parse:
// parentheses inside values are escaped there, so an item ends at the next ')'.
func (h *Hasher) filter(s string) string {
	var out strings.Builder
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
			out.WriteString(h.item(s[i:end]))
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

// item hashes one assertion: name, operator, value. What is no assertion, or has
// a name that cannot be one, is hashed whole.
func (h *Hasher) item(s string) string {
	name, value, found := strings.Cut(s, "=")
	if !found || !isName(strings.TrimRight(name, "~<>")) {
		return h.Value(s)
	}
	if strings.EqualFold(name, "objectClass") && isName(value) {
		return s
	}
	return name + "=" + h.assertion(value)
}

func (h *Hasher) assertion(value string) string {
	if !strings.Contains(value, "*") && isDN(value) {
		return h.dn(value)
	}
	pieces := strings.Split(value, "*")
	return strings.Join(mapped(pieces, h.Value), "*")
}
