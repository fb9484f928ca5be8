package rewrite

import (
	"slices"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// appendEntry encodes the entry that the client gets.
func (p *Plan) appendEntry(dst []byte, id int32, kind entryKind, body, controls []byte) ([]byte, error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return dst, err
	}
	expect := 4 * len(body) // member DNs are longer than user names
	dst, message := ldap.BeginMessage(dst, id, expect)
	dst, op := ber.Begin(dst, ldap.OpSearchResultEntry, expect)
	if kind == groupEntry {
		g := &p.group
		g.dn, g.pairs, g.ownGID = p.rules.view.appendDN(p.rules, g.dn[:0], e.DN), g.pairs[:0], false
		dst = ber.Append(dst, ber.OctetString, g.dn)
	} else {
		dst = ber.Append(dst, ber.OctetString, e.DN)
	}
	dst, list := ber.Begin(dst, ber.Sequence, expect)
	for {
		a, ok, err := e.NextAttribute()
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		if dst, err = p.appendAttribute(dst, kind, a); err != nil {
			return dst, err
		}
	}
	if kind == groupEntry {
		dst = p.appendMade(dst)
	}
	dst = ber.End(dst, list, expect)
	dst = ber.End(dst, op, expect)
	if controls != nil {
		dst = ber.Append(dst, ber.ContextConstructed(0), controls)
	}
	return ber.End(dst, message, expect), nil
}

func (p *Plan) appendAttribute(dst []byte, kind entryKind, a ldap.Attribute) ([]byte, error) {
	if kind == otherEntry {
		if !p.wanted(a.Description) {
			return dst, nil
		}
		return p.appendUntouched(dst, &a), nil
	}
	if p.rules.cfg.StableUUID {
		if typ, _ := ldap.AttributeTypeOf(string(a.Description)); typ == ldap.EntryUUID {
			return dst, nil // made from the DN
		}
	}
	return p.rules.view.appendAttribute(p, dst, a)
}

// appendMade appends the attributes of a group that no upstream attribute
// tells.
func (p *Plan) appendMade(dst []byte) []byte {
	dst = p.rules.view.appendMade(p, dst)
	if p.rules.cfg.StableUUID && (p.selection.Operational() || p.selection.Named("entryUUID")) {
		dst = p.appendStrings(dst, "entryUUID", StableUUID(string(p.group.dn)))
	}
	return dst
}

// appendStrings encodes an attribute with the values given.
func (p *Plan) appendStrings(dst []byte, description string, values ...string) []byte {
	if p.typesOnly {
		return appendTypeOnly(dst, description)
	}
	dst, attr := ber.Begin(dst, ber.Sequence, 0)
	dst = ber.Append(dst, ber.OctetString, description)
	dst, set := ber.Begin(dst, ber.Set, 0)
	for _, v := range values {
		dst = ber.Append(dst, ber.OctetString, v)
	}
	dst = ber.End(dst, set, 0)
	return ber.End(dst, attr, 0)
}

// wanted tells whether the client gets an attribute that upstream returned:
// anything but what was requested for our own use alone.
func (p *Plan) wanted(description []byte) bool {
	if p.selection.All() && len(p.extra) == 0 || p.selection.Named(string(description)) {
		return true
	}
	name := string(description)
	if p.selection.All() {
		return !isOperational(name) || p.selection.Operational()
	}
	switch typ, _ := ldap.AttributeTypeOf(name); typ {
	case ldap.ObjectClass, ldap.CommonName, ldap.OrganizationalUnit, ldap.MemberUID,
		ldap.Member, ldap.UniqueMember, ldap.GIDNumber:
		return false
	}
	return isOperational(name) && p.selection.Operational() || !p.isExtra(name)
}

func (p *Plan) isExtra(name string) bool {
	for _, extra := range p.extra {
		if extra == ldap.AllUserAttributes || ldap.DescriptionCovers(extra, name) {
			return true
		}
	}
	return false
}

