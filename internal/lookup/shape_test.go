package lookup_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

func TestShape(t *testing.T) {
	for filter, want := range map[string]string{
		// The requests of Jamf, as JNDI writes them.
		"(&(objectClass=inetOrgPerson)(uid=jdoe))":                             "(&(objectClass=inetOrgPerson)(uid=?))",
		"(&(objectClass=inetOrgPerson)(uid=*jd*))":                             "(&(objectClass=inetOrgPerson)(uid=*?*))",
		"(&(objectClass=inetOrgPerson)(uid=jd*))":                              "(&(objectClass=inetOrgPerson)(uid=?*))",
		"(&(objectClass=inetOrgPerson)(uid=*jd))":                              "(&(objectClass=inetOrgPerson)(uid=*?))",
		"(&(objectClass=inetOrgPerson)(uid=j*d*e))":                            "(&(objectClass=inetOrgPerson)(uid=?*?*?))",
		"(&(objectClass=group)(cn=**))":                                        "(&(cn=**)(objectClass=group))",
		"(&(objectClass=group)(cn=*))":                                         "(&(cn=*)(objectClass=group))",
		"(&(objectClass=group)(cn=))":                                          "(&(cn=)(objectClass=group))",
		"(&(|(objectClass=b)(objectClass=a))(uid=jdoe))":                       "(&(uid=?)(|(objectClass=a)(objectClass=b)))",
		"(&(&(objectClass=top)(objectClass=group))(cn=x))":                     "(&(&(objectClass=group)(objectClass=top))(cn=?))",
		"(&(objectClass=groupOfNames)(cn=LDAP Fileserver))":                    "(&(cn=?)(objectClass=groupOfNames))",
		"(&(objectClass=groupOfNames)(gidNumber=7001))":                        "(&(gidNumber=?)(objectClass=groupOfNames))",
		"(&(objectClass=groupOfNames)(cn=Dev)(member=uid=jdoe,ou=Users,dc=x))": "(&(cn=?)(member=?)(objectClass=groupOfNames))",
		"(&(objectClass=posixGroup)(memberUid=jdoe)(gidNumber=7001))":          "(&(gidNumber=?)(memberUid=?)(objectClass=posixGroup))",
		"(objectClass=*)":            "(objectClass=*)",
		"(memberOf=cn=Dev,ou=Users)": "(memberOf=?)",
		"(&(objectClass=user)(|(uid=*x*)(cn=*x*)(mail=*x*))(!(objectClass=contact)))": "(&(!(objectClass=contact))(objectClass=user)(|(cn=*?*)(mail=*?*)(uid=*?*)))",

		// What else a filter may be.
		`(cn=R&D \28Berlin\29 \2a)`:     "(cn=?)",
		"(cn>=a)":                       "(cn>=?)",
		"(cn<=a)":                       "(cn<=?)",
		"(cn~=a)":                       "(cn~=?)",
		"(member:dn:2.5.13.5:=secret)":  "(member:dn:2.5.13.5:=?)",
		"(:caseExactMatch:=secret)":     "(:caseExactMatch:=?)",
		"(cn;lang-de=secret)":           "(cn;lang-de=?)",
		"(2.5.4.31=secret)":             "(2.5.4.31=?)",
		"(cn=a=b)":                      "(cn=?)",
		"(OBJECTCLASS=Person)":          "(OBJECTCLASS=Person)",
		"(objectClass=2.5.6.9)":         "(objectClass=2.5.6.9)",
		"(objectClass=group*)":          "(objectClass=?*)",
		"(objectClass=jon snow)":        "(objectClass=?)",
		"(objectClass=)":                "(objectClass=)",
		"(objectClass>=a)":              "(objectClass>=?)",
		"(userPassword=***)":            "(userPassword=?)",
		"(userPassword=*******)":        "(userPassword=?)", // a masked substring assertion
		"(&)":                           "(&)",
		"(|)":                           "(|)",
		"(!(&(b=1)(a=2)))":              "(!(&(a=?)(b=?)))",
		"(|(uid=a)(uid=b)(uid=c))":      "(|(uid=?)…)",
		"(|(uid=a)(cn=b)(uid=c))":       "(|(cn=?)(uid=?)…)",
		"(|(&(a=1)(b=2))(&(b=3)(a=4)))": "(|(&(a=?)(b=?))…)",
		"(|(a=1)(a=*)(a=*1))":           "(|(a=*)(a=*?)(a=?))",
		strings.Repeat("(!", 15) + "(a=1)" + strings.Repeat(")", 15):                   strings.Repeat("(!", 15) + "(a=?)" + strings.Repeat(")", 15),
		strings.Repeat("(!", 16) + "(a=1)" + strings.Repeat(")", 16):                   strings.Repeat("(!", 16) + "(…)" + strings.Repeat(")", 16),
		"(&" + strings.Repeat("(!", 30) + "(a=1)" + strings.Repeat(")", 30) + "(b=1))": "(&" + strings.Repeat("(!", 15) + "(…)" + strings.Repeat(")", 15) + "(b=?))",

		// Texts that a record cut.
		"(&(cn=a)(uid=b…":       "(&(cn=?)(uid=?))",
		"(&(cn=a)(uid=b)…":      "(&(cn=?)(uid=?))",
		"(&(cn=a)(ui…":          "(&(?)(cn=?))",
		"(|(uid=a)(uid=b)…":     "(|(uid=?)…)",
		"(&(cn=a)(|(uid=b)(ui…": "(&(cn=?)(|(?)(uid=?)))",
		"(&(…":                  "(&(?))",

		// Texts that are none of ours.
		"":                "?",
		"…":               "?",
		"secret":          "?",
		"cn=secret":       "?",
		"(":               "(?)",
		"()":              "(?)",
		"(secret":         "(?)",
		"(secret)":        "(?)",
		"(a secret=x)":    "(?)",
		`(\28=x)`:         "(?)",
		"((cn=secret))":   "(?)",
		"(=secret)":       "(=?)",
		"(&secret(cn=x))": "(&)",
		"(&(a=1)x(b=2))":  "(&(a=?))",
		"(&(a=1)":         "(&(a=?))",
		"(a=1))(b=2)":     "(a=?)",
		"(a=\x00\xff)":    "(a=?)",
		"(\xff=1)":        "(?)",
	} {
		r := lookup.Record{Op: lookup.OpSearch, Scope: "sub", Filter: filter}
		if got := r.Shape(); got != want {
			t.Errorf("%s has the shape %s, want %s", filter, got, want)
		}
	}
}

