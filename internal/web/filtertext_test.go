package web_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/web"
)

func TestFilterLines(t *testing.T) {
	for filter, want := range map[string][]string{
		"":                nil,
		"(cn=got)":        {"(cn=got)"},
		"(&)":             {"(&)"},
		"(!(cn=a))":       {"(!", "  (cn=a))"},
		"(&(a=1)(b=2))":   {"(&", "  (a=1)", "  (b=2))"},
		"(&(a=1)(|)(b=))": {"(&", "  (a=1)", "  (|)", "  (b=))"},
		"(&(objectClass=posixGroup)(|(cn=got)(cn=gameOfThrones))(memberUid=jon.snow))": {
			"(&", "  (objectClass=posixGroup)", "  (|", "    (cn=got)", "    (cn=gameOfThrones))", "  (memberUid=jon.snow))",
		},
		"(&(!(a=1))(!(&(b=2)(c=3))))":   {"(&", "  (!", "    (a=1))", "  (!", "    (&", "      (b=2)", "      (c=3))))"},
		`(cn=Night's Watch \28Wall\29)`: {`(cn=Night's Watch \28Wall\29)`},
		"(&(a=1)(b=cut…":                {"(&", "  (a=1)", "  (b=cut…"},
		"uid=jon":                       {"uid=jon"},
		"no filter":                     {"no filter"},
		")":                             {")"},
		"))(a=1)":                       {"))", "(a=1)"},
		"(":                             {"("},
		"(&":                            {"(&"},
		"h:0123456789ab":                {"h:0123456789ab"},
	} {
		if diff := cmp.Diff(want, web.FilterLines(filter)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filter, diff)
		}
	}
}

// filters draws what the proxy writes.
func filters() *rapid.Generator[string] {
	value := rapid.StringMatching(`([a-z *]|\\28|\\29|ä|…){0,8}`)
	item := rapid.Custom(func(t *rapid.T) string {
		return "(" + rapid.SampledFrom([]string{"cn", "member", "objectClass", "cn>", "memberOf:1.2.3:"}).Draw(t, "name") + "=" + value.Draw(t, "value") + ")"
	})
	var filter func(depth int) *rapid.Generator[string]
	filter = func(depth int) *rapid.Generator[string] {
		if depth == 0 {
			return item
		}
		return rapid.OneOf(item, rapid.Custom(func(t *rapid.T) string {
			return "(" + rapid.SampledFrom([]string{"&", "|", "!"}).Draw(t, "operator") +
				strings.Join(rapid.SliceOfN(filter(depth-1), 0, 4).Draw(t, "operands"), "") + ")"
		}))
	}
	return filter(4)
}

func TestFilterLinesJoinedAreTheFilter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		filter := rapid.OneOf(filters(), rapid.StringMatching(`[()&|!a=]{0,30}`)).Draw(t, "filter")
		var joined strings.Builder
		for _, line := range web.FilterLines(filter) {
			joined.WriteString(strings.TrimLeft(line, " "))
		}
		if joined.String() != filter {
			t.Fatalf("%q became %q", filter, joined.String())
		}
	})
}

// FuzzFilterLines holds for any text: nothing is lost but indentation, and there are
// not many lines.
func FuzzFilterLines(f *testing.F) {
	for _, seed := range []string{"", "(&(a=1)(|(b=2)(!(c=3))))", ")))", "(&(&(&(&", "(cn=a b)(", strings.Repeat("(&", 300) + strings.Repeat(")", 300)} {
		f.Add(seed)
	}
	without := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	f.Fuzz(func(t *testing.T, filter string) {
		lines := web.FilterLines(filter)
		if got := without(strings.Join(lines, "")); got != without(filter) {
			t.Errorf("%q became %q", filter, got)
		}
		if len(lines) > web.MaxDiff+1 {
			t.Errorf("%d lines", len(lines))
		}
		for _, line := range lines {
			if utf8.ValidString(filter) && !utf8.ValidString(line) {
				t.Errorf("%q splits a rune: %q", filter, line)
			}
		}
		for _, l := range web.Diff(lines, lines) {
			if l.Sign != "" || l.Old != l.New {
				t.Errorf("%q differs from itself: %+v", filter, l)
			}
		}
	})
}

// A client can make a filter that is all parentheses. Work that grows with the
// square of it would take minutes.
func TestFilterLinesOfAHugeFilter(t *testing.T) {
	for _, filter := range []string{strings.Repeat(")", 2<<20), strings.Repeat("(&", 1<<20), strings.Repeat("(&)", 1<<20), strings.Repeat("(a=1)", 1<<20)} {
		begin := time.Now()
		if n := len(web.FilterLines(filter)); n > web.MaxDiff+1 {
			t.Errorf("%d lines", n)
		}
		if took := time.Since(begin); took > patience {
			t.Errorf("%s…: %v", filter[:3], took)
		}
	}
}
