package lookup_test

import (
	"regexp"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/lookup"
)

const users = "ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"

// nameTests are what Jamf and other clients ask, and whom it is about.
var nameTests = []struct {
	name                 string
	r                    lookup.Record
	user, group, subject string
}{
	{"bind", lookup.Record{Op: "bind", Kind: "bind", BindDN: "uid=jamf," + users}, "jamf", "", "jamf"},
	{"bind with capitals and spaces", lookup.Record{Op: "bind", Kind: "bind", BindDN: "UID = Jon.Snow , ou=Users"}, "Jon.Snow", "", "Jon.Snow"},
	{"bind with an escaped comma", lookup.Record{Op: "bind", Kind: "bind", BindDN: `cn=Snow\, Jon,ou=Users`}, "Snow, Jon", "", "Snow, Jon"},
	{"bind with an escaped octet", lookup.Record{Op: "bind", Kind: "bind", BindDN: `cn=Snow\2c Jon\C3\B6,ou=Users`}, "Snow, Jonö", "", "Snow, Jonö"},
	{"bind with two names", lookup.Record{Op: "bind", Kind: "bind", BindDN: `uid=jon+cn=Jon,ou=Users`}, "jon", "", "jon"},
	{"bind with no DN", lookup.Record{Op: "bind", Kind: "bind", BindDN: "jon, snow"}, "jon, snow", "", "jon, snow"},
	{"anonymous bind", lookup.Record{Op: "bind", Kind: "bind"}, "", "", "anonymous"},
	{"unbind", lookup.Record{Op: "unbind", Kind: "other", BindDN: "uid=jamf," + users}, "", "", ""},
	{"StartTLS", lookup.Record{Op: "extended", Kind: "other", Name: "1.3.6.1.4.1.1466.20037"}, "", "", "StartTLS"},
	{"WhoAmI", lookup.Record{Op: "extended", Kind: "other", Name: "1.3.6.1.4.1.4203.1.11.3"}, "", "", "WhoAmI"},

	{"user", search("user", "(&(objectClass=inetOrgPerson)(uid=jon.snow))"), "jon.snow", "", "jon.snow"},
	{"user by a part of the name", search("user", "(&(objectClass=inetOrgPerson)(uid=*jon*))"), "*jon*", "", "*jon*"},
	{"user by several names", search("user", "(&(objectClass=inetOrgPerson)(|(uid=*sn*)(cn=*sn*)(mail=sn*)))"), "*sn*", "", "*sn* sn*"},
	{"user by full name", search("user", "(&(objectClass=inetOrgPerson)(cn=Jon Snow))"), "Jon Snow", "", "Jon Snow"},
	{"user by mail", search("user", `(mail=jon\28kotn\29@example.com)`), "jon(kotn)@example.com", "", "jon(kotn)@example.com"},
	{"user by number", search("user", "(&(objectClass=inetOrgPerson)(uidNumber=5001))"), "uid 5001", "", "uidNumber=5001"},
	{"user by UUID", search("user", "(&(objectClass=inetOrgPerson)(entryUUID=6ba7b810))"), "6ba7b810", "", "entryUUID=6ba7b810"},
	{"user with capital letters", search("user", "(&(OBJECTCLASS=inetOrgPerson)(UID=Jon.Snow))"), "Jon.Snow", "", "Jon.Snow"},
	{"user with options and rules", search("user", "(|(uid;x-a=jon)(uid:caseExactMatch:=jon)(uid~=jon))"), "jon", "", "jon"},
	{"user who is not another", search("user", "(&(objectClass=inetOrgPerson)(!(uid=jamf))(uid=jon))"), "jon", "", "jon"},
	{"nobody", search("user", "(&(objectClass=inetOrgPerson)(!(uid=jamf)))"), "", "", ""},
	{"empty search box", search("user", "(&(objectClass=inetOrgPerson)(uid=**))"), "", "", "*"},
	{"every user", search("user", "(&(objectClass=inetOrgPerson)(uid=*))"), "", "", "*"},
	{"empty name, then another", search("user", "(|(uid=)(mail=jon))"), "jon", "", "jon"},
	{"masked value", search("user", "(&(userPassword=***)(uid=jon))"), "jon", "", "jon"},
	{"a user is read", read("user", "uid=jon.snow,"+users, "(objectClass=*)"), "jon.snow", "", "jon.snow"},
	{"a user is read by another type of name", read("user", "cn=Jon Snow,"+users, "(objectClass=*)"), "Jon Snow", "", "Jon Snow"},
	{"the groups of a user are read", read("user-groups", "cn=Jon Snow,"+users, "(objectClass=*)"), "Jon Snow", "", "Jon Snow"},

	{"group", search("group", "(&(objectClass=groupOfNames)(cn=gameOfThrones))"), "", "gameOfThrones", "gameOfThrones"},
	{"group by a part of the name", search("group", "(&(objectClass=groupOfNames)(cn=*game*Thrones))"), "", "*game*Thrones", "*game*Thrones"},
	{"group with parentheses", search("group", `(&(objectClass=groupOfNames)(cn=R\26D \28Berlin\29))`), "", "R&D (Berlin)", "R&D (Berlin)"},
	{"group with a star", search("group", `(cn=a\2ab)`), "", "a*b", "a*b"},
	{"group by number", search("group", "(&(objectClass=groupOfNames)(gidNumber=7001))"), "", "gid 7001", "gidNumber=7001"},
	{"group by UUID", search("group", "(&(objectClass=groupOfNames)(entryUUID=6ba7b810))"), "", "6ba7b810", "entryUUID=6ba7b810"},
	{"name of either", search("other", "(cn=Dev)"), "", "Dev", "Dev"},
	{"a group is read", read("group", "cn=Dev,"+users, "(objectClass=groupOfNames)"), "", "Dev", "Dev"},
	{"members are read", read("members", `CN=Dev\, Ops,`+users, "(objectClass=*)"), "", "Dev, Ops", "Dev, Ops"},
	{"members by memberOf", search("members", "(&(objectClass=inetOrgPerson)(memberOf=cn=Dev,"+users+"))"), "", "Dev", "memberOf=Dev"},

	{"membership by DN", search("membership", "(&(objectClass=groupOfNames)(cn=Dev)(member=uid=jon.snow,"+users+"))"), "jon.snow", "Dev", "Dev member=jon.snow"},
	{"membership by user name", search("membership", "(&(objectClass=posixGroup)(cn=Dev)(memberUid=jon.snow))"), "jon.snow", "Dev", "Dev memberUid=jon.snow"},
	{"membership by a DN in memberUid", search("membership", "(&(cn=Dev)(memberUid=uid=jon.snow,"+users+"))"), "jon.snow", "Dev", "Dev memberUid=jon.snow"},
	{"membership by a user name in member", search("membership", "(&(cn=Dev)(member=jon.snow))"), "jon.snow", "Dev", "Dev member=jon.snow"},
	{"membership by an escaped DN", search("membership", `(&(cn=Dev)(uniqueMember=cn=Snow\5c, Jon \28N\29,ou=x))`), "Snow, Jon (N)", "Dev", "Dev uniqueMember=Snow, Jon (N)"},
	{"membership by number and part", search("membership", "(&(objectClass=posixGroup)(memberUid=*jon*)(gidNumber=7001))"), "*jon*", "gid 7001", "memberUid=*jon* gidNumber=7001"},
	{"membership as a read", read("membership", "cn=LDAP Fileserver,"+users, "(member=uid=jon.snow,"+users+")"), "jon.snow", "LDAP Fileserver", "LDAP Fileserver member=jon.snow"},
	{"membership as a compare", compare("membership", "cn=Dev,"+users, "(memberUid=jon.snow)"), "jon.snow", "Dev", "Dev memberUid=jon.snow"},
	{"compare of a user", compare("other", "uid=jon,"+users, "(userPassword=***)"), "jon", "", "jon"},
	{"groups of a user", search("user-groups", "(&(objectClass=groupOfNames)(member=uid=jon.snow,"+users+"))"), "jon.snow", "", "member=jon.snow"},
	{"groups with a member", search("group", "(&(objectClass=groupOfNames)(cn=Dev)(member=*))"), "", "Dev", "Dev"},

	{"rootDSE", read("rootdse", "", "(objectClass=*)"), "", "", ""},
	{"schema", read("schema", "cn=Subschema", "(objectClass=subschema)"), "", "", "Subschema"},
	{"cut", search("user", "(&(objectClass=inetOrgPerson)(uid=jon…"), "jon…", "", "jon…"},
	{"no filter", search("other", "garbage"), "", "", ""},
	{"write", lookup.Record{Op: "modify", Kind: "other", Base: "uid=jon," + users}, "jon", "", "jon"},
	{"write of a group", lookup.Record{Op: "delete", Kind: "other", Base: "cn=Dev," + users}, "", "Dev", "Dev"},
}

