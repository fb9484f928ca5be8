package simulate

import (
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// shape is one request of Jamf; ask tells how it was answered, and whether that is
// what Jamf needs.
type shape struct {
	number int // in the project's list of shapes, 1 to 25
	name   string
	ask    func(*side) ShapeAnswer
}

// shapes are the requests of Jamf, as far as they are known: 1 to 5 and 25 are
// about sessions, 6 to 24 about entries. StartTLS is left out of 25: Jamf has no
// setting for it.
var shapes = []shape{
	{1, "bind of Jamf's account", func(s *side) ShapeAnswer { return s.bind(s.jamf.Account, accepted) }},
	{2, "bind of the user", (*side).userBind},
	{3, "bind with an empty password", func(s *side) ShapeAnswer { return s.bind(Account{DN: s.jamf.Account.DN}, refused) }},
	{4, "search without a name", (*side).anonymousSearch},
	{5, "bind with DIGEST-MD5", (*side).saslBind},

	{6, "user by name", func(s *side) ShapeAnswer { return s.user(one, s.isUser()) }},
	{7, "user by a part of the name", func(s *side) ShapeAnswer { return s.user(among, partOf(s.m().Users.Username, s.sample.user)) }},
	{8, "users, search box empty", func(s *side) ShapeAnswer { return s.user(any1, named(s.m().Users.Username, "", true)) }},
	{8, "groups, search box empty", func(s *side) ShapeAnswer { return s.group(any1, named(s.m().Groups.Name, "", true)) }},
	{8, "groups of any name", func(s *side) ShapeAnswer { return s.group(any1, "("+s.m().Groups.Name+"=*)") }},
	{9, "user of any of two classes", func(s *side) ShapeAnswer {
		return s.in(s.m().Users.with(Any, "person"), s.sample.userDN, one, s.isUser())
	}},
	{9, "group of any of two classes", func(s *side) ShapeAnswer {
		return s.in(s.m().Groups.with(Any, "groupOfUniqueNames"), s.sample.groupDN, one, s.isGroup())
	}},
	{10, "group of all of two classes", func(s *side) ShapeAnswer {
		return s.in(s.m().Groups.with(All, "top"), s.sample.groupDN, one, s.isGroup())
	}},
	{11, "group by a part of the name", func(s *side) ShapeAnswer { return s.group(among, partOf(s.m().Groups.Name, s.sample.group)) }},
	{12, "group by name, with its ID", (*side).groupWithID},
	{13, "group by its ID", func(s *side) ShapeAnswer { return s.groupBy("Group ID", s.m().Groups.ID, s.sample.gid) }},
	{14, "group by its UUID", func(s *side) ShapeAnswer { return s.groupBy("Group UUID", s.m().Groups.UUID, s.uuid) }},
	{15, "member of the group, by DN", func(s *side) ShapeAnswer { return s.group(s.asMember, s.isGroup(), s.has(s.sample.userDN)) }},
	{16, "all groups of the user", func(s *side) ShapeAnswer { return s.group(s.asMember, s.has(s.sample.userDN)) }},
	{17, "member of the group, by username", func(s *side) ShapeAnswer { return s.group(s.asMember, s.isGroup(), s.has(s.appended())) }},
	{17, "member of the group, by memberUid", func(s *side) ShapeAnswer {
		return s.group(s.asMember, s.isGroup(), equal("memberUid", s.appended()))
	}},
	{18, "compare with a DN, as Java asks it", func(s *side) ShapeAnswer {
		return s.read(s.sample.groupDN, s.has(s.sample.userDN), []string{"1.1"}, s.asMember)
	}},
	{19, "compare with a username", func(s *side) ShapeAnswer { return s.compare("memberUid", s.sample.user) }},
	{20, "compare with a DN", func(s *side) ShapeAnswer { return s.compare(s.m().memberAttribute(), s.sample.userDN) }},
	{21, "read the group", func(s *side) ShapeAnswer { return s.read(s.sample.groupDN, everything, nil, one) }},
	{21, "read the user", func(s *side) ShapeAnswer { return s.read(s.sample.userDN, everything, nil, one) }},
	{22, "groups in the group", func(s *side) ShapeAnswer { return s.anywhere(s.has(s.sample.groupDN)) }},
	{22, "users of the group, by memberOf", func(s *side) ShapeAnswer { return s.anywhere(equal("memberOf", s.sample.groupDN)) }},
	{23, "record of the Linux group", (*side).linuxGroup},
	{24, "top of the directory, before a bind", (*side).rootDSE},
	{24, "search base", func(s *side) ShapeAnswer { return s.read(s.m().Users.SearchBase, everything, nil, one) }},
	{25, "abandon a search, and go on", (*side).abandonAndGoOn},
	{25, "bind again, and go on", (*side).bindAgain},
}

const everything = "(objectClass=*)"

// want tells whether the entries of a successful answer are what Jamf needs; found
// tells whether the one that was looked for is among them.
type want func(entries int, found bool) bool

func one(n int, found bool) bool   { return n == 1 && found }
func among(_ int, found bool) bool { return found }
func any1(n int, _ bool) bool      { return n > 0 }
func whatever(int, bool) bool      { return true }

// asMember wants the group exactly when the user is in it.
func (s *side) asMember(_ int, found bool) bool { return found == s.sample.member }

func accepted(code int) bool { return code == 0 }
func refused(code int) bool  { return code > 0 }

func (s *side) m() *Mappings { return &s.jamf.Mappings }

func (s *side) isUser() string  { return equal(s.m().Users.Username, s.sample.user) }
func (s *side) isGroup() string { return equal(s.m().Groups.Name, s.sample.group) }

// has asks for groups with that member.
func (s *side) has(member string) string { return equal(s.m().memberAttribute(), member) }

// appended is the username as Jamf sends it.
func (s *side) appended() string { return s.sample.user + s.m().Membership.AppendToUsername }

// partOf asks for a name without its ends.
func partOf(attribute, name string) string {
	if runes := []rune(name); len(runes) > 3 {
		name = string(runes[1 : len(runes)-1])
	}
	return named(attribute, name, true)
}

// with is the place with one class more, or with groupOfNames if it is there already.
func (p Place) with(limit Limit, class string) *Place {
	if slices.ContainsFunc(p.ObjectClasses, func(c string) bool { return strings.EqualFold(c, class) }) {
		class = "groupOfNames"
	}
	p.ObjectClasses, p.AnyOrAll = append(slices.Clone(p.ObjectClasses), class), limit
	return &p
}

func (s *side) userBind() ShapeAnswer {
	if s.password.Empty() {
		return skip("no password of the user is given")
	}
	return s.bind(Account{s.sample.userDN, s.password}, accepted)
}

// anonymousSearch wants nothing to be shown.
func (s *side) anonymousSearch() ShapeAnswer {
	u := &s.m().Users
	return s.apart(func(own *session) ShapeAnswer {
		step, err := own.requestBind(Account{})
		if err == nil && step.Result == 0 {
			_, step, err = own.requestSearch(u.SearchBase, u.scope(), u.filter(s.isUser()), noAttributes)
		}
		return told(step, err, step.Entries == 0)
	})
}

// groupWithID wants the group, and its ID where one is mapped.
func (s *side) groupWithID() ShapeAnswer {
	g := &s.m().Groups
	return s.bound(func(own *session) ShapeAnswer {
		found, step, err := own.requestSearch(g.SearchBase, g.scope(), g.filter(s.isGroup()), attributes(g.fields(), ""))
		a := told(step, err, step.Result == 0 && len(found) == 1)
		if !a.Good || g.ID == "" {
			return a
		}
		s.uuid = found[0].GetEqualFoldAttributeValue(g.UUID)
		id := found[0].GetEqualFoldAttributeValue(g.ID)
		if a.Good = id != ""; a.Good {
			a.Said += ", ID " + clip(id)
		} else {
			a.Said += " without ID"
		}
		return a
	})
}

// groupBy asks for the group by what it was found with.
func (s *side) groupBy(label, attribute, value string) ShapeAnswer {
	switch {
	case attribute == "":
		return skip(label + " is not mapped")
	case value == "":
		return ShapeAnswer{Said: "the group has none"}
	}
	return s.group(one, equal(attribute, value))
}

func (s *side) linuxGroup() ShapeAnswer {
	if s.sample.gid == "" {
		return skip("the group has no ID")
	}
	p := Place{ObjectClasses: []string{"posixGroup"}, SearchBase: s.m().Groups.SearchBase, SearchScope: s.m().Groups.SearchScope}
	asMember := func(n int, _ bool) bool { return (n > 0) == s.sample.member }
	return s.in(&p, "", asMember, equal("memberUid", s.sample.user), equal("gidNumber", s.sample.gid))
}

func (s *side) rootDSE() ShapeAnswer {
	return s.apart(func(own *session) ShapeAnswer {
		_, step, err := own.requestSearch("", goldap.ScopeBaseObject, everything, []string{"namingContexts", "supportedLDAPVersion"})
		return told(step, err, step.Result == 0 && step.Entries == 1)
	})
}

// bindAgain binds and searches twice on one connection.
func (s *side) bindAgain() ShapeAnswer {
	u := &s.m().Users
	return s.apart(func(own *session) (a ShapeAnswer) {
		for range 2 {
			step, err := own.requestBind(s.jamf.Account)
			if err != nil || step.Result != 0 {
				return told(step, err, false)
			}
			_, step, err = own.requestSearch(u.SearchBase, u.scope(), u.filter(s.isUser()), noAttributes)
			if a = told(step, err, step.Result == 0 && step.Entries == 1); !a.Good {
				return a
			}
		}
		return a
	})
}
