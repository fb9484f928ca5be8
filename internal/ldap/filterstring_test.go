package ldap_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/ldap"
)

func extensible(attr, rule string, dnAttrs bool, value string) ldap.Filter {
	return ldap.Filter{Kind: ldap.FilterExtensible, Attr: attr, Rule: rule, DNAttrs: dnAttrs, Value: value}
}

func substrings(attr string, piece ...ldap.Substring) ldap.Filter {
	return ldap.Filter{Kind: ldap.FilterSubstrings, Attr: attr, Substrings: piece}
}

func TestFilterString(t *testing.T) {
	for want, f := range map[string]ldap.Filter{
		// RFC 4515 section 4.
		`(cn=Babs Jensen)`:  ldap.Equal("cn", "Babs Jensen"),
		`(!(cn=Tim Howes))`: ldap.Not(ldap.Equal("cn", "Tim Howes")),
		`(&(objectClass=Person)(|(sn=Jensen)(cn=Babs*)))`: ldap.And(ldap.Equal("objectClass", "Person"), ldap.Or(ldap.Equal("sn", "Jensen"), substrings("cn", ldap.Substring{Kind: ldap.SubInitial, Value: "Babs"}))),
		`(o=univ*of*mich*)`:                                      substrings("o", ldap.Substring{Kind: ldap.SubInitial, Value: "univ"}, ldap.Substring{Kind: ldap.SubAny, Value: "of"}, ldap.Substring{Kind: ldap.SubAny, Value: "mich"}),
		`(seeAlso=)`:                                             ldap.Equal("seeAlso", ""),
		`(cn:caseExactMatch:=Fred Flintstone)`:                   extensible("cn", "caseExactMatch", false, "Fred Flintstone"),
		`(cn:=Betty Rubble)`:                                     extensible("cn", "", false, "Betty Rubble"),
		`(sn:dn:2.4.6.8.10:=Barney Rubble)`:                      extensible("sn", "2.4.6.8.10", true, "Barney Rubble"),
		`(o:dn:=Ace Industry)`:                                   extensible("o", "", true, "Ace Industry"),
		`(:1.2.3:=Wilma Flintstone)`:                             extensible("", "1.2.3", false, "Wilma Flintstone"),
		`(:dn:2.4.6.8.10:=Dino)`:                                 extensible("", "2.4.6.8.10", true, "Dino"),
		`(o=Parens R Us \28for all your parenthetical needs\29)`: ldap.Equal("o", "Parens R Us (for all your parenthetical needs)"),
		`(cn=*\2a*)`:                                             substrings("cn", ldap.Substring{Kind: ldap.SubAny, Value: "*"}),
		`(filename=C:\5cMyFile)`:                                 ldap.Equal("filename", `C:\MyFile`),
		`(bin=\00\00\00\04)`:                                     ldap.Equal("bin", "\x00\x00\x00\x04"),
		`(sn=Lučić)`:                                             ldap.Equal("sn", "Lučić"),
		`(1.3.6.1.4.1.1466.0=\04\02Hi)`:                          ldap.Equal("1.3.6.1.4.1.1466.0", "\x04\x02Hi"),
		`(cn=*x)`:                                                substrings("cn", ldap.Substring{Kind: ldap.SubFinal, Value: "x"}),
		`(cn>=a)`:                                                {Kind: ldap.FilterGreaterOrEqual, Attr: "cn", Value: "a"},
		`(cn<=a)`:                                                {Kind: ldap.FilterLessOrEqual, Attr: "cn", Value: "a"},
		`(cn~=a)`:                                                {Kind: ldap.FilterApprox, Attr: "cn", Value: "a"},
		`(cn=*)`:                                                 ldap.Present("cn"),
		`(&)`:                                                    ldap.And(),
		`(|)`:                                                    ldap.Or(),
		`(cn=**)`:                                                substrings("cn"),
		`(\29\28cn=a)`:                                           ldap.Equal(")(cn", "a"),
		`(cn=a\0d\0ab\1b\7f)`:                                    ldap.Equal("cn", "a\r\nb\x1b\x7f"),
		`(cn=\e2\80\a8\e2\80\ae\c2\85)`:                          ldap.Equal("cn", "\u2028\u202e\u0085"), // line separator, right-to-left override, next line
		`(cn=a\ff\c4b)`:                                          ldap.Equal("cn", "a\xff\xc4b"),
	} {
		if got := f.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestFilterTextMask(t *testing.T) {
	mask := func(attr string) bool { return strings.EqualFold(attr, "userPassword") }
	f := ldap.And(
		ldap.Equal("userPassword", "s3cret"), ldap.Equal("uid", "x"),
		ldap.Filter{Kind: ldap.FilterGreaterOrEqual, Attr: "USERPASSWORD", Value: "s3cret"},
		ldap.Filter{Kind: ldap.FilterLessOrEqual, Attr: "userPassword", Value: "s3cret"},
		ldap.Filter{Kind: ldap.FilterApprox, Attr: "userPassword", Value: "s3cret"},
		substrings("userPassword", ldap.Substring{Kind: ldap.SubInitial, Value: "s3"}, ldap.Substring{Kind: ldap.SubFinal, Value: "cret"}),
		extensible("userPassword", "1.2", false, "s3cret"), ldap.Present("userPassword"))
	const want = `(&(userPassword=***)(uid=x)(USERPASSWORD>=***)(userPassword<=***)(userPassword~=***)(userPassword=***` + `****)(userPassword:1.2:=***)(userPassword=*))`
	if got := string(f.AppendText(nil, -1, mask)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFilterTextClips(t *testing.T) {
	for _, tc := range []struct {
		max  int
		f    ldap.Filter
		want string
	}{
		{0, ldap.Equal("cn", "a"), "…"},
		{5, ldap.Equal("cn", "abc"), "(cn=a…"},
		{8, ldap.Equal("cn", "abc"), "(cn=abc)"},
		{7, ldap.Equal("cn", "abc"), "(cn=abc)"}, // soon after: what is begun may be closed
		{6, ldap.Equal("cn", "äöü"), "(cn=ä…"},
		{7, ldap.Equal("cn", "äöü"), "(cn=äö…"},
		{5, ldap.Equal("cn", "a\xff\xff"), "(cn=a…"},
		{6, ldap.Equal("cn", "a\xff\xff"), `(cn=a\ff…`},
		{9, ldap.And(ldap.Present("cn"), ldap.Present("sn")), "(&(cn=*)(…"},
		{11, ldap.And(ldap.Present("cn"), ldap.Present("sn")), "(&(cn=*)(sn=*))"},
		{8, ldap.And(ldap.Present("cn"), ldap.Present("sn")), "(&(cn=*)…"},
		{12, ldap.And(ldap.And(), ldap.Or(), ldap.And(), ldap.Or(), ldap.And()), "(&(&)(|)(&)(|)…"},
		{9, substrings("cn", ldap.Substring{Kind: ldap.SubAny, Value: "abc"}, ldap.Substring{Kind: ldap.SubAny, Value: "d"}), "(cn=*abc*…"},
	} {
		if got := string(tc.f.AppendText(nil, tc.max, nil)); got != tc.want {
			t.Errorf("at most %d: %s, want %s", tc.max, got, tc.want)
		}
		if got := string(tc.f.AppendText([]byte("filter="), tc.max, nil)); got != "filter="+tc.want {
			t.Errorf("at most %d behind something else: %s, want %s", tc.max, got, "filter="+tc.want)
		}
	}
}

// The text of a filter is bounded, valid UTF-8 and a prefix of the whole text
// where it was cut.
func TestFilterTextClipsAnywhere(t *testing.T) {
	whole := ldap.And(ldap.Equal("cn", "ä\xff 😀"), ldap.Not(substrings("sn", ldap.Substring{Kind: ldap.SubInitial, Value: "é*"}, ldap.Substring{Kind: ldap.SubAny, Value: "\u2028"})), extensible("ö", "1.2", true, "𝄞"), ldap.Or())
	full := whole.String()
	for limit := range len(full) + 2 {
		got := string(whole.AppendText(nil, limit, nil))
		prefix, cut := strings.CutSuffix(got, "…")
		if !utf8.ValidString(got) || !strings.HasPrefix(full, prefix) || cut == (prefix == full) {
			t.Errorf("at most %d: %s", limit, got)
		}
		if len(prefix) > limit+len("(ö:dn:1.2:=") {
			t.Errorf("at most %d: %d octets", limit, len(prefix))
		}
	}
}

func TestFilterTextOfALargeFilterCostsLittle(t *testing.T) {
	pieces := make([]ldap.Substring, 200_000)
	for i := range pieces {
		pieces[i].Kind = ldap.SubAny
	}
	deep := ldap.Equal(strings.Repeat("a", 1<<20), strings.Repeat("v", 1<<20))
	for range 64 {
		deep = ldap.Not(deep)
	}
	for name, f := range map[string]ldap.Filter{
		"value": ldap.Equal("cn", strings.Repeat("v", 1<<20)), "pieces": substrings("cn", pieces...), "deep": deep,
		"children": {Kind: ldap.FilterOr, Children: make([]ldap.Filter, 200_000)},
	} {
		var text []byte
		allocated := allocatedBy(func() { text = f.AppendText(nil, 256, nil) })
		if len(text) > 300 || allocated > 64<<10 {
			t.Errorf("%s: %d octets, %d allocated", name, len(text), allocated)
		}
	}
}

func TestFilterTextIsOneLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })
		value := rapid.OneOf(rapid.String(), octets)
		f := ldap.Or(ldap.Equal(value.Draw(t, "attr"), value.Draw(t, "value")), extensible(value.Draw(t, "type"), value.Draw(t, "rule"), true, "x"))
		text := f.String()
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00\v\f\u0085\u2028\u2029") {
			t.Fatalf("%q", text)
		}
	})
}

