package discovery_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// sketch is a group as drawn: few names and few members, so that they collide.
type sketch struct {
	name    string
	id      int
	members []string
}

func (s sketch) group() discovery.Group { return group(s.name, s.id, s.members...) }

// set is the members as the rules compare them.
func (s sketch) set() string {
	folded := map[string]bool{}
	for _, m := range s.members {
		folded[strings.ToLower(m)] = true
	}
	var list []string
	for m := range folded {
		list = append(list, m)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func (s sketch) plain() string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "!", "").Replace(s.name))
}

func drawSide(t *rapid.T, label string, members []string) []sketch {
	n := rapid.IntRange(0, 7).Draw(t, label)
	list := make([]sketch, n)
	for i := range list {
		list[i] = sketch{
			name:    rapid.StringMatching(`[ab]( |-)?[AB]?!?`).Draw(t, "name"),
			id:      i + 1,
			members: rapid.SliceOfN(rapid.SampledFrom(members), 0, 3).Draw(t, "members"),
		}
	}
	return list
}

func drawWorld(t *rapid.T) (legacy, posix []sketch, configured []rewrite.PairConfig) {
	legacy = drawSide(t, "legacy", []string{"x", "X", "y", "cn=z"})
	posix = drawSide(t, "posix", []string{"x", "y", "Y"})
	// One of each name at most, as the rules demand.
	seenLegacy, seenPosix := map[string]bool{}, map[string]bool{}
	for i := range min(len(legacy), len(posix), rapid.IntRange(0, 2).Draw(t, "configured")) {
		l, p := legacy[i].name, posix[i].name
		if !seenLegacy[ldap.FoldValue(l)] && !seenPosix[ldap.FoldValue(p)] {
			configured = append(configured, rewrite.PairConfig{Legacy: l, Posix: p})
		}
		seenLegacy[ldap.FoldValue(l)], seenPosix[ldap.FoldValue(p)] = true, true
	}
	return legacy, posix, configured
}

func groupsOf(legacy, posix []sketch) (g discovery.Groups) {
	for _, s := range legacy {
		g.Legacy = append(g.Legacy, s.group())
	}
	for _, s := range posix {
		g.Posix = append(g.Posix, s.group())
	}
	return g
}

// TestTheOrderOfEntriesDoesNotMatter: directories return entries as they like.
func TestTheOrderOfEntriesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legacy, posix, configured := drawWorld(t)
		one := discovery.Match(groupsOf(legacy, posix), configured)
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 0))
		for _, list := range [][]sketch{legacy, posix} {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for _, s := range list {
				r.Shuffle(len(s.members), func(i, j int) { s.members[i], s.members[j] = s.members[j], s.members[i] })
			}
		}
		other := discovery.Match(groupsOf(legacy, posix), configured)
		if diff := cmp.Diff(one, other, cmp.AllowUnexported(discovery.Group{})); diff != "" {
			t.Errorf("the result depends on the order:\n%s", diff)
		}
	})
}

// TestPairsAreExactlyWhatTheRulesSay holds Match against the rules written down
// as slowly and plainly as possible.
func TestPairsAreExactlyWhatTheRulesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legacy, posix, configured := drawWorld(t)
		r := discovery.Match(groupsOf(legacy, posix), configured)
		var got []string
		for _, p := range r.Pairs[len(configured):] {
			got = append(got, fmt.Sprintf("%s = %s %d: %s", p.Legacy, p.Posix, p.GID, p.Reason))
		}
		want := pairsByTheBook(legacy, posix, configured)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func pairsByTheBook(legacy, posix []sketch, configured []rewrite.PairConfig) (pairs []string) {
	sameName := func(list []sketch, name string) (n int) {
		for _, s := range list {
			if strings.EqualFold(ldap.FoldValue(s.name), ldap.FoldValue(name)) {
				n++
			}
		}
		return n
	}
	allLegacy, allPosix := legacy, posix
	for _, c := range configured {
		legacy = others(legacy, func(s sketch) bool { return ldap.FoldValue(s.name) == ldap.FoldValue(c.Legacy) })
		posix = others(posix, func(s sketch) bool { return ldap.FoldValue(s.name) == ldap.FoldValue(c.Posix) })
	}
	for _, rule := range []struct {
		reason discovery.Reason
		fits   func(l, p sketch) bool
	}{
		{discovery.NamesAgree, func(a, b sketch) bool { return a.set() == b.set() && a.plain() == b.plain() }},
		{discovery.OnlyMembers, func(a, b sketch) bool { return a.set() == b.set() && a.set() != "" }},
	} {
		var found [][2]sketch
		for _, l := range legacy {
			for _, p := range posix {
				fits := func(s sketch) bool { return rule.fits(s, l) || rule.fits(l, s) }
				if rule.fits(l, p) && count(legacy, fits) == 1 && count(posix, fits) == 1 &&
					sameName(allLegacy, l.name) == 1 && sameName(allPosix, p.name) == 1 {
					found = append(found, [2]sketch{l, p})
					pairs = append(pairs, fmt.Sprintf("%s = %s %d: %s", l.name, p.name, p.id, rule.reason))
				}
			}
		}
		for _, f := range found {
			legacy = others(legacy, func(s sketch) bool { return s.id == f[0].id })
			posix = others(posix, func(s sketch) bool { return s.id == f[1].id })
		}
	}
	return pairs
}

