package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/directory"
)

// withoutEntries is the sample organisation without some of its entries.
func withoutEntries(t *testing.T, dns ...string) string {
	t.Helper()
	var b strings.Builder
	for _, e := range parseLDIF(t, orgLDIF) {
		if !slices.Contains(dns, e.DN) {
			b.WriteString(e.ldif())
		}
	}
	return b.String()
}

// newGroup writes the two entries of a group as JumpCloud publishes it.
func newGroup(legacy, posix string, gid int, uids ...string) string {
	one := entry{"cn=" + escapeDN(legacy) + "," + usersBase, map[string][]string{
		"cn": {legacy}, "ou": {legacy}, "objectClass": {"top", "groupOfNames"}, "description": {"tagGroup"}}}
	two := entry{groupDN(posix), map[string][]string{
		"cn": {posix}, "objectClass": {"top", "posixGroup"}, "description": {"tagGroup"},
		"gidNumber": {fmt.Sprint(gid)}, "memberUid": uids}}
	for _, uid := range uids {
		one.Attrs["member"] = append(one.Attrs["member"], "uid="+escapeDN(uid)+","+usersBase)
	}
	return one.ldif() + two.ldif()
}

// shownGroup is the entry that a bridged request sees of a group.
func shownGroup(legacy string, gid int, uids ...string) entry {
	e := entry{"cn=" + escapeDN(legacy) + "," + usersBase, map[string][]string{
		"cn": {legacy}, "ou": {legacy}, "objectClass": {"top", "groupOfNames"}, "description": {"tagGroup"},
		"gidNumber": {fmt.Sprint(gid)}, "memberUid": uids}}
	for _, uid := range uids {
		e.Attrs["member"] = append(e.Attrs["member"], "uid="+escapeDN(uid)+","+usersBase)
	}
	return e
}

