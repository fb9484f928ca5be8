package replay

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
)

// Difference is one thing that two answers do not have in common. A and B are what
// each has and the other has not.
type Difference struct {
	DN   string   `json:"dn,omitempty"`   // of the entry
	Attr string   `json:"attr,omitempty"` // "" when the entry as a whole, or the result, differs
	A    []string `json:"a"`
	B    []string `json:"b"`
}

// comparison is what came of comparing two answers.
type comparison struct {
	differences []Difference
	loosely     bool // some texts differ that mean the same
}

// comparer compares answers, but for some attributes.
type comparer struct{ ignore map[string]bool }

func newComparer(ignore []string) *comparer {
	c := &comparer{ignore: make(map[string]bool)}
	for _, name := range ignore {
		c.ignore[attributeKey(name)] = true
	}
	return c
}

// compare compares two answers that both came. The order of entries, attributes and
// values does not matter. Of answers that are both cut off at a size limit only the
// results are compared, since it is chance which entries came.
func (c *comparer) compare(a, b Answer) comparison {
	var x comparison
	if a.Code != b.Code {
		x.differences = append(x.differences, Difference{A: []string{resultName(a.Code)}, B: []string{resultName(b.Code)}})
	}
	if a.Code == goldap.LDAPResultSizeLimitExceeded && b.Code == a.Code {
		return x
	}
	left, right := byDN(a.Entries), byDN(b.Entries)
	for _, key := range keysOf(left, right) {
		l, r := left[key], right[key]
		for i := range max(len(l), len(r)) {
			switch {
			case i >= len(l):
				x.differences = append(x.differences, Difference{DN: r[i].DN, A: []string{}, B: []string{"found"}})
			case i >= len(r):
				x.differences = append(x.differences, Difference{DN: l[i].DN, A: []string{"found"}, B: []string{}})
			default:
				c.entries(&x, l[i], r[i])
			}
		}
	}
	return x
}

func resultName(code int) string { return ldap.ResultCode(code).String() }

// byDN files entries under what their DNs mean.
func byDN(entries []*goldap.Entry) map[string][]*goldap.Entry {
	m := make(map[string][]*goldap.Entry, len(entries))
	for _, e := range entries {
		m[dnKey(e.DN)] = append(m[dnKey(e.DN)], e)
	}
	return m
}

// keysOf are the keys of both maps, in order.
func keysOf[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (c *comparer) entries(x *comparison, a, b *goldap.Entry) {
	x.loosely = x.loosely || a.DN != b.DN
	left, right := c.attributes(a), c.attributes(b)
	for _, key := range keysOf(left, right) {
		l, r := left[key], right[key]
		onlyA, onlyB := missing(l.values, r.values), missing(r.values, l.values)
		if len(onlyA)+len(onlyB) > 0 {
			x.differences = append(x.differences, Difference{DN: a.DN, Attr: cmp.Or(l.name, r.name), A: onlyA, B: onlyB})
			continue
		}
		for value, text := range l.values {
			x.loosely = x.loosely || text != r.values[value]
		}
	}
}

// attribute is one of an entry, its values under what they mean.
type attribute struct {
	name   string
	values map[string]string
}

// attributes files those of an entry that have values and are not ignored.
func (c *comparer) attributes(e *goldap.Entry) map[string]attribute {
	m := make(map[string]attribute, len(e.Attributes))
	for _, a := range e.Attributes {
		key := attributeKey(a.Name)
		if typ, _, _ := strings.Cut(key, ";"); c.ignore[key] || c.ignore[typ] {
			continue
		}
		for _, v := range a.Values {
			if m[key].values == nil {
				m[key] = attribute{a.Name, make(map[string]string, len(a.Values))}
			}
			m[key].values[valueKey(key, v)] = v
		}
	}
	return m
}

// missing are the values that are here and not there, in order.
func missing(here, there map[string]string) []string {
	list := []string{}
	for key, text := range here {
		if _, both := there[key]; !both {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return list
}
