package discovery

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"unicode"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// Groups is every group of the directory, of either kind.
type Groups struct {
	Legacy []Group // entries of the legacy class, named as in the console
	Posix  []Group // posixGroup entries, by Linux name
}

// Result says of every group which other one it is, or why that is not known.
// It depends on the groups alone, not on the order in which they came.
type Result struct {
	Pairs         []Pair      // the configured ones in their order, then the others by console name
	Ambiguous     []Ambiguity // each group is in one of them at most
	NoLinuxGroup  []Unpaired  // groups of the legacy vocabulary
	NoLegacyGroup []Unpaired  // Linux groups
	Warnings      []string    // what an administrator should look at, one sentence each
}

// Pair is two entries that are one group.
type Pair struct {
	rewrite.PairConfig
	Reason  Reason
	Members int // 0 for a configured pair of which the directory has no entry
}

// Ambiguity is a set of groups among which the evidence does not decide: each
// on one side is a candidate for each on the other.
type Ambiguity struct {
	Legacy, Posix []Group
	Reason        Reason
}

// Unpaired is a group without any candidate.
type Unpaired struct {
	Group
	Reason Reason
	Like   string // with OtherMembers: the group of the other kind that has this name
}

// Match pairs groups. The names in configured are taken out first; the rest is
// decided by evidence, in this order:
//
//  1. the names are equal but for capitals, spaces and punctuation, and the
//     members are the same;
//  2. the members are the same, there are some, and no third group that is
//     left has them.
//
// A rule that fits more than one group fits none: those are ambiguous.
func Match(groups Groups, configured []rewrite.PairConfig) Result {
	legacy, posix := newSide(groups.Legacy), newSide(groups.Posix)
	var r Result
	r.Pairs = takeConfigured(configured, legacy, posix)
	r.Warnings = append(doubtsAbout(configured, legacy, posix), sharedGIDs(posix)...)
	found := append(
		pairBy(legacy, posix, NamesAgree, func(m *member) (evidence, bool) {
			return evidence{m.squashed, m.set}, m.squashed != ""
		}),
		pairBy(legacy, posix, OnlyMembers, func(m *member) (evidence, bool) {
			return evidence{set: m.set}, m.Members > 0
		})...)
	slices.SortFunc(found, func(a, b Pair) int { return compareNames(a.Legacy, b.Legacy) })
	r.Pairs = append(r.Pairs, found...)
	r.report(legacy, posix)
	return r
}

// side is the groups of one kind, in an order that is always the same.
type side struct {
	groups []*member
	named  map[string][]*member // by folded name
}

// member is a group on its side.
type member struct {
	Group
	folded   string // as rules compare names
	squashed string // as rule 1 does
	taken    bool   // in a pair, or its name is in one
}

func newSide(groups []Group) *side {
	s := &side{groups: make([]*member, len(groups)), named: make(map[string][]*member, len(groups))}
	for i, g := range groups {
		s.groups[i] = &member{Group: g, folded: ldap.FoldValue(g.Name), squashed: squash(g.Name)}
	}
	slices.SortFunc(s.groups, func(a, b *member) int {
		return cmp.Or(
			cmp.Compare(a.folded, b.folded), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.GID, b.GID), bytes.Compare(a.set[:], b.set[:]))
	})
	for _, m := range s.groups {
		s.named[m.folded] = append(s.named[m.folded], m)
	}
	return s
}

// compareNames orders names as people look for them.
func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(ldap.FoldValue(a), ldap.FoldValue(b)), cmp.Compare(a, b))
}