// escapeDN escapes a value as RFC 4514 asks, in the form \HH.
func escapeDN(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if c == ' ' && (i == 0 || i == len(value)-1) || c < ' ' || strings.IndexByte(`"+,;<>\=#`, c) >= 0 || c >= 0x7f {
			fmt.Fprintf(&b, `\%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// rdnValue is the value of the first RDN, decoded by another DN parser than
// the product's.
func rdnValue(t *testing.T, dn string) string {
	t.Helper()
	parsed, err := goldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 {
		t.Fatalf("the proxy returned %q, which is no DN: %v", dn, err)
	}
	if rest := strings.SplitN(dn, usersBase, 2); len(rest) != 2 || rest[1] != "" {
		t.Errorf("%q is not below the users base as it is configured", dn)
	}
	return parsed.RDNs[0].Attributes[0].Value
}

// Names that mean something to DNs or filters stay what they are, in group
// names and in user names, both ways.
func TestAttackA15Injection(t *testing.T) {
	t.Parallel()
	names := []string{
		"Sales, EMEA", "a+b=c", `back\slash`, `"quoted"`, "<angle>;semi", "#hash", " space before", "star*star",
		"paren)(cn=*", "Grün & Weiß", "50% (half)", "x,ou=Users," + orgBase, `\2a`, "a/b", "日本語",
	}
	users := []string{
		"o'brien", "comma,user", "plus+user", `back\user`, `quote"user`, "star*", "*", "paren)(uid=*", "#hash", "semi;<x>", "eq=ual",
		" lead", `\2a`, "uid=nested," + usersBase[:8], "under_score.dot-dash",
	}
	ldif := orgLDIF + "\n"
	table := slices.Clone(samplePairs)
	for i, name := range names {
		posix := fmt.Sprintf("linux%d", i)
		ldif += newGroup(name, posix, 8000+i, "jon.snow", users[i%len(users)])
		table = append(table, yamlMap{"legacy": name, "posix": posix, "gid": 8000 + i})
	}
	ldif += newGroup("All Names", "all_names", 8100, users...)
	table = append(table, yamlMap{"legacy": "All Names", "posix": "all_names", "gid": 8100})
	ask := func(t *testing.T, up *upstream, v view) {
		p := besiege(t, settings{servers: []string{up.url()}, mode: v.mode, pairs: table})
		w := p.session()
		c := openJNDI(t, "ldap://"+p.ldap, simpleBind(service, password)...)
		t.Cleanup(c.close)
		for i, name := range names {
			t.Run("group "+name, func(t *testing.T) {
				want := fmt.Sprint(8000 + i)
				dn := "cn=" + escapeDN(name) + "," + usersBase
				for _, q := range []request{
					search("(&(objectClass=groupOfNames)(cn=" + goldap.EscapeFilter(name) + "))"),
					search("(&(objectClass=groupOfNames)(cn=*" + goldap.EscapeFilter(string([]rune(name)[1:])) + "))"),
					read(dn, "(objectClass=*)"),
					read(dn, "(member="+goldap.EscapeFilter(userDN("jon.snow"))+")"),
				} {
					for _, a := range []answer{w.in(t).search(q), c.ask(t, q)} {
						if a.Code != 0 || len(a.Entries) != 1 {
							t.Errorf("%v: code %d %s, %v", q, a.Code, a.Text, dnsOf(a.Entries))
							continue
						}
						e := a.Entries[0]
						if got := rdnValue(t, e.DN); got != name {
							t.Errorf("%v: DN %q, its name is %q", q, e.DN, got)
						}
						if !slices.Equal(e.Attrs["cn"], []string{name}) || !slices.Equal(e.Attrs["ou"], []string{name}) || !slices.Equal(e.Attrs["gidNumber"], []string{want}) {
							t.Errorf("%v: %v", q, e.Attrs)
						}
						// What the proxy shows is a DN that it understands itself.
						if again := w.search(read(e.DN, "(objectClass=groupOfNames)", "1.1")); len(again.Entries) != 1 {
							t.Errorf("reading %q again: code %d with %d entries", e.DN, again.Code, len(again.Entries))
						}
					}
				}
				q := compare(dn, "member", userDN("jon.snow"))
				check(t, q, wireClient{w}.ask(t, q), code(goldap.LDAPResultCompareTrue))
			})
		}
		all := w.in(t).search(read(groupDN("All Names"), "(objectClass=*)", "member", "memberUid"))
		if len(all.Entries) != 1 || len(all.Entries[0].Attrs["member"]) != len(users) {
			t.Fatalf("group of all users: %+v", all)
		}
		if got := all.Entries[0].Attrs["memberUid"]; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(users))) {
			t.Errorf("the members' names are %q, want %q", got, users)
		}
		for _, uid := range users {
			t.Run("user "+uid, func(t *testing.T) {
				var shown string // the member value that stands for the user
				for _, dn := range all.Entries[0].Attrs["member"] {
					if rdnValue(t, dn) == uid {
						shown = dn
					}
				}
				if shown == "" {
					t.Fatalf("no member of %q is %q", all.Entries[0].Attrs["member"], uid)
				}
				for _, dn := range []string{shown, "uid=" + escapeDN(uid) + "," + usersBase} {
					q := search("(&(objectClass=groupOfNames)(cn=All Names)(member="+goldap.EscapeFilter(dn)+"))", "cn")
					if a := w.in(t).search(q); a.Code != 0 || !slices.Equal(dnsOf(a.Entries), []string{groupDN("All Names")}) {
						t.Errorf("%v: code %d, %v", q, a.Code, dnsOf(a.Entries))
					}
					named := compare(groupDN("All Names"), "member", dn)
					check(t, named, wireClient{w}.ask(t, named), code(goldap.LDAPResultCompareTrue))
				}
				q := search("(&(objectClass=groupOfNames)(cn=All Names)(memberUid="+goldap.EscapeFilter(uid)+"))", "cn")
				if a := w.in(t).search(q); a.Code != 0 || !slices.Equal(dnsOf(a.Entries), []string{groupDN("All Names")}) {
					t.Errorf("%v: code %d, %v", q, a.Code, dnsOf(a.Entries))
				}
				q = compare(groupDN("gameOfThrones"), "member", shown)
				check(t, q, wireClient{w}.ask(t, q), code(goldap.LDAPResultCompareFalse))
			})
		}
	}
	forEachUpstreamHolding(t, ldif, func(t *testing.T, up *upstream) {
		inEachMode(t, func(t *testing.T, v view) { ask(t, up, v) })
	})
}

// A pair in the configuration whose entries are gone, or gone in part: an empty
// group vanishes from JumpCloud's LDAP.
func TestPairWithoutEntries(t *testing.T) {
	t.Parallel()
	got, thrones := groupDN("got"), groupDN("gameOfThrones")
	ask := search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", "cn")
	base := read(thrones, "(objectClass=groupOfNames)", "cn")
	member := compare(thrones, "memberUid", "jon.snow")
	for _, c := range []struct {
		what string
		gone []string
		base wanted
	}{
		{"Linux group gone", []string{got}, nothing()},
		{"both gone", []string{got, thrones}, code(goldap.LDAPResultNoSuchObject)},
	} {
		t.Run(c.what, func(t *testing.T) {
			forEachUpstreamHolding(t, withoutEntries(t, c.gone...), func(t *testing.T, up *upstream) {
				p := startWith(t, settings{servers: []string{up.url()}, pairs: samplePairs})
				w := p.session()
				check(t, ask, w.search(ask), nothing())
				a := w.search(base)
				check(t, base, a, c.base)
				if a.Code == goldap.LDAPResultNoSuchObject && a.Matched != usersBase {
					t.Errorf("matchedDN %q, want %q", a.Matched, usersBase)
				}
				check(t, member, wireClient{w}.ask(t, member), code(goldap.LDAPResultCompareFalse))
				usual := search("(&(objectClass=groupOfNames)(cn=breakingBad))")
				check(t, usual, w.search(usual), found(groups("breakingBad")))
			})
		})
	}
	t.Run("console group gone", func(t *testing.T) {
		forEachUpstreamHolding(t, withoutEntries(t, thrones), func(t *testing.T, up *upstream) {
			w := start(t, up).session()
			for _, q := range []request{ask, base} {
				check(t, q, w.search(q), found(groups("gameOfThrones")))
			}
			check(t, member, wireClient{w}.ask(t, member), code(goldap.LDAPResultCompareTrue))
		})
	})
}

