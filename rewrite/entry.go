package rewrite

import "jamf-ldap-proxy/internal/ldap"

// entryKind is what an upstream entry is to the view.
type entryKind uint8

const (
	groupEntry  entryKind = iota // becomes a group of the view
	hiddenEntry                  // a group that is not in the view
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
		if kind, err = p.rules.kindOf(body); err != nil {
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

// classes are the object classes that tell the kinds of entries apart.
type classes struct{ posixGroup, groupOfNames, groupOfUniqueNames bool }

// kindOf reads the object classes of an entry.
func (r *Rules) kindOf(body []byte) (entryKind, error) {
	var c classes
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return otherEntry, err
	}
	for {
		a, ok, err := e.NextAttribute()
		if err != nil {
			return otherEntry, err
		}
		if !ok {
			return r.view.kind(r, c, body)
		}
		if typ, _ := ldap.AttributeTypeOf(string(a.Description)); typ == ldap.ObjectClass {
			if err := c.read(a); err != nil {
				return otherEntry, err
			}
		}
	}
}

func (c *classes) read(a ldap.Attribute) error {
	for {
		v, ok, err := a.NextValue()
		if err != nil || !ok {
			return err
		}
		switch {
		case ldap.IsClass(string(v), classPosixGroup):
			c.posixGroup = true
		case ldap.IsClass(string(v), classGroupOfNames):
			c.groupOfNames = true
		case ldap.IsClass(string(v), classGroupOfUniqueNames):
			c.groupOfUniqueNames = true
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
		seen = p.rules.view.appendDN(p.rules, nil, e.DN)
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
