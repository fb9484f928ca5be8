package rewrite_test

// The fast path held against the oracle.

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

func TestOracle(t *testing.T) {
	seen := coverage{}
	rapid.Check(t, func(t *rapid.T) { checkSearch(t, searchCases.Draw(t, "case"), seen) })
	t.Log(seen)
}

func TestOracleCompare(t *testing.T) {
	seen := coverage{}
	rapid.Check(t, func(t *rapid.T) { checkCompare(t, compareCases.Draw(t, "case"), seen) })
	t.Log(seen)
}

// TestOracleUUID: both have the same stable UUID for a DN, however it is spelled.
func TestOracleUUID(t *testing.T) {
	types := []string{"cn", "CN", "2.5.4.3", "commonName", "ou", "uid", "userid", "dc", "o", "2.5.4.10", "gidNumber", "Foo", "1.2.3"}
	avas := rapid.Custom(func(t *rapid.T) ldap.AVA {
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ #=,+"\\<>;a-bA-Bé\x00-\x20]{0,6}`)).Draw(t, "value")
		return ldap.AVA{Type: rapid.SampledFrom(types).Draw(t, "type"), Value: value}
	})
	rapid.Check(t, func(t *rapid.T) {
		var dn ldap.DN
		for range rapid.IntRange(1, 3).Draw(t, "RDNs") {
			dn = append(dn, rapid.SliceOfN(avas, 1, 3).Draw(t, "RDN"))
		}
		spelled := rapid.StringMatching(`(cn|OU|2\.5\.4\.3) ?= ?[ #=,+"\\a-bA-Bé]{0,8}`).Draw(t, "spelled")
		for _, text := range []string{dn.String(), spelled} {
			if strings.ContainsRune(normalDN(text), utf8.RuneError) {
				continue // no directory string: how it is folded is not defined
			}
			if got, want := rewrite.StableUUID(text), stableUUID(text); got != want {
				t.Fatalf("%q: fast path %s, oracle %s of %q", text, got, want, normalDN(text))
			}
		}
	})
}

// FuzzTranslate is TestOracle with the fuzzer in place of chance. It begins with what chance
// would give: a case takes some 4 KiB of choices, which it would not come to by itself.
func FuzzTranslate(f *testing.F) {
	for seed := range byte(32) {
		choices := make([]byte, 8<<10)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(choices)
		f.Add(choices)
	}
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { checkSearch(t, searchCases.Draw(t, "case"), coverage{}) }))
}

// checkSearch: the fast path gives the oracle's answer.
func checkSearch(t *rapid.T, c searchCase, all coverage) {
	r := compile(t, c.config)
	before := ldap.AppendSearchRequest(nil, &c.req)
	plan := r.Search(&c.req)
	if !bytes.Equal(before, ldap.AppendSearchRequest(nil, &c.req)) {
		t.Fatalf("Search changed the request")
	}
	if sent := ldap.AppendSearchRequest(nil, &plan.Request); !plan.Changed && !bytes.Equal(before, sent) {
		t.Fatalf("the plan's request differs and Changed is not set:\n%s", showSearch(&plan.Request))
	}
	seen := all.of(c.config.Mode)
	seen.add("searches", true)
	if c.config.Mode == rewrite.ModeOff {
		if plan.Bridged || plan.Changed || plan.Fallback != nil || plan.SizeLimit != 0 {
			t.Fatalf("mode off is not idle: %+v", plan)
		}
		return
	}
	o := oracle{c.config}
	want := o.search(c.dir, &c.req)
	if plan.Bridged != o.bridged(&c.req) {
		t.Fatalf("bridged %t, want %t", plan.Bridged, o.bridged(&c.req))
	}
	got, exchanges := run(t, plan, c.dir)
	if diff := cmp.Diff(canonical(t, want), canonical(t, got)); diff != "" {
		t.Fatalf("%s\n\nanswer (-oracle +fast path):\n%s", exchanges, diff)
	}
	checkOnce(t, plan.Rules, plan.Hints)

	seen.add("bridged", plan.Bridged)
	seen.add("bridged with entries", plan.Bridged && len(want.entries) > 0)
	seen.add("bridged, limit reached", plan.Bridged && want.result.Code == ldap.SizeLimitExceeded)
	seen.add("bridged, limit counted here", plan.SizeLimit > 0)
	seen.add("bridged with fallback", plan.Fallback != nil)
	seen.add("bridged, no such object", plan.Bridged && want.result.Code == ldap.NoSuchObject)
	seen.add("not bridged, changed", !plan.Bridged && plan.Changed)
	for _, rule := range plan.Rules {
		seen.add("rule "+rule, true)
	}
	seen.add("stable_uuid", c.config.StableUUID)
	if plan.Bridged {
		seen.addBridged(c, want)
	}
}

