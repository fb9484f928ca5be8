package test

import (
	"slices"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// answering gives every row the answer that the view's mode has.
func (v view) answering(table []question) []question {
	for i := range table {
		table[i].want = table[i].want.in(v)
	}
	return table
}

// bridgedSearches are requests that the proxy translates, with the answers that
// follow from the view.
func bridgedSearches(v view) []question {
	const class = "(objectClass=groupOfNames)"
	dn := userDN("heisenberg")
	return v.answering([]question{
		// What an entry looks like.
		{"all groups, whole", search(class), found(v.everyGroup())},
		{"all user attributes by star", search(class, "*"), found(v.everyGroup())},
		{"members only", search(class, "member"), found(v.everyGroup())},
		{"member names only", search(class, "memberUid"), found(v.everyGroup())},
		{"class only", search(class, "objectClass"), found(v.everyGroup())},
		{"ou only", search(class, "ou"), found(v.everyGroup())},
		{"id and description", search(class, "gidNumber", "description"), found(v.everyGroup())},
		{"id only", search(class, "gidNumber"), found(v.everyGroup())},
		{"id and member names", search(class, "gidNumber", "memberUid"), found(v.everyGroup())},
		{"an attribute no group has", search(class, "mail"), found(v.everyGroup())},
		{"no attributes", search(class, "1.1"), found(v.everyGroup())},
		{"types only", search(class).typesOnly(), found(v.everyGroup())},
		{"types only of two", search(class, "member", "cn").typesOnly(), found(v.everyGroup())},
		{"types only of what one of the two entries lacks", search(class, "memberUid", "gidNumber").typesOnly(), found(v.everyGroup())},

		// Names of classes and attributes.
		{"class in odd case", search("(OBJECTclass=GROUPofNAMES)", "cn"), found(v.everyGroup())},
		{"class by OID", search("(objectClass=2.5.6.9)", "cn"), found(v.everyGroup())},
		{"class attribute by OID", search("(2.5.4.0=groupOfNames)", "cn"), found(v.everyGroup())},
		{"member in odd case", search("(&(objectclass=groupofnames)(MEMBER="+dn+"))", "cn"), found(v.groupsOf("heisenberg"))},
		{"member by OID", search("(2.5.4.31="+dn+")", "cn"), found(v.groupsOf("heisenberg"))},
		{"the class that is not configured", search("(&(objectClass=groupofUniqueNames)(UniqueMember="+dn+"))", "cn"), nothing()},

		// Forms of a member.
		{"member without class", search("(member="+dn+")", "cn"), found(v.groupsOf("heisenberg"))},
		{"member DN with spaces", search("(member=uid=heisenberg, ou=Users, o=5f0e1d2c3b4a59687766554a, dc=jumpcloud, dc=com)", "cn"), found(v.groupsOf("heisenberg"))},
		{"member DN in other case", search("(member=UID=Heisenberg,OU=USERS,O=5F0E1D2C3B4A59687766554A,DC=JumpCloud,DC=Com)", "cn"), found(v.groupsOf("heisenberg"))},
		{"member DN with an escape", search("(member=uid=jon\\5c2esnow,"+usersBase+")", "cn"), found(v.groupsOf("jon.snow"))},
		{"member DN by OID", search("(member=0.9.2342.19200300.100.1.1=heisenberg,"+usersBase+")", "cn"), found(v.groupsOf("heisenberg"))},
		{"member DN of nobody", search("(member="+userDN("ned.stark")+")", "cn"), nothing()},
		{"member DN elsewhere", search("(member=uid=heisenberg,ou=Others,"+orgBase+")", "cn"), nothing()},
		{"member DN further down", search("(member=uid=heisenberg,ou=Crew,"+usersBase+")", "cn"), nothing()},
		{"member DN by cn", search("(member=cn=Walter White,"+usersBase+")", "cn"), nothing()},
		{"member DN of the base", search("(member="+usersBase+")", "cn"), nothing()},
		{"bare name", search("(member=heisenberg)", "cn"), found(v.groupsOf("heisenberg")).beyondTheView()},
		{"bare name of nobody", search("(member=ned.stark)", "cn"), nothing()},
		{"DN in memberUid", search("(&"+class+"(memberUid="+dn+"))", "cn"), found(v.groupsOf("heisenberg")).beyondTheView()},
		{"memberUid is case exact where it is stored", search("(&"+class+"(memberUid=Heisenberg))", "cn"),
			nothing().inMerge(found(v.groupsOf("heisenberg")).beyondTheView())},
		{"part of a member", search("(member=*heis*)", "cn"), found(v.groupsOf("heisenberg")).beyondTheView()},
		{"part of a member in other case", search("(member=*HEIS*)", "cn"), nothing()},
		{"any member", search("(member=*)", "cn"), found(v.everyGroup())},
		{"member by matching rule", search("(member:distinguishedNameMatch:="+dn+")", "cn"), found(v.groupsOf("heisenberg"))},

		// Members by name.
		{"name of a member", search("(&"+class+"(memberUid=heisenberg))", "cn", "memberUid"), found(v.groupsOf("heisenberg"))},
		{"name of a member by OID", search("(&"+class+"(1.3.6.1.1.1.1.12=heisenberg))", "cn"), found(v.groupsOf("heisenberg"))},
		{"name of a member by matching rule", search("(&"+class+"(memberUid:caseExactIA5Match:=heisenberg))", "cn"), found(v.groupsOf("heisenberg"))},
		{"name of nobody", search("(&"+class+"(memberUid=ned.stark))", "cn"), nothing()},
		{"any name", search("(&"+class+"(memberUid=*))", "cn"), found(v.everyGroup())},
		{"no name", search("(&"+class+"(!(memberUid=*)))", "cn"), nothing()},
		{"beginning of a name", search("(&"+class+"(memberUid=gus*))", "cn"), found(v.groupsOf("gus.fring"))},
		{"end of a name", search("(&"+class+"(memberUid=*pinkman))", "cn", "gidNumber"), found(v.groupsOf("jesse.pinkman"))},
		{"part of a name in other case", search("(&"+class+"(memberUid=*PINK*))", "cn"), nothing()},
		{"not a part of a name", search("(&"+class+"(!(memberUid=*heis*)))", "cn"), found(groups("gameOfThrones", "Night's Watch (Wall)"))},
		{"name in an order", search("(&"+class+"(memberUid>=a))", "cn"), nothing()},
		{"either name of a member", search("(&"+class+"(|(memberUid=gus.fring)(memberUid=arya.stark)))", "cn"),
			found(groups("Los Pollos Hermanos", "gameOfThrones", "Everyone")).inMerge(found(groups("Los Pollos Hermanos", "gameOfThrones", "Everyone", "CarWash")))},
		{"both names", search("(&"+class+"(memberUid=gus.fring)(memberUid=jesse.pinkman))", "cn"), found(groups("Everyone"))},
		{"name and member DN", search("(&(memberUid=gus.fring)(member=" + dn + "))"),
			found(groups("Los Pollos Hermanos", "Everyone")).inMerge(found(groups("Los Pollos Hermanos", "Everyone", "CarWash")))},
		{"name and not member DN", search("(&(memberUid=jesse.pinkman)(!(member="+userDN("arya.stark")+")))", "cn"), found(groups("breakingBad", "Heisenberg Crew"))},
		{"name or group name", search("(&"+class+"(|(memberUid=jesse.pinkman)(cn=gameOfThrones)))", "cn"),
			found(groups("breakingBad", "Heisenberg Crew", "Everyone", "gameOfThrones"))},

		// Group IDs.
		{"id", search("(&" + class + "(gidNumber=7003))"), found(groups("Heisenberg Crew"))},
		{"id by OID", search("(&"+class+"(1.3.6.1.1.1.1.1=7003))", "cn"), found(groups("Heisenberg Crew"))},
		{"id of nobody", search("(&"+class+"(gidNumber=7999))", "cn"), nothing()},
		{"id that is no number", search("(&"+class+"(gidNumber=seven))", "cn"), nothing()},
		{"not an id that is no number", search("(&"+class+"(!(gidNumber=seven)))", "cn"), nothing()},
		{"part of an id", search("(&"+class+"(gidNumber=70*))", "cn"), nothing()},
		{"id from", search("(&"+class+"(gidNumber>=7004))", "cn", "gidNumber"), found(groups("Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone"))},
		{"id up to", search("(&"+class+"(gidNumber<=7002))", "cn"), found(groups("gameOfThrones", "breakingBad"))},
		{"id from and up to", search("(&" + class + "(gidNumber>=7002)(gidNumber<=7004))"), found(groups("breakingBad", "Heisenberg Crew", "Los Pollos Hermanos"))},
		{"id in an order of numbers", search("(&"+class+"(gidNumber>=800))", "cn"), found(pairedGroups())},
		{"any id", search("(&"+class+"(gidNumber=*))", groupAttrs...), found(pairedGroups())},
		{"no id", search("(&" + class + "(!(gidNumber=*)))"), nothing().inMerge(found(groups("CarWash")))},
		{"not this id", search("(&"+class+"(!(gidNumber=7001)))", "cn"),
			found(groups("breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone")).
				inMerge(found(groups("breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone", "CarWash")))},
		{"not from this id", search("(&"+class+"(!(gidNumber>=7002)))", "cn"), found(groups("gameOfThrones")).inMerge(found(groups("gameOfThrones", "CarWash")))},
		{"id or name", search("(&"+class+"(|(gidNumber=7001)(cn=CarWash)(cn=Everyone)))", "cn", "gidNumber"),
			found(groups("gameOfThrones", "Everyone")).inMerge(found(groups("gameOfThrones", "Everyone", "CarWash")))},
		{"id and member", search("(&(gidNumber=7002)(member="+dn+"))", "member"), found(groups("breakingBad"))},
		{"id and not member", search("(&(gidNumber=7001)(!(member="+dn+")))", "cn"), found(groups("gameOfThrones"))},
		{"id and name of a member", search("(&"+class+"(gidNumber=7004)(memberUid=gus.fring))", "cn"), found(groups("Los Pollos Hermanos"))},

		// Users and groups in one answer.
		{"id of a group or of a user", search("(|(&" + class + "(gidNumber=7001))(gidNumber=5001))"), found(groups("gameOfThrones"), people("jon.snow"))},
		{"ids of groups and users", search("(&(|"+class+"(objectClass=inetOrgPerson))(gidNumber>=5008)(!(gidNumber>=7002)))", "cn", "gidNumber"),
			found(people("hector.salamanca", "saul.goodman"), groups("gameOfThrones"))},
		{"everything but one group", search("(|(!"+class+")(!(gidNumber=7001)))", "cn"),
			found(noGroups(), groups("breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone")).
				inMerge(found(noGroups(), groups("breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone", "CarWash")))},
		{"users, or groups by name of a member", search("(|(objectClass=inetOrgPerson)(&"+class+"(memberUid=gus.fring)))", "uid", "cn", "memberUid"),
			found(everybody(), v.groupsOf("gus.fring"))},
		{"name of a member, of any class", search("(|(memberUid=jon.snow)(&"+class+"(cn=breakingBad)))", "cn"), found(v.groupsOf("jon.snow"), groups("breakingBad"))},
		{"all that has no member name", search("(&(!(memberUid=*))(!(member=*)))", "cn"), found(noGroups())},

		// Operators.
		{"or of names", search("(&"+class+"(|(cn=gameOfThrones)(cn=breakingBad)(cn=got)))", "cn"), found(groups("gameOfThrones", "breakingBad"))},
		{"or of members", search("(|(member="+userDN("jesse.pinkman")+")(member="+userDN("arya.stark")+"))", "cn"),
			found(groups("breakingBad", "Heisenberg Crew", "gameOfThrones", "Everyone"))},
		{"both members", search("(&(member="+userDN("jesse.pinkman")+")(member="+userDN("arya.stark")+"))", "cn"), found(groups("Everyone"))},
		{"not this name", search("(&"+class+"(!(cn=gameOfThrones)))", "cn"),
			found(groups("breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone")).
				inMerge(found(groups("breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone", "CarWash")))},
		{"not a part of the name", search("(&"+class+"(!(cn=*e*)))", "cn"), found(groups("Night's Watch (Wall)")).inMerge(found(groups("Night's Watch (Wall)", "CarWash")))},
		{"not this member", search("(&"+class+"(!(member="+dn+")))", "cn"), found(groups("gameOfThrones", "Night's Watch (Wall)"))},
		{"not this member by name", search("(&"+class+"(!(memberUid=heisenberg)))", "cn"), found(groups("gameOfThrones", "Night's Watch (Wall)"))},
		{"not not a member", search("(&"+class+"(!(!(member="+dn+"))))", "cn"), found(v.groupsOf("heisenberg"))},
		{"name and not member", search("(&"+class+"(cn=*o*)(!(member="+dn+")))", "cn"), found(groups("gameOfThrones"))},
		{"no groups", search("(!"+class+")", "cn"), found(noGroups())},
		{"no members", search("(!(member=*))", "cn"), found(noGroups())},
		{"both classes", search("(|"+class+"(objectClass=posixGroup))", "cn"), found(v.everyGroup())},
		{"both classes at once", search("(&"+class+"(objectClass=posixGroup))", "cn"), nothing()},
		{"class and not the Linux class", search("(&"+class+"(!(objectClass=posixGroup)))", "cn"), found(v.everyGroup())},
		{"group and user class at once", search("(&"+class+"(objectClass=inetOrgPerson))", "cn"), nothing()},
		{"groups or one user", search("(|"+class+"(uid=saul.goodman))", "cn", "uid"), found(v.everyGroup(), people("saul.goodman"))},
		{"group by member or user by name", search("(|(member=" + userDN("jon.snow") + ")(uid=jon.snow))"), found(v.groupsOf("jon.snow"), people("jon.snow"))},

		// Other attributes of a group.
		{"by ou", search("(&"+class+"(ou=Heisenberg Crew))", "cn"), found(groups("Heisenberg Crew"))},
		{"by part of ou", search("(&"+class+"(ou=*crew*))", "cn"), found(groups("Heisenberg Crew"))},
		{"by presence of ou", search("(&"+class+"(ou=*))", "cn"), found(v.everyGroup())},
		{"by the Linux name in ou", search("(&"+class+"(ou=crew))", "cn"), nothing()},
		{"by description", search("(&"+class+"(description=tagGroup))", "cn"), found(v.everyGroup())},
		{"by other description", search("(&"+class+"(description=else))", "cn"), nothing()},
		{"by an unknown attribute", search("(&"+class+"(favouriteColour=blue))", "cn"), nothing()},
		{"or an unknown attribute", search("(&"+class+"(|(favouriteColour=blue)(cn=Everyone)))", "cn"), found(groups("Everyone"))},
		{"by two parts of the name", search("(&"+class+"(cn=game*of*nes))", "cn"), found(groups("gameOfThrones"))},
		{"by the beginning of the name", search("(&"+class+"(cn=los*))", "cn"), found(groups("Los Pollos Hermanos"))},

		// Bases and scopes.
		{"from the organisation", search(class).at(orgBase), found(v.everyGroup())},
		{"from the top", search(class, "cn").at("dc=jumpcloud,dc=com"), found(v.everyGroup())},
		{"one level", search(class, "cn").oneLevel(), found(v.everyGroup())},
		{"one level from the organisation", search(class, "cn").at(orgBase).oneLevel(), nothing()},
		{"base in odd spelling", search(class, "cn").at("OU=users , O=5F0E1D2C3B4A59687766554A,dc=JUMPCLOUD, dc=com"), found(v.everyGroup())},
		{"the group itself", read(groupDN("gameOfThrones"), class), found(groups("gameOfThrones"))},
		{"the group itself in odd spelling", read("CN=GameOfThrones, ou=users,"+orgBase, "(objectClass=*)"), found(groups("gameOfThrones"))},
		{"the group with parentheses itself", read(groupDN("Night's Watch (Wall)"), "(objectClass=*)"), found(groups("Night's Watch (Wall)"))},
		{"below a group", search("(objectClass=*)", "cn").at(groupDN("gameOfThrones")), found(groups("gameOfThrones"))},
		{"one level below a group", search("(objectClass=*)", "cn").at(groupDN("gameOfThrones")).oneLevel(), nothing()},
		{"the group, asked for another class", read(groupDN("gameOfThrones"), "(objectClass=posixGroup)"), nothing()},
		{"the group itself, by its id", read(groupDN("gameOfThrones"), "(gidNumber=7001)", "gidNumber"), found(groups("gameOfThrones"))},
		{"the group itself, by another id", read(groupDN("gameOfThrones"), "(gidNumber=7002)", "gidNumber"), nothing()},
		{"the group itself, by name of a member", read(groupDN("gameOfThrones"), "(memberUid=jon.snow)", "memberUid"), found(groups("gameOfThrones"))},
		{"a Linux group, asked as a group", read(groupDN("got"), class), nothing().beyondTheView()},
		{"a Linux group, asked for a member", read(groupDN("got"), "(member="+userDN("jon.snow")+")", "1.1"), nothing().beyondTheView()},
		{"a Linux group, asked as a group or by its id", search("(|"+class+"(gidNumber=7001))", "cn").at(groupDN("got")), nothing().beyondTheView()},
		{"a group without a Linux group, asked as a group", read(groupDN("CarWash"), class), nothing().beyondTheView().inMerge(found(groups("CarWash")))},
		{"a group without a Linux group, asked for its id", read(groupDN("CarWash"), class, groupAttrs...), nothing().beyondTheView().inMerge(found(groups("CarWash")))},
		{"below a group without a Linux group", search("(member=*)", "memberUid").at(groupDN("CarWash")), nothing().beyondTheView().inMerge(found(groups("CarWash")))},
		{"a group without a Linux group, asked for its entry", read(groupDN("CarWash"), "(objectClass=*)"), found(stored("CarWash")).beyondTheView().inMerge(found(groups("CarWash")))},
		{"a user, asked as a group", read(userDN("heisenberg"), class), nothing()},
		{"a base that does not exist", search(class).at(groupDN("nonesuch")), code(goldap.LDAPResultNoSuchObject)},
		{"a base elsewhere", search(class).at("dc=example,dc=com"), code(goldap.LDAPResultNoSuchObject)},
		{"a base that is no DN", search(class).at("nonsense"), code(goldap.LDAPResultInvalidDNSyntax)},

		// Limits of the client.
		{"size limit as large as the answer", search(class, "cn").limit(len(v.everyGroup())), found(v.everyGroup())},
		{"size limit as large as a filtered answer", search("(&"+class+"(cn=*o*))", "cn").limit(3), found(groups("gameOfThrones", "Los Pollos Hermanos", "Everyone"))},
		{"size limit as large as an answer with users", search("(|"+class+"(uid=saul.goodman))", "cn").limit(1 + len(v.everyGroup())), found(v.everyGroup(), people("saul.goodman"))},
		{"size limit as large as an answer by id", search("(&"+class+"(gidNumber>=7004))", "cn").limit(3), found(groups("Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone"))},
		{"time limit", search(class, "cn").within(30), found(v.everyGroup())},
	})
}

func TestBridgedSearch(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		askAll(t, startWith(t, settings{servers: []string{up.url()}, mode: v.mode}).ldap, bridgedSearches(v))
	})
}

