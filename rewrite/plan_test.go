package rewrite

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/ldap"
)

// TestTranslatedFilters shows, filter by filter, what an administrator's
// request becomes upstream in posix mode. An empty want means untouched.
func TestTranslatedFilters(t *testing.T) {
	const b = testBase
	for _, tc := range []struct{ name, in, want string }{
		{"group by name", "(&(objectClass=groupOfNames)(cn=gameOfThrones))", "(&(objectClass=posixGroup)(|(cn=got)(cn=gameOfThrones)))"},
		{"all groups of a user", "(&(objectClass=groupOfNames)(member=uid=heisenberg," + b + "))", "(&(objectClass=posixGroup)(memberUid=heisenberg))"},
		{"class by OID in odd case", "(&(OBJECTCLASS=2.5.6.9)(MEMBER=uid=x," + b + "))", "(&(objectClass=posixGroup)(memberUid=x))"},
		{"member by OID", "(2.5.4.31=uid=x," + b + ")", "(memberUid=x)"},
		{"DN with spaces and mixed case", "(member=UID=x, OU=users, O=5F0E1D2C3B4A59687766554A, dc=JumpCloud, dc=com)", "(memberUid=x)"},
		{"upper-case uid tries lower case too", "(member=uid=JSnow," + b + ")", "(|(memberUid=JSnow)(memberUid=jsnow))"},
		{"escaped uid", `(member=uid=a\5c,b\5c2bc,` + b + ")", "(memberUid=a,b+c)"},
		{"user name where a DN belongs", "(member=jon.snow)", "(memberUid=jon.snow)"},
		{"member of another tree", "(&(objectClass=groupOfNames)(member=cn=Sub," + b + "))", "(&(objectClass=posixGroup)(|))"},
		{"any member", "(&(objectClass=groupOfNames)(member=*))", "(&(objectClass=posixGroup)(memberUid=*))"},
		{"part of a member", "(member=uid=*heis*)", "(memberUid=*heis*)"},
		{"no member", "(&(objectClass=groupOfNames)(!(member=uid=x," + b + ")))", "(&(objectClass=posixGroup)(!(memberUid=x)))"},
		{"wildcard on the name", "(&(objectClass=groupOfNames)(cn=*game*))", "(&(objectClass=posixGroup)(|(cn=*game*)(cn=got)))"},
		{"wildcard that only the Linux name matches", "(&(objectClass=groupOfNames)(cn=*_lx*))", "(&(objectClass=posixGroup)(cn=*_lx*))"},
		{"Linux name is not a group's name", "(&(objectClass=groupOfNames)(cn=got))", "(&(objectClass=posixGroup)(|))"},
		{"name with parentheses", `(&(objectClass=groupOfNames)(cn=Night's Watch \28Wall\29))`, `(&(objectClass=posixGroup)(|(cn=nightswatch)(cn=Night's Watch \28Wall\29)))`},
		{"by ou", "(&(objectClass=groupOfNames)(ou=CarWash))", "(&(objectClass=posixGroup)(cn=CarWash))"},
		{"by group ID", "(&(objectClass=groupOfNames)(gidNumber=7001))", "(&(objectClass=posixGroup)(gidNumber=7001))"},
		{"posix class beside the legacy one", "(|(objectClass=groupOfNames)(objectClass=posixGroup))", "(|(objectClass=posixGroup)(|))"},
		{"users and groups mixed", "(|(objectClass=groupOfNames)(cn=gameOfThrones))", "(|(objectClass=posixGroup)(|(cn=gameOfThrones)(&(objectClass=posixGroup)(cn=got))))"},
		{"extensible member", "(member:distinguishedNameMatch:=uid=x," + b + ")", "(memberUid=x)"},
		{"memberUid with a DN in the old vocabulary", "(&(objectClass=groupOfNames)(memberUid=uid=x," + b + "))", "(&(objectClass=posixGroup)(memberUid=x))"},
		{"posix vocabulary passes", "(&(objectClass=posixGroup)(memberUid=jon.snow))", ""},
		{"posix vocabulary with a DN is repaired", "(&(objectClass=posixGroup)(memberUid=uid=jon.snow," + b + "))", "(&(objectClass=posixGroup)(memberUid=jon.snow))"},
		{"users pass", "(&(objectClass=inetOrgPerson)(uid=jdoe))", ""},
		{"memberOf passes", "(memberOf=cn=gameOfThrones," + b + ")", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := sampleRules(t)
			f := filterOf(t, tc.in)
			p := r.Search(&ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: f})
			want := tc.want
			if want == "" {
				want = f.String()
			}
			if got := p.Request.Filter.String(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if p.Changed != (tc.want != "") {
				t.Errorf("Changed is %v", p.Changed)
			}
		})
	}
}

