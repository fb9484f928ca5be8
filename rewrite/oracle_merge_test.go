package rewrite_test

// Mode merge: the groups of the view are the legacy groups themselves, given
// what only their Linux groups say.

import (
	"slices"
	"strconv"

	"jamf-ldap-proxy/internal/ldap"
)

// mergeView completes the legacy groups and hides the Linux groups that are
// known to be theirs; everything else stays. A Linux group without a pair stays
// too, for it may be the only entry of its group.
func (o oracle) mergeView(e entry) (shown entry, visible bool) {
	switch {
	case e.isA(o.LegacyClass):
		return o.mergeViewEntry(e), true
	case e.isA("posixGroup") && slices.ContainsFunc(e.values("cn"), o.isPosixName):
		return entry{}, false
	}
	return e, true
}

// mergeViewEntry keeps what the entry says, its name and its members above all.
// Only memberUid is made anew, for it has to say the same as the members.
func (o oracle) mergeViewEntry(e entry) entry {
	v := entry{dn: e.dn}
	for _, a := range e.attrs {
		switch {
		case sameType(a.desc, "objectClass"):
			v.add(a.desc, withoutPosixGroup(a.values)...)
		case sameType(a.desc, "memberUid"):
		case sameType(a.desc, o.legacyAttribute()):
			v.add(a.desc, a.values...)
			v.add("memberUid"+optionsOf(a.desc), o.uidsOf(a.values)...)
		default:
			v.add(a.desc, a.values...)
		}
	}
	if len(e.values("gidNumber")) == 0 {
		v.add("gidNumber", o.gidsOf(e)...)
	}
	return v
}

func withoutPosixGroup(classes []string) []string {
	return slices.DeleteFunc(slices.Clone(classes), func(class string) bool { return sameClass(class, "posixGroup") })
}

// uidsOf returns the user names of the members that are users. No two are the
// same: a directory does not store equal DNs twice.
func (o oracle) uidsOf(members []string) []string {
	var uids []string
	for _, member := range members {
		if uid, kind := o.userOf(member); kind == isUser {
			uids = append(uids, uid)
		}
	}
	return uids
}

// gidsOf returns the group IDs that the pair table knows for a legacy group.
// There are several when the group has several names and they are in several
// pairs: which is the right one is not known.
func (o oracle) gidsOf(e entry) []string {
	var gids []string
	for _, p := range o.Pairs {
		paired := slices.ContainsFunc(e.values("cn"), func(cn string) bool { return fold(cn) == fold(p.Legacy) })
		if gid := strconv.Itoa(p.GID); paired && p.GID > 0 && !slices.Contains(gids, gid) {
			gids = append(gids, gid)
		}
	}
	return gids
}

// Assertions with a meaning of their own.

// mergeMemberLeaf is an assertion on the legacy member attribute. It is judged
// by the members as the view has them: an assertion that means a user is one of
// that user's DN. Only pieces are looked for in the user names, so that those
// of the users base do not match every member.
func (o oracle) mergeMemberLeaf(f *ldap.Filter, shown entry) truth {
	switch {
	case !understandsMember(f):
		return undefined
	case f.Kind == ldap.FilterPresent:
		return presence(f.Attr, shown)
	case f.Kind == ldap.FilterSubstrings && !o.isGroup(shown):
		return no // a Linux group without a pair has memberUid, and no member
	case f.Kind == ldap.FilterSubstrings:
		return o.memberSubstrings(f.Substrings, shown.values("memberUid"+optionsOf(f.Attr)))
	}
	asserted := f.Value
	switch uid, kind := o.userOf(f.Value); kind {
	case isUser, isBare:
		asserted = o.memberDN(o.stripped(uid))
	case isMalformed:
		return undefined
	}
	return equality(distinguishedName, shown.values(f.Attr), asserted)
}

// mergeMemberUIDEquality is (memberUid=x) on a group of the view. Its user names
// come from member DNs, in which case and spaces do not count, so they do not
// count here either.
func (o oracle) mergeMemberUIDEquality(f *ldap.Filter, group entry) truth {
	wanted := o.repaired(f.Value)
	return truthOf(slices.ContainsFunc(group.values(f.Attr), func(uid string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return fold(w) == fold(uid) })
	}))
}
