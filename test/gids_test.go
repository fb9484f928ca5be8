package test

import (
	"bytes"
	"slices"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// unknownGIDs are the pairs of the sample organisation, two of them without
// their group IDs.
func unknownGIDs() []yamlMap {
	table := slices.Clone(samplePairs)
	for i, pair := range table {
		if pair["legacy"] == "gameOfThrones" || pair["legacy"] == "Everyone" {
			table[i] = yamlMap{"legacy": pair["legacy"], "posix": pair["posix"]}
		}
	}
	return table
}

// reads returns how often the proxy has asked for Linux groups.
func (r *relay) reads() int {
	n := 0
	for _, p := range r.seen(opSearch) {
		if bytes.Contains(p.raw, []byte("posixGroup")) {
			n++
		}
	}
	return n
}

func withoutGIDs(t *testing.T, up *upstream) (*proxy, *relay) {
	t.Helper()
	relay := startRelay(t, up.addr)
	return startWith(t, settings{servers: []string{relay.url()}, mode: mergeView.mode, pairs: unknownGIDs()}), relay
}

// questionsAboutGIDs each need the ID of a group whose pair has none.
var questionsAboutGIDs = []question{
	{"the attribute", search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", groupAttrs...), found(groups("gameOfThrones"))},
	{"all attributes", search("(&(objectClass=groupOfNames)(member=" + userDN("jon.snow") + "))"), found(mergeView.groupsOf("jon.snow"))},
	{"the group with this ID", search("(&(objectClass=groupOfNames)(gidNumber=7001))", "cn"), found(groups("gameOfThrones"))},
	{"groups from this ID on", search("(&(objectClass=groupOfNames)(gidNumber>=7005))", "cn", "gidNumber"), found(groups("Night's Watch (Wall)", "Everyone"))},
	{"groups with an ID", search("(&(objectClass=groupOfNames)(gidNumber=*))", "cn"), found(pairedGroups())},
	{"groups without one", search("(&(objectClass=groupOfNames)(!(gidNumber=*)))", "cn"), found(groups("CarWash"))},
	{"one entry", read(groupDN("Everyone"), "(objectClass=*)"), found(groups("Everyone"))},
	{"compare", compare(groupDN("gameOfThrones"), "gidNumber", "7001"), code(goldap.LDAPResultCompareTrue)},
	{"compare with another", compare(groupDN("gameOfThrones"), "gidNumber", "7002"), code(goldap.LDAPResultCompareFalse)},
}

// A pair without a configured group ID: the first question that needs it is
// answered as if it were configured.
func TestGroupIDFromTheLinuxGroup(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		for _, q := range questionsAboutGIDs {
			t.Run(q.what, func(t *testing.T) {
				p, relay := withoutGIDs(t, up)
				check(t, q.ask, wireClient{p.session()}.ask(t, q.ask), q.want)
				if n := relay.reads(); n != 1 {
					t.Errorf("Linux groups read %d times, want once for both pairs", n)
				}
				r := p.awaitLookup("the question", func(r record) bool { return r.text("op") != "bind" })
				if rules, _ := r["rules"].([]any); !slices.Contains(rules, any("group-id-read")) {
					t.Errorf("record, rules is %v: it does not say that the ID was read", r["rules"])
				}
			})
		}
		t.Run("not needed", func(t *testing.T) {
			p, relay := withoutGIDs(t, up)
			w := p.session()
			for _, q := range []question{
				{"", search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", "cn", "memberUid"), found(groups("gameOfThrones"))},
				{"", search("(&(objectClass=inetOrgPerson)(gidNumber=5001))"), found(people("jon.snow"))},
				{"", compare(groupDN("gameOfThrones"), "memberUid", "jon.snow"), code(goldap.LDAPResultCompareTrue)},
			} {
				check(t, q.ask, wireClient{w}.ask(t, q.ask), q.want)
			}
			if n := relay.reads(); n != 0 {
				t.Errorf("Linux groups read %d times", n)
			}
		})
	})
}

// It is read once, whoever asks and whatever.
func TestGroupIDIsReadOnce(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p, relay := withoutGIDs(t, up)
		forEachClient(t, p.ldap, func(t *testing.T, c client) {
			for _, q := range questionsAboutGIDs {
				t.Run(q.what, func(t *testing.T) { check(t, q.ask, c.ask(t, q.ask), q.want) })
			}
		})
		other := p.connect()
		other.bind(otherAdmin, password)
		for _, q := range questionsAboutGIDs {
			check(t, q.ask, wireClient{other}.ask(t, q.ask), q.want)
		}
		if n := relay.reads(); n != 1 {
			t.Errorf("Linux groups read %d times, want once", n)
		}
	})
}

// It is read with the rights of who asks: one who may not search learns
// nothing, and keeps nobody else from learning it.
func TestGroupIDForOneWhoMayNotSearch(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		p, relay := withoutGIDs(t, up)
		end := p.connect()
		end.bind(endUser, password)
		refused := func() {
			t.Helper()
			for _, q := range questionsAboutGIDs {
				a := wireClient{end}.ask(t, q.ask)
				if len(a.Entries) > 0 || a.Code == goldap.LDAPResultCompareTrue || q.ask.Compare && a.Code != goldap.LDAPResultCompareFalse {
					t.Errorf("%v as an end user: code %d, %v", q.ask, a.Code, dnsOf(a.Entries))
				}
			}
		}
		refused()
		if n := relay.reads(); n != 1 {
			t.Errorf("Linux groups read %d times for the end user, want a single try", n)
		}
		q := questionsAboutGIDs[0]
		check(t, q.ask, wireClient{p.session()}.ask(t, q.ask), q.want)
		refused()
		if n := relay.reads(); n != 2 {
			t.Errorf("Linux groups read %d times for two identities, want twice", n)
		}
	})
}