// What only raw bytes can ask or see.
func TestBridgedSearchOnTheWire(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode})
		w := p.session()
		ask := func(filter []byte, attrs ...string) answer {
			r := w.ask(searchOp(usersBase, goldap.ScopeWholeSubtree, 0, 0, filter, attrs...))
			return r.answer(t)
		}
		class := equals("objectClass", "groupOfNames")
		q := search("(raw filter)", "cn")
		t.Run("empty list of substrings", func(t *testing.T) {
			blank := tlv(0xa4, octets("cn"), tlv(0x30))
			check(t, q, ask(tlv(0xa0, class, blank), "cn"), found(v.everyGroup()))
			check(t, q, ask(tlv(0xa0, equals("objectClass", "inetOrgPerson"), blank), "cn"), found(everybody()))
			check(t, q, ask(tlv(0xa0, equals("objectClass", "posixGroup"), blank), "cn"),
				found(stored("got", "bb", "crew", "lospolloshermanos", "nightswatch", "everyone_lx")))
		})
		t.Run("true and false", func(t *testing.T) {
			check(t, q, ask(tlv(0xa0, class, tlv(0xa0)), "cn"), found(v.everyGroup()))
			check(t, q, ask(tlv(0xa0, class, tlv(0xa1)), "cn"), nothing())
		})
		t.Run("matchedDN of an absent base", func(t *testing.T) {
			a := w.search(search("(objectClass=groupOfNames)").at(groupDN("nonesuch")))
			if a.Code != goldap.LDAPResultNoSuchObject || a.Matched != usersBase {
				t.Errorf("code %d, matchedDN %q; want 32, %q", a.Code, a.Matched, usersBase)
			}
		})
		t.Run("size limit", func(t *testing.T) {
			for _, filter := range []string{
				"(objectClass=groupOfNames)", "(&(objectClass=groupOfNames)(cn=*o*))", "(&(objectClass=groupOfNames)(gidNumber>=7002))",
				"(&(objectClass=groupOfNames)(memberUid=*a*))", "(|(&(memberUid=jon.snow)(member=*))(gidNumber=7001))",
			} {
				a := w.search(search(filter).limit(2))
				if a.Code != goldap.LDAPResultSizeLimitExceeded || len(a.Entries) != 2 {
					t.Errorf("%s: code %d with %d entries, want 4 with 2", filter, a.Code, len(a.Entries))
				}
				for _, e := range a.Entries {
					if diff := cmp.Diff(sorted([]entry{viewEntries()[e.DN]}), sorted([]entry{e})); diff != "" {
						t.Errorf("%s: (-want +got)\n%s", filter, diff)
					}
				}
			}
		})
		t.Run("attribute names in odd case", func(t *testing.T) {
			q := search("(cn=*game*)", "MEMBER", "GidNumber", "memberuid", "oBjEcTcLaSs").at(groupDN("gameOfThrones"))
			a := w.search(q)
			a.Entries = folded(a.Entries)
			check(t, q, a, found(folded(groups("gameOfThrones"))))
		})
		t.Run("attribute names by OID", func(t *testing.T) {
			q := search("(objectClass=groupOfNames)", "2.5.4.31", "1.3.6.1.1.1.1.12", "1.3.6.1.1.1.1.1").at(groupDN("gameOfThrones"))
			a := w.search(q)
			check(t, q.asking("member", "memberUid", "gidNumber"), a, found(groups("gameOfThrones")))
		})
		t.Run("operational attributes when asked for", func(t *testing.T) {
			a := w.search(search("(objectClass=groupOfNames)", "*", "+").at(groupDN("gameOfThrones")))
			if a.Code != 0 || len(a.Entries) != 1 {
				t.Fatalf("%+v", a)
			}
			e := a.Entries[0]
			if !uuidForm.MatchString(e.Attrs["entryUUID"][0]) {
				t.Errorf("entryUUID is %v", e.Attrs["entryUUID"])
			}
			for name, values := range lookUp(viewEntries(), groupDN("gameOfThrones")).Attrs {
				if diff := cmp.Diff(values, e.Attrs[name]); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", name, diff)
				}
			}
		})
	})
}

