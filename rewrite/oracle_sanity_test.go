package rewrite_test

// The oracle in mode posix held against answers worked out by hand from
// DESIGN.md section 3. Nothing here calls the fast path.

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// sample is JumpCloud's documentation sample and the awkward cases: a group
// without a Linux group, a Linux group without a pair, a user whose name has
// capitals, one whose name needs escaping.
var sample = parseDirectory(`
dn: dc=jumpcloud,dc=com
objectClass: domain

dn: o=org,dc=jumpcloud,dc=com
objectClass: organization

dn: ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: organizationalUnit
ou: Users

dn: uid=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: inetOrgPerson
uid: jon.snow
cn: Jon Snow
memberOf: cn=gameOfThrones,ou=Users,o=org,dc=jumpcloud,dc=com

dn: cn=gameOfThrones,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: top
objectClass: groupOfNames
cn: gameOfThrones
ou: gameOfThrones
description: tagGroup
member: uid=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com

dn: cn=got,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: top
objectClass: posixGroup
cn: got
gidNumber: 7001
description: tagGroup
memberUid: jon.snow
memberUid: Arya
entryUUID: 00000000-0000-4000-8000-000000000001

dn: cn=CarWash,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: groupOfNames
cn: CarWash
ou: CarWash
member: uid=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com

dn: cn=ops,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: posixGroup
cn: ops
gidNumber: 7002
memberUid: x,y
memberUid;x-a: jon.snow

dn: cn=empty,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: posixGroup
objectClass: groupOfNames
cn: empty
gidNumber: 7003
member: cn=nobody
`)

func sampleOracle() oracle {
	c := rewrite.DefaultConfig()
	c.Base = usersBase
	c.Pairs = []rewrite.PairConfig{{Legacy: "gameOfThrones", Posix: "GOT", GID: 7001}, {Legacy: "Empty Group", Posix: "empty"}}
	c.StripSuffixes = []string{"@example.com"}
	return oracle{c}
}

func TestOracleView(t *testing.T) {
	v := sampleOracle().view(sample)
	want := map[string]string{
		"cn=gameOfThrones": `
dn: cn=gameOfThrones,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: top
objectClass: groupOfNames
cn: gameOfThrones
ou: gameOfThrones
gidNumber: 7001
description: tagGroup
memberUid: jon.snow
memberUid: Arya
member: uid=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com
member: uid=Arya,ou=Users,o=org,dc=jumpcloud,dc=com
entryUUID: 00000000-0000-4000-8000-000000000001
`,
		"cn=ops": `
dn: cn=ops,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: groupOfNames
cn: ops
ou: ops
gidNumber: 7002
memberUid: x,y
member: uid=x\,y,ou=Users,o=org,dc=jumpcloud,dc=com
memberUid;x-a: jon.snow
member;x-a: uid=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com
`,
		"cn=Empty Group": `
dn: cn=Empty Group,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: groupOfNames
cn: Empty Group
ou: Empty Group
gidNumber: 7003
`,
	}
	groups := 0
	for _, e := range v {
		rdn, _, _ := strings.Cut(e.dn, ",")
		if text, ok := want[rdn]; ok {
			groups++
			if diff := cmp.Diff(strings.TrimLeft(text, "\n"), e.String()); diff != "" {
				t.Errorf("view entry (-want +got):\n%s", diff)
			}
		}
	}
	if groups != len(want) || len(v) != 4+len(want) {
		t.Errorf("the view has %d entries, %d of them groups", len(v), groups)
	}
}

