package lookup_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/lookup"
)

func TestHashedRecordNamesNobodyButKeepsItsShape(t *testing.T) {
	h := lookup.NewHasher([]byte("test"))
	v := h.Value
	base := "ou=" + v("Users") + ",o=" + v("5f0e") + ",dc=" + v("jumpcloud") + ",dc=" + v("com")
	r := &lookup.Record{
		ID: 7, ClientAddr: "10.0.0.5:40112", BindDN: "uid=jamf,ou=Users,o=5f0e,dc=jumpcloud,dc=com",
		Op: lookup.OpSearch, Kind: lookup.KindMembership, Scope: "sub",
		Base:     "ou=Users,o=5f0e,dc=jumpcloud,dc=com",
		Filter:   "(&(objectClass=groupOfNames)(!(cn=*game*of*))(member=uid=jon.snow,ou=Users,o=5f0e,dc=jumpcloud,dc=com))",
		Attrs:    []string{"cn", "1.1", "what is this"},
		Controls: []string{"1.2.840.113556.1.4.319"},
		Name:     "1.3.6.1.4.1.4203.1.11.3",
		Hints:    []string{"bare-uid: uid=jon.snow was meant", "unpaired"},
		Upstream: lookup.UpstreamPart{
			Server: "ldap.jumpcloud.com:636", Base: "ou=Users,o=5f0e,dc=jumpcloud,dc=com",
			Filter: "(&(objectClass=posixGroup)(memberUid=jon.snow))",
		},
		Result: 32, ResultName: "noSuchObject", Diagnostic: "no entry uid=jon.snow",
	}
	before := *r

	want := before
	want.BindDN = "uid=" + v("jamf") + "," + base
	want.Base = base
	want.Filter = "(&(objectClass=groupOfNames)(!(cn=*" + v("game") + "*" + v("of") + "*))(member=uid=" + v("jon.snow") + "," + base + "))"
	want.Attrs = []string{"cn", "1.1", v("what is this")}
	want.Hints = []string{"bare-uid: " + v("uid=jon.snow was meant"), "unpaired"}
	want.Upstream.Base = base
	want.Upstream.Filter = "(&(objectClass=posixGroup)(memberUid=" + v("jon.snow") + "))"
	want.Diagnostic = v("no entry uid=jon.snow")
	if diff := cmp.Diff(&want, h.Record(r)); diff != "" {
		t.Errorf("hashed record (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&before, r); diff != "" {
		t.Errorf("the original changed:\n%s", diff)
	}
}

func TestHashedFilterLeaksNoValue(t *testing.T) {
	h := lookup.NewHasher(nil)
	for _, filter := range []string{
		"(cn=secret)", "(cn>=secret)", "(cn~=secret)", "(cn:dn:2.5.13.2:=secret)",
		"(cn=*secret)", "(cn=secret*)", `(cn=\28secret\29)`, "(cn=a=secret=b)",
		"(member=secret=1,cn=2)", "(member=cn=1,secret)", "(member=cn=secret*)", `(member=uid=a\5c,secret,ou=b)`,
		"(secret)", "secret", "(cn=secret", "((secret))", "(&secret(cn=x))", "(a secret=x)", "(objectClass=a secret)",
	} {
		got := h.Record(&lookup.Record{Filter: filter, BindDN: filter, Base: "x,secret=1," + filter, Diagnostic: "=" + filter})
		if text := got.Filter + got.BindDN + got.Base + got.Diagnostic; strings.Contains(text, "secret") {
			t.Errorf("filter %s became %s", filter, text)
		}
	}
}

func TestHashedFilterKeepsWhatIsNoValue(t *testing.T) {
	h := lookup.NewHasher(nil)
	for _, filter := range []string{"(objectClass=*)", "(cn=**)", "(cn=)", "(&)", "(|)", "(&(cn=*)(!(uid=*)))", ""} {
		if got := h.Record(&lookup.Record{Filter: filter}).Filter; got != filter {
			t.Errorf("filter %s became %s", filter, got)
		}
	}
}

func TestHashesFollowTheKey(t *testing.T) {
	a, b := lookup.NewHasher([]byte("one")), lookup.NewHasher([]byte("one"))
	if a.Value("jon") != b.Value("jon") {
		t.Error("one key gave two hashes")
	}
	if a.Value("jon") == a.Value("Jon") {
		t.Error("two values gave one hash")
	}
	if x, y := lookup.NewHasher(nil), lookup.NewHasher(nil); x.Value("jon") == y.Value("jon") {
		t.Error("two random keys gave one hash")
	}
	if got := a.Value("jon"); len(got) != 14 || !strings.HasPrefix(got, "h:") {
		t.Errorf("Value = %q, want h: and 12 digits", got)
	}
}

func TestHashedSinkKeepsItsName(t *testing.T) {
	var got *lookup.Record
	sink := lookup.NewHasher(nil).Sink(funcSink(func(r *lookup.Record) { got = r }))
	sink.Write(&lookup.Record{Base: "cn=x", ID: 3})
	if sink.Name() != "func" || got.ID != 3 || strings.Contains(got.Base, "x") {
		t.Errorf("sink %s wrote %+v", sink.Name(), got)
	}
}

type funcSink func(*lookup.Record)

func (funcSink) Name() string             { return "func" }
func (f funcSink) Write(r *lookup.Record) { f(r) }
