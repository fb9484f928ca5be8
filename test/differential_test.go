package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/directory"
)

// What the proxy answers depends on the directory's contents only, not on the
// server behind it: over OpenLDAP and over the embedded directory the same.
func TestSameAnswersOverBothUpstreams(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, v view) {
		over := func(up *upstream) *wire {
			return startWith(t, settings{servers: []string{up.url()}, mode: v.mode}).session()
		}
		slapd, stand := over(startedSlapd(t)), over(embedded(t))
		for _, row := range slices.Concat(jamfQuestions(v), bridgedSearches(v), bridgedCompares(v)) {
			q := row.ask
			if !(wireClient{}).can(q) {
				continue
			}
			t.Run(q.String(), func(t *testing.T) {
				a, b := wireClient{slapd.in(t)}.ask(t, q), wireClient{stand.in(t)}.ask(t, q)
				if slices.Contains(q.Attrs, "entryUUID") {
					a.Entries, b.Entries = withoutUUIDs(t, q, a.Entries), withoutUUIDs(t, q, b.Entries)
				}
				if diff := cmp.Diff(comparable(a), comparable(b)); diff != "" {
					t.Errorf("%v differs (-slapd +embedded)\n%s", q, diff)
				}
			})
		}
	})
}

// comparable is an answer in a fixed order, without the server's own wording.
func comparable(a answer) answer {
	a.Entries, a.Text = sorted(a.Entries), ""
	return a
}

// Random requests in the legacy vocabulary, three answers each: of an OpenLDAP
// that holds the view as its data, and of the proxy over both upstreams. The
// first decides.
//
// TEST_OF_JAMF_LDAP_PROXY_SEED repeats a run, TEST_OF_JAMF_LDAP_PROXY_CASES asks more.
func TestRandomRequestsOnTheView(t *testing.T) {
	t.Parallel()
	org, shown, table := orgLDIF+"\n", "", slices.Clone(samplePairs)
	for n := range 100 { // more groups than one filter can name
		legacy, posix := fmt.Sprintf("Team %d of %d", n, n%7), fmt.Sprintf("t%d", n)
		if n%10 == 0 {
			posix = fmt.Sprintf("of_%d", n)
		}
		uids := []string{"jon.snow", "jesse.pinkman", "heisenberg"}[n%3:]
		org += newGroup(legacy, posix, 20_000+n, uids...)
		shown += shownGroup(legacy, 20_000+n, uids...).ldif()
		table = append(table, yamlMap{"legacy": legacy, "posix": posix, "gid": 20_000 + n})
	}
	stand, _ := embeddedWith(t, directory.Config{LDIF: strings.NewReader(org)})
	real := slapdHolding(t, org)
	seed, cases := numberFrom(t, "TEST_OF_JAMF_LDAP_PROXY_SEED", int(rand.Uint32())), numberFrom(t, "TEST_OF_JAMF_LDAP_PROXY_CASES", 300)
	t.Logf("TEST_OF_JAMF_LDAP_PROXY_SEED=%d", seed)
	inEachMode(t, func(t *testing.T, v view) {
		behind := func(up *upstream) *wire {
			return startWith(t, settings{servers: []string{up.url()}, mode: v.mode, pairs: table}).session()
		}
		direct := dialWire(t, viewInSlapd(t, v, shown).addr)
		direct.bind(service, password)
		through := []struct {
			what string
			*wire
		}{
			{"over slapd", behind(real)},
			{"over the embedded directory", behind(stand)},
		}
		g := generator{rand.New(rand.NewPCG(uint64(seed), 1)), v}
		for n := range cases {
			q := g.request()
			want := wireClient{direct}.ask(t, q)
			for _, p := range through {
				got := wireClient{p.wire}.ask(t, q)
				a, b := comparable(want), comparable(got)
				if q.Size > 0 && want.Code == goldap.LDAPResultSizeLimitExceeded { // any of them
					a.Entries, b.Entries = make([]entry, len(a.Entries)), make([]entry, len(b.Entries))
				}
				if diff := cmp.Diff(a, b); diff != "" {
					t.Errorf("case %d, %s: %v (-view +proxy)\n%s", n, p.what, q, diff)
				}
			}
			if t.Failed() && n > 50 {
				t.Fatalf("seed %d: enough", seed)
			}
		}
	})
}

