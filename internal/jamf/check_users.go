package jamf

import (
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/simulate"
)

// userClasses are classes of JumpCloud's users, groupClasses those of any groups;
// both in lower case.
var (
	userClasses  = []string{"top", "person", "organizationalperson", "inetorgperson", "posixaccount", "shadowaccount", "jumpclouduser"}
	groupClasses = []string{"groupofnames", "groupofuniquenames", "posixgroup", "group"}
)

func (c *checker) users() {
	c.section = SectionUsers
	u := &c.server.Users
	c.place(&u.Place)
	c.userClasses(&u.Place)
	for _, f := range []struct{ label, name string }{
		{"User ID", u.UserID}, {"Username", u.Username}, {"Real Name", u.RealName}, {"Email Address", u.Email},
		{"Department", u.Department}, {"Building", u.Building}, {"Room", u.Room}, {"Phone", u.Phone}, {"Position", u.Position},
		{"User UUID", u.UUID},
	} {
		if !c.attribute(f.label, f.name) {
			c.userAttribute(f.label, f.name)
		}
	}
	if u.AppendToEmail != "" && is(u.Email, "mail") {
		c.warn("Append to Email Results", u.AppendToEmail, "mail is a whole address already, and Jamf appends this to it.", "clear it")
	}
}

func (c *checker) userClasses(p *simulate.Place) {
	const label, instead = "Object Class(es)", "inetOrgPerson"
	value := strings.Join(p.ObjectClasses, ", ")
	var ours, wrong []string
	for _, class := range p.ObjectClasses {
		if slices.Contains(userClasses, strings.ToLower(class)) {
			ours = append(ours, class)
		} else {
			wrong = append(wrong, class)
		}
	}
	areGroups := slices.ContainsFunc(p.ObjectClasses, func(class string) bool { return slices.Contains(groupClasses, strings.ToLower(class)) })
	switch {
	case value == "":
		c.warn(label, "", "Every entry counts, groups too.", instead)
	case len(ours) == 0 && areGroups:
		c.fail(label, value, "That is a class of groups.", instead)
	case len(ours) == 0:
		c.fail(label, value, "JumpCloud's users do not have this class.", instead)
	case len(wrong) > 0 && p.AnyOrAll != simulate.Any:
		c.fail(label, value, "No user has all of them: JumpCloud's users are not "+list(wrong)+".", instead)
	case len(wrong) > 0 && areGroups:
		c.warn(label, value, "Groups count as users, too.", instead)
	default:
		c.ok(label, value, "JumpCloud's users have it.")
	}
}

func (c *checker) userAttribute(label, name string) {
	switch label {
	case "Username":
		switch {
		case name == "":
			c.fail(label, "", "Jamf cannot look for anybody.", "uid")
		case is(name, "uid"), is(name, "mail"):
			c.ok(label, name, "Jamf looks for users by it; logins have to be written in the same form.")
		default:
			c.warn(label, name, "People log in with their username or mail address in JumpCloud.", "uid")
		}
		return
	case "User ID":
		if name == "" {
			c.fail(label, "", "Jamf needs one that is unique.", "uid")
			return
		}
	case "User UUID":
		if name == "" {
			c.warn(label, "", "Jamf cannot tell users apart after a rename.", "entryUUID")
			return
		}
	}
	if name != "" {
		c.ok(label, name, "An attribute of the user.")
	}
}
