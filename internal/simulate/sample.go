package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
)

// sample is what the shapes are asked about.
type sample struct {
	user, userDN   string
	group, groupDN string
	gid            string // "" when the group has none
	member         bool
}

// sample finds out about the user and the group, at the first side that has them,
// which is the proxy if there is one.
func (o *Shapes) sample(sides []*side) (sample, error) {
	s := sample{user: o.User, group: o.Group}
	first, last := sides[0], sides[len(sides)-1]
	m := first.m()
	group, err := first.sampleGroup(o.Group)
	if err != nil {
		return s, err
	}
	s.group, s.groupDN = group.GetEqualFoldAttributeValue(m.Groups.Name), group.DN
	s.gid = group.GetEqualFoldAttributeValue(m.Groups.ID)
	user, err := first.sampleUser(o.User, group.GetEqualFoldAttributeValues(m.memberAttribute()))
	if err != nil {
		return s, err
	}
	s.user, s.userDN = user.GetEqualFoldAttributeValue(m.Users.Username), user.DN
	s.member = s.isIn(group, m)
	// The directory knows better than the proxy, if it has the group under this name.
	if group, err := last.sampleGroup(s.group); err == nil && last != first {
		s.member = s.isIn(group, last.m())
	}
	return s, nil
}

// isIn tells whether the group has the user, by DN or by name.
func (s *sample) isIn(group *goldap.Entry, m *Mappings) bool {
	return holds(group, m.memberAttribute(), s.userDN) || holds(group, m.memberAttribute(), s.user)
}

// memberAttribute is where groups list their members, whatever Jamf looks at.
func (m *Mappings) memberAttribute() string {
	if m.Membership.StoredIn == UserObject {
		return "member"
	}
	return m.Membership.Attribute
}

// sampleGroup returns the group of that name, or the first one, by name, that has
// members.
func (s *side) sampleGroup(name string) (*goldap.Entry, error) {
	g, member := &s.m().Groups, s.m().memberAttribute()
	assertion := "(" + g.Name + "=*)"
	if name != "" {
		assertion = equal(g.Name, name)
	}
	found, err := s.find(&g.Place, attributes(g.fields(), member), assertion)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("%w: no group matches %s below %s", ErrNoSample, clip(g.filter(assertion)), clip(g.SearchBase))
	case name != "":
		return found[0], nil
	}
	slices.SortFunc(found, func(a, b *goldap.Entry) int {
		return cmp.Compare(a.GetEqualFoldAttributeValue(g.Name), b.GetEqualFoldAttributeValue(g.Name))
	})
	first := slices.IndexFunc(found, func(e *goldap.Entry) bool { return len(e.GetEqualFoldAttributeValues(member)) > 0 })
	return found[max(first, 0)], nil
}

// sampleUser returns the user of that name, or one of the members, or anybody.
func (s *side) sampleUser(name string, members []string) (*goldap.Entry, error) {
	u := &s.m().Users
	var assertions []string
	if name != "" {
		assertions = []string{equal(u.Username, name)}
	} else {
		for _, m := range members[:min(3, len(members))] {
			assertions = append(assertions, equal(u.Username, nameOf(m)))
		}
		assertions = append(assertions, "("+u.Username+"=*)")
	}
	for _, assertion := range assertions {
		found, err := s.find(&u.Place, attributes(u.fields(), ""), assertion)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return nil, fmt.Errorf("%w: no user matches %s below %s", ErrNoSample, clip(u.filter(assertions[0])), clip(u.SearchBase))
}

// nameOf is the username in a member value, which may be one or a DN.
func nameOf(member string) string {
	if dn, err := ldap.ParseDN(member); err == nil && len(dn) > 0 && strings.Contains(member, "=") {
		return dn[0][0].Value
	}
	return member
}
