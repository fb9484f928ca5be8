package simulate_test

import (
	"fmt"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/rewrite"
)

// odd is an organisation of names and entries that are not as one would like.
func odd(s *setup) {
	var out strings.Builder
	directory.Generate(&out, 1, 0, 0) // the containers and the account
	user := func(uid, rest string) {
		fmt.Fprintf(&out, "\ndn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %s\n%s", uid, base, uid, rest)
	}
	user("jorg*", "cn: Jörg\nsn: Jörg\nmail: joerg@example.com\n")
	user("jörgen", "cn: Jörgen\nsn: J\nmail: joergen@example.com\n")
	user("r&d", "cn: R\nsn: R\nmail: r@example.com\n")
	user("double1", "cn: Double\nsn: Double\n")
	user("double2", "cn: Double\nsn: Double\n")
	user("long", "cn: "+strings.Repeat("x", 5000)+"\nsn:: YQpiG1szMW0=\nmail: x@example.com\n") // sn is two lines and a colour
	for i := range 25 {
		fmt.Fprintf(&out, "title: title %d\n", i)
	}
	out.WriteString("\ndn: cn=Straße*Köln," + base + "\nobjectClass: groupOfNames\ncn: Straße*Köln\nmember: uid=jorg*," + base + "\nmember: uid=r&d," + base + "\n" +
		"\ndn: cn=koeln," + base + "\nobjectClass: posixGroup\ncn: koeln\ngidNumber: 7009\nmemberUid: jorg*\nmemberUid: r&d\n" +
		"\ndn: cn=empty," + base + "\nobjectClass: posixGroup\ncn: empty\ngidNumber: 7010\n")
	s.directory.LDIF = strings.NewReader(out.String())
}

func TestSpecialCharacters(t *testing.T) {
	for _, mode := range []rewrite.Mode{rewrite.ModePosix, rewrite.ModeMerge} {
		t.Run(string(mode), func(t *testing.T) {
			r := start(t, mode, odd)
			if a := r.user(r.jamf(), "jörg"); len(a.Users) != 1 || rows(a.Users[0])["Username"] != "jörgen" {
				t.Errorf("jörg finds %+v", a.Users)
			}
			if a := r.user(r.jamf(), "j*"); len(a.Users) != 0 {
				t.Errorf("an asterisk is a character, yet j* finds %+v", a.Users)
			}
			if a := r.user(r.jamf(), "g*"); len(a.Users) != 1 || rows(a.Users[0])["Username"] != "jorg*" {
				t.Errorf("g* finds %+v", a.Users)
			}
			a := r.group(r.jamf(exact), "Straße*Köln")
			if len(a.Groups) != 1 || rows(a.Groups[0])["Group ID"] != "7009" || *a.Groups[0].Members != 2 {
				t.Errorf("Straße*Köln finds %+v", a.Groups)
			}
			for _, way := range ways[:4] { // this directory has no memberOf
				for _, user := range []string{"jorg*", "r&d"} {
					a := r.membership(r.jamf(func(j *simulate.Jamf) { way.set(&j.Mappings.Membership) }), user, "Straße*Köln")
					if a.Membership == nil || !a.Membership.Member {
						t.Errorf("%s by %s: %+v, problems %+v", user, way.name, a.Membership, a.Problems)
					}
				}
			}
			if a := r.membership(r.jamf(), "jörgen", "Straße*Köln"); a.Membership == nil || a.Membership.Member {
				t.Errorf("jörgen: %+v", a.Membership)
			}
		})
	}
}

func TestParenthesesAndApostrophe(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	a := r.group(r.jamf(exact), "Night's Watch (Wall)")
	if len(a.Groups) != 1 || rows(a.Groups[0])["Group ID"] != "7005" {
		t.Errorf("found %+v, problems %+v", a.Groups, a.Problems)
	}
	if filter := a.Steps[1].Filter; filter != `(&(objectClass=groupOfNames)(cn=Night's Watch \28Wall\29))` {
		t.Errorf("asked %s", filter)
	}
	r.noProblem(a)
}

// A name cannot add a term to the filter.
func TestANameStaysAName(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	for _, name := range []string{"x)(uid=*", "*)(objectClass=*", "x))(|(uid=*", `\2a`, "\x00"} {
		if a := r.user(r.jamf(exact), name); len(a.Users) != 0 {
			t.Errorf("%q finds %d users", name, len(a.Users))
		}
	}
}

