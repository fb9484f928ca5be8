package rewrite_test

// Random cases. Names come from a small pool so that they collide: a user's cn
// with a group's, a Linux name with another group's console name.

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

const usersBase = "ou=Users,o=org,dc=jumpcloud,dc=com"

var (
	groupNames = []string{"gameOfThrones", "got", "bb", "breakingBad", "Heisenberg Crew", "Night's Watch (Wall)", "Zoë, Ltd", "ZOË, LTD", "GOT"}
	userNames  = []string{"arya", "jon.snow", "Arya", "a.b+c(x)", "x,y", "#a", "arya@ex"}
	suffixes   = []string{"@ex", "@Example.com", "arya"}
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
	fmt.Fprintf(&b, "\nmode %s, class %s, suffixes %q", c.Mode, c.LegacyClass, c.StripSuffixes)
	for _, p := range c.Pairs {
		fmt.Fprintf(&b, "\npair legacy %q posix %q", p.Legacy, p.Posix)
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
	if g.rarely(2) {
		attr = g.legacy
	}
	return compareCase{g.config, g.dir, ldap.CompareRequest{DN: dn, Attr: g.spelled(attr), Value: g.value(attr)}}
})

// generator draws the parts of one case; the first choice of each is the
// simplest one, so that a failing case shrinks to it.
type generator struct {
	t      *rapid.T
	config rewrite.Config
	dir    directory
	legacy string // the legacy member attribute
}

func newGenerator(t *rapid.T) *generator {
	g := &generator{t: t}
	g.drawConfig()
	g.drawDirectory()
	return g
}

func pick[T any](g *generator, from ...T) T { return rapid.SampledFrom(from).Draw(g.t, "") }

func (g *generator) upTo(n int) int { return rapid.IntRange(0, n).Draw(g.t, "") }

// rarely is true once in n.
func (g *generator) rarely(n int) bool { return g.upTo(n-1) == n-1 }

// The configuration and the directory.

