package directory

import (
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"jamf-ldap-proxy/internal/ldap"
)

func TestDNKeys(t *testing.T) {
	s := newSchema()
	same := [][2]string{
		{"cn=a,dc=b", "CN = A , DC = B"},
		{"cn=a,dc=b", "2.5.4.3=a,0.9.2342.19200300.100.1.25=b"},
		{`cn=a\,b,dc=c`, `cn=a\2Cb,dc=c`},
		{`cn=a\+b`, `cn=a\2bb`},
		{"cn=a+sn=b", "sn=b+cn=a"},
		{"cn=a  b", "cn=a b"},
		{`cn=\c3\a9`, "cn=É"},
		{"cn=#04024869", "cn=hi"},
		{"cn=Night's Watch (Wall)", `cn=Night's Watch \28Wall\29`},
		{"commonName=x", "cn=x"},
		{`cn=a=b`, `cn=a\=b`},
	}
	for _, pair := range same {
		a, errA := s.parseDN(pair[0])
		b, errB := s.parseDN(pair[1])
		if errA != nil || errB != nil || a.key() != b.key() {
			t.Errorf("%q and %q differ: %q %v, %q %v", pair[0], pair[1], a.key(), errA, b.key(), errB)
		}
	}
	different := [][2]string{
		{`cn=a\,dc=b`, "cn=a,dc=b"},
		{"cn=a+cn=b", "cn=a,cn=b"},
		{"memberUid=a", "memberUid=A"},
		{"", "cn=a"},
	}
	for _, pair := range different {
		a, errA := s.parseDN(pair[0])
		b, errB := s.parseDN(pair[1])
		if errA != nil || errB != nil || a.key() == b.key() {
			t.Errorf("%q and %q are the same: %q %v, %q %v", pair[0], pair[1], a.key(), errA, b.key(), errB)
		}
	}
}

func TestInvalidDNs(t *testing.T) {
	s := newSchema()
	for _, text := range []string{
		"x", "=x", "cn", "cn=", "cn=a,", ",cn=a", "cn=a,,dc=b", "cn=a+", "foo=bar", `cn=a\`, `cn=a\z`, `cn=a\4`,
		"cn=a;dc=b", `cn="a"`, "cn=<a>", "cn=#zz", "cn=#0405", "cn=#3080", "cn=\xff", "gidNumber=x",
	} {
		if name, err := s.parseDN(text); err == nil {
			t.Errorf("%q was accepted as %q", text, name.key())
		}
	}
}

// FuzzParseDN: what this directory takes for a DN, the proxy's codec does too, and what
// are two spellings of one here are equal there.
func FuzzParseDN(f *testing.F) {
	for _, text := range []string{adminDN, `cn=a\2Cb+sn=x , dc=c`, `cn=\`, "=", `cn=\c3\a9,dc=B  b`} {
		f.Add(text, text)
		f.Add(text, strings.ToUpper(text))
	}
	s := newSchema()
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "#") {
			return // BER of other types than strings: a value here, refused there
		}
		nameA, errA := s.parseDN(a)
		nameB, errB := s.parseDN(b)
		oursA, errOursA := ldap.ParseDN(a)
		oursB, errOursB := ldap.ParseDN(b)
		if errA == nil && errOursA != nil || errB == nil && errOursB != nil {
			t.Fatalf("%q and %q are DNs to the directory, to the codec %v, %v", a, b, errOursA, errOursB)
		}
		if errA == nil && errB == nil && nameA.key() == nameB.key() && !oursA.Equal(oursB) {
			t.Fatalf("%q and %q are one DN to the directory, to the codec %q and %q", a, b, oursA, oursB)
		}
	})
}

// FuzzDecodeMessage: nothing that this directory decodes makes it stumble, and what the
// proxy's codec decodes too is the same operation under the same ID.
func FuzzDecodeMessage(f *testing.F) {
	f.Add(bindPacket(1, 3, adminDN, "x").Bytes())
	f.Add(abandonPacket(2, 1).Bytes())
	f.Add([]byte{0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00})
	s := newSchema()
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := decodeMessage(frame)
		if ours, oursErr := ldap.ParseMessage(frame); err == nil && oursErr == nil &&
			(int64(ours.ID) != m.id || ber.Tag(ours.Op&0x1f) != m.op.Tag) {
			t.Fatalf("% x: message %d of %d, to the codec %d of %d", frame, m.id, m.op.Tag, ours.ID, ours.Op&0x1f)
		}
		if err != nil || m.op.Tag != opSearch || !isSearch(m.op.Children) {
			return
		}
		if filter, err := compileFilter(s, m.op.Children[6]); err == nil {
			filter.eval(s, &entry{}, nil)
		}
	})
}
