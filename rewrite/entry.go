package rewrite

import "jamf-ldap-proxy/internal/ldap"

// entryKind is what an upstream entry is to the view.
type entryKind uint8

const (
	groupEntry  entryKind = iota // posixGroup: translated
	hiddenEntry                  // a group of names that is no posixGroup: not in the view
	otherEntry                   // as it is
)

// AppendEntry appends the whole message (SearchResultEntry under the client's
// message ID) that a bridged plan makes of an upstream entry. body is the
// upstream operation's contents, controls the contents of its controls element
// or nil. kept is false, and dst unchanged, when the entry has no place in the
// answer. It allocates nothing unless the filter was widened.
func (p *Plan) AppendEntry(dst []byte, id int32, body, controls []byte) (out []byte, kept bool, err error) {
	kind := groupEntry
	if !p.confined {
		if kind, err = kindOf(body); err != nil {
			return dst, false, err
		}
	}
	if kind == hiddenEntry || p.baseDN != nil && !p.inScope(kind, body) {
		return dst, false, nil
	}
	if kind == groupEntry && p.original != nil {
		if match, err := p.matches(body); err != nil || !match {
			return dst, false, err
		}
	}
	if kind == otherEntry && len(p.extra) == 0 && p.typesOnly == p.Request.TypesOnly {
		return ldap.AppendOperation(dst, id, ldap.OpSearchResultEntry, body, controls), true, nil
	}
	start := len(dst)
	dst, err = p.appendEntry(dst, id, kind, body, controls)
	if err != nil {
		return dst[:start], false, err
	}
	return dst, true, nil
}

// kindOf reads the object classes of an entry.
func kindOf(body []byte) (entryKind, error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return otherEntry, err
	}
	kind := otherEntry
	for {
		a, ok, err := e.NextAttribute()
		if err != nil || !ok {
			return kind, err
		}
		if typ, _ := ldap.AttributeTypeOf(string(a.Description)); typ != ldap.ObjectClass {
			continue
		}
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return kind, err
			}
			if !ok {
				break
			}
			switch {
			case ldap.IsClass(string(v), classPosixGroup):
				return groupEntry, nil
			case ldap.IsClass(string(v), classGroupOfNames), ldap.IsClass(string(v), classGroupOfUniqueNames):
				kind = hiddenEntry
			}
		}
	}
}

// inScope holds the DN that the client would see against the base that the
// client named, because where a pair is involved upstream was asked elsewhere:
// a renamed group is not in scope under its upstream name, and of what stands
// at a mapped base only the group is.
func (p *Plan) inScope(kind entryKind, body []byte) bool {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return false
	}
	seen := e.DN
	if kind == groupEntry {
		seen = p.rules.appendViewDN(nil, e.DN)
	}
	dn, err := ldap.ParseDN(string(seen))
	if err != nil {
		return false
	}
	switch p.scope {
	case ldap.ScopeBase:
		return dn.Equal(p.baseDN)
	case ldap.ScopeOne:
		return dn.Parent().Equal(p.baseDN)
	case ldap.ScopeSubordinate:
		return dn.Below(p.baseDN) && len(dn) > len(p.baseDN)
	}
	return dn.Below(p.baseDN)
}

func (p *Plan) matches(body []byte) (bool, error) {
	view, err := p.materialise(body)
	if err != nil {
		return false, err
	}
	return view.evaluate(p.original) == isTrue, nil
}
