package journal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/lookup"
)

// names are values that meet each other in records and queries: with other case,
// with characters that SQL, GLOB or JSON give a meaning to, with letters whose lower
// case is ASCII (the Kelvin sign, İ), with what cannot be printed or is no UTF-8.
var names = []string{
	"jon.snow", "Jon.Snow", "JON", "arya", "bran", "Ångström", "ångström", "Å", "\u212a", "k", "kim", "\u212aim", "İ", "i", "ſ", "s",
	"a*b", "*", "**", "a?b", "axb", "[ab]", "a]", "[z", "100%", "under_score", `quo"te`, `back\slash`, "it's", "two words", "x:y",
	"line\nbreak", `es\2aped`, "es*aped", `he\00x`, "he\x00x", "nul\x00", "esc\x1b[31m", "\xff\xfe", "\u202e", strings.Repeat("long", 300), strings.Repeat("\x00", 1500),
}

var (
	someName = rapid.SampledFrom(names)
	someBase = rapid.Custom(func(t *rapid.T) string {
		form := rapid.SampledFrom([]string{"uid=%s,ou=Users,dc=x", "cn=%s,ou=Users,dc=x", "cn=%s", "%s", ""}).Draw(t, "form")
		return strings.Replace(form, "%s", someName.Draw(t, "name"), 1)
	})
	someFilter = rapid.Custom(func(t *rapid.T) string {
		form := rapid.SampledFrom([]string{
			"(uid=%s)", "(cn=%s)", "(&(objectClass=groupOfNames)(member=uid=%s,ou=Users,dc=x))", "(&(cn=%s)(member=uid=%s))",
			"(memberUid=%s)", "(gidNumber=%s)", "(cn=*%s*)", "(objectClass=*)", "", "%s", "(|(uid=%s)(mail=%s))",
		}).Draw(t, "form")
		for strings.Contains(form, "%s") {
			form = strings.Replace(form, "%s", someName.Draw(t, "name"), 1)
		}
		return form
	})
	someNames  = rapid.SliceOfN(someName, 0, 3)
	someResult = rapid.SampledFrom([]struct {
		code int
		name string
	}{{0, "success"}, {0, "success"}, {0, "success"}, {5, "compareFalse"}, {6, "compareTrue"}, {14, "saslBindInProgress"},
		{32, "noSuchObject"}, {49, "invalidCredentials"}, {52, "unavailable"}, {80, "other"}, {118, "code118"}, {-1, ""}})
	someHints = rapid.SliceOfN(rapid.SampledFrom([]string{
		"username-where-dn", "username-where-dn: member=x", "username-where-dn: another", "stale-answer", "Stale-Answer: old", "any", "odd: a: b",
		"no-such-group: \x00 \u202e", `quoted: "x"`,
	}), 0, 3)
	someRules = rapid.SliceOfN(rapid.SampledFrom([]string{"class", "member-dn", "Member-DN", "group-name", "member"}), 0, 3)
	someAddr  = rapid.SampledFrom([]string{"10.1.2.3:50000", "10.1.2.3:50001", "10.1.2.33:1", "[::1]:389", "[2001:db8::1]:4", "", "10.1.2.3"})
	// Close enough to each other that bounds fall between and upon them.
	someTime = rapid.Custom(func(t *rapid.T) time.Time {
		return noon.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "us"))*time.Microsecond + time.Duration(rapid.IntRange(0, 2).Draw(t, "ns")))
	})
	someDuration = rapid.SampledFrom([]time.Duration{0, 1, time.Microsecond, 1500, time.Millisecond, time.Second})
)