func search(kind, filter string) lookup.Record {
	return lookup.Record{Op: lookup.OpSearch, Kind: kind, Base: users, Scope: "sub", Filter: filter, BindDN: "uid=jamf," + users}
}

func read(kind, base, filter string) lookup.Record {
	return lookup.Record{Op: lookup.OpSearch, Kind: kind, Base: base, Scope: "base", Filter: filter}
}

func compare(kind, base, assertion string) lookup.Record {
	return lookup.Record{Op: lookup.OpCompare, Kind: kind, Base: base, Filter: assertion}
}

func TestUserGroupAndSubject(t *testing.T) {
	for _, tt := range nameTests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.r.User(); got != tt.user {
				t.Errorf("User = %q, want %q", got, tt.user)
			}
			if got := tt.r.Group(); got != tt.group {
				t.Errorf("Group = %q, want %q", got, tt.group)
			}
			if got := tt.r.Subject(); got != tt.subject {
				t.Errorf("Subject = %q, want %q", got, tt.subject)
			}
		})
	}
}

// Whoever follows a user through hashed lookups finds him wherever he is named, and
// however a DN or a filter writes his name.
func TestUserGroupAndSubjectOfHashedRecords(t *testing.T) {
	h := lookup.NewHasher([]byte("test"))
	for _, tt := range nameTests {
		t.Run(tt.name, func(t *testing.T) {
			hashed := h.Record(&tt.r)
			if got, want := hashed.User(), hashedName(h, tt.user); got != want {
				t.Errorf("User = %q, want %q", got, want)
			}
			if got, want := hashed.Group(), hashedName(h, tt.group); got != want {
				t.Errorf("Group = %q, want %q", got, want)
			}
			subject := hashed.Subject()
			for _, word := range regexp.MustCompile(`[^ *=(),@]{2,}`).FindAllString(tt.user+" "+tt.group, -1) {
				if word != "uid" && word != "gid" && strings.Contains(subject, word) {
					t.Errorf("Subject = %q shows %q", subject, word)
				}
			}
			if (subject == "") != (tt.subject == "") {
				t.Errorf("Subject = %q, was %q", subject, tt.subject)
			}
		})
	}
}

