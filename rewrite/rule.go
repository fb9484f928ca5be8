package rewrite

// Rules name what was done to a request; the names are labels of a metric.
const (
	RuleClass             = "class"
	RulePosixHidden       = "posix-class"
	RuleMemberDN          = "member-dn"
	RuleMemberName        = "member-name"
	RuleMemberPresent     = "member-present"
	RuleMemberSubstring   = "member-substring"
	RuleMemberUID         = "memberuid-repair"
	RuleMemberUIDAsMember = "memberuid-as-member"
	RuleGroupName         = "group-name"
	RuleGroupID           = "group-id"
	RuleGroupIDRead       = "group-id-read"
	RuleStableUUID        = "stable-uuid"
	RuleBase              = "base"
	RuleAttributes        = "attributes"
	RuleEmptySubstring    = "empty-substring"
	RuleWidened           = "widened"
	RuleSizeLimit         = "size-limit"
)

// RuleText says of each rule what it does and why.
var RuleText = map[string]string{
	RuleClass:             `JumpCloud keeps the group ID in the posixGroup entry, so groups of the legacy class are looked for there.`,
	RulePosixHidden:       `A group is shown with the legacy class only, so it is no posixGroup to a request in that vocabulary.`,
	RuleMemberDN:          `The DN of a member becomes what the directory stores for that user.`,
	RuleMemberName:        `A bare user name in the member attribute is read as that user.`,
	RuleMemberPresent:     `A group has members in the legacy vocabulary when it has memberUid values.`,
	RuleMemberSubstring:   `Directories cannot compare parts of a DN; parts of a member are compared with the user name.`,
	RuleMemberUID:         `memberUid holds user names: of a DN the user name is taken, and a configured suffix is cut off.`,
	RuleMemberUIDAsMember: `A legacy group has no memberUid; its user names are those of its member DNs.`,
	RuleGroupName:         `The name is one from the JumpCloud console; the Linux group has another, which the pair table knows.`,
	RuleGroupID:           `A legacy group has no gidNumber; the pair table knows the one of its Linux group, so that is asked for by name.`,
	RuleGroupIDRead:       `The pair names no Linux group ID, so it was read from the Linux group first, once.`,
	RuleStableUUID:        `groups.stable_uuid: the UUID of a group is made from its DN and stands in no entry upstream.`,
	RuleBase:              `The base DN names a group by its console name; the directory has its entry under the Linux name.`,
	RuleAttributes:        `An attribute that the view makes is requested in the form in which the directory has it.`,
	RuleEmptySubstring:    `An empty search box arrives as (attribute=**), which directories refuse; it means: has the attribute.`,
	RuleWidened:           `A part of the filter could only be approximated, so the original filter is checked again on each entry.`,
	RuleSizeLimit:         `Some entries may be dropped on the way, so the size limit is counted by the proxy.`,
}
