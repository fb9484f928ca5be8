package discovery_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/rewrite"
)

// group makes a group; a member with a '=' is a DN that names no user.
func group(name string, gid int, members ...string) discovery.Group {
	var set discovery.MemberSet
	for _, m := range members {
		if strings.Contains(m, "=") {
			set.AddOther([]byte(m))
		} else {
			set.AddUser([]byte(m))
		}
	}
	return discovery.NewGroup(name, gid, &set)
}

// summary writes a result down, one line for each pair, ambiguity and group.
func summary(r *discovery.Result) []string {
	var lines []string
	for _, p := range r.Pairs {
		lines = append(lines, fmt.Sprintf("%s = %s %d: %s", p.Legacy, p.Posix, p.GID, p.Reason))
	}
	names := func(groups []discovery.Group) string {
		var list []string
		for _, g := range groups {
			list = append(list, g.Name)
		}
		return strings.Join(list, ", ")
	}
	for _, a := range r.Ambiguous {
		lines = append(lines, fmt.Sprintf("%s ? %s: %s", names(a.Legacy), names(a.Posix), a.Reason))
	}
	for _, u := range r.NoLinuxGroup {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s -: %s %s", u.Name, u.Reason, u.Like)))
	}
	for _, u := range r.NoLegacyGroup {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("- %s: %s %s", u.Name, u.Reason, u.Like)))
	}
	return lines
}

