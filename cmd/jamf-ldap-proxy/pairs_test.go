package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/rewrite"
)

const minimalUpstream = "upstream:\n  servers: [\"ldaps://ldap.jumpcloud.com:636\"]\n  base: ou=Users,o=1,dc=jumpcloud,dc=com\n"

// hostileNames mean something to YAML, terminals or comments.
var hostileNames = []string{
	"true", "null", "~", "on", "1.0", "0x1F", ".inf", "2001-01-01", "=", "<<", "- a", "? a", "a: b", "a #b", "#", "a{b", "a, b", "}", "[x]",
	"*a", "&b", "!c", "|", "> ", "@x", "%x", "`x`", "it's", `"q"`, `back\slash`, "  spaces  ", "日本", "é\u0301", "a\u2028b", "\ufeffx", "\u0085",
	"\x1b[31mred", "two\nlines", "\n- { legacy: x, posix: y }", "\x00", "\xff", "{{", "${HOME}", "a\tb", "password: hunter2",
}

func drawName(t *rapid.T) string {
	return rapid.OneOf(rapid.SampledFrom(hostileNames), rapid.String(), rapid.StringMatching(`[A-Za-z][a-z0-9_-]{0,8}`)).Draw(t, "name")
}

func drawResult(t *rapid.T) *discovery.Result {
	var r discovery.Result
	seenLegacy, seenPosix := map[string]bool{"": true}, map[string]bool{"": true}
	for range rapid.IntRange(0, 6).Draw(t, "pairs") {
		p := discovery.Pair{
			PairConfig: rewrite.PairConfig{Legacy: drawName(t), Posix: drawName(t), GID: rapid.IntRange(0, 9).Draw(t, "gid")},
			Reason:     rapid.SampledFrom([]discovery.Reason{discovery.Configured, discovery.NamesAgree, discovery.OnlyMembers}).Draw(t, "reason"),
		}
		l, x := ldap.FoldValue(p.Legacy), ldap.FoldValue(p.Posix)
		if !seenLegacy[l] && !seenPosix[x] {
			r.Pairs = append(r.Pairs, p)
		}
		seenLegacy[l], seenPosix[x] = true, true
	}
	for range rapid.IntRange(0, 2).Draw(t, "ambiguous") {
		r.Ambiguous = append(r.Ambiguous, discovery.Ambiguity{
			Legacy: []discovery.Group{{Name: drawName(t)}}, Posix: []discovery.Group{{Name: drawName(t), GID: 7}}, Reason: discovery.SameMembers,
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "unpaired") {
		r.NoLinuxGroup = append(r.NoLinuxGroup, discovery.Unpaired{
			Group: discovery.Group{Name: drawName(t)}, Reason: discovery.OtherMembers, Like: drawName(t),
		})
	}
	r.Warnings = []string{"look at " + drawName(t)}
	return &r
}

// TestPairsAsYAMLLoadAgain: what is printed is taken by the configuration as it
// stands, and means the same, whatever the groups are called.
func TestPairsAsYAMLLoadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawResult(t)
		var out bytes.Buffer
		if err := printPairYAML(output{Writer: &out}, r); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Parse("pairs.yaml", []byte(minimalUpstream+out.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		gids := map[int]int{}
		for _, p := range r.Pairs {
			gids[p.GID]++
		}
		var want []rewrite.PairConfig
		for _, reason := range []discovery.Reason{discovery.Configured, discovery.NamesAgree, discovery.OnlyMembers} {
			for _, p := range r.Pairs {
				if p.Reason != reason || !fitsYAML(p.Legacy) || !fitsYAML(p.Posix) {
					continue
				}
				if gids[p.GID] > 1 {
					p.GID = 0
				}
				want = append(want, p.PairConfig)
			}
		}
		if diff := cmp.Diff(want, slices.Clip(cfg.Groups.Pairs)); diff != "" && len(want)+len(cfg.Groups.Pairs) > 0 {
			t.Errorf("-printed +loaded:\n%s\n%s", diff, out.String())
		}
	})
}

// TestPairsShowNothingThatATerminalObeys: group names come from the directory.
func TestPairsShowNothingThatATerminalObeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawResult(t)
		for _, name := range []string{"table", "yaml"} { // JSON is for programs
			var out bytes.Buffer
			if err := printers[name](output{Writer: &out}, r); err != nil {
				t.Fatal(err)
			}
			if i := strings.IndexFunc(out.String(), func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f || c == '\u0085' }); i >= 0 {
				t.Errorf("%s prints %q", name, out.String()[i:min(i+20, out.Len())])
			}
		}
	})
}

