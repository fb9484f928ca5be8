package test

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The organisation that both upstreams hold: testdata/jumpcloud.ldif. And the
// views of its groups that a bridged request is answered from, written by hand:
// in mode posix testdata/view-posix.ldif, in mode merge testdata/view-merge.ldif
// besides.
const (
	orgBase   = "o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"
	usersBase = "ou=Users," + orgBase

	password = "Str0ng-Passw0rd!" // of every user

	service    = "uid=jamf.ldap," + usersBase  // may search
	otherAdmin = "uid=gus.fring," + usersBase  // may search
	endUser    = "uid=heisenberg," + usersBase // may bind, sees nothing
)

// groupAttrs are the attributes Jamf maps for a group.
var groupAttrs = []string{"gidNumber", "cn", "entryUUID"}

//go:embed testdata/jumpcloud.ldif
var orgLDIF string

//go:embed testdata/view-posix.ldif
var viewPosixLDIF string

//go:embed testdata/view-merge.ldif
var viewMergeLDIF string

// view is what a bridged request sees of the groups in one mode. The modes
// differ in which groups there are, not in what a group looks like.
type view struct {
	mode   string
	groups []entry
}

var (
	posixView = view{"posix", parseLDIF(panicking{}, viewPosixLDIF)}
	mergeView = view{"merge", parseLDIF(panicking{}, viewPosixLDIF+"\n"+viewMergeLDIF)}
)

var (
	orgEntries  = sync.OnceValue(func() map[string]entry { return byDN(parseLDIF(panicking{}, orgLDIF)) })
	viewEntries = sync.OnceValue(func() map[string]entry { return byDN(mergeView.groups) })
)

func byDN(entries []entry) map[string]entry {
	all := map[string]entry{}
	for _, e := range entries {
		all[e.DN] = e
	}
	return all
}

// panicking is the testing.TB of data that is read outside any one test.
type panicking struct{ testing.TB }

func (panicking) Helper()                           {}
func (panicking) Fatalf(format string, args ...any) { panic("reading test data: " + format) }

// userDN and groupDN name entries of the flat container.
func userDN(uid string) string { return "uid=" + uid + "," + usersBase }
func groupDN(cn string) string { return "cn=" + cn + "," + usersBase }

// groups returns groups as a bridged request sees them, in every mode that
// shows them.
func groups(cns ...string) []entry {
	var out []entry
	for _, cn := range cns {
		out = append(out, lookUp(viewEntries(), groupDN(cn)))
	}
	return out
}

// stored returns groups as upstream has them, either kind.
func stored(cns ...string) []entry {
	var out []entry
	for _, cn := range cns {
		out = append(out, lookUp(orgEntries(), groupDN(cn)))
	}
	return out
}

// people returns user entries as the service account sees them: userPassword
// only on its own.
func people(uids ...string) []entry {
	var out []entry
	for _, uid := range uids {
		e := lookUp(orgEntries(), userDN(uid))
		if e.DN != service {
			e = without(e, "userPassword")
		}
		out = append(out, e)
	}
	return out
}

func everybody() []entry {
	return people("jamf.ldap", "jon.snow", "arya.stark", "tyrion.lannister", "daenerys_t", "heisenberg",
		"jesse.pinkman", "gus.fring", "hector.salamanca", "saul.goodman")
}

func (v view) everyGroup() []entry { return slices.Clone(v.groups) }

// groupsOf are the groups of a user.
func (v view) groupsOf(uid string) []entry {
	return slices.DeleteFunc(v.everyGroup(), func(e entry) bool { return !slices.Contains(e.Attrs["memberUid"], uid) })
}

// pairedGroups are the groups with a Linux group, and so with a group ID.
func pairedGroups() []entry { return posixView.everyGroup() }

// noGroups is everything below the users base that is no group.
func noGroups() []entry { return append(everybody(), container(usersBase)...) }

func container(dn string) []entry { return []entry{lookUp(orgEntries(), dn)} }

func lookUp(in map[string]entry, dn string) entry {
	e, ok := in[dn]
	if !ok {
		panic("no entry " + dn + " in the test data")
	}
	return e
}

func without(e entry, name string) entry {
	out := entry{DN: e.DN, Attrs: map[string][]string{}}
	for n, v := range e.Attrs {
		if !strings.EqualFold(n, name) {
			out.Attrs[n] = v
		}
	}
	return out
}
