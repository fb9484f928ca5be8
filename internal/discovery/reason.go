package discovery

// Reason says why groups are paired or not. It is a stable name, for programs;
// Why and Try are for administrators.
type Reason string

// Reasons of pairs.
const (
	Configured  Reason = "configured"
	NamesAgree  Reason = "names-agree"
	OnlyMembers Reason = "only-members"
	Kept        Reason = "kept"
)

// Reasons of groups without a pair.
const (
	NoLinuxGroup  Reason = "no-linux-group"
	NoLegacyGroup Reason = "no-legacy-group"
	OtherMembers  Reason = "other-members"
)

// Reasons of groups with more than one candidate.
const (
	SameMembers Reason = "same-members"
	NoMembers   Reason = "no-members"
	SameName    Reason = "same-name"
)

var reasonTexts = map[Reason]struct{ why, try string }{
	Configured:  {"given in groups.pairs", ""},
	NamesAgree:  {"same members, and the names agree", ""},
	OnlyMembers: {"same members, which no other group has", ""},
	Kept:        {"had the same members before, and both groups are still there", "add the pair to groups.pairs if it is right"},

	NoLinuxGroup:  {"no Linux group has the same members", `tick "Create Linux group for this user group" in JumpCloud`},
	NoLegacyGroup: {"no group of the console has the same members", "bind the user group to the LDAP directory in JumpCloud"},
	OtherMembers:  {"a group of the other kind has this name, but other members", "compare the two in JumpCloud; if they are one group, add the pair to groups.pairs"},

	SameMembers: {"more than one group has these members", "add the right pair to groups.pairs"},
	NoMembers:   {"these groups have no members to tell them by", "add the right pair to groups.pairs"},
	SameName:    {"two groups have the same name, and pairs go by names", "rename one of them"},
}

// Why is the reason as one sentence without its full stop.
func (r Reason) Why() string { return reasonTexts[r].why }

// Try says what to do about it; "" when there is nothing to do.
func (r Reason) Try() string { return reasonTexts[r].try }