// hashedName hashes a name as User and Group return it: the pieces between stars
// that are no part of the name, a number behind what it is.
func hashedName(h *lookup.Hasher, name string) string {
	for _, what := range []string{"uid ", "gid "} {
		if number, found := strings.CutPrefix(name, what); found {
			return what + h.Value(number)
		}
	}
	if name == "a*b" {
		return h.Value(name)
	}
	pieces := strings.Split(name, "*")
	for i, piece := range pieces {
		pieces[i] = h.Value(piece)
	}
	return strings.Join(pieces, "*")
}

func TestNamesOfHostileTextsAreReadInPart(t *testing.T) {
	huge := strings.Repeat("a", 1<<20)
	for _, r := range []lookup.Record{
		{Op: lookup.OpBind, BindDN: huge},
		{Op: lookup.OpBind, BindDN: "cn=" + huge},
		search("membership", "(&(cn="+huge+")(member=cn="+huge+"))"),
		search("membership", "("+strings.Repeat(`\`, 1<<20)),
		search("membership", strings.Repeat("(member=a)", 1<<17)),
		read("group", "cn="+huge, huge),
	} {
		for _, got := range []string{r.User(), r.Group(), r.Subject()} {
			if len(got) > 10_000 {
				t.Errorf("%.40q…: a name of %d bytes", r.Filter+r.BindDN, len(got))
			}
		}
	}
}