func TestMatch(t *testing.T) {
	type groups = []discovery.Group
	for name, tc := range map[string]struct {
		legacy, posix groups
		configured    []rewrite.PairConfig
		want          []string
	}{
		"nothing": {},
		"names agree but for capitals, spaces and punctuation": {
			legacy: groups{group("Los Pollos Hermanos!", 0, "gus", "walter")},
			posix:  groups{group("lospollos_hermanos", 7004, "walter", "gus")},
			want:   []string{"Los Pollos Hermanos! = lospollos_hermanos 7004: names-agree"},
		},
		"members that nobody else has": {
			legacy: groups{group("gameOfThrones", 0, "jon", "arya"), group("Stark", 0, "jon", "arya", "sansa")},
			posix:  groups{group("got", 7001, "jon", "arya"), group("st", 7002, "jon", "sansa", "arya")},
			want:   []string{"gameOfThrones = got 7001: only-members", "Stark = st 7002: only-members"},
		},
		"users are compared without regard to case": {
			legacy: groups{group("a", 0, "Jon.Snow")},
			posix:  groups{group("x", 1, "jon.snow", "JON.SNOW")},
			want:   []string{"a = x 1: only-members"},
		},
		"two groups with the same members": {
			legacy: groups{group("breakingBad", 0, "h", "j"), group("Heisenberg Crew", 0, "j", "h")},
			posix:  groups{group("bb", 7002, "h", "j"), group("crew", 7003, "h", "j")},
			want:   []string{"breakingBad, Heisenberg Crew ? bb, crew: same-members"},
		},
		"two groups for one Linux group": {
			legacy: groups{group("a", 0, "x"), group("b", 0, "x")},
			posix:  groups{group("lx", 1, "x")},
			want:   []string{"a, b ? lx: same-members"},
		},
		"the name decides between groups with the same members, and leaves the others unique": {
			legacy: groups{group("Breaking Bad", 0, "h", "j"), group("Heisenberg Crew", 0, "j", "h")},
			posix:  groups{group("breakingbad", 1, "h", "j"), group("crew", 2, "h", "j")},
			want:   []string{"Breaking Bad = breakingbad 1: names-agree", "Heisenberg Crew = crew 2: only-members"},
		},
		"the configuration comes first, and leaves the others unique": {
			legacy:     groups{group("breakingBad", 0, "h", "j"), group("Heisenberg Crew", 0, "j", "h")},
			posix:      groups{group("bb", 7002, "h", "j"), group("crew", 7003, "h", "j")},
			configured: []rewrite.PairConfig{{Legacy: "HEISENBERG  crew", Posix: "crew"}},
			want:       []string{"HEISENBERG  crew = crew 7003: configured", "breakingBad = bb 7002: only-members"},
		},
		"a configured name is not paired otherwise": {
			legacy:     groups{group("a", 0, "x"), group("b", 0, "y")},
			posix:      groups{group("lx", 1, "x"), group("ly", 2, "y")},
			configured: []rewrite.PairConfig{{Legacy: "a", Posix: "ly", GID: 9}},
			want:       []string{"a = ly 9: configured", "b -: no-linux-group", "- lx: no-legacy-group"},
		},
		"names that agree, but more than one": {
			legacy: groups{group("Dev Ops", 0, "x"), group("dev-ops", 0, "x")},
			posix:  groups{group("devops", 1, "x")},
			want:   []string{"Dev Ops, dev-ops ? devops: same-members"},
		},
		"names that agree, told apart by members": {
			legacy: groups{group("Dev Ops", 0, "x"), group("dev-ops", 0, "y")},
			posix:  groups{group("devops", 1, "y")},
			want:   []string{"dev-ops = devops 1: names-agree", "Dev Ops -: no-linux-group"},
		},
		"names that agree, other members": {
			legacy: groups{group("Car Wash", 0, "x", "y")},
			posix:  groups{group("carwash", 1, "x")},
			want:   []string{"Car Wash -: other-members carwash", "- carwash: other-members Car Wash"},
		},
		"names without a letter agree with nothing": {
			legacy: groups{group("!!", 0, "x"), group("??", 0, "x")},
			posix:  groups{group("--", 1, "x"), group("++", 1, "x")},
			want:   []string{"!!, ?? ? ++, --: same-members"},
		},
		"without members only the name counts": {
			legacy: groups{group("Sales", 0), group("a", 0)},
			posix:  groups{group("sales", 1), group("b", 2)},
			want:   []string{"Sales = sales 1: names-agree", "a ? b: no-members"},
		},
		"without members and without a name": {
			legacy: groups{group("!!", 0)}, posix: groups{group("--", 1)},
			want: []string{"!! ? --: no-members"},
		},
		"without members and without a counterpart": {
			legacy: groups{group("a", 0)}, posix: groups{group("b", 1, "x")},
			want: []string{"a -: no-linux-group", "- b: no-legacy-group"},
		},
		"a member that is no user equals none": {
			legacy: groups{group("a", 0, "x", "cn=x,dc=example"), group("b", 0, "y")},
			posix:  groups{group("lx", 1, "x"), group("ly", 2, "y", "cn=x")},
			want:   []string{"a -: no-linux-group", "b -: no-linux-group", "- lx: no-legacy-group", "- ly: no-legacy-group"},
		},
		"two groups of one name cannot be told apart": {
			legacy: groups{group("Team", 0, "x"), group("team", 0, "y")},
			posix:  groups{group("team", 1, "x")},
			want:   []string{"Team ? team: same-name", "team -: no-linux-group"},
		},
		"one entry that is both": {
			legacy: groups{group("losAlamos", 0, "x")}, posix: groups{group("losAlamos", 7007, "x")},
			want: []string{"losAlamos = losAlamos 7007: names-agree"},
		},
		"members are not run together": {
			legacy: groups{group("a", 0, "a", "b")}, posix: groups{group("b", 1, "aub")},
			want: []string{"a -: no-linux-group", "- b: no-legacy-group"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := discovery.Match(discovery.Groups{Legacy: tc.legacy, Posix: tc.posix}, tc.configured)
			if diff := cmp.Diff(tc.want, summary(&r)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestWarnings: what an administrator should look at is said, and nothing else.
func TestWarnings(t *testing.T) {
	groups := discovery.Groups{
		Legacy: []discovery.Group{group("a", 0, "x"), group("b", 0, "y"), group("c", 0, "z")},
		Posix:  []discovery.Group{group("la", 7, "x"), group("lb", 8, "y"), group("lc", 7, "z"), group("ld", 0), group("le", 0)},
	}
	r := discovery.Match(groups, []rewrite.PairConfig{
		{Legacy: "a", Posix: "la", GID: 9}, {Legacy: "b", Posix: "gone"}, {Legacy: "away", Posix: "lc", GID: 7}, {Legacy: "c", Posix: "lb"},
	})
	want := []string{
		`groups.pairs: "a" has gid 9, but Linux group "la" has 7 in the directory`,
		`groups.pairs: the directory has no Linux group "gone", which is paired with "b"`,
		`groups.pairs: the directory has no group "away", which is paired with Linux group "lc"`,
		`groups.pairs: "c" and Linux group "lb" are a pair, but do not have the same members (1 and 1); is it the right one?`,
		`gid 7 belongs to 2 Linux groups ("la", "lc"): whoever goes by the ID takes them for one; give each its own in JumpCloud`,
	}
	if diff := cmp.Diff(want, r.Warnings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r := discovery.Match(groups, nil); len(r.Warnings) != 1 {
		t.Errorf("warnings without configured pairs: %q", r.Warnings)
	}
}

// TestEveryReasonSpeaks: whoever adds a reason has to word it.
func TestEveryReasonSpeaks(t *testing.T) {
	for _, r := range []discovery.Reason{
		discovery.Configured, discovery.NamesAgree, discovery.OnlyMembers, discovery.Kept, discovery.NoLinuxGroup,
		discovery.NoLegacyGroup, discovery.OtherMembers, discovery.SameMembers, discovery.NoMembers, discovery.SameName,
	} {
		if r.Why() == "" || strings.HasSuffix(r.Why(), ".") {
			t.Errorf("%s: %q", r, r.Why())
		}
	}
}
