package rewrite_test

// Random cases. Names come from a small pool so that they collide: a user's cn
// with a group's, a Linux name with another group's console name.

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

const usersBase = "ou=Users,o=org,dc=jumpcloud,dc=com"

var (
	groupNames = []string{"gameOfThrones", "got", "bb", "breakingBad", "Heisenberg Crew", "Night's Watch (Wall)", "Zoë, Ltd", "ZOË, LTD", "GOT"}
	userNames  = []string{"arya", "jon.snow", "Arya", "a.b+c(x)", "x,y", "#a", "arya@ex"}
	suffixes   = []string{"@ex", "@Example.com", "arya", "," + usersBase}
)

// searchCase and compareCase print themselves in full: this is what a failing
// property shows.
type searchCase struct {
	config rewrite.Config
	dir    directory
	req    ldap.SearchRequest
}

type compareCase struct {
	config rewrite.Config
	dir    directory
	req    ldap.CompareRequest
}

func (c searchCase) GoString() string { return describe(c.config, c.dir) + showSearch(&c.req) }

func (c compareCase) GoString() string {
	return describe(c.config, c.dir) + fmt.Sprintf("compare %q %s=%q", c.req.DN, c.req.Attr, c.req.Value)
}

func describe(c rewrite.Config, d directory) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nmode %s, class %s, suffixes %q, stable UUID %t", c.Mode, c.LegacyClass, c.StripSuffixes, c.StableUUID)
	for _, p := range c.Pairs {
		fmt.Fprintf(&b, "\npair legacy %q posix %q gid %d", p.Legacy, p.Posix, p.GID)
	}
	b.WriteString("\n\n")
	for _, e := range d {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

func showSearch(r *ldap.SearchRequest) string {
	return fmt.Sprintf("search %q scope %s limit %d typesOnly %t attributes %q\n       %s",
		r.Base, r.Scope, r.SizeLimit, r.TypesOnly, r.Attributes, r.Filter.String())
}

var searchCases = rapid.Custom(func(t *rapid.T) searchCase {
	g := newGenerator(t)
	return searchCase{g.config, g.dir, g.search()}
})

var compareCases = rapid.Custom(func(t *rapid.T) compareCase {
	g := newGenerator(t)
	dn, attr := g.base(), g.attribute()
	if !g.rarely(3) {
		dn = g.shownDN()
	}
	switch g.upTo(5) {
	case 2, 3, 4:
		attr = g.legacy
	case 5:
		attr = pick(g, "entryUUID", "memberUid", "gidNumber")
	}
	value := g.value(attr)
	if attr == "entryUUID" && g.rarely(2) {
		value = g.respelled(stableUUID(dn))
	}
	return compareCase{g.config, g.dir, ldap.CompareRequest{DN: dn, Attr: g.spelled(attr), Value: value}}
})

// generator draws the parts of one case; the first choice of each is the
// simplest one, so that a failing case shrinks to it.
type generator struct {
	t      *rapid.T
	config rewrite.Config
	dir    directory
	view   directory // of dir, once that is complete
	legacy string    // the legacy member attribute
}

func newGenerator(t *rapid.T) *generator {
	g := &generator{t: t}
	g.drawConfig()
	g.drawDirectory()
	g.view = oracle{g.config}.view(g.dir)
	return g
}

func pick[T any](g *generator, from ...T) T { return rapid.SampledFrom(from).Draw(g.t, "") }

func (g *generator) upTo(n int) int { return rapid.IntRange(0, n).Draw(g.t, "") }

// rarely is true once in n.
func (g *generator) rarely(n int) bool { return g.upTo(n-1) == n-1 }

// The configuration.

func (g *generator) drawConfig() {
	g.config = rewrite.DefaultConfig()
	g.config.Base, g.legacy = usersBase, "member"
	if g.rarely(5) {
		g.config.LegacyClass, g.legacy = "groupOfUniqueNames", "uniqueMember"
	}
	g.config.Mode = pick(g, rewrite.ModePosix, rewrite.ModeMerge)
	if g.rarely(40) {
		g.config.Mode = rewrite.ModeOff
	}
	g.config.StableUUID = g.rarely(3)
	for range g.upTo(3) {
		p := rewrite.PairConfig{
			Legacy: pick(g, groupNames...), Posix: pick(g, "got", pick(g, groupNames...)),
			GID: pick(g, 7001, 7002, 7003, 0), // 0: not known; the same one twice: nothing forbids it
		}
		if !slices.ContainsFunc(g.config.Pairs, func(q rewrite.PairConfig) bool {
			return fold(p.Legacy) == fold(q.Legacy) || fold(p.Posix) == fold(q.Posix)
		}) {
			g.config.Pairs = append(g.config.Pairs, p)
		}
	}
	if g.rarely(3) {
		g.config.StripSuffixes = suffixes[:1+g.upTo(len(suffixes)-1)]
	}
}

// some draws a subset.
func (g *generator) some(from []string) []string {
	var out []string
	for range g.upTo(3) {
		if s := pick(g, from...); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Names and values.

func (g *generator) respelled(s string) string {
	switch g.upTo(9) {
	case 8:
		return strings.ToUpper(s)
	case 9:
		return strings.ToLower(s)
	}
	return s
}

// respelledDN is mostly the DN as it is, and sometimes another spelling of a
// group's.
func (g *generator) respelledDN(dn string) string {
	name, isGroup := strings.CutPrefix(dn, "cn=")
	if !isGroup || !g.rarely(8) {
		return dn
	}
	name, below := strings.CutSuffix(name, usersBase)
	if below {
		name += pick(g, usersBase, "OU=users, o=Org,DC=jumpcloud,dc=com", "organizationalUnitName=users , 2.5.4.10=org,dc=jumpcloud,dc=com")
	}
	return pick(g, "CN=", "cn = ", "commonName=", "2.5.4.3=") + name
}

func (g *generator) userDN() string {
	return string(ldap.AppendDNValue([]byte("uid="), pick(g, userNames...))) + "," + usersBase
}

func (g *generator) groupDN() string {
	return string(ldap.AppendDNValue([]byte("cn="), g.anyName())) + "," + usersBase
}

// shownDN is the DN of an entry, mostly as the view shows it, and mostly none
// of the containers, with which the directory begins.
func (g *generator) shownDN() string {
	const containers = 3
	switch g.upTo(7) {
	case 5, 6:
		return pick(g, g.dir...).dn
	case 7:
		return pick(g, g.view...).dn
	}
	return pick(g, slices.Concat(g.view[containers:], g.view[:1])...).dn
}

func (g *generator) anyName() string {
	switch g.upTo(4) {
	case 0:
		return g.legacyName()
	case 1:
		return g.posixName()
	case 2:
		return pick(g, groupNames...)
	}
	return g.existing("cn", groupNames)
}

// existing is a value that an entry has, upstream or in the view, or one of the
// others.
func (g *generator) existing(attr string, others []string) string {
	var values []string
	for _, e := range slices.Concat(g.view, g.dir) {
		values = append(values, e.values(attr)...)
	}
	if len(values) == 0 || g.rarely(4) {
		values = others
	}
	return pick(g, values...)
}

// member is a value for an assertion on a member attribute, or on memberUid in
// the wrong form.
func (g *generator) member() string {
	uid := g.existing("memberUid", userNames)
	suffixed := uid + g.respelled(pick(g, suffixes...))
	escaped := func(s string) string { return string(ldap.AppendDNValue(nil, s)) }
	dn := "uid=" + escaped(uid) + "," + usersBase
	switch g.upTo(19) {
	case 7, 8:
		return uid
	case 9:
		return suffixed
	case 10:
		return "uid=" + escaped(suffixed) + "," + usersBase
	case 11:
		return strings.ToUpper(dn)
	case 12:
		return pick(g, "userid", "0.9.2342.19200300.100.1.1") + " = " + escaped(uid) + " , ou=users,o=org, dc=jumpcloud,dc=com"
	case 13:
		return "uid=" + escaped(uid) + pick(g, ",ou=Sub,"+usersBase, ",o=org,dc=jumpcloud,dc=com", "", "+cn=x,"+usersBase)
	case 14:
		return pick(g, "cn", "foo") + "=" + escaped(uid) + "," + usersBase
	case 15:
		return pick(g, "uid="+uid+",,"+usersBase, "=", "a=\\", "uid=arya;"+usersBase, "uid=jon snow\\"+","+usersBase)
	case 16:
		return usersBase
	case 17:
		return pick(g, suffixes...)
	case 18:
		return g.storedMember()
	case 19: // in another case, with spaces around, nothing
		return pick(g, strings.ToUpper(uid), strings.ToLower(uid), " "+uid, uid+"  ", "")
	}
	return dn
}

// attribute is the name of the attribute of a leaf.
func (g *generator) attribute() string {
	return pick(g, "cn", g.legacy, "objectClass", "memberUid", "gidNumber", "entryUUID", "cn", g.legacy, "objectClass", "memberUid",
		"gidNumber", "ou", "description", "uid", "memberOf", "member", "uniqueMember", "isDeleted")
}

// spelled writes an attribute by another of its names, or with an option.
func (g *generator) spelled(attr string) string {
	at := typeOf(attr)
	switch g.upTo(11) {
	case 8:
		return strings.ToUpper(attr)
	case 9, 10:
		if at != nil {
			return pick(g, at.names...)
		}
	case 11:
		if attr != "objectClass" {
			return attr + pick(g, ";x-a", ";lang-de", ";X-A;lang-de")
		}
	}
	return attr
}

// value is a value to assert of an attribute.
func (g *generator) value(attr string) string {
	switch attr {
	case "objectClass":
		return pick(g, g.config.LegacyClass, "posixGroup", "inetOrgPerson", "top", "groupOfNames", "groupOfUniqueNames",
			"2.5.6.9", "1.3.6.1.1.1.2.2", "GROUPOFNAMES", "2.5.6.17", "organizationalUnit")
	case "member", "uniqueMember":
		return g.member()
	case "memberUid":
		if g.rarely(2) {
			return g.member()
		}
		return g.existing("memberUid", userNames)
	case "uid":
		return g.respelled(g.existing("uid", userNames))
	case "memberOf":
		return g.existing("memberOf", []string{"nonsense", g.groupDN()})
	case "gidNumber":
		return g.existing("gidNumber", []string{"7001", "7002", "7003", "0", "-1", "abc", "07001"})
	case "entryUUID":
		return g.respelled(g.existing("entryUUID", []string{"00000000-0000-4000-8000-000000000003", "nonsense", "",
			stableUUID(g.groupDN()), "{00000000-0000-4000-8000-000000000003}", "0000000000004000800000000000abc4"}))
	case "description":
		return pick(g, "tagGroup", "got", "TagGroup ")
	}
	return pick(g, "", "", "", " ") + strings.ReplaceAll(g.respelled(g.anyName()), " ", pick(g, " ", "  "))
}

// Filters.

func (g *generator) filter(depth int) ldap.Filter {
	if depth <= 1 {
		return g.leaf()
	}
	switch g.upTo(7) {
	case 4:
		return ldap.And(g.filters(depth - 1)...)
	case 5, 6:
		return ldap.Or(g.filters(depth - 1)...)
	case 7:
		return ldap.Not(g.filter(depth - 1))
	}
	return g.leaf()
}

func (g *generator) filters(depth int) []ldap.Filter {
	var f []ldap.Filter
	for range g.upTo(3) {
		f = append(f, g.filter(depth))
	}
	return f
}

func (g *generator) leaf() ldap.Filter { return g.leafOn(g.attribute()) }

func (g *generator) leafOn(attr string) ldap.Filter {
	f := ldap.Filter{Attr: g.spelled(attr)}
	switch g.upTo(15) {
	case 6, 7, 8, 9:
		f.Kind, f.Substrings = ldap.FilterSubstrings, g.pieces(attr)
	case 10:
		f.Kind = ldap.FilterPresent
	case 11:
		f.Kind, f.Value = ldap.FilterApprox, g.value(attr)
	case 12:
		f.Kind, f.Value = pick(g, ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual), g.value(attr)
	case 13, 14:
		f.Kind, f.Value, f.DNAttrs = ldap.FilterExtensible, g.value(attr), g.rarely(3)
		if at := typeOf(attr); at != nil && g.rarely(2) {
			f.Rule = pick(g, at.rule.names...)
			if at.rule == caseIgnore && g.rarely(2) {
				f.Rule = pick(g, caseExact.names...)
			}
		} else if g.rarely(3) {
			f.Rule = g.rule()
		}
	case 15:
		f.Kind, f.Attr, f.Rule, f.Value, f.DNAttrs = ldap.FilterExtensible, "", g.rule(), g.value(attr), g.rarely(2)
		if ruleOf(f.Rule) == objectIdentifier {
			// Not the legacy class: slapd does not look at objectClass here,
			// so whether this asserts a class is nobody's concern.
			f.Value = pick(g, "posixGroup", "inetOrgPerson", "top")
		}
	default:
		f.Kind, f.Value = ldap.FilterEquality, g.value(attr)
	}
	return f
}

// rule is one of the rules that the proxy knows, or none.
func (g *generator) rule() string {
	known := pick(g, caseIgnore, caseExact, caseExactIA5, distinguishedName, integer, objectIdentifier)
	return pick(g, known.names[0], known.names[1], known.names[0], "noSuchMatch")
}

// pieces cuts a value into a substrings assertion; sometimes the empty one.
func (g *generator) pieces(attr string) []ldap.Substring {
	value := []rune(g.value(attr))
	switch {
	case attr == g.legacy && g.rarely(2):
		value = []rune(pick(g, "uid=", "UID=", "") + g.existing("memberUid", userNames))
	case attr == "memberUid" && g.rarely(2):
		value = []rune(g.existing("memberUid", userNames))
	case attr == g.legacy, attr == "memberUid":
		// User names have no spaces, so whether one in a piece counts is
		// nobody's concern.
		value = slices.DeleteFunc(value, unicode.IsSpace)
	}
	var pieces []ldap.Substring
	for kind := ldap.SubInitial; kind <= ldap.SubFinal; kind++ {
		length := min(g.upTo(7), len(value))
		if length == 0 || g.rarely(2) {
			continue
		}
		from := 0
		switch kind {
		case ldap.SubAny:
			from = g.upTo(len(value) - length)
		case ldap.SubFinal:
			from = len(value) - length
			if g.legacy == attr && g.rarely(2) { // the DN's end, whole
				pieces = append(pieces, ldap.Substring{Kind: kind, Value: pick(g, "", "w", "a") + "," + g.respelled(usersBase)})
				return pieces
			}
		}
		pieces = append(pieces, ldap.Substring{Kind: kind, Value: string(value[from : from+length])})
		value = value[from+length:]
	}
	return pieces
}

// Requests.

func (g *generator) search() ldap.SearchRequest {
	req := ldap.SearchRequest{
		Base:       g.base(),
		Scope:      pick(g, ldap.ScopeSubtree, ldap.ScopeSubtree, ldap.ScopeOne, ldap.ScopeBase, ldap.ScopeSubordinate),
		Filter:     g.bridging(),
		Attributes: g.attributes(),
		TypesOnly:  g.rarely(8),
	}
	if oracle.namesGroup(oracle{g.config}, req.Base) && g.rarely(2) {
		req.Scope = ldap.ScopeBase
	}
	if g.rarely(2) {
		req.SizeLimit = int32(g.upTo(3))
	}
	return req
}

// bridging is a filter that mostly makes the request a bridged one.
func (g *generator) bridging() ldap.Filter {
	class := ldap.Equal("objectClass", g.config.LegacyClass)
	member := ldap.Equal(g.legacy, g.member())
	switch g.upTo(13) {
	case 0, 1, 2, 3:
		return ldap.And(class, g.filter(3))
	case 4:
		return ldap.And(class, member)
	case 5:
		return ldap.Or(class, g.filter(3))
	case 6:
		return ldap.And(g.filter(3), ldap.Not(class))
	case 7:
		return ldap.Or(g.filter(3), ldap.Not(member))
	case 8, 9: // what the modes make, and often a reason to evaluate it again
		made := g.leafOn(pick(g, "gidNumber", "entryUUID", "memberUid", g.legacy))
		pieces := ldap.Filter{Kind: ldap.FilterSubstrings, Attr: g.legacy, Substrings: g.pieces(g.legacy)}
		return ldap.And(class, made, pick(g, pieces, ldap.Not(pieces), ldap.Present("cn")))
	}
	return g.filter(4)
}

func (g *generator) base() string {
	switch g.upTo(15) {
	case 8:
		return "o=org,dc=jumpcloud,dc=com"
	case 9:
		return pick(g, "dc=jumpcloud,dc=com", "dc=com", "", "ou=Absent,"+usersBase, "uid=arya,=,")
	case 10:
		return "ou=Sub," + usersBase
	case 11, 12:
		return g.groupDN()
	case 13:
		if g.config.Mode == rewrite.ModeMerge && g.rarely(4) {
			return "cn=x," + g.shownDN() // below a name that the view shows as it is
		}
		return g.shownDN()
	case 14:
		if len(g.config.Pairs) > 0 {
			p := pick(g, g.config.Pairs...)
			cn := string(ldap.AppendDNValue(nil, g.respelled(pick(g, p.Legacy, p.Legacy, p.Posix))))
			return pick(g, "cn=", "CN = ", "2.5.4.3=") + cn + "," + pick(g, "", "ou=Sub,") + usersBase
		}
	case 15:
		return pick(g, "OU=USERS, O=org, DC=jumpcloud,DC=com", "cn=x,"+g.userDN(), "cn=got+gidNumber=7001,"+usersBase, g.userDN())
	}
	return usersBase
}

func (g *generator) attributes() []string {
	switch g.upTo(5) {
	case 1:
		return []string{"1.1"}
	case 2:
		return []string{"*", pick(g, "+", "entryUUID", "1.1")}
	case 3, 4, 5:
		return g.some([]string{"cn", "ou", g.legacy, "memberUid", "gidNumber", "entryUUID", "objectClass", "description", "MEMBER", "2.5.4.50",
			"2.5.4.31", "2.5.4.3", "1.3.6.1.1.1.1.12", "memberUid;x-a", g.legacy + ";X-A", "ou;lang-de", "cn;lang-de", "+", "*",
			g.legacy, "memberUid", "gidNumber", "entryUUID", "GIDNUMBER", "gidNumber;x-a", "1.3.6.1.1.1.1.1", "EntryUUID", "1.3.6.1.1.16.4",
			"entryUUID;x-a", "entryDN", "2.5.4.13", "isDeleted", "1.1"})
	}
	return nil
}
