package jamf

import (
	"slices"
	"strconv"
	"strings"

	"jamf-ldap-proxy/internal/simulate"
)

const (
	labelMember   = "Member User Mapping"
	labelMemberDN = "Use distinguished name of member users when searching"
	labelGroups   = "Group Membership Mapping"
	labelGroupsDN = "Use distinguished name of user groups when searching"
	labelAppend   = "Append to Username When Searching"
)

func (c *checker) membership() {
	c.section = SectionMembership
	m := &c.server.Membership
	const label = "Membership Location"
	switch m.StoredIn {
	case simulate.GroupObject:
		c.ok(label, "Group Object", "JumpCloud lists members on the group.")
		c.inGroup(m)
	case simulate.UserObject:
		c.ok(label, "User Object", "JumpCloud lists groups on the user, too, in memberOf.")
		c.inUser(m)
	default:
		c.fail(label, string(m.StoredIn), "Jamf knows group object and user object.", string(simulate.GroupObject))
	}
	c.switches(m)
}

// inGroup judges memberships that the group lists.
func (c *checker) inGroup(m *Membership) {
	name := m.MemberAttribute
	switch {
	case name == "" && m.GroupsAttribute != "":
		c.fail(labelMember, "", labelGroups+" has "+clip(m.GroupsAttribute)+", which Jamf uses only when the location is User Object: it finds no membership, and says nothing about it.",
			c.site.memberAttribute())
		return
	case name == "":
		c.fail(labelMember, "", "Jamf finds no membership.", c.site.memberAttribute())
		return
	case c.attribute(labelMember, name):
		return
	}
	c.member(name, m.MemberUseDN)
	c.suffix(m)
	if m.MemberUseDN != m.GroupsUseDN {
		c.warn(labelMemberDN, ticked(m.MemberUseDN), "map_user_membership_use_dn is "+strconv.FormatBool(m.MemberUseDN)+" and use_dn "+strconv.FormatBool(m.GroupsUseDN)+
			" in the API; Jamf's documents disagree on which of the two counts here.", "give both the same value")
	}
}

// member judges the attribute together with the form of what is looked for in it.
func (c *checker) member(name string, useDN bool) {
	var (
		legacy, posix = c.vocabularies()
		ours          = c.site.memberAttribute()
		native        = posix && !legacy // asked as it is in the directory
	)
	switch {
	case is(name, ours) && native:
		c.fail(labelMember, name, "Linux groups have no "+ours+"; their members are usernames in memberUid.", "memberUid, and untick: "+labelMemberDN)
	case is(name, ours) && useDN:
		c.ok(labelMember, name, "The proxy answers it in either mode of groups.")
		c.ok(labelMemberDN, ticked(true), ours+" holds DNs.")
	case is(name, ours) && c.site.bridges():
		c.ok(labelMember, name, "Groups list their members there.")
		c.warn(labelMemberDN, ticked(false), ours+" holds DNs. The proxy takes a username there, too; other directories find nothing.", "tick it")
	case is(name, ours):
		c.fail(labelMemberDN, ticked(false), ours+" holds DNs, and groups.mode: off translates nothing: no membership is found.", "tick it")
	case is(name, "memberUid"):
		c.memberUID(name, useDN, native)
	case is(name, "member"), is(name, "uniqueMember"):
		c.fail(labelMember, name, "Groups of class "+c.site.LegacyClass+" (groups.legacy_class) list their members in "+ours+".", ours)
	case is(name, "memberOf"):
		c.fail(labelMember, name, "That is an attribute of users; groups do not have it.", ours)
	default:
		c.fail(labelMember, name, "JumpCloud's groups list their members in "+ours+" or, as Linux groups, in memberUid.", ours)
	}
}

