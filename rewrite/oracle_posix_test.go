package rewrite_test

// Mode posix: the groups of the view are made from the posixGroup entries.

import (
	"slices"

	"jamf-ldap-proxy/internal/ldap"
)

// posixView replaces posixGroup entries and hides the legacy groups; everything
// else stays.
func (o oracle) posixView(e entry) (shown entry, visible bool) {
	switch {
	case e.isA("posixGroup"):
		return o.posixViewEntry(e), true
	case e.isA("groupOfNames"), e.isA("groupOfUniqueNames"):
		return entry{}, false
	}
	return e, true
}

func (o oracle) posixViewEntry(e entry) entry {
	v := entry{dn: o.viewDN(e.dn)}
	for _, a := range e.attrs {
		switch {
		case sameType(a.desc, "cn"):
			names := o.legacyNames(a.values)
			v.attrs = append(v.attrs, attribute{a.desc, names}, attribute{"ou" + optionsOf(a.desc), names})
		case sameType(a.desc, "objectClass"):
			v.attrs = append(v.attrs, attribute{a.desc, o.viewClasses(a.values)})
		case sameType(a.desc, "memberUid"):
			v.attrs = append(v.attrs, a, attribute{o.legacyAttribute() + optionsOf(a.desc), o.memberDNs(a.values)})
		case sameType(a.desc, "ou"), sameType(a.desc, o.legacyAttribute()):
			// Replaced: ou by the names, the members by those of memberUid.
		default:
			v.attrs = append(v.attrs, a)
		}
	}
	return v
}

// legacyName returns the legacy name of a paired posix name, other names as
// they are.
func (o oracle) legacyName(posix string) string {
	for _, p := range o.Pairs {
		if fold(p.Posix) == fold(posix) {
			return p.Legacy
		}
	}
	return posix
}

// legacyNames maps every value. Two that become one are one value.
func (o oracle) legacyNames(values []string) []string {
	var names []string
	for _, value := range values {
		name := o.legacyName(value)
		if !slices.ContainsFunc(names, func(s string) bool { return fold(s) == fold(name) }) {
			names = append(names, name)
		}
	}
	return names
}

// viewDN maps the value of an RDN that is a single cn; the parent stays.
func (o oracle) viewDN(text string) string {
	dn, err := ldap.ParseDN(text)
	if err != nil || len(dn[0]) != 1 || !sameType(dn[0][0].Type, "cn") {
		return text
	}
	rdn := ldap.RDN{{Type: dn[0][0].Type, Value: o.legacyName(dn[0][0].Value)}}
	return append(ldap.DN{rdn}, dn[1:]...).String()
}

func (o oracle) viewClasses(classes []string) []string {
	var out []string
	for _, class := range classes {
		if sameClass(class, "posixGroup") {
			class = o.LegacyClass
		}
		if !slices.ContainsFunc(out, func(s string) bool { return sameClass(s, class) }) {
			out = append(out, class)
		}
	}
	return out
}

func (o oracle) memberDNs(uids []string) []string {
	var dns []string
	for _, uid := range uids {
		dns = append(dns, o.memberDN(uid))
	}
	return dns
}

// posixMemberLeaf is an assertion on the legacy member attribute. It is judged by
// the memberUid values that the asserted options cover.
func (o oracle) posixMemberLeaf(f *ldap.Filter, e entry) truth {
	uids := e.values("memberUid" + optionsOf(f.Attr))
	switch {
	case !understandsMember(f):
		return undefined
	case f.Kind == ldap.FilterPresent:
		return truthOf(len(uids) > 0)
	case f.Kind == ldap.FilterSubstrings:
		return o.memberSubstrings(f.Substrings, uids)
	}
	switch uid, kind := o.userOf(f.Value); kind {
	case isUser, isBare:
		return oneOf(uids, bothCases(o.stripped(uid)))
	case isOther:
		return no
	}
	return undefined
}