// squash leaves the letters and digits of a name, in lower case.
func squash(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// alone tells whether m is the only group of its side with its name; of two, a
// pair would mean both.
func (s *side) alone(m *member) bool { return len(s.named[m.folded]) == 1 }

// find returns the first group of a name, or nil.
func (s *side) find(name string) *member {
	if found := s.named[ldap.FoldValue(name)]; len(found) > 0 {
		return found[0]
	}
	return nil
}

// take keeps the groups of a name from being paired again.
func (s *side) take(name string) {
	for _, m := range s.named[ldap.FoldValue(name)] {
		m.taken = true
	}
}

// takeConfigured returns the configured pairs, with what the directory adds.
func takeConfigured(configured []rewrite.PairConfig, legacy, posix *side) []Pair {
	pairs := make([]Pair, 0, len(configured))
	for _, c := range configured {
		p := Pair{PairConfig: c, Reason: Configured}
		legacy.take(c.Legacy)
		if m := legacy.find(c.Legacy); m != nil {
			p.Members = m.Members
		}
		posix.take(c.Posix)
		if m := posix.find(c.Posix); m != nil {
			p.Members, p.GID = m.Members, cmp.Or(c.GID, m.GID)
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// evidence is what two groups must have in common.
type evidence struct {
	name string
	set  [sha256.Size]byte
}

// class is the groups that have an evidence in common.
type class struct{ legacy, posix []*member }

// classes sorts the groups that are left by their evidence. Those that give
// none are left out.
func classes(legacy, posix *side, of func(*member) (evidence, bool)) map[evidence]*class {
	all := make(map[evidence]*class)
	get := func(e evidence) *class {
		if all[e] == nil {
			all[e] = new(class)
		}
		return all[e]
	}
	for _, m := range legacy.groups {
		if e, ok := of(m); ok && !m.taken {
			c := get(e)
			c.legacy = append(c.legacy, m)
		}
	}
	for _, m := range posix.groups {
		if e, ok := of(m); ok && !m.taken {
			c := get(e)
			c.posix = append(c.posix, m)
		}
	}
	return all
}

// pairBy pairs what an evidence points to without a doubt. All classes are made
// before the first pair, so that no pair depends on another of the same rule.
func pairBy(legacy, posix *side, reason Reason, of func(*member) (evidence, bool)) []Pair {
	var pairs []Pair
	for _, c := range classes(legacy, posix, of) {
		if len(c.legacy) != 1 || len(c.posix) != 1 {
			continue
		}
		l, p := c.legacy[0], c.posix[0]
		if !legacy.alone(l) || !posix.alone(p) {
			continue
		}
		l.taken, p.taken = true, true
		pairs = append(pairs, Pair{
			PairConfig: rewrite.PairConfig{Legacy: l.Name, Posix: p.Name, GID: p.GID},
			Reason:     reason, Members: l.Members,
		})
	}
	return pairs
}

// report says of each group that is left why.
func (r *Result) report(legacy, posix *side) {
	left := classes(legacy, posix, func(m *member) (evidence, bool) { return evidence{set: m.set}, true })
	for _, c := range left {
		if len(c.legacy) > 0 && len(c.posix) > 0 {
			r.Ambiguous = append(r.Ambiguous, c.ambiguity())
		}
	}
	slices.SortFunc(r.Ambiguous, func(a, b Ambiguity) int {
		return cmp.Or(compareNames(a.Legacy[0].Name, b.Legacy[0].Name), bytes.Compare(a.Legacy[0].set[:], b.Legacy[0].set[:]))
	})
	r.NoLinuxGroup = unpaired(legacy, posix, NoLinuxGroup)
	r.NoLegacyGroup = unpaired(posix, legacy, NoLegacyGroup)
}

// ambiguity takes the groups of a class.
func (c *class) ambiguity() Ambiguity {
	a := Ambiguity{Reason: SameMembers}
	for _, m := range c.legacy {
		m.taken = true
		a.Legacy = append(a.Legacy, m.Group)
	}
	for _, m := range c.posix {
		m.taken = true
		a.Posix = append(a.Posix, m.Group)
	}
	switch {
	case a.Legacy[0].Members == 0:
		a.Reason = NoMembers
	case len(a.Legacy) == 1 && len(a.Posix) == 1:
		a.Reason = SameName
	}
	return a
}

// unpaired returns the groups of a side that nothing was found for.
func unpaired(s, others *side, reason Reason) []Unpaired {
	like := make(map[string]string)
	for _, m := range others.groups {
		if _, known := like[m.squashed]; !known && !m.taken && m.squashed != "" {
			like[m.squashed] = m.Name
		}
	}
	var list []Unpaired
	for _, m := range s.groups {
		if m.taken {
			continue
		}
		u := Unpaired{Group: m.Group, Reason: reason, Like: like[m.squashed]}
		if u.Like != "" {
			u.Reason = OtherMembers
		}
		list = append(list, u)
	}
	return list
}

// Discovered is what the rules have to know of r.
func (r *Result) Discovered() rewrite.Discovered {
	var d rewrite.Discovered
	for _, p := range r.Pairs {
		if p.Reason != Configured {
			d.Pairs = append(d.Pairs, p.PairConfig)
		}
	}
	for _, u := range r.NoLinuxGroup {
		d.NoLinuxGroup = append(d.NoLinuxGroup, u.Name)
	}
	for _, u := range r.NoLegacyGroup {
		d.NoLegacyGroup = append(d.NoLegacyGroup, u.Name)
	}
	for _, a := range r.Ambiguous {
		for _, g := range slices.Concat(a.Legacy, a.Posix) {
			d.Ambiguous = append(d.Ambiguous, g.Name)
		}
	}
	return d
}
