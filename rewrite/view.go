package rewrite

import "jamf-ldap-proxy/internal/ldap"

// view is what the modes differ in: which upstream entries are the groups of
// the view, and what is another way there and back. posix.go and merge.go
// implement it; neither keeps state.
type view interface {
	// groupClass is the upstream class of the entries that become groups.
	groupClass(r *Rules) string
	// mapBase says what a base or compare DN means.
	mapBase(r *Rules, dn ldap.DN) baseMapping
	// confines tells of a leaf whether it is false on every entry that becomes
	// no group, so that in a conjunction with it only groups matter.
	confines(r *Rules, f *ldap.Filter) bool
	// makes tells whether a compare of this attribute of a group needs the view.
	makes(typ ldap.AttributeType) bool
	// leaf translates one leaf.
	leaf(t *translator, f *ldap.Filter, confined bool, p polarity) ldap.Filter

	// request appends what to ask upstream for an attribute that the client
	// names, typ and options being those of name.
	request(p *Plan, list []string, name string, typ ldap.AttributeType, options string) []string
	// needed appends what evaluating a leaf again needs.
	needed(r *Rules, list []string, f *ldap.Filter) []string
	// extra appends what the entries of this plan need besides.
	extra(p *Plan, list []string) []string

	// kind tells what an entry with these classes is to the view.
	kind(r *Rules, c classes, body []byte) (entryKind, error)
	// appendDN appends the DN that the view shows.
	appendDN(r *Rules, dst, dn []byte) []byte
	// appendAttribute encodes what the client gets of one upstream attribute
	// of a group, made the attributes that no single upstream attribute tells.
	appendAttribute(p *Plan, dst []byte, a ldap.Attribute) ([]byte, error)
	appendMade(p *Plan, dst []byte) []byte

	// materialise adds to e what the view makes of one upstream attribute,
	// finish the rest.
	materialise(e *viewEntry, a viewAttribute)
	finish(e *viewEntry)
	// member and memberUID evaluate an equality (a.s.o.) on the legacy member
	// attribute that has a meaning, and one on memberUid.
	member(e *viewEntry, f *ldap.Filter) truth
	memberUID(e *viewEntry, f *ldap.Filter) truth
}

// viewEntry is a view entry taken apart, for the second look that a widened
// filter needs. It costs allocations; exact filters never get here.
type viewEntry struct {
	rules *Rules
	dn    string
	attrs []viewAttribute
	pairs []*pair // that the entry's names belong to, in mode merge
}

type viewAttribute struct {
	description string
	values      []string
}

func (e *viewEntry) add(description string, values []string) {
	e.attrs = append(e.attrs, viewAttribute{description, values})
}

// materialise takes an upstream group apart into the view entry it becomes.
func (p *Plan) materialise(body []byte) (*viewEntry, error) {
	from, err := ldap.DecodeEntry(body)
	if err != nil {
		return nil, err
	}
	r := p.rules
	e := &viewEntry{rules: r, dn: string(r.view.appendDN(r, nil, from.DN))}
	for {
		a, ok, err := from.NextAttribute()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		va := viewAttribute{description: string(a.Description)}
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			va.values = append(va.values, string(v))
		}
		if typ, _ := ldap.AttributeTypeOf(va.description); typ == ldap.EntryUUID && r.cfg.StableUUID {
			continue
		}
		r.view.materialise(e, va)
	}
	r.view.finish(e)
	if r.cfg.StableUUID {
		e.add("entryUUID", []string{StableUUID(e.dn)})
	}
	return e, nil
}
