package ldap_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/ldap"
)

// ava and dn keep the tables short.
func ava(typ, value string) ldap.RDN { return ldap.RDN{{Type: typ, Value: value}} }

func dn(rdns ...ldap.RDN) ldap.DN { return rdns }

func parseDN(t *testing.T, s string) ldap.DN {
	t.Helper()
	d, err := ldap.ParseDN(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}

var dnTable = []struct {
	name, in string
	want     ldap.DN
	text     string // what it is written as, empty where that is in itself
}{
	{"empty", "", nil, ""},
	{"RFC 4514 section 4: three RDNs", "UID=jsmith,DC=example,DC=net", dn(ava("UID", "jsmith"), ava("DC", "example"), ava("DC", "net")), ""},
	{"RFC 4514 section 4: multi-valued RDN", "OU=Sales+CN=J.  Smith,DC=example,DC=net",
		dn(ldap.RDN{{Type: "OU", Value: "Sales"}, {Type: "CN", Value: "J.  Smith"}}, ava("DC", "example"), ava("DC", "net")), ""},
	{"RFC 4514 section 4: quotation marks", `CN=James \"Jim\" Smith\, III,DC=example,DC=net`,
		dn(ava("CN", `James "Jim" Smith, III`), ava("DC", "example"), ava("DC", "net")), ""},
	{"RFC 4514 section 4: carriage return", `CN=Before\0dAfter,DC=example,DC=net`, dn(ava("CN", "Before\rAfter"), ava("DC", "example"), ava("DC", "net")), ""},
	{"RFC 4514 section 4: BER of an octet string", "1.3.6.1.4.1.1466.0=#04024869", dn(ava("1.3.6.1.4.1.1466.0", "Hi")), "1.3.6.1.4.1.1466.0=Hi"},
	{"RFC 4514 section 4: non-ASCII, escaped", `CN=Lu\C4\8Di\C4\87`, dn(ava("CN", "Lučić")), "CN=Lučić"},
	{"non-ASCII, bare", "cn=Lučić 😀", dn(ava("cn", "Lučić 😀")), ""},

	{"librewrite: escaped space, comma, backslash at the end", `uid=test\20\2c\31\\`, dn(ava("uid", `test ,1\`)), `uid=test \,1\\`},
	{"librewrite: NUL and what looks like a filter", `cn=test\00)(uid=test,dc=x`, dn(ava("cn", "test\x00)(uid=test"), ava("dc", "x")), `cn=test\00)(uid\=test,dc=x`},
	{"librewrite: asterisk and backslash", `cn=*\\`, dn(ava("cn", `*\`)), ""},
	{"spaces around separators", "cn = a , dc = b + ou = c ", dn(ava("cn", "a"), ldap.RDN{{Type: "dc", Value: "b"}, {Type: "ou", Value: "c"}}), "cn=a,dc=b+ou=c"},
	{"spaces only", "   ", nil, ""},
	{"escaped outer spaces", `cn=\ a\ ,dc=b`, dn(ava("cn", " a "), ava("dc", "b")), ""},
	{"escaped space, then a bare one", `cn=a\20 ,dc=b`, dn(ava("cn", "a "), ava("dc", "b")), `cn=a\ ,dc=b`},
	{"escaped backslash, then a bare space", `cn=a\\ ,dc=b`, dn(ava("cn", `a\`), ava("dc", "b")), `cn=a\\,dc=b`},
	{"one space, escaped", `cn=\ `, dn(ava("cn", " ")), ""},
	{"empty value", "cn=,dc=b", dn(ava("cn", ""), ava("dc", "b")), ""},
	{"every special, escaped", `cn=\"\+\,\;\<\>\\\=\#\ x`, dn(ava("cn", `"+,;<>\=# x`)), `cn=\"\+\,\;\<\>\\\=# x`},
	{"number sign first, escaped", `cn=\#1`, dn(ava("cn", "#1")), ""},
	{"number sign later, bare", "cn=a#1", dn(ava("cn", "a#1")), ""},
	{"equals sign, bare", "cn=a=b", dn(ava("cn", "a=b")), `cn=a\=b`},
	{"slash, asterisk, parentheses", "cn=Dev/Ops (*)", dn(ava("cn", "Dev/Ops (*)")), ""},
	{"BER of a UTF8String, spaces behind", "cn=#0C0161 ,dc=b", dn(ava("cn", "a"), ava("dc", "b")), "cn=a,dc=b"},
	{"BER of an empty string", "cn=#0400", dn(ava("cn", "")), "cn="},
	{"type as an OID", "0.9.2342.19200300.100.1.1=x", dn(ava("0.9.2342.19200300.100.1.1", "x")), ""},
	{"type with a hyphen", "x-a-1=b", dn(ava("x-a-1", "b")), ""},
	{"octets that are no UTF-8", `cn=\ff\c4`, dn(ava("cn", "\xff\xc4")), ""},
	{"half a rune, a space, the other half", `cn=\c4 \8d`, dn(ava("cn", "\xc4 \x8d")), ""},
	{"JNDI String name with a slash, cut", "cn=Dev", dn(ava("cn", "Dev")), ""},
}

func TestParseDN(t *testing.T) {
	for _, tc := range dnTable {
		t.Run(tc.name, func(t *testing.T) {
			got := parseDN(t, tc.in)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.in, diff)
			}
			want := tc.text
			if want == "" && tc.want != nil {
				want = tc.in
			}
			if got.String() != want {
				t.Errorf("written as %s, want %s", got, want)
			}
			if again := parseDN(t, got.String()); cmp.Diff(got, again) != "" {
				t.Errorf("%s read again is %q", got, again)
			}
		})
	}
}

func TestParseDNRefuses(t *testing.T) {
	for _, in := range []string{
		"cn", "=", "=a", "cn=a,", "cn=a, ", ",cn=a", "cn=a,,dc=b", "cn=a+", "cn=a+,dc=b", "+cn=a", "cn=a,dc",
		`cn=a\`, `cn=\4`, `cn=\4g`, `cn=\g4`, `cn=\`, `cn=\x`,
		`cn="a"`, `cn=a"`, "cn=a<b", "cn=a>b", "cn=a;dc=b", "cn=a\x00b", `cn=\20a;b`, `cn=\20a"`, "cn=\\20\x00",
		"cn=#", "cn=#0", "cn=#0402486", "cn=#xy", "cn=#04024869ff", "cn=#0403aa", "cn=#3080", `cn=#04\3024869`, "cn=#ff", "cn=#0201ff", "cn=#300102", "cn=#24030401aa",
		"c n=a", "c_n=a", "cn;lang-en=a", "-cn=a", ".1=a", `c\6e=a`, "cñ=a", "(cn)=a", "\n", "\tcn=a",
		strings.Repeat("cn=a+", 64) + "cn=a",
	} {
		if d, err := ldap.ParseDN(in); err == nil {
			t.Errorf("%q is taken for %q", in, d)
		} else if len(in) > 1 && strings.Contains(err.Error(), in) {
			t.Errorf("the error quotes its input: %v", err)
		}
	}
}

func TestDNEqual(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"", " ", true},
		{"", "cn=a", false},
		{"cn=a", "cn=b", false},
		{"cn=a", "sn=a", false},
		{"cn=a,dc=b", "cn=a", false},
		{"cn=a,dc=b", "dc=b,cn=a", false},
		{"UID=JDoe,OU=Users", "uid=jdoe , ou = users", true},
		{"cn=a  b", `cn=\ A B\ `, true},
		{"cn=a b", "cn=ab", false},
		{"cn=Ä", `cn=\c3\a4`, true},
		{"cn=a", "2.5.4.3=a", true},
		{"commonName=a", "CN=a", true},
		{"uid=a", "0.9.2342.19200300.100.1.1=a", true},
		{"uid=a", "userid=a", true},
		{"2.5.4.3=a", "2.5.4.31=a", false},
		{"cn=Hi", "cn=#04024869", true},
		{"cn=a+ou=b", "ou=B+CN=a", true},
		{"cn=a+ou=b", "cn=a", false},
		{"cn=a+ou=b", "cn=a,ou=b", false},
		{"cn=a+ou=b", "cn=a+ou=c", false},
		{"cn=a+cn=a", "cn=a+cn=b", false},
		{`cn=a\,b`, `cn=a\2cb`, true},
		{`cn=a\,dc=b`, "cn=a,dc=b", false},
		{`cn=\ff`, `cn=\fe`, false},
		{`cn=\c3 \a9`, "cn=é", false}, // octets that no rune was made of must not join to one
	} {
		a, b := parseDN(t, tc.a), parseDN(t, tc.b)
		if a.Equal(b) != tc.want || b.Equal(a) != tc.want {
			t.Errorf("%q and %q: equal %v and %v, want %v", tc.a, tc.b, a.Equal(b), b.Equal(a), tc.want)
		}
	}
}

