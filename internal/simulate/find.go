package simulate

import goldap "github.com/go-ldap/ldap/v3"

// users searches for users and notes what was found, and what is wrong with it.
func (s *session) users(name string, part bool) ([]*goldap.Entry, error) {
	u := &s.mappings.Users
	more := ""
	if s.mappings.Membership.StoredIn == UserObject {
		more = s.mappings.Membership.Attribute
	}
	entries, err := s.search(u.SearchBase, u.scope(), u.filter(named(u.Username, name, part)), attributes(u.fields(), more))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		s.answer.Users = append(s.answer.Users, newEntry(e, u.fields()))
	}
	s.tellFound(user, name, part, s.answer.Users)
	return entries, nil
}

// groups does the same for groups, and counts their members.
func (s *session) groups(name string, part bool) ([]*goldap.Entry, error) {
	g, member := &s.mappings.Groups, ""
	if s.mappings.Membership.StoredIn != UserObject {
		member = s.mappings.Membership.Attribute
	}
	entries, err := s.search(g.SearchBase, g.scope(), g.filter(named(g.Name, name, part)), attributes(g.fields(), member))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		group := newEntry(e, g.fields())
		if member != "" {
			n := len(e.GetEqualFoldAttributeValues(member))
			group.Members = &n
		}
		s.answer.Groups = append(s.answer.Groups, group)
	}
	s.tellFound(group, name, part, s.answer.Groups)
	s.tellWithoutMembers()
	return entries, nil
}

func newEntry(e *goldap.Entry, fields []field) Entry {
	entry := Entry{DN: clip(e.DN), Rows: []Row{}}
	for _, f := range fields {
		values := e.GetEqualFoldAttributeValues(f.attribute)
		row := Row{Label: f.label, Attribute: f.attribute, Values: []string{}, Missing: len(values) == 0}
		for _, v := range values[:min(len(values), maxValues)] {
			row.Values = append(row.Values, clip(v))
		}
		row.More = len(values) - len(row.Values)
		entry.Rows = append(entry.Rows, row)
	}
	return entry
}

// value is the first one of a field, "" if there is none.
func (e *Entry) value(label string) string {
	for _, row := range e.Rows {
		if row.Label == label && !row.Missing {
			return row.Values[0]
		}
	}
	return ""
}