var someRecord = rapid.Custom(func(t *rapid.T) *lookup.Record {
	result := someResult.Draw(t, "result")
	r := &lookup.Record{
		Time: someTime.Draw(t, "time"), ID: rapid.Uint64().Draw(t, "id"), Conn: rapid.Uint64Range(0, 3).Draw(t, "conn"),
		ClientAddr: someAddr.Draw(t, "addr"), ClientKind: lookup.ClientJNDI, BindDN: someBase.Draw(t, "bind"),
		Op: rapid.SampledFrom(lookup.Ops()).Draw(t, "op"), Kind: rapid.SampledFrom(lookup.Kinds()).Draw(t, "kind"),
		Base: someBase.Draw(t, "base"), Scope: rapid.SampledFrom([]string{"", "base", "one", "sub"}).Draw(t, "scope"),
		Filter: someFilter.Draw(t, "filter"), Attrs: someNames.Draw(t, "attrs"), Controls: someNames.Draw(t, "controls"),
		SizeLimit: int(rapid.Int32().Draw(t, "limit")), Name: someName.Draw(t, "oid"),
		Bridged: rapid.Bool().Draw(t, "bridged"), Mode: "posix", Rules: someRules.Draw(t, "rules"), Hints: someHints.Draw(t, "hints"),
		Cache: lookup.CacheOff, Entries: rapid.IntRange(0, 2).Draw(t, "entries"), Bytes: rapid.Int64().Draw(t, "bytes"),
		Result: result.code, ResultName: result.name, Diagnostic: someName.Draw(t, "said"),
		Total: someDuration.Draw(t, "total"), Queue: someDuration.Draw(t, "queue"),
	}
	if rapid.Bool().Draw(t, "asked") {
		r.Upstream = lookup.UpstreamPart{
			Server: "ldaps://host:636", Base: someBase.Draw(t, "upstream base"), Filter: someFilter.Draw(t, "upstream filter"),
			Attrs: someNames.Draw(t, "upstream attrs"), Duration: someDuration.Draw(t, "upstream"), Reused: rapid.Bool().Draw(t, "reused"),
		}
	}
	return r
})

// pattern writes a name as somebody might who looks for it.
func pattern(t *rapid.T, name string) string {
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return "*" + name + "*"
	case 2:
		runes := []rune(name)
		return string(runes[:len(runes)/2]) + "*"
	case 3:
		runes := []rune(name)
		return "*" + string(runes[len(runes)/2:])
	}
	return name
}

// queryFor returns a query with few conditions, most of which some record meets.
func queryFor(t *rapid.T, stored []*lookup.Record) lookup.Query {
	r := new(lookup.Record)
	if len(stored) > 0 {
		r = rapid.SampledFrom(stored).Draw(t, "like")
	}
	choose := func(label, like string, others ...string) string {
		if n := rapid.IntRange(0, len(others)+1).Draw(t, label); n < len(others) {
			return others[n]
		}
		return like
	}
	var q lookup.Query
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		switch rapid.IntRange(0, 13).Draw(t, "condition") {
		case 0:
			q.User = pattern(t, choose("user", r.User(), someName.Draw(t, "other"), "*"))
		case 1:
			q.Group = pattern(t, choose("group", r.Group(), someName.Draw(t, "other"), "gid *"))
		case 2:
			q.Kind = choose("kind", r.Kind, "schema", "no such kind")
		case 3:
			q.Op = choose("op", r.Op, lookup.AnyOp, lookup.QuestionOps)
		case 4:
			q.Result = choose("result", r.ResultName, "ok", "empty", "failed", "none", "OK", "Failed", "faıled", "nosuchobject", "49", "0", "-1", "+5", "99",
				fmt.Sprint(r.Result), "o\u212a", "\u017fuccess", "success")
		case 5:
			like := "nothing"
			if len(r.Hints) > 0 {
				like = lookup.HintName(r.Hints[0])
			}
			q.Hint = choose("hint", like, "any", "ANY", "USERNAME-WHERE-DN", "\u017ftale-answer", "no-such-group", "no such hint")
		case 6:
			q.Rule = rapid.SampledFrom([]string{"class", "CLASS", "member-dn", "member", "clas\u017f", "no such rule", `"`}).Draw(t, "rule")
		case 7:
			q.Shape = choose("shape", r.Shape(), "bind")
		case 8:
			q.Client = rapid.SampledFrom([]string{"10.1.2.3", "10.1.2.3:50000", "::1", "[::1]:389", "10.1.2", "2001:db8::1"}).Draw(t, "client")
		case 9:
			q.Text = choose("text", someName.Draw(t, "word"), "jon users", "username-where-dn", "posix", r.Filter)
		case 10:
			q.Slow = someDuration.Draw(t, "slow")
		case 11:
			q.Conn = rapid.Uint64Range(0, 3).Draw(t, "conn")
		case 12:
			q.Since = someTime.Draw(t, "since")
		case 13:
			q.Until = someTime.Draw(t, "until")
		}
	}
	return q
}