// bridgedCompares ask about membership with the other operation: a compare is
// the same question as a search at that entry.
func bridgedCompares(v view) []question {
	const yes, no = goldap.LDAPResultCompareTrue, goldap.LDAPResultCompareFalse
	got, thrones := groupDN("got"), groupDN("gameOfThrones")
	return v.answering([]question{
		{"member DN", compare(thrones, "member", userDN("jon.snow")), code(yes)},
		{"member DN in odd spelling", compare(thrones, "MEMBER", "UID=Jon.Snow, OU=users, "+orgBase), code(yes)},
		{"member DN by OID", compare(thrones, "2.5.4.31", userDN("jon.snow")), code(yes)},
		{"no member DN", compare(thrones, "member", userDN("heisenberg")), code(no)},
		{"member DN elsewhere", compare(thrones, "member", "uid=jon.snow,dc=example,dc=com"), code(no)},
		{"bare name in member", compare(thrones, "member", "jon.snow"), code(yes).beyondTheView()},
		{"memberUid", compare(thrones, "memberUid", "jon.snow"), code(yes)},
		{"no memberUid", compare(thrones, "memberUid", "heisenberg"), code(no)},
		{"memberUid by OID", compare(thrones, "1.3.6.1.1.1.1.12", "jon.snow"), code(yes)},
		{"memberUid is case exact where it is stored", compare(thrones, "memberUid", "Jon.Snow"), code(no).inMerge(code(yes).beyondTheView())},
		{"DN in memberUid", compare(thrones, "memberUid", userDN("jon.snow")), code(yes).beyondTheView()},
		{"other DN in memberUid", compare(thrones, "memberUid", userDN("heisenberg")), code(no).beyondTheView()},
		{"group name in odd case", compare("CN=GAMEOFTHRONES, ou=Users,"+orgBase, "memberUid", "jon.snow"), code(yes)},
		{"group with parentheses", compare(groupDN("Night's Watch (Wall)"), "member", userDN("jon.snow")), code(yes)},
		{"class of a group", compare(thrones, "objectClass", "groupOfNames"), code(yes)},
		{"Linux class of a group", compare(thrones, "objectClass", "posixGroup"), code(no)},
		{"id", compare(thrones, "gidNumber", "7001"), code(yes)},
		{"id by OID", compare(thrones, "1.3.6.1.1.1.1.1", "7001"), code(yes)},
		{"other id", compare(thrones, "gidNumber", "7002"), code(no)},
		{"other class of a group", compare(thrones, "objectClass", "groupOfUniqueNames"), code(no)},
		{"name", compare(thrones, "cn", "GameOfThrones"), code(yes)},
		{"Linux name", compare(thrones, "cn", "got"), code(no)},
		{"ou", compare(thrones, "ou", "gameOfThrones"), code(yes)},
		{"description", compare(thrones, "description", "tagGroup"), code(yes)},
		{"an attribute the group does not have", compare(thrones, "mail", "x@example.com"), code(no).beyondTheView()},
		{"an attribute nobody knows", compare(thrones, "favouriteColour", "blue"), code(no).beyondTheView()},
		{"no such group", compare(groupDN("nonesuch"), "member", userDN("jon.snow")), code(no).beyondTheView()},
		{"group without a Linux group", compare(groupDN("CarWash"), "member", userDN("heisenberg")), code(no).beyondTheView().inMerge(code(yes))},
		{"group without a Linux group, by name in memberUid", compare(groupDN("CarWash"), "memberUid", "heisenberg"),
			code(goldap.LDAPResultNoSuchAttribute).beyondTheView().inMerge(code(yes))},
		{"group without a Linux group, no member", compare(groupDN("CarWash"), "member", userDN("jon.snow")), code(no).beyondTheView().inMerge(code(no))},
		{"group without a Linux group, bare name", compare(groupDN("CarWash"), "member", "gus.fring"), code(no).beyondTheView().inMerge(code(yes).beyondTheView())},
		{"Linux group, member DN", compare(got, "member", userDN("jon.snow")), code(no).beyondTheView()},
		{"Linux group, member name", compare(got, "memberUid", "jon.snow"), code(yes).beyondTheView()},
		{"Linux group, no member name", compare(got, "memberUid", "heisenberg"), code(no).beyondTheView()},
		{"Linux group, its class", compare(got, "objectClass", "posixGroup"), code(yes).beyondTheView()},
		{"Linux group, DN in memberUid", compare(got, "memberUid", userDN("jon.snow")), code(yes).beyondTheView()},
		{"user", compare(userDN("jon.snow"), "mail", "jon.snow@example.com"), code(yes)},
		{"user, other value", compare(userDN("jon.snow"), "mail", "else@example.com"), code(no)},
		{"user, attribute the user does not have", compare(userDN("saul.goodman"), "mobile", "1"), code(goldap.LDAPResultNoSuchAttribute)},
		{"user, attribute nobody knows", compare(userDN("jon.snow"), "favouriteColour", "blue"), code(goldap.LDAPResultUndefinedAttributeType)},
		{"no such user", compare(userDN("ned.stark"), "mail", "x"), code(goldap.LDAPResultNoSuchObject)},
	})
}

