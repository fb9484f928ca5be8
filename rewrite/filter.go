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

var isPosixGroup = ldap.Equal("objectClass", classPosixGroup)

// translate returns the upstream filter of f. In a confined context only
// posixGroup entries can make the surrounding filter true, so a leaf need not
// be right for others.
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
			t.emptySubstrings()
			present := ldap.Present(f.Attr)
			return t.translate(&present, confined, p)
		}
	}
	return t.leaf(f, confined, p)
}

func (t *translator) children(f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	out := ldap.Filter{Kind: f.Kind, Children: make([]ldap.Filter, len(f.Children))}
	for i := range f.Children {
		out.Children[i] = t.translate(&f.Children[i], confined, p)
	}
	return out
}

func (t *translator) leaf(f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	typ, options := ldap.AttributeTypeOf(f.Attr)
	switch {
	case f.Kind == ldap.FilterExtensible && f.Attr == "":
		return t.anyAttribute(f, confined, p)
	case typ == t.rules.attrType:
		return t.member(f, options)
	case typ == ldap.ObjectClass:
		return t.class(f)
	case typ == ldap.MemberUID:
		return t.memberUID(f)
	case typ == ldap.CommonName:
		return t.name(f, nameLeaf{options: options}, confined, p)
	case typ == ldap.OrganizationalUnit:
		return t.name(f, nameLeaf{options: options, ou: true}, confined, p)
	}
	return *f
}

// class: the legacy class is posixGroup upstream; posixGroup itself is on no
// view entry, and entries that are no groups never have it.
func (t *translator) class(f *ldap.Filter) ldap.Filter {
	if !assertsClass(f) {
		return *f
	}
	switch {
	case ldap.IsClass(f.Value, t.rules.class):
		t.plan.fire(RuleClass)
		return isPosixGroup
	case ldap.IsClass(f.Value, classPosixGroup):
		t.plan.fire(RulePosixHidden)
		return ldap.Or()
	}
	return *f
}

// anyAttribute handles an extensible match without attribute type, which looks
// at every attribute, translated ones included: too much to be exact.
func (t *translator) anyAttribute(f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	t.widened = true
	if p == negative {
		return ldap.And(*f, ldap.Not(isPosixGroup))
	}
	if confined {
		return isPosixGroup
	}
	return ldap.Or(*f, isPosixGroup)
}

func (t *translator) emptySubstrings() {
	t.plan.fire(RuleEmptySubstring)
	t.plan.hint(HintEmptySearchText)
}

// confines tells whether f is false on every entry that is no posixGroup, so
// that in a conjunction with f only groups matter.
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
	typ, _ := ldap.AttributeTypeOf(f.Attr)
	switch typ {
	case ldap.ObjectClass:
		return assertsClass(f) && (ldap.IsClass(f.Value, r.class) || ldap.IsClass(f.Value, classPosixGroup))
	case ldap.MemberUID:
		return f.Kind == ldap.FilterEquality || f.Kind == ldap.FilterPresent
	case r.attrType:
		return r.understandsMember(f)
	}
	return false
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
			t.emptySubstrings()
			return ldap.Present(f.Attr)
		}
	case ldap.FilterEquality:
		if typ, _ := ldap.AttributeTypeOf(f.Attr); typ == ldap.MemberUID {
			return t.memberUID(f)
		}
	}
	return *f
}
