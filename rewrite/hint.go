package rewrite

import (
	"slices"

	"jamf-ldap-proxy/internal/ldap"
)

// Hints tell an administrator which setting of Jamf or JumpCloud made a request
// come in a form that the directory would not have understood, or made an
// answer empty. The ids are stable: they are labels of a metric.
const (
	HintUsernameWhereDN    = "username-where-dn"
	HintDNWhereUsername    = "dn-where-username"
	HintSuffixStripped     = "suffix-stripped"
	HintMemberSubstring    = "member-substring"
	HintUppercaseUID       = "uppercase-uid"
	HintUnknownGroup       = "unknown-group"
	HintNoLinuxGroup       = "group-without-linux-group"
	HintGIDOnUnpaired      = "gid-on-unpaired"
	HintAmbiguousPair      = "ambiguous-pair"
	HintOutsideUsersBase   = "outside-users-base"
	HintEmptySearchText    = "empty-search-text"
	HintNotABindDNUser     = "not-a-bind-dn-user"
	HintTruncatedGroupDN   = "truncated-group-dn"
	HintUnpagedLargeResult = "unpaged-large-result"
	HintPosixNative        = "posix-native"
	HintPosixNameAsLegacy  = "posix-name-in-group"
	HintStaleAnswer        = "stale-answer"
	HintGuardedBase        = "guarded-base"
	HintGuardedBindDN      = "guarded-bind-dn"
	HintBindBackoff        = "bind-backoff"
)

// HintText explains each hint in the administrator's words: what caused it and
// what to change.
var HintText = map[string]string{
	HintUsernameWhereDN:    `Jamf asked for a member by user name where a DN belongs; tick "Use distinguished name of member users when searching" in the group membership mappings.`,
	HintDNWhereUsername:    `Jamf asked for memberUid with a DN; untick "Use distinguished name of member users when searching", or map "Member User Mapping" to member.`,
	HintSuffixStripped:     `A suffix from groups.strip_suffixes was cut from the user name; clear "Append to Username When Searching" in Jamf if it is not needed.`,
	HintMemberSubstring:    `Jamf searched members by a part of the name; directories do not support that for DNs, so the proxy matched the user names. Untick "Use Wildcards When Searching" if that is not wanted.`,
	HintUppercaseUID:       `The user name came with capital letters; group membership is case-sensitive at JumpCloud, so the lower-case name was tried as well. Map "Username" in Jamf to uid, so that Jamf uses the spelling of the directory.`,
	HintUnknownGroup:       `No group with this name was found; compare it with the name in the JumpCloud console, see that the group has members and is bound to JumpCloud LDAP, and, in mode posix, that it has a Linux group.`,
	HintNoLinuxGroup:       `This group has no Linux group, and mode posix shows only groups that have one; tick "Create Linux group for this user group" in JumpCloud, or set groups.mode: merge.`,
	HintGIDOnUnpaired:      `Jamf asked for the group ID of a group that no pair names, so it has none; tick "Create Linux group for this user group" in JumpCloud, add the pair to groups.pairs, or map "Group ID" in Jamf to cn.`,
	HintAmbiguousPair:      `More than one Linux group has the same members as this group, and the proxy does not guess; add the right pair to groups.pairs (the command pairs shows the candidates).`,
	HintOutsideUsersBase:   `The member DN does not lie directly below upstream.base, where JumpCloud keeps all users, so it is hardly a member of any group; compare the Search Base in Jamf's user mappings with upstream.base.`,
	HintEmptySearchText:    `The search box in Jamf was empty; the proxy answered with every entry that has the attribute. Type a part of the name for a shorter answer.`,
	HintNotABindDNUser:     `This user finds nothing in the directory; tick "Enable as LDAP Bind DN" for the user of Jamf's "Distinguished Username" in JumpCloud, and compare Jamf's Search Base with upstream.base.`,
	HintTruncatedGroupDN:   `The base DN is a single name without the directory behind it: Jamf's Java library cuts a DN at a "/" in a group name. Rename the group in JumpCloud so that it has no "/".`,
	HintUnpagedLargeResult: `The answer is large and Jamf did not ask for pages, so a limit of JumpCloud may have cut it; use a narrower Search Base or Object Class in Jamf's mappings, or type more of the name.`,
	HintPosixNative:        `The request is in the vocabulary of the directory (posixGroup, memberUid) and needed no translation; names and IDs are those of the Linux groups. Map "Object Class(es)" in Jamf to groupOfNames to get the groups of the JumpCloud console.`,
	HintStaleAnswer:        `The directory did not answer, so an answer was given that had been kept from before and may be out of date (cache.stale); see that the proxy reaches the servers of upstream.servers.`,
	HintBindBackoff:        `Too many wrong passwords came for this DN from this address, so this one was not passed on, right or wrong, to keep JumpCloud from locking the account (limits.failed_binds). Find the program that sends an old password; for the account that Jamf binds as, see limits.failed_binds_exempt.`,
	HintGuardedBase:        `The search base or DN is outside of guards.bases, so the directory was not asked; compare it with Jamf's Search Base, or add it to guards.bases.`,
	HintGuardedBindDN:      `This DN is not one of guards.bind_dns, so the directory was not asked and no failed login was counted there; add it to the list if it may bind.`,
	HintPosixNameAsLegacy:  `The request names a Linux group name; groups are known to Jamf by their JumpCloud name. Search for the name shown in the JumpCloud console.`,
}

