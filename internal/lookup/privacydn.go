package lookup

import "strings"

// isDNType reports whether an attribute type may stay readable in a DN. The list
// is closed: in "secret=x" the client chose both sides.
func isDNType(name string) bool {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "cn", "uid", "ou", "o", "dc", "c", "l", "st", "street", "sn", "givenname", "mail":
		return true
	}
	return false
}

// dn hashes the value of each component of a DN and every component that is none.
// Some clients bind with a name instead, which is hashed whole.
func (h *Hasher) dn(s string) string {
	if !strings.Contains(s, "=") {
		return h.Value(s)
	}
	var out strings.Builder
	out.Grow(2 * len(s))
	h.writeDN(&out, s)
	return out.String()
}

func (h *Hasher) writeDN(out *strings.Builder, s string) {
	for s != "" {
		component, separator, rest := cutComponent(s)
		name, value, found := strings.Cut(component, "=")
		if found && isDNType(name) {
			out.WriteString(strings.TrimSpace(name))
			out.WriteByte('=')
			out.WriteString(h.Value(plainValue(value)))
		} else {
			out.WriteString(h.Value(component))
		}
		out.WriteString(separator)
		s = rest
	}
}

// isDN reports whether every component of s has a known attribute type.
func isDN(s string) bool {
	for s != "" {
		component, _, rest := cutComponent(s)
		if name, _, found := strings.Cut(component, "="); !found || !isDNType(name) {
			return false
		}
		s = rest
	}
	return true
}

// cutComponent splits s behind its first component, at an unescaped separator.
// Quoted values of LDAPv2 are not recognised; they fall into parts that are hashed.
func cutComponent(s string) (component, separator, rest string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',', '+', ';':
			return s[:i], s[i : i+1], s[i+1:]
		}
	}
	return s, "", ""
}

// plainValue is a value of a DN as it is without the DN.
func plainValue(s string) string { return strings.TrimSpace(unescaped(s)) }
