package cache_test

import (
	"crypto/sha256"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
)

var jamf = sha256.Sum256([]byte("jamf"))

func usual() *ldap.SearchRequest {
	return &ldap.SearchRequest{
		Base: "ou=Users,o=org,dc=jumpcloud,dc=com", Scope: ldap.ScopeSubtree, Deref: 3,
		Filter: ldap.And(ldap.Equal("objectClass", "posixGroup"), ldap.Or(ldap.Equal("cn", "got"), ldap.Equal("cn", "bb")),
			ldap.Not(ldap.Present("description")),
			ldap.Filter{Kind: ldap.FilterSubstrings, Attr: "cn", Substrings: []ldap.Substring{{Kind: ldap.SubAny, Value: "o"}}},
			ldap.Filter{Kind: ldap.FilterExtensible, Attr: "cn", Rule: "caseExactMatch", Value: "got"}),
		Attributes: []string{"cn", "gidNumber", "memberUid"},
	}
}

func TestKeyTellsQuestionsApart(t *testing.T) {
	same := map[cache.Key]string{cache.KeyOf(jamf, usual(), nil): "the question itself"}
	leaf := func(i int) func(*ldap.SearchRequest) *ldap.Filter {
		return func(r *ldap.SearchRequest) *ldap.Filter { return &r.Filter.Children[i] }
	}
	class, or, sub, ext := leaf(0), leaf(1), leaf(3), leaf(4)
	for name, change := range map[string]func(*ldap.SearchRequest){
		"base":             func(r *ldap.SearchRequest) { r.Base = "ou=Users" },
		"case of the base": func(r *ldap.SearchRequest) { r.Base = strings.ToUpper(r.Base) },
		"scope":            func(r *ldap.SearchRequest) { r.Scope = ldap.ScopeOne },
		"deref":            func(r *ldap.SearchRequest) { r.Deref = 0 },
		"size limit":       func(r *ldap.SearchRequest) { r.SizeLimit = 1 },
		"types only":       func(r *ldap.SearchRequest) { r.TypesOnly = true },
		"attributes":       func(r *ldap.SearchRequest) { r.Attributes = r.Attributes[:2] },
		"their order":      func(r *ldap.SearchRequest) { r.Attributes = []string{"gidNumber", "cn", "memberUid"} },
		"their case":       func(r *ldap.SearchRequest) { r.Attributes = []string{"CN", "gidNumber", "memberUid"} },
		"no attributes":    func(r *ldap.SearchRequest) { r.Attributes = nil },
		"value":            func(r *ldap.SearchRequest) { class(r).Value = "groupOfNames" },
		"case of a value":  func(r *ldap.SearchRequest) { class(r).Value = "posixgroup" },
		"attribute":        func(r *ldap.SearchRequest) { class(r).Attr = "structuralObjectClass" },
		"kind":             func(r *ldap.SearchRequest) { class(r).Kind = ldap.FilterApprox },
		"presence":         func(r *ldap.SearchRequest) { *class(r) = ldap.Present("objectClass") },
		"OR to AND":        func(r *ldap.SearchRequest) { or(r).Kind = ldap.FilterAnd },
		"NOT around":       func(r *ldap.SearchRequest) { *class(r) = ldap.Not(*class(r)) },
		"one more":         func(r *ldap.SearchRequest) { or(r).Children = append(or(r).Children, ldap.Equal("cn", "x")) },
		"flat": func(r *ldap.SearchRequest) {
			r.Filter.Children = append(r.Filter.Children[:1:1], append(or(r).Children, r.Filter.Children[2:]...)...)
		},
		"piece":         func(r *ldap.SearchRequest) { sub(r).Substrings[0].Value = "x" },
		"place":         func(r *ldap.SearchRequest) { sub(r).Substrings[0].Kind = ldap.SubFinal },
		"empty pieces":  func(r *ldap.SearchRequest) { sub(r).Substrings = nil },
		"rule":          func(r *ldap.SearchRequest) { ext(r).Rule = "caseIgnoreMatch" },
		"no rule":       func(r *ldap.SearchRequest) { ext(r).Rule = "" },
		"DN attributes": func(r *ldap.SearchRequest) { ext(r).DNAttrs = true },
	} {
		req := usual()
		change(req)
		k := cache.KeyOf(jamf, req, nil)
		if other, twice := same[k]; twice {
			t.Errorf("%s: the key of %s", name, other)
		}
		same[k] = name
	}
	manage := ldap.Control{OID: ldap.OIDManageDsaIT}
	critical := ldap.Control{OID: ldap.OIDManageDsaIT, Critical: true}
	for name, controls := range map[string][]ldap.Control{"control": {manage}, "critical": {critical}, "both": {manage, critical}} {
		k := cache.KeyOf(jamf, usual(), controls)
		if other, twice := same[k]; twice {
			t.Errorf("%s: the key of %s", name, other)
		}
		same[k] = name
	}
	if k := cache.KeyOf(sha256.Sum256([]byte("somebody else")), usual(), nil); same[k] != "" {
		t.Error("two identities have one key")
	}
}

