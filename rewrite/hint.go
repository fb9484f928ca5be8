package rewrite

// Hints tell an administrator which Jamf setting made a request come in a form
// that the directory would not have understood. The ids are stable: they are
// labels of a metric.
const (
	HintUsernameWhereDN   = "username-where-dn"   // member=<user name>
	HintDNWhereUsername   = "dn-where-username"   // memberUid=<DN>
	HintSuffixStripped    = "suffix-stripped"     // jdoe@example.com
	HintMemberSubstring   = "member-substring"    // member=*jdoe*
	HintUppercaseUID      = "uppercase-uid"       // member=uid=JDoe,...
	HintOutsideUsersBase  = "outside-users-base"  // member=cn=x,dc=elsewhere
	HintEmptySearchText   = "empty-search-text"   // cn=**
	HintPosixNameAsLegacy = "posix-name-in-group" // cn=got where gameOfThrones is the name
)

// HintText explains each hint in the administrator's words: what caused it and
// what to change in Jamf.
var HintText = map[string]string{
	HintUsernameWhereDN:   `Jamf asked for a member by user name where a DN belongs; tick "Use distinguished name of member users when searching" in the group membership mappings.`,
	HintDNWhereUsername:   `Jamf asked for memberUid with a DN; untick "Use distinguished name of member users when searching", or map membership to member.`,
	HintSuffixStripped:    `A suffix from groups.strip_suffixes was cut from the user name; clear "Append to Username When Searching" in Jamf if it is not needed.`,
	HintMemberSubstring:   `Jamf searched members by a part of the name; directories do not support that for DNs, so the proxy matched the user names.`,
	HintUppercaseUID:      `The user name came with capital letters; group membership is case-sensitive at JumpCloud, so the lower-case name was tried as well.`,
	HintOutsideUsersBase:  `The member DN does not lie directly below upstream.base, so no group can contain it; compare the Search Base in Jamf's user mappings with upstream.base.`,
	HintEmptySearchText:   `The search box in Jamf was empty; the proxy answered with every entry that has the attribute.`,
	HintPosixNameAsLegacy: `The request names a Linux group name; groups are known to Jamf by their JumpCloud name. Search for the name shown in the JumpCloud console.`,
}

// Rules name what was done to a request; they are labels of a metric too.
const (
	RuleClass           = "class"            // objectClass=groupOfNames -> posixGroup
	RulePosixHidden     = "posix-class"      // objectClass=posixGroup is false on the view
	RuleMemberDN        = "member-dn"        // member=<DN> -> memberUid=<user name>
	RuleMemberName      = "member-name"      // member=<user name> -> memberUid
	RuleMemberPresent   = "member-present"   // member=* -> memberUid=*
	RuleMemberSubstring = "member-substring" // member=*x* -> memberUid=*x*
	RuleMemberUID       = "memberuid-repair" // memberUid=<DN> -> memberUid=<user name>
	RuleGroupName       = "group-name"       // cn or ou by legacy name
	RuleBase            = "base"             // base DN by legacy name
	RuleAttributes      = "attributes"       // attribute list
	RuleEmptySubstring  = "empty-substring"  // (cn=**) -> (cn=*)
	RuleWidened         = "widened"          // evaluated again on each entry
	RuleSizeLimit       = "size-limit"       // counted by the proxy
)

func addOnce(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
