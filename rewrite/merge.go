package rewrite

import (
	"slices"

	"jamf-ldap-proxy/internal/ldap"
)

// mergeView is mode merge: groups are the legacy entries as they are, completed
// by what their Linux groups know. No name, DN or base changes on the way.
type mergeView struct{}

func (mergeView) groupClass(r *Rules) string { return r.class }

func (mergeView) confines(r *Rules, f *ldap.Filter) bool {
	typ, _ := ldap.AttributeTypeOf(f.Attr)
	switch typ {
	case ldap.ObjectClass:
		return assertsClass(f) && ldap.IsClass(f.Value, r.class)
	case r.attrType:
		return r.understandsMember(f)
	}
	return false
}

// makes: a compare at the name of a pair may find a Linux group there, which
// the view does not show; only a search can tell.
func (mergeView) makes(ldap.AttributeType) bool { return true }

// mapBase finds nothing to map, only what makes a request a bridged one: every
// group is in the view, in a pair or not, unless its name is that of a Linux
// group which the view shows as another.
func (mergeView) mapBase(r *Rules, dn ldap.DN) (m baseMapping) {
	if name, ok := r.groupName(dn); ok {
		m.name = name
		m.pair = r.pairs.ofLegacy(name)
		m.renamed = m.pair == nil && r.pairs.isPosix(name)
		m.bridges = !m.renamed
	}
	return m
}

func (mergeView) leaf(t *translator, f *ldap.Filter, confined bool, p polarity) ldap.Filter {
	typ, options := ldap.AttributeTypeOf(f.Attr)
	switch typ {
	case t.rules.attrType:
		return t.liveMember(f, options, p)
	case ldap.ObjectClass:
		return t.mergeClass(f, confined)
	case ldap.MemberUID:
		return t.uidOfMember(f, options, confined, p)
	case ldap.GIDNumber:
		return t.groupID(f, options, confined, p)
	case ldap.CommonName, ldap.OrganizationalUnit:
		t.plan.askFor(f)
	}
	return *f
}

// mergeClass: no group of the view is a posixGroup; those that stayed alone are
// no groups of the view.
func (t *translator) mergeClass(f *ldap.Filter, confined bool) ldap.Filter {
	if !assertsClass(f) || !ldap.IsClass(f.Value, classPosixGroup) {
		return *f
	}
	return t.by(RulePosixHidden, f, t.byKind(nil, f, confined))
}

// liveMember passes an assertion of a DN on, upstream's own matching being the
// right one; other forms become a DN first.
func (t *translator) liveMember(f *ldap.Filter, options string, p polarity) ldap.Filter {
	switch {
	case f.Kind == ldap.FilterPresent || !t.rules.understandsMember(f):
		return *f
	case f.Kind == ldap.FilterSubstrings:
		t.plan.Hint(HintMemberSubstring)
		out := ldap.Or()
		if p == positive {
			out = ldap.Present(t.rules.attr + options)
		}
		return t.widen(f, t.by(RuleMemberSubstring, f, out))
	}
	dn, hints := t.rules.liveMemberDN(f.Value)
	rule := RuleMemberDN
	for _, h := range hints {
		t.plan.Hint(h)
		if h == HintUsernameWhereDN {
			rule = RuleMemberName
		}
	}
	out := ldap.Equal(f.Attr, dn)
	if dn == f.Value && f.Kind == ldap.FilterEquality {
		return out
	}
	return t.by(rule, f, out)
}

// liveMemberDN returns the DN that an assertion on the legacy member attribute
// means; the value has to be one that understandsMember.
func (r *Rules) liveMemberDN(value string) (dn string, hints []string) {
	uids, hints, _ := r.memberUIDs(value)
	if len(uids) == 0 {
		return value, hints // a DN elsewhere, which a live entry may have
	}
	if hints = withoutUppercase(hints); len(hints) == 0 {
		return value, nil
	}
	return string(r.appendMemberDN(nil, []byte(uids[0]))), hints
}

// withoutUppercase drops the hint on a second name that has to be tried: case
// does not count in a DN. The list is the caller's own.
func withoutUppercase(hints []string) []string {
	return slices.DeleteFunc(hints, func(hint string) bool { return hint == HintUppercaseUID })
}

// uidOfMember translates a leaf on memberUid, which a group of the view has by
// its member DNs. Equality is asked as one on the member, exactly; no directory
// can be asked for a part of one.
func (t *translator) uidOfMember(f *ldap.Filter, options string, confined bool, p polarity) ldap.Filter {
	attr := t.rules.attr + options
	if f.Kind == ldap.FilterEquality {
		uids, hints := t.rules.repairedUIDs(f.Value)
		for _, h := range withoutUppercase(hints) {
			t.plan.Hint(h)
		}
		others := anyOf(f.Attr, uids)
		if uids[0] == "" {
			return t.byKind(nil, &others, confined)
		}
		member := ldap.Equal(attr, string(t.rules.appendMemberDN(nil, []byte(uids[0]))))
		return t.by(RuleMemberUIDAsMember, f, t.eitherKind(member, &others, confined))
	}
	if !uidAssertionHasMeaning(f) {
		return *f
	}
	if p == negative {
		return t.widen(f, t.byKind(nil, f, confined))
	}
	members := ldap.Present(attr)
	if f.DNAttrs {
		members = t.rules.isGroup
	}
	return t.widen(f, t.by(RuleMemberUIDAsMember, f, t.eitherKind(members, f, confined)))
}

