package ldap_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"jamf-ldap-proxy/internal/ldap"
)

// userSearch is the search Jamf sends for a user name.
func userSearch() ldap.SearchRequest {
	return ldap.SearchRequest{
		Base: "ou=Users,o=5f0c1a2b3c4d5e6f7a8b9c0d,dc=jumpcloud,dc=com", Scope: ldap.ScopeSubtree, Deref: 3, SizeLimit: 0, TimeLimit: 61,
		Filter: ldap.And(ldap.Equal("objectClass", "inetOrgPerson"), substrings("uid", ldap.Substring{Kind: ldap.SubInitial, Value: "jdoe"}),
			ldap.Or(ldap.Equal("mail", "jdoe@example.com"), ldap.Equal("cn", "John Doe"))),
		Attributes: []string{"uid", "cn", "mail", "givenName", "sn", "telephoneNumber", "departmentNumber", "title", "entryUUID"},
	}
}

func userEntry() []byte {
	e := entry{DN: "uid=jdoe,ou=Users,o=5f0c1a2b3c4d5e6f7a8b9c0d,dc=jumpcloud,dc=com"}
	for _, name := range []string{"uid", "cn", "mail", "givenName", "sn", "telephoneNumber", "departmentNumber", "title", "objectClass"} {
		e.Attributes = append(e.Attributes, attribute{name, []string{"a value of " + name}})
	}
	return appendEntry(nil, 7, e, nil)
}

func groupEntry(members int) []byte {
	e := entry{DN: "cn=staff,ou=Users,o=5f0c1a2b3c4d5e6f7a8b9c0d,dc=jumpcloud,dc=com", Attributes: []attribute{{"cn", []string{"staff"}}, {"member", nil}}}
	for i := range members {
		e.Attributes[1].Values = append(e.Attributes[1].Values, fmt.Sprintf("uid=user%04d,ou=Users,o=5f0c1a2b3c4d5e6f7a8b9c0d,dc=jumpcloud,dc=com", i))
	}
	return appendEntry(nil, 7, e, nil)
}

// endless gives the same octets for ever.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}

// passEntry is what the proxy does to an entry that needs no undo.
func passEntry(f *ldap.Framer, out []byte) ([]byte, error) {
	frame, err := f.Next(16<<20, nil)
	if err != nil {
		return out, err
	}
	m, err := ldap.ParseMessage(frame)
	if err != nil {
		return out, err
	}
	return ldap.AppendEnvelope(out, 4711, m.Tail), nil
}

// walkEntry looks at every value, as undo does before it decides.
func walkEntry(body []byte) (values, size int, err error) {
	e, err := ldap.DecodeEntry(body)
	if err != nil {
		return 0, 0, err
	}
	for {
		a, ok, err := e.NextAttribute()
		if err != nil || !ok {
			return values, size, err
		}
		for {
			v, ok, err := a.NextValue()
			if err != nil {
				return values, size, err
			}
			if !ok {
				break
			}
			values, size = values+1, size+len(v)
		}
	}
}