func others(list []sketch, drop func(sketch) bool) []sketch {
	return slices.DeleteFunc(slices.Clone(list), drop)
}

func count(list []sketch, fits func(sketch) bool) (n int) {
	for _, s := range list {
		if fits(s) {
			n++
		}
	}
	return n
}

// TestEveryGroupIsAccountedForOnce: in one pair, one ambiguity or one list,
// unless the configuration names it.
func TestEveryGroupIsAccountedForOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legacy, posix, configured := drawWorld(t)
		r := discovery.Match(groupsOf(legacy, posix), configured)
		var seenLegacy, seenPosix []string
		for _, p := range r.Pairs {
			if p.Reason != discovery.Configured {
				seenLegacy, seenPosix = append(seenLegacy, p.Legacy), append(seenPosix, p.Posix)
			}
		}
		for _, a := range r.Ambiguous {
			if len(a.Legacy) == 0 || len(a.Posix) == 0 {
				t.Errorf("%+v has no candidates", a)
			}
			for _, g := range a.Legacy {
				seenLegacy = append(seenLegacy, g.Name)
			}
			for _, g := range a.Posix {
				seenPosix = append(seenPosix, g.Name)
			}
		}
		for _, u := range r.NoLinuxGroup {
			seenLegacy = append(seenLegacy, u.Name)
		}
		for _, u := range r.NoLegacyGroup {
			seenPosix = append(seenPosix, u.Name)
		}
		for _, c := range configured {
			legacy = others(legacy, func(s sketch) bool { return ldap.FoldValue(s.name) == ldap.FoldValue(c.Legacy) })
			posix = others(posix, func(s sketch) bool { return ldap.FoldValue(s.name) == ldap.FoldValue(c.Posix) })
		}
		for _, side := range []struct {
			all  []sketch
			seen []string
		}{{legacy, seenLegacy}, {posix, seenPosix}} {
			var want []string
			for _, s := range side.all {
				want = append(want, s.name)
			}
			slices.Sort(want)
			slices.Sort(side.seen)
			if diff := cmp.Diff(want, side.seen); diff != "" {
				t.Errorf("-groups +accounted for:\n%s", diff)
			}
		}
	})
}

// TestNeitherSideComesFirst: with the two kinds exchanged the result is the same.
func TestNeitherSideComesFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legacy, posix, configured := drawWorld(t)
		one := discovery.Match(groupsOf(legacy, posix), configured)
		for i, c := range configured {
			configured[i] = rewrite.PairConfig{Legacy: c.Posix, Posix: c.Legacy}
		}
		other := discovery.Match(groupsOf(posix, legacy), configured)
		pairs := func(r discovery.Result, swap bool) (list []string) {
			for _, p := range r.Pairs {
				if swap {
					p.Legacy, p.Posix = p.Posix, p.Legacy
				}
				list = append(list, fmt.Sprintf("%s = %s: %s", p.Legacy, p.Posix, p.Reason))
			}
			for _, a := range r.Ambiguous {
				if swap {
					a.Legacy, a.Posix = a.Posix, a.Legacy
				}
				list = append(list, fmt.Sprintf("%v ? %v: %s", a.Legacy, a.Posix, a.Reason))
			}
			slices.Sort(list)
			return list
		}
		if diff := cmp.Diff(pairs(one, false), pairs(other, true)); diff != "" {
			t.Errorf("-as it is +exchanged:\n%s", diff)
		}
	})
}