// addBridged counts what was asked of the attributes that a mode makes, and
// what of them the answer shows.
func (n tally) addBridged(c searchCase, want answer) {
	for _, attr := range []string{oracle{c.config}.legacyAttribute(), "memberUid", "gidNumber", "entryUUID"} {
		if asserts(&c.req.Filter, attr) {
			n.add("bridged, asserts "+attr, true)
			n.add("bridged, asserts "+attr+", with entries", len(want.entries) > 0)
		}
	}
	shows := func(attr string, made func(entry) bool) bool {
		return slices.ContainsFunc(want.entries, func(e entry) bool { return len(e.values(attr)) > 0 && made(e) })
	}
	n.add("bridged, shows a stable UUID", shows("entryUUID", func(e entry) bool { return e.values("entryUUID")[0] == stableUUID(e.dn) }))
	if c.config.Mode == rewrite.ModeMerge {
		lacking := func(attr string) func(entry) bool {
			return func(e entry) bool { return len(c.dir.find(e.name()).values(attr)) == 0 }
		}
		n.add("bridged, shows a gid of the pair table", shows("gidNumber", lacking("gidNumber")))
		n.add("bridged, shows the user names of members", shows("memberUid", lacking("memberUid")))
		n.add("bridged, a Linux group hidden", len(oracle{c.config}.view(c.dir)) < len(c.dir))
	}
}

// asserts tells whether a leaf of the filter is on an attribute.
func asserts(f *ldap.Filter, attr string) bool {
	return sameType(f.Attr, attr) || slices.ContainsFunc(f.Children, func(c ldap.Filter) bool { return asserts(&c, attr) })
}

// checkCompare: the fast path gives one of the oracle's codes.
func checkCompare(t *rapid.T, c compareCase, all coverage) {
	before := c.req
	plan := compile(t, c.config).Compare(&c.req)
	if c.req != before {
		t.Fatalf("Compare changed the request")
	}
	if plan.Compare == nil && plan.Search == nil {
		t.Fatalf("neither Compare nor Search is set")
	}
	if plan.Compare != nil && !plan.Changed && *plan.Compare != before {
		t.Fatalf("the plan's request differs and Changed is not set: %+v", *plan.Compare)
	}
	seen := all.of(c.config.Mode)
	seen.add("compares", true)
	if c.config.Mode == rewrite.ModeOff {
		if plan.Bridged || plan.Changed || plan.Compare == nil {
			t.Fatalf("mode off is not idle: %+v", plan)
		}
		return
	}
	o := oracle{c.config}
	if plan.Bridged != o.bridgedCompare(&c.req) {
		t.Fatalf("bridged %t, want %t", plan.Bridged, o.bridgedCompare(&c.req))
	}
	var res ldap.Result
	var exchanges string
	matched := false
	if plan.Compare != nil {
		res = c.dir.compare(plan.Compare)
		exchanges = fmt.Sprintf("upstream compare %+v: %v %q", *plan.Compare, res.Code, res.MatchedDN)
	}
	if plan.Search != nil && (plan.Compare == nil || res.Code == ldap.NoSuchObject) {
		found, asked := run(t, plan.Search, c.dir)
		exchanges += asked
		res, matched = found.result, len(found.entries) > 0
	}
	plan.Result(&res, matched)
	if want := o.compare(c.dir, &c.req); !slices.Contains(want, res.Code) {
		t.Fatalf("%s\n\nfast path %v, oracle %v", exchanges, res.Code, want)
	}
	checkOnce(t, plan.Rules, plan.Hints)

	seen.add("bridged", plan.Bridged)
	seen.add("bridged, true", plan.Bridged && res.Code == ldap.CompareTrue)
	for _, attr := range []string{o.legacyAttribute(), "memberUid", "gidNumber", "entryUUID"} {
		seen.add("bridged, of "+attr, plan.Bridged && sameType(c.req.Attr, attr))
		seen.add("bridged, of "+attr+", true", plan.Bridged && sameType(c.req.Attr, attr) && res.Code == ldap.CompareTrue)
	}
	seen.add("bridged, by search", plan.Bridged && plan.Search != nil)
	seen.add("not bridged, changed", !plan.Bridged && plan.Changed)
}

func compile(t rapid.TB, c rewrite.Config) *rewrite.Rules {
	r, err := rewrite.Compile(c)
	if err != nil {
		t.Fatalf("compiling a valid configuration: %v", err)
	}
	return r
}

