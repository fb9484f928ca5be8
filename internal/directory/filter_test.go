package directory

import (
	"os"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// filterTests are filters and the number of the 24 entries at and below the
// sample base that match. The numbers are slapd's (2.5.13 with the same LDIF).
// A filter and its negation that both match nothing are Undefined.
var filterTests = []struct {
	filter string
	count  int
}{
	// Object classes: by name in any case, by OID, derived classes, unknown.
	{"(objectClass=*)", 24},
	{"(objectClass=top)", 24},
	{"(objectClass=inetOrgPerson)", 10},
	{"(objectClass=GROUPOFNAMES)", 7},
	{"(objectClass=posixGroup)", 6},
	{"(objectClass=2.5.6.9)", 7},
	{"(objectClass=1.3.6.1.1.1.2.2)", 6},
	{"(objectClass=2.5.6.6)", 10},
	{"(2.5.4.0=2.16.840.1.113730.3.2.2)", 10},
	{"(objectClass=foo)", 0},
	{"(!(objectClass=foo))", 0},
	{"(objectClass=posix*)", 0},
	{"(!(objectClass=posix*))", 0},
	{"(structuralObjectClass=posixGroup)", 6},

	// Text: case, spaces, non-ASCII, empty and invalid values, supertype.
	{"(cn=GOT)", 1},
	{"(cn=  los   pollos hermanos )", 1},
	{"(cn=los*  pollos*)", 1},
	{"(cn=los *pollos*)", 1},
	{"(cn=Los Pol*)", 1},
	{"(cn=*o*o*)", 5},
	{`(cn=Night's Watch \28Wall\29)`, 1},
	{`(cn=h\c3\a9ctor*)`, 1},
	{`(cn=H\c3\89CTOR SALAMANCA)`, 1},
	{`(cn=\ff)`, 0},
	{`(!(cn=\ff))`, 0},
	{"(cn=)", 0},
	{"(!(cn=))", 0},
	{"(cn~=got)", 1},
	{"(name=got)", 1},
	{"(sn=snow)", 1},
	{"(departmentNumber=r&d)", 1},
	{"(employeeNumber=got-*)", 2},
	{"(mail=JON.SNOW@EXAMPLE.COM)", 1},
	{"(mail=j*@EXAMPLE.com)", 3},
	{"(telephoneNumber=+15550101)", 1},
	{"(telephoneNumber=*555*)", 1},
	{"(loginShell=/bin/bash)", 10},
	{"(homeDirectory=/home/*)", 0},
	{"(!(homeDirectory=/home/*))", 0},

	// memberUid is case-sensitive ASCII.
	{"(memberUid=jon.snow)", 3},
	{"(memberUid=JON.SNOW)", 0},
	{"(memberUid=jon*)", 3},
	{"(memberUid=JON*)", 0},
	{"(1.3.6.1.1.1.1.12=heisenberg)", 4},
	{"(memberUid=)", 0},
	{"(!(memberUid=))", 24},
	{`(!(memberUid=\c3\a9))`, 0},

	// DNs: equality only, and only with a DN.
	{"(member=uid=heisenberg," + SampleBase + ")", 5},
	{"(2.5.4.31=UID=Heisenberg, " + SampleBase + ")", 5},
	{"(member=*)", 7},
	{"(2.5.4.31=*)", 7},
	{"(member=)", 0},
	{"(!(member=))", 24},
	{"(!(member=xx))", 0},
	{"(!(member=uid*))", 0},
	{"(memberOf=CN=gameofthrones, OU=users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com)", 4},
	{"(!(memberOf=cn=g*))", 0},
	{"(uniqueMember=*)", 0},
	{"(!(uniqueMember=xx))", 0},
	{"(entryDN=cn=got," + SampleBase + ")", 1},

	// Integers and booleans.
	{"(gidNumber=7001)", 1},
	{"(gidNumber=abc)", 0},
	{"(!(gidNumber=abc))", 0},
	{"(gidNumber=07001)", 0},
	{"(gidNumber=+7001)", 0},
	{"(!(gidNumber=7*))", 0},
	{"(gidNumber>=7001)", 6},
	{"(!(gidNumber>=7001))", 18},
	{"(uidNumber<=5001)", 2},
	{"(jcLdapAdmin=TRUE)", 2},
	{"(!(jcLdapAdmin=TRUE))", 22},
	{"(!(jcLdapAdmin=true))", 0},
	{"(hasSubordinates=TRUE)", 1},

	// No ordering rule.
	{"(cn>=a)", 0},
	{"(!(cn>=a))", 0},
	{"(!(uid>=a))", 0},
	{"(!(memberUid>=a))", 0},
	{"(createTimestamp>=20000101000000Z)", 24},
	{"(!(modifyTimestamp>=x))", 0},

	// Unknown types and options.
	{"(foo=bar)", 0},
	{"(!(foo=bar))", 0},
	{"(!(foo=*))", 0},
	{"(!(foo=a*))", 0},
	{"(cn;lang-de=x)", 0},
	{"(!(cn;lang-de=x))", 24},
	{"(!(cn;x=x))", 0},
	{"(!(member;x=x))", 0},

	// Three-valued logic and the absolute filters.
	{"(|(foo=bar)(cn=got))", 1},
	{"(&(foo=bar)(cn=got))", 0},
	{"(!(&(foo=bar)(cn=zzz)))", 24},
	{"(!(|(foo=bar)(cn=got)))", 0},
	{"(!(&(foo=bar)(cn=got)))", 23},
	{"(!(!(foo=bar)))", 0},
	{"(&)", 24},
	{"(|)", 0},
	{"(!(&))", 0},
	{"(!(|))", 24},

	// Extensible match.
	{"(cn:=GOT)", 1},
	{"(cn:caseExactMatch:=got)", 1},
	{"(cn:caseExactMatch:=GOT)", 0},
	{"(cn:2.5.13.5:=got)", 1},
	{"(:caseIgnoreMatch:=got)", 1},
	{"(!(:caseIgnoreMatch:=zz))", 24},
	{"(:distinguishedNameMatch:=" + personDN + ")", 3},
	{"(member:distinguishedNameMatch:=uid=JON.snow," + SampleBase + ")", 3},
	{"(member:2.5.13.1:=uid=JON.snow," + SampleBase + ")", 3},
	{"(ou:dn:=Users)", 24},
	{"(!(ou:dn:=Users))", 0},
	{"(dc:dn:caseIgnoreIA5Match:=jumpcloud)", 24},
	{"(:dn:caseIgnoreMatch:=Users)", 24},
	{"(memberUid:caseIgnoreIA5Match:=JON.SNOW)", 3},
	{"(memberUid:caseIgnoreMatch:=JON.SNOW)", 0},
	{"(!(memberUid:caseIgnoreMatch:=JON.SNOW))", 0},
	{"(!(gidNumber:caseExactMatch:=7001))", 0},
	{"(!(cn:bogus:=x))", 0},
	{"(!(:bogus:=x))", 0},
	{"(!(foo:caseIgnoreMatch:=x))", 0},
	{"(cn:integerMatch:=1)", 0},

	// userPassword exists for its owner only.
	{"(userPassword=*)", 1},
	{"(!(userPassword=*))", 0},

	// What Jamf asks.
	{"(&(objectClass=groupOfNames)(cn=*game*))", 1},
	{"(&(objectClass=groupOfNames)(gidNumber=*))", 0},
	{"(&(objectClass=groupOfNames)(member=uid=jon.snow," + SampleBase + ")(cn=gameOfThrones))", 1},
	{"(&(objectClass=posixGroup)(|(memberUid=jon.snow)(memberUid=gus.fring)))", 4},
}

func TestFilters(t *testing.T) {
	testFilters(t, bound(t, start(t, Config{}).Addr(), adminDN))
}

// TestFiltersOfSlapd holds the table against a slapd that serves the sample, so
// that the table cannot drift from what it claims to be:
//
//	DIRECTORY_TEST_SLAPD=127.0.0.1:3891 go test -run FiltersOfSlapd ./internal/directory
func TestFiltersOfSlapd(t *testing.T) {
	addr := os.Getenv("DIRECTORY_TEST_SLAPD")
	if addr == "" {
		t.Skip("DIRECTORY_TEST_SLAPD is not set")
	}
	testFilters(t, bound(t, addr, adminDN))
}

func testFilters(t *testing.T, conn *goldap.Conn) {
	for _, tt := range filterTests {
		t.Run(tt.filter, func(t *testing.T) {
			res, err := conn.Search(request(tt.filter, "1.1"))
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Entries) != tt.count {
				t.Errorf("got %d entries %q, want %d", len(res.Entries), names(res), tt.count)
			}
		})
	}
}
