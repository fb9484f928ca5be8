package rewrite

import "jamf-ldap-proxy/internal/ldap"

// viewEntry is a view entry taken apart, for the second look that a widened
// filter needs. It costs allocations; exact filters never get here.
type viewEntry struct {
	rules *Rules
	dn    string
	attrs []viewAttribute
}

type viewAttribute struct {
	description string
	values      []string
}

// materialise takes an upstream group apart into the view entry it becomes.
func (p *Plan) materialise(body []byte) (*viewEntry, error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return nil, err
	}
	r := p.rules
	view := &viewEntry{rules: r, dn: string(r.appendViewDN(nil, e.DN))}
	for {
		a, ok, err := e.NextAttribute()
		if err != nil || !ok {
			return view, err
		}
		va := viewAttribute{description: string(a.Description)}
		typ, options := ldap.AttributeTypeOf(va.description)
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			va.values = append(va.values, r.viewValue(typ, v))
		}
		switch typ {
		case r.attrType, ldap.OrganizationalUnit:
			continue // the view makes its own
		case ldap.CommonName:
			view.attrs = append(view.attrs, viewAttribute{"ou" + options, va.values})
		case ldap.MemberUID:
			dns := make([]string, len(va.values))
			for i, uid := range va.values {
				dns[i] = string(r.appendMemberDN(nil, []byte(uid)))
			}
			view.attrs = append(view.attrs, viewAttribute{r.attr + options, dns})
		}
		view.attrs = append(view.attrs, va)
	}
}

func (r *Rules) viewValue(typ ldap.AttributeType, v []byte) string {
	switch typ {
	case ldap.CommonName:
		if pair := r.pairs.ofPosix(v); pair != nil {
			return pair.legacy
		}
	case ldap.ObjectClass:
		if ldap.IsClass(string(v), classPosixGroup) {
			return r.class
		}
	}
	return string(v)
}
