package rewrite_test

// The oracle with stable_uuid held against answers worked out by hand. The
// UUIDs are those of Python: uuid.uuid5(uuid.NAMESPACE_X500, "cn=gameofthrones,
// ou=users,o=org,dc=jumpcloud,dc=com"), without the space.

import (
	"testing"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

const (
	uuidOfGOT   = "ca2fc3a7-09c3-50e5-a2b7-619390882305" // cn=gameofthrones
	uuidOfCar   = "19256e4e-c56d-50d6-8ba2-9485f7c73efa" // cn=carwash
	uuidOfCrew  = "c2b3921a-672e-5e13-903d-d0d676c260e9" // cn=crew
	uuidOfOps   = "fb15e1b6-a9c8-5343-a6ba-e554cbbad813" // cn=ops
	uuidOfEmpty = "57271178-d5cf-51df-86ce-6e64196aab2d" // cn=empty group
)

func TestStableUUID(t *testing.T) {
	for dn, want := range map[string]string{
		"cn=gameOfThrones," + usersBase:                                               uuidOfGOT,
		"2.5.4.3 = GAMEofThrones , OU=users,o=ORG, dc=jumpcloud,DC=com":               uuidOfGOT,
		`commonName=g\61meOfThrones\20,organizationalUnitName=Users,` + usersBase[9:]: uuidOfGOT,
		`cn=Zoë\, Ltd,` + usersBase:                                                   "22ff5746-c7e4-5d95-a1f9-4bdc5ffa8d83", // cn=zoë\, ltd
		`cn=ZO\c3\8b\2c   ltd,` + usersBase:                                           "22ff5746-c7e4-5d95-a1f9-4bdc5ffa8d83",
		"gidNumber=7001 + CN=Got," + usersBase:                                        "06f07a67-a8f2-56f9-b428-e9ebd6cbb272", // cn=got+gidnumber=7001
		`cn=\#A,` + usersBase:                                                         "f598954d-e36d-5011-ac2d-01856a373be3", // cn=\#a
		`Foo=BAR,` + usersBase:                                                        "a55dbf0f-7eda-58a7-a8cd-e8d768bff7e7", // foo=bar
		"CN=x,,":                                                                      "5554c247-72a5-5030-befb-62cc4b33fe01", // as it is
	} {
		if got := stableUUID(dn); got != want {
			t.Errorf("%s: %s, want %s", dn, got, want)
		}
	}
}

func withStable(o oracle) oracle {
	o.StableUUID = true
	return o
}

// uuidOf asks for the UUID of one entry, and returns all that came.
func uuidOf(o oracle, d directory, base, filter string, t *testing.T) string {
	a := o.search(d, &ldap.SearchRequest{Base: base, Attributes: []string{"entryuuid"}, Filter: text(t, filter)})
	if len(a.entries) == 0 {
		return "no entry"
	}
	return selected(a.entries[0])
}

func TestOracleStableUUIDSelection(t *testing.T) {
	posix, merge := withStable(sampleOracle()), withStable(mergeOracle())
	for _, c := range []struct {
		oracle       oracle
		dir          directory
		base, filter string
		want         string
	}{
		{posix, sample, "cn=gameOfThrones," + usersBase, "(objectClass=*)", "entryUUID=" + uuidOfGOT},
		{merge, mergeSample, "cn=gameOfThrones," + usersBase, "(objectClass=*)", "entryUUID=" + uuidOfGOT},
		{sampleOracle(), sample, "cn=gameOfThrones," + usersBase, "(objectClass=*)", "entryUUID=00000000-0000-4000-8000-000000000001"},
		{mergeOracle(), mergeSample, "cn=gameOfThrones," + usersBase, "(objectClass=*)", "entryUUID=00000000-0000-4000-8000-000000000001"},
		// Upstream has none.
		{posix, sample, "cn=ops," + usersBase, "(member=*)", "entryUUID=" + uuidOfOps},
		{posix, sample, "cn=Empty Group," + usersBase, "(objectClass=*)", "entryUUID=" + uuidOfEmpty},
		{merge, mergeSample, "cn=CarWash," + usersBase, "(member=*)", "entryUUID=" + uuidOfCar},
		{merge, mergeSample, "cn=crew," + usersBase, "(member=*)", "entryUUID=" + uuidOfCrew},
		// No group of the view, or not bridged: upstream's.
		{merge, mergeSample, "cn=ops," + usersBase, "(|(cn=*)(member=*))", ""},
		{merge, mergeSample, "cn=got," + usersBase, "(cn=*)", "entryUUID=00000000-0000-4000-8000-000000000002"},
		{posix, sample, "cn=got," + usersBase, "(cn=*)", "entryUUID=00000000-0000-4000-8000-000000000001"},
		{merge, mergeSample, "cn=CarWash," + usersBase, "(cn=*)", "entryUUID=" + uuidOfCar},
	} {
		if got := uuidOf(c.oracle, c.dir, c.base, c.filter, t); got != c.want {
			t.Errorf("mode %s, %s %s: %q, want %q", c.oracle.Mode, c.base, c.filter, got, c.want)
		}
	}
}

func TestOracleStableUUIDOperational(t *testing.T) {
	for _, o := range []oracle{withStable(sampleOracle()), withStable(mergeOracle())} {
		for attr, want := range map[string]string{"*": "", "+": "entryUUID=" + uuidOfGOT, "1.3.6.1.1.16.4": "entryUUID=" + uuidOfGOT, "entryUUID;x-a": ""} {
			a := o.search(sample, &ldap.SearchRequest{Base: "cn=gameOfThrones," + usersBase, Attributes: []string{attr}, Filter: ldap.Present("objectClass")})
			got := ""
			for _, at := range a.entries[0].attrs {
				if sameType(at.desc, "entryUUID") {
					got += selected(entry{attrs: []attribute{at}})
				}
			}
			if got != want {
				t.Errorf("mode %s, attribute %s: %q, want %q", o.Mode, attr, got, want)
			}
		}
	}
}

func TestOracleStableUUIDSearch(t *testing.T) {
	posix, merge := withStable(sampleOracle()), withStable(mergeOracle())
	upper := "CA2FC3A7-09C3-50E5-A2B7-619390882305"
	for _, c := range []struct {
		oracle       oracle
		dir          directory
		filter, want string
	}{
		{posix, sample, "(&(objectClass=groupOfNames)(entryUUID=" + uuidOfGOT + "))", "gameOfThrones"},
		{merge, mergeSample, "(&(objectClass=groupOfNames)(entryUUID=" + upper + "))", "gameOfThrones"},
		{merge, mergeSample, "(&(objectClass=groupOfNames)(entryUUID:UUIDMatch:=" + upper + "))", "gameOfThrones"},
		{merge, mergeSample, "(&(objectClass=groupOfNames)(entryUUID=*))", "gameOfThrones CarWash crew both nobodies"},
		{posix, sample, "(&(objectClass=groupOfNames)(!(entryUUID=" + upper + ")))", "ops Empty_Group"},
		// The UUID that upstream has is nobody's now; the twin has its own.
		{posix, sample, "(&(objectClass=groupOfNames)(entryUUID=00000000-0000-4000-8000-000000000001))", ""},
		{merge, mergeSample, "(|(member=x)(entryUUID=00000000-0000-4000-8000-000000000001))", ""},
		{merge, mergeSample, "(|(member=x)(entryUUID=00000000-0000-4000-8000-000000000002))", ""},
		{mergeOracle(), mergeSample, "(|(member=x)(entryUUID=00000000-0000-4000-8000-000000000001))", "gameOfThrones"},
		{merge, mergeSample, "(&(objectClass=groupOfNames)(!(entryUUID=nonsense)))", ""},
		// Not bridged: upstream's.
		{merge, mergeSample, "(entryUUID=" + uuidOfGOT + ")", ""},
		{merge, mergeSample, "(entryUUID=00000000-0000-4000-8000-000000000001)", "gameOfThrones"},
	} {
		a := c.oracle.search(c.dir, &ldap.SearchRequest{Base: usersBase, Scope: ldap.ScopeSubtree, Filter: text(t, c.filter)})
		if got := rdnValues(a); got != c.want {
			t.Errorf("mode %s, %s gave %q, want %q", c.oracle.Mode, c.filter, got, c.want)
		}
	}
}

func TestOracleStableUUIDCompare(t *testing.T) {
	plain, posix, merge := mergeOracle(), withStable(sampleOracle()), withStable(mergeOracle())
	both := withStable(mergeOracle()) // got is the Linux name of one pair and the console name of another
	both.Pairs = append([]rewrite.PairConfig{{Legacy: "GOT", Posix: "got2"}}, both.Pairs...)
	const up1, up2 = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
	for _, c := range []struct {
		oracle          oracle
		dir             directory
		dn, attr, value string
		bridged         bool
		want            ldap.ResultCode
	}{
		{posix, sample, "cn=gameOfThrones," + usersBase, "entryUUID", uuidOfGOT, true, ldap.CompareTrue},
		{merge, mergeSample, "CN = GAMEOFTHRONES , " + usersBase, "1.3.6.1.1.16.4", uuidOfGOT, true, ldap.CompareTrue},
		{merge, mergeSample, "cn=gameOfThrones," + usersBase, "entryUUID;x-a", uuidOfGOT, true, ldap.CompareFalse},
		{merge, mergeSample, "cn=gameOfThrones," + usersBase, "entryUUID", up1, true, ldap.CompareFalse},
		// No pair names these.
		{merge, mergeSample, "cn=CarWash," + usersBase, "ENTRYUUID", uuidOfCar, true, ldap.CompareTrue},
		{posix, sample, "cn=ops," + usersBase, "entryUUID", uuidOfOps, true, ldap.CompareTrue},
		{posix, sample, "cn=CarWash," + usersBase, "entryUUID", uuidOfCar, true, ldap.CompareFalse},  // not in this view
		{merge, mergeSample, "cn=ops," + usersBase, "entryUUID", uuidOfOps, true, ldap.CompareFalse}, // no group of this view
		{merge, mergeSample, "cn=absent," + usersBase, "entryUUID", uuidOfCar, true, ldap.CompareFalse},
		{merge, mergeSample, "cn=x,ou=Sub," + usersBase, "entryUUID", uuidOfCar, true, ldap.CompareFalse},
		{merge, mergeSample, "cn=got," + usersBase, "entryUUID", up2, false, ldap.CompareTrue},
		{posix, sample, "cn=GOT," + usersBase, "entryUUID", up1, false, ldap.CompareTrue},
		{both, mergeSample, "cn=got," + usersBase, "entryUUID", up2, true, ldap.CompareFalse},
		{merge, mergeSample, "uid=jon.snow," + usersBase, "entryUUID", up1, false, ldap.NoSuchAttribute},
		{merge, mergeSample, "cn=CarWash+ou=x," + usersBase, "entryUUID", uuidOfCar, false, ldap.NoSuchObject},
		{merge, mergeSample, "cn=CarWash,o=org,dc=jumpcloud,dc=com", "entryUUID", uuidOfCar, false, ldap.NoSuchObject},
		// Without stable_uuid the group has upstream's, or none.
		{plain, mergeSample, "cn=CarWash," + usersBase, "entryUUID", uuidOfCar, true, ldap.CompareFalse},
		{plain, mergeSample, "cn=gameOfThrones," + usersBase, "entryUUID", up1, true, ldap.CompareTrue},
	} {
		req := &ldap.CompareRequest{DN: c.dn, Attr: c.attr, Value: c.value}
		if got := c.oracle.compare(c.dir, req); got[0] != c.want || c.oracle.bridgedCompare(req) != c.bridged {
			t.Errorf("mode %s, compare %s %s=%s: %v, bridged %t; want %v, %t",
				c.oracle.Mode, c.dn, c.attr, c.value, got, c.oracle.bridgedCompare(req), c.want, c.bridged)
		}
	}
}