func TestOracleSearch(t *testing.T) {
	class := ldap.Equal("objectClass", "groupOfNames")
	member := func(value string) ldap.Filter { return ldap.And(class, ldap.Equal("member", value)) }
	pieces := func(attr string, p ...ldap.Substring) ldap.Filter {
		return ldap.Filter{Kind: ldap.FilterSubstrings, Attr: attr, Substrings: p}
	}
	kind := func(k ldap.FilterKind, attr, rule, value string) ldap.Filter {
		return ldap.Filter{Kind: k, Attr: attr, Rule: rule, Value: value}
	}
	const all = "gameOfThrones ops Empty_Group"
	for _, c := range []struct {
		name   string
		filter ldap.Filter
		want   string // RDN values, spaces as _
	}{
		{"every group", class, all},
		{"class by OID", ldap.Equal("2.5.4.0", "2.5.6.9"), all},
		{"class approximately", kind(ldap.FilterApprox, "objectClass", "", "GROUPOFNAMES"), all},
		{"class extensible", kind(ldap.FilterExtensible, "objectClass", "2.5.13.0", "groupOfNames"), all},
		{"legacy name", ldap.And(class, ldap.Equal("cn", "GameOfThrones")), "gameOfThrones"},
		{"posix name", ldap.And(class, ldap.Equal("cn", "got")), ""},
		{"ou", ldap.And(class, ldap.Equal("ou", "empty  group")), "Empty_Group"},
		{"piece of the name", ldap.And(class, pieces("cn", ldap.Substring{Kind: ldap.SubAny, Value: "GAME"})), "gameOfThrones"},
		{"class hides posix", ldap.And(class, ldap.Equal("objectClass", "posixGroup")), ""},
		{"hidden group", ldap.And(class, ldap.Equal("cn", "CarWash")), ""},
		{"users too", ldap.Or(class, ldap.Equal("objectClass", "inetOrgPerson")), "jon.snow " + all},
		{"not a member", ldap.And(class, ldap.Not(ldap.Equal("member", "uid=jon.snow,"+usersBase))), "Empty_Group"},

		{"member", member("uid=jon.snow," + usersBase), "gameOfThrones ops"},
		{"member by OID", ldap.Equal("2.5.4.31", "UID=jon.snow, "+strings.ToUpper(usersBase)), "gameOfThrones ops"},
		{"member in capitals", member("uid=JON.SNOW," + usersBase), "gameOfThrones ops"},
		{"member with capitals", member("uid=Arya," + usersBase), "gameOfThrones"},
		{"member in lower case", member("uid=arya," + usersBase), ""},
		{"member escaped", member(`uid=x\2cy,` + usersBase), "ops"},
		{"bare user", member("jon.snow"), "gameOfThrones ops"},
		{"bare user with suffix", member("jon.snow@Example.com"), "gameOfThrones ops"},
		{"only a suffix", member("@example.com"), ""},
		{"DN with suffix", member("uid=Arya@example.com," + usersBase), "gameOfThrones"},
		{"member elsewhere", member("uid=jon.snow,o=org,dc=jumpcloud,dc=com"), ""},
		{"not a member elsewhere", ldap.And(class, ldap.Not(member("uid=jon.snow,o=org"))), all},
		{"malformed DN", member("uid=jon.snow,,"), ""},
		{"not a malformed DN", ldap.And(class, ldap.Not(member("uid=jon.snow,,"))), ""},
		{"dropped member", member("cn=nobody"), ""},
		{"member option", ldap.And(class, ldap.Equal("member;x-a", "jon.snow")), "ops"},
		{"has members", ldap.Present("member"), "gameOfThrones ops"},
		{"has members, empty search box", pieces("member"), "gameOfThrones ops"},
		{"has optioned members", ldap.Present("member;X-A"), "ops"},
		{"member rule", kind(ldap.FilterExtensible, "member", "distinguishedNameMatch", "uid=Arya,"+usersBase), "gameOfThrones"},
		{"member by another rule", ldap.Not(kind(ldap.FilterExtensible, "member", "caseIgnoreMatch", "x")), ""},
		{"member by any attribute", ldap.And(class, kind(ldap.FilterExtensible, "", "2.5.13.1", "uid=Arya,"+usersBase)), "gameOfThrones"},
		{"member ordering", ldap.Not(kind(ldap.FilterGreaterOrEqual, "member", "", "x")), ""},
		{"piece of a member", pieces("member", ldap.Substring{Kind: ldap.SubInitial, Value: "UID=jon"},
			ldap.Substring{Kind: ldap.SubFinal, Value: "snow," + strings.ToUpper(usersBase)}), "gameOfThrones ops"},
		{"piece of a member, case as stored", pieces("member", ldap.Substring{Kind: ldap.SubAny, Value: "JON"}), ""},
		{"only the DN around it", pieces("member", ldap.Substring{Kind: ldap.SubInitial, Value: "uid="}), "gameOfThrones ops"},
		{"memberUid in a bridged request", ldap.And(class, ldap.Equal("memberUid", "uid=Arya@example.com,"+usersBase)), "gameOfThrones"},
		{"memberUid is exact", ldap.And(class, ldap.Equal("memberUid", "arya")), ""},

		{"posix vocabulary", ldap.Equal("objectClass", "posixGroup"), "got ops empty"},
		{"posix membership", ldap.And(ldap.Equal("objectClass", "posixGroup"), ldap.Equal("memberUid", "jon.snow")), "got ops"},
		{"posix, a DN for memberUid", ldap.Equal("memberUid", "uid=JON.SNOW,"+usersBase), "got ops"},
		{"posix, a suffix", ldap.Equal("memberUid", "jon.snow@example.com"), "got ops"},
		{"posix, case as sent", ldap.Equal("memberUid", "JON.SNOW"), ""},
		{"posix, empty search box", ldap.And(pieces("gidNumber"), ldap.Equal("objectClass", "posixGroup")), "got ops empty"},
		{"users by group", ldap.Equal("memberOf", "cn=gameOfThrones,"+usersBase), "jon.snow"},
		{"unknown type", ldap.Not(ldap.Equal("isDeleted", "x")), ""},
		{"part of the DN", ldap.And(class, ldap.Filter{Kind: ldap.FilterExtensible, Attr: "cn", Value: "Empty Group", DNAttrs: true}), "Empty_Group"},
	} {
		a := sampleOracle().search(sample, &ldap.SearchRequest{Base: usersBase, Scope: ldap.ScopeSubtree, Filter: c.filter})
		if got := rdnValues(a); got != c.want || a.result.Code != ldap.Success {
			t.Errorf("%s: %s gave %q and %v, want %q", c.name, c.filter.String(), got, a.result.Code, c.want)
		}
	}
}

