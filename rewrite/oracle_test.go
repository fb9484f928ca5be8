package rewrite_test

// The oracle: what a correct answer is, as DESIGN.md section 3 defines it.
//
//	The answer to a bridged request equals that request evaluated on the view.
//
// It reads a whole directory, builds the whole view and evaluates the client's
// own request on it, entry by entry. Nothing is translated and nothing is fast.
// This file says what both modes have in common: which requests are bridged and
// what a client may mean by a user's name. The files beside it:
//
//	oracle_posix_test.go      the view of mode posix
//	oracle_merge_test.go      the view of mode merge
//	oracle_uuid_test.go       stable_uuid, in both
//	oracle_match_test.go      three-valued matching as slapd does it
//	oracle_directory_test.go  a directory and how a server searches it
//	oracle_generate*_test.go  random cases
//	oracle_property_test.go   the fast path held against the oracle
//	oracle_sanity*_test.go    the oracle held against examples worked out by hand

import (
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// oracle answers requests under one configuration, mode posix or merge.
type oracle struct{ rewrite.Config }

// search answers a search. A request that is not bridged gets upstream's
// answer; only the values of memberUid are repaired and (attr=**) is presence.
func (o oracle) search(d directory, req *ldap.SearchRequest) answer {
	if !o.bridged(req) {
		return d.answer(req, d, o.repairedLeaf)
	}
	return o.searchView(d, req)
}

// searchView evaluates a request on the view. A base exists when the view or
// upstream has it: under a base that only upstream has there are no entries.
func (o oracle) searchView(d directory, req *ldap.SearchRequest) answer {
	v := o.view(d)
	return v.answer(req, slices.Concat(v, d), o.viewLeaf)
}

// compare answers a compare with the codes that are right, the best one first.
// A bridged compare is true when the base search for (attr=value) on the view
// finds the entry, and false otherwise. What cannot be understood may also be
// left to upstream: an invalid value (21), an invalid DN (34).
func (o oracle) compare(d directory, req *ldap.CompareRequest) []ldap.ResultCode {
	assertion := ldap.Equal(req.Attr, req.Value)
	if !o.bridgedCompare(req) {
		return o.compareRepaired(d, req)
	}
	got := o.searchView(d, &ldap.SearchRequest{Base: req.DN, Scope: ldap.ScopeBase, Filter: assertion})
	if len(got.entries) > 0 {
		return []ldap.ResultCode{ldap.CompareTrue}
	}
	codes := []ldap.ResultCode{ldap.CompareFalse}
	if got.result.Code == ldap.InvalidDNSyntax {
		codes = append(codes, ldap.InvalidDNSyntax)
	}
	if typeOf(req.Attr) != nil && o.viewLeaf(&assertion, entry{}) == undefined {
		codes = append(codes, ldap.InvalidAttributeSyntax)
	}
	return codes
}

// compareRepaired is a compare that passes through, a value of memberUid
// repaired: true for any of the user names that the value may mean. One compare
// cannot ask for two names; a search can, but does not tell that there is no
// memberUid at all (16) from that there is another (5).
func (o oracle) compareRepaired(d directory, req *ldap.CompareRequest) []ldap.ResultCode {
	if !sameType(req.Attr, "memberUid") {
		return []ldap.ResultCode{d.compare(req).Code}
	}
	var codes []ldap.ResultCode
	for _, uid := range o.repaired(req.Value) {
		codes = append(codes, d.compare(&ldap.CompareRequest{DN: req.DN, Attr: req.Attr, Value: uid}).Code)
	}
	switch {
	case slices.Contains(codes, ldap.CompareTrue):
		return []ldap.ResultCode{ldap.CompareTrue}
	case codes[0] == ldap.NoSuchAttribute && len(codes) > 1:
		return []ldap.ResultCode{ldap.NoSuchAttribute, ldap.CompareFalse}
	}
	return codes[:1]
}

// Which requests are bridged.

func (o oracle) bridged(req *ldap.SearchRequest) bool {
	return o.namesGroup(req.Base) || o.assertsLegacy(&req.Filter)
}

func (o oracle) bridgedCompare(req *ldap.CompareRequest) bool {
	return sameType(req.Attr, o.legacyAttribute()) || o.namesGroup(req.DN) ||
		o.StableUUID && sameType(req.Attr, "entryUUID") && o.mayShowStableUUID(req.DN)
}

// namesGroup: the DN is one that a group may have, and its name is the legacy
// name of a pair. In mode merge every name may be a group's, but for the Linux
// name of a pair: that entry is not in the view.
func (o oracle) namesGroup(text string) bool {
	cn, ok := o.groupName(text)
	return ok && (o.isLegacyName(cn) || o.Mode == rewrite.ModeMerge && !o.isPosixName(cn))
}

// groupName returns the single cn that is the RDN of a DN below the users base.
func (o oracle) groupName(text string) (cn string, ok bool) {
	dn, err := ldap.ParseDN(text)
	if err != nil || len(dn) == 0 || len(dn[0]) != 1 || !sameType(dn[0][0].Type, "cn") {
		return "", false
	}
	return dn[0][0].Value, nameOf(dn.Parent()).below(o.usersBase())
}

func (o oracle) isLegacyName(cn string) bool {
	return slices.ContainsFunc(o.Pairs, func(p rewrite.PairConfig) bool { return fold(p.Legacy) == fold(cn) })
}

func (o oracle) isPosixName(cn string) bool {
	return slices.ContainsFunc(o.Pairs, func(p rewrite.PairConfig) bool { return fold(p.Posix) == fold(cn) })
}

// assertsLegacy: the filter has a leaf of any kind on the legacy member
// attribute, or asserts the legacy class, anywhere.
func (o oracle) assertsLegacy(f *ldap.Filter) bool {
	switch f.Kind {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		for i := range f.Children {
			if o.assertsLegacy(&f.Children[i]) {
				return true
			}
		}
		return false
	case ldap.FilterEquality, ldap.FilterApprox, ldap.FilterExtensible:
		byClass := f.Rule == "" || ruleOf(f.Rule) == ruleOf("objectIdentifierMatch")
		if byClass && sameType(f.Attr, "objectClass") && sameClass(f.Value, o.LegacyClass) {
			return true
		}
	}
	return sameType(f.Attr, o.legacyAttribute())
}

// The view.

// view is the directory that a bridged request is answered from.
func (o oracle) view(d directory) directory {
	var v directory
	for _, e := range d {
		shown, visible := e, true
		switch o.Mode {
		case rewrite.ModePosix:
			shown, visible = o.posixView(e)
		case rewrite.ModeMerge:
			shown, visible = o.mergeView(e)
		}
		switch {
		case !visible:
		case o.StableUUID && o.isGroup(shown):
			v = append(v, withStableUUID(shown))
		default:
			v = append(v, shown)
		}
	}
	return v
}

// isGroup tells the groups of the view, which are the entries of the legacy
// class in it, from all the entries that are in it as they are upstream.
func (o oracle) isGroup(shown entry) bool { return shown.isA(o.LegacyClass) }

// Assertions with a meaning of their own.

// viewLeaf evaluates a leaf of a bridged request on an entry of the view.
func (o oracle) viewLeaf(f *ldap.Filter, shown entry) truth {
	switch {
	case isEmptySubstrings(f):
		return presence(f.Attr, shown)
	case sameType(f.Attr, o.legacyAttribute()) && o.Mode == rewrite.ModeMerge:
		return o.mergeMemberLeaf(f, shown)
	case sameType(f.Attr, o.legacyAttribute()):
		return o.posixMemberLeaf(f, shown)
	case sameType(f.Attr, "memberUid") && f.Kind == ldap.FilterEquality && o.Mode == rewrite.ModeMerge && o.isGroup(shown):
		return o.mergeMemberUIDEquality(f, shown)
	}
	return o.repairedLeaf(f, shown)
}

// repairedLeaf is a leaf of any request in any mode but off: (attr=**) is
// presence, and memberUid=<DN or name with suffix> means the user's name.
func (o oracle) repairedLeaf(f *ldap.Filter, e entry) truth {
	switch {
	case isEmptySubstrings(f):
		return presence(f.Attr, e)
	case f.Kind == ldap.FilterEquality && sameType(f.Attr, "memberUid"):
		return oneOf(e.values(f.Attr), o.repaired(f.Value))
	}
	return plainLeaf(f, e)
}

func isEmptySubstrings(f *ldap.Filter) bool {
	return f.Kind == ldap.FilterSubstrings && len(f.Substrings) == 0
}

func presence(attr string, e entry) truth {
	present := ldap.Present(attr)
	return plainLeaf(&present, e)
}

// understandsMember: an assertion of this kind on the legacy member attribute
// means something; orderings and foreign matching rules do not.
func understandsMember(f *ldap.Filter) bool {
	switch f.Kind {
	case ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		return false
	case ldap.FilterExtensible:
		return f.Rule == "" || ruleOf(f.Rule) == ruleOf("distinguishedNameMatch")
	}
	return true
}

// repaired returns the user names that a value of memberUid may mean: of a
// user's DN the uid and its lower case, else the value as it is.
func (o oracle) repaired(value string) []string {
	if x, kind := o.userOf(value); kind == isUser {
		return bothCases(o.stripped(x))
	}
	return []string{o.stripped(value)}
}

// memberSubstrings matches the pieces, cleaned of the parts that a DN has
// around the uid, case as stored.
func (o oracle) memberSubstrings(pieces []ldap.Substring, uids []string) truth {
	var rest []ldap.Substring
	for _, p := range pieces {
		if p.Kind == ldap.SubInitial && hasPrefixFold(p.Value, "uid=") {
			p.Value = p.Value[len("uid="):]
		}
		if p.Kind == ldap.SubFinal && hasSuffixFold(p.Value, ","+o.Base) {
			p.Value = p.Value[:len(p.Value)-len(","+o.Base)]
		}
		if p.Value != "" {
			rest = append(rest, p)
		}
	}
	return truthOf(slices.ContainsFunc(uids, func(uid string) bool { return matchPieces(uid, rest) }))
}

// What a value that should name a user turns out to be.
const (
	isUser      = "uid=x directly below the users base"
	isBare      = "no DN, so a bare user name"
	isOther     = "a DN elsewhere"
	isMalformed = "neither"
)

// userOf takes "jdoe,ou=Users,..." for a user name too: Jamf makes it when the
// suffix to append is a DN.
func (o oracle) userOf(value string) (uid, kind string) {
	if !strings.Contains(value, "=") {
		return value, isBare
	}
	dn, err := ldap.ParseDN(value)
	if err != nil {
		if uid = o.stripped(value); !strings.Contains(uid, "=") {
			return uid, isBare
		}
		return "", isMalformed
	}
	if len(dn[0]) == 1 && sameType(dn[0][0].Type, "uid") && nameOf(dn.Parent()).equal(o.usersBase()) {
		return dn[0][0].Value, isUser
	}
	return "", isOther
}

// memberDN is the DN of the user with that name.
func (o oracle) memberDN(uid string) string {
	return "uid=" + string(ldap.AppendDNValue(nil, uid)) + "," + o.Base
}

// stripped cuts the first configured suffix that matches and leaves something.
func (o oracle) stripped(uid string) string {
	for _, suffix := range o.StripSuffixes {
		if len(uid) > len(suffix) && hasSuffixFold(uid, suffix) {
			return uid[:len(uid)-len(suffix)]
		}
	}
	return uid
}

func bothCases(uid string) []string {
	return slices.Compact([]string{uid, strings.ToLower(uid)})
}

// oneOf compares as memberUid values are compared.
func oneOf(values, wanted []string) truth {
	return truthOf(slices.ContainsFunc(wanted, func(w string) bool { return equality(caseExactIA5, values, w) == yes }))
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

func (o oracle) usersBase() name { n, _ := parseName(o.Base); return n }

func (o oracle) legacyAttribute() string {
	if sameClass(o.LegacyClass, "groupOfUniqueNames") {
		return "uniqueMember"
	}
	return "member"
}
