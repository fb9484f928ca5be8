package rewrite_test

// The oracle in mode merge held against answers worked out by hand. Nothing
// here calls the fast path.

import (
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

// mergeSample has a group with its Linux group and members in every spelling,
// one without (CarWash), a Linux group without a pair (ops), one entry of both
// classes (crew), a group with many names (both), one without users (nobodies)
// and one of the other class.
var mergeSample = parseDirectory(`
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
cn: got
gidNumber: 7001

dn: cn=gameOfThrones,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: top
objectClass: groupOfNames
cn: gameOfThrones
ou: gameOfThrones
description: tagGroup
member: uid=Jon.Snow,ou=Users,o=org,dc=jumpcloud,dc=com
member: userid = x\,y , OU=users,o=org,dc=jumpcloud,dc=com
member: UID=\4aORAH,ou=Users,o=org,dc=jumpcloud,dc=com
member: uid=ghost,ou=Sub,ou=Users,o=org,dc=jumpcloud,dc=com
member: cn=nobody
member;x-a: uid=Arya,ou=Users,o=org,dc=jumpcloud,dc=com
entryUUID: 00000000-0000-4000-8000-000000000001

dn: cn=got,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: posixGroup
cn: got
gidNumber: 9001
memberUid: jon.snow
entryUUID: 00000000-0000-4000-8000-000000000002

dn: cn=CarWash,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: groupOfNames
cn: CarWash
member: uid=walter,ou=Users,o=org,dc=jumpcloud,dc=com

dn: cn=ops,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: posixGroup
cn: ops
gidNumber: 7002
memberUid: Jon.Snow

dn: cn=crew,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: posixGroup
objectClass: groupOfNames
cn: crew
cn: got
gidNumber: 7009
memberUid: ghost
memberUid;x-b: ghost
member: uid=walter,ou=Users,o=org,dc=jumpcloud,dc=com

dn: cn=both,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: groupOfNames
cn: both
cn: CREW
cn: unknown
cn;lang-de: heisenberg  crew
member: cn=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com

dn: cn=nobodies,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: groupOfNames
cn: nobodies
gidNumber;x-a: 42
member: cn=nobody

dn: cn=uniques,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: groupOfUniqueNames
cn: gameOfThrones
uniqueMember: uid=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com

dn: cn=hidden,ou=Users,o=org,dc=jumpcloud,dc=com
objectClass: posixGroup
cn: hidden
cn;lang-de: GOT
memberUid: walter
`)

func mergeOracle() oracle {
	c := rewrite.DefaultConfig()
	c.Mode, c.Base = rewrite.ModeMerge, usersBase
	c.Pairs = []rewrite.PairConfig{
		{Legacy: "Both", Posix: "both_lx", GID: 7005},
		{Legacy: "gameOfThrones", Posix: "got", GID: 7001},
		{Legacy: "Heisenberg Crew", Posix: "hcrew_lx", GID: 7005},
		{Legacy: "crew", Posix: "crew_lx", GID: 7003},
		{Legacy: "unknown", Posix: "unknown_lx"},
		{Legacy: "nobodies", Posix: "nobodies_lx", GID: 7007},
	}
	c.StripSuffixes = []string{"@example.com", "," + usersBase}
	return oracle{c}
}

// text reads a filter as clients write it.
func text(t *testing.T, filter string) ldap.Filter {
	t.Helper()
	packet, err := goldap.CompileFilter(filter)
	if err != nil {
		t.Fatalf("compiling %s: %v", filter, err)
	}
	f, err := ldap.DecodeFilter(string(packet.Bytes()), ldap.Limits{Nesting: 64, FilterTerms: 4096})
	if err != nil {
		t.Fatalf("decoding %s: %v", filter, err)
	}
	return f
}

func TestOracleMergeView(t *testing.T) {
	want := map[string]string{
		"cn=gameOfThrones": `
objectClass: top
objectClass: groupOfNames
cn: gameOfThrones
ou: gameOfThrones
description: tagGroup
member: uid=Jon.Snow,ou=Users,o=org,dc=jumpcloud,dc=com
member: userid = x\,y , OU=users,o=org,dc=jumpcloud,dc=com
member: UID=\4aORAH,ou=Users,o=org,dc=jumpcloud,dc=com
member: uid=ghost,ou=Sub,ou=Users,o=org,dc=jumpcloud,dc=com
member: cn=nobody
memberUid: Jon.Snow
memberUid: x,y
memberUid: JORAH
member;x-a: uid=Arya,ou=Users,o=org,dc=jumpcloud,dc=com
memberUid;x-a: Arya
entryUUID: 00000000-0000-4000-8000-000000000001
gidNumber: 7001
`,
		"cn=CarWash": `
objectClass: groupOfNames
cn: CarWash
member: uid=walter,ou=Users,o=org,dc=jumpcloud,dc=com
memberUid: walter
`,
		"cn=ops": `
objectClass: posixGroup
cn: ops
gidNumber: 7002
memberUid: Jon.Snow
`,
		"cn=crew": `
objectClass: groupOfNames
cn: crew
cn: got
gidNumber: 7009
member: uid=walter,ou=Users,o=org,dc=jumpcloud,dc=com
memberUid: walter
`,
		"cn=both": `
objectClass: groupOfNames
cn: both
cn: CREW
cn: unknown
cn;lang-de: heisenberg  crew
member: cn=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com
gidNumber: 7005
gidNumber: 7003
`,
		"cn=nobodies": `
objectClass: groupOfNames
cn: nobodies
gidNumber;x-a: 42
member: cn=nobody
`,
		"cn=uniques": `
objectClass: groupOfUniqueNames
cn: gameOfThrones
uniqueMember: uid=jon.snow,ou=Users,o=org,dc=jumpcloud,dc=com
`,
	}
	groups := 0
	v := mergeOracle().view(mergeSample)
	for _, e := range v {
		rdn, _, _ := strings.Cut(e.dn, ",")
		if attrs, ok := want[rdn]; ok {
			groups++
			if diff := cmp.Diff("dn: "+rdn+","+usersBase+attrs, e.String()); diff != "" {
				t.Errorf("view entry (-want +got):\n%s", diff)
			}
		}
	}
	if groups != len(want) || len(v) != 4+len(want) {
		t.Errorf("the view has %d entries, %d of them groups", len(v), groups)
	}
}

func TestOracleMergeSearch(t *testing.T) {
	const (
		all  = "gameOfThrones CarWash crew both nobodies"
		user = "uid=jon.snow," + usersBase
	)
	for _, c := range []struct{ filter, want string }{
		// Groups, their classes and names.
		{"(objectClass=groupOfNames)", all},
		{"(&(objectClass=groupOfNames)(objectClass=posixGroup))", ""},
		{"(|(objectClass=groupOfNames)(objectClass=posixGroup))", "gameOfThrones CarWash ops crew both nobodies"},
		{"(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))", all + " uniques"},
		{"(&(objectClass=groupOfNames)(cn=gameofthrones))", "gameOfThrones"},
		{"(&(objectClass=groupOfNames)(cn=got))", "crew"},
		{"(&(objectClass=groupOfNames)(cn=*CAR*))", "CarWash"},
		{"(&(cn=*)(!(objectClass=groupOfNames)))", "jon.snow ops uniques"},
		{"(objectClass=posixGroup)", "got ops crew hidden"},

		// Members.
		{"(member=" + user + ")", "gameOfThrones"},
		{"(member=UID=JON.SNOW, ou=users,O=ORG,dc=jumpcloud,dc=com)", "gameOfThrones"},
		{"(member=jon.snow)", "gameOfThrones"},
		{"(member=JON.snow@Example.com)", "gameOfThrones"},
		{"(member=jon.snow," + usersBase + ")", "gameOfThrones"},
		{"(member=uid=jon.snow@example.com," + usersBase + ")", "gameOfThrones"},
		{"(member=x,y)", "gameOfThrones"},
		{"(member=uid=x\\5c,y," + usersBase + ")", "gameOfThrones"},
		{"(member=ghost)", ""},
		{"(member=uid=ghost,ou=Sub," + usersBase + ")", "gameOfThrones"},
		{"(member=cn=nobody)", "gameOfThrones nobodies"},
		{"(member=CN=Jon.Snow," + usersBase + ")", "both"},
		{"(member=nobody)", ""},
		{"(&(objectClass=groupOfNames)(!(member=jon.snow)))", "CarWash crew both nobodies"},
		{"(&(objectClass=groupOfNames)(!(member=uid=jon.snow,,)))", ""},
		{"(member=*)", all},
		{"(member;x-a=*)", "gameOfThrones"},
		{"(member;x-a=arya)", "gameOfThrones"},
		{"(member;x-a=jon.snow)", ""},
		{"(member~=jon.snow)", "gameOfThrones"},
		{"(member:=jon.snow)", "gameOfThrones"},
		{"(member:dn:2.5.13.1:=cn=nobody)", "gameOfThrones nobodies"},
		{"(!(member:caseIgnoreMatch:=jon.snow))", ""},
		{"(!(member>=jon.snow))", ""},
		{"(&(objectClass=groupOfNames)(:distinguishedNameMatch:=uid=WALTER," + usersBase + "))", "CarWash crew"},

		// Pieces of members: of their user names, case as stored.
		{"(member=*Snow*)", "gameOfThrones"},
		{"(member=*snow*)", ""},
		{"(member=UID=Jon*Snow," + usersBase + ")", "gameOfThrones"},
		{"(member=uid=*)", "gameOfThrones CarWash crew"},
		{"(member=*nobody*)", ""},
		{"(member;x-a=Ar*)", "gameOfThrones"},
		{"(member;x-a=Jon*)", ""},

		// User names: as members are on a group of the view, exact elsewhere.
		{"(|(memberUid=Jon.Snow)(member=x))", "gameOfThrones ops"},
		{"(|(memberUid=jon.SNOW)(member=x))", "gameOfThrones"},
		{"(|(memberUid= jon.snow )(member=x))", "gameOfThrones"},
		{"(|(memberUid=Jon.Snow@example.com)(member=x))", "gameOfThrones ops"},
		{"(|(memberUid=uid=Jon.Snow," + usersBase + ")(member=x))", "gameOfThrones ops"},
		{"(|(memberUid=uid=JON.Snow," + usersBase + ")(member=x))", "gameOfThrones"},
		{"(|(memberUid=ghost)(member=x))", ""},
		{"(|(memberUid;x-b=ghost)(member=x))", ""},
		{"(|(memberUid;x-a=aRYA)(member=x))", "gameOfThrones"},
		{"(|(memberUid=*)(member=x))", "gameOfThrones CarWash ops crew"},
		{"(|(memberUid=J*now)(member=x))", "gameOfThrones ops"},
		{"(|(memberUid=*snow)(member=x))", ""},
		{"(|(memberUid~=jon.snow)(member=x))", ""},
		{"(|(memberUid~=x,y)(member=x))", "gameOfThrones"},
		{"(|(memberUid:caseExactIA5Match:=Jon.Snow)(member=x))", "gameOfThrones ops"},
		{"(|(memberUid:=jon.snow)(member=x))", ""},
		{"(|(memberUid:=uid=Jon.Snow," + usersBase + ")(member=x))", ""},

		// Group IDs: the entry's own, else those of the pairs.
		{"(&(objectClass=groupOfNames)(gidNumber=7001))", "gameOfThrones"},
		{"(|(gidNumber=7001)(member=x))", "jon.snow gameOfThrones"},
		{"(|(gidNumber=9001)(member=x))", ""},
		{"(|(gidNumber=7002)(member=x))", "ops"},
		{"(&(objectClass=groupOfNames)(gidNumber=7003))", "both"},
		{"(&(objectClass=groupOfNames)(gidNumber~=7005))", "both"},
		{"(&(objectClass=groupOfNames)(gidNumber=7007))", ""},
		{"(&(objectClass=groupOfNames)(gidNumber=42))", "nobodies"},
		{"(&(objectClass=groupOfNames)(gidNumber>=7005))", "crew both"},
		{"(&(objectClass=groupOfNames)(gidNumber<=7001))", "gameOfThrones nobodies"},
		{"(&(objectClass=groupOfNames)(gidNumber=*))", "gameOfThrones crew both nobodies"},
		{"(&(objectClass=groupOfNames)(!(gidNumber=*)))", "CarWash"},
		{"(&(objectClass=groupOfNames)(gidNumber:integerMatch:=7009))", "crew"},
		{"(&(objectClass=groupOfNames)(gidNumber:=7001))", "gameOfThrones"},
		{"(&(objectClass=groupOfNames)(!(gidNumber=abc)))", ""},
		{"(&(objectClass=groupOfNames)(gidNumber=07001))", ""},

		// Not bridged: upstream's answer, user names repaired.
		{"(memberUid=uid=Jon.Snow," + usersBase + ")", "got ops"},
		{"(memberUid=JON.snow)", ""},
		{"(gidNumber=9001)", "got"},
		{"(cn=gameOfThrones)", "gameOfThrones uniques"},
	} {
		f := text(t, c.filter)
		a := mergeOracle().search(mergeSample, &ldap.SearchRequest{Base: usersBase, Scope: ldap.ScopeSubtree, Filter: f})
		if got := rdnValues(a); got != c.want || a.result.Code != ldap.Success {
			t.Errorf("%s gave %q and %v, want %q", c.filter, got, a.result.Code, c.want)
		}
	}
}

// (member=**), which no filter text can say, is presence: the members that are
// no users count, as they do not for pieces.
func TestOracleMergeEmptySubstrings(t *testing.T) {
	for attr, want := range map[string]string{
		"member":    "gameOfThrones CarWash crew both nobodies",
		"memberUid": "gameOfThrones CarWash crew",
		"gidNumber": "gameOfThrones crew both nobodies",
	} {
		f := ldap.And(ldap.Equal("objectClass", "groupOfNames"), ldap.Filter{Kind: ldap.FilterSubstrings, Attr: attr})
		if got := rdnValues(mergeOracle().search(mergeSample, &ldap.SearchRequest{Base: usersBase, Scope: ldap.ScopeSubtree, Filter: f})); got != want {
			t.Errorf("(%s=**) gave %q, want %q", attr, got, want)
		}
	}
}

func TestOracleMergeUniqueNames(t *testing.T) {
	o := mergeOracle()
	o.LegacyClass = "groupOfUniqueNames"
	for filter, want := range map[string]string{
		"(objectClass=groupOfUniqueNames)":                  "uniques",
		"(uniqueMember=JON.SNOW)":                           "uniques",
		"(&(uniqueMember=*)(memberUid=JON.SNOW))":           "uniques",
		"(&(uniqueMember=*)(gidNumber=7001))":               "uniques",
		"(|(objectClass=posixGroup)(uniqueMember=x))":       "ops", // crew is the Linux group of a pair by its second name
		"(|(objectClass=groupOfNames)(uniqueMember=x))":     "gameOfThrones CarWash both nobodies",
		"(&(uniqueMember=*)(memberUid=*)(gidNumber>=7001))": "uniques",
	} {
		f := text(t, filter)
		if got := rdnValues(o.search(mergeSample, &ldap.SearchRequest{Base: usersBase, Scope: ldap.ScopeSubtree, Filter: f})); got != want {
			t.Errorf("%s gave %q, want %q", filter, got, want)
		}
	}
}

func TestOracleMergeBase(t *testing.T) {
	for _, c := range []struct {
		base, filter, want string
		code               ldap.ResultCode
		matched            string
	}{
		{"cn=gameofthrones," + usersBase, "(gidNumber=7001)", "gameOfThrones", ldap.Success, ""},
		{"cn=gameofthrones," + usersBase, "(memberUid=JON.SNOW)", "gameOfThrones", ldap.Success, ""},
		{"cn=crew," + usersBase, "(objectClass=posixGroup)", "", ldap.Success, ""},
		{"cn=CarWash," + usersBase, "(objectClass=groupOfNames)", "CarWash", ldap.Success, ""},
		{"cn=CarWash," + usersBase, "(memberUid=walter)", "CarWash", ldap.Success, ""}, // in no pair
		{"cn=got," + usersBase, "(objectClass=*)", "got", ldap.Success, ""},            // not bridged
		{"cn=got," + usersBase, "(|(objectClass=*)(member=x))", "", ldap.Success, ""},
		{"cn=ops," + usersBase, "(|(objectClass=*)(member=x))", "ops", ldap.Success, ""},
		{"cn=x,cn=got," + usersBase, "(member=x)", "", ldap.NoSuchObject, "cn=got," + usersBase},
		{"cn=absent," + usersBase, "(member=x)", "", ldap.NoSuchObject, usersBase},
		{"cn=,=", "(member=x)", "", ldap.InvalidDNSyntax, ""},
	} {
		a := mergeOracle().search(mergeSample, &ldap.SearchRequest{Base: c.base, Filter: text(t, c.filter)})
		want := ldap.Result{Code: c.code, MatchedDN: c.matched}
		if got := rdnValues(a); got != c.want || a.result != want {
			t.Errorf("base %s, %s gave %q and %+v, want %q and %+v", c.base, c.filter, got, a.result, c.want, want)
		}
	}
}

func TestOracleMergeSelection(t *testing.T) {
	for _, c := range []struct {
		attrs     []string
		typesOnly bool
		want      string
	}{
		{nil, true, "objectClass cn ou description member memberUid member;x-a memberUid;x-a gidNumber"},
		{[]string{"*", "+"}, true, "objectClass cn ou description member memberUid member;x-a memberUid;x-a entryUUID gidNumber"},
		{[]string{"1.1"}, false, ""},
		{[]string{"GIDNUMBER"}, false, "gidNumber=7001"},
		{[]string{"1.3.6.1.1.1.1.12;X-A", "1.1"}, false, "memberUid;x-a=Arya"},
		{[]string{"memberuid"}, false, "memberUid=Jon.Snow=x,y=JORAH memberUid;x-a=Arya"},
		{[]string{"+"}, false, "entryUUID=00000000-0000-4000-8000-000000000001"},
	} {
		a := mergeOracle().search(mergeSample, &ldap.SearchRequest{Base: "cn=gameOfThrones," + usersBase,
			Attributes: c.attrs, TypesOnly: c.typesOnly, Filter: ldap.Present("objectClass")})
		if got := selected(a.entries[0]); got != c.want {
			t.Errorf("attributes %q gave %q, want %q", c.attrs, got, c.want)
		}
	}
}

func TestOracleMergeCompare(t *testing.T) {
	const group, car = "cn=gameOfThrones," + usersBase, "cn=CarWash," + usersBase
	for _, c := range []struct {
		dn, attr, value string
		want            ldap.ResultCode
	}{
		{group, "member", "uid=jon.snow," + usersBase, ldap.CompareTrue},
		{group, "member", "jon.snow@example.com", ldap.CompareTrue},
		{group, "member", "cn=nobody", ldap.CompareTrue},
		{group, "member", "uid=ghost," + usersBase, ldap.CompareFalse},
		{group, "memberUid", "JON.snow", ldap.CompareTrue},
		{group, "memberUid;x-a", "jon.snow", ldap.CompareFalse},
		{group, "gidNumber", "7001", ldap.CompareTrue},
		{group, "gidNumber", "9001", ldap.CompareFalse},
		{group, "objectClass", "groupOfNames", ldap.CompareTrue},
		{group, "isDeleted", "x", ldap.CompareFalse},
		{car, "member", "walter", ldap.CompareTrue},
		{car, "memberUid", "walter", ldap.CompareTrue}, // in no pair
		{"cn=crew," + usersBase, "objectClass", "posixGroup", ldap.CompareFalse},
		{"cn=nobodies," + usersBase, "memberUid", "nobody", ldap.CompareFalse},
		{"cn=got," + usersBase, "member", "jon.snow", ldap.CompareFalse},
		{"cn=got," + usersBase, "memberUid", "jon.snow", ldap.CompareTrue},
		{"cn=got," + usersBase, "gidNumber", "9001", ldap.CompareTrue},
		{"cn=ops," + usersBase, "member", "Jon.Snow", ldap.CompareFalse},
		{"cn=absent," + usersBase, "member", "jon.snow", ldap.CompareFalse},
	} {
		got := mergeOracle().compare(mergeSample, &ldap.CompareRequest{DN: c.dn, Attr: c.attr, Value: c.value})
		if got[0] != c.want {
			t.Errorf("compare %s %s=%s: %v, want %v", c.dn, c.attr, c.value, got, c.want)
		}
	}
}

func TestOracleMergeSizeLimit(t *testing.T) {
	for limit, want := range map[int32]ldap.ResultCode{0: ldap.Success, 4: ldap.SizeLimitExceeded, 5: ldap.Success} {
		a := mergeOracle().search(mergeSample, &ldap.SearchRequest{Base: usersBase, Scope: ldap.ScopeOne, SizeLimit: limit,
			Filter: text(t, "(|(objectClass=groupOfNames)(memberUid=jon.snow)(cn=hidden))")})
		if a.result.Code != want || limit > 0 && len(a.entries) != int(limit) {
			t.Errorf("limit %d gave %d entries and %v", limit, len(a.entries), a.result.Code)
		}
	}
}