func TestOracleBase(t *testing.T) {
	class := ldap.Equal("objectClass", "groupOfNames")
	for _, c := range []struct {
		base    string
		filter  ldap.Filter
		want    string
		code    ldap.ResultCode
		matched string
	}{
		{"cn=gameofthrones," + usersBase, ldap.Present("objectClass"), "gameOfThrones", ldap.Success, ""},
		{"cn=gameOfThrones," + usersBase, ldap.Equal("objectClass", "posixGroup"), "", ldap.Success, ""},
		{"cn=Empty Group," + usersBase, class, "Empty_Group", ldap.Success, ""},
		{"cn=got," + usersBase, class, "", ldap.Success, ""},
		{"cn=got," + usersBase, ldap.Present("objectClass"), "got", ldap.Success, ""},
		{"cn=CarWash," + usersBase, class, "", ldap.Success, ""},
		{"cn=ops," + usersBase, class, "ops", ldap.Success, ""},
		{"cn=absent," + usersBase, class, "", ldap.NoSuchObject, usersBase},
		{"cn=gameOfThrones,ou=Sub," + usersBase, class, "", ldap.NoSuchObject, usersBase},
		{"cn=,=", class, "", ldap.InvalidDNSyntax, ""},
	} {
		a := sampleOracle().search(sample, &ldap.SearchRequest{Base: c.base, Filter: c.filter})
		want := ldap.Result{Code: c.code, MatchedDN: c.matched}
		if got := rdnValues(a); got != c.want || a.result != want {
			t.Errorf("base %s, %s gave %q and %+v, want %q and %+v", c.base, c.filter.String(), got, a.result, c.want, want)
		}
	}
}