// TestAsManyPairsAsAFileTakes, and a word about more.
func TestAsManyPairsAsAFileTakes(t *testing.T) {
	for n, warned := range map[int]bool{maxPairsInFile: false, maxPairsInFile + 1: true} {
		var r discovery.Result
		for i := range n {
			r.Pairs = append(r.Pairs, discovery.Pair{
				PairConfig: rewrite.PairConfig{Legacy: fmt.Sprintf("Team %05d (Site 7)", i), Posix: fmt.Sprintf("lx%05d", i), GID: 7000 + i},
				Reason:     discovery.NamesAgree,
			})
		}
		var out bytes.Buffer
		if err := printPairYAML(output{Writer: &out}, &r); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "use groups.discover"); got != warned {
			t.Errorf("%d pairs: warned %v", n, got)
		}
		if warned {
			continue
		}
		cfg, err := config.Parse("pairs.yaml", []byte(minimalUpstream+out.String()))
		if err != nil || len(cfg.Groups.Pairs) != n {
			t.Errorf("%d pairs: %d loaded, %v", n, len(cfg.Groups.Pairs), err)
		}
	}
}

func TestPairTableInColour(t *testing.T) {
	r := discovery.Match(discovery.Groups{Legacy: []discovery.Group{{Name: "a"}}}, nil)
	show := func() string {
		var out bytes.Buffer
		if err := printPairTable(output{&out, true}, &r); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	t.Setenv("NO_COLOR", "")
	if !strings.Contains(show(), "\x1b[1m") {
		t.Error("no colour on a terminal")
	}
	t.Setenv("NO_COLOR", "1")
	if strings.Contains(show(), "\x1b") {
		t.Error("colour in spite of NO_COLOR")
	}
}

func TestExitCodesOfPairs(t *testing.T) {
	t.Setenv("JAMF_LDAP_PROXY_UPSTREAM_SERVERS", "ldap://127.0.0.1:1")
	t.Setenv("JAMF_LDAP_PROXY_UPSTREAM_BASE", "ou=Users,o=1,dc=jumpcloud,dc=com")
	t.Setenv(passwordVariable, "hunter2")
	for want, args := range map[int][]string{
		exitFailed: {"pairs", "--dn", "uid=x,dc=y"},
		exitUsage:  {"pairs"},
	} {
		var stdout, stderr strings.Builder
		if code := run(context.Background(), args, &stdout, &stderr); code != want || stdout.String() != "" {
			t.Errorf("%q ends with %d, want %d\n%s%s", args, code, want, stdout.String(), stderr.String())
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stderr strings.Builder
	if code := run(ctx, []string{"pairs", "--dn", "uid=x,dc=y"}, io.Discard, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("after Ctrl-C: %d, %s", code, stderr.String())
	}
}

// TestHelpOfPairsFitsAScreen, examples included.
func TestHelpOfPairsFitsAScreen(t *testing.T) {
	var stdout strings.Builder
	if code := run(context.Background(), []string{"pairs", "--help"}, &stdout, io.Discard); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	if n := strings.Count(stdout.String(), "\n"); n > 30 || !strings.Contains(stdout.String(), "Examples:") {
		t.Errorf("%d lines:\n%s", n, stdout.String())
	}
	for _, line := range strings.Split(stdout.String(), "\n") {
		if len(line) > 100 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}
