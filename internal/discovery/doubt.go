package discovery

import (
	"fmt"
	"slices"
	"strings"

	"jamf-ldap-proxy/rewrite"
)

// doubtsAbout holds the configured pairs against the directory. They stay as
// they are: an entry may be missing only because the group is empty today.
func doubtsAbout(configured []rewrite.PairConfig, legacy, posix *side) []string {
	var doubts []string
	doubt := func(format string, args ...any) {
		doubts = append(doubts, "groups.pairs: "+fmt.Sprintf(format, args...))
	}
	for _, c := range configured {
		l, p := legacy.find(c.Legacy), posix.find(c.Posix)
		if l == nil {
			doubt("the directory has no group %q, which is paired with Linux group %q", c.Legacy, c.Posix)
		}
		if p == nil {
			doubt("the directory has no Linux group %q, which is paired with %q", c.Posix, c.Legacy)
			continue
		}
		if l != nil && l.set != p.set {
			doubt("%q and Linux group %q are a pair, but do not have the same members (%d and %d); is it the right one?",
				c.Legacy, c.Posix, l.Members, p.Members)
		}
		if c.GID != 0 && p.GID != 0 && c.GID != p.GID {
			doubt("%q has gid %d, but Linux group %q has %d in the directory", c.Legacy, c.GID, c.Posix, p.GID)
		}
	}
	return doubts
}

// sharedGIDs finds group IDs that stand for more than one group. JumpCloud
// leaves it to the administrator to keep them apart.
func sharedGIDs(posix *side) []string {
	named := make(map[int][]string)
	for _, m := range posix.groups {
		if m.GID != 0 {
			named[m.GID] = append(named[m.GID], m.Name)
		}
	}
	var shared []int
	for gid, names := range named {
		if len(names) > 1 {
			shared = append(shared, gid)
		}
	}
	slices.Sort(shared)
	doubts := make([]string, len(shared))
	for i, gid := range shared {
		doubts[i] = fmt.Sprintf("gid %d belongs to %d Linux groups (%s): whoever goes by the ID takes them for one; give each its own in JumpCloud",
			gid, len(named[gid]), listed(named[gid]))
	}
	return doubts
}

// maxListed bounds a list of names in one sentence.
const maxListed = 10

// listed writes names as "a", "b" and 3 more.
func listed(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == maxListed {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", name)
	}
	return b.String()
}