func TestEmptySubstringsMeanPresence(t *testing.T) {
	f := ldap.And(ldap.Equal("objectClass", "inetOrgPerson"), ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "cn"})
	p := sampleRules(t).Search(&ldap.SearchRequest{Base: testBase, Filter: f})
	if got, want := p.Request.Filter.String(), "(&(objectClass=inetOrgPerson)(cn=*))"; got != want || p.Bridged || !p.Changed {
		t.Errorf("got %s, bridged %v, changed %v; want %s", got, p.Bridged, p.Changed, want)
	}
	if diff := cmp.Diff([]string{HintEmptySearchText}, p.Hints); diff != "" {
		t.Error(diff)
	}
}

func TestModeOffTouchesNothing(t *testing.T) {
	r := sampleRules(t, func(c *Config) { c.Mode = ModeOff })
	f := filterOf(t, "(&(objectClass=groupOfNames)(member=jdoe))")
	if p := r.Search(&ldap.SearchRequest{Base: "cn=gameOfThrones," + testBase, Filter: f}); p.Bridged || p.Changed {
		t.Errorf("bridged %v, changed %v", p.Bridged, p.Changed)
	}
}

func gotEntry() []byte {
	return entryBody("cn=got,"+testBase,
		[]string{"objectClass", "top", "posixGroup"}, []string{"description", "tagGroup"},
		[]string{"gidNumber", "7001"}, []string{"cn", "got"}, []string{"memberUid", "jon.snow", "x,y"})
}

