package simulate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/rewrite"
)

func TestUser(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	a := r.user(r.jamf(), "jon")
	if len(a.Users) != 1 || a.Users[0].DN != "uid=jon.snow,"+base || a.Users[0].Members != nil {
		t.Fatalf("found %+v", a.Users)
	}
	got := rows(a.Users[0])
	if len(got["User UUID"]) != 36 {
		t.Errorf("User UUID is %q", got["User UUID"])
	}
	delete(got, "User UUID")
	want := map[string]string{"User ID": "jon.snow", "Username": "jon.snow", "Real Name": "Jon Snow", "Email Address": "jon.snow@example.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r.noProblem(a)
	for i := range a.Steps {
		if a.Steps[i].Ms <= 0 {
			t.Errorf("step %d took %v ms", i, a.Steps[i].Ms)
		}
		a.Steps[i].Ms = 0
	}
	steps := []simulate.Step{
		{Op: "bind", Base: accountDN, ResultName: "success"},
		{
			Op: "search", Base: base, Scope: "sub", Filter: "(&(objectClass=inetOrgPerson)(uid=*jon*))",
			Attributes: []string{"uid", "cn", "mail", "entryUUID"}, ResultName: "success", Entries: 1,
		},
	}
	if diff := cmp.Diff(steps, a.Steps); diff != "" {
		t.Error(diff)
	}
}

func TestUsersByAPart(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	a := r.user(r.jamf(), "er")
	var names []string
	for _, u := range a.Users {
		names = append(names, rows(u)["Username"])
	}
	slices.Sort(names)
	if want := []string{"daenerys_t", "heisenberg", "tyrion.lannister"}; !slices.Equal(names, want) {
		t.Errorf("er finds %q, want %q", names, want)
	}
	everybody := r.user(r.jamf(), "")
	if len(everybody.Users) != 10 {
		t.Errorf("an empty name finds %d users, want all 10", len(everybody.Users))
	}
	r.problem(r.user(r.jamf(exact), "jon"), `There is no user with the name "jon"`)
	r.problem(r.user(r.jamf(), "nobody"), `No user has "nobody" in its name`)
}

// Each mode answers as docs/groups.md says; with the name of the console first.
func TestGroup(t *testing.T) {
	for _, c := range []struct {
		mode    rewrite.Mode
		id      string
		problem string
	}{
		{rewrite.ModePosix, "7001", ""},
		{rewrite.ModeMerge, "7001", ""},
		{rewrite.ModeOff, "(missing)", "gameOfThrones has no gidNumber (Group ID)."},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			r := start(t, c.mode)
			a := r.group(r.jamf(), "gameOfThrones")
			if len(a.Groups) != 1 {
				t.Fatalf("found %+v, problems %+v", a.Groups, a.Problems)
			}
			g := a.Groups[0]
			if got := rows(g); got["Group ID"] != c.id || got["Group Name"] != "gameOfThrones" || len(got["Group UUID"]) != 36 {
				t.Errorf("shows %v", got)
			}
			if g.DN != "cn=gameOfThrones,"+base || g.Members == nil || *g.Members != 4 {
				t.Errorf("%s has %v members", g.DN, g.Members)
			}
			if c.problem == "" {
				r.noProblem(a)
			} else if try := r.problem(a, c.problem).Try; !strings.Contains(try, "groups.mode") {
				t.Errorf("nothing useful to try: %s", try)
			}
			if filter := a.Steps[1].Filter; filter != "(&(objectClass=groupOfNames)(cn=*gameOfThrones*))" {
				t.Errorf("asked %s", filter)
			}
		})
	}
}

func TestGroupOfModePosixWithoutLinuxGroup(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	p := r.problem(r.group(r.jamf(), "CarWash"), `No group has "CarWash" in its name`)
	if !strings.Contains(p.Try, "Linux group") {
		t.Errorf("try: %s", p.Try)
	}
	r = start(t, rewrite.ModeMerge)
	p = r.problem(r.group(r.jamf(), "CarWash"), "CarWash has no gidNumber (Group ID)")
	if !strings.Contains(p.Try, "Create Linux group") {
		t.Errorf("try: %s", p.Try)
	}
}

// The record of the proxy looks as if Jamf had asked.
func TestTheProxySeesJamf(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	r.membership(r.jamf(), "jon.snow", "gameOfThrones")
	var seen []string
	for end := time.Now().Add(patience); len(seen) < 5 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		seen = nil
		for _, rec := range r.records.all() {
			seen = append(seen, rec.Op+" "+rec.Kind)
		}
	}
	slices.Sort(seen) // a record is published behind its answer
	want := []string{"bind bind", "search group", "search membership", "search user", "unbind other"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Fatal(diff)
	}
	for _, rec := range r.records.all() {
		if rec.Op != lookup.OpSearch {
			continue
		}
		if rec.ClientKind != lookup.ClientJNDI || rec.TimeLimit != 61 || rec.SizeLimit != 100 ||
			!cmp.Equal(rec.Controls, []string{"2.16.840.1.113730.3.4.2"}) {
			t.Errorf("not like Jamf: %+v", rec)
		}
	}
}
