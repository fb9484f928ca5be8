package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

const linuxClass = "posixGroup"

// groups is what the account sees of groups, of either kind.
type groups struct {
	reading
	legacy, linux int
	legacyMembers int                 // memberships in groups of the legacy class
	empty         []string            // without members
	noGID         []string            // Linux groups without a number
	named         map[string][]string // Linux groups by GID
	strange       []string            // groups that name somebody who is no user
	stranger      string              // one of those
	sampleDN      string
}

// memberAttribute is where groups of a class keep their members.
func memberAttribute(class string) string {
	if ldap.IsClass(class, "groupOfUniqueNames") {
		return "uniqueMember"
	}
	return "member"
}

func (a *account) readGroups(ctx context.Context) *Finding {
	class := a.o.Config.Groups.LegacyClass
	a.groups = groups{named: map[string][]string{}}
	q := below(a.o.Config.Upstream.Base, fmt.Sprintf("(|(objectClass=%s)(objectClass=%s))", class, linuxClass),
		"objectClass", "cn", memberAttribute(class), "memberUid", "gidNumber")
	var err error
	a.groups.reading, err = a.readAll(ctx, q, func(e *goldap.Entry) { a.addGroup(e, class) })
	g := &a.groups
	switch {
	case err != nil:
		return searchFailed(err)
	case g.legacy == 0 && g.cut != "":
		return fail("not a single group: "+g.cut, raiseLimit)
	case g.legacy == 0:
		return a.noGroups(ctx, class)
	case g.sampleDN == "":
		return fail(fmt.Sprintf("%s, and none of them is %s", counted(g.legacy, "group"), a.o.Group),
			in(bindGroups, a.o.Group), "compare the name with the one in the JumpCloud console")
	case g.cut != "":
		return warn(fmt.Sprintf("at least %s: %s", counted(g.entries, "entry"), g.cut), raiseLimit, "the checks below know only these groups")
	}
	return ok("%s of the class %s", counted(g.legacy, "group"), class)
}

func (a *account) addGroup(e *goldap.Entry, class string) {
	g, label := &a.groups, name(e.DN)
	classes := e.GetEqualFoldAttributeValues("objectClass")
	is := func(name string) bool {
		return slices.ContainsFunc(classes, func(c string) bool { return ldap.IsClass(c, name) })
	}
	members := e.GetEqualFoldAttributeValues(memberAttribute(class))
	uids := e.GetEqualFoldAttributeValues("memberUid")
	if is(class) {
		g.legacy++
		g.legacyMembers += len(members)
		if g.sampleDN == "" && (a.o.Group == "" || strings.EqualFold(a.o.Group, label)) {
			g.sampleDN = e.DN
		}
	}
	if is(linuxClass) {
		g.linux++
		g.addGID(label, e.GetEqualFoldAttributeValue("gidNumber"))
		label += " (Linux)"
	}
	if len(members)+len(uids) == 0 {
		g.empty = append(g.empty, label)
	}
	g.addStranger(label, members, a.users.isUser)
	g.addStranger(label, uids, func(uid string) bool { return a.users.uids[uid] })
}

func (g *groups) addGID(name, gid string) {
	if n, err := strconv.ParseInt(gid, 10, 32); err != nil || n <= 0 {
		g.noGID = append(g.noGID, name)
		return
	}
	g.named[gid] = append(g.named[gid], name)
}

func (g *groups) addStranger(label string, members []string, isUser func(string) bool) {
	for _, m := range members {
		if !isUser(m) {
			if g.stranger == "" {
				g.stranger = m
			}
			g.strange = append(g.strange, label)
			return
		}
	}
}

// otherClasses are what other directories make groups of.
var otherClasses = []string{"groupOfNames", "groupOfUniqueNames", "group"}

func (a *account) noGroups(ctx context.Context, class string) *Finding {
	for _, other := range otherClasses {
		if ldap.IsClass(class, other) {
			continue
		}
		q := below(a.o.Config.Upstream.Base, "(objectClass="+other+")", nothing)
		q.SizeLimit = 1
		if seen, _, err := a.visible(ctx, q); err != nil || !seen {
			continue
		}
		return fail(fmt.Sprintf("no group of the class %s, but some of the class %s", class, other),
			"groups.legacy_class: "+other, fmt.Sprintf(`the same in %s, as "Object Class(es)" of the user group mappings, with %q as "Member User Mapping"`, jamfServer, memberAttribute(other)))
	}
	saw := fmt.Sprintf("not a single group of the class %s below %s", class, a.o.Config.Upstream.Base)
	if a.groups.linux > 0 {
		saw += fmt.Sprintf("; Linux groups there are: %d", a.groups.linux)
	}
	return fail(saw, bindGroups)
}

func (a *account) linuxGroups(context.Context) *Finding {
	g := &a.groups
	if g.linux > 0 {
		return ok("%s", counted(g.linux, "Linux group"))
	}
	saw := "none, and so no Group ID for Jamf"
	switch a.o.Config.Groups.Mode {
	case rewrite.ModePosix:
		return fail(saw+"; in groups.mode: posix Jamf sees no group at all", createLinux, "groups.mode: merge, to show the groups without an ID")
	default:
		return warn(saw, createLinux, fmt.Sprintf(`map "Group ID" to cn in %s`, jamfServer))
	}
}

func (a *account) gids(context.Context) *Finding {
	g := &a.groups
	var shared []string
	for _, gid := range slices.Sorted(maps.Keys(g.named)) {
		if names := g.named[gid]; len(names) > 1 {
			shared = append(shared, fmt.Sprintf("%s is %s", gid, listed(names)))
		}
	}
	switch {
	case g.linux == 0:
		return nil
	case len(shared) > 0:
		return fail("Jamf takes groups with one ID for one group: "+strings.Join(shared, "; "),
			"in JumpCloud, User Groups > NAME, give each Linux group a GID of its own")
	case len(g.noGID) > 0:
		return fail("without a number: "+listed(g.noGID), fmt.Sprintf("in JumpCloud, User Groups > %s, give the Linux group a GID", g.noGID[0]))
	}
	return ok("%s, all different", counted(len(g.named), "ID"))
}

func (a *account) members(context.Context) *Finding {
	g, class := &a.groups, a.o.Config.Groups.LegacyClass
	switch {
	case g.legacyMembers == 0:
		return fail(fmt.Sprintf("no group has a value of %s", memberAttribute(class)),
			"in JumpCloud, User Groups > NAME > Users, add users to the groups",
			fmt.Sprintf(`if they have users, the account may not read them, or groups.legacy_class is wrong; "Member User Mapping" in %s has to be %s`, jamfServer, memberAttribute(class)))
	case len(g.empty) > 0:
		return warn("without members: "+listed(g.empty), "in JumpCloud, User Groups > NAME > Users, add users, or remove the group")
	case len(g.strange) > 0 && a.users.cut == "":
		return warn(fmt.Sprintf("%s: a member is no user that the account sees, such as %s", listed(g.strange), g.stranger), bindUsers)
	}
	return ok("%s in groups of the class %s, of users that Jamf can find", counted(g.legacyMembers, "membership"), class)
}