func TestShapeOfOtherThanSubtreeSearches(t *testing.T) {
	for want, records := range map[string][]lookup.Record{
		"read rootDSE (objectClass=*)": {{Op: "search", Scope: "base", Filter: "(objectClass=*)"}},
		"read cn=? (member=?)":         {{Op: "search", Scope: "base", Base: `CN=Dev\, Ops,ou=x`, Filter: "(member=uid=jon)"}},
		"read ? (objectClass=*)": {
			{Op: "search", Scope: "base", Base: "secret", Filter: "(objectClass=*)"},
			{Op: "search", Scope: "base", Base: "secret=x,ou=y", Filter: "(objectClass=*)"},
			{Op: "search", Scope: "base", Base: "=x", Filter: "(objectClass=*)"},
		},
		"one level (uid=?)":       {{Op: "search", Scope: "one", Base: "ou=x", Filter: "(uid=jon)"}},
		"compare cn=? (member=?)": {{Op: "compare", Base: "cn=Dev,ou=x", Name: "member", Filter: "(member=uid=jon)"}},
		"compare rootDSE (a=?)":   {{Op: "compare", Filter: "(a=1)"}},
		"bind":                    {{Op: "bind", BindDN: "uid=secret"}, {Op: "bind"}},
		"unbind":                  {{Op: "unbind"}},
		"modify":                  {{Op: "modify", Base: "uid=secret"}},
		"extended StartTLS":       {{Op: "extended", Name: "1.3.6.1.4.1.1466.20037"}},
		"extended WhoAmI":         {{Op: "extended", Name: "1.3.6.1.4.1.4203.1.11.3"}},
		"extended 1.2.3":          {{Op: "extended", Name: "1.2.3"}},
		"extended ?":              {{Op: "extended", Name: "the secret"}, {Op: "extended", Name: ""}},
		"?":                       {{Op: "a\nb"}, {}},
	} {
		for _, r := range records {
			if got := r.Shape(); got != want {
				t.Errorf("%s %s %q: shape %q, want %q", r.Op, r.Scope, r.Base+r.Name, got, want)
			}
			if got := lookup.NewHasher(nil).Record(&r).Shape(); got != want {
				t.Errorf("%s %s %q: shape of the hashed record %q, want %q", r.Op, r.Scope, r.Base+r.Name, got, want)
			}
		}
	}
}

const secret = "S3CR3T"