func TestBridgedCompare(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		askAll(t, startWith(t, settings{servers: []string{up.url()}, mode: v.mode}).ldap, bridgedCompares(v))
	})
}

// A wrong form in a request that is otherwise about Linux groups is repaired,
// and the entries stay what they are.
func TestLinuxGroupsByWrongForm(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode})
		forEachClient(t, p.ldap, func(t *testing.T, c client) {
			q := search("(&(objectClass=posixGroup)(memberUid=" + userDN("heisenberg") + "))")
			check(t, q, c.ask(t, q), found(stored("bb", "crew", "lospolloshermanos", "everyone_lx")))
		})
	})
}

// Without pairs the groups keep their Linux names in the other vocabulary.
func TestUnpairedGroups(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := startWith(t, settings{servers: []string{up.url()}, noPairs: true})
		var linux []entry
		for cn, legacy := range map[string]string{"got": "gameOfThrones", "bb": "breakingBad", "crew": "Heisenberg Crew",
			"lospolloshermanos": "Los Pollos Hermanos", "nightswatch": "Night's Watch (Wall)", "everyone_lx": "Everyone"} {
			e := groups(legacy)[0].with("cn", cn).with("ou", cn)
			e.DN = groupDN(cn)
			linux = append(linux, e)
		}
		forEachClient(t, p.ldap, func(t *testing.T, c client) {
			all := search("(objectClass=groupOfNames)")
			check(t, all, c.ask(t, all), found(linux))
			one := read(groupDN("got"), "(objectClass=groupOfNames)", "member")
			check(t, one, c.ask(t, one), found(slices.DeleteFunc(slices.Clone(linux), func(e entry) bool { return e.DN != groupDN("got") })))
			named := compare(groupDN("got"), "member", userDN("jon.snow"))
			check(t, named, c.ask(t, named), code(goldap.LDAPResultCompareTrue))
		})
	})
}

// The other legacy class, by option.
func TestGroupOfUniqueNames(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := startWith(t, settings{servers: []string{up.url()}, legacyClass: "groupOfUniqueNames"})
		var unique []entry
		for _, e := range posixView.groupsOf("heisenberg") {
			unique = append(unique, without(e, "member").with("uniqueMember", e.Attrs["member"]...).with("objectClass", "top", "groupOfUniqueNames"))
		}
		forEachClient(t, p.ldap, func(t *testing.T, c client) {
			q := search("(&(objectClass=groupofUniqueNames)(UniqueMember=" + userDN("heisenberg") + "))")
			check(t, q, c.ask(t, q), found(unique))
			named := compare(groupDN("gameOfThrones"), "uniqueMember", userDN("jon.snow"))
			check(t, named, c.ask(t, named), code(goldap.LDAPResultCompareTrue))
		})
	})
}
