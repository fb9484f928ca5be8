package rewrite

import "jamf-ldap-proxy/internal/ldap"

// posixView is mode posix: groups come from posixGroup entries, under the names
// of the legacy vocabulary.
type posixView struct{}

func (posixView) groupClass(*Rules) string { return classPosixGroup }

func (posixView) confines(r *Rules, f *ldap.Filter) bool {
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

func (posixView) makes(typ ldap.AttributeType) bool {
	switch typ {
	case ldap.CommonName, ldap.OrganizationalUnit, ldap.ObjectClass, ldap.Member, ldap.UniqueMember, ldap.MemberUID:
		return true
	}
	return false
}

func (posixView) leaf(t *translator, f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	typ, options := ldap.AttributeTypeOf(f.Attr)
	switch typ {
	case t.rules.attrType:
		return t.member(f, options)
	case ldap.ObjectClass:
		return t.posixClass(f)
	case ldap.MemberUID:
		return t.memberUID(f)
	case ldap.CommonName:
		return t.name(f, nameLeaf{options: options}, confined, p)
	case ldap.OrganizationalUnit:
		return t.name(f, nameLeaf{options: options, ou: true}, confined, p)
	}
	return *f
}

// posixClass: the legacy class is posixGroup upstream; posixGroup itself is on
// no view entry, and entries that are no groups never have it.
func (t *translator) posixClass(f *ldap.Filter) ldap.Filter {
	if !assertsClass(f) {
		return *f
	}
	switch {
	case ldap.IsClass(f.Value, t.rules.class):
		return t.by(RuleClass, f, t.rules.isGroup)
	case ldap.IsClass(f.Value, classPosixGroup):
		return t.by(RulePosixHidden, f, ldap.Or())
	}
	return *f
}

func (posixView) request(p *Plan, list []string, name string, typ ldap.AttributeType, options string) []string {
	switch typ {
	case p.rules.attrType:
		p.fire(RuleAttributes)
		return addName(list, "memberUid"+options)
	case ldap.OrganizationalUnit:
		p.fire(RuleAttributes)
		if !p.confined {
			list = addName(list, name)
		}
		return addName(list, "cn"+options)
	}
	return addName(list, name)
}

func (posixView) needed(r *Rules, list []string, f *ldap.Filter) []string {
	typ, _ := ldap.AttributeTypeOf(f.Attr)
	switch typ {
	case r.attrType:
		return addName(list, "memberUid")
	case ldap.OrganizationalUnit:
		return addName(list, "cn")
	}
	return addName(list, f.Attr)
}

func (posixView) extra(p *Plan, list []string) []string {
	if !p.confined {
		list = addName(list, "objectClass")
	}
	return list
}

func (posixView) kind(_ *Rules, c classes, _ []byte) (entryKind, error) {
	switch {
	case c.posixGroup:
		return groupEntry, nil
	case c.groupOfNames, c.groupOfUniqueNames:
		return hiddenEntry, nil
	}
	return otherEntry, nil
}

func (posixView) appendDN(r *Rules, dst, dn []byte) []byte { return r.appendViewDN(dst, dn) }

func (posixView) appendAttribute(p *Plan, dst []byte, a ldap.Attribute) (out []byte, err error) {
	typ, options := ldap.AttributeTypeOf(string(a.Description))
	r := p.rules
	switch typ {
	case r.attrType, ldap.OrganizationalUnit:
		return dst, nil // the view makes its own
	case ldap.CommonName:
		if p.wanted(a.Description) {
			if dst, err = p.appendNames(dst, "cn"+options, &a); err != nil {
				return dst, err
			}
		}
		if p.wants("ou" + options) {
			dst, err = p.appendNames(dst, "ou"+options, &a)
		}
		return dst, err
	case ldap.MemberUID:
		if p.wants(r.attr + options) {
			if dst, err = p.appendValues(dst, r.attr+options, &a, r.encodeMember); err != nil {
				return dst, err
			}
		}
	case ldap.ObjectClass:
		if p.wanted(a.Description) {
			dst, err = p.appendClasses(dst, &a, r.class)
		}
		return dst, err
	}
	if !p.wanted(a.Description) {
		return dst, nil
	}
	return p.appendUntouched(dst, &a), nil
}

func (posixView) appendMade(_ *Plan, dst []byte) []byte { return dst }

func (posixView) materialise(e *viewEntry, a viewAttribute) {
	r := e.rules
	typ, options := ldap.AttributeTypeOf(a.description)
	switch typ {
	case r.attrType, ldap.OrganizationalUnit:
		return // the view makes its own
	case ldap.CommonName:
		for i, name := range a.values {
			if pair := r.pairs.ofPosix([]byte(name)); pair != nil {
				a.values[i] = pair.legacy
			}
		}
		e.add("ou"+options, a.values)
	case ldap.ObjectClass:
		for i, class := range a.values {
			if ldap.IsClass(class, classPosixGroup) {
				a.values[i] = r.class
			}
		}
	case ldap.MemberUID:
		dns := make([]string, len(a.values))
		for i, uid := range a.values {
			dns[i] = string(r.appendMemberDN(nil, []byte(uid)))
		}
		e.add(r.attr+options, dns)
	}
	e.attrs = append(e.attrs, a)
}

func (posixView) finish(*viewEntry) {}

// member asks the memberUid values, of which the view's member values are
// made, so that the tolerances are those of the translation.
func (posixView) member(e *viewEntry, f *ldap.Filter) truth {
	_, options := ldap.AttributeTypeOf(f.Attr)
	uids, _, _ := e.rules.memberUIDs(f.Value)
	return e.hasUID("memberUid"+options, uids)
}

func (posixView) memberUID(e *viewEntry, f *ldap.Filter) truth {
	uids, _ := e.rules.repairedUIDs(f.Value)
	return e.hasUID(f.Attr, uids)
}

func (e *viewEntry) hasUID(attr string, uids []string) truth {
	return truthOf(e.any(attr, func(v string) bool {
		for _, uid := range uids {
			if squeeze(uid) == squeeze(v) {
				return true
			}
		}
		return false
	}))
}

// mapBase looks the name of a base up in the pair table.
func (posixView) mapBase(r *Rules, dn ldap.DN) (m baseMapping) {
	name, ok := r.groupName(dn)
	if !ok {
		return m
	}
	m.name = name
	if m.pair = r.pairs.ofLegacy(name); m.pair != nil {
		m.bridges, m.dn, m.mapped = true, dn, r.upstreamDN(dn, 0, m.pair)
		return m
	}
	if r.pairs.isPosix(name) {
		m.renamed, m.dn, m.mapped = true, dn, dn.String()
	}
	return m
}
