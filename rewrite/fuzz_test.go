package rewrite

import (
	"testing"

	"jamf-ldap-proxy/internal/ldap"
)

// FuzzMemberDN: the member DN that the view shows for a user name is, when a
// client sends it back, understood as that user name.
func FuzzMemberDN(f *testing.F) {
	for _, uid := range []string{"jon.snow", "x,y", "a+b", "#a", " a", "a ", `a\b`, `"q"`, "é", "\x00", "a=b", "\xff", "uid=x", "*()"} {
		f.Add(uid)
	}
	r := sampleRules(f)
	f.Fuzz(func(t *testing.T, uid string) {
		if uid == "" {
			return // no directory stores an empty value
		}
		dn := string(r.appendMemberDN(nil, []byte(uid)))
		got, inside, ok := r.memberUID(dn)
		if !ok || !inside || got != uid {
			t.Fatalf("%q became %q and came back as %q (%v, %v)", uid, dn, got, inside, ok)
		}
	})
}

// FuzzViewDN: mapping a DN of an upstream entry changes nothing but a paired
// name, leaves a DN a DN, and a base made of the result leads back.
func FuzzViewDN(f *testing.F) {
	for _, dn := range []string{
		"cn=got," + testBase, "CN = got , " + testBase, "cn=GOT,ou=x," + testBase, `cn=g\6ft,` + testBase, "cn=got+gidNumber=1," + testBase,
		"cn=CarWash," + testBase, "uid=x," + testBase, `cn=nightswatch\,x,` + testBase, "cn=#0403676f74," + testBase, "cn=", "=", "",
	} {
		f.Add(dn)
	}
	r := sampleRules(f)
	f.Fuzz(func(t *testing.T, dn string) {
		before, err := ldap.ParseDN(dn)
		shown := string(r.appendViewDN(nil, []byte(dn)))
		if err != nil {
			return
		}
		after, err := ldap.ParseDN(shown)
		if err != nil {
			t.Fatalf("%q is a DN, %q is none", dn, shown)
		}
		if shown == dn {
			return
		}
		if len(after) != len(before) || !after.Parent().Equal(before.Parent()) {
			t.Fatalf("%q became %q", dn, shown)
		}
		if !before.Parent().Below(r.base) {
			return
		}
		m := r.mapBase(shown)
		back, err := ldap.ParseDN(m.mapped)
		if m.pair == nil || err != nil || !back.Equal(before) {
			t.Fatalf("%q is shown as %q, which leads to %q", dn, shown, m.mapped)
		}
	})
}