func (g *generator) drawConfig() {
	g.config = rewrite.DefaultConfig()
	g.config.Base, g.legacy = usersBase, "member"
	if g.rarely(5) {
		g.config.LegacyClass, g.legacy = "groupOfUniqueNames", "uniqueMember"
	}
	if g.rarely(40) {
		g.config.Mode = rewrite.ModeOff
	}
	for range g.upTo(3) {
		p := rewrite.PairConfig{Legacy: pick(g, groupNames...), Posix: pick(g, "got", pick(g, groupNames...)), GID: 7001}
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

// drawDirectory makes at most 14 entries. No two have the same DN, neither
// upstream nor in the view, and no legacy group has the name under which a pair
// expects its Linux group: JumpCloud could not hold that one beside it, and the
// fast path would need a second request to tell them apart.
func (g *generator) drawDirectory() {
	g.dir = parseDirectory(`
dn: dc=jumpcloud,dc=com
objectClass: top
objectClass: domain
dc: jumpcloud

dn: o=org,dc=jumpcloud,dc=com
objectClass: top
objectClass: organization
o: org

dn: ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: top
objectClass: organizationalUnit
ou: Users`)
	parents := []string{usersBase, usersBase, usersBase}
	if g.rarely(3) {
		g.dir = append(g.dir, entry{"ou=Sub," + usersBase, []attribute{{"objectClass", []string{"organizationalUnit"}}, {"ou", []string{"Sub"}}}})
		parents = append(parents, "ou=Sub,"+usersBase)
	}
	o := oracle{g.config}
	seen := map[string]bool{}
	for range 2 + g.upTo(8) {
		var e entry
		switch parent := pick(g, parents...); g.upTo(6) {
		case 0, 1, 2, 3:
			e = g.posixGroup(parent)
		case 4, 5:
			e = g.legacyGroup(parent)
		case 6:
			e = g.user(parent)
		}
		upstream, shown := strings.Join(e.name(), ","), ""
		if e.isA("posixGroup") {
			shown = "view " + strings.Join(entry{dn: o.viewDN(e.dn)}.name(), ",")
		}
		if shown == "" && o.pairedPosix(e.dn) {
			continue // a pair's Linux name stands for a posixGroup or for nothing
		}
		if seen[upstream] || shown != "" && seen[shown] {
			continue
		}
		seen[upstream], seen[shown] = true, true
		uuid := fmt.Sprintf("00000000-0000-4000-8000-%012d", len(g.dir))
		e.attrs = append(e.attrs, attribute{"entryUUID", []string{uuid}}, attribute{"entryDN", []string{e.dn}})
		turn := g.upTo(len(e.attrs) - 1) // no client may depend on the order
		e.attrs = slices.Concat(e.attrs[turn:], e.attrs[:turn])
		g.dir = append(g.dir, e)
	}
}

// posixName prefers names that are paired.
func (g *generator) posixName() string {
	if len(g.config.Pairs) > 0 && !g.rarely(3) {
		return g.respelled(pick(g, g.config.Pairs...).Posix)
	}
	return pick(g, groupNames...)
}

func (g *generator) legacyName() string {
	if len(g.config.Pairs) > 0 && !g.rarely(3) {
		return g.respelled(pick(g, g.config.Pairs...).Legacy)
	}
	return pick(g, groupNames...)
}

func (g *generator) posixGroup(parent string) entry {
	cn, gid := g.posixName(), pick(g, "7001", "7002")
	rdn := ldap.RDN{{Type: "cn", Value: cn}}
	if g.rarely(12) {
		rdn = append(rdn, ldap.AVA{Type: "gidNumber", Value: gid})
	}
	e := entry{dn: ldap.DN{rdn}.String() + "," + parent}
	names := []string{cn}
	if g.rarely(8) {
		// Not another spelling of the first name in the view: which one the
		// view shows is not defined.
		o, more := oracle{g.config}, pick(g, groupNames...)
		if shown := o.legacyName(more); fold(shown) != fold(o.legacyName(cn)) || shown == o.legacyName(cn) {
			names = append(names, more)
		}
	}
	e.add("objectClass", "top", pick(g, "posixGroup", "posixGroup", "posixGroup", "POSIXGROUP"))
	e.add("cn", foldedOnce(names)...)
	e.add("gidNumber", gid)
	e.add("memberUid", g.some(userNames)...)
	if g.rarely(6) {
		e.add("memberUid;x-a", g.some(userNames)...)
	}
	if g.rarely(10) {
		e.add("cn;lang-de", pick(g, groupNames...))
	}
	if g.rarely(6) {
		e.add("description", pick(g, "tagGroup", "got"))
	}
	if g.rarely(10) {
		e.add("ou", pick(g, groupNames...))
	}
	if g.rarely(8) { // merged: one entry of both classes
		class, attr := g.legacyKind()
		e.attrs[0].values = append(e.attrs[0].values, class)
		e.add(attr, g.userDN(), "cn=nobody")
	}
	return e
}

func (g *generator) legacyGroup(parent string) entry {
	cn := g.legacyName()
	e := entry{dn: ldap.DN{{{Type: "cn", Value: cn}}}.String() + "," + parent}
	class, attr := g.legacyKind()
	e.add("objectClass", "top", class)
	e.add("cn", cn)
	e.add("ou", cn)
	e.add("description", "tagGroup")
	e.add(attr, g.userDN(), "cn=nobody")
	return e
}

// legacyKind is mostly the class of the configuration, sometimes the other.
func (g *generator) legacyKind() (class, attr string) {
	if (g.legacy == "uniqueMember") != g.rarely(8) {
		return "groupOfUniqueNames", "uniqueMember"
	}
	return "groupOfNames", "member"
}

func (g *generator) user(parent string) entry {
	uid := pick(g, userNames...)
	e := entry{dn: ldap.DN{{{Type: "uid", Value: uid}}}.String() + "," + parent}
	e.add("objectClass", "top", "person", "inetOrgPerson")
	e.add("uid", uid)
	e.add("cn", pick(g, "Arya Stark", pick(g, groupNames...)))
	e.add("sn", "Stark")
	e.add("uidNumber", "5001")
	e.add("gidNumber", pick(g, "5001", "7001"))
	if g.rarely(2) {
		e.add("memberOf", g.groupDN())
	}
	return e
}

func (e *entry) add(desc string, values ...string) {
	if len(values) > 0 {
		e.attrs = append(e.attrs, attribute{desc, values})
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

func foldedOnce(values []string) []string {
	return slices.CompactFunc(values, func(a, b string) bool { return fold(a) == fold(b) })
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

func (g *generator) userDN() string {
	return string(ldap.AppendDNValue([]byte("uid="), pick(g, userNames...))) + "," + usersBase
}

func (g *generator) groupDN() string {
	return string(ldap.AppendDNValue([]byte("cn="), g.anyName())) + "," + usersBase
}

// shownDN is the DN of an entry, mostly as the view shows it.
func (g *generator) shownDN() string {
	dn := pick(g, g.dir...).dn
	if g.rarely(4) {
		return dn
	}
	return oracle{g.config}.viewDN(dn)
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
	return oracle{g.config}.legacyName(g.existing("cn", groupNames))
}

// existing is a value that an entry has, or one of the others.
func (g *generator) existing(attr string, others []string) string {
	var values []string
	for _, e := range g.dir {
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
	switch g.upTo(17) {
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
	}
	return dn
}

// attribute is the name of the attribute of a leaf.
func (g *generator) attribute() string {
	return pick(g, "cn", g.legacy, "objectClass", "memberUid", "cn", g.legacy, "objectClass", "ou", "gidNumber",
		"description", "uid", "memberOf", "member", "uniqueMember", "entryUUID", "isDeleted")
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
		return g.existing("gidNumber", []string{"7001", "abc", "07001"})
	case "entryUUID":
		return g.existing("entryUUID", []string{"00000000-0000-4000-8000-000000000003"})
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

func (g *generator) leaf() ldap.Filter {
	attr := g.attribute()
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
	if attr == g.legacy && g.rarely(2) {
		value = []rune(pick(g, "uid=", "UID=", "") + g.existing("memberUid", userNames))
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
	if oracle.namesLegacyGroup(oracle{g.config}, req.Base) && g.rarely(2) {
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
	switch g.upTo(11) {
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
		return g.shownDN()
	case 14:
		if len(g.config.Pairs) > 0 {
			cn := string(ldap.AppendDNValue(nil, g.respelled(pick(g, g.config.Pairs...).Legacy)))
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
		return g.some([]string{"cn", "ou", g.legacy, "memberUid", "gidNumber", "objectClass", "description", "MEMBER", "2.5.4.50",
			"2.5.4.31", "2.5.4.3", "1.3.6.1.1.1.1.12", "memberUid;x-a", g.legacy + ";X-A", "ou;lang-de", "cn;lang-de", "+", "*", "entryUUID",
			"2.5.4.13", "isDeleted", "1.1"})
	}
	return nil
}