// secretFilters draws filters whose values, but for object classes, all hold the
// secret.
func secretFilters(depth int) *rapid.Generator[ldap.Filter] {
	return rapid.Custom(func(t *rapid.T) ldap.Filter {
		if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
			return secretItem(t)
		}
		kind := rapid.SampledFrom([]ldap.FilterKind{ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot}).Draw(t, "kind")
		n := 1
		if kind != ldap.FilterNot {
			n = rapid.IntRange(0, 4).Draw(t, "operands")
		}
		return ldap.Filter{Kind: kind, Children: rapid.SliceOfN(secretFilters(depth-1), n, n).Draw(t, "children")}
	})
}

func secretItem(t *rapid.T) ldap.Filter {
	value := func() string {
		around := rapid.SampledFrom([]string{"", "a", ",ou=", "=", "(", ")", "*", `\`, " ", "ö", "\x00", "\xff", "…", "cn="})
		return around.Draw(t, "before") + secret + around.Draw(t, "after")
	}
	f := ldap.Filter{Attr: rapid.SampledFrom([]string{"cn", "uid", "member", "memberUid", "2.5.4.3", "cn;x-a", "userPassword", "objectClass"}).Draw(t, "attr")}
	f.Kind = ldap.FilterKind(rapid.IntRange(int(ldap.FilterEquality), int(ldap.FilterExtensible)).Draw(t, "item"))
	switch f.Kind {
	case ldap.FilterPresent:
	case ldap.FilterSubstrings:
		for range rapid.IntRange(0, 3).Draw(t, "pieces") {
			f.Substrings = append(f.Substrings, ldap.Substring{Kind: ldap.SubAny, Value: value()})
		}
	case ldap.FilterExtensible:
		f.Rule, f.DNAttrs, f.Value = rapid.SampledFrom([]string{"", "2.5.13.5", "caseExactMatch"}).Draw(t, "rule"), rapid.Bool().Draw(t, "dn"), value()
	default:
		f.Value = value()
	}
	if f.Kind == ldap.FilterEquality && f.Attr == "objectClass" {
		f.Value = rapid.SampledFrom([]string{"groupOfNames", "2.5.6.9", "a " + secret, secret + "*"}).Draw(t, "class")
	}
	return f
}

// shuffled returns f with the operands of each set in another order.
func shuffled(f ldap.Filter, random *rand.Rand) ldap.Filter {
	f.Children = slices.Clone(f.Children)
	for i := range f.Children {
		f.Children[i] = shuffled(f.Children[i], random)
	}
	random.Shuffle(len(f.Children), func(i, j int) { f.Children[i], f.Children[j] = f.Children[j], f.Children[i] })
	return f
}

func TestShapeHasNoValueAndNoOrder(t *testing.T) {
	mask := func(attr string) bool { return attr == "userPassword" }
	text := func(f *ldap.Filter) string { return string(f.AppendText(nil, -1, mask)) }
	h := lookup.NewHasher(nil)
	rapid.Check(t, func(t *rapid.T) {
		f := secretFilters(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "depth")).Draw(t, "filter")
		for range rapid.SampledFrom([]int{0, 0, 13, 20}).Draw(t, "around") {
			f = ldap.And(f, secretItem(t))
		}
		r := lookup.Record{Op: lookup.OpSearch, Filter: text(&f)}
		shape := r.Shape()
		if strings.Contains(shape, secret) {
			t.Fatalf("%s has the shape %s", r.Filter, shape)
		}
		if len(shape) > 512 || !isShapeText(shape) {
			t.Fatalf("%s has a shape of %d bytes: %q", r.Filter, len(shape), shape)
		}
		other := shuffled(f, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
		if got := (&lookup.Record{Op: lookup.OpSearch, Filter: text(&other)}).Shape(); got != shape {
			t.Fatalf("%s has the shape\n%s, but %s\n%s", r.Filter, shape, text(&other), got)
		}
		if got := h.Record(&r).Shape(); got != shape {
			t.Fatalf("%s has the shape\n%s, but hashed, as %s,\n%s", r.Filter, shape, h.Record(&r).Filter, got)
		}
		if again := (&lookup.Record{Op: lookup.OpSearch, Filter: shape}).Shape(); again != shape && !strings.Contains(shape, "…") {
			t.Fatalf("the shape %s has the shape %s", shape, again)
		}
	})
}

// The record has the text up to a length; what is read of it must be all shape too.
func TestShapeOfCutTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := secretFilters(4).Draw(t, "filter")
		r := lookup.Record{Op: lookup.OpSearch, Filter: string(f.AppendText(nil, rapid.IntRange(0, 200).Draw(t, "length"), nil))}
		if shape := r.Shape(); strings.Contains(shape, "S3") || len(shape) > 512 || !isShapeText(shape) {
			t.Fatalf("%s has the shape %q", r.Filter, shape)
		}
	})
}

// isShapeText reports whether a shape is one printable line of ASCII and ellipses.
func isShapeText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return c != '…' && (c < ' ' || c > '~') })
}

func TestShapeOfALargeFilterCostsLittle(t *testing.T) {
	for name, filter := range map[string]string{
		"one value":           "(cn=" + strings.Repeat("a", 1<<20) + ")",
		"one name":            "(" + strings.Repeat("a", 1<<20) + "=a)",
		"many stars":          "(cn=a" + strings.Repeat("*a", 1<<19) + ")",
		"many operands":       "(|" + strings.Repeat("(cn=a)", 1<<17) + ")",
		"many of many shapes": "(|" + strings.Repeat("(a=1)(a=*)(a=*1)(a=1*)(b=1)(&(c=1)(d=1))", 1<<15) + ")",
		"many sets":           strings.Repeat("(&(a=1)(b=1)", 1<<17),
		"deep":                strings.Repeat("(!", 1<<19),
		"parentheses":         strings.Repeat("(", 1<<20),
		"a long base":         "(cn=a)",
	} {
		r := &lookup.Record{Op: lookup.OpSearch, Scope: "base", Base: "cn=" + strings.Repeat("a", 1<<20), Filter: filter}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		shape := r.Shape()
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; len(shape) > 512 || allocated > 256<<10 {
			t.Errorf("%s: a shape of %d bytes, %d allocated", name, len(shape), allocated)
		}
	}
}

func TestAppendShapeAppends(t *testing.T) {
	for _, r := range []lookup.Record{search("user", "(uid=jon)"), compare("membership", "cn=Dev", "(member=a)"), {Op: "bind"}} {
		if got, want := string(r.AppendShape([]byte("x"))), "x"+r.Shape(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLongShapesAreCutBetweenRunes(t *testing.T) {
	for length := range 20 { // so that an ellipsis is everywhere once
		wide := "(&(" + strings.Repeat("a", length+1) + "=1)"
		for i := range 60 {
			name := fmt.Sprintf("b%02d", i)
			wide += "(" + name + "=1)(" + name + "=2)"
		}
		r := search("user", wide+")")
		shape := r.Shape()
		if len(shape) < 507 || len(shape) > 512 || !strings.HasSuffix(shape, "…") || !isShapeText(shape) {
			t.Errorf("a shape of %d bytes: %q", len(shape), shape)
		}
		if got := string(r.AppendShape([]byte("xy"))); got != "xy"+shape {
			t.Errorf("behind something else it is %q, want %q", got, shape)
		}
	}
}

func FuzzShape(f *testing.F) {
	f.Add("search", "sub", "", "(&(objectClass=groupOfNames)(|(cn=a*)(!(member=uid=x,ou=y)))(cn=***))")
	f.Add("search", "base", "cn=a,ou=b", "(|(uid=a)(uid=b)…")
	f.Add("search", "one", "", strings.Repeat("(&(a=1)", 40))
	f.Add("compare", "", "cn=a", `(cn:dn:2.5.13.5:=\28)`)
	f.Add("extended", "", "", "")
	f.Fuzz(func(t *testing.T, op, scope, base, filter string) {
		r := &lookup.Record{Op: op, Scope: scope, Base: base, Filter: filter, Name: base}
		if shape := r.Shape(); len(shape) > 512 || !isShapeText(shape) {
			t.Errorf("%q %q %q %q has the shape %q", op, scope, base, filter, shape)
		}
		// Nor may anything else that is read out of a record stumble.
		_, _, _ = r.User(), r.Group(), r.Subject()
		hashed := lookup.NewHasher([]byte("fuzz")).Record(r)
		_, _ = hashed.Shape(), hashed.Subject()
	})
}

func BenchmarkShape(b *testing.B) {
	jamf := search("membership", "(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=uid=jon.snow,"+users+"))")
	wide := search("other", "(|"+strings.Repeat("(memberUid=jon)(cn=a)(uid=b*)", 70)+")")
	for name, r := range map[string]*lookup.Record{"membership": &jamf, "wide": &wide} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var room []byte
			for b.Loop() {
				room = r.AppendShape(room[:0])
			}
		})
	}
	b.Run("string", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = jamf.Shape()
		}
	})
}