func TestOracleSelection(t *testing.T) {
	for _, c := range []struct {
		attrs     []string
		typesOnly bool
		want      string
	}{
		{nil, true, "objectClass cn ou gidNumber memberUid member memberUid;x-a member;x-a"},
		{[]string{"*"}, true, "objectClass cn ou gidNumber memberUid member memberUid;x-a member;x-a"},
		{[]string{"1.1"}, false, ""},
		{[]string{"+"}, false, ""},
		{[]string{"2.5.4.11", "MEMBER;x-a"}, false, "ou=ops member;x-a=uid=jon.snow," + usersBase},
		{[]string{"isDeleted", "gidnumber", "1.1"}, false, "gidNumber=7002"},
	} {
		a := sampleOracle().search(sample, &ldap.SearchRequest{Base: "cn=ops," + usersBase, Attributes: c.attrs, TypesOnly: c.typesOnly,
			Filter: ldap.Equal("objectClass", "groupOfNames")})
		if got := selected(a.entries[0]); got != c.want {
			t.Errorf("attributes %q gave %q, want %q", c.attrs, got, c.want)
		}
	}
}

func TestOracleSizeLimit(t *testing.T) {
	for limit, want := range map[int32]ldap.ResultCode{0: ldap.Success, 2: ldap.SizeLimitExceeded, 3: ldap.Success} {
		a := sampleOracle().search(sample, &ldap.SearchRequest{Base: usersBase, Scope: ldap.ScopeOne, SizeLimit: limit,
			Filter: ldap.Equal("objectClass", "groupOfNames")})
		if a.result.Code != want || limit > 0 && len(a.entries) != int(limit) {
			t.Errorf("limit %d gave %d entries and %v", limit, len(a.entries), a.result.Code)
		}
	}
}

func TestOracleCompareByHand(t *testing.T) {
	group := "cn=gameOfThrones," + usersBase
	for _, c := range []struct {
		dn, attr, value string
		want            ldap.ResultCode
	}{
		{group, "member", "uid=jon.snow," + usersBase, ldap.CompareTrue},
		{group, "member", "jon.snow@example.com", ldap.CompareTrue},
		{group, "member", "uid=ghost," + usersBase, ldap.CompareFalse},
		{group, "objectClass", "posixGroup", ldap.CompareFalse},
		{group, "gidNumber", "7001", ldap.CompareTrue},
		{group, "isDeleted", "x", ldap.CompareFalse},
		{"cn=CarWash," + usersBase, "member", "uid=jon.snow," + usersBase, ldap.CompareFalse},
		{"cn=absent," + usersBase, "member", "uid=jon.snow," + usersBase, ldap.CompareFalse},
		{"cn=got," + usersBase, "memberUid", "jon.snow", ldap.CompareTrue},
		{"cn=got," + usersBase, "memberUid", "uid=JON.SNOW," + usersBase, ldap.CompareTrue},
		{"cn=got," + usersBase, "description", "x", ldap.CompareFalse},
		{"cn=got," + usersBase, "isDeleted", "x", ldap.UndefinedAttributeType},
		{"cn=absent," + usersBase, "cn", "x", ldap.NoSuchObject},
	} {
		got := sampleOracle().compare(sample, &ldap.CompareRequest{DN: c.dn, Attr: c.attr, Value: c.value})
		if got[0] != c.want {
			t.Errorf("compare %s %s=%s: %v, want %v", c.dn, c.attr, c.value, got, c.want)
		}
	}
}

// rdnValues returns the value of each entry's RDN, spaces as _.
func rdnValues(a answer) string {
	var values []string
	for _, e := range a.entries {
		dn, _ := ldap.ParseDN(e.dn)
		values = append(values, strings.ReplaceAll(dn[0][0].Value, " ", "_"))
	}
	return strings.Join(values, " ")
}

// selected returns the attributes of an entry and their values on one line.
func selected(e entry) string {
	var attrs []string
	for _, a := range e.attrs {
		attrs = append(attrs, strings.Join(append([]string{a.desc}, a.values...), "="))
	}
	return strings.Join(attrs, " ")
}
