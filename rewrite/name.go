package rewrite

import (
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// maxNames bounds how many posix names a substring on a group name may add to
// the filter; beyond it the leaf is widened to every group instead.
const maxNames = 64

// nameLeaf says which attribute a leaf on a group's name is about. The view's
// cn and ou are both the mapped cn of the posixGroup entry; on other entries
// they are what they are.
type nameLeaf struct {
	options string
	ou      bool
}

func (n nameLeaf) upstreamAttr() string { return "cn" + n.options }

// name translates a leaf on cn or ou.
func (t *translator) name(f *ldap.Filter, n nameLeaf, confined bool, p polarity) ldap.Filter {
	t.plan.askFor(f)
	switch f.Kind {
	case ldap.FilterPresent:
		if !n.ou {
			return *f
		}
		return t.byKind([]ldap.Filter{ldap.Present(n.upstreamAttr())}, f, confined)
	case ldap.FilterEquality, ldap.FilterApprox:
		return t.nameEquals(f, n, false, confined)
	case ldap.FilterExtensible:
		switch {
		case f.DNAttrs:
			return t.anyAttribute(f, confined, p)
		case f.Rule == "" || isRule(f.Rule, ruleCaseIgnore):
			return t.nameEquals(f, n, false, confined)
		case isRule(f.Rule, ruleCaseExact):
			return t.nameEquals(f, n, true, confined)
		}
	case ldap.FilterSubstrings:
		return t.nameSubstrings(f, n, confined, p)
	}
	return *f // ordering and foreign rules: undefined for names, here as upstream
}

// nameEquals: a group has the name when upstream it has the pair's posix name,
// or that very name and no pair renames it.
func (t *translator) nameEquals(f *ldap.Filter, n nameLeaf, exactCase, confined bool) ldap.Filter {
	var groups []ldap.Filter
	if hit := t.rules.pairs.ofLegacy(f.Value); hit != nil && (!exactCase || squeeze(hit.legacy) == squeeze(f.Value)) {
		groups = append(groups, ldap.Equal(n.upstreamAttr(), hit.posix))
	}
	renamed := t.rules.pairs.isPosix(f.Value)
	if renamed && len(groups) == 0 {
		t.plan.Hint(HintPosixNameAsLegacy)
	}
	if len(groups) == 0 && !renamed && !n.ou {
		return *f
	}
	if renamed {
		return t.by(RuleGroupName, f, t.byKind(groups, f, confined))
	}
	if !n.ou && !confined {
		return t.by(RuleGroupName, f, ldap.Or(*f, ldap.And(t.rules.isGroup, or(groups))))
	}
	own := *f
	own.Attr = n.upstreamAttr()
	return t.by(RuleGroupName, f, t.byKind(append(groups, own), f, confined))
}

// nameSubstrings becomes itself or one of the posix names whose legacy name
// matches. It is inexact only when a posix name matches and its legacy name
// does not.
func (t *translator) nameSubstrings(f *ldap.Filter, n nameLeaf, confined bool, p polarity) ldap.Filter {
	var matching, added []ldap.Filter // by legacy name; those that f itself would miss
	tooWide := false
	for _, pair := range t.rules.pairs.all {
		legacy, posix := substringsMatch(pair.legacyFolded, f.Substrings, true), substringsMatch(pair.posixFolded, f.Substrings, true)
		if legacy {
			matching = append(matching, ldap.Equal(n.upstreamAttr(), pair.posix))
		}
		if legacy && !posix {
			added = append(added, ldap.Equal(n.upstreamAttr(), pair.posix))
		}
		tooWide = tooWide || posix && !legacy
	}
	if len(added) == 0 && !tooWide && !n.ou {
		return *f
	}
	own := *f
	own.Attr = n.upstreamAttr()
	if !tooWide && len(added) <= maxNames {
		if !n.ou && !confined {
			return t.by(RuleGroupName, f, ldap.Or(*f, ldap.And(t.rules.isGroup, or(added))))
		}
		return t.by(RuleGroupName, f, t.byKind(append([]ldap.Filter{own}, added...), f, confined))
	}
	switch {
	case p == negative && len(matching) > maxNames:
		matching = nil
	case p == positive && len(added) > maxNames:
		matching = []ldap.Filter{t.rules.isGroup}
	case p == positive:
		matching = append([]ldap.Filter{own}, added...)
	}
	return t.widen(f, t.by(RuleGroupName, f, t.byKind(matching, f, confined)))
}

// substringsMatch applies pieces to a value; with fold, to a folded value
// without regard to case and repeated spaces.
func substringsMatch(value string, pieces []ldap.Substring, fold bool) bool {
	for _, piece := range pieces {
		want := piece.Value
		if fold {
			want = foldPiece(piece)
		}
		switch piece.Kind {
		case ldap.SubInitial:
			if !strings.HasPrefix(value, want) {
				return false
			}
			value = value[len(want):]
		case ldap.SubAny:
			i := strings.Index(value, want)
			if i < 0 {
				return false
			}
			value = value[i+len(want):]
		case ldap.SubFinal:
			if !strings.HasSuffix(value, want) {
				return false
			}
		}
	}
	return true
}

// foldPiece folds a piece of a substring. Unlike a value's, its outer spaces
// count where the value can have some: not before an initial piece and not
// behind a final one.
func foldPiece(s ldap.Substring) string {
	folded := ldap.FoldValue(s.Value)
	if folded == "" && s.Value != "" && s.Kind == ldap.SubAny {
		return " "
	}
	if folded == "" {
		return folded
	}
	if s.Kind != ldap.SubInitial && strings.HasPrefix(s.Value, " ") {
		folded = " " + folded
	}
	if s.Kind != ldap.SubFinal && strings.HasSuffix(s.Value, " ") {
		folded += " "
	}
	return folded
}