// run does what a session does with a plan, and tells what it asked upstream.
func run(t *rapid.T, plan *rewrite.Plan, d directory) (got answer, exchanges string) {
	up := d.search(viaWire(t, &plan.Request))
	exchanges = "upstream " + showAnswer(&plan.Request, up)
	if plan.Fallback != nil && up.result.Code == ldap.NoSuchObject && len(up.entries) == 0 {
		up = d.search(viaWire(t, plan.Fallback))
		exchanges += "\nfallback " + showAnswer(plan.Fallback, up)
	}
	if !plan.Bridged {
		return up, exchanges
	}
	for _, e := range up.entries {
		out, kept := appendEntry(t, plan, e.encode())
		if !kept {
			continue
		}
		if plan.SizeLimit > 0 && len(got.entries) == int(plan.SizeLimit) {
			got.result.Code = ldap.SizeLimitExceeded
			return got, exchanges
		}
		got.entries = append(got.entries, out)
	}
	got.result = up.result
	plan.Result(&got.result)
	return got, exchanges
}

// appendEntry calls AppendEntry and holds it to its contract.
func appendEntry(t rapid.TB, plan *rewrite.Plan, body []byte) (entry, bool) {
	before, prefix := bytes.Clone(body), []byte("prefix")
	out, kept, err := plan.AppendEntry(bytes.Clone(prefix), 7, body, nil)
	switch {
	case err != nil:
		t.Fatalf("AppendEntry: %v", err)
	case !bytes.Equal(before, body):
		t.Fatalf("AppendEntry changed the upstream entry")
	case !bytes.HasPrefix(out, prefix), !kept && len(out) != len(prefix):
		t.Fatalf("AppendEntry changed dst: %q", out)
	case !kept:
		return entry{}, false
	}
	m, err := ldap.ParseMessage(out[len(prefix):])
	if err != nil || m.ID != 7 || m.Op != ldap.OpSearchResultEntry || m.Controls != nil {
		t.Fatalf("AppendEntry made another message: %+v, %v", m, err)
	}
	e, err := decodeEntry(m.Body)
	if err != nil {
		t.Fatalf("AppendEntry made a malformed entry: %v", err)
	}
	return e, true
}

// viaWire encodes and decodes a request as the proxy and upstream do.
func viaWire(t *rapid.T, req *ldap.SearchRequest) *ldap.SearchRequest {
	limits := ldap.Limits{Nesting: 64, FilterTerms: 4096, Attributes: 1000}
	out, err := ldap.DecodeSearchRequest(string(ldap.AppendSearchRequest(nil, req)), limits)
	if err != nil {
		t.Fatalf("upstream cannot decode %s: %v", showSearch(req), err)
	}
	return &out
}

// canonical writes an answer so that equal ones are equal text: entries sorted,
// names normalised, attribute types in lower case, values sorted.
func canonical(t rapid.TB, a answer) []string {
	var entries []string
	for _, e := range a.entries {
		var lines []string
		for _, at := range e.attrs {
			desc := strings.ToLower(at.desc)
			if slices.Contains(lines, desc+":") {
				t.Fatalf("attribute %s comes twice", desc)
			}
			lines = append(lines, desc+":")
			for _, v := range at.values {
				lines = append(lines, desc+": "+v)
			}
		}
		slices.Sort(lines)
		entries = append(entries, "dn: "+strings.Join(e.name(), ",")+"\n"+strings.Join(lines, "\n")+"\n")
	}
	slices.Sort(entries)
	matched, _ := parseName(a.result.MatchedDN)
	entries = append(entries, fmt.Sprintf("result %v, matched %q", a.result.Code, strings.Join(matched, ",")))
	return strings.Split(strings.Join(entries, "\n"), "\n")
}

func showAnswer(req *ldap.SearchRequest, a answer) string {
	return fmt.Sprintf("%s\n  gave %d entries, %v %q", showSearch(req), len(a.entries), a.result.Code, a.result.MatchedDN)
}

func checkOnce(t *rapid.T, lists ...[]string) {
	for _, list := range lists {
		for i, s := range list {
			if s == "" || slices.Contains(list[:i], s) {
				t.Fatalf("%q is not a list of distinct names", list)
			}
		}
	}
}

// coverage counts what the random cases covered, for each mode apart.
type coverage map[rewrite.Mode]tally

func (c coverage) of(mode rewrite.Mode) tally {
	if c[mode] == nil {
		c[mode] = tally{}
	}
	return c[mode]
}

func (c coverage) String() string {
	text := "covered:"
	for _, mode := range slices.Sorted(maps.Keys(c)) {
		text += fmt.Sprintf("\nmode %s\n%s", mode, c[mode])
	}
	return text
}

type tally map[string]int

func (n tally) add(what string, happened bool) {
	if happened {
		n[what]++
	}
}

func (n tally) String() string {
	total := max(n["searches"]+n["compares"], 1)
	var lines []string
	for what, count := range n {
		lines = append(lines, fmt.Sprintf("%7d  %5.1f %%  %s", count, 100*float64(count)/float64(total), what))
	}
	slices.Sort(lines)
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}
