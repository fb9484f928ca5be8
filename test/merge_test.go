package test

import (
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// oddGroup is a group that the sample organisation has no example of: as it is
// stored, and as mode merge shows it; the zero entry where it shows none.
type oddGroup struct{ stored, shown entry }

const robot = "cn=robot,ou=Machines," + orgBase // no user

var oddGroups = []oddGroup{
	// A Linux group that no pair names stays what it is.
	unchanged(group("printers", "posixGroup").with("gidNumber", "7100").with("memberUid", "jon.snow")),
	// Members that are no users have no user name.
	withNames(group("Outsiders", "groupOfNames").with("member", userDN("jon.snow"), robot, "uid=deep,ou=Crew,"+usersBase), "jon.snow"),
	unchanged(group("Machines", "groupOfNames").with("member", robot)),
	// A member DN in another spelling is the same user.
	withNames(group("Spelling", "groupOfNames").with("member", `UID=Jon\2eSnow, OU=users,`+orgBase, userDN(`comma\, user`)), "Jon.Snow", "comma, user"),
	// A group ID of its own counts more than that of the pair.
	withNames(group("Own ID", "groupOfNames").with("member", userDN("arya.stark")).with("gidNumber", "7200"), "arya.stark"),
	{stored: group("own_lx", "posixGroup").with("gidNumber", "7201").with("memberUid", "arya.stark")},
	// Both classes in one entry: members are those of the legacy class.
	{
		stored: group("losAlamos", "groupOfNames", "posixGroup").with("gidNumber", "7007").with("member", userDN("heisenberg")).with("memberUid", "heisenberg", "ghost"),
		shown:  group("losAlamos", "groupOfNames").with("gidNumber", "7007").with("member", userDN("heisenberg")).with("memberUid", "heisenberg"),
	},
	// The class that is not configured.
	unchanged(group("Unique", "groupOfUniqueNames").with("uniqueMember", userDN("saul.goodman"), robot)),
}

func group(cn string, classes ...string) entry {
	return entry{groupDN(cn), map[string][]string{"cn": {cn}, "objectClass": append([]string{"top"}, classes...)}}
}

func unchanged(e entry) oddGroup { return oddGroup{e, e} }

func withNames(e entry, uids ...string) oddGroup { return oddGroup{e, e.with("memberUid", uids...)} }

// odd returns odd groups as mode merge shows them.
func odd(cns ...string) []entry {
	var out []entry
	for _, g := range oddGroups {
		if g.shown.DN != "" && slices.Contains(cns, g.shown.Attrs["cn"][0]) {
			out = append(out, g.shown)
		}
	}
	return out
}

// goneFromOdd are entries that the odd organisation lacks: the Linux group of
// gameOfThrones, and breakingBad itself.
var goneFromOdd = []string{groupDN("got"), groupDN("breakingBad")}

var oddPairs = append(slices.Clone(samplePairs), yamlMap{"legacy": "Own ID", "posix": "own_lx", "gid": 7201})

// oddSearches are asked of the proxy in mode merge, and of a directory that
// holds the view.
func oddSearches() []question {
	const class = "(objectClass=groupOfNames)"
	return []question{
		// The pair table is believed when the Linux group is gone.
		{"Linux group gone", search("(&" + class + "(cn=gameOfThrones))"), found(groups("gameOfThrones"))},
		{"Linux group gone, by ID", search("(&"+class+"(gidNumber=7001))", groupAttrs[:2]...), found(groups("gameOfThrones"))},
		{"console group gone", search("(&" + class + "(cn=breakingBad))"), nothing()},
		{"console group gone, by ID", search("(&"+class+"(gidNumber=7002))", "cn"), nothing()},
		{"console group gone, its Linux group", search("(|"+class+"(cn=bb))", "cn").at(groupDN("bb")), nothing().beyondTheView()},
		{"console group gone, its Linux group by ID", search("(|(&"+class+"(cn=nonesuch))(gidNumber=7002))", "cn"), nothing()},
		{"console group gone, base", read(groupDN("breakingBad"), class), code(goldap.LDAPResultNoSuchObject)},
		{"console group gone, compare", compare(groupDN("breakingBad"), "memberUid", "heisenberg"), code(goldap.LDAPResultCompareFalse).beyondTheView()},

		{"unpaired Linux group", search("(|" + class + "(cn=printers))").at(groupDN("printers")), found(odd("printers"))},
		{"unpaired Linux group by class", search("(&(|" + class + "(objectClass=*))(objectClass=posixGroup))"), found(odd("printers"))},
		{"unpaired Linux group by ID", search("(|(&" + class + "(cn=nonesuch))(gidNumber=7100))"), found(odd("printers"))},
		{"unpaired Linux group by name of a member", search("(&(|(memberUid=jon.snow)(member="+robot+"))(gidNumber>=7100))", "cn"), found(odd("printers"))},
		{"unpaired Linux group by name of a member, case exact", search("(&(|"+class+"(objectClass=posixGroup))(cn=printers)(memberUid=Jon.Snow))", "cn"), nothing()},
		{"unpaired Linux group is no group", search("(&"+class+"(cn=printers))", "cn"), nothing()},

		{"members elsewhere", search("(&" + class + "(cn=Outsiders))"), found(odd("Outsiders"))},
		{"groups of a member elsewhere", search("(member="+robot+")", "cn", "memberUid"), found(odd("Outsiders", "Machines"))},
		{"groups of a member further down", search("(member=uid=deep,ou=Crew,"+usersBase+")", "cn"), found(odd("Outsiders"))},
		{"no user name of a member elsewhere", search("(&"+class+"(|(memberUid=robot)(memberUid=deep)))", "cn"), nothing()},
		{"without any user", search("(&" + class + "(!(memberUid=*)))"), found(odd("Machines"))},
		{"compare a member elsewhere", compare(groupDN("Machines"), "member", robot), code(goldap.LDAPResultCompareTrue)},

		{"member in another spelling", search("(&" + class + "(member=" + userDN("jon.snow") + ")(cn=Spelling))"), found(odd("Spelling"))},
		{"member in another spelling, by name", search("(&"+class+"(memberUid=jon.snow)(cn=Spelling))", "memberUid"), found(odd("Spelling")).beyondTheView()},
		{"member with a comma", search("(&"+class+"(memberUid=comma, user))", "cn"), found(odd("Spelling"))},
		{"part of the name of a member with a comma", search("(&"+class+"(memberUid=*, u*))", "cn"), found(odd("Spelling"))},

		{"ID of its own", search("(&" + class + "(gidNumber=7200))"), found(odd("Own ID"))},
		{"ID of the pair", search("(&"+class+"(gidNumber=7201))", "cn"), nothing()},
		{"ID of its own in an order", search("(&"+class+"(gidNumber>=7201))", "cn"), nothing()},
		{"compare ID of its own", compare(groupDN("Own ID"), "gidNumber", "7200"), code(goldap.LDAPResultCompareTrue)},
		{"compare ID of the pair", compare(groupDN("Own ID"), "gidNumber", "7201"), code(goldap.LDAPResultCompareFalse)},

		{"both classes", search("(&" + class + "(cn=losAlamos))"), found(odd("losAlamos"))},
		{"both classes, by the Linux class", search("(&(member=*)(objectClass=posixGroup))", "cn"), nothing()},
		{"both classes, member of one only", search("(&"+class+"(memberUid=ghost))", "cn"), nothing()},

		{"the other class", search("(|(&" + class + "(cn=nonesuch))(cn=Unique))"), found(odd("Unique"))},
		{"the other class by member", search("(|(member="+userDN("saul.goodman")+")(uniqueMember="+userDN("saul.goodman")+"))", "uniqueMember"), found(odd("Unique"))},
	}
}

// Mode merge where the two kinds of groups do not match each other.
func TestMergeOfOddGroups(t *testing.T) {
	t.Parallel()
	org := withoutEntries(t, goneFromOdd...)
	for _, g := range oddGroups {
		org += g.stored.ldif()
	}
	forEachUpstreamHolding(t, org, func(t *testing.T, up *upstream) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: mergeView.mode, pairs: oddPairs})
		askAll(t, p.ldap, oddSearches())
		t.Run("groupOfUniqueNames", func(t *testing.T) {
			p := startWith(t, settings{servers: []string{up.url()}, mode: mergeView.mode, legacyClass: "groupOfUniqueNames",
				pairs: []yamlMap{{"legacy": "Unique", "posix": "printers", "gid": 7100}}})
			unique := []entry{odd("Unique")[0].with("memberUid", "saul.goodman").with("gidNumber", "7100")}
			askAll(t, p.ldap, []question{
				{"by class", search("(objectClass=groupOfUniqueNames)"), found(unique)},
				{"by member", search("(uniqueMember=" + userDN("saul.goodman") + ")"), found(unique)},
				{"by name of a member", search("(&(objectClass=groupOfUniqueNames)(memberUid=saul.goodman))", groupAttrs[:2]...), found(unique)},
				{"by ID", search("(&(uniqueMember=*)(gidNumber=7100))", "cn"), found(unique)},
				{"the other class is left alone", search("(|(uniqueMember=*)(cn=gameOfThrones))"), found(unique, stored("gameOfThrones"))},
				{"compare", compare(groupDN("Unique"), "memberUid", "saul.goodman"), code(goldap.LDAPResultCompareTrue)},
				{"compare member", compare(groupDN("Unique"), "uniqueMember", userDN("jon.snow")), code(goldap.LDAPResultCompareFalse)},
			})
		})
	})
	t.Run("expected answers on the view", func(t *testing.T) {
		var view strings.Builder
		for _, g := range oddGroups {
			if g.shown.DN != "" {
				view.WriteString(g.shown.ldif())
			}
		}
		left := mergeView
		left.groups = slices.DeleteFunc(mergeView.everyGroup(), func(e entry) bool { return slices.Contains(goneFromOdd, e.DN) })
		up := viewInSlapd(t, left, view.String())
		askAll(t, up.addr, slices.DeleteFunc(oddSearches(), func(q question) bool { return q.want.beyond }))
	})
}

