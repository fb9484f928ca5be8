package jamf

import (
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/simulate"
)

func (c *checker) groups() {
	c.section = SectionGroups
	g := &c.server.Groups
	c.place(&g.Place)
	c.groupClasses(&g.Place)
	if !c.attribute("Group ID", g.ID) {
		c.groupID(g.ID)
	}
	if !c.attribute("Group Name", g.Name) {
		c.groupName(g.Name)
	}
	if !c.attribute("Group UUID", g.UUID) {
		c.groupUUID(g.UUID)
	}
}

// legacy and posix tell which of the two vocabularies the classes are from.
func (c *checker) vocabularies() (legacy, posix bool) {
	for _, class := range c.server.Groups.ObjectClasses {
		legacy = legacy || strings.EqualFold(class, c.site.LegacyClass)
		posix = posix || strings.EqualFold(class, "posixGroup")
	}
	return legacy, posix
}

func (c *checker) groupClasses(p *simulate.Place) {
	const label = "Object Class(es)"
	value := strings.Join(p.ObjectClasses, ", ")
	legacy, posix := c.vocabularies()
	var wrong []string
	for _, class := range p.ObjectClasses {
		if !slices.Contains([]string{"top", "posixgroup", strings.ToLower(c.site.LegacyClass)}, strings.ToLower(class)) {
			wrong = append(wrong, class)
		}
	}
	isAny := p.AnyOrAll == simulate.Any
	switch {
	case value == "":
		c.warn(label, "", "Every entry counts, users and both entries of each group.", c.site.LegacyClass)
	case !legacy && !posix:
		c.noGroupClass(label, value)
	case legacy && posix && !isAny:
		c.fail(label, value, "No group has both: JumpCloud has them as two entries, and the proxy shows one of class "+c.site.LegacyClass+".", c.site.LegacyClass)
	case len(wrong) > 0 && !isAny:
		c.fail(label, value, "No group has all of them: groups are not "+list(wrong)+".", c.site.LegacyClass)
	case legacy && posix:
		c.warn(label, value, "Each group may be found twice, by its name in the console and by its Linux name.", c.site.LegacyClass)
	case posix && c.site.bridges():
		c.warn(label, value, "The proxy answers with the Linux groups as they are: scopes that name a group of the console find nothing, and groups without a Linux group are missing.", c.site.LegacyClass)
	case posix:
		c.ok(label, value, "JumpCloud's Linux groups, under their Linux names.")
	case !c.site.bridges():
		c.warn(label, value, "With groups.mode: off these groups have no ID.", "set groups.mode: posix or merge")
	default:
		c.ok(label, value, "groups.legacy_class.")
	}
}

// noGroupClass says what to do about classes of which none is a group's.
func (c *checker) noGroupClass(label, value string) {
	for _, known := range []string{"groupOfNames", "groupOfUniqueNames"} {
		if slices.ContainsFunc(c.server.Groups.ObjectClasses, func(class string) bool { return strings.EqualFold(class, known) }) {
			c.fail(label, value, "The proxy shows groups of class "+c.site.LegacyClass+" (groups.legacy_class), and JumpCloud has none of this one.",
				c.site.LegacyClass+", or groups.legacy_class: "+known)
			return
		}
	}
	c.fail(label, value, "JumpCloud's groups do not have this class.", c.site.LegacyClass)
}

func (c *checker) groupID(name string) {
	const label = "Group ID"
	legacy, posix := c.vocabularies()
	switch {
	case name == "":
		c.fail(label, "", "Jamf cannot keep a group without an ID.", "gidNumber")
	case is(name, "gidNumber") && !c.site.bridges() && legacy && !posix:
		c.fail(label, name, "JumpCloud's groups of class "+c.site.LegacyClass+" have none, and groups.mode: off adds none.", "groups.mode: posix or merge")
	case is(name, "gidNumber"):
		c.ok(label, name, groupIDReason(c.site))
	case is(name, "cn"), is(name, "entryUUID"):
		c.ok(label, name, "Every group has it; scopes of another ID do not find the group any more.")
	case is(name, "uid"), is(name, "uidNumber"):
		c.fail(label, name, "That is an attribute of users.", "gidNumber")
	default:
		c.warn(label, name, "It is not known whether JumpCloud's groups have it.", "gidNumber")
	}
}

func (c *checker) groupName(name string) {
	const label = "Group Name"
	switch {
	case name == "":
		c.fail(label, "", "Jamf cannot look for a group.", "cn")
	case is(name, "cn"):
		c.ok(label, name, "Scopes name groups by it; capitals count there.")
	case is(name, "ou"):
		c.warn(label, name, "Only groups of the console have it.", "cn")
	default:
		c.fail(label, name, "JumpCloud's groups have their name in cn.", "cn")
	}
}

func (c *checker) groupUUID(name string) {
	const label = "Group UUID"
	switch {
	case name == "":
		c.warn(label, "", "Jamf Pro 11.29 and later cannot use a group without it in smart groups.", "entryUUID")
	case !is(name, "entryUUID"):
		c.warn(label, name, "Jamf Pro 11.29 and later expect a UUID.", "entryUUID")
	case c.site.Mode == ModePosix && !c.site.StableUUID:
		c.ok(label, name, "That of the Linux group; groups.stable_uuid: true makes it the same in every mode.")
	default:
		c.ok(label, name, "Every group has one.")
	}
}
