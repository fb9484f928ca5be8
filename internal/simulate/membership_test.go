package simulate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/rewrite"
)

// ways are the settings of Jamf that ask for a membership differently.
var ways = []struct {
	name string
	set  func(*simulate.MembershipMappings)
	by   string // beginning of the question, for jon.snow in gameOfThrones
}{
	{"DN", func(*simulate.MembershipMappings) {}, "search (&(objectClass=groupOfNames)(cn=gameOfThrones)(member=uid=jon.snow,"},
	{"DN, compare", func(m *simulate.MembershipMappings) { m.UseCompare = true }, "search (member=uid=jon.snow,"},
	{"username", func(m *simulate.MembershipMappings) { m.UseDN, m.Attribute = false, "memberUid" }, "search (&(objectClass=groupOfNames)(cn=gameOfThrones)(memberUid=jon.snow))"},
	{"username, compare", func(m *simulate.MembershipMappings) {
		m.UseDN, m.UseCompare, m.Attribute = false, true, "memberUid"
	}, "compare (memberUid=jon.snow)"},
	{"user object", func(m *simulate.MembershipMappings) { m.StoredIn, m.Attribute = simulate.UserObject, "memberOf" }, "memberOf of the user"},
}

func TestMembership(t *testing.T) {
	for _, mode := range []rewrite.Mode{rewrite.ModePosix, rewrite.ModeMerge} {
		r := start(t, mode)
		for _, way := range ways {
			t.Run(string(mode)+" "+way.name, func(t *testing.T) {
				j := r.jamf(func(j *simulate.Jamf) { way.set(&j.Mappings.Membership) })
				yes := r.membership(j, "jon.snow", "gameOfThrones")
				if m := yes.Membership; m == nil || !m.Member || !strings.HasPrefix(m.By, way.by) {
					t.Errorf("jon.snow: %+v, problems %+v", m, yes.Problems)
				}
				r.noProblem(yes)
				no := r.membership(j, "heisenberg", "gameOfThrones")
				if m := no.Membership; m == nil || m.Member {
					t.Errorf("heisenberg: %+v, problems %+v", m, no.Problems)
				}
				r.noProblem(no)
				if len(yes.Users) != 1 || len(yes.Groups) != 1 {
					t.Errorf("shows %d users and %d groups", len(yes.Users), len(yes.Groups))
				}
			})
		}
	}
}

func TestMembershipSteps(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	const dn = "uid=jon.snow," + base
	for _, c := range []struct {
		way  int
		want []string
	}{
		{0, []string{
			"bind ", "search sub (&(objectClass=inetOrgPerson)(uid=jon.snow))", "search sub (&(objectClass=groupOfNames)(cn=gameOfThrones))",
			"search sub (&(objectClass=groupOfNames)(cn=gameOfThrones)(member=" + dn + "))",
		}},
		{1, []string{
			"bind ", "search sub (&(objectClass=inetOrgPerson)(uid=jon.snow))", "search sub (&(objectClass=groupOfNames)(cn=gameOfThrones))",
			"search base (member=" + dn + ")",
		}},
		{3, []string{
			"bind ", "search sub (&(objectClass=inetOrgPerson)(uid=jon.snow))", "search sub (&(objectClass=groupOfNames)(cn=gameOfThrones))",
			"compare (memberUid=jon.snow)",
		}},
		{4, []string{
			"bind ", "search sub (&(objectClass=inetOrgPerson)(uid=jon.snow))", "search sub (&(objectClass=groupOfNames)(cn=gameOfThrones))",
		}},
	} {
		a := r.membership(r.jamf(func(j *simulate.Jamf) { ways[c.way].set(&j.Mappings.Membership) }), "jon.snow", "gameOfThrones")
		var got []string
		for _, s := range a.Steps {
			got = append(got, strings.TrimSpace(s.Op+" "+s.Scope)+" "+s.Filter)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", ways[c.way].name, diff)
		}
	}
}

func TestMembershipNeedsUserAndGroup(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	a := r.membership(r.jamf(), "nobody", "gameOfThrones")
	if a.Membership != nil {
		t.Errorf("a verdict on nobody: %+v", a.Membership)
	}
	r.problem(a, `There is no user with the name "nobody"`)
	a = r.membership(r.jamf(), "jon", "game") // parts of names are no names here
	if a.Membership != nil || len(a.Problems) != 2 {
		t.Errorf("verdict %+v, problems %+v", a.Membership, a.Problems)
	}
}

// Past the proxy a DN is not found among usernames, nor the reverse.
func TestMembershipInTheOtherForm(t *testing.T) {
	r := start(t, rewrite.ModeOff)
	a := r.membership(r.jamf(r.direct, func(j *simulate.Jamf) { j.Mappings.Membership.UseDN = false }), "jon.snow", "gameOfThrones")
	if a.Membership == nil || a.Membership.Member {
		t.Errorf("verdict %+v", a.Membership)
	}
	if p := r.problem(a, "The group has jon.snow as a DN"); !strings.HasPrefix(p.Try, "Tick ") {
		t.Errorf("try: %s", p.Try)
	}
	a = r.membership(r.jamf(r.direct, func(j *simulate.Jamf) {
		j.Mappings.Groups.ObjectClasses, j.Mappings.Membership.Attribute = []string{"posixGroup"}, "memberUid"
	}), "jon.snow", "got")
	if p := r.problem(a, "The group has jon.snow as a username"); !strings.HasPrefix(p.Try, "Untick ") {
		t.Errorf("try: %s", p.Try)
	}
}

// A directory may answer a compare with noSuchAttribute, which is no verdict.
func TestMembershipCompareOfAForeignAttribute(t *testing.T) {
	r := start(t, rewrite.ModeOff)
	a := r.membership(r.jamf(r.direct, func(j *simulate.Jamf) { ways[3].set(&j.Mappings.Membership) }), "jon.snow", "gameOfThrones")
	if a.Membership != nil {
		t.Errorf("verdict %+v", a.Membership)
	}
	r.problem(a, "(noSuchAttribute, 16)")
	r.problem(a, "gameOfThrones has no members (memberUid)")
}

func TestAppendToUsername(t *testing.T) {
	r := start(t, rewrite.ModePosix, func(s *setup) { s.groups.StripSuffixes = []string{"@example.com"} })
	a := r.membership(r.jamf(func(j *simulate.Jamf) {
		j.Mappings.Membership.UseDN, j.Mappings.Membership.AppendToUsername = false, "@example.com"
	}), "jon.snow", "gameOfThrones")
	if a.Membership == nil || !a.Membership.Member || !strings.Contains(a.Membership.By, "(member=jon.snow@example.com)") {
		t.Errorf("verdict %+v", a.Membership)
	}
}
