package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// Where things are, in the words of JumpCloud's console and of Jamf's pages.
const (
	jumpCloudURL = "ldaps://ldap.jumpcloud.com:636"
	mfaHost      = "ldap-mfa.jumpcloud.com"
	dnExample    = "uid=NAME,ou=Users,o=YOUR_ORG_ID,dc=jumpcloud,dc=com"

	jamfServer   = "Jamf, Settings > LDAP Servers"
	bindUsers    = "in JumpCloud, User Groups > NAME > Directories, tick LDAP for a group that holds the users: only users that are bound to JumpCloud LDAP are in it"
	bindGroups   = "in JumpCloud, User Groups > NAME > Directories, tick LDAP for each group that Jamf needs, and give it members: one without has no entry"
	createLinux  = `in JumpCloud, User Groups > NAME, tick "Create Linux group for this user group" and give it a name and a GID`
	enableBindDN = `in JumpCloud, Users > NAME, tick "Enable as LDAP Bind DN": other users may log in, but find nothing`
	raiseLimit   = "have the limit of the directory raised for the account"
)

// in puts the name into one of the texts above.
func in(text, name string) string { return strings.Replace(text, "NAME", name, 1) }

func counted(n int, what string) string {
	switch {
	case n == 1 || n == -1:
		return strconv.Itoa(n) + " " + what
	case strings.HasSuffix(what, "ry"):
		return strconv.Itoa(n) + " " + strings.TrimSuffix(what, "y") + "ies"
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// maxListed bounds the names in one sentence.
const maxListed = 5

// listed writes names as a, b and 3 more.
func listed(names []string) string {
	if len(names) <= maxListed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
}
