package web_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/web"
)

func TestDiff(t *testing.T) {
	lines := func(s string) []string { return strings.Fields(s) }
	for _, tt := range []struct {
		name, before, after string
		want                []web.DiffLine
	}{
		{"nothing", "", "", nil},
		{"the same", "a b", "a b", []web.DiffLine{{Old: "a", New: "a"}, {Old: "b", New: "b"}}},
		{"more", "a", "a b", []web.DiffLine{{Old: "a", New: "a"}, {New: "b", Sign: "+"}}},
		{"less", "a b", "b", []web.DiffLine{{Old: "a", Sign: "-"}, {Old: "b", New: "b"}}},
		{"other", "a b c", "a x c", []web.DiffLine{{Old: "a", New: "a"}, {Old: "b", Sign: "-"}, {New: "x", Sign: "+"}, {Old: "c", New: "c"}}},
		{"only its place", "(a=1))", "(a=1)", []web.DiffLine{{Old: "(a=1))", New: "(a=1)"}}},
	} {
		if diff := cmp.Diff(tt.want, web.Diff(lines(tt.before), lines(tt.after))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	got := web.Diff(web.FilterLines("(&(objectClass=groupOfNames)(cn=a))"), web.FilterLines("(&(objectClass=posixGroup)(|(cn=a)(cn=b)))"))
	want := []web.DiffLine{
		{Old: "(&", New: "(&"}, {Old: "  (objectClass=groupOfNames)", Sign: "-"}, {New: "  (objectClass=posixGroup)", Sign: "+"},
		{New: "  (|", Sign: "+"}, {Old: "  (cn=a))", New: "    (cn=a)"}, {New: "    (cn=b)))", Sign: "+"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a filter (-want +got):\n%s", diff)
	}
}

// TestDiffHoldsBothTexts is what makes it a comparison: each column is its text, and
// lines that bear no sign are the same but for their place. No comparison has fewer
// signs.
func TestDiffHoldsBothTexts(t *testing.T) {
	line := rapid.StringMatching(` {0,2}[ab]\){0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		before, after := rapid.SliceOfN(line, 0, 12).Draw(t, "before"), rapid.SliceOfN(line, 0, 12).Draw(t, "after")
		var old, fresh []string
		same := 0
		for _, l := range web.Diff(before, after) {
			switch l.Sign {
			case "-":
				old = append(old, l.Old)
			case "+":
				fresh = append(fresh, l.New)
			default:
				old, fresh, same = append(old, l.Old), append(fresh, l.New), same+1
				if web.Bare(l.Old) != web.Bare(l.New) {
					t.Fatalf("%q is said to be %q", l.Old, l.New)
				}
			}
		}
		if strings.Join(old, "\n") != strings.Join(before, "\n") || strings.Join(fresh, "\n") != strings.Join(after, "\n") {
			t.Fatalf("it holds %q and %q", old, fresh)
		}
		if want := longest(before, after); same != want {
			t.Fatalf("%d lines are the same, %d could be", same, want)
		}
	})
}

// longest is the length of the longest common subsequence, by trying.
func longest(a, b []string) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 0
	case web.Bare(a[0]) == web.Bare(b[0]):
		return 1 + longest(a[1:], b[1:])
	}
	return max(longest(a[1:], b), longest(a, b[1:]))
}

func TestDiffIsBounded(t *testing.T) {
	many := strings.Split(strings.Repeat("a\n", 50_000), "\n")
	if n := len(web.Diff(many, many[1:])); n > web.MaxDiff+2 {
		t.Errorf("%d lines", n)
	}
	if got := web.Diff(many, many); got[len(got)-1].Old != "…" {
		t.Errorf("the last line is %+v", got[len(got)-1])
	}
}