func TestKeyIgnoresWhatDoesNotMatter(t *testing.T) {
	want := cache.KeyOf(jamf, usual(), nil)
	for name, change := range map[string]func(*ldap.SearchRequest){
		"time limit": func(r *ldap.SearchRequest) { r.TimeLimit = 5 },
		"order": func(r *ldap.SearchRequest) {
			c := r.Filter.Children
			c[0], c[4] = c[4], c[0]
			or := c[1].Children
			or[0], or[1] = or[1], or[0]
		},
		"repetition": func(r *ldap.SearchRequest) {
			r.Filter.Children = append(r.Filter.Children, r.Filter.Children[0], r.Filter.Children[1])
		},
		"case of an attribute": func(r *ldap.SearchRequest) { r.Filter.Children[0].Attr = "OBJECTCLASS" },
		"case of a rule":       func(r *ldap.SearchRequest) { r.Filter.Children[4].Rule = "CASEEXACTMATCH" },
	} {
		req := usual()
		change(req)
		if cache.KeyOf(jamf, req, nil) != want {
			t.Errorf("%s makes another key", name)
		}
	}
}

// A filter shuffled and with repetitions keeps its key; one with a term
// changed somewhere does not.
func TestKeyOfRandomFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := filters(3).Draw(t, "filter")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		req, again := &ldap.SearchRequest{Filter: f}, &ldap.SearchRequest{Filter: shuffled(f, random)}
		k := cache.KeyOf(jamf, req, nil)
		if cache.KeyOf(jamf, again, nil) != k {
			t.Fatalf("%s and %s have two keys", req.Filter.String(), again.Filter.String())
		}
		changed := shuffled(f, random)
		leaf := &changed
		for leaf.Children != nil {
			leaf = &leaf.Children[random.IntN(len(leaf.Children))]
		}
		leaf.Value += "'" // drawn values have none
		if cache.KeyOf(jamf, &ldap.SearchRequest{Filter: changed}, nil) == k {
			t.Fatalf("%s and %s have one key", req.Filter.String(), changed.String())
		}
	})
}

func filters(depth int) *rapid.Generator[ldap.Filter] {
	return rapid.Custom(func(t *rapid.T) ldap.Filter {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 || kind > 2 {
			return ldap.Equal(rapid.StringMatching(`[a-bA-B]`).Draw(t, "attr"), rapid.StringMatching(`[a-bA-B]?`).Draw(t, "value"))
		}
		if kind == 2 {
			return ldap.Not(filters(depth-1).Draw(t, "not"))
		}
		return ldap.Filter{Kind: ldap.FilterKind(kind), Children: rapid.SliceOfN(filters(depth-1), 1, 4).Draw(t, "set")}
	})
}

// shuffled returns an equivalent copy.
func shuffled(f ldap.Filter, random *rand.Rand) ldap.Filter {
	f.Attr = strings.ToUpper(f.Attr)
	if f.Children == nil {
		return f
	}
	children := make([]ldap.Filter, len(f.Children))
	for i, j := range random.Perm(len(f.Children)) {
		children[i] = shuffled(f.Children[j], random)
	}
	f.Children = children
	return f
}

// The key hides what it is made of.
func TestKeyIsShortAndOpaque(t *testing.T) {
	k := cache.KeyOf(jamf, usual(), nil)
	for _, part := range []string{"jamf", "got", "org", "uid"} {
		if strings.Contains(string(k[:]), part) {
			t.Errorf("the key contains %q", part)
		}
	}
}

func TestKeyAllocatesNothing(t *testing.T) {
	req := usual()
	controls := []ldap.Control{{OID: ldap.OIDManageDsaIT}}
	cache.KeyOf(jamf, req, controls)
	if n := testing.AllocsPerRun(100, func() { cache.KeyOf(jamf, req, controls) }); n > 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkKey(b *testing.B) {
	req := usual()
	controls := []ldap.Control{{OID: ldap.OIDManageDsaIT}}
	b.ReportAllocs()
	for b.Loop() {
		cache.KeyOf(jamf, req, controls)
	}
}

func BenchmarkHit(b *testing.B) {
	c, _ := newCache(b, minutes)
	share(b, c, key(1), "uid=jon.snow,ou=Users")
	b.ReportAllocs()
	for b.Loop() {
		ticket := c.Join(key(1))
		messages := ticket.Answer.Messages()
		for _, ok := messages.Next(); ok; _, ok = messages.Next() {
		}
	}
}
