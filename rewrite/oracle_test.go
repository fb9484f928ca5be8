package rewrite_test

// The oracle: what a correct answer is, as DESIGN.md section 3 defines it.
//
//	The answer to a bridged request equals that request evaluated on the view.
//
// It reads a whole directory, builds the whole view and evaluates the client's
// own request on it, entry by entry. Nothing is translated and nothing is fast.
// The files beside it: oracle_match_test.go (three-valued matching as slapd does
// it), oracle_directory_test.go (a directory and how a server searches it),
// oracle_generate_test.go (random cases), oracle_property_test.go (the fast path
// held against the oracle), oracle_sanity_test.go (the oracle held against
// examples worked out by hand).

import (
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// oracle answers requests under one configuration, mode posix.
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
	return o.namesLegacyGroup(req.Base) || o.assertsLegacy(&req.Filter)
}

func (o oracle) bridgedCompare(req *ldap.CompareRequest) bool {
	return sameType(req.Attr, o.legacyAttribute()) || o.namesLegacyGroup(req.DN)
}

// namesLegacyGroup: the RDN is the legacy name of a pair, below the users base.
func (o oracle) namesLegacyGroup(text string) bool {
	dn, err := ldap.ParseDN(text)
	if err != nil || len(dn) == 0 || len(dn[0]) != 1 || !sameType(dn[0][0].Type, "cn") {
		return false
	}
	return nameOf(dn).below(o.usersBase()) && slices.ContainsFunc(o.Pairs, func(p rewrite.PairConfig) bool {
		return fold(p.Legacy) == fold(dn[0][0].Value)
	})
}

// pairedPosix: the RDN is the posix name of a pair.
func (o oracle) pairedPosix(text string) bool {
	dn, err := ldap.ParseDN(text)
	return err == nil && len(dn) > 0 && len(dn[0]) == 1 && slices.ContainsFunc(o.Pairs, func(p rewrite.PairConfig) bool {
		return fold(p.Posix) == fold(dn[0][0].Value)
	})
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

// view replaces posixGroup entries by view entries and hides the legacy groups;
// everything else stays.
func (o oracle) view(d directory) directory {
	var v directory
	for _, e := range d {
		switch {
		case e.isA("posixGroup"):
			v = append(v, o.viewEntry(e))
		case e.isA("groupOfNames"), e.isA("groupOfUniqueNames"):
		default:
			v = append(v, e)
		}
	}
	return v
}

func (o oracle) viewEntry(e entry) entry {
	v := entry{dn: o.viewDN(e.dn)}
	for _, a := range e.attrs {
		switch {
		case sameType(a.desc, "cn"):
			names := o.legacyNames(a.values)
			v.attrs = append(v.attrs, attribute{a.desc, names}, attribute{"ou" + optionsOf(a.desc), names})
		case sameType(a.desc, "objectClass"):
			v.attrs = append(v.attrs, attribute{a.desc, o.viewClasses(a.values)})
		case sameType(a.desc, "memberUid"):
			v.attrs = append(v.attrs, a, attribute{o.legacyAttribute() + optionsOf(a.desc), o.memberDNs(a.values)})
		case sameType(a.desc, "ou"), sameType(a.desc, o.legacyAttribute()):
			// Replaced: ou by the names, the members by those of memberUid.
		default:
			v.attrs = append(v.attrs, a)
		}
	}
	return v
}

// legacyName returns the legacy name of a paired posix name, other names as
// they are.
func (o oracle) legacyName(posix string) string {
	for _, p := range o.Pairs {
		if fold(p.Posix) == fold(posix) {
			return p.Legacy
		}
	}
	return posix
}

// legacyNames maps every value. Two that become one are one value.
func (o oracle) legacyNames(values []string) []string {
	var names []string
	for _, value := range values {
		name := o.legacyName(value)
		if !slices.ContainsFunc(names, func(s string) bool { return fold(s) == fold(name) }) {
			names = append(names, name)
		}
	}
	return names
}

// viewDN maps the value of an RDN that is a single cn; the parent stays.
func (o oracle) viewDN(text string) string {
	dn, err := ldap.ParseDN(text)
	if err != nil || len(dn[0]) != 1 || !sameType(dn[0][0].Type, "cn") {
		return text
	}
	rdn := ldap.RDN{{Type: dn[0][0].Type, Value: o.legacyName(dn[0][0].Value)}}
	return append(ldap.DN{rdn}, dn[1:]...).String()
}

func (o oracle) viewClasses(classes []string) []string {
	var out []string
	for _, class := range classes {
		if sameClass(class, "posixGroup") {
			class = o.LegacyClass
		}
		if !slices.ContainsFunc(out, func(s string) bool { return sameClass(s, class) }) {
			out = append(out, class)
		}
	}
	return out
}

func (o oracle) memberDNs(uids []string) []string {
	var dns []string
	for _, uid := range uids {
		dns = append(dns, "uid="+string(ldap.AppendDNValue(nil, uid))+","+o.Base)
	}
	return dns
}

// Assertions with a meaning of their own.

// viewLeaf evaluates a leaf of a bridged request on a view entry.
func (o oracle) viewLeaf(f *ldap.Filter, e entry) truth {
	if sameType(f.Attr, o.legacyAttribute()) {
		return o.memberLeaf(f, e)
	}
	return o.repairedLeaf(f, e)
}

// repairedLeaf is a leaf of any request in mode posix: (attr=**) is presence,
// and memberUid=<DN or name with suffix> means the user's name.
func (o oracle) repairedLeaf(f *ldap.Filter, e entry) truth {
	if f.Kind == ldap.FilterSubstrings && len(f.Substrings) == 0 {
		present := ldap.Present(f.Attr)
		return plainLeaf(&present, e)
	}
	if f.Kind == ldap.FilterEquality && sameType(f.Attr, "memberUid") {
		return oneOf(e.values(f.Attr), o.repaired(f.Value))
	}
	return plainLeaf(f, e)
}

// memberLeaf is an assertion on the legacy member attribute. It is judged by
// the memberUid values that the asserted options cover.
func (o oracle) memberLeaf(f *ldap.Filter, e entry) truth {
	uids := e.values("memberUid" + optionsOf(f.Attr))
	switch f.Kind {
	case ldap.FilterPresent:
		return truthOf(len(uids) > 0)
	case ldap.FilterSubstrings:
		return o.memberSubstrings(f.Substrings, uids)
	case ldap.FilterExtensible:
		if f.Rule != "" && ruleOf(f.Rule) != ruleOf("distinguishedNameMatch") {
			return undefined
		}
	case ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		return undefined
	}
	switch x, kind := o.userOf(f.Value); {
	case kind == isUser:
		return oneOf(uids, bothCases(o.stripped(x)))
	case kind == isBare:
		return oneOf(uids, bothCases(o.stripped(f.Value)))
	case kind == isOther:
		return no
	}
	return undefined
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

func (o oracle) userOf(value string) (uid, kind string) {
	if !strings.Contains(value, "=") {
		return "", isBare
	}
	dn, err := ldap.ParseDN(value)
	if err != nil {
		return "", isMalformed
	}
	if len(dn[0]) == 1 && sameType(dn[0][0].Type, "uid") && nameOf(dn.Parent()).equal(o.usersBase()) {
		return dn[0][0].Value, isUser
	}
	return "", isOther
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

func oneOf(values, wanted []string) truth {
	return truthOf(slices.ContainsFunc(values, func(v string) bool { return slices.Contains(wanted, v) }))
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