func (p *Plan) appendUntouched(dst []byte, a *ldap.Attribute) []byte {
	if p.typesOnly && !a.Values.Empty() {
		return appendTypeOnly(dst, string(a.Description))
	}
	return append(dst, a.Raw...)
}

func appendTypeOnly(dst []byte, description string) []byte {
	dst = ber.AppendHeader(dst, ber.Sequence, ber.HeaderSize(len(description))+len(description)+2)
	dst = ber.Append(dst, ber.OctetString, description)
	return ber.AppendHeader(dst, ber.Set, 0)
}

// appendValues encodes an attribute whose values appendValue makes from a's.
func (p *Plan) appendValues(dst []byte, description string, a *ldap.Attribute, appendValue func(dst, v []byte) []byte) ([]byte, error) {
	if p.typesOnly {
		return appendTypeOnly(dst, description), nil
	}
	return p.encodeValues(dst, description, a, appendValue)
}

// encodeValues is appendValues whatever the client wants of the values.
func (p *Plan) encodeValues(dst []byte, description string, a *ldap.Attribute, appendValue func(dst, v []byte) []byte) ([]byte, error) {
	expect := 4 * len(a.Raw)
	dst, attr := ber.Begin(dst, ber.Sequence, expect)
	dst = ber.Append(dst, ber.OctetString, description)
	dst, set := ber.Begin(dst, ber.Set, expect)
	for walk := *a; ; {
		v, ok, err := walk.NextValue()
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		dst = appendValue(dst, v)
	}
	dst = ber.End(dst, set, expect)
	return ber.End(dst, attr, expect), nil
}

// appendNames encodes a group's names as the view has them, each once.
func (p *Plan) appendNames(dst []byte, description string, a *ldap.Attribute) ([]byte, error) {
	var first [1]string // the usual number of names costs nothing
	seen := first[:0]
	return p.appendValues(dst, description, a, func(dst, v []byte) []byte {
		name := v
		if pair := p.rules.pairs.ofPosix(v); pair != nil {
			name = pair.legacyBytes
		}
		if len(seen) == 0 && len(a.Values.Rest()) <= 2+len(v) {
			return ber.Append(dst, ber.OctetString, name)
		}
		folded := ldap.FoldValue(string(name))
		if slices.Contains(seen, folded) {
			return dst
		}
		seen = append(seen, folded)
		return ber.Append(dst, ber.OctetString, name)
	})
}

// encodeMember encodes the member DN of a user name.
func (r *Rules) encodeMember(dst, uid []byte) []byte {
	length := len("uid=") + len(uid) + len(r.dnSuffix)
	if ldap.PlainInDN(uid) {
		dst = ber.AppendHeader(dst, ber.OctetString, length)
		dst = append(dst, "uid="...)
		dst = append(dst, uid...)
		return append(dst, r.dnSuffix...)
	}
	dst, m := ber.Begin(dst, ber.OctetString, length)
	return ber.End(r.appendMemberDN(dst, uid), m, length)
}

// appendClasses encodes the classes with instead in the place of posixGroup,
// or without it, and names no class twice.
func (p *Plan) appendClasses(dst []byte, a *ldap.Attribute, instead string) ([]byte, error) {
	has := instead == ""
	for walk := *a; !has; {
		v, ok, err := walk.NextValue()
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		has = ldap.IsClass(string(v), instead)
	}
	return p.appendValues(dst, string(a.Description), a, func(dst, v []byte) []byte {
		switch {
		case !ldap.IsClass(string(v), classPosixGroup):
			return ber.Append(dst, ber.OctetString, v)
		case has:
			return dst
		}
		return ber.Append(dst, ber.OctetString, instead)
	})
}

func (r *Rules) appendMemberDN(dst, uid []byte) []byte {
	dst = append(dst, "uid="...)
	dst = ldap.AppendDNValue(dst, uid)
	return append(dst, r.dnSuffix...)
}