// eitherKind is byKind for a filter that only groups can satisfy.
func (t *translator) eitherKind(groups ldap.Filter, others *ldap.Filter, confined bool) ldap.Filter {
	if confined {
		return groups
	}
	return ldap.Or(groups, ldap.And(ldap.Not(t.rules.isGroup), *others))
}

// uidAssertionHasMeaning tells of a leaf on memberUid whether it is defined.
func uidAssertionHasMeaning(f *ldap.Filter) bool {
	switch f.Kind {
	case ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		return false
	case ldap.FilterExtensible:
		return f.Rule == "" || isRule(f.Rule, ruleCaseExactIA5)
	}
	return true
}

// groupID translates a leaf on gidNumber: a group of the view that has none of
// its own has that of its pair, so it is asked for by the name of the pair.
func (t *translator) groupID(f *ldap.Filter, options string, confined bool, p polarity) ldap.Filter {
	if options != "" || !gidAssertionHasMeaning(f) {
		return *f
	}
	t.plan.needGIDs()
	var names []ldap.Filter
	for _, pair := range t.rules.pairs.all {
		if pair.gid != "" && gidMatches(f, pair.gid) {
			names = append(names, ldap.Equal("cn", pair.legacy))
		}
	}
	if len(names) == 0 {
		return *f
	}
	if len(names) > maxNames {
		if p == negative {
			return t.widen(f, *f)
		}
		return t.widen(f, t.by(RuleGroupID, f, ldap.Or(*f, t.rules.isGroup)))
	}
	named := ldap.And(or(names), ldap.Not(ldap.Present("gidNumber")))
	if !confined {
		named.Children = append([]ldap.Filter{t.rules.isGroup}, named.Children...)
	}
	return t.by(RuleGroupID, f, ldap.Or(*f, named))
}

// needGIDs says that this plan's answer depends on the IDs of all pairs.
func (p *Plan) needGIDs() {
	if p.UnknownGIDs != nil {
		return
	}
	for _, pair := range p.rules.pairs.all {
		if pair.gid == "" {
			p.UnknownGIDs = append(p.UnknownGIDs, pair.posix)
		}
	}
}

// gidAssertionHasMeaning tells of a leaf on gidNumber whether it is defined.
func gidAssertionHasMeaning(f *ldap.Filter) bool {
	switch f.Kind {
	case ldap.FilterPresent:
		return true
	case ldap.FilterSubstrings:
		return false
	case ldap.FilterExtensible:
		return (f.Rule == "" || isRule(f.Rule, ruleInteger)) && isInteger(f.Value)
	}
	return isInteger(f.Value)
}

// gidMatches applies a leaf that has a meaning to the ID of a pair.
func gidMatches(f *ldap.Filter, gid string) bool {
	switch f.Kind {
	case ldap.FilterPresent:
		return true
	case ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		return ordered(f.Kind, gid, f.Value)
	}
	return gid == f.Value
}

func (mergeView) request(p *Plan, list []string, name string, typ ldap.AttributeType, options string) []string {
	switch typ {
	case ldap.MemberUID:
		p.fire(RuleAttributes)
		if !p.confined {
			list = addName(list, name)
		}
		return addName(list, p.rules.attr+options)
	case ldap.GIDNumber:
		p.fire(RuleAttributes)
	}
	return addName(list, name)
}

func (mergeView) needed(r *Rules, list []string, f *ldap.Filter) []string {
	typ, _ := ldap.AttributeTypeOf(f.Attr)
	switch typ {
	case ldap.MemberUID, r.attrType:
		return addName(list, r.attr)
	case ldap.GIDNumber:
		return addName(addName(list, "gidNumber"), "cn")
	}
	return addName(list, f.Attr)
}

// extra: a twin is known by its class and its name, and so is the pair that a
// group belongs to. Whether there is a memberUid shows in the members' values.
func (mergeView) extra(p *Plan, list []string) []string {
	if !p.confined {
		list = addName(list, "objectClass")
	}
	gid := p.wants("gidNumber")
	if gid {
		p.needGIDs()
	}
	if len(p.rules.pairs.all) > 0 && (gid || !p.confined) {
		list = addName(list, "cn")
	}
	if p.typesOnly && p.wantsAnyOf(ldap.MemberUID) {
		list = addName(list, p.rules.attr)
	}
	return list
}
