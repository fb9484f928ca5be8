package test

import (
	"fmt"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// question is one row of a table: a request and its right answer.
type question struct {
	what string
	ask  request
	want wanted
}

// askAll asks every question with every client library that is able to.
func askAll(t *testing.T, address string, table []question) {
	forEachClient(t, address, func(t *testing.T, c client) {
		for _, q := range table {
			if c.can(q.ask) {
				t.Run(q.what, func(t *testing.T) { check(t, q.ask, c.ask(t, q.ask), q.want) })
			}
		}
	})
}

// jamfShapes are the requests that Jamf Pro makes, by their number in the
// project's notes on Jamf (6 to 24; the rest are about sessions, see
// TestJamfSessionShapes), in the forms that the mapping fields allow. The proxy
// strips the suffix @example.com.
func jamfShapes(v view) []shape {
	table := []shape{
		{6, question{"exact user", search("(&(objectClass=inetOrgPerson)(uid=jon.snow))", "uid", "cn", "mail", "uidNumber", "entryUUID"), found(people("jon.snow"))}},
		{6, question{"exact user, one level", search("(&(objectClass=inetOrgPerson)(uid=jon.snow))").oneLevel(), found(people("jon.snow"))}},
		{6, question{"unknown user", search("(&(objectClass=inetOrgPerson)(uid=ned.stark))", "uid"), nothing()}},
		{7, question{"wildcard user", search("(&(objectClass=inetOrgPerson)(uid=*a*))", "uid", "cn"),
			found(people("jamf.ldap", "arya.stark", "tyrion.lannister", "daenerys_t", "jesse.pinkman", "hector.salamanca", "saul.goodman"))}},
		{7, question{"wildcard user beyond ASCII", search("(&(objectClass=inetOrgPerson)(cn=*\\c3\\a9ctor*))", "cn"), found(people("hector.salamanca"))}},
		{8, question{"blank user text as empty substrings", search("(&(objectClass=inetOrgPerson)(cn=**))", "uid"), found(everybody()).beyondTheView()}},
		{8, question{"blank group text as empty substrings", search("(&(objectClass=groupOfNames)(cn=**))", groupAttrs...), found(v.everyGroup()).beyondTheView()}},
		{8, question{"blank group text as presence", search("(&(objectClass=groupOfNames)(cn=*))", groupAttrs...), found(v.everyGroup())}},
		{8, question{"blank group text as empty value", search("(&(objectClass=groupOfNames)(cn=))", groupAttrs...), nothing()}},
		{9, question{"any of two classes, a user", search("(&(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))(uid=heisenberg))"), found(people("heisenberg"))}},
		{9, question{"any of two group classes", search("(&(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))(cn=gameOfThrones))", groupAttrs...), found(groups("gameOfThrones"))}},
		{9, question{"any of a user and a group class", search("(&(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))(cn=*o*))", "cn", "objectClass"),
			found(people("jon.snow", "hector.salamanca", "gus.fring", "saul.goodman", "tyrion.lannister"), groups("gameOfThrones", "Los Pollos Hermanos", "Everyone"))}},
		{10, question{"all of two classes", search("(&(&(objectClass=top)(objectClass=groupOfNames))(cn=gameOfThrones))", groupAttrs...), found(groups("gameOfThrones"))}},
		{10, question{"all of two classes, one never true", search("(&(&(objectClass=posixGroup)(objectClass=groupOfNames))(cn=gameOfThrones))", groupAttrs...), nothing()}},
		{11, question{"group by part of its name", search("(&(objectClass=groupOfNames)(cn=*game*))", groupAttrs...), found(groups("gameOfThrones"))}},
		{11, question{"group by the end of its name", search("(&(objectClass=groupOfNames)(cn=*hermanos))", groupAttrs...), found(groups("Los Pollos Hermanos"))}},
		{11, question{"group by part of a name with parentheses", search("(&(objectClass=groupOfNames)(cn=*watch \\28*))", groupAttrs...), found(groups("Night's Watch (Wall)"))}},
		{11, question{"several groups by part of their names", search("(&(objectClass=groupOfNames)(cn=*r*))", groupAttrs...),
			found(groups("gameOfThrones", "breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Everyone")).
				inMerge(found(groups("gameOfThrones", "breakingBad", "Heisenberg Crew", "Los Pollos Hermanos", "Everyone", "CarWash")))}},
		{11, question{"part of a Linux name is no group name", search("(&(objectClass=groupOfNames)(cn=*_lx*))", groupAttrs...), nothing()}},
		{11, question{"the same with first level only", search("(&(objectClass=groupOfNames)(cn=*game*))", groupAttrs...).oneLevel(), found(groups("gameOfThrones"))}},
		{12, question{"group by name", search("(&(objectClass=groupOfNames)(cn=gameOfThrones))"), found(groups("gameOfThrones"))}},
		{12, question{"group by name with a space", search("(&(objectClass=groupOfNames)(cn=Heisenberg Crew))", groupAttrs...), found(groups("Heisenberg Crew"))}},
		{12, question{"group by name with parentheses", search("(&(objectClass=groupOfNames)(cn=Night's Watch \\28Wall\\29))", groupAttrs...), found(groups("Night's Watch (Wall)"))}},
		{12, question{"group by name in other case", search("(&(objectClass=groupOfNames)(cn=GAMEOFTHRONES))", groupAttrs...), found(groups("gameOfThrones"))}},
		{12, question{"a Linux name is no group name", search("(&(objectClass=groupOfNames)(cn=got))", groupAttrs...), nothing()}},
		{12, question{"group without a Linux group", search("(&(objectClass=groupOfNames)(cn=CarWash))", groupAttrs...), nothing().inMerge(found(groups("CarWash")))}},
		{12, question{"unknown group", search("(&(objectClass=groupOfNames)(cn=nonesuch))", groupAttrs...), nothing()}},
		{13, question{"group by id", search("(&(objectClass=groupOfNames)(gidNumber=7001))", groupAttrs...), found(groups("gameOfThrones"))}},
		{13, question{"group by unknown id", search("(&(objectClass=groupOfNames)(gidNumber=5001))", groupAttrs...), nothing()}},
		{14, question{"group by unknown uuid", search("(&(objectClass=groupOfNames)(entryUUID=00000000-0000-0000-0000-000000000000))", groupAttrs...), nothing()}},
		{15, question{"member of one group", search("(&(objectClass=groupOfNames)(cn=gameOfThrones)(member="+userDN("jon.snow")+"))", groupAttrs...), found(groups("gameOfThrones"))}},
		{15, question{"member of one group, no attributes", search("(&(objectClass=groupOfNames)(cn=gameOfThrones)(member="+userDN("jon.snow")+"))", "1.1"), found(groups("gameOfThrones"))}},
		{15, question{"not member of one group", search("(&(objectClass=groupOfNames)(cn=gameOfThrones)(member="+userDN("heisenberg")+"))", groupAttrs...), nothing()}},
		{15, question{"member of a group without a Linux group", search("(&(objectClass=groupOfNames)(cn=CarWash)(member="+userDN("heisenberg")+"))", groupAttrs...), nothing().inMerge(found(groups("CarWash")))}},
		{15, question{"not member of a group without a Linux group", search("(&(objectClass=groupOfNames)(cn=CarWash)(member="+userDN("jon.snow")+"))", groupAttrs...), nothing()}},
		{15, question{"member of a group without a Linux group, by name", search("(&(objectClass=groupOfNames)(cn=CarWash)(memberUid=heisenberg))", groupAttrs...), nothing().inMerge(found(groups("CarWash")))}},
		{16, question{"groups of a user", search("(&(objectClass=groupOfNames)(member="+userDN("heisenberg")+"))", groupAttrs...),
			found(v.groupsOf("heisenberg"))}},
		{16, question{"groups of a user, all attributes", search("(&(objectClass=groupOfNames)(member=" + userDN("heisenberg") + "))"),
			found(v.groupsOf("heisenberg"))}},
		{16, question{"groups of a user without groups", search("(&(objectClass=groupOfNames)(member="+userDN("saul.goodman")+"))", groupAttrs...), nothing()}},
		{17, question{"groups by bare name in member", search("(&(objectClass=groupOfNames)(member=jesse.pinkman))", groupAttrs...), found(groups("breakingBad", "Heisenberg Crew", "Everyone")).beyondTheView()}},
		{17, question{"groups by memberUid", search("(&(objectClass=groupOfNames)(memberUid=jesse.pinkman))", groupAttrs...), found(groups("breakingBad", "Heisenberg Crew", "Everyone"))}},
		{17, question{"groups by DN in memberUid", search("(&(objectClass=groupOfNames)(memberUid="+userDN("jesse.pinkman")+"))", groupAttrs...), found(groups("breakingBad", "Heisenberg Crew", "Everyone")).beyondTheView()}},
		{17, question{"groups by name with appended suffix", search("(&(objectClass=groupOfNames)(member=jesse.pinkman@example.com))", groupAttrs...), found(groups("breakingBad", "Heisenberg Crew", "Everyone")).beyondTheView()}},
		{17, question{"groups by memberUid with appended suffix", search("(&(objectClass=groupOfNames)(memberUid=jesse.pinkman@example.com))", groupAttrs...), found(groups("breakingBad", "Heisenberg Crew", "Everyone")).beyondTheView()}},
		{17, question{"groups by DN with appended suffix", search("(&(objectClass=groupOfNames)(member=uid=jesse.pinkman@example.com,"+usersBase+"))", groupAttrs...), found(groups("breakingBad", "Heisenberg Crew", "Everyone")).beyondTheView()}},
		{18, question{"base search as compare, member", read(groupDN("gameOfThrones"), "(member="+userDN("jon.snow")+")", "1.1"), found(groups("gameOfThrones"))}},
		{18, question{"base search as compare, not member", read(groupDN("gameOfThrones"), "(member="+userDN("heisenberg")+")", "1.1"), nothing()}},
		{18, question{"base search as compare, class and member", read(groupDN("gameOfThrones"), "(&(objectClass=groupOfNames)(memberUid=jon.snow))", "1.1"), found(groups("gameOfThrones"))}},
		{18, question{"base search as compare on a group without a Linux group", read(groupDN("CarWash"), "(member="+userDN("heisenberg")+")", "1.1"), nothing().beyondTheView().inMerge(found(groups("CarWash")))}},
		{19, question{"compare memberUid, member", compare(groupDN("gameOfThrones"), "memberUid", "jon.snow"), code(goldap.LDAPResultCompareTrue)}},
		{19, question{"compare memberUid, not member", compare(groupDN("gameOfThrones"), "memberUid", "heisenberg"), code(goldap.LDAPResultCompareFalse)}},
		{19, question{"compare bare name in member, member", compare(groupDN("Night's Watch (Wall)"), "member", "jon.snow"), code(goldap.LDAPResultCompareTrue).beyondTheView()}},
		{19, question{"compare bare name in member, not member", compare(groupDN("Night's Watch (Wall)"), "member", "heisenberg"), code(goldap.LDAPResultCompareFalse).beyondTheView()}},
		{19, question{"compare on the Linux group", compare(groupDN("got"), "memberUid", "jon.snow"), code(goldap.LDAPResultCompareTrue).beyondTheView()}},
		{19, question{"compare on the Linux group, not member", compare(groupDN("got"), "memberUid", "heisenberg"), code(goldap.LDAPResultCompareFalse).beyondTheView()}},
		{20, question{"compare DN, member", compare(groupDN("gameOfThrones"), "member", userDN("jon.snow")), code(goldap.LDAPResultCompareTrue)}},
		{20, question{"compare DN, not member", compare(groupDN("gameOfThrones"), "member", userDN("heisenberg")), code(goldap.LDAPResultCompareFalse)}},
		{20, question{"compare DN on a group without a Linux group", compare(groupDN("CarWash"), "member", userDN("heisenberg")), code(goldap.LDAPResultCompareFalse).beyondTheView().inMerge(code(goldap.LDAPResultCompareTrue))}},
		{20, question{"compare DN on a group without a Linux group, not member", compare(groupDN("CarWash"), "member", userDN("jon.snow")), code(goldap.LDAPResultCompareFalse).beyondTheView().inMerge(code(goldap.LDAPResultCompareFalse))}},
		{21, question{"read a group", read(groupDN("gameOfThrones"), "(objectClass=*)"), found(groups("gameOfThrones"))}},
		{21, question{"read the members of a group", read(groupDN("Los Pollos Hermanos"), "(objectClass=groupOfNames)", "member"), found(groups("Los Pollos Hermanos"))}},
		{21, question{"read a user", read(userDN("heisenberg"), "(objectClass=*)"), found(people("heisenberg"))}},
		{21, question{"read the groups on a user", read(userDN("heisenberg"), "(objectClass=*)", "memberOf"), found(people("heisenberg"))}},
		{21, question{"read a Linux group", read(groupDN("got"), "(objectClass=*)"), found(stored("got")).beyondTheView()}},
		{22, question{"groups in a group", search("(member="+groupDN("gameOfThrones")+")", groupAttrs...), nothing()}},
		{22, question{"users of a group", search("(memberOf="+groupDN("gameOfThrones")+")", "uid"), found(people("jon.snow", "arya.stark", "tyrion.lannister", "daenerys_t"))}},
		{23, question{"record of a Linux group", search("(&(objectClass=posixGroup)(memberUid=jon.snow)(gidNumber=7001))"), found(stored("got")).beyondTheView()}},
		{24, question{"search base", read(usersBase, "(objectClass=*)"), found(container(usersBase))}},
	}
	for i := range table {
		table[i].want = table[i].want.in(v)
	}
	return table
}

// shape is a request of Jamf Pro with its number.
type shape struct {
	number int
	question
}

func jamfQuestions(v view) []question {
	var table []question
	for _, s := range jamfShapes(v) {
		s.what = fmt.Sprintf("%02d %s", s.number, s.what)
		table = append(table, s.question)
	}
	return table
}

func TestJamfShapes(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode, suffixes: []string{"@example.com"}})
		askAll(t, p.ldap, jamfQuestions(v))
	})
}