// filters draws any filter that RFC 4515 has a text for.
func filters() *rapid.Generator[ldap.Filter] {
	attr := rapid.SampledFrom([]string{"cn", "memberUid", "2.5.4.3", "x-a-1", "userCertificate"})
	value := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune(`()*\&|!=<>~: ä`+"\x00\n"))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	piece := rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 5), func(b []byte) string { return string(b) })
	leaf := rapid.Custom(func(t *rapid.T) ldap.Filter {
		f := ldap.Filter{Kind: ldap.FilterKind(rapid.IntRange(3, 9).Draw(t, "kind")), Attr: attr.Draw(t, "attr")}
		switch f.Kind {
		case ldap.FilterPresent:
		case ldap.FilterSubstrings:
			n := rapid.IntRange(1, 4).Draw(t, "pieces")
			first, last := rapid.Bool().Draw(t, "initial"), rapid.Bool().Draw(t, "final")
			for i := range n {
				kind := ldap.SubAny
				if i == 0 && first {
					kind = ldap.SubInitial
				} else if i == n-1 && last {
					kind = ldap.SubFinal
				}
				f.Substrings = append(f.Substrings, ldap.Substring{Kind: kind, Value: piece.Draw(t, "piece")})
			}
		case ldap.FilterExtensible:
			f.Value, f.DNAttrs = value.Draw(t, "value"), rapid.Bool().Draw(t, "dn")
			switch rapid.IntRange(0, 2).Draw(t, "form") {
			case 0:
				f.Rule = "caseExactMatch"
			case 1:
				f.Attr, f.Rule = "", "2.5.13.5"
			}
		default:
			f.Value = value.Draw(t, "value")
		}
		return f
	})
	any := leaf
	for range 3 {
		inner := any
		any = rapid.OneOf(leaf, rapid.Custom(func(t *rapid.T) ldap.Filter {
			if rapid.Bool().Draw(t, "not") {
				return ldap.Not(inner.Draw(t, "child"))
			}
			return ldap.Filter{Kind: ldap.FilterKind(rapid.IntRange(0, 1).Draw(t, "set")), Children: rapid.SliceOfN(inner, 0, 4).Draw(t, "children")}
		}))
	}
	return any
}

// A second opinion on encoder and text at once: go-ldap reads the text, and
// writes what we write. It writes a TRUE as 1, which RFC 4511 section 5.1
// forbids, so that those filters are compared by meaning and length.
func TestFilterAgreesWithGoLDAP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := filters().Draw(t, "filter")
		wire := ldap.AppendFilter(nil, &f)
		packet, err := goldap.CompileFilter(f.String())
		if err != nil {
			t.Fatalf("go-ldap refuses %s: %v", f.String(), err)
		}
		theirs, err := ldap.DecodeFilter(string(packet.Bytes()), decodeLimits)
		if diff := cmp.Diff(f, theirs, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("go-ldap reads %s as % x: error %v\n%s", f.String(), packet.Bytes(), err, diff)
		}
		if len(packet.Bytes()) != len(wire) || !bytes.Equal(packet.Bytes(), wire) && !strings.Contains(f.String(), ":dn") {
			t.Fatalf("%s is\n% x to us,\n% x to go-ldap", f.String(), wire, packet.Bytes())
		}
		got, err := ldap.DecodeFilter(string(wire), decodeLimits)
		if diff := cmp.Diff(f, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%s: error %v, -want +got:\n%s", f.String(), err, diff)
		}
	})
}
