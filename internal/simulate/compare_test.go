package simulate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/rewrite"
)

// differing lists the lines that differ, as label: direct | proxy.
func differing(blocks []simulate.Block) []string {
	var list []string
	for _, b := range blocks {
		for _, l := range b.Lines {
			if l.Differs {
				list = append(list, l.Label+": "+l.Direct+" | "+l.Proxy)
			}
		}
	}
	return list
}

func TestCompareAnswers(t *testing.T) {
	r := start(t, rewrite.ModeMerge)
	blocks := simulate.Compare(r.group(r.jamf(r.direct), "gameOfThrones"), r.group(r.jamf(), "gameOfThrones"))
	if diff := cmp.Diff([]string{"Group ID: missing | 7001"}, differing(blocks)); diff != "" {
		t.Error(diff)
	}
	if len(blocks) != 2 || blocks[1].Title != "cn=gameOfThrones,"+base || blocks[0].Lines[0] != (simulate.Line{Label: "Groups found", Direct: "1", Proxy: "1"}) {
		t.Errorf("blocks %+v", blocks)
	}
	blocks = simulate.Compare(r.user(r.jamf(r.direct), "jon"), r.user(r.jamf(), "jon"))
	if diff := differing(blocks); diff != nil {
		t.Errorf("a user differs: %q", diff)
	}
}

// An entry that only one side has.
func TestCompareOfDifferentEntries(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	got := differing(simulate.Compare(r.group(r.jamf(r.direct), "CarWash"), r.group(r.jamf(), "CarWash")))
	if diff := cmp.Diff([]string{"Groups found: 1 | 0", "Found: yes | no"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompareMembershipAndLogin(t *testing.T) {
	r := start(t, rewrite.ModePosix)
	byName := func(j *simulate.Jamf) { j.Mappings.Membership.UseDN = false }
	got := differing(simulate.Compare(r.membership(r.jamf(r.direct, byName), "jon.snow", "gameOfThrones"), r.membership(r.jamf(byName), "jon.snow", "gameOfThrones")))
	if len(got) == 0 || got[0] != "Member: no | yes" {
		t.Errorf("%q", got)
	}
	wrong := r.login(r.jamf(as(accountDN, "wrong")), "jon.snow", "x")
	got = differing(simulate.Compare(wrong, r.login(r.jamf(), "jon.snow", "x")))
	if all := strings.Join(got, "\n"); !strings.Contains(all, "Bind: invalidCredentials (49) | -") || !strings.Contains(all, "Login: not tried | refused: invalidCredentials (49)") {
		t.Errorf("%q", got)
	}
}

// Nothing differs from an answer that is not there.
func TestCompareWithOneAnswer(t *testing.T) {
	r := start(t, rewrite.ModeMerge)
	blocks := simulate.Compare(r.group(r.jamf(r.direct), "gameOfThrones"), nil)
	if len(blocks) != 2 || differing(blocks) != nil || blocks[1].Lines[0].Proxy != "-" {
		t.Errorf("%+v", blocks)
	}
}