func addOnce(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// askFor notes that the request asks for a group by its name.
func (p *Plan) askFor(f *ldap.Filter) {
	if f.Kind == ldap.FilterEquality && len(p.asked) < maxNames {
		p.asked = addOnce(p.asked, f.Value)
	}
}

// hintAsked says what is known beforehand of the groups that are asked for.
func (p *Plan) hintAsked() {
	t := p.rules.pairs
	for _, name := range p.asked {
		folded := ldap.FoldValue(name)
		switch {
		case t.byLegacy[folded] != nil:
		case t.byPosix[folded] != nil:
			p.Hint(HintPosixNameAsLegacy)
		case t.ambiguous[folded]:
			p.Hint(HintAmbiguousPair)
		case t.noLinuxGroup[folded] && p.rules.cfg.Mode == ModePosix:
			p.Hint(HintNoLinuxGroup)
		}
	}
}

// hintNoGID says why the group being encoded has no group ID although the
// client asked for it by name.
func (p *Plan) hintNoGID() {
	if len(p.group.pairs) > 0 || !p.selection.Named("gidNumber") {
		return
	}
	if value, _, ok := firstCN(p.group.dn); ok && len(p.rules.pairs.ambiguous) > 0 && p.rules.pairs.ambiguous[ldap.FoldValue(string(value))] {
		p.Hint(HintAmbiguousPair)
		return
	}
	p.Hint(HintGIDOnUnpaired)
}

// Answered adds the hints that only the answer gives: entries is how many the
// client got, code the result.
func (p *Plan) Answered(entries int, code ldap.ResultCode) {
	if !p.Bridged || !p.confined || entries > 0 || code != ldap.Success && code != ldap.NoSuchObject || len(p.asked) == 0 {
		return
	}
	for _, known := range []string{HintNoLinuxGroup, HintAmbiguousPair, HintPosixNameAsLegacy} {
		if slices.Contains(p.Hints, known) {
			return
		}
	}
	for _, name := range p.asked {
		if p.rules.pairs.ofLegacy(name) == nil && !(p.rules.cfg.Mode == ModeMerge && p.rules.pairs.noLinuxGroup[ldap.FoldValue(name)]) {
			p.Hint(HintUnknownGroup)
		}
	}
}

// isTruncatedDN recognises the base that is left of a group's DN with a slash
// in it: JNDI takes a DN in a Java String for a composite name and cuts there.
func isTruncatedDN(req *ldap.SearchRequest) bool {
	if req.Scope != ldap.ScopeBase || !startsLikeCN(req.Base) {
		return false
	}
	dn, err := ldap.ParseDN(req.Base)
	return err == nil && len(dn) == 1
}
