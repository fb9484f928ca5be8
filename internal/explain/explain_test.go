package explain_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/explain"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/ldif"
	"jamf-ldap-proxy/rewrite"
)

const base = "ou=Users,o=org,dc=jumpcloud,dc=com"

func rulesOf(t *testing.T, mode rewrite.Mode) *rewrite.Rules {
	t.Helper()
	cfg := rewrite.DefaultConfig()
	cfg.Mode, cfg.Base = mode, base
	cfg.Pairs = []rewrite.PairConfig{{Legacy: "gameOfThrones", Posix: "got", GID: 7001}}
	r, err := rewrite.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func samples(t *testing.T, text string) []ldif.Entry {
	t.Helper()
	entries, err := ldif.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func search(t *testing.T, filter string, attrs ...string) *ldap.SearchRequest {
	t.Helper()
	f, err := explain.ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	return &ldap.SearchRequest{Base: base, Scope: ldap.ScopeSubtree, Filter: f, Attributes: attrs}
}

const gotLDIF = "dn: cn=got," + base + `
objectClass: top
objectClass: posixGroup
cn: got
gidNumber: 7001
memberUid: jon.snow
description:: IExlYWRpbmcgc3BhY2U=
`

func TestSearch(t *testing.T) {
	x, err := explain.Search(rulesOf(t, rewrite.ModePosix),
		search(t, "(&(objectClass=groupOfNames)(member=jon.snow))", "cn", "member", "description"), samples(t, gotLDIF))
	if err != nil {
		t.Fatal(err)
	}
	want := &explain.Explanation{
		Mode: "posix", Bridged: true, Changed: true,
		Request: explain.Request{Op: "search", Base: base, Scope: "sub", Filter: "(&(objectClass=groupOfNames)(member=jon.snow))", Attributes: []string{"cn", "member", "description"}},
		Rules: []explain.Rule{
			{Name: "class", Why: rewrite.RuleText["class"], Steps: []explain.Rewrite{{Before: "(objectClass=groupOfNames)", After: "(objectClass=posixGroup)"}}},
			{Name: "member-name", Why: rewrite.RuleText["member-name"], Steps: []explain.Rewrite{{Before: "(member=jon.snow)", After: "(memberUid=jon.snow)"}}},
			{Name: "attributes", Why: rewrite.RuleText["attributes"]},
		},
		Upstream: explain.Request{Op: "search", Base: base, Scope: "sub", Filter: "(&(objectClass=posixGroup)(memberUid=jon.snow))", Attributes: []string{"cn", "memberUid", "description"}},
		Entries: []explain.Entry{{
			Before: "dn: cn=got," + base + "\ncn: got\nmemberUid: jon.snow\ndescription:: IExlYWRpbmcgc3BhY2U=\n",
			After:  "dn: cn=gameOfThrones," + base + "\ncn: gameOfThrones\nmember: uid=jon.snow," + base + "\ndescription:: IExlYWRpbmcgc3BhY2U=\n",
			Kept:   true,
		}},
		Hints: []explain.Hint{{ID: "username-where-dn", Text: rewrite.HintText["username-where-dn"]}},
	}
	if diff := cmp.Diff(want, x); diff != "" {
		t.Error(diff)
	}
}

// What explain says is asked is what a session asks.
func TestItIsThePlanThatServeRuns(t *testing.T) {
	for _, mode := range []rewrite.Mode{rewrite.ModeOff, rewrite.ModePosix, rewrite.ModeMerge} {
		r := rulesOf(t, mode)
		for _, filter := range []string{
			"(&(objectClass=groupOfNames)(cn=*o*))", "(&(objectClass=groupOfNames)(gidNumber=7001))", "(uid=jon.snow)", "(cn=**)",
			"(memberUid=uid=jon.snow," + base + ")", "(&(objectClass=groupOfNames)(memberUid=jon.snow))",
		} {
			req := search(t, filter, "cn", "gidNumber")
			x, err := explain.Search(r, req, nil)
			if err != nil {
				t.Fatal(err)
			}
			plan := r.Search(req)
			var rules []string
			for _, rule := range x.Rules {
				rules = append(rules, rule.Name)
				if rule.Why == "" {
					t.Errorf("mode %s, %s: rule %s has no reason", mode, filter, rule.Name)
				}
			}
			if x.Upstream.Filter != plan.Request.Filter.String() || !cmp.Equal(rules, plan.Rules) || x.Bridged != plan.Bridged {
				t.Errorf("mode %s, %s: explained as %+v, planned as %s by %v", mode, filter, x.Upstream, plan.Request.Filter.String(), plan.Rules)
			}
		}
	}
}

func TestWidened(t *testing.T) {
	x, err := explain.Search(rulesOf(t, rewrite.ModeMerge), search(t, "(&(objectClass=groupOfNames)(memberUid=jon*))", "cn"), samples(t,
		"dn: cn=Wall,"+base+"\nobjectClass: groupOfNames\ncn: Wall\nmember: uid=sam,"+base+"\n\n"+
			"dn: cn=gameOfThrones,"+base+"\nobjectClass: groupOfNames\ncn: gameOfThrones\nmember: uid=jon.snow,"+base+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if x.Reevaluated != "(&(objectClass=groupOfNames)(memberUid=jon*))" || !cmp.Equal(x.Widened, []explain.Rewrite{{Before: "(memberUid=jon*)", After: "(member=*)"}}) {
		t.Errorf("widened %v, evaluated again %q", x.Widened, x.Reevaluated)
	}
	if x.Entries[0].Kept || !x.Entries[1].Kept {
		t.Errorf("kept %v and %v, want only the group with a member like jon*", x.Entries[0].Kept, x.Entries[1].Kept)
	}
	var out strings.Builder
	if err := x.Text(&out, explain.Paint{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Entry 1: not in the answer", "(memberUid=jon*)\n  approximated by (member=*)", "Answered from the groups of mode merge"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestCompare(t *testing.T) {
	r := rulesOf(t, rewrite.ModePosix)
	for _, c := range []struct {
		attr, value string
		upstream    explain.Request
	}{
		{"member", "jon.snow", explain.Request{Op: "search", Base: "cn=got," + base, Scope: "base", Filter: "(memberUid=jon.snow)", Attributes: []string{"1.1"}}},
		{"gidNumber", "7001", explain.Request{Op: "compare", Base: "cn=got," + base, Filter: "(gidNumber=7001)"}},
	} {
		x, err := explain.Compare(r, &ldap.CompareRequest{DN: "cn=gameOfThrones," + base, Attr: c.attr, Value: c.value}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.upstream, x.Upstream); diff != "" || !x.Bridged {
			t.Errorf("%s: bridged %v\n%s", c.attr, x.Bridged, diff)
		}
	}
}

func TestParseLine(t *testing.T) {
	req, _, err := explain.ParseLine(`{"level":"info","msg":"lookup","op":"search","base":"` + base + `","scope":"sub","filter":"(&(objectClass=groupOfNames)(cn=**))","attrs":["cn"],"size_limit":7}`)
	if err != nil {
		t.Fatal(err)
	}
	if req.Base != base || req.Scope != ldap.ScopeSubtree || req.Filter.String() != "(&(objectClass=groupOfNames)(cn=**))" || req.SizeLimit != 7 {
		t.Errorf("read %+v", req)
	}
	_, compare, err := explain.ParseLine(`{"op":"compare","base":"cn=got,` + base + `","name":"memberUid","filter":"(memberUid=a\\28b)"}`)
	if err != nil || *compare != (ldap.CompareRequest{DN: "cn=got," + base, Attr: "memberUid", Value: "a(b"}) {
		t.Errorf("read %+v, %v", compare, err)
	}
	if _, _, err := explain.ParseLine(`{"op":"bind"}`); !errors.Is(err, explain.ErrNoLookup) {
		t.Errorf("a bind gives %v", err)
	}
	for line, want := range map[string]string{
		"09:15:02 search group":                           "it is no JSON",
		`{"op":"search","scope":"sub","filter":"(cn=x…"}`: "was cut",
		`{"op":"search","scope":"up","filter":"(cn=x)"}`:  "none of base, one, sub",
		`{"op":"search","scope":"sub","filter":"(cn=x"}`:  "reading the filter",
	} {
		if _, _, err := explain.ParseLine(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

// The field names of the JSON form are an interface.
func TestJSON(t *testing.T) {
	x, err := explain.Search(rulesOf(t, rewrite.ModePosix), search(t, "(&(objectClass=groupOfNames)(cn=gameOfThrones))"), samples(t, gotLDIF))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"mode":"posix"`, `"bridged":true`, `"rules":[{"rule":"class","why":`, `"upstream":{"op":"search"`, `"entries":[{"before":`, `"kept":true`, `"hints":[]`} {
		if !strings.Contains(string(text), key) {
			t.Errorf("no %s in %s", key, text)
		}
	}
}