// Without pairs no group has an ID, and the Linux groups stay beside them.
func TestMergeWithoutPairs(t *testing.T) {
	t.Parallel()
	var unpaired []entry
	for _, e := range mergeView.everyGroup() {
		unpaired = append(unpaired, without(e, "gidNumber"))
	}
	linux := stored("got", "bb", "crew", "lospolloshermanos", "nightswatch", "everyone_lx")
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: mergeView.mode, noPairs: true})
		askAll(t, p.ldap, []question{
			{"all groups", search("(objectClass=groupOfNames)"), found(unpaired)},
			{"by ID", search("(&(objectClass=groupOfNames)(gidNumber=7001))", "cn"), nothing()},
			{"both kinds", search("(|(objectClass=groupOfNames)(objectClass=posixGroup))"), found(unpaired, linux)},
			{"both kinds by ID", search("(|(&(objectClass=groupOfNames)(cn=Everyone))(gidNumber=7001))", "cn", "gidNumber"),
				found([]entry{without(groups("Everyone")[0], "gidNumber")}, stored("got"))},
			{"a Linux group", search("(|(member=*)(cn=*))").at(groupDN("got")), found(stored("got"))},
			{"member", compare(groupDN("gameOfThrones"), "member", userDN("jon.snow")), code(goldap.LDAPResultCompareTrue)},
		})
	})
}
