package metrics

// maxNames bounds the label values of one open-ended label. The program has far
// fewer rules and hints; the bound holds if one of them ever carries a value.
const maxNames = 64

// names admits the first label values it sees, up to a limit. It is used by one
// goroutine, that of the sink.
type names struct {
	seen  map[string]bool
	limit int
}

func newNames(limit int) *names {
	return &names{seen: make(map[string]bool), limit: limit}
}

// label returns name, or "other" for what is no name or came too late.
func (n *names) label(name string) string {
	if n.seen[name] {
		return name
	}
	if !isName(name) || len(n.seen) == n.limit {
		return other
	}
	n.seen[name] = true
	return name
}

// isName reports whether s looks like "member-dn".
func isName(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
