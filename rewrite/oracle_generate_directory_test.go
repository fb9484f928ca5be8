package rewrite_test

// Random directories: what JumpCloud publishes, and what an administrator or
// another server could make of it.

import (
	"fmt"
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// drawDirectory makes at most 14 entries. No two have the same DN, neither
// upstream nor in the view, and in mode posix no legacy group has the name under
// which a pair expects its Linux group: JumpCloud could not hold that one beside
// it, and the fast path would need a second request to tell them apart.
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
		group, other := g.posixGroup, g.legacyGroup // more of those that the mode makes its groups from
		if g.config.Mode == rewrite.ModeMerge {
			group, other = other, group
		}
		var e entry
		switch parent := pick(g, parents...); g.upTo(6) {
		case 0, 1, 2, 3:
			e = group(parent)
		case 4, 5:
			e = other(parent)
		case 6:
			e = g.user(parent)
		}
		e.dn = g.respelledDN(e.dn)
		upstream, shown := strings.Join(e.name(), ","), ""
		for _, v := range o.view(directory{e}) {
			shown = "view " + strings.Join(v.name(), ",")
		}
		if cn, _ := o.groupName(e.dn); g.config.Mode == rewrite.ModePosix && shown == "" && o.isPosixName(cn) {
			continue // a pair's Linux name stands for a posixGroup or for nothing
		}
		if seen[upstream] || shown != "" && seen[shown] {
			continue
		}
		seen[upstream], seen[shown] = true, true
		if !g.rarely(8) {
			e.add("entryUUID", fmt.Sprintf("00000000-0000-4000-8000-00000000%04X", 0xabc0+len(g.dir)))
		}
		e.add("entryDN", e.dn)
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

// names is the name and sometimes a second one. That is not another spelling of
// the first in the view of mode posix: which one the view shows is not defined.
func (g *generator) names(cn string) []string {
	if !g.rarely(7) {
		return []string{cn}
	}
	o, more := oracle{g.config}, pick(g, g.legacyName(), pick(g, groupNames...))
	first, second := o.legacyName(cn), o.legacyName(more)
	if fold(cn) == fold(more) || fold(first) == fold(second) && first != second {
		return []string{cn}
	}
	return []string{cn, more}
}

func (g *generator) posixGroup(parent string) entry {
	cn, gid := g.posixName(), pick(g, "7001", "7002")
	rdn := ldap.RDN{{Type: "cn", Value: cn}}
	if g.rarely(12) {
		rdn = append(rdn, ldap.AVA{Type: "gidNumber", Value: gid})
	}
	e := entry{dn: ldap.DN{rdn}.String() + "," + parent}
	e.add("objectClass", "top", pick(g, "posixGroup", "posixGroup", "posixGroup", "POSIXGROUP"))
	e.add("cn", g.names(cn)...)
	e.add("gidNumber", gid)
	e.add("memberUid", g.some(userNames)...)
	if g.rarely(6) {
		e.add("memberUid;x-a", g.some(userNames)...)
	}
	if g.rarely(8) {
		e.add("cn;lang-de", pick(g, g.posixName(), pick(g, groupNames...)))
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
		e.add(attr, g.members()...)
	}
	return e
}

func (g *generator) legacyGroup(parent string) entry {
	cn := g.legacyName()
	rdn := ldap.RDN{{Type: "cn", Value: cn}}
	if g.rarely(12) {
		rdn = append(rdn, ldap.AVA{Type: "ou", Value: cn})
	}
	e := entry{dn: ldap.DN{rdn}.String() + "," + parent}
	class, attr := g.legacyKind()
	e.add("objectClass", "top", class)
	e.add("cn", g.names(cn)...)
	e.add("ou", cn)
	e.add("description", "tagGroup")
	e.add(attr, g.members()...)
	if g.rarely(6) {
		e.add(attr+pick(g, ";x-a", ";X-A;lang-de"), g.members()...)
	}
	if g.rarely(10) {
		e.add("cn;lang-de", g.legacyName())
	}
	if g.rarely(6) {
		e.add(pick(g, "gidNumber", "gidNumber;x-a"), pick(g, "7001", "7002"))
	}
	merged := g.rarely(6)
	if merged {
		e.attrs[0].values = append(e.attrs[0].values, "posixGroup")
	}
	// Mode posix relies on memberUid being on posixGroup entries only.
	if merged || g.config.Mode == rewrite.ModeMerge && g.rarely(8) {
		e.add("memberUid", g.some(userNames)...)
		if g.rarely(3) {
			e.add("memberUid;x-a", g.some(userNames)...)
		}
	}
	return e
}

// members draws what a legacy group has for members; with none, the value that
// JumpCloud writes because the class demands one.
func (g *generator) members() []string {
	var out []string
	for range g.upTo(4) {
		if m := g.storedMember(); !slices.ContainsFunc(out, func(have string) bool { return sameDN(have, m) }) {
			out = append(out, m) // no directory stores one value in two spellings
		}
	}
	if len(out) == 0 || g.rarely(4) {
		out = append(out, "cn=nobody")
	}
	return out
}

// sameDN compares as distinguishedNameMatch does, and what is no DN as text.
func sameDN(a, b string) bool {
	m, isDN := parseName(a)
	n, alsoDN := parseName(b)
	return a == b || isDN && alsoDN && m.equal(n)
}

// storedMember is mostly a user's DN, in one of the spellings that mean the
// same, and sometimes the DN of something else.
func (g *generator) storedMember() string {
	uid := pick(g, userNames...)
	escaped := string(ldap.AppendDNValue(nil, uid))
	switch g.upTo(11) {
	case 6:
		return strings.ToUpper(g.userDN())
	case 7:
		return pick(g, "userid", "UID", "0.9.2342.19200300.100.1.1") + " = " + escaped + " , OU=users,o=org, dc=jumpcloud,dc=com"
	case 8: // the first letter as an escape, the whole value as BER
		return pick(g, fmt.Sprintf(`uid=\%02x%s`, uid[0], ldap.AppendDNValue(nil, uid[1:])),
			fmt.Sprintf("uid=#04%02x%x", len(uid), uid)) + "," + usersBase
	case 9:
		return "uid=" + escaped + pick(g, ",ou=Sub,"+usersBase, ",o=org,dc=jumpcloud,dc=com", "", "+cn=x,"+usersBase)
	case 10:
		return pick(g, g.groupDN(), "cn="+escaped+","+usersBase, usersBase)
	case 11:
		return uid // no DN at all
	}
	return g.userDN()
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
