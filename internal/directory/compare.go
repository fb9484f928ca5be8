package directory

import (
	"slices"
)

// compare answers a CompareRequest, for which gldap has no message.
func (s *session) compare(m *message) error {
	fields := m.op.Children
	if len(fields) != 2 || !isOctets(fields[0]) || len(fields[1].Children) != 2 {
		return errMalformed
	}
	assertion := fields[1].Children
	if !isOctets(assertion[0]) || !isOctets(assertion[1]) {
		return errMalformed
	}
	if refused := m.checkControls(oidManageDsaIT); refused != nil {
		s.answer(m, *refused)
		return nil
	}
	s.answer(m, s.dir.tree.compare(s.identity(), fields[0].Data.String(),
		assertion[0].Data.String(), assertion[1].Data.String()))
	return nil
}

// compare checks in the order in which slapd does: the DN, the assertion, the
// entry, access, the attribute.
func (t *tree) compare(who *entry, name, attr, value string) result {
	parsed, err := t.schema.parseDN(name)
	if err != nil {
		return result{code: invalidDNSyntax, diagnostic: "invalid DN"}
	}
	want, ok := t.schema.describe(attr)
	if !ok {
		return result{code: undefinedAttributeType}
	}
	if want.typ.equality == nil {
		return result{code: inappropriateMatching, diagnostic: "inappropriate matching request"}
	}
	norm, err := want.typ.equality.normalize(t.schema, value, whole)
	if err != nil {
		return result{code: invalidAttributeSyntax, diagnostic: err.Error()}
	}
	e, r := t.locate(who, parsed)
	if e != nil && who == e && want.typ.name == "userPassword" {
		r = nil // readable by its owner, whatever else is not
	}
	switch {
	case r != nil:
		return *r
	case !maySee(who, e, want.typ):
		return result{code: insufficientAccessRights}
	}
	return t.compareValues(e, want, norm)
}

func (t *tree) compareValues(e *entry, want description, norm string) result {
	r := result{code: noSuchAttribute}
	for i := range e.attrs {
		a := &e.attrs[i]
		if !t.schema.answers(a, want) {
			continue
		}
		f := assertion{want, tagEquality, norm}
		if slices.ContainsFunc(a.norms, func(v string) bool { return f.holds(t.schema, a.typ, v) }) {
			return result{code: compareTrue}
		}
		r.code = compareFalse
	}
	return r
}

// locate finds the entry that a search or a compare starts at. For a user who
// may not read the tree nothing of it exists, not even the matched part of the
// DN. An anonymous client is told the truth: slapd lets it try a password, which
// implies that it may know of the entry. The entry is also returned when access
// to it is refused.
func (t *tree) locate(who *entry, name dn) (*entry, *result) {
	if len(name) == 0 {
		return t.rootDSE, nil
	}
	key := name.key()
	if key == t.subschema.key {
		return t.subschema, nil
	}
	e := t.byKey[key]
	switch {
	case who != nil && !mayRead(who):
		return e, &result{code: noSuchObject}
	case e == nil:
		r := &result{code: noSuchObject}
		if above := t.deepest(name); above != nil {
			r.matched = above.dn
		}
		return nil, r
	case who == nil:
		return e, &result{code: insufficientAccessRights}
	}
	return e, nil
}
