package simulate

import (
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// membership looks the user up, then the group, and then asks in the way of the
// mappings whether the one is in the other.
func (s *session) membership(userName, groupName string) error {
	users, err := s.users(userName, false)
	if err != nil {
		return err
	}
	groups, err := s.groups(groupName, false)
	if err != nil || len(users) == 0 || len(groups) == 0 {
		return err
	}
	u, g, m := users[0], groups[0], &s.mappings.Membership
	if m.StoredIn == UserObject {
		value := groupName
		if m.UseDN {
			value = g.DN
		}
		s.decide(holds(u, m.Attribute, value), m.Attribute+" of the user")
		return nil
	}
	value := userName + m.AppendToUsername
	if m.UseDN {
		value = u.DN
	}
	member, err := s.isMember(g.DN, groupName, value)
	if err == nil && !member {
		s.tellOtherForm(u, g, userName)
	}
	return err
}

// isMember asks whether the group object has the value.
func (s *session) isMember(groupDN, groupName, value string) (bool, error) {
	m, g := &s.mappings.Membership, &s.mappings.Groups
	assertion := equal(m.Attribute, value)
	switch {
	case m.UseCompare && isCompared(value):
		member, err := s.compare(groupDN, m.Attribute, value)
		return s.decided(member, err)
	case m.UseCompare:
		found, err := s.search(groupDN, goldap.ScopeBaseObject, assertion, []string{"1.1"})
		return s.decided(len(found) > 0, err)
	}
	filter := g.filter(equal(g.Name, groupName), assertion)
	found, err := s.search(g.SearchBase, g.scope(), filter, attributes(g.fields(), ""))
	return s.decided(len(found) > 0, err)
}

// decided notes the verdict of the last step, unless that failed.
func (s *session) decided(member bool, err error) (bool, error) {
	if err == nil {
		last := &s.answer.Steps[len(s.answer.Steps)-1]
		s.decide(member, last.Op+" "+last.Filter)
	}
	return member, err
}

func (s *session) decide(member bool, by string) {
	s.answer.Membership = &Membership{Member: member, By: by}
}

// holds tells whether the entry has the value, as directories compare names and
// DNs: without regard to case.
func holds(e *goldap.Entry, attribute, value string) bool {
	return slices.ContainsFunc(e.GetEqualFoldAttributeValues(attribute), func(v string) bool {
		return strings.EqualFold(v, value) || sameDN(v, value)
	})
}

func sameDN(a, b string) bool {
	x, errX := goldap.ParseDN(a)
	y, errY := goldap.ParseDN(b)
	return errX == nil && errY == nil && len(x.RDNs) > 0 && x.EqualFold(y)
}
