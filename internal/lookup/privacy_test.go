package lookup_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
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

func TestANameHasOneHashHoweverItIsWritten(t *testing.T) {
	h := lookup.NewHasher(nil)
	for name, records := range map[string][]lookup.Record{
		"Snow, Jon (N*)": {
			{BindDN: `cn=Snow\, Jon (N*),ou=x`},
			{BindDN: `CN = Snow\2c Jon (N*) ,ou=x`},
			{Filter: `(cn=Snow, Jon \28N\2a\29)`},
			{Filter: `(cn=Snow, Jon \28N\2A\29*)`},
			{Filter: `(cn>=Snow\2c Jon \28N\2a\29)`},
			{Filter: `(member=cn=Snow\5c, Jon \28N\2a\29,ou=x)`},
			{Filter: `(member=cn=Snow\5c2c Jon \28N\2a\29,ou=x)`},
		},
		"jon@x, y": {
			{BindDN: "jon@x, y"},
			{Filter: "(mail=jon@x, y)"},
		},
		strings.Repeat("ö", 1000): {
			{BindDN: "cn=" + strings.Repeat("ö", 1000)},
			{Filter: "(cn=" + strings.Repeat(`\c3\B6`, 1000) + ")"},
		},
	} {
		for _, r := range records {
			got := h.Record(&r)
			if text := got.BindDN + got.Filter; !strings.Contains(text, h.Value(name)) {
				t.Errorf("%.80s became %s, without %s", r.BindDN+r.Filter, text, h.Value(name))
			}
		}
	}
}

func TestHashedDNIsWrittenPlainly(t *testing.T) {
	h := lookup.NewHasher(nil)
	r := h.Record(&lookup.Record{BindDN: " UID = jon,\nou=x + cn =jon;o=", Filter: `(member=\0auid=jon,ou=x)`})
	jon, x := h.Value("jon"), h.Value("x")
	if want := "UID=" + jon + ",ou=" + x + "+cn=" + jon + ";o="; r.BindDN != want {
		t.Errorf("DN %q, want %q", r.BindDN, want)
	}
	if want := "(member=uid=" + jon + ",ou=" + x + ")"; r.Filter != want {
		t.Errorf("filter %q, want %q", r.Filter, want)
	}
}

func TestHashedRecordLeaksNothingToWhatIsReadOutOfIt(t *testing.T) {
	h := lookup.NewHasher(nil)
	const dn = "uid=secret,ou=secret"
	filter := "(&(objectClass=secret*)(uid=secret)(secret x=secret)(member=" + dn + "))"
	for _, op := range lookup.Ops() {
		for _, kind := range lookup.Kinds() {
			r := h.Record(&lookup.Record{
				Op: op, Kind: kind, BindDN: dn, Base: dn, Scope: "base", Filter: filter, Name: "secret name", Diagnostic: "cn=secret",
				Attrs: []string{"secret name"}, Controls: []string{"secret name"}, Hints: []string{"secret=", "hint: cn=secret"},
				Upstream: lookup.UpstreamPart{Base: dn, Filter: filter, Attrs: []string{"secret name"}},
			})
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if shown := string(text) + r.Subject(); strings.Contains(shown, "secret") {
				t.Errorf("%s %s: %s", op, kind, shown)
			}
		}
	}
}

func TestHasherServesManySinksAtOnce(t *testing.T) {
	h, sole := lookup.NewHasher([]byte("key")), lookup.NewHasher([]byte("key"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 { // more values than are remembered
				value := strconv.Itoa(i)
				if got := h.Value(value); len(got) != 14 {
					t.Errorf("Value(%s) = %s", value, got)
				}
			}
		})
	}
	wg.Wait()
	for i := range 2000 {
		value := strings.Repeat("a", i%600) + strconv.Itoa(i)
		mac := hmac.New(sha256.New, []byte("key"))
		mac.Write([]byte(value))
		want := fmt.Sprintf("h:%x", mac.Sum(nil)[:6])
		if a, b := h.Value(value), sole.Value(value); a != want || b != want {
			t.Fatalf("Value(%s) = %s and %s, want %s", value, a, b, want)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	h := lookup.NewHasher(nil)
	r := search("membership", "(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=uid=jon.snow,"+users+"))")
	r.Attrs, r.Controls = []string{"cn", "gidNumber", "entryUUID", "member"}, []string{"2.16.840.1.113730.3.4.2"}
	r.Upstream = lookup.UpstreamPart{Base: users, Filter: "(&(objectClass=posixGroup)(cn=got)(memberUid=jon.snow))", Attrs: r.Attrs}
	b.ReportAllocs()
	for b.Loop() {
		h.Record(&r)
	}
}

type funcSink func(*lookup.Record)

func (funcSink) Name() string             { return "func" }
func (f funcSink) Write(r *lookup.Record) { f(r) }
