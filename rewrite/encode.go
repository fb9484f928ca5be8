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
		p.scratch = p.rules.appendViewDN(p.scratch[:0], e.DN)
		dst = ber.Append(dst, ber.OctetString, p.scratch)
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
		if dst, err = p.appendAttribute(dst, kind, &a); err != nil {
			return dst, err
		}
	}
	dst = ber.End(dst, list, expect)
	dst = ber.End(dst, op, expect)
	if controls != nil {
		dst = ber.Append(dst, ber.ContextConstructed(0), controls)
	}
	return ber.End(dst, message, expect), nil
}

func (p *Plan) appendAttribute(dst []byte, kind entryKind, a *ldap.Attribute) ([]byte, error) {
	typ, options := ldap.AttributeTypeOf(string(a.Description))
	r := p.rules
	if kind == otherEntry {
		if !p.wanted(a.Description) {
			return dst, nil
		}
		return p.appendUntouched(dst, a), nil
	}
	var err error
	switch typ {
	case r.attrType, ldap.OrganizationalUnit:
		return dst, nil // the view makes its own
	case ldap.CommonName:
		if p.wanted(a.Description) {
			if dst, err = p.appendNames(dst, "cn"+options, a); err != nil {
				return dst, err
			}
		}
		if p.wantedMade("ou", options) {
			dst, err = p.appendNames(dst, "ou"+options, a)
		}
		return dst, err
	case ldap.MemberUID:
		if p.wantedMade(r.attr, options) {
			if dst, err = p.appendValues(dst, r.attr+options, a, r.encodeMember); err != nil {
				return dst, err
			}
		}
	case ldap.ObjectClass:
		if p.wanted(a.Description) {
			dst, err = p.appendClasses(dst, a)
		}
		return dst, err
	}
	if !p.wanted(a.Description) {
		return dst, nil
	}
	return p.appendUntouched(dst, a), nil
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
	case ldap.ObjectClass, ldap.CommonName, ldap.OrganizationalUnit, ldap.MemberUID:
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

// wantedMade is wanted for an attribute that the view makes. The description
// is joined only when there are options, which there never are in practice.
func (p *Plan) wantedMade(name, options string) bool {
	if p.selection.All() {
		return true
	}
	if options != "" {
		name += options
	}
	return p.selection.Named(name)
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
	if isPlain(uid) {
		dst = ber.AppendHeader(dst, ber.OctetString, length)
		dst = append(dst, "uid="...)
		dst = append(dst, uid...)
		return append(dst, r.dnSuffix...)
	}
	dst, m := ber.Begin(dst, ber.OctetString, length)
	return ber.End(r.appendMemberDN(dst, uid), m, length)
}

// appendClasses replaces posixGroup, without naming the legacy class twice.
func (p *Plan) appendClasses(dst []byte, a *ldap.Attribute) ([]byte, error) {
	if p.typesOnly {
		return appendTypeOnly(dst, string(a.Description)), nil
	}
	has := false
	for walk := *a; !has; {
		v, ok, err := walk.NextValue()
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		has = ldap.IsClass(string(v), p.rules.class)
	}
	expect := len(a.Raw)
	dst, attr := ber.Begin(dst, ber.Sequence, expect)
	dst = ber.Append(dst, ber.OctetString, a.Description)
	dst, set := ber.Begin(dst, ber.Set, expect)
	for walk := *a; ; {
		v, ok, err := walk.NextValue()
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		switch {
		case !ldap.IsClass(string(v), classPosixGroup):
			dst = ber.Append(dst, ber.OctetString, v)
		case !has:
			dst = ber.Append(dst, ber.OctetString, p.rules.class)
		}
	}
	dst = ber.End(dst, set, expect)
	return ber.End(dst, attr, expect), nil
}

func (r *Rules) appendMemberDN(dst, uid []byte) []byte {
	dst = append(dst, "uid="...)
	dst = ldap.AppendDNValue(dst, uid)
	return append(dst, r.dnSuffix...)
}
