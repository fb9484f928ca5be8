package simulate

import (
	"fmt"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

func (s *session) tell(what, try string) {
	s.answer.Problems = append(s.answer.Problems, Problem{what, try})
}

// noun is what a search is for, in words.
type noun struct{ one, many, nameLabel, none string }

var (
	user = noun{"user", "users", "Username",
		`Compare it with the username in JumpCloud; see that the user is bound to JumpCloud LDAP, that "Search Base" and "Object Class(es)" of the user mappings are right, and that "Enable as LDAP Bind DN" is ticked for the user of "Distinguished Username".`}
	group = noun{"group", "groups", "Group Name",
		`Compare it with the name in the JumpCloud console; see that the group has members and is bound to JumpCloud LDAP, and, in groups.mode: posix, that it has a Linux group. "Search Base" and "Object Class(es)" of the group mappings have to be right.`}
)

// tellFound says what is wrong with what a search for a name has found.
func (s *session) tellFound(n noun, name string, part bool, entries []Entry) {
	switch {
	case len(entries) == 0 && part:
		s.tell(fmt.Sprintf("No %s has %q in its name.", n.one, clip(name)), n.none)
	case len(entries) == 0:
		s.tell(fmt.Sprintf("There is no %s with the name %q.", n.one, clip(name)), n.none)
	case len(entries) > 1 && !part:
		s.tell(fmt.Sprintf("%d %s have the name %q, and Jamf expects one.", len(entries), n.many, clip(name)),
			fmt.Sprintf(`Map %q to an attribute that tells them apart, or limit "Search Base" and "Object Class(es)".`, n.nameLabel))
	}
	s.tellMissing(n, entries)
}

// tellMissing names the mapped attributes that entries do not have, each once.
func (s *session) tellMissing(n noun, entries []Entry) {
	if len(entries) == 0 {
		return
	}
	for i := range entries[0].Rows {
		row, missing, first := &entries[0].Rows[i], 0, ""
		for j := range entries {
			if !entries[j].Rows[i].Missing {
				continue
			}
			if missing++; missing == 1 {
				first = entries[j].name(n)
			}
		}
		who := first + " has"
		switch {
		case missing == 0:
			continue
		case missing > 1:
			who = fmt.Sprintf("%s and %d more have", first, missing-1)
		}
		s.tell(fmt.Sprintf("%s no %s (%s).", who, row.Attribute, row.Label), howToFill(row))
	}
}

// name is what an administrator knows the entry by.
func (e *Entry) name(n noun) string {
	if name := e.value(n.nameLabel); name != "" {
		return name
	}
	return e.DN
}

// howToFill says how an entry gets the attribute of a row.
func howToFill(row *Row) string {
	switch row.Label {
	case "Group ID":
		return `Tick "Create Linux group for this user group" in JumpCloud, and add the pair of the two names to groups.pairs or set groups.discover.enabled: true. In groups.mode: off, and without the proxy, no group of the class groupOfNames has one.`
	case "Group UUID":
		return `Set groups.stable_uuid: true. Jamf Pro 11.29 and later cannot use a group without it in smart groups.`
	case "User UUID":
		return `Map "User UUID" to an attribute that every user has, such as uidNumber.`
	}
	return fmt.Sprintf("Fill it in for the user in JumpCloud, map %q to another attribute, or leave it empty in Jamf.", row.Label)
}

func (s *session) tellWithoutMembers() {
	for i := range s.answer.Groups {
		g := &s.answer.Groups[i]
		if g.Members != nil && *g.Members == 0 {
			s.tell(fmt.Sprintf("%s has no members (%s).", g.name(group), s.mappings.Membership.Attribute),
				`Compare "Member User Mapping" with the attributes of the group: member holds DNs, memberUid usernames.`)
		}
	}
}

// tellOtherForm finds out whether the user is in the group after all, only in
// the other of the two forms.
func (s *session) tellOtherForm(u, g *goldap.Entry, userName string) {
	m := &s.mappings.Membership
	const knob = `"Use distinguished name of member users when searching"`
	switch {
	case m.UseDN && holds(g, m.Attribute, userName):
		s.tell(fmt.Sprintf("The group has %s as a username, and Jamf asks with the DN.", clip(userName)),
			"Untick "+knob+`, or map "Member User Mapping" to member.`)
	case !m.UseDN && holds(g, m.Attribute, u.DN):
		s.tell(fmt.Sprintf("The group has %s as a DN, and Jamf asks with the username.", clip(userName)),
			"Tick "+knob+`, or map "Member User Mapping" to memberUid.`)
	}
}

func (s *session) tellCut(step Step) {
	if step.Entries >= maxEntries {
		s.tell(fmt.Sprintf("Only the first %d entries are shown. Jamf asks for all of them.", maxEntries), "Type more of the name.")
		return
	}
	s.tell(fmt.Sprintf("The directory ends its answers after %d entries, so Jamf does not get all either.", step.Entries),
		"Type more of the name, or have the limit of the directory raised for this account.")
}

func (s *session) tellSlowBind(step Step) {
	took, limit := time.Duration(step.Ms*float64(time.Millisecond)), s.mappings.ConnectionTimeout
	if limit > 0 && took > limit {
		s.tell(fmt.Sprintf("The bind took %v; Jamf gives up after %v.", took.Round(time.Millisecond), limit),
			`Raise "Connection Timeout" in Jamf. If the user confirms logins on a phone, exempt the account from that in JumpCloud.`)
	}
}