func TestDNBelowAndParent(t *testing.T) {
	for _, tc := range []struct {
		d, base string
		want    bool
	}{
		{"uid=a,ou=Users,o=1", "OU=users,O=1", true},
		{"ou=Users,o=1", "ou=Users,o=1", true},
		{"o=1", "ou=Users,o=1", false},
		{"uid=a,ou=Users,o=2", "ou=Users,o=1", false},
		{`uid=a\,ou=Users,o=1`, "ou=Users,o=1", false},
		{"uid=a", "", true},
		{"", "", true},
		{"", "o=1", false},
	} {
		if got := parseDN(t, tc.d).Below(parseDN(t, tc.base)); got != tc.want {
			t.Errorf("%q below %q: %v", tc.d, tc.base, got)
		}
	}
	if got := parseDN(t, "uid=a,ou=b,o=c").Parent().String(); got != "ou=b,o=c" {
		t.Errorf("parent %q", got)
	}
	if got := (ldap.DN{}).Parent(); got != nil {
		t.Errorf("parent of the empty DN: %q", got)
	}
}

// Any value at all survives being written into a DN; the text is UTF-8 of one
// line, and go-ldap reads it the same way.
func TestDNValueRoundTrip(t *testing.T) {
	value := rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.StringOfN(rapid.RuneFrom([]rune(` "#+,;<>\=0aA*()/é`+"\x00\n")), 0, 12, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		want := dn(ldap.RDN{{Type: "cn", Value: value.Draw(t, "a")}, {Type: "ou", Value: value.Draw(t, "b")}}, ava("dc", value.Draw(t, "c")))
		text := want.String()
		got, err := ldap.ParseDN(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%q: error %v, -want +got:\n%s", text, err, diff)
		}
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\n\r") {
			t.Fatalf("%q is not text of one line", text)
		}
		theirs, err := goldap.ParseDN(text)
		if err != nil {
			t.Fatalf("go-ldap does not read %q: %v", text, err)
		}
		for i, rdn := range theirs.RDNs {
			for j, a := range rdn.Attributes {
				if a.Value != want[i][j].Value {
					t.Fatalf("go-ldap reads %q in %q, want %q", a.Value, text, want[i][j].Value)
				}
			}
		}
		if fromBytes := string(ldap.AppendDNValue(nil, []byte(want[1][0].Value))); fromBytes != string(ldap.AppendDNValue(nil, want[1][0].Value)) {
			t.Fatalf("bytes are written as %q", fromBytes)
		}
	})
}

