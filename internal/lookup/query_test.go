package lookup_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/lookup"
)

// membership is a lookup that has something for every condition.
func membership() lookup.Record {
	r := search("membership", "(&(objectClass=groupOfNames)(cn=Night's Watch)(member=uid=Jon.Snow,"+users+"))")
	r.Time, r.Conn, r.ClientAddr, r.ClientKind = noon, 7, "10.0.0.5:40112", lookup.ClientJNDI
	r.Attrs, r.Rules, r.Hints = []string{"cn", "gidNumber"}, []string{"class", "member-dn"}, []string{"uppercase-uid", "unknown-group: no such group"}
	r.Upstream = lookup.UpstreamPart{Base: users, Filter: "(&(objectClass=posixGroup)(cn=nw)(memberUid=jon.snow))"}
	r.ResultName, r.Diagnostic, r.Total, r.Cache = "success", "as asked", 250*time.Millisecond, lookup.CacheMiss
	return r
}

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.FixedZone("CET", 3600))

func TestMatch(t *testing.T) {
	r := membership()
	shape := r.Shape()
	for _, tt := range []struct {
		yes, no []lookup.Query
	}{
		{yes: []lookup.Query{{}, {Text: " "}}},
		{
			yes: []lookup.Query{{User: "jon.snow"}, {User: "JON.*"}, {User: "*snow"}, {User: "*"}},
			no:  []lookup.Query{{User: "jon"}, {User: "snow*"}, {User: "Night's Watch"}},
		},
		{
			yes: []lookup.Query{{Group: "night's watch"}, {Group: "*watch*"}},
			no:  []lookup.Query{{Group: "watch"}, {Group: "jon.snow"}, {Group: "nw"}},
		},
		{yes: []lookup.Query{{Kind: "membership"}}, no: []lookup.Query{{Kind: "group"}}},
		{yes: []lookup.Query{{Op: "search"}, {Op: "question"}, {Op: "any"}}, no: []lookup.Query{{Op: "compare"}}},
		{
			yes: []lookup.Query{{Result: "empty"}, {Result: "Empty"}, {Result: "0"}, {Result: "success"}, {Result: "SUCCESS"}},
			no:  []lookup.Query{{Result: "ok"}, {Result: "failed"}, {Result: "none"}, {Result: "-1"}, {Result: "32"}, {Result: "noSuchObject"}},
		},
		{
			yes: []lookup.Query{{Hint: "any"}, {Hint: "unknown-group"}, {Hint: "Uppercase-UID"}},
			no:  []lookup.Query{{Hint: "unknown"}, {Hint: "no such group"}},
		},
		{yes: []lookup.Query{{Rule: "class"}, {Rule: "Member-DN"}}, no: []lookup.Query{{Rule: "member"}, {Rule: "any"}}},
		{
			yes: []lookup.Query{{Client: "10.0.0.5"}, {Client: "10.0.0.5:40112"}},
			no:  []lookup.Query{{Client: "10.0.0"}, {Client: "10.0.0.5:4"}, {Client: "10.0.0.50"}, {Client: "0.0.0.5"}},
		},
		{yes: []lookup.Query{{Conn: 7}}, no: []lookup.Query{{Conn: 70}}},
		{yes: []lookup.Query{{Slow: time.Millisecond}, {Slow: 250 * time.Millisecond}}, no: []lookup.Query{{Slow: 251 * time.Millisecond}}},
		{
			yes: []lookup.Query{{Since: noon}, {Until: noon}, {Since: noon.Add(-time.Hour), Until: noon.UTC().Add(time.Hour)}},
			no:  []lookup.Query{{Since: noon.Add(1)}, {Until: noon.Add(-1)}},
		},
		{yes: []lookup.Query{{Shape: shape}}, no: []lookup.Query{{Shape: "(cn=?)"}, {Shape: shape + " "}}},
		{
			yes: []lookup.Query{
				{Text: "watch"}, {Text: "WATCH jon"}, {Text: "uid=jamf,"}, {Text: "posixgroup"}, {Text: "jnd"}, {Text: "success"}, {Text: "as asked"},
				{Text: "gidnumber"}, {Text: "member-d"}, {Text: "no such"}, {Text: "10.0.0"}, {Text: "miss"}, {Text: "membership search"},
			},
			no: []lookup.Query{{Text: "wildling"}, {Text: "jon wildling"}, {Text: "2026"}},
		},
		{
			yes: []lookup.Query{{User: "jon*", Kind: "membership", Hint: "any", Text: "watch"}},
			no:  []lookup.Query{{User: "jon*", Kind: "membership", Hint: "any", Text: "watch", Conn: 8}, {User: "arya", Kind: "membership"}},
		},
	} {
		for _, q := range tt.yes {
			if !q.Match(&r) {
				t.Errorf("%q does not select the lookup", q)
			}
		}
		for _, q := range tt.no {
			if q.Match(&r) {
				t.Errorf("%q selects the lookup", q)
			}
		}
	}
}