// Shape 14: a group is found again by the UUID that it was shown with, and
// that UUID is the one of the entry that it is made from.
func TestGroupByUUID(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode})
		direct := dialWire(t, up.addr)
		direct.bind(service, password)
		source := map[string]string{"posix": groupDN("got"), "merge": groupDN("gameOfThrones")}[v.mode]
		made := direct.search(read(source, "(objectClass=*)", "entryUUID"))
		if len(made.Entries) != 1 || len(made.Entries[0].Attrs["entryUUID"]) != 1 {
			t.Fatalf("upstream has no entryUUID: %+v", made)
		}
		uuid := made.Entries[0].Attrs["entryUUID"][0]
		forEachClient(t, p.ldap, func(t *testing.T, c client) {
			q := search("(&(objectClass=groupOfNames)(entryUUID="+uuid+"))", groupAttrs...)
			got := c.ask(t, q)
			check(t, q, got, found(groups("gameOfThrones")))
			if len(got.Entries) == 1 && got.Entries[0].Attrs["entryUUID"][0] != uuid {
				t.Errorf("entryUUID %v, want %s as upstream has it", got.Entries[0].Attrs["entryUUID"], uuid)
			}
		})
	})
}

// Shapes 1 to 5 and the anonymous half of 24: how sessions begin.
func TestJamfSessionShapes(t *testing.T) {
	t.Parallel()
	anonymous := []string{"java.naming.security.authentication=none"}
	sasl := []string{"java.naming.security.authentication=DIGEST-MD5", "java.naming.security.principal=jamf", "java.naming.security.credentials=" + password}
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p := start(t, up)
		for _, bind := range []struct {
			what         string
			env          []string
			dn, password string // for the other clients; none when dn is "-"
			code         int
			identity     string // WhoAmI afterwards
		}{
			{"01 service account", simpleBind(service, password), service, password, 0, service},
			{"02 end user", simpleBind(endUser, password), endUser, password, 0, endUser},
			{"02 end user with a wrong password", simpleBind(endUser, "wrong"), endUser, "wrong", goldap.LDAPResultInvalidCredentials, ""},
			{"02 unknown user", simpleBind(userDN("ned.stark"), password), userDN("ned.stark"), password, goldap.LDAPResultInvalidCredentials, ""},
			{"03 empty password", simpleBind(service, ""), service, "", goldap.LDAPResultUnwillingToPerform, ""},
			{"04 anonymous", anonymous, "", "", 0, ""},
			{"05 SASL", sasl, "-", "", goldap.LDAPResultAuthMethodNotSupported, ""},
		} {
			t.Run(bind.what, func(t *testing.T) {
				t.Run("jndi", func(t *testing.T) {
					c := newJNDI(t)
					a := c.openDir("ldap://"+p.ldap, bind.env...)
					if a.Code != bind.code {
						t.Fatalf("result code %d, want %d: %s", a.Code, bind.code, a.Text)
					}
					if a.Code == 0 {
						c.close()
					}
				})
				if bind.dn == "-" { // only JNDI has SASL
					return
				}
				t.Run("wire", func(t *testing.T) {
					w := p.connect()
					if r := w.ask(bindOp(3, bind.dn, bind.password)); r.code != bind.code {
						t.Fatalf("result code %d, want %d: %s", r.code, bind.code, r.text)
					}
					if got := w.whoAmI(); got != bind.identity {
						t.Errorf("the session is %q, want %q", got, bind.identity)
					}
				})
				if bind.dn != "" && bind.password == "" { // ldapwhoami then sends no DN
					return
				}
				t.Run("ldap-utils", func(t *testing.T) {
					need(t, "ldapwhoami")
					out, text, code := runTool(t, "ldapwhoami", "-x", "-H", "ldap://"+p.ldap, "-D", bind.dn, "-w", bind.password)
					want := "dn:" + bind.identity + "\n"
					if bind.identity == "" {
						want = "anonymous\n"
					}
					if code != bind.code || code == 0 && out != want {
						t.Errorf("exit code %d, output %q; want %d, %q\n%s", code, out, bind.code, want, text)
					}
				})
			})
		}
		t.Run("02 re-bind on the same connection", func(t *testing.T) {
			c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
			q := search("(uid=jon.snow)", "uid")
			check(t, q, c.ask(t, q), found(people("jon.snow")))
			if a := c.do("rebind", endUser, password); a.Code != 0 {
				t.Fatalf("re-bind: %s", a.Text)
			}
			if a := c.ask(t, q); len(a.Entries) != 0 {
				t.Errorf("the end user sees %v, which only the service account may", dnsOf(a.Entries))
			}
		})
		t.Run("04 no bind at all", func(t *testing.T) {
			c := openJNDI(t, "ldap://"+p.ldap, anonymous...) // InitialLdapContext sends no bind
			if a := c.ask(t, search("(uid=jon.snow)")); a.Code != goldap.LDAPResultInsufficientAccessRights {
				t.Errorf("search before bind: %d %s, want 50", a.Code, a.Text)
			}
		})
		t.Run("04 search after an anonymous bind", func(t *testing.T) {
			w := p.connect()
			w.bind("", "")
			q := search("(uid=jon.snow)")
			check(t, q, w.search(q), code(goldap.LDAPResultInsufficientAccessRights))
		})
		t.Run("24 rootDSE without bind", func(t *testing.T) {
			c := openJNDI(t, "ldap://"+p.ldap, anonymous...)
			a := c.ask(t, read("", "(objectClass=*)", "namingContexts", "supportedLDAPVersion", "supportedExtension"))
			if a.Code != 0 || len(a.Entries) != 1 || a.Entries[0].DN != "" {
				t.Fatalf("rootDSE: %+v", a)
			}
		})
	})
}
