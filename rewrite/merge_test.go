package rewrite

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/ldap"
)

func merge(c *Config) { c.Mode = ModeMerge }

// What a request becomes upstream in mode merge. An empty want means that the
// filter stays as it is.
func TestMergedFilters(t *testing.T) {
	const b = testBase
	for _, tc := range []struct{ name, in, want string }{
		{"group by name", "(&(objectClass=groupOfNames)(cn=gameOfThrones))", ""},
		{"part of a name", "(&(objectClass=groupOfNames)(cn=*game*))", ""},
		{"groups of a user", "(&(objectClass=groupOfNames)(member=uid=heisenberg," + b + "))", ""},
		{"DN as the client spells it", "(member=UID=JSnow, OU=users, O=5F0E1D2C3B4A59687766554A, dc=JumpCloud, dc=com)", ""},
		{"member of another tree", "(&(objectClass=groupOfNames)(member=cn=Sub," + b + "))", ""},
		{"any member", "(&(objectClass=groupOfNames)(member=*))", ""},
		{"user name where a DN belongs", "(member=jon.snow)", "(member=uid=jon.snow," + b + ")"},
		{"suffix in a DN", "(member=uid=jon.snow@example.com," + b + ")", "(member=uid=jon.snow," + b + ")"},
		{"part of a member", "(&(objectClass=groupOfNames)(member=*heis*))", "(&(objectClass=groupOfNames)(member=*))"},
		{"no part of a member", "(&(objectClass=groupOfNames)(!(member=*heis*)))", "(&(objectClass=groupOfNames)(!(|)))"},
		{"memberUid", "(&(objectClass=groupOfNames)(memberUid=jon.snow))", "(&(objectClass=groupOfNames)(member=uid=jon.snow," + b + "))"},
		{"memberUid that has to be escaped", "(&(objectClass=groupOfNames)(memberUid=x,y))", `(&(objectClass=groupOfNames)(member=uid=x\5c,y,` + b + "))"},
		{"memberUid with a DN", "(&(objectClass=groupOfNames)(memberUid=uid=x," + b + "))", "(&(objectClass=groupOfNames)(member=uid=x," + b + "))"},
		{"memberUid beside users", "(|(objectClass=groupOfNames)(memberUid=x))", "(|(objectClass=groupOfNames)(|(member=uid=x," + b + ")(&(!(objectClass=groupOfNames))(memberUid=x))))"},
		{"part of a memberUid", "(&(objectClass=groupOfNames)(memberUid=jon*))", "(&(objectClass=groupOfNames)(member=*))"},
		{"group ID", "(&(objectClass=groupOfNames)(gidNumber=7001))", "(&(objectClass=groupOfNames)(|(gidNumber=7001)(&(cn=gameOfThrones)(!(gidNumber=*)))))"},
		{"unknown group ID", "(&(objectClass=groupOfNames)(gidNumber=4711))", ""},
		{"group IDs up to", "(&(objectClass=groupOfNames)(gidNumber<=7002))", "(&(objectClass=groupOfNames)(|(gidNumber<=7002)(&(|(cn=gameOfThrones)(cn=breakingBad))(!(gidNumber=*)))))"},
		{"group ID beside users", "(|(objectClass=groupOfNames)(gidNumber=7001))",
			"(|(objectClass=groupOfNames)(|(gidNumber=7001)(&(objectClass=groupOfNames)(cn=gameOfThrones)(!(gidNumber=*)))))"},
		{"posix class beside the legacy one", "(|(objectClass=groupOfNames)(objectClass=posixGroup))", "(|(objectClass=groupOfNames)(&(!(objectClass=groupOfNames))(objectClass=posixGroup)))"},
		{"posix class within the legacy one", "(&(objectClass=groupOfNames)(objectClass=posixGroup))", "(&(objectClass=groupOfNames)(|))"},
		{"posix vocabulary passes", "(&(objectClass=posixGroup)(memberUid=jon.snow))", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := sampleRules(t, merge, func(c *Config) { c.StripSuffixes = []string{"@example.com"} })
			f := filterOf(t, tc.in)
			p := r.Search(&ldap.SearchRequest{Base: b, Scope: ldap.ScopeSubtree, Filter: f})
			want := tc.want
			if want == "" {
				want = f.String()
			}
			if got := p.Request.Filter.String(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func carWashEntry() []byte { return legacyEntry("CarWash", "heisenberg", "skyler.white") }

func legacyEntry(name string, users ...string) []byte {
	members := []string{"member"}
	for _, u := range users {
		members = append(members, "uid="+u+","+testBase)
	}
	return entryBody("cn="+name+","+testBase, []string{"cn", name}, []string{"ou", name},
		[]string{"objectClass", "top", "groupOfNames"}, []string{"description", "tagGroup"}, members)
}

func TestEntryOfTheMergedView(t *testing.T) {
	legacy := "(&(objectClass=groupOfNames)(cn=gameOfThrones))"
	thrones := legacyEntry("gameOfThrones", "jon.snow", `x\,y`)
	for _, tc := range []struct {
		name, filter string
		entry        []byte
		attrs        []string
		typesOnly    bool
		wantUpstream string
		want         string // "" when the entry has no place in the answer
		hints        []string
	}{
		{"all attributes", legacy, thrones, nil, false, "", `dn: cn=gameOfThrones,` + testBase + `
cn: gameOfThrones
ou: gameOfThrones
objectClass: top
objectClass: groupOfNames
description: tagGroup
memberUid: jon.snow
memberUid: x,y
member: uid=jon.snow,` + testBase + `
member: uid=x\,y,` + testBase + `
gidNumber: 7001
`, nil},
		{"what Jamf maps", legacy, thrones, []string{"gidNumber", "cn"}, false, "gidNumber,cn",
			"dn: cn=gameOfThrones," + testBase + "\ncn: gameOfThrones\ngidNumber: 7001\n", nil},
		{"the name fetched for the group ID is not shown", legacy, thrones, []string{"gidNumber"}, false, "gidNumber,cn",
			"dn: cn=gameOfThrones," + testBase + "\ngidNumber: 7001\n", nil},
		{"members as user names", legacy, thrones, []string{"memberUid"}, false, "member",
			"dn: cn=gameOfThrones," + testBase + "\nmemberUid: jon.snow\nmemberUid: x,y\n", nil},
		{"types only", legacy, thrones, []string{"memberUid", "gidNumber"}, true, "member,gidNumber,cn",
			"dn: cn=gameOfThrones," + testBase + "\nmemberUid\ngidNumber\n", nil},
		{"none", legacy, thrones, []string{"1.1"}, false, "1.1", "dn: cn=gameOfThrones," + testBase + "\n", nil},
		{"without a pair", "(objectClass=groupOfNames)", carWashEntry(), []string{"cn", "gidNumber"}, false, "cn,gidNumber",
			"dn: cn=CarWash," + testBase + "\ncn: CarWash\n", []string{HintGIDOnUnpaired}},
		{"a part of a member is looked at again", "(&(objectClass=groupOfNames)(member=*snow*))", carWashEntry(), []string{"cn"}, false, "cn,objectClass,member", "", []string{HintMemberSubstring}},
		{"the Linux group of a pair is not shown beside it", "(|(objectClass=groupOfNames)(gidNumber=7001))", gotEntry(), []string{"cn"}, false, "cn,objectClass", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := sampleRules(t, merge).Search(&ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: filterOf(t, tc.filter), Attributes: tc.attrs, TypesOnly: tc.typesOnly})
			if got := strings.Join(p.Request.Attributes, ","); got != tc.wantUpstream {
				t.Errorf("asked upstream for %q, want %q", got, tc.wantUpstream)
			}
			out, kept, err := p.AppendEntry(nil, 5, upstreamSelection(t, tc.entry, p.Request.Attributes), nil)
			if err != nil || kept != (tc.want != "") {
				t.Fatalf("kept %v, error %v", kept, err)
			}
			if kept {
				if diff := cmp.Diff(tc.want, entryText(t, out)); diff != "" {
					t.Error(diff)
				}
			}
			if !slices.Equal(p.Hints, tc.hints) {
				t.Errorf("hints %v, want %v", p.Hints, tc.hints)
			}
		})
	}
}

func TestUnknownGroupIDsAreAskedFor(t *testing.T) {
	r := sampleRules(t, merge, func(c *Config) {
		c.Pairs = []PairConfig{{Legacy: "gameOfThrones", Posix: "got"}, {Legacy: "Everyone", Posix: "everyone_lx", GID: 7006}}
	})
	byID := &ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: filterOf(t, "(&(objectClass=groupOfNames)(gidNumber=7001))"), Attributes: []string{"cn"}}
	byName := &ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: filterOf(t, "(&(objectClass=groupOfNames)(cn=gameOfThrones))"), Attributes: []string{"cn", "gidNumber"}}
	for _, req := range []*ldap.SearchRequest{byID, byName} {
		if got := r.Search(req).UnknownGIDs; !slices.Equal(got, []string{"got"}) {
			t.Errorf("%s lacks the IDs of %v, want got", req.Filter.String(), got)
		}
	}
	membership := &ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: filterOf(t, "(&(objectClass=groupOfNames)(member=uid=x,"+testBase+"))"), Attributes: []string{"cn"}}
	if got := r.Search(membership).UnknownGIDs; got != nil {
		t.Errorf("a lookup without group IDs lacks those of %v", got)
	}
	req := r.GIDRequest([]string{"got"})
	if got, want := req.Filter.String(), "(&(objectClass=posixGroup)(cn=got))"; got != want {
		t.Errorf("asks %s, want %s", got, want)
	}
	name, gid, err := r.ReadGID(upstreamSelection(t, gotEntry(), req.Attributes))
	if name != "got" || gid != 7001 || err != nil {
		t.Fatalf("read %q %d %v", name, gid, err)
	}
	p := r.WithGIDs(map[string]int{name: gid}).Search(byID)
	if got, want := p.Request.Filter.String(), "(&(objectClass=groupOfNames)(|(gidNumber=7001)(&(cn=gameOfThrones)(!(gidNumber=*)))))"; got != want || p.UnknownGIDs != nil {
		t.Errorf("got %s, lacking %v; want %s", got, p.UnknownGIDs, want)
	}
}

