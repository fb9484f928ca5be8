package replay

import (
	"math/rand/v2"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func entry(dn string, attrs ...string) *goldap.Entry {
	e := &goldap.Entry{DN: dn}
	for _, a := range attrs {
		name, values, _ := strings.Cut(a, "=")
		e.Attributes = append(e.Attributes, &goldap.EntryAttribute{Name: name, Values: strings.Split(values, "|")})
	}
	return e
}

func found(entries ...*goldap.Entry) Answer { return Answer{Entries: entries} }

func TestCompareAnswers(t *testing.T) {
	jon := entry("uid=jon,ou=Users,dc=x", "uid=jon", "cn=Jon Snow")
	for _, c := range []struct {
		what    string
		a, b    Answer
		want    []Difference
		loosely bool
	}{
		{what: "nothing", a: found(), b: found()},
		{what: "the same", a: found(jon), b: found(jon)},
		{what: "other letters in names, DNs and spaces", loosely: true,
			a: found(entry("cn=a b,dc=x", "CN=A B", "Member=uid=x,dc=x", "objectClass=groupOfNames")),
			b: found(entry("CN=A  B, DC=x", "cn=a b", "member=UID=X,dc=x", "objectclass=GroupOfNames"))},
		{what: "an OID for a name", a: found(entry("cn=a", "2.5.4.3=a")), b: found(entry("cn=a", "cn=a"))},
		{what: "an option more", a: found(entry("cn=a", "cn;lang-de=a")), b: found(entry("cn=a", "cn=a")),
			want: []Difference{{"cn=a", "cn", []string{}, []string{"a"}}, {"cn=a", "cn;lang-de", []string{"a"}, []string{}}}},
		{what: "another order", a: found(entry("cn=a", "member=x=1|x=2", "cn=a"), jon), b: found(jon, entry("cn=a", "cn=a", "member=x=2|x=1"))},
		{what: "user names in other letters", a: found(entry("cn=a", "memberUid=Jon")), b: found(entry("cn=a", "memberUid=jon")),
			want: []Difference{{"cn=a", "memberUid", []string{"Jon"}, []string{"jon"}}}},
		{what: "a group ID", a: found(entry("cn=a", "cn=a")), b: found(entry("cn=a", "cn=a", "gidNumber=7001")),
			want: []Difference{{"cn=a", "gidNumber", []string{}, []string{"7001"}}}},
		{what: "an entry less", a: found(jon), b: found(), want: []Difference{{jon.DN, "", []string{"found"}, []string{}}}},
		{what: "an entry twice", a: found(jon), b: found(jon, jon), want: []Difference{{jon.DN, "", []string{}, []string{"found"}}}},
		{what: "a result", a: Answer{Code: 5}, b: Answer{Code: 16}, want: []Difference{{"", "", []string{"compareFalse"}, []string{"noSuchAttribute"}}}},
		{what: "ignored attributes", a: found(entry("cn=a", "entryUUID=1", "modifyTimestamp=1", "modifyTimestamp;x=2")), b: found(entry("cn=a", "entryUUID=2"))},
		{what: "two halves of a large answer", a: Answer{Code: 4, Entries: []*goldap.Entry{jon}}, b: Answer{Code: 4}},
		{what: "no DN", a: found(entry("not a DN", "cn=a")), b: found(entry("NOT a dn", "cn=a")), loosely: true},
	} {
		x := newComparer([]string{"EntryUUID", "modifytimestamp"}).compare(c.a, c.b)
		if diff := cmp.Diff(c.want, x.differences); diff != "" || x.loosely != c.loosely {
			t.Errorf("%s: loosely %v %s", c.what, x.loosely, diff)
		}
	}
}

// Order never matters, and what is missing is seen from either side.
func TestCompareIsFreeOfOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) []*goldap.Entry {
			var entries []*goldap.Entry
			for range rapid.IntRange(0, 4).Draw(t, label) {
				e := &goldap.Entry{DN: "cn=" + rapid.SampledFrom([]string{"a", "b", `c\,d`, "ü"}).Draw(t, "dn") + ",dc=x"}
				for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"cn", "member", "memberUid", "gidNumber", "x"}), 0, 4, rapid.ID).Draw(t, "attributes") {
					e.Attributes = append(e.Attributes, &goldap.EntryAttribute{Name: name, Values: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "cn=a,dc=x", "1", " a"}), 1, 4).Draw(t, "values")})
				}
				entries = append(entries, e)
			}
			return entries
		}
		a, b := draw("a"), draw("b")
		c := newComparer(nil)
		if x := c.compare(found(a...), found(shuffled(a)...)); !hasTwins(a) && len(x.differences) > 0 {
			t.Fatalf("a differs from itself: %+v", x.differences)
		}
		one, other := c.compare(found(a...), found(b...)), c.compare(found(b...), found(a...))
		if len(one.differences) != len(other.differences) {
			t.Fatalf("%+v from one side, %+v from the other", one.differences, other.differences)
		}
		for i, d := range one.differences {
			if o := other.differences[i]; !cmp.Equal(d.A, o.B) || !cmp.Equal(d.B, o.A) || len(d.A)+len(d.B) == 0 {
				t.Fatalf("%+v from one side, %+v from the other", d, o)
			}
		}
	})
}

// hasTwins tells whether two entries have one DN; which of them meets which depends
// on the order.
func hasTwins(entries []*goldap.Entry) bool { return len(byDN(entries)) < len(entries) }

// shuffled is a copy in another order, of entries, attributes and values.
func shuffled(entries []*goldap.Entry) []*goldap.Entry {
	var out []*goldap.Entry
	for _, e := range entries {
		c := &goldap.Entry{DN: e.DN}
		for _, a := range e.Attributes {
			values := append([]string{}, a.Values...)
			rand.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
			c.Attributes = append(c.Attributes, &goldap.EntryAttribute{Name: strings.ToUpper(a.Name), Values: values})
		}
		rand.Shuffle(len(c.Attributes), func(i, j int) { c.Attributes[i], c.Attributes[j] = c.Attributes[j], c.Attributes[i] })
		out = append(out, c)
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