// asStored is r as it comes back: clipped, to the microsecond.
func asStored(r *lookup.Record) *lookup.Record {
	c := clipped(r)
	c.Time = c.Time.Truncate(time.Microsecond)
	for _, d := range []*time.Duration{&c.Total, &c.Queue, &c.Upstream.Duration} {
		*d = d.Truncate(time.Microsecond)
	}
	return &c
}

// TestSelectIsMatch holds what the journal finds against lookup.Query.Match over all
// records.
func TestSelectIsMatch(t *testing.T) {
	found, runs := 0, 0
	cfg := testConfig(t)
	file := cfg.Path
	rapid.Check(t, func(t *rapid.T) {
		runs++
		cfg.Path = fmt.Sprint(file, runs)
		r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
		r.window = 7
		records := rapid.SliceOfN(someRecord, 0, 40).Draw(t, "records")
		if stored, _ := r.write(records...); stored != len(records) {
			t.Fatalf("%d of %d records were stored", stored, len(records))
		}
		for i := range records {
			records[i] = asStored(records[i])
		}
		for range 10 {
			q := queryFor(t, records)
			var want []Entry
			for i, rec := range records {
				if q.Match(rec) {
					want = append(want, Entry{int64(i + 1), rec})
				}
			}
			found += len(want)
			check := func(what string, got []Entry, err error, want []Entry) {
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
					t.Fatalf("%s %+v: %v (-Match +journal):\n%s", what, q, err, diff)
				}
			}
			after := rapid.Int64Range(0, int64(len(records))).Draw(t, "after")
			limit := rapid.IntRange(1, 50).Draw(t, "limit")
			got, err := r.After(t.Context(), q, after, limit)
			check("After", got, err, firstOf(slices.DeleteFunc(slices.Clone(want), func(e Entry) bool { return e.Row <= after }), limit))
			slices.Reverse(want)
			got, err = r.Select(t.Context(), q, limit, 0)
			check("Select", got, err, firstOf(want, limit))
			got, err = r.Select(t.Context(), q, limit, after+1)
			check("Select before", got, err, firstOf(slices.DeleteFunc(slices.Clone(want), func(e Entry) bool { return e.Row > after }), limit))
		}
	})
	if found == 0 {
		t.Error("no query selected anything")
	}
	t.Logf("%d lookups were found", found)
}

// TestEveryNameEverywhere looks for each of the names where each of them stands.
func TestEveryNameEverywhere(t *testing.T) {
	r := newRig(t, testConfig(t), func(o *Options) { o.Now = func() time.Time { return noon } })
	var records []*lookup.Record
	for _, name := range names {
		for _, rec := range []lookup.Record{
			{Kind: lookup.KindUser, Filter: "(uid=" + name + ")"},
			{Kind: lookup.KindGroup, Filter: "(cn=" + name + ")"},
			{Kind: lookup.KindMembership, Base: "cn=" + name + ",dc=x", Scope: "base", Filter: "(member=uid=" + name + ",dc=x)"},
			{BindDN: name}, {Diagnostic: name}, {Attrs: []string{"x", name}}, {Rules: []string{name, "x"}}, {Hints: []string{"x", "y: " + name}},
			{Upstream: lookup.UpstreamPart{Base: name}}, {Upstream: lookup.UpstreamPart{Filter: name}}, {Name: name},
		} {
			rec.Time, rec.Op = noon, lookup.OpSearch
			records = append(records, &rec)
		}
	}
	r.write(records...)
	for i := range records {
		records[i] = asStored(records[i])
	}
	for _, name := range names {
		for _, form := range []string{name, strings.ToUpper("*" + name + "*"), strings.ToLower(name) + "*"} {
			for _, q := range []lookup.Query{{User: form}, {Group: form}, {Text: form}, {Rule: form}} {
				var want []int64
				for i, rec := range records {
					if q.Match(rec) {
						want = append(want, int64(i+1))
					}
				}
				entries, err := r.After(t.Context(), q, 0, 1<<20)
				if err != nil {
					t.Fatalf("%+v: %v", q, err)
				}
				var got []int64
				for _, e := range entries {
					got = append(got, e.Row)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%+v selects rows %v, the journal finds %v", q, want, got)
				}
			}
		}
	}
}

func firstOf(list []Entry, n int) []Entry { return list[:min(n, len(list))] }