func TestEntryOfTheView(t *testing.T) {
	legacy := "(&(objectClass=groupOfNames)(cn=gameOfThrones))"
	for _, tc := range []struct {
		name, filter string
		attrs        []string
		typesOnly    bool
		wantUpstream string
		want         string
	}{
		{"all attributes", legacy, nil, false, "", `dn: cn=gameOfThrones,` + testBase + `
objectClass: top
objectClass: groupOfNames
description: tagGroup
gidNumber: 7001
cn: gameOfThrones
ou: gameOfThrones
member: uid=jon.snow,` + testBase + `
member: uid=x\,y,` + testBase + `
memberUid: jon.snow
memberUid: x,y
`},
		{"what Jamf maps", legacy, []string{"gidNumber", "cn", "member"}, false, "gidNumber,cn,memberUid", `dn: cn=gameOfThrones,` + testBase + `
gidNumber: 7001
cn: gameOfThrones
member: uid=jon.snow,` + testBase + `
member: uid=x\,y,` + testBase + `
`},
		{"none", legacy, []string{"1.1"}, false, "1.1", "dn: cn=gameOfThrones," + testBase + "\n"},
		{"only ou", legacy, []string{"ou"}, false, "cn", "dn: cn=gameOfThrones," + testBase + "\nou: gameOfThrones\n"},
		{"types only", legacy, []string{"member", "cn"}, true, "memberUid,cn", "dn: cn=gameOfThrones," + testBase + "\ncn\nmember\n"},
		{"class fetched to tell entries apart is not shown", "(|(objectClass=groupOfNames)(uid=x))", []string{"cn"}, false, "cn,objectClass",
			"dn: cn=gameOfThrones," + testBase + "\ncn: gameOfThrones\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := sampleRules(t).Search(&ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: filterOf(t, tc.filter), Attributes: tc.attrs, TypesOnly: tc.typesOnly})
			if got := strings.Join(p.Request.Attributes, ","); got != tc.wantUpstream {
				t.Errorf("asked upstream for %q, want %q", got, tc.wantUpstream)
			}
			upstream := upstreamSelection(t, gotEntry(), p.Request.Attributes)
			out, kept, err := p.AppendEntry(nil, 5, upstream, nil)
			if err != nil || !kept {
				t.Fatalf("kept %v, error %v", kept, err)
			}
			if diff := cmp.Diff(tc.want, entryText(t, out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// upstreamSelection returns only the attributes that were asked for, as a
// directory would.
func upstreamSelection(t *testing.T, body []byte, attrs []string) []byte {
	t.Helper()
	req := ldap.SearchRequest{Attributes: attrs}
	sel := req.Selection()
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]string
	for {
		a, ok, _ := e.NextAttribute()
		if !ok {
			return entryBody(string(e.DN), list...)
		}
		if !sel.All() && !sel.Named(string(a.Description)) {
			continue
		}
		one := []string{string(a.Description)}
		for {
			v, ok, _ := a.NextValue()
			if !ok {
				break
			}
			one = append(one, string(v))
		}
		list = append(list, one)
	}
}

func TestBaseByLegacyName(t *testing.T) {
	req := &ldap.SearchRequest{Base: "CN=gameofthrones , " + testBase, Scope: ldap.ScopeBase, Filter: filterOf(t, "(member=uid=x,"+testBase+")"), Attributes: []string{"1.1"}}
	p := sampleRules(t).Search(req)
	if want := "cn=got," + testBase; p.Request.Base != want || p.Request.Filter.String() != "(memberUid=x)" {
		t.Errorf("base %q filter %s", p.Request.Base, p.Request.Filter.String())
	}
	res := ldap.Result{Code: ldap.NoSuchObject, MatchedDN: "cn=got," + testBase, Diagnostic: "nothing at cn=got," + testBase}
	p.Result(&res)
	if res.MatchedDN != "cn=gameOfThrones,"+testBase || strings.Contains(res.Diagnostic, "cn=got") {
		t.Errorf("the posix name shows: %+v", res)
	}
}

func TestCompareForms(t *testing.T) {
	r := sampleRules(t)
	for _, tc := range []struct {
		name       string
		req        ldap.CompareRequest
		wantSearch string // filter
		wantDN     string
		bridged    bool
	}{
		{"membership by user name", ldap.CompareRequest{DN: "cn=gameOfThrones," + testBase, Attr: "memberUid", Value: "jon.snow"}, "(memberUid=jon.snow)", "cn=got," + testBase, true},
		{"membership by DN", ldap.CompareRequest{DN: "cn=gameOfThrones," + testBase, Attr: "member", Value: "uid=jon.snow," + testBase}, "(memberUid=jon.snow)", "cn=got," + testBase, true},
		{"group without Linux group", ldap.CompareRequest{DN: "cn=CarWash," + testBase, Attr: "member", Value: "uid=x," + testBase}, "(memberUid=x)", "cn=CarWash," + testBase, true},
		{"group ID", ldap.CompareRequest{DN: "cn=gameOfThrones," + testBase, Attr: "gidNumber", Value: "7001"}, "", "cn=got," + testBase, true},
		{"posix vocabulary", ldap.CompareRequest{DN: "cn=got," + testBase, Attr: "memberUid", Value: "jon.snow"}, "", "cn=got," + testBase, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := r.Compare(&tc.req)
			if c.Bridged != tc.bridged || c.Search == nil && c.Compare == nil {
				t.Fatalf("bridged %v, search %v, compare %v", c.Bridged, c.Search, c.Compare)
			}
			if c.Compare == nil {
				if got := c.Search.Request.Filter.String(); got != tc.wantSearch || c.Search.Request.Base != tc.wantDN {
					t.Errorf("search %s at %s", got, c.Search.Request.Base)
				}
			} else if tc.wantSearch != "" || c.Compare.DN != tc.wantDN {
				t.Errorf("compare at %s", c.Compare.DN)
			}
		})
	}
	c := r.Compare(&ldap.CompareRequest{DN: "cn=gameOfThrones," + testBase, Attr: "gidNumber", Value: "x"})
	for code, want := range map[ldap.ResultCode]ldap.ResultCode{16: 5, 17: 5, 32: 5, 21: 21, 5: 5, 6: 6, 52: 52} {
		res := ldap.Result{Code: code}
		if c.Result(&res, false); res.Code != want {
			t.Errorf("upstream %v became %v, want %v", code, res.Code, want)
		}
	}
}

func TestTranslatingAnEntryAllocatesNothing(t *testing.T) {
	p := sampleRules(t).Search(&ldap.SearchRequest{Base: testBase, Filter: filterOf(t, "(&(objectClass=groupOfNames)(member=jon.snow))"), Attributes: []string{"gidNumber", "cn", "member"}})
	body, dst := gotEntry(), make([]byte, 0, 4096)
	allocs := testing.AllocsPerRun(200, func() {
		if _, kept, err := p.AppendEntry(dst[:0], 7, body, nil); err != nil || !kept {
			t.Fatal(kept, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkPlanUser(b *testing.B) {
	r := sampleRules(b)
	req := &ldap.SearchRequest{Base: testBase, Filter: filterOf(b, "(&(objectClass=inetOrgPerson)(uid=jon.snow))"), Attributes: []string{"uid", "cn", "mail"}}
	b.ReportAllocs()
	for b.Loop() {
		r.Search(req)
	}
}

func BenchmarkPlanMembership(b *testing.B) {
	r := sampleRules(b)
	req := &ldap.SearchRequest{Base: testBase, Filter: filterOf(b, "(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=uid=jon.snow,"+testBase+"))"), Attributes: []string{"gidNumber", "cn"}}
	b.ReportAllocs()
	for b.Loop() {
		r.Search(req)
	}
}

func BenchmarkPlanGroup(b *testing.B) {
	r := sampleRules(b)
	req := &ldap.SearchRequest{Base: testBase, Filter: filterOf(b, "(&(objectClass=groupOfNames)(cn=gameOfThrones))"), Attributes: []string{"gidNumber", "cn"}}
	b.ReportAllocs()
	for b.Loop() {
		r.Search(req)
	}
}

// BenchmarkEntryMembership undoes what a membership question finds: a name
// and a number.
func BenchmarkEntryMembership(b *testing.B) {
	body := entryBody("cn=got,"+testBase, []string{"gidNumber", "7001"}, []string{"cn", "got"})
	p := sampleRules(b).Search(&ldap.SearchRequest{Base: testBase, Filter: filterOf(b, "(&(objectClass=groupOfNames)(member=uid=jon.snow,"+testBase+"))"), Attributes: []string{"gidNumber", "cn"}})
	dst := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.AppendEntry(dst[:0], 7, body, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEntryGroup500(b *testing.B)   { benchmarkEntryGroup(b, 500) }
func BenchmarkEntryGroup20000(b *testing.B) { benchmarkEntryGroup(b, 20_000) }

// benchmarkEntryGroup undoes a posixGroup entry: names, and a DN per member.
func benchmarkEntryGroup(b *testing.B, size int) {
	members := []string{"memberUid"}
	for range size {
		members = append(members, "first.lastname")
	}
	body := entryBody("cn=got,"+testBase, []string{"objectClass", "top", "posixGroup"}, []string{"gidNumber", "7001"}, []string{"cn", "got"}, members)
	p := sampleRules(b).Search(&ldap.SearchRequest{Base: testBase, Filter: filterOf(b, "(&(objectClass=groupOfNames)(cn=gameOfThrones))"), Attributes: []string{"gidNumber", "cn", "member"}})
	dst := make([]byte, 0, 1<<22)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.AppendEntry(dst[:0], 7, body, nil); err != nil {
			b.Fatal(err)
		}
	}
}
