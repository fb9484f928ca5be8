package test

import (
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// stableUUIDs are what groups.stable_uuid gives to the groups, made by another
// implementation:
//
//	python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_X500,
//	    "cn=gameofthrones,ou=users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"))'
var stableUUIDs = map[string]string{
	"gameOfThrones":        "0152037f-921e-55c1-a7f1-c422b3e9969d",
	"breakingBad":          "f9f730d7-830b-5bb2-b483-dda17f98ea36",
	"Heisenberg Crew":      "0e249516-7326-5d1b-8325-4993f678bee3",
	"Los Pollos Hermanos":  "e6d4e0bf-dcdb-517c-b6fb-8ef5bb26410d",
	"Night's Watch (Wall)": "099e437e-7747-5276-b5ab-aa5177eeba71",
	"Everyone":             "51092b39-f18b-5f0a-b884-92f0fcd77f6b",
	"CarWash":              "e6e557f1-1a9f-58c7-ba85-25076ecbac70",
}

// With groups.stable_uuid a group has the same UUID in every mode and over
// every directory, and is found by it.
func TestStableUUID(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode, stableUUID: true})
		direct := dialWire(t, up.addr)
		direct.bind(service, password)
		t.Run("shown", func(t *testing.T) { shownUUIDs(t, p, direct, v) })
		t.Run("found", func(t *testing.T) { askAll(t, p.ldap, stableUUIDQuestions(v, storedUUIDs(t, direct))) })
	})
}

// uuidsOf returns the UUIDs of an answer by DN, nil where an entry has none.
func uuidsOf(t testing.TB, a answer) map[string][]string {
	t.Helper()
	if a.Code != 0 {
		t.Errorf("code %d %s", a.Code, a.Text)
	}
	all := map[string][]string{}
	for _, e := range folded(a.Entries) {
		all[e.DN] = e.Attrs["entryuuid"]
	}
	return all
}

// storedUUIDs are those that stand in a directory's entries.
func storedUUIDs(t testing.TB, direct *wire) map[string]string {
	t.Helper()
	all := map[string]string{}
	for dn, values := range uuidsOf(t, direct.search(search("(objectClass=*)", "entryUUID"))) {
		if len(values) != 1 {
			t.Fatalf("%s has entryUUID %v in the directory", dn, values)
		}
		all[dn] = values[0]
	}
	return all
}

// shownUUIDs: an operational attribute comes when it is asked for.
func shownUUIDs(t *testing.T, p *proxy, direct *wire, v view) {
	const class = "(objectClass=groupOfNames)"
	made, none := map[string][]string{}, map[string][]string{}
	for _, e := range v.everyGroup() {
		made[e.DN], none[e.DN] = []string{stableUUIDs[e.Attrs["cn"][0]]}, nil
	}
	everybodys := uuidsOf(t, direct.search(search("(objectClass=inetOrgPerson)", "entryUUID")))
	both := map[string][]string{userDN("jon.snow"): everybodys[userDN("jon.snow")]}
	for dn, uuid := range made {
		both[dn] = uuid
	}
	one := func(dn string) map[string][]string { return map[string][]string{dn: made[dn]} }
	forEachClient(t, p.ldap, func(t *testing.T, c client) {
		for _, row := range []struct {
			what string
			ask  request
			want map[string][]string
		}{
			{"asked for", search(class, groupAttrs...), made},
			{"asked for alone", search(class, "entryUUID"), made},
			{"asked for in other case", search(class, "ENTRYuuid"), made},
			{"with user attributes", search(class, "*", "entryUUID"), made},
			{"all operational attributes", search(class, "+"), made},
			{"all attributes of both kinds", search(class, "*", "+"), made},
			{"of one group", read(groupDN("gameOfThrones"), "(objectClass=*)", "entryUUID"), one(groupDN("gameOfThrones"))},
			{"of one group in odd spelling", read("CN=GAMEOFTHRONES, OU=users, "+orgBase, "(objectClass=*)", "entryUUID"), one(groupDN("gameOfThrones"))},
			{"not asked for", search(class), none},
			{"other attributes asked for", search(class, "cn", "gidNumber"), none},
			{"all user attributes", search(class, "*"), none},
			{"no attributes", search(class, "1.1"), none},
			{"users keep theirs", search("(objectClass=inetOrgPerson)", "entryUUID"), everybodys},
			{"a user beside groups", search("(|"+class+"(uid=jon.snow))", "entryUUID"), both},
		} {
			t.Run(row.what, func(t *testing.T) {
				if diff := cmp.Diff(row.want, uuidsOf(t, c.ask(t, row.ask))); diff != "" {
					t.Errorf("%v (-want +got)\n%s", row.ask, diff)
				}
			})
		}
	})
	t.Run("types only", func(t *testing.T) {
		a := p.session().search(search(class, "entryUUID").typesOnly())
		for _, e := range a.Entries {
			if uuid, ok := e.Attrs["entryUUID"]; !ok || len(uuid) > 0 {
				t.Errorf("%s has entryUUID %v, %v; want the name only", e.DN, uuid, ok)
			}
		}
		if len(a.Entries) != len(made) {
			t.Errorf("%d entries, want %d", len(a.Entries), len(made))
		}
	})
}