func numberFrom(t testing.TB, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// generator makes requests that name a legacy class or attribute and use no
// tolerance: forms on which a plain LDAP server that holds the view agrees with
// the proxy.
type generator struct {
	*rand.Rand
	view view
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) legacy() string {
	return pick(g,
		"(objectClass=groupOfNames)", "(objectClass=groupOfNames)", "(objectClass=GROUPOFNAMES)", "(objectClass=2.5.6.9)",
		"(member="+userDN("heisenberg")+")", "(member="+userDN("jon.snow")+")", "(member="+userDN("jesse.pinkman")+")",
		"(MEMBER=UID=Heisenberg, "+usersBase+")", "(member="+userDN("saul.goodman")+")", "(member=*)",
		"(member=uid=heisenberg,ou=Others,"+orgBase+")", "(member="+groupDN("Everyone")+")",
	)
}

func (g generator) leaf() string {
	otherCase := "(memberUid=Jon.Snow)"
	if g.view.mode == mergeView.mode { // there it is as good as the DN
		otherCase = "(memberUid=nobody)"
	}
	return pick(g,
		otherCase, "(memberUid=jesse.pinkman)", "(memberUid=*pink*)", "(memberUid=*.*)", "(memberUid>=a)",
		"(gidNumber>=7004)", "(gidNumber<=7002)", "(gidNumber>=20050)", "(gidNumber<=20003)", "(gidNumber=20011)",
		g.legacy(), g.legacy(), g.legacy(),
		"(objectClass=posixGroup)", "(objectClass=inetOrgPerson)", "(objectClass=top)", "(objectClass=*)",
		"(cn=gameOfThrones)", "(cn=got)", "(cn=BREAKINGBAD)", "(cn=bb)", "(cn=CarWash)", "(cn=Jon Snow)", "(cn=nonesuch)",
		"(cn=*)", "(cn=*e*)", "(cn=*o*)", "(cn=los*)", "(cn=*crew)", "(cn=*_lx)", "(cn=g*o*t*)", "(cn=*watch*\\28*)", "(2.5.4.3=*b*)",
		"(cn=*team*)", "(cn=team 1*)", "(cn=t*)", "(cn=*of*)", "(cn=of*)", "(cn=* of 3)", "(cn=t11)", "(cn=Team 11 of 4)", "(ou=*team*)", "(ou=*_*)",
		"(ou=Everyone)", "(ou=*)", "(ou=Users)", "(ou=*e*)", "(ou=got)",
		"(gidNumber=7001)", "(gidNumber=7006)", "(gidNumber=5001)", "(gidNumber=*)", "(gidNumber=abc)",
		"(memberUid=heisenberg)", "(memberUid=jon.snow)", "(memberUid=*)", "(memberUid=jon*)",
		"(description=tagGroup)", "(description=*)", "(uid=jon.snow)", "(uid=*a*)", "(mail=*)", "(sn=s*)",
		"(memberOf="+groupDN("breakingBad")+")", "(memberOf=*)", "(favouriteColour=blue)", "(favouriteColour=*)",
	)
}

func (g generator) filter(depth int) string {
	if depth == 0 || g.IntN(3) == 0 {
		return g.leaf()
	}
	switch g.IntN(3) {
	case 0:
		return "(!" + g.filter(depth-1) + ")"
	default:
		text := "(" + pick(g, "&", "|")
		for range 1 + g.IntN(3) {
			text += g.filter(depth - 1)
		}
		return text + ")"
	}
}

func (g generator) request() request {
	f := g.filter(3)
	switch g.IntN(5) {
	case 0:
		f = "(|" + g.legacy() + f + ")"
	case 1:
		f = "(&(!" + g.legacy() + ")" + f + ")"
	default:
		f = "(&" + g.legacy() + f + ")"
	}
	q := search(f)
	q.Attrs = pick(g, nil, nil, []string{"cn"}, []string{"member"}, []string{"memberUid", "gidNumber"}, []string{"1.1"},
		[]string{"objectClass", "ou"}, []string{"uid", "mail", "cn"}, []string{"*"})
	switch g.IntN(8) {
	case 0:
		q = q.oneLevel()
	case 1:
		q = q.at(orgBase)
	case 2:
		q = q.at(groupDN(pick(g, "gameOfThrones", "Heisenberg Crew", "Night's Watch (Wall)")))
	case 3:
		base := pick(g, g.view.everyGroup()...)
		q = read(base.DN, q.Filter, q.Attrs...)
	case 4:
		q = read(userDN("heisenberg"), q.Filter, q.Attrs...)
	case 5:
		q = q.limit(1 + g.IntN(8))
	case 6:
		q = q.typesOnly()
	}
	return q
}

// The stand-in itself answers as OpenLDAP does, without any proxy: the suites
// that use it alone mean something.
func TestEmbeddedDirectoryIsLikeSlapd(t *testing.T) {
	t.Parallel()
	real, stand := dialWire(t, startedSlapd(t).addr), dialWire(t, embedded(t).addr)
	real.bind(service, password)
	stand.bind(service, password)
	g := generator{rand.New(rand.NewPCG(1, 2)), posixView}
	requests := slices.Clone(untouched)
	for range 300 {
		requests = append(requests, g.request())
	}
	for n, q := range requests {
		if slices.Contains(q.Attrs, "+") {
			continue // each server maintains operational attributes of its own
		}
		t.Run(fmt.Sprintf("%d %v", n, q), func(t *testing.T) {
			a, b := wireClient{real.in(t)}.ask(t, q), wireClient{stand.in(t)}.ask(t, q)
			if slices.Contains(q.Attrs, "entryUUID") {
				a.Entries, b.Entries = withoutUUIDs(t, q, a.Entries), withoutUUIDs(t, q, b.Entries)
			}
			for _, entries := range [][]entry{a.Entries, b.Entries} {
				for _, e := range entries {
					delete(e.Attrs, "userPassword") // salted
				}
			}
			if q.Size > 0 {
				a.Entries, b.Entries = make([]entry, len(a.Entries)), make([]entry, len(b.Entries))
			}
			if diff := cmp.Diff(comparable(a), comparable(b)); diff != "" {
				t.Errorf("%v differs (-slapd +embedded)\n%s", q, diff)
			}
		})
	}
}
