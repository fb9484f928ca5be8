package rewrite

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/ldap"
)

// constantsOf returns the values of the constants of a file that begin with
// prefix.
func constantsOf(t *testing.T, file, prefix string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, prefix) {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				v, _ := strconv.Unquote(lit.Value)
				values = append(values, v)
			}
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("no constant %s... in %s", prefix, file)
	}
	return values
}

// Whatever the record names is explained: a sentence for each rule and hint.
func TestEveryRuleAndHintHasAText(t *testing.T) {
	for _, c := range []struct {
		file, prefix string
		texts        map[string]string
	}{
		{"rule.go", "Rule", RuleText},
		{"hint.go", "Hint", HintText},
	} {
		names := constantsOf(t, c.file, c.prefix)
		for _, name := range names {
			if text := c.texts[name]; !strings.HasSuffix(text, ".") || len(text) < 40 {
				t.Errorf("%s: %q is no sentence", name, text)
			}
		}
		for name := range c.texts {
			if !slices.Contains(names, name) {
				t.Errorf("%s has a text and no constant", name)
			}
		}
	}
}

// Each hint that a request alone can have, by the request that has it. The
// others need an answer: see TestMergedView and the proxy's tests.
func TestHintsOfARequest(t *testing.T) {
	const b = testBase
	known := Discovered{NoLinuxGroup: []string{"CarWash"}, Ambiguous: []string{"Rangers"}}
	for _, tc := range []struct {
		name, base, in string
		want           string // "" for none
	}{
		{"user name for a DN", b, "(member=jdoe)", HintUsernameWhereDN},
		{"DN for a user name", b, "(memberUid=uid=jdoe," + b + ")", HintDNWhereUsername},
		{"suffix in a DN", b, "(member=uid=jdoe@example.com," + b + ")", HintSuffixStripped},
		{"suffix", b, "(memberUid=jdoe@EXAMPLE.com)", HintSuffixStripped},
		{"part of a member", b, "(member=*jdoe*)", HintMemberSubstring},
		{"capital letters", b, "(member=uid=JDoe," + b + ")", HintUppercaseUID},
		{"another tree", b, "(member=uid=jdoe,dc=elsewhere)", HintOutsideUsersBase},
		{"Linux name", b, "(&(objectClass=groupOfNames)(cn=got))", HintPosixNameAsLegacy},
		{"Linux name as base", "cn=got," + b, "(member=uid=jdoe," + b + ")", HintPosixNameAsLegacy},
		{"no Linux group", b, "(&(objectClass=groupOfNames)(cn=carwash))", HintNoLinuxGroup},
		{"ambiguous", b, "(&(objectClass=groupOfNames)(cn=Rangers))", HintAmbiguousPair},
		{"empty search box", b, "(&(objectClass=inetOrgPerson)(cn=**))", HintEmptySearchText},
		{"posix vocabulary", b, "(&(objectClass=posixGroup)(memberUid=jdoe))", HintPosixNative},
		{"DN cut at a slash", "cn=Dev", "(objectClass=*)", HintTruncatedGroupDN},
		{"user", b, "(&(objectClass=inetOrgPerson)(uid=jdoe))", ""},
		{"group", b, "(&(objectClass=groupOfNames)(cn=gameOfThrones))", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := sampleRules(t, func(c *Config) { c.StripSuffixes = []string{"@example.com"} }).With(known)
			req := &ldap.SearchRequest{Base: tc.base, Scope: ldap.ScopeSubtree, Filter: filterOfText(t, tc.in)}
			if tc.base != b {
				req.Scope = ldap.ScopeBase
			}
			var want []string
			if tc.want != "" {
				want = []string{tc.want}
			}
			if got := r.Search(req).Hints; !slices.Equal(got, want) {
				t.Errorf("hints %v, want %v", got, want)
			}
		})
	}
}

// filterOfText is filterOf for Jamf's empty search box too.
func filterOfText(t *testing.T, text string) ldap.Filter {
	if !strings.Contains(text, "=**)") {
		return filterOf(t, text)
	}
	return ldap.And(ldap.Equal("objectClass", "inetOrgPerson"), ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "cn"})
}

// Hints that an empty answer gives.
func TestHintsOfAnEmptyAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, filter string
		mode         Mode
		entries      int
		want         string
	}{
		{"unknown name", "(&(objectClass=groupOfNames)(cn=nonesuch))", ModePosix, 0, HintUnknownGroup},
		{"unknown name, mode merge", "(&(objectClass=groupOfNames)(cn=nonesuch))", ModeMerge, 0, HintUnknownGroup},
		{"found", "(&(objectClass=groupOfNames)(cn=nonesuch))", ModePosix, 1, ""},
		{"a known group without this member", "(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=uid=x," + testBase + "))", ModePosix, 0, ""},
		{"users may be meant", "(&(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))(cn=nonesuch))", ModePosix, 0, ""},
		{"no name", "(&(objectClass=groupOfNames)(member=uid=x," + testBase + "))", ModePosix, 0, ""},
		{"known not to have a Linux group", "(&(objectClass=groupOfNames)(cn=CarWash))", ModePosix, 0, HintNoLinuxGroup},
		{"mode merge shows it without one", "(&(objectClass=groupOfNames)(cn=CarWash)(member=uid=x," + testBase + "))", ModeMerge, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := sampleRules(t, func(c *Config) { c.Mode = tc.mode }).With(Discovered{NoLinuxGroup: []string{"CarWash"}})
			p := r.Search(&ldap.SearchRequest{Base: testBase, Scope: ldap.ScopeSubtree, Filter: filterOf(t, tc.filter)})
			p.Answered(tc.entries, ldap.Success)
			var want []string
			if tc.want != "" {
				want = []string{tc.want}
			}
			if !slices.Equal(p.Hints, want) {
				t.Errorf("hints %v, want %v", p.Hints, want)
			}
		})
	}
}