func TestPassingAnEntryDoesNotAllocate(t *testing.T) {
	for name, wire := range map[string][]byte{"user": userEntry(), "group of 500": groupEntry(500)} {
		f := ldap.NewFramer(&endless{data: wire})
		out := make([]byte, 0, len(wire)+8)
		if n := testing.AllocsPerRun(200, func() {
			got, err := passEntry(f, out[:0])
			if err != nil || len(got) != len(wire)+1 { // 4711 takes an octet more than 7
				t.Fatalf("%d octets, %v", len(got), err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestWalkingAnEntryDoesNotAllocate(t *testing.T) {
	m, err := ldap.ParseMessage(groupEntry(500))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if values, _, err := walkEntry(m.Body); values != 501 || err != nil {
			t.Fatalf("%d values, %v", values, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEncodingIntoAWarmBufferDoesNotAllocate(t *testing.T) {
	s, c, res := userSearch(), ldap.CompareRequest{DN: "cn=g", Attr: "memberUid", Value: "jdoe"}, ldap.Result{Code: 32, MatchedDN: "dc=com"}
	name := parseDN(t, `uid=a\,b,ou=Users,dc=example`)
	group := entry{DN: "cn=g", Attributes: []attribute{{"member", make([]string, 500)}}}
	filter := ldap.And(ldap.Equal("userPassword", "x"), ldap.Equal("cn", "Lučić\xff"))
	body, password := []byte("body"), []byte("pw")
	dst := make([]byte, 0, 64<<10)
	for what, f := range map[string]func(){
		"search":     func() { ldap.AppendSearchRequest(dst, &s) },
		"compare":    func() { ldap.AppendCompareRequest(dst, &c) },
		"bind":       func() { ldap.AppendSimpleBind(dst, "uid=x", password) },
		"abandon":    func() { ldap.AppendAbandonRequest(dst, 70000, 69999) },
		"unbind":     func() { ldap.AppendUnbindRequest(dst, 3) },
		"operation":  func() { ldap.AppendOperation(dst, 3, ldap.OpSearchRequest, body, body) },
		"result":     func() { ldap.AppendResult(dst, 3, ldap.OpSearchResultDone, &res, body) },
		"extended":   func() { ldap.AppendExtendedResponse(dst, 3, &res, ldap.OIDStartTLS, body) },
		"entry":      func() { appendEntry(dst, 3, group, body) },
		"control":    func() { ldap.AppendControl(dst, ldap.Control{OID: ldap.OIDManageDsaIT, Critical: true}) },
		"DN":         func() { name.Append(dst) },
		"text":       func() { filter.AppendText(dst, 256, nil) },
		"fold":       func() { ldap.AppendFolded(dst, "John  DÖE") },
		"fold bytes": func() { ldap.AppendFolded(dst, password) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func TestDecodingRequestsAllocatesLittle(t *testing.T) {
	s := userSearch()
	search := string(ldap.AppendSearchRequest(nil, &s))
	simple := ldap.Equal("uid", "jdoe")
	filter := string(ldap.AppendFilter(nil, &simple))
	compare := string(ldap.AppendCompareRequest(nil, &ldap.CompareRequest{DN: "cn=g", Attr: "memberUid", Value: "jdoe"}))
	for _, tc := range []struct {
		what string
		most float64
		f    func() error
	}{
		// Two lists of children, one of pieces, one of attributes.
		{"search", 4, func() error { _, err := ldap.DecodeSearchRequest(search, decodeLimits); return err }},
		{"filter", 0, func() error { _, err := ldap.DecodeFilter(filter, decodeLimits); return err }},
		{"compare", 0, func() error { _, err := ldap.DecodeCompareRequest(compare); return err }},
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := tc.f(); err != nil {
				t.Fatal(err)
			}
		}); n > tc.most {
			t.Errorf("%s: %v allocations, want at most %v", tc.what, n, tc.most)
		}
	}
}

func BenchmarkPassEntry(b *testing.B) {
	wire := userEntry()
	f := ldap.NewFramer(&endless{data: wire})
	var out []byte
	var err error
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		if out, err = passEntry(f, out[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeSearch(b *testing.B) {
	s := userSearch()
	body := ldap.AppendSearchRequest(nil, &s)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ldap.DecodeSearchRequest(string(body), decodeLimits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReencodeSearch(b *testing.B) {
	s := userSearch()
	body := string(ldap.AppendSearchRequest(nil, &s))
	var out []byte
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		got, err := ldap.DecodeSearchRequest(body, decodeLimits)
		if err != nil {
			b.Fatal(err)
		}
		out = ldap.AppendSearchRequest(out[:0], &got)
	}
}

// A group of 500 members: read from the stream, looked at, passed on.
func BenchmarkGroup500(b *testing.B) {
	wire := groupEntry(500)
	f := ldap.NewFramer(io.MultiReader(bytes.NewReader(nil), &endless{data: wire}))
	var out []byte
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		frame, err := f.Next(16<<20, nil)
		if err != nil {
			b.Fatal(err)
		}
		m, err := ldap.ParseMessage(frame)
		if err != nil {
			b.Fatal(err)
		}
		if values, _, err := walkEntry(m.Body); values != 501 || err != nil {
			b.Fatal(values, err)
		}
		out = ldap.AppendEnvelope(out[:0], 4711, m.Tail)
	}
}

// What a record takes from a request: its filter as text.
func BenchmarkFilterText(b *testing.B) {
	s := userSearch()
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = s.Filter.AppendText(out[:0], 2048, nil)
	}
}

// A final result: looked at, and passed on under another message ID.
func BenchmarkPassResult(b *testing.B) {
	wire := ldap.AppendResult(nil, 7, ldap.OpSearchResultDone, &ldap.Result{}, nil)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		m, err := ldap.ParseMessage(wire)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := ldap.DecodeResult(m.Body); err != nil {
			b.Fatal(err)
		}
		out = ldap.AppendEnvelope(out[:0], 4711, m.Tail)
	}
}
