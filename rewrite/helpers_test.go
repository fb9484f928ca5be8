package rewrite

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

const testBase = "ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"

var testLimits = ldap.Limits{Nesting: 64, FilterTerms: 4096, Controls: 32, Attributes: 1000}

// samplePairs are the pairs of the sample organisation.
var samplePairs = []PairConfig{
	{Legacy: "gameOfThrones", Posix: "got", GID: 7001},
	{Legacy: "breakingBad", Posix: "bb", GID: 7002},
	{Legacy: "Heisenberg Crew", Posix: "crew", GID: 7003},
	{Legacy: "Los Pollos Hermanos", Posix: "lospolloshermanos", GID: 7004},
	{Legacy: "Night's Watch (Wall)", Posix: "nightswatch", GID: 7005},
	{Legacy: "Everyone", Posix: "everyone_lx", GID: 7006},
}

func sampleRules(t testing.TB, change ...func(*Config)) *Rules {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Base, cfg.Pairs = testBase, samplePairs
	for _, c := range change {
		c(&cfg)
	}
	r, err := Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// filterOf parses filter text with an independent library.
func filterOf(t testing.TB, text string) ldap.Filter {
	t.Helper()
	packet, err := goldap.CompileFilter(text)
	if err != nil {
		t.Fatalf("compiling %s: %v", text, err)
	}
	f, err := ldap.DecodeFilter(string(packet.Bytes()), testLimits)
	if err != nil {
		t.Fatalf("decoding %s: %v", text, err)
	}
	return f
}

// entryBody encodes an entry; a nil list of values is an attribute of types only.
func entryBody(dn string, attrs ...[]string) []byte {
	var list []byte
	for _, a := range attrs {
		var set []byte
		for _, v := range a[1:] {
			set = ber.Append(set, ber.OctetString, v)
		}
		one := ber.Append(nil, ber.OctetString, a[0])
		one = ber.Append(one, ber.Set, set)
		list = ber.Append(list, ber.Sequence, one)
	}
	return ber.Append(ber.Append(nil, ber.OctetString, dn), ber.Sequence, list)
}

// entryText writes an encoded entry message as LDIF-like lines.
func entryText(t testing.TB, message []byte) string {
	t.Helper()
	m, err := ldap.ParseMessage(message)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ldap.DecodeEntry(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	text := "dn: " + string(e.DN) + "\n"
	for {
		a, ok, err := e.NextAttribute()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return text
		}
		if a.Values.Empty() {
			text += string(a.Description) + "\n"
		}
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			text += string(a.Description) + ": " + string(v) + "\n"
		}
	}
}
