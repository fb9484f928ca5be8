package replay

import (
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/lookup"
)

func TestQuestionOf(t *testing.T) {
	search := func(change func(*lookup.Record)) *lookup.Record {
		r := &lookup.Record{Op: lookup.OpSearch, Base: "ou=Users,dc=x", Scope: "sub", Filter: "(&(objectClass=groupOfNames)(cn=a\\2ab))", Attrs: []string{"cn"}}
		change(r)
		return r
	}
	long := strings.Repeat("x", 100)
	hashed := lookup.NewHasher([]byte("key")).Record(search(func(r *lookup.Record) {
		r.Filter = "(&(objectClass=groupOfNames)(cn=*game*)(member=uid=jon,ou=Users,dc=x))"
	}))
	for _, c := range []struct {
		what string
		r    *lookup.Record
		want Reason
	}{
		{"a search", search(func(*lookup.Record) {}), ""},
		{"an empty search box", search(func(r *lookup.Record) { r.Filter = "(cn=**)" }), ""},
		{"the rootDSE", search(func(r *lookup.Record) { r.Base, r.Scope, r.Filter = "", "base", "(objectClass=*)" }), ""},
		{"a value that looks a little like a hash", search(func(r *lookup.Record) { r.Filter = "(cn=h:123456789abc0)" }), ""},
		{"a bind", search(func(r *lookup.Record) { r.Op = lookup.OpBind }), NoQuestion},
		{"a write", search(func(r *lookup.Record) { r.Op = lookup.OpModify }), NoQuestion},
		{"a cut filter", search(func(r *lookup.Record) { r.Filter = lookup.Clip("(cn="+long+")", 50) }), Cut},
		{"a cut base", search(func(r *lookup.Record) { r.Base = lookup.Clip("cn="+long, 50) }), Cut},
		{"a cut list", search(func(r *lookup.Record) { r.Attrs = []string{"cn", "… 7 more"} }), Cut},
		{"a masked value", search(func(r *lookup.Record) { r.Filter = "(&(uid=a)(userPassword=***))" }), Masked},
		{"hashes", hashed, Hashed},
		{"a hashed base", search(func(r *lookup.Record) { r.Base = hashed.Base }), Hashed},
		{"no filter", search(func(r *lookup.Record) { r.Filter = "" }), Unreadable},
		{"no scope", search(func(r *lookup.Record) { r.Scope = "unknown" }), Unreadable},
		{"half a filter", search(func(r *lookup.Record) { r.Filter = "(&(cn=a)" }), Unreadable},
	} {
		q, reason := QuestionOf(c.r)
		if reason != c.want || (q == nil) != (reason != "") {
			t.Errorf("%s: %v, reason %q, want %q", c.what, q, reason, c.want)
		}
		if reason != "" && reason.Text() == "" {
			t.Errorf("%s has no text", reason)
		}
	}
}

func TestQuestionOfACompare(t *testing.T) {
	r := &lookup.Record{Op: lookup.OpCompare, Base: "cn=g,dc=x", Filter: `(member=cn=a\2a\28b\29\5c\2c,dc=x)`, Name: "member"}
	q, reason := QuestionOf(r)
	if reason != "" || q.attr != "member" || q.value != `cn=a*(b)\,,dc=x` {
		t.Errorf("%+v, reason %q", q, reason)
	}
	r.Filter = "(member=a*)"
	if _, reason := QuestionOf(r); reason != Unreadable {
		t.Errorf("a compare with a part: reason %q", reason)
	}
}

func TestKeysOfQuestions(t *testing.T) {
	q := Question{Op: "search", Base: "dc=x", Scope: "sub", Filter: "(cn=a)", Attrs: []string{"cn", "gidNumber"}}
	same := q
	same.Attrs, same.TimeLimit = []string{"GIDNumber", "CN"}, 61
	if q.key() != same.key() {
		t.Error("the order of attributes makes another question")
	}
	for _, change := range []func(*Question){
		func(q *Question) { q.Op = "compare" }, func(q *Question) { q.Base = "dc=y" }, func(q *Question) { q.Scope = "one" },
		func(q *Question) { q.Filter = "(cn=b)" }, func(q *Question) { q.Attrs = nil }, func(q *Question) { q.SizeLimit = 1 },
	} {
		other := q
		change(&other)
		if other.key() == q.key() {
			t.Errorf("%+v has the same key", other)
		}
	}
}
