package lookup

import "strings"

// dnTypes are the attribute types that may stay readable in a DN. The list is
// closed: in "secret=x" the client chose both sides.
var dnTypes = map[string]bool{
	"cn": true, "uid": true, "ou": true, "o": true, "dc": true, "c": true,
	"l": true, "st": true, "street": true, "sn": true, "givenname": true, "mail": true,
}

// dn hashes the value of each component of a DN and every component that is none.
func (h *Hasher) dn(s string) string {
	var out strings.Builder
	for s != "" {
		component, separator, rest := cutComponent(s)
		name, value, found := strings.Cut(component, "=")
		if found && isDNType(name) {
			out.WriteString(name + "=" + h.Value(strings.TrimSpace(value)))
		} else {
			out.WriteString(h.Value(component))
		}
		out.WriteString(separator)
		s = rest
	}
	return out.String()
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

func isDNType(name string) bool {
	return dnTypes[strings.ToLower(strings.TrimSpace(name))]
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