// stableUUIDQuestions ask for groups by their UUIDs. CarWash is in no pair, so
// nobody knows its UUID beforehand.
func stableUUIDQuestions(v view, stored map[string]string) []question {
	const class = "(objectClass=groupOfNames)"
	const yes, no = goldap.LDAPResultCompareTrue, goldap.LDAPResultCompareFalse
	thrones, watch, wash := stableUUIDs["gameOfThrones"], stableUUIDs["Night's Watch (Wall)"], stableUUIDs["CarWash"]
	jon, ofGroup, ofLinuxGroup := stored[userDN("jon.snow")], stored[groupDN("gameOfThrones")], stored[groupDN("got")]
	others := slices.DeleteFunc(v.everyGroup(), func(e entry) bool { return e.DN == groupDN("gameOfThrones") })
	return v.answering([]question{
		{"group", search("(&"+class+"(entryUUID="+thrones+"))", "cn", "gidNumber"), found(groups("gameOfThrones"))},
		{"group, whole", search("(&" + class + "(entryUUID=" + watch + "))"), found(groups("Night's Watch (Wall)"))},
		{"group by upper case", search("(&"+class+"(entryUUID="+strings.ToUpper(thrones)+"))", "cn"), found(groups("gameOfThrones"))},
		{"group by OID", search("(&"+class+"(1.3.6.1.1.16.4="+thrones+"))", "cn"), found(groups("gameOfThrones"))},
		{"group without a Linux group", search("(&" + class + "(entryUUID=" + wash + "))"), nothing().inMerge(found(groups("CarWash")))},
		{"group without a Linux group by upper case", search("(&"+class+"(entryUUID="+strings.ToUpper(wash)+"))", "cn"), nothing().inMerge(found(groups("CarWash")))},
		{"either of two", search("(&"+class+"(|(entryUUID="+thrones+")(entryUUID="+watch+")))", "cn"), found(groups("gameOfThrones", "Night's Watch (Wall)"))},
		{"two at once", search("(&"+class+"(entryUUID="+thrones+")(entryUUID="+watch+"))", "cn"), nothing()},
		{"any", search("(&"+class+"(entryUUID=*))", "cn"), found(v.everyGroup())},
		{"any but one", search("(&"+class+"(!(entryUUID="+thrones+")))", "cn"), found(others)},
		{"unknown", search("(&"+class+"(entryUUID=00000000-0000-0000-0000-000000000000))", "cn"), nothing()},
		{"no UUID", search("(&"+class+"(entryUUID=got))", "cn"), nothing()},
		{"with a member", search("(&(member="+userDN("jon.snow")+")(entryUUID="+thrones+"))", "cn"), found(groups("gameOfThrones"))},
		{"with another member", search("(&(member="+userDN("heisenberg")+")(entryUUID="+thrones+"))", "cn"), nothing()},
		{"within a limit", search("(&"+class+"(entryUUID="+thrones+"))", "cn").limit(1), found(groups("gameOfThrones"))},
		{"at the group", read(groupDN("gameOfThrones"), "(entryUUID="+thrones+")", "cn"), found(groups("gameOfThrones"))},
		{"at another group", read(groupDN("breakingBad"), "(entryUUID="+thrones+")", "cn"), nothing()},
		{"UUID that stands in the group's entry", search("(&"+class+"(entryUUID="+ofGroup+"))", "cn"), nothing()},
		{"UUID that stands in the Linux group's entry", search("(&"+class+"(entryUUID="+ofLinuxGroup+"))", "cn"), nothing()},
		{"user", search("(&(objectClass=inetOrgPerson)(entryUUID="+jon+"))", "uid"), found(people("jon.snow"))},
		{"user or groups", search("(|(entryUUID="+jon+")(&"+class+"(entryUUID="+thrones+")))", "uid", "cn"), found(people("jon.snow"), groups("gameOfThrones"))},

		{"compare", compare(groupDN("gameOfThrones"), "entryUUID", thrones), code(yes)},
		{"compare in upper case", compare(groupDN("gameOfThrones"), "entryuuid", strings.ToUpper(thrones)), code(yes)},
		{"compare by OID", compare(groupDN("gameOfThrones"), "1.3.6.1.1.16.4", thrones), code(yes)},
		{"compare in odd spelling", compare("CN=Night's watch (wall), ou=USERS,"+orgBase, "entryUUID", watch), code(yes)},
		{"compare with another", compare(groupDN("gameOfThrones"), "entryUUID", watch), code(no)},
		{"compare with the one of the group's entry", compare(groupDN("gameOfThrones"), "entryUUID", ofGroup), code(no)},
		{"compare with the one of the Linux group's entry", compare(groupDN("gameOfThrones"), "entryUUID", ofLinuxGroup), code(no)},
		{"compare on a group without a Linux group", compare(groupDN("CarWash"), "entryUUID", wash), code(no).beyondTheView().inMerge(code(yes))},
		{"compare on a group without a Linux group with another", compare(groupDN("CarWash"), "entryUUID", thrones), code(no).beyondTheView().inMerge(code(no))},
		{"compare on a user", compare(userDN("jon.snow"), "entryUUID", jon), code(yes)},
		{"compare on a user with another", compare(userDN("jon.snow"), "entryUUID", thrones), code(no)},
	})
}