func (c *checker) memberUID(name string, useDN, native bool) {
	switch {
	case !native && !c.site.bridges():
		c.fail(labelMember, name, "JumpCloud's groups of class "+c.site.LegacyClass+" have no memberUid, and groups.mode: off adds none.", c.site.memberAttribute())
	case !useDN:
		c.ok(labelMember, name, "The proxy knows the usernames of each group.")
		c.ok(labelMemberDN, ticked(false), "memberUid holds usernames.")
	case c.site.bridges():
		c.ok(labelMember, name, "The proxy knows the usernames of each group.")
		c.warn(labelMemberDN, ticked(true), "memberUid holds usernames. The proxy takes a DN there, too; other directories find nothing.", "untick it")
	default:
		c.fail(labelMemberDN, ticked(true), "memberUid holds usernames, and groups.mode: off translates nothing: no membership is found.", "untick it")
	}
}

// suffix judges what Jamf appends to a username that it looks for.
func (c *checker) suffix(m *Membership) {
	known := slices.ContainsFunc(c.site.StripSuffixes, func(s string) bool { return strings.EqualFold(s, m.AppendToUsername) })
	switch {
	case m.AppendToUsername == "":
	case m.MemberUseDN:
		c.ok(labelAppend, m.AppendToUsername, "Jamf does not use it with a DN.")
	case known && c.site.bridges():
		c.ok(labelAppend, m.AppendToUsername, "groups.strip_suffixes cuts it off.")
	case c.site.bridges():
		c.fail(labelAppend, m.AppendToUsername, "Members do not have it in their names, and the proxy does not know it.", "clear it, or groups.strip_suffixes: ["+strconv.Quote(m.AppendToUsername)+"]")
	default:
		c.fail(labelAppend, m.AppendToUsername, "Members do not have it in their names, and groups.mode: off cuts nothing off.", "clear it")
	}
}

// inUser judges memberships that the user lists.
func (c *checker) inUser(m *Membership) {
	name := m.GroupsAttribute
	switch {
	case name == "" && m.MemberAttribute != "":
		c.fail(labelGroups, "", labelMember+" has "+clip(m.MemberAttribute)+", which Jamf uses only when the location is Group Object: it finds no membership, and says nothing about it.", "memberOf")
		return
	case name == "":
		c.fail(labelGroups, "", "Jamf finds no membership.", "memberOf")
		return
	case c.attribute(labelGroups, name):
		return
	case !is(name, "memberOf"):
		c.fail(labelGroups, name, "JumpCloud's users list their groups in memberOf.", "memberOf")
		return
	}
	c.ok(labelGroups, name, "JumpCloud's users have it.")
	_, posix := c.vocabularies()
	switch {
	case !m.GroupsUseDN:
		c.fail(labelGroupsDN, ticked(false), "memberOf holds DNs.", "tick it")
	case posix:
		c.fail(labelGroupsDN, ticked(true), "memberOf holds the DNs of the groups of the console, not those of Linux groups.", "Membership Location: Group Object")
	default:
		c.ok(labelGroupsDN, ticked(true), "memberOf holds DNs.")
	}
	if m.MemberUseDN != m.GroupsUseDN {
		c.warn(labelGroupsDN, ticked(m.GroupsUseDN), "map_user_membership_use_dn is "+strconv.FormatBool(m.MemberUseDN)+" and use_dn "+strconv.FormatBool(m.GroupsUseDN)+
			" in the API; Jamf's documents disagree on which of the two counts here.", "give both the same value")
	}
}

// switches judges what holds for both locations.
func (c *checker) switches(m *Membership) {
	if m.UseCompare && m.StoredIn == simulate.GroupObject {
		c.ok("Use the LDAP compare operation when searching", ticked(true), "The proxy answers a compare as it does a search.")
	}
	if m.Recursive {
		c.warn("Use recursive group searches", ticked(true), "JumpCloud's groups have no groups in them; each membership costs a lookup more.", "untick it")
	}
	if m.usesOther() {
		c.warn("Username Mapping", m.Username, "The fields of a membership object are filled in; with JumpCloud there is no such object.", "Membership Location: Group Object")
	}
}