func TestProblemsOfEntries(t *testing.T) {
	r := start(t, rewrite.ModePosix, odd)
	a := r.user(r.jamf(), "double")
	r.problem(a, "double1 and 1 more have no mail (Email Address).")
	if row := a.Users[0].Rows[3]; row.Label != "Email Address" || !row.Missing || row.Values == nil {
		t.Errorf("row %+v", row)
	}
	byName := func(j *simulate.Jamf) { j.Mappings.Users.Username, j.Mappings.UseWildcards = "cn", false }
	p := r.problem(r.user(r.jamf(byName), "Double"), `2 users have the name "Double"`)
	if !strings.Contains(p.Try, `Map "Username"`) {
		t.Errorf("try: %s", p.Try)
	}
	a = r.group(r.jamf(), "empty")
	r.problem(a, "empty has no members (member)")
	if *a.Groups[0].Members != 0 {
		t.Errorf("%d members", *a.Groups[0].Members)
	}
	notMapped := func(j *simulate.Jamf) { j.Mappings.Users.Email, j.Mappings.Groups.UUID = "", "" }
	r.noProblem(r.user(r.jamf(notMapped), "double"))
}

func TestValuesAreBounded(t *testing.T) {
	r := start(t, rewrite.ModePosix, odd)
	a := r.user(r.jamf(func(j *simulate.Jamf) {
		j.Mappings.Users.Position, j.Mappings.Users.Room = "title", "sn"
	}), "long")
	for _, row := range a.Users[0].Rows {
		for _, v := range row.Values {
			if len(v) > 1024 || strings.ContainsAny(v, "\x1b\n") {
				t.Errorf("%s is %.40q of %d bytes", row.Label, v, len(v))
			}
		}
		if row.Label == "Position" && (len(row.Values) != 20 || row.More != 5) {
			t.Errorf("%d titles and %d more, want 20 and 5", len(row.Values), row.More)
		}
	}
}

func TestCutAnswers(t *testing.T) {
	generated := func(limit int) func(*setup) {
		return func(s *setup) {
			var out strings.Builder
			directory.Generate(&out, 130, 0, 0)
			s.directory = directory.Config{LDIF: strings.NewReader(out.String()), SizeLimit: limit}
		}
	}
	r := start(t, rewrite.ModePosix, generated(0))
	a := r.user(r.jamf(), "user")
	if len(a.Users) != 100 || a.Steps[1].ResultName != "sizeLimitExceeded" {
		t.Errorf("shows %d users, %s", len(a.Users), a.Steps[1].ResultName)
	}
	r.problem(a, "Only the first 100 entries are shown")
	r = start(t, rewrite.ModePosix, generated(30))
	a = r.user(r.jamf(), "user")
	if len(a.Users) != 30 {
		t.Errorf("shows %d users", len(a.Users))
	}
	r.problem(a, "The directory ends its answers after 30 entries")
}

func TestObjectClassesAndScope(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	for _, c := range []struct {
		classes  []string
		anyOrAll simulate.Limit
		scope    simulate.Scope
		filter   string
		where    string
	}{
		{nil, simulate.All, simulate.AllSubtrees, "(uid=*jon*)", "sub"},
		{[]string{"person", "posixAccount"}, simulate.Any, simulate.FirstLevelOnly, "(&(|(objectClass=person)(objectClass=posixAccount))(uid=*jon*))", "one"},
		{[]string{"person", "posixAccount"}, simulate.All, "", "(&(&(objectClass=person)(objectClass=posixAccount))(uid=*jon*))", "sub"},
	} {
		a := r.user(r.jamf(func(j *simulate.Jamf) {
			p := &j.Mappings.Users.Place
			p.ObjectClasses, p.AnyOrAll, p.SearchScope = c.classes, c.anyOrAll, c.scope
		}), "jon")
		if s := a.Steps[1]; s.Filter != c.filter || s.Scope != c.where || len(a.Users) != 1 {
			t.Errorf("%v: asked %s %s, found %d", c.classes, s.Scope, s.Filter, len(a.Users))
		}
	}
}
