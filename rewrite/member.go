package rewrite

import (
	"strings"

	"jamf-ldap-proxy/internal/ldap"
)

// understandsMember tells whether a leaf on the legacy member attribute has a
// meaning on the view; others (ordering, foreign matching rules, values that
// are neither DN nor user name) are undefined and left to upstream to say so.
func (r *Rules) understandsMember(f *ldap.Filter) bool {
	switch f.Kind {
	case ldap.FilterPresent, ldap.FilterSubstrings:
		return true
	case ldap.FilterExtensible:
		if f.Rule != "" && !isRule(f.Rule, ruleDistinguishedName) {
			return false
		}
	case ldap.FilterEquality, ldap.FilterApprox:
	default:
		return false
	}
	_, _, ok := r.memberUIDs(f.Value)
	return ok
}

// memberUIDs returns the user names that a member assertion accepts, none for
// a DN that cannot be a member, and the hints that the form deserves. ok is
// false when value is neither a DN nor a user name.
func (r *Rules) memberUIDs(value string) (uids, hints []string, ok bool) {
	uid, inside, isDN := r.memberUID(value)
	switch {
	case isDN && !inside:
		return nil, []string{HintOutsideUsersBase}, true
	case !isDN:
		uid = value
		if strings.Contains(value, "=") {
			// "jdoe,ou=Users,..." is what Append to Username can make of a name.
			if uid, ok = r.stripSuffix(value); !ok || strings.Contains(uid, "=") {
				return nil, nil, false
			}
			hints = append(hints, HintSuffixStripped)
		}
		hints = append(hints, HintUsernameWhereDN)
	}
	uid, stripped := r.stripSuffix(uid)
	if stripped {
		hints = append(hints, HintSuffixStripped)
	}
	uids = []string{uid}
	if lower := strings.ToLower(uid); lower != uid {
		uids, hints = append(uids, lower), append(hints, HintUppercaseUID)
	}
	return uids, hints, true
}

// member translates a leaf on the legacy member attribute to memberUid, always
// exactly.
func (t *translator) member(f *ldap.Filter, options string) ldap.Filter {
	attr := "memberUid" + options
	switch {
	case !t.rules.understandsMember(f):
		return *f
	case f.Kind == ldap.FilterPresent:
		return t.by(RuleMemberPresent, f, ldap.Present(attr))
	case f.Kind == ldap.FilterSubstrings:
		return t.memberSubstrings(f, attr)
	}
	uids, hints, _ := t.rules.memberUIDs(f.Value)
	rule := RuleMemberDN
	for _, h := range hints {
		t.plan.Hint(h)
		if h == HintUsernameWhereDN {
			rule = RuleMemberName
		}
	}
	return t.by(rule, f, anyOf(attr, uids))
}

// anyOf is true where attr has one of values.
func anyOf(attr string, values []string) ldap.Filter {
	if len(values) == 1 {
		return ldap.Equal(attr, values[0])
	}
	or := ldap.Or()
	for _, v := range values {
		or.Children = append(or.Children, ldap.Equal(attr, v))
	}
	return or
}

// memberSubstrings matches the pieces on the user name alone: what belongs to
// the form of a member DN is cut from both ends.
func (t *translator) memberSubstrings(f *ldap.Filter, attr string) ldap.Filter {
	t.plan.Hint(HintMemberSubstring)
	pieces := t.rules.memberPieces(f.Substrings)
	if len(pieces) == 0 {
		return t.by(RuleMemberSubstring, f, ldap.Present(attr))
	}
	return t.by(RuleMemberSubstring, f, ldap.Filter{Kind: ldap.FilterSubstrings, Attr: attr, Substrings: pieces})
}

func (r *Rules) memberPieces(in []ldap.Substring) []ldap.Substring {
	var out []ldap.Substring
	for _, s := range in {
		switch s.Kind {
		case ldap.SubInitial:
			if len(s.Value) >= 4 && strings.EqualFold(s.Value[:4], "uid=") {
				s.Value = s.Value[4:]
			}
		case ldap.SubFinal:
			if n := len(s.Value) - len(r.dnSuffix); n >= 0 && strings.EqualFold(s.Value[n:], r.dnSuffix) {
				s.Value = s.Value[:n]
			}
		}
		if s.Value != "" {
			out = append(out, s)
		}
	}
	return out
}

// memberUID repairs memberUid=<DN> and configured suffixes; it serves bridged
// and other requests alike.
func (t *translator) memberUID(f *ldap.Filter) ldap.Filter {
	if f.Kind != ldap.FilterEquality {
		return *f
	}
	uids, hints := t.rules.repairedUIDs(f.Value)
	if len(hints) == 0 {
		return *f
	}
	for _, h := range hints {
		t.plan.Hint(h)
	}
	return t.by(RuleMemberUID, f, anyOf(f.Attr, uids))
}

func (r *Rules) repairedUIDs(value string) (uids, hints []string) {
	if _, inside, _ := r.memberUID(value); inside {
		uids, hints, _ = r.memberUIDs(value)
		return uids, append([]string{HintDNWhereUsername}, hints...)
	}
	uid, stripped := r.stripSuffix(value)
	if stripped {
		hints = append(hints, HintSuffixStripped)
	}
	return []string{uid}, hints
}
