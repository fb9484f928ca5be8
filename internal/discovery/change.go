package discovery

import (
	"fmt"
	"slices"

	"jamf-ldap-proxy/internal/ldap"
)

// pairKey is a pair by the names that rules compare.
type pairKey struct{ legacy, posix string }

func keyOf(p *Pair) pairKey {
	return pairKey{ldap.FoldValue(p.Legacy), ldap.FoldValue(p.Posix)}
}

// keep carries over pairs of the result before that nothing speaks against:
// both groups are still there, and neither has found another candidate. Their
// members differ, because JumpCloud has changed one entry and not yet the
// other, for hours sometimes. Jamf must not lose a group over that.
//
// A pair that has become ambiguous is not kept: that would be a guess.
func (r *Result) keep(before *Result) {
	legacy, posix := byName(r.NoLinuxGroup), byName(r.NoLegacyGroup)
	for _, p := range before.Pairs {
		key := keyOf(&p)
		l, q := legacy[key.legacy], posix[key.posix]
		if p.Reason == Configured || len(l) != 1 || len(q) != 1 {
			continue
		}
		p.Reason, p.GID, p.Members = Kept, q[0].GID, l[0].Members
		r.Pairs = append(r.Pairs, p)
		delete(legacy, key.legacy)
		delete(posix, key.posix)
	}
	r.NoLinuxGroup, r.NoLegacyGroup = onlyIn(legacy, r.NoLinuxGroup), onlyIn(posix, r.NoLegacyGroup)
	slices.SortStableFunc(r.Pairs, comparePairs)
}

// comparePairs leaves the configured ones in front, in their order.
func comparePairs(a, b Pair) int {
	switch ca, cb := a.Reason == Configured, b.Reason == Configured; {
	case ca && cb:
		return 0
	case ca:
		return -1
	case cb:
		return 1
	}
	return compareNames(a.Legacy, b.Legacy)
}

func byName(list []Unpaired) map[string][]Unpaired {
	named := make(map[string][]Unpaired, len(list))
	for _, u := range list {
		name := ldap.FoldValue(u.Name)
		named[name] = append(named[name], u)
	}
	return named
}

func onlyIn(named map[string][]Unpaired, list []Unpaired) []Unpaired {
	return slices.DeleteFunc(list, func(u Unpaired) bool { return named[ldap.FoldValue(u.Name)] == nil })
}

// changes is what an administrator should hear of from one result to the next.
type changes struct {
	added, removed []string // pairs
	kept           []string // pairs whose members have come to differ
	gids           []string // pairs whose Linux group ID is another one now
	ambiguous      []string // groups that have become so
	doubts         []string // warnings that were not there before
}

func changesBetween(before, now *Result) changes {
	var c changes
	old := make(map[pairKey]*Pair, len(before.Pairs))
	for i := range before.Pairs {
		old[keyOf(&before.Pairs[i])] = &before.Pairs[i]
	}
	for i := range now.Pairs {
		p := &now.Pairs[i]
		was := old[keyOf(p)]
		delete(old, keyOf(p))
		if was == nil {
			c.added = append(c.added, p.String())
			continue
		}
		if was.GID != p.GID {
			c.gids = append(c.gids, fmt.Sprintf("%s: %d before", p, was.GID))
		}
		if p.Reason == Kept && was.Reason != Kept {
			c.kept = append(c.kept, p.String())
		}
	}
	for i := range before.Pairs {
		if p := &before.Pairs[i]; old[keyOf(p)] != nil {
			c.removed = append(c.removed, p.String())
		}
	}
	c.ambiguous = notIn(now.ambiguousNames(), before.ambiguousNames())
	c.doubts = notIn(now.Warnings, before.Warnings)
	return c
}

// String writes the pair for a log: gameOfThrones = got (7001).
func (p Pair) String() string {
	if p.GID == 0 {
		return p.Legacy + " = " + p.Posix
	}
	return fmt.Sprintf("%s = %s (%d)", p.Legacy, p.Posix, p.GID)
}

func (r *Result) ambiguousNames() []string {
	var names []string
	for _, a := range r.Ambiguous {
		for _, g := range a.Legacy {
			names = append(names, g.Name)
		}
		for _, g := range a.Posix {
			names = append(names, g.Name+" (Linux)")
		}
	}
	return names
}

// notIn returns the elements of list that others lacks.
func notIn(list, others []string) []string {
	known := make(map[string]bool, len(others))
	for _, s := range others {
		known[s] = true
	}
	var news []string
	for _, s := range list {
		if !known[s] {
			news = append(news, s)
		}
	}
	return news
}
