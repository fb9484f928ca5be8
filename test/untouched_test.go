package test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// untouched are requests that no rule concerns: users, and groups in the
// vocabulary that upstream has.
var untouched = []request{
	search("(&(objectClass=inetOrgPerson)(uid=jon.snow))"),
	search("(&(objectClass=inetOrgPerson)(uid=jon.snow))", "uid", "CN", "Mail", "uidnumber", "entryUUID"),
	search("(&(objectClass=INETORGPERSON)(UID=*a*))", "uid"),
	search("(objectClass=inetOrgPerson)"),
	search("(objectClass=inetOrgPerson)", "*", "+"),
	search("(objectClass=inetOrgPerson)", "1.1"),
	search("(objectClass=inetOrgPerson)", "uid").typesOnly(),
	search("(objectClass=inetOrgPerson)", "uid").limit(3),
	search("(objectClass=inetOrgPerson)", "uid").limit(3).within(61),
	search("(&(objectClass=inetOrgPerson)(memberOf="+groupDN("breakingBad")+"))", "uid", "memberOf"),
	search("(uid=jamf.ldap)", "userPassword"),
	search("(cn=*\\c3\\a9*)"),
	search("(mail=jon.snow@example.com)").at(orgBase),
	search("(isDeleted=*)"),
	search("(&(objectClass=posixGroup)(memberUid=heisenberg))"),
	search("(&(objectClass=posixGroup)(memberUid=heisenberg))", "cn", "gidNumber", "memberUid"),
	search("(&(objectClass=POSIXgroup)(cn=got))"),
	search("(objectClass=posixGroup)"),
	search("(memberUid=jon.snow)"),
	search("(memberUid=jon*)"),
	search("(gidNumber=7001)"),
	search("(cn=*o*)", "cn"),
	search("(cn=gameOfThrones)"), // names no class: both kinds of entries are seen
	search("(|(cn=gameOfThrones)(cn=got))"),
	search("(objectClass=*)", "1.1"),
	read(userDN("heisenberg"), "(objectClass=*)"),
	read(groupDN("got"), "(objectClass=*)"),
	read(groupDN("got"), "(objectClass=*)", "member"),
	read(orgBase, "(objectClass=*)"),
	search("(uid=x)").at(groupDN("nonesuch")),
	search("(uid=x)").at("dc=example,dc=com"),
	search("(uid=x)").at("nonsense"),
	compare(groupDN("got"), "memberUid", "jon.snow"),
	compare(groupDN("got"), "memberUid", "heisenberg"),
	compare(userDN("jon.snow"), "mail", "jon.snow@example.com"),
	compare(userDN("jon.snow"), "favouriteColour", "blue"),
	compare(userDN("ned.stark"), "uid", "ned.stark"),
	compare("foo=bar", "cn", "x"),
}

// A request that is not bridged reaches upstream byte for byte, and its answer
// comes back byte for byte.
func TestUntouchedByteForByte(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		requests := untouched
		if v.mode == "posix" { // in mode merge every group's DN is one of the view
			requests = append(slices.Clone(untouched), read(groupDN("CarWash"), "(objectClass=*)"))
		}
		sameBytes(t, up, v.mode, requests)
	})
}

// Mode off forwards everything, bridged vocabulary too.
func TestModeOffIsTransparent(t *testing.T) {
	t.Parallel()
	requests := slices.Clone(untouched)
	for _, q := range slices.Concat(jamfQuestions(posixView), bridgedSearches(posixView), bridgedCompares(posixView)) {
		requests = append(requests, q.ask)
	}
	// An empty list of substrings means presence in every mode.
	requests = slices.DeleteFunc(requests, func(q request) bool {
		_, err := goldap.CompileFilter(q.Filter)
		return !q.Compare && err != nil || bytes.Contains([]byte(q.Filter), []byte("**"))
	})
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		sameBytes(t, up, "off", requests)
	})
}

func sameBytes(t *testing.T, up *upstream, mode string, requests []request) {
	relay := startRelay(t, up.addr)
	p := startWith(t, settings{servers: []string{relay.url()}, mode: mode})
	through := p.session()
	direct := dialWire(t, up.addr)
	direct.bind(service, password)
	for _, q := range requests {
		t.Run(q.String(), func(t *testing.T) {
			op, controls := q.wire(t), control(oidManageDSA, false)
			before := len(relay.seen(opSearch, opCompare))
			want, got := direct.ask(op, controls), through.ask(op, controls)
			for i := range max(len(want.entries), len(got.entries)) {
				if i >= len(want.entries) || i >= len(got.entries) {
					t.Fatalf("%d entries, upstream has %d", len(got.entries), len(want.entries))
				}
				samePacket(t, fmt.Sprintf("entry %d", i+1), want.entries[i], got.entries[i])
			}
			samePacket(t, "result", want.last, got.last)
			seen := relay.seen(opSearch, opCompare)
			if len(seen) != before+1 {
				t.Fatalf("upstream saw %d requests, want 1", len(seen)-before)
			}
			sent, err := parsePacket(message(1, op, controls))
			if err != nil {
				t.Fatal(err)
			}
			samePacket(t, "request", sent, seen[before])
		})
	}
}

func samePacket(t *testing.T, what string, want, got packet) {
	t.Helper()
	if !bytes.Equal(want.op.raw, got.op.raw) || !bytes.Equal(want.controls, got.controls) {
		t.Errorf("%s differs\nwant %x %x\ngot  %x %x", what, want.op.raw, want.controls, got.op.raw, got.controls)
	}
}

// wire encodes the request.
func (q request) wire(t testing.TB) []byte {
	t.Helper()
	if q.Compare {
		return compareOp(q.Base, q.Attr, q.Value)
	}
	op := searchOp(q.Base, q.Scope, q.Size, q.Time, filterOf(t, q.Filter), q.Attrs...)
	if q.Types {
		op = typesOnly(op)
	}
	return op
}

// Whole entries as the command line shows them, against the directory's own
// data: what an administrator would compare by eye.
func TestLDIF(t *testing.T) {
	t.Parallel()
	forEachMode(t, func(t *testing.T, up *upstream, v view) {
		p := startWith(t, settings{servers: []string{up.url()}, mode: v.mode})
		c := newLDAPUtils(t, p.ldap, service, password)
		q := search("(objectClass=inetOrgPerson)")
		check(t, q, c.ask(t, q), found(everybody()))
		q = search("(objectClass=posixGroup)")
		check(t, q, c.ask(t, q), found(stored("got", "bb", "crew", "lospolloshermanos", "nightswatch", "everyone_lx")))
		q = search("(objectClass=groupOfNames)")
		check(t, q, c.ask(t, q), found(v.everyGroup()))
	})
}