// Looking for the end of the rest once per RDN took minutes for this.
func TestParseDNTakesLinearTime(t *testing.T) {
	start := time.Now()
	in := strings.Repeat("a=,", 80_000) + "a=" + strings.Repeat(" ", 500_000)
	if d := parseDN(t, in); len(d) != 80_001 {
		t.Errorf("%d RDNs", len(d))
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("%d octets took %v", len(in), took)
	}
}

func TestFoldValue(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"jdoe":            "jdoe",
		"JDoe":            "jdoe",
		"  a \t\n b  ":    "a b",
		"   ":             "",
		"a b":             "a b",
		"a  b":            "a b",
		"a ":              "a",
		" a":              "a",
		"ÄÖÜ É":           "äöü é",
		"a\u00a0\u2003b":  "a b",
		"\u212a":          "k", // KELVIN SIGN
		"a\xff":           "a\xff",
		"a \xff b":        "a \xff b",
		"\xc3 \xa9":       "\xc3 \xa9",
		" \xff ":          "\xff",
		"A\x00B":          "a\x00b",
		"\ufffd X":        "\ufffd x",
		"x*\\,=()":        "x*\\,=()",
		"ДМИТРИЙ  Иванов": "дмитрий иванов",
	} {
		if got := ldap.FoldValue(in); got != want {
			t.Errorf("%q folds to %q, want %q", in, got, want)
		}
		if got := string(ldap.AppendFolded([]byte("x "), []byte(in))); got != "x "+want {
			t.Errorf("%q folds behind something else to %q, want %q", in, got, "x "+want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune(" \tAaÄİß\u2028")))).Draw(t, "in")
		once := ldap.FoldValue(in)
		if twice := ldap.FoldValue(once); twice != once {
			t.Fatalf("%q folds to %q, that to %q", in, once, twice)
		}
	})
}