func TestMatchOfOtherLookups(t *testing.T) {
	unbind := lookup.Record{Op: lookup.OpUnbind, Result: lookup.NoResult, ClientAddr: "[2001:db8::5]:389"}
	for text, want := range map[string]bool{
		"result:none": true, "result:-1": true, "result:0": false, "result:ok": false, "hint:any": false,
		"client:2001:db8::5": true, "client:[2001:db8::5]": true, "client:[2001:db8::5]:389": true, "client:2001": false, "client:2001:db8:": false,
		"user:*": true, "user:?": false, "op:unbind": true, "op:any": true, "op:question": false,
	} {
		q, err := lookup.ParseQuery(text, noon)
		if err != nil || q.Match(&unbind) != want {
			t.Errorf("%s selects the unbind: %t, error %v", text, !want, err)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "", false},
		{"*", "", true}, {"*", "abc", true}, {"**", "", true},
		{"Jon.Snow", "jon.snow", true}, {"jon", "jon.snow", false}, {"snow", "jon.snow", false},
		{"jon*", "jon.snow", true}, {"jon*", "jo", false}, {"*snow", "jon.snow", true}, {"*snow", "snow.jon", false},
		{"*n.s*", "jon.snow", true}, {"j*s*w", "jon.snow", true}, {"j*w*s", "jon.snow", false},
		{"ab*ba", "aba", false}, {"ab*ba", "abba", true}, {"a*a*a", "aa", false}, {"a*b*b", "axb", false},
		{"*ab", "aab", true}, {"*aab", "aaab", true}, {"a*ab*b", "aabab", true},
		{"*jon*", "*jon*", true}, {"jon?", "jony", false}, {"[a]", "a", false}, {"ÖDÖN*", "ödön könig", true},
	} {
		if got := lookup.Glob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("Glob(%q, %q) = %t", tt.pattern, tt.s, got)
		}
	}
}

func TestGlobAgreesWithARegularExpression(t *testing.T) {
	letters := rapid.StringOfN(rapid.RuneFrom([]rune("aAbB.ö")), 0, 8, -1)
	pattern := rapid.StringOfN(rapid.RuneFrom([]rune("aAb.ö***")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		p, s := pattern.Draw(t, "pattern"), letters.Draw(t, "text")
		re := regexp.MustCompile("(?is)^" + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*") + "$")
		if got, want := lookup.Glob(p, s), re.MatchString(s); got != want {
			t.Fatalf("Glob(%q, %q) = %t, but %s matches: %t", p, s, got, re, want)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	r := membership()
	for name, text := range map[string]string{"fixed": "kind:group", "user": "user:arya*", "text": "arya"} {
		q, err := lookup.ParseQuery(text, noon)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q.Match(&r)
			}
		})
	}
}
