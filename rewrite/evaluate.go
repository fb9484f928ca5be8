package rewrite

import "jamf-ldap-proxy/internal/ldap"

// evaluate applies the client's own filter to the view entry.
func (e *viewEntry) evaluate(f *ldap.Filter) truth {
	switch f.Kind {
	case ldap.FilterAnd:
		t := isTrue
		for i := range f.Children {
			t = min(t, e.evaluate(&f.Children[i]))
		}
		return t
	case ldap.FilterOr:
		t := isFalse
		for i := range f.Children {
			t = max(t, e.evaluate(&f.Children[i]))
		}
		return t
	case ldap.FilterNot:
		return -e.evaluate(&f.Children[0])
	case ldap.FilterExtensible:
		return e.extensible(f)
	}
	typ, _ := ldap.AttributeTypeOf(f.Attr)
	switch typ {
	case e.rules.attrType:
		return e.member(f)
	case ldap.MemberUID:
		if f.Kind == ldap.FilterEquality {
			return e.rules.view.memberUID(e, f)
		}
	}
	return e.assertion(f)
}

func (e *viewEntry) assertion(f *ldap.Filter) truth {
	rule, known := userAttributes[typeName(f.Attr)]
	if !known {
		return undefined
	}
	switch f.Kind {
	case ldap.FilterPresent:
		return truthOf(e.any(f.Attr, func(string) bool { return true }))
	case ldap.FilterEquality, ldap.FilterApprox:
		return e.equal(f.Attr, rule, f.Value)
	case ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		if rule == ruleInteger && isInteger(f.Value) {
			return truthOf(e.any(f.Attr, func(v string) bool { return ordered(f.Kind, v, f.Value) }))
		}
	case ldap.FilterSubstrings:
		switch {
		case len(f.Substrings) == 0:
			return truthOf(e.any(f.Attr, func(string) bool { return true }))
		case rule == ruleCaseIgnore:
			return truthOf(e.any(f.Attr, func(v string) bool { return substringsMatch(ldap.FoldValue(v), f.Substrings, true) }))
		case rule == ruleCaseExactIA5:
			return truthOf(e.any(f.Attr, func(v string) bool { return substringsMatch(v, f.Substrings, false) }))
		}
	}
	return undefined
}

func (e *viewEntry) equal(attr string, rule matchingRule, asserted string) truth {
	if e.any(attr, func(v string) bool { return rule.equal(v, asserted) == isTrue }) {
		return isTrue
	}
	if rule.equal("", asserted) == undefined {
		return undefined
	}
	return isFalse
}

// any tells whether a value of an attribute that attr covers satisfies match.
func (e *viewEntry) any(attr string, match func(string) bool) bool {
	for _, a := range e.attrs {
		if ldap.DescriptionCovers(attr, a.description) {
			for _, v := range a.values {
				if match(v) {
					return true
				}
			}
		}
	}
	return false
}

// member evaluates a leaf on the legacy member attribute. Pieces are matched on
// the user names, as the translation does it.
func (e *viewEntry) member(f *ldap.Filter) truth {
	_, options := ldap.AttributeTypeOf(f.Attr)
	switch {
	case !e.rules.understandsMember(f):
		return undefined
	case f.Kind == ldap.FilterPresent, f.Kind == ldap.FilterSubstrings && len(f.Substrings) == 0:
		return truthOf(e.any(f.Attr, func(string) bool { return true }))
	case f.Kind == ldap.FilterSubstrings:
		pieces := e.rules.memberPieces(f.Substrings)
		return truthOf(e.any("memberUid"+options, func(v string) bool { return substringsMatch(v, pieces, false) }))
	}
	return e.rules.view.member(e, f)
}

func (e *viewEntry) extensible(f *ldap.Filter) truth {
	if typ, _ := ldap.AttributeTypeOf(f.Attr); typ == e.rules.attrType {
		return e.member(f)
	}
	rule := ruleNamed(f.Rule)
	own, known := userAttributes[typeName(f.Attr)]
	if f.Rule == "" {
		rule = own
	}
	if rule == ruleUnknown || f.Attr != "" && (!known || !rule.fits(own)) || rule.equal("", f.Value) == undefined {
		return undefined
	}
	matches := func(v string) bool { return rule.equal(v, f.Value) == isTrue }
	for _, a := range e.attrs {
		if f.Attr == "" && (!rule.fits(userAttributes[typeName(a.description)]) || isOperational(a.description)) || f.Attr != "" && !ldap.DescriptionCovers(f.Attr, a.description) {
			continue
		}
		for _, v := range a.values {
			if matches(v) {
				return isTrue
			}
		}
	}
	return truthOf(f.DNAttrs && e.dnHas(f.Attr, rule, matches))
}

// dnHas looks at the components of the entry's own DN.
func (e *viewEntry) dnHas(attr string, rule matchingRule, matches func(string) bool) bool {
	dn, err := ldap.ParseDN(e.dn)
	if err != nil {
		return false
	}
	for _, rdn := range dn {
		for _, ava := range rdn {
			covered := attr != "" && ldap.DescriptionCovers(attr, ava.Type) ||
				attr == "" && rule.fits(userAttributes[typeName(ava.Type)])
			if covered && matches(ava.Value) {
				return true
			}
		}
	}
	return false
}

// fits tells whether a rule can be applied to values of an attribute whose own
// rule is own: rules of the same syntax family only.
func (rule matchingRule) fits(own matchingRule) bool {
	if rule == ruleCaseIgnore || rule == ruleCaseExact {
		return own == ruleCaseIgnore || own == ruleCaseExact
	}
	return rule == own
}
