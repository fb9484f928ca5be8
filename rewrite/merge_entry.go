package rewrite

import (
	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

func (mergeView) kind(r *Rules, c classes, body []byte) (entryKind, error) {
	legacy := c.groupOfNames
	if r.attrType == ldap.UniqueMember {
		legacy = c.groupOfUniqueNames
	}
	switch {
	case legacy:
		return groupEntry, nil
	case c.posixGroup && len(r.pairs.all) > 0:
		return r.twinOrOther(body)
	}
	return otherEntry, nil
}

// twinOrOther: the Linux group of a pair is not shown beside its group.
func (r *Rules) twinOrOther(body []byte) (entryKind, error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return otherEntry, err
	}
	for {
		a, ok, err := e.NextAttribute()
		if err != nil || !ok {
			return otherEntry, err
		}
		if typ, _ := ldap.AttributeTypeOf(string(a.Description)); typ != ldap.CommonName {
			continue
		}
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return otherEntry, err
			}
			if !ok {
				break
			}
			if r.pairs.ofPosix(v) != nil {
				return hiddenEntry, nil
			}
		}
	}
}

func (mergeView) appendDN(_ *Rules, dst, dn []byte) []byte { return append(dst, dn...) }

func (mergeView) appendAttribute(p *Plan, dst []byte, a ldap.Attribute) (out []byte, err error) {
	typ, options := ldap.AttributeTypeOf(string(a.Description))
	r := p.rules
	switch typ {
	case ldap.MemberUID:
		return dst, nil // the view makes its own
	case ldap.CommonName:
		if err := p.group.pairOf(r, a); err != nil {
			return dst, err
		}
	case ldap.GIDNumber:
		p.group.ownGID = true
	case r.attrType:
		if p.wants("memberUid" + options) {
			if dst, err = p.appendUIDs(dst, "memberUid"+options, a); err != nil {
				return dst, err
			}
		}
	case ldap.ObjectClass:
		if p.wanted(a.Description) {
			dst, err = p.appendClasses(dst, &a, "")
		}
		return dst, err
	}
	if !p.wanted(a.Description) {
		return dst, nil
	}
	return p.appendUntouched(dst, &a), nil
}

// pairOf remembers the pairs that the names of a group belong to: one as a
// rule.
func (g *group) pairOf(r *Rules, a ldap.Attribute) error {
	for {
		v, ok, err := a.NextValue()
		if err != nil || !ok {
			return err
		}
		if pair := r.pairs.ofLegacyBytes(v); pair != nil {
			g.pairs = append(g.pairs, pair)
		}
	}
}

// appendMade adds the group ID of the pair.
func (mergeView) appendMade(p *Plan, dst []byte) []byte {
	g := &p.group
	if g.ownGID || !p.wants("gidNumber") {
		return dst
	}
	gids := p.rules.pairs.gidsOf(g.pairs)
	if len(gids) == 0 {
		p.hintNoGID()
		return dst
	}
	return p.appendStrings(dst, "gidNumber", gids...)
}

// appendUIDs encodes the user names of the member DNs that are users; a group
// without any has no such attribute.
func (p *Plan) appendUIDs(dst []byte, description string, a ldap.Attribute) ([]byte, error) {
	start, users := len(dst), 0
	encode := func(dst, dn []byte) []byte {
		if uid, ok := plainMember(p.rules, dn); ok {
			users++
			return ber.Append(dst, ber.OctetString, uid)
		}
		if uid, inside, _ := p.rules.memberUID(string(dn)); inside {
			users++
			return ber.Append(dst, ber.OctetString, uid)
		}
		return dst
	}
	dst, err := p.encodeValues(dst, description, &a, encode)
	switch {
	case err != nil || users == 0:
		return dst[:start], err
	case p.typesOnly:
		return appendTypeOnly(dst[:start], description), nil
	}
	return dst, nil
}

func (mergeView) materialise(e *viewEntry, a viewAttribute) {
	r := e.rules
	typ, options := ldap.AttributeTypeOf(a.description)
	switch typ {
	case ldap.MemberUID:
		return // the view makes its own
	case ldap.CommonName:
		for _, name := range a.values {
			if pair := r.pairs.ofLegacy(name); pair != nil {
				e.pairs = append(e.pairs, pair)
			}
		}
	case r.attrType:
		var uids []string
		for _, dn := range a.values {
			if uid, inside, _ := r.memberUID(dn); inside {
				uids = append(uids, uid)
			}
		}
		e.add("memberUid"+options, uids)
	case ldap.ObjectClass:
		var kept []string
		for _, class := range a.values {
			if !ldap.IsClass(class, classPosixGroup) {
				kept = append(kept, class)
			}
		}
		a.values = kept
	}
	e.attrs = append(e.attrs, a)
}

func (mergeView) finish(e *viewEntry) {
	if !e.any("gidNumber", func(string) bool { return true }) {
		e.add("gidNumber", e.rules.pairs.gidsOf(e.pairs))
	}
}

// member compares DNs, as upstream does.
func (mergeView) member(e *viewEntry, f *ldap.Filter) truth {
	dn, _ := e.rules.liveMemberDN(f.Value)
	return e.equal(f.Attr, ruleDistinguishedName, dn)
}

// memberUID is compared as the member DNs are that it is made of.
func (mergeView) memberUID(e *viewEntry, f *ldap.Filter) truth {
	uids, _ := e.rules.repairedUIDs(f.Value)
	want := ldap.FoldValue(uids[0])
	return truthOf(e.any(f.Attr, func(v string) bool { return ldap.FoldValue(v) == want }))
}
