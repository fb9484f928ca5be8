package rewrite

import (
	"jamf-ldap-proxy/internal/ldap"
)

// polarity says from which side an inexact leaf may be approximated: from
// above where more entries mean a wider answer, from below under NOT.
type polarity bool

const (
	positive polarity = true
	negative polarity = false
)

// translator turns a filter on the view into one on the upstream directory.
// widened is set as soon as one leaf could only be approximated.
type translator struct {
	rules   *Rules
	plan    *Plan
	widened bool
}

// translate returns the upstream filter of f. In a confined context only
// entries that become groups can make the surrounding filter true, so a leaf
// need not be right for others.
func (t *translator) translate(f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	switch f.Kind {
	case ldap.FilterAnd:
		confined = confined || t.rules.confines(f)
		return t.children(f, confined, p)
	case ldap.FilterOr:
		return t.children(f, confined, p)
	case ldap.FilterNot:
		return t.children(f, confined, !p)
	case ldap.FilterSubstrings:
		if len(f.Substrings) == 0 {
			present := t.emptySubstrings(f)
			return t.translate(&present, confined, p)
		}
	case ldap.FilterExtensible:
		if f.Attr == "" {
			return t.anyAttribute(f, confined, p)
		}
	}
	if typ, _ := ldap.AttributeTypeOf(f.Attr); typ == ldap.EntryUUID && t.rules.cfg.StableUUID {
		return t.stableUUID(f, confined, p)
	}
	return t.rules.view.leaf(t, f, confined, p)
}

func (t *translator) children(f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	out := ldap.Filter{Kind: f.Kind, Children: make([]ldap.Filter, len(f.Children))}
	for i := range f.Children {
		out.Children[i] = t.translate(&f.Children[i], confined, p)
	}
	return out
}

// by notes that rule made out of f.
func (t *translator) by(rule string, f *ldap.Filter, out ldap.Filter) ldap.Filter {
	t.plan.fire(rule)
	t.plan.steps.rewrote(rule, f, &out)
	return out
}

// widen notes that out only approximates f, so that the whole filter has to be
// evaluated again on each entry.
func (t *translator) widen(f *ldap.Filter, out ldap.Filter) ldap.Filter {
	t.widened = true
	t.plan.steps.approximated(f, &out)
	return out
}

// anyAttribute handles an extensible match without attribute type, which looks
// at every attribute, translated ones included: too much to be exact.
func (t *translator) anyAttribute(f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	if p == negative {
		return t.widen(f, ldap.And(*f, ldap.Not(t.rules.isGroup)))
	}
	if confined {
		return t.widen(f, t.rules.isGroup)
	}
	return t.widen(f, ldap.Or(*f, t.rules.isGroup))
}

// byKind is true for a group where one of groups is, and for any other entry
// where others is.
func (t *translator) byKind(groups []ldap.Filter, others *ldap.Filter, confined bool) ldap.Filter {
	if confined {
		return or(groups)
	}
	rest := ldap.And(ldap.Not(t.rules.isGroup), *others)
	if len(groups) == 0 {
		return rest
	}
	return ldap.Or(ldap.And(t.rules.isGroup, or(groups)), rest)
}

func or(f []ldap.Filter) ldap.Filter {
	if len(f) == 1 {
		return f[0]
	}
	return ldap.Or(f...)
}

// emptySubstrings returns what is meant by (attr=**).
func (t *translator) emptySubstrings(f *ldap.Filter) ldap.Filter {
	t.plan.Hint(HintEmptySearchText)
	return t.by(RuleEmptySubstring, f, ldap.Present(f.Attr))
}

// confines tells whether f is false on every entry that does not become a
// group, so that in a conjunction with f only groups matter.
func (r *Rules) confines(f *ldap.Filter) bool {
	switch f.Kind {
	case ldap.FilterAnd:
		for i := range f.Children {
			if r.confines(&f.Children[i]) {
				return true
			}
		}
		return false
	case ldap.FilterOr:
		for i := range f.Children {
			if !r.confines(&f.Children[i]) {
				return false
			}
		}
		return true
	case ldap.FilterNot:
		return false
	}
	return r.view.confines(r, f)
}

// repair mends, in a request that is not bridged, what would be wrong in any
// vocabulary; everything else stays as the client wrote it.
func (t *translator) repair(f *ldap.Filter) ldap.Filter {
	switch f.Kind {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		out := ldap.Filter{Kind: f.Kind, Children: make([]ldap.Filter, len(f.Children))}
		for i := range f.Children {
			out.Children[i] = t.repair(&f.Children[i])
		}
		return out
	case ldap.FilterSubstrings:
		if len(f.Substrings) == 0 {
			return t.emptySubstrings(f)
		}
	case ldap.FilterEquality:
		if typ, _ := ldap.AttributeTypeOf(f.Attr); typ == ldap.MemberUID {
			return t.memberUID(f)
		}
	}
	return *f
}