// The hypothetical group whose Linux name is its name, published as one merged
// entry of both classes.
func TestMergedGroup(t *testing.T) {
	t.Parallel()
	members := []string{"uid=heisenberg," + usersBase, "uid=gus.fring," + usersBase}
	merged := entry{groupDN("losAlamos"), map[string][]string{
		"objectClass": {"top", "groupOfNames", "posixGroup"}, "cn": {"losAlamos"}, "ou": {"losAlamos"}, "description": {"tagGroup"},
		"gidNumber": {"7007"}, "member": members, "memberUid": {"heisenberg", "gus.fring"}}}
	shown := []entry{merged.with("objectClass", "top", "groupOfNames")}
	forEachUpstreamHolding(t, orgLDIF+"\n"+merged.ldif(), func(t *testing.T, up *upstream) {
		for _, configured := range []bool{false, true} {
			table := slices.Clone(samplePairs)
			if configured {
				table = append(table, yamlMap{"legacy": "losAlamos", "posix": "losAlamos", "gid": 7007})
			}
			inEachMode(t, func(t *testing.T, v view) {
				w := startWith(t, settings{servers: []string{up.url()}, mode: v.mode, pairs: table}).session()
				for _, q := range []request{
					search("(&(objectClass=groupOfNames)(cn=losAlamos))"),
					search("(&(objectClass=groupOfNames)(gidNumber=7007))", "member", "objectClass"),
					search("(&(cn=losAlamos)(member=" + userDN("heisenberg") + "))"),
					read(groupDN("losAlamos"), "(objectClass=groupOfNames)"),
				} {
					check(t, q, w.search(q), found(shown))
				}
				q := search("(&(objectClass=groupOfNames)(member="+userDN("gus.fring")+"))", "cn")
				check(t, q, w.search(q), found(v.groupsOf("gus.fring"), shown))
			})
		}
	})
}

// A group of ten thousand comes through whole, and a membership question about
// it stays small.
func TestLargeGroup(t *testing.T) {
	t.Parallel()
	const size = 10_000
	var uids []string
	for n := range size {
		uids = append(uids, fmt.Sprintf("user%05d", n))
	}
	up, _ := embeddedWith(t, directory.Config{LDIF: strings.NewReader(orgLDIF + "\n" + newGroup("Crowd", "crowd_lx", 9000, uids...))})
	inEachMode(t, func(t *testing.T, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode, plain: true,
			pairs: []yamlMap{{"legacy": "Crowd", "posix": "crowd_lx", "gid": 9000}}})
		before := residentMemory(t, p)
		w := p.session()
		for range 5 {
			a := w.search(search("(&(objectClass=groupOfNames)(cn=Crowd))"))
			if len(a.Entries) != 1 || len(a.Entries[0].Attrs["member"]) != size || len(a.Entries[0].Attrs["memberUid"]) != size {
				t.Fatalf("code %d %s with %d entries", a.Code, a.Text, len(a.Entries))
			}
			if got, want := a.Entries[0].Attrs["member"][size-1], "uid="+a.Entries[0].Attrs["memberUid"][size-1]+","+usersBase; got != want {
				t.Errorf("last member %q, want %q", got, want)
			}
		}
		for _, asked := range []string{"(member=" + userDN("user09999") + ")", "(memberUid=user09999)"} {
			q := search("(&(objectClass=groupOfNames)"+asked+")", "cn")
			if r := w.ask(q.wire(t)); r.code != 0 || len(r.entries) != 1 || len(r.entries[0].raw) > 1000 {
				t.Errorf("membership by %s: code %d with %d entries", asked, r.code, len(r.entries))
			}
		}
		if after := residentMemory(t, p); after-before > 64<<20 {
			t.Errorf("resident memory grew from %d to %d MiB", before>>20, after>>20)
		}
	})
}