func TestDiscoveredPairsComeBehindTheConfigured(t *testing.T) {
	r := sampleRules(t, func(c *Config) { c.Pairs = []PairConfig{{Legacy: "gameOfThrones", Posix: "got", GID: 7001}} })
	r = r.With(Discovered{
		Pairs:        []PairConfig{{Legacy: "GAMEOFTHRONES", Posix: "other", GID: 1}, {Legacy: "other", Posix: "GOT", GID: 2}, {Legacy: "Everyone", Posix: "everyone_lx", GID: 7006}},
		NoLinuxGroup: []string{"CarWash"},
		Ambiguous:    []string{"breakingBad", "bb"},
	})
	for name, want := range map[string]string{"gameOfThrones": "got", "Everyone": "everyone_lx", "other": ""} {
		got := ""
		if p := r.pairs.ofLegacy(name); p != nil {
			got = p.posix
		}
		if got != want {
			t.Errorf("%s is paired with %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"CarWash": HintNoLinuxGroup, "breakingbad": HintAmbiguousPair, "bb": HintAmbiguousPair, "got": HintPosixNameAsLegacy} {
		p := r.Search(&ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: filterOf(t, "(&(objectClass=groupOfNames)(cn="+name+"))")})
		p.Answered(0, ldap.Success)
		if !slices.Equal(p.Hints, []string{want}) {
			t.Errorf("%s: hints %v, want %s", name, p.Hints, want)
		}
	}
}

// The literals come from another implementation: Python's
// uuid.uuid5(uuid.NAMESPACE_X500, "cn=gameofthrones,ou=users,o=...").
func TestStableUUID(t *testing.T) {
	const want = "0152037f-921e-55c1-a7f1-c422b3e9969d"
	for _, dn := range []string{
		"cn=gameOfThrones," + testBase,
		" CN = gameofthrones , OU=USERS,o=5f0e1d2c3b4a59687766554a, DC=JumpCloud,dc=com",
		"2.5.4.3=GAMEOFTHRONES,ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com",
	} {
		if got := StableUUID(dn); got != want {
			t.Errorf("%s has %s, want %s", dn, got, want)
		}
	}
}

func TestStableUUIDOfAGroup(t *testing.T) {
	want := StableUUID("cn=gameOfThrones," + testBase)
	for _, mode := range []struct {
		mode     Mode
		entry    []byte
		upstream string // filter for a known UUID
	}{
		{ModePosix, gotEntry(), "(&(objectClass=posixGroup)(|(cn=got)(cn=gameOfThrones)))"},
		{ModeMerge, legacyEntry("gameOfThrones", "jon.snow"), "(&(objectClass=groupOfNames)(cn=gameOfThrones))"},
	} {
		r := sampleRules(t, func(c *Config) { c.Mode, c.StableUUID = mode.mode, true })
		req := &ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: filterOf(t, "(&(objectClass=groupOfNames)(entryUUID="+strings.ToUpper(want)+"))"), Attributes: []string{"entryUUID"}}
		p := r.Search(req)
		if got := p.Request.Filter.String(); got != mode.upstream {
			t.Errorf("mode %s asks %s, want %s", mode.mode, got, mode.upstream)
		}
		out, kept, err := p.AppendEntry(nil, 5, upstreamSelection(t, mode.entry, p.Request.Attributes), nil)
		if err != nil || !kept {
			t.Fatalf("mode %s: kept %v, error %v", mode.mode, kept, err)
		}
		if got := entryText(t, out); got != "dn: cn=gameOfThrones,"+testBase+"\nentryUUID: "+want+"\n" {
			t.Errorf("mode %s: %s", mode.mode, got)
		}
		other := *req
		other.Filter = filterOf(t, "(&(objectClass=groupOfNames)(entryUUID=00000000-0000-4000-8000-000000000000))")
		p = r.Search(&other)
		if _, kept, err := p.AppendEntry(nil, 5, upstreamSelection(t, mode.entry, p.Request.Attributes), nil); kept || err != nil {
			t.Errorf("mode %s: found under another UUID, error %v", mode.mode, err)
		}
	}
}

func TestMergingAnEntryAllocatesNothing(t *testing.T) {
	p := sampleRules(t, merge).Search(&ldap.SearchRequest{Base: testBase, Filter: filterOf(t, "(&(objectClass=groupOfNames)(member=jdoe))"), Attributes: []string{"gidNumber", "cn", "memberUid"}})
	body, dst := legacyEntry("gameOfThrones", "jon.snow", "arya.stark"), make([]byte, 0, 4096)
	allocs := testing.AllocsPerRun(200, func() {
		if _, kept, err := p.AppendEntry(dst[:0], 7, body, nil); err != nil || !kept {
			t.Fatal(kept, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkMergedGroup500(b *testing.B) {
	users := make([]string, 500)
	for i := range users {
		users[i] = "first.lastname"
	}
	body := legacyEntry("gameOfThrones", users...)
	p := sampleRules(b, merge).Search(&ldap.SearchRequest{Base: testBase, Filter: filterOf(b, "(&(objectClass=groupOfNames)(cn=gameOfThrones))"), Attributes: []string{"gidNumber", "cn", "member", "memberUid"}})
	dst := make([]byte, 0, 1<<18)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.AppendEntry(dst[:0], 7, body, nil); err != nil {
			b.Fatal(err)
		}
	}
}
