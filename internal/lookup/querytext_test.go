package lookup_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

func TestParseQuery(t *testing.T) {
	midnight := time.Date(2026, 1, 31, 0, 0, 0, 0, noon.Location())
	for text, want := range map[string]lookup.Query{
		"":                                   {},
		" \t\n":                              {},
		"user:jon.snow":                      {User: "jon.snow"},
		"USER:Jon.Snow":                      {User: "Jon.Snow"},
		"group:*game*":                       {Group: "*game*"},
		"kind:user-groups":                   {Kind: "user-groups"},
		"kind:User op:SEARCH":                {Kind: "user", Op: "search"},
		"op:compare":                         {Op: "compare"},
		"result:empty":                       {Result: "empty"},
		"result:49":                          {Result: "49"},
		"result:invalidCredentials":          {Result: "invalidCredentials"},
		"result:invalidcredentials":          {Result: "invalidcredentials"},
		"result:code4711":                    {Result: "code4711"},
		"hint:any":                           {Hint: "any"},
		"hint:unknown-group":                 {Hint: "unknown-group"},
		"rule:member-dn":                     {Rule: "member-dn"},
		"client:10.0.0.5:40112":              {Client: "10.0.0.5:40112"},
		"client:[2001:db8::5]:389":           {Client: "[2001:db8::5]:389"},
		"slow:250ms":                         {Slow: 250 * time.Millisecond},
		"slow:1.5s":                          {Slow: 1500 * time.Millisecond},
		"slow:0":                             {},
		"conn:7":                             {Conn: 7},
		"shape:(&(cn=?)(objectClass=group))": {Shape: "(&(cn=?)(objectClass=group))"},
		`shape:"read cn=? (objectClass=*)"`:  {Shape: "read cn=? (objectClass=*)"},

		"since:15m":                       {Since: noon.Add(-15 * time.Minute)},
		"since:1h30m":                     {Since: noon.Add(-90 * time.Minute)},
		"since:7d":                        {Since: noon.Add(-7 * 24 * time.Hour)},
		"since:0":                         {Since: noon},
		"since:2026-01-31":                {Since: midnight},
		"since:2026-01-31T08:00":          {Since: midnight.Add(8 * time.Hour)},
		"since:2026-01-31T08:00:30":       {Since: midnight.Add(8*time.Hour + 30*time.Second)},
		`since:"2026-01-31 08:00"`:        {Since: midnight.Add(8 * time.Hour)},
		`since:"2026-01-31 08:00:30"`:     {Since: midnight.Add(8*time.Hour + 30*time.Second)},
		"since:2026-01-31T08:00:00Z":      {Since: midnight.Add(9 * time.Hour)},
		"since:2026-01-31T08:00:00.5Z":    {Since: midnight.Add(9*time.Hour + 500*time.Millisecond)},
		"since:2026-01-31T08:00:00+05:00": {Since: midnight.Add(4 * time.Hour)},
		"until:5m":                        {Until: noon.Add(-5 * time.Minute)},
		"until:2026-01-31":                {Until: midnight.AddDate(0, 0, 1).Add(-1)},
		"until:2026-01-31T08:00":          {Until: midnight.Add(8 * time.Hour)},

		"jon":                            {Text: "jon"},
		"  jon \u00a0 snow\n ":           {Text: "jon snow"},
		"jon kind:group snow":            {Kind: "group", Text: "jon snow"},
		"uid=jon,ou=Users":               {Text: "uid=jon,ou=Users"},
		"(&(cn=a)(member=*))":            {Text: "(&(cn=a)(member=*))"},
		"kind:group\tconn:7\u00a0user:a": {Kind: "group", Conn: 7, User: "a"}, // as pasted from somewhere
		"kind:group kind:user":           {Kind: "user"},
		"kind:group kind: user":          {Text: "user"},
		"user:":                          {},

		// A colon behind anything else is part of a word.
		"member:foo":        {Text: "member:foo"},
		"users:jon":         {Text: "users:jon"},
		"10.0.0.5:40112":    {Text: "10.0.0.5:40112"},
		"08:15":             {Text: "08:15"},
		"ldaps://dc1:636":   {Text: "ldaps://dc1:636"},
		"cn:dn:2.5.13.5:=a": {Text: "cn:dn:2.5.13.5:=a"},
		":":                 {Text: ":"},
		"text:jon":          {Text: "text:jon"},
		"unknown-group: no": {Text: "unknown-group: no"},
		"(user:jon":         {Text: "(user:jon"},

		`group:"Night's Watch"`:      {Group: "Night's Watch"},
		`group:Night"'s Wa"tch`:      {Group: "Night's Watch"},
		`group:"Night's Watch" jon`:  {Group: "Night's Watch", Text: "jon"},
		`group:"Night's Watch`:       {Group: "Night's Watch"}, // is being typed
		`group:"the ""Watch"""`:      {Group: `the "Watch"`},
		`group:""""`:                 {Group: `"`},
		`group:""`:                   {},
		`"jon snow"`:                 {Text: "jon snow"},
		`"user:jon"`:                 {Text: "user:jon"},
		`"user:"jon`:                 {Text: "user:jon"},
		`"" jon`:                     {Text: "jon"},
		`"`:                          {},
		`"kind:nonsense" kind:group`: {Kind: "group", Text: "kind:nonsense"},
	} {
		got, err := lookup.ParseQuery(text, noon)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseQueryNamesTheMistake(t *testing.T) {
	const lengths, times = "write for example 250ms, 15m, 2h or 7d", "write how long ago (15m, 2h, 7d) or when (2026-01-31 or 2026-01-31T08:00)"
	kinds, ops := strings.Join(lookup.Kinds(), ", "), strings.Join(lookup.Ops(), ", ")+", question, any"
	for text, want := range map[string]string{
		"jon kind:groups user:x": `kind: "groups" is none of ` + kinds,
		`kind:"a b"`:             `kind: "a b" is none of ` + kinds,
		"OP:find":                `op: "find" is none of ` + ops,
		"result:fail":            `result: "fail" is none of ok, empty, failed, none, and no result such as noSuchObject or 32`,
		"result:code":            `result: "code" is none of ok, empty, failed, none, and no result such as noSuchObject or 32`,
		"slow:100":               `slow: "100" is no length of time; ` + lengths,
		"slow:-1s":               `slow: "-1s" is no length of time; ` + lengths,
		"slow:d":                 `slow: "d" is no length of time; ` + lengths,
		"slow:100000d":           `slow: "100000d" is no length of time; ` + lengths,
		"conn:x":                 `conn: "x" is no number`,
		"conn:-1":                `conn: "-1" is no number`,
		"since:yesterday":        `since: "yesterday" is no time; ` + times,
		"since:2026-02-30":       `since: "2026-02-30" is no time; ` + times,
		"until:08:00":            `until: "08:00" is no time; ` + times,
	} {
		q, err := lookup.ParseQuery(text, noon)
		if err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant %s", text, err, want)
		}
		if q != (lookup.Query{}) {
			t.Errorf("%s: half a query, %s, comes with the error", text, q)
		}
	}
}

func TestSetKeepsTheQueryAfterAMistake(t *testing.T) {
	was := lookup.Query{Kind: "user", Slow: time.Second, Since: noon, Text: "a"}
	for _, name := range []string{"kind", "slow", "since", "nonsense"} {
		q := was
		if err := q.Set(name, "nonsense", noon); err == nil || q != was {
			t.Errorf("Set(%s) made %s, error %v", name, q, err)
		}
	}
	var q lookup.Query
	want := "users: there is no such condition; use user, group, kind, op, result, hint, rule, client, slow, conn, since, until, shape"
	if err := q.Set("users", "jon", noon); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := q.Set("text", "two words", noon); err != nil || q.Text != "two words" {
		t.Errorf("Set(text) made %s, error %v", q, err)
	}
}

func TestEmptyValueTakesAConditionAway(t *testing.T) {
	q := everyCondition()
	for _, name := range []string{"user", "group", "kind", "op", "result", "hint", "rule", "client", "slow", "conn", "since", "until", "shape", "text"} {
		if err := q.Set(name, "", noon); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if q != (lookup.Query{}) {
		t.Errorf("left: %s", q)
	}
}

func everyCondition() lookup.Query {
	return lookup.Query{
		User: "jon", Group: "Night's Watch", Kind: "group", Op: "search", Result: "empty", Hint: "any", Rule: "class", Client: "10.0.0.5",
		Slow: 90 * time.Second, Conn: 7, Since: noon, Until: noon.Add(time.Hour), Shape: "(cn=?)", Text: "a b",
	}
}

func TestQueryAsText(t *testing.T) {
	const want = `a b user:jon group:"Night's Watch" kind:group op:search result:empty hint:any rule:class client:10.0.0.5 ` +
		`slow:1m30s conn:7 since:2026-01-31T11:00:00Z until:2026-01-31T12:00:00Z shape:(cn=?)`
	if got := everyCondition().String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for want, q := range map[string]lookup.Query{
		"":                                     {},
		`group:"the ""Watch"""`:                {Group: `the "Watch"`},
		`say """hi"""`:                         {Text: `say "hi"`},
		`"user:jon" member:jon`:                {Text: " user:jon  member:jon"},
		`"KIND:x"`:                             {Text: "KIND:x"},
		"user:\"a\u00a0b\"":                    {User: "a\u00a0b"},
		"user:user:jon":                        {User: "user:jon"},
		"since:2026-01-31T11:00:00.000000001Z": {Since: noon.Add(1)},
	} {
		if got := q.String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestQuerySurvivesItsText(t *testing.T) {
	odd := rapid.StringOf(rapid.RuneFrom([]rune("ab:\"* \t\u00a0\\'ö…(=)")))
	value := rapid.OneOf(odd, rapid.String(), rapid.SampledFrom([]string{"", "", `"`, `""`, "kind:", "user:x", "\xff", `a"b c"`}))
	moment := rapid.Map(rapid.Int64(), func(ns int64) time.Time { return time.Unix(0, ns) })
	rapid.Check(t, func(t *rapid.T) {
		q := lookup.Query{
			User: value.Draw(t, "user"), Group: value.Draw(t, "group"), Hint: value.Draw(t, "hint"), Rule: value.Draw(t, "rule"),
			Shape: value.Draw(t, "shape"), Client: value.Draw(t, "client"),
			Text:   strings.Join(strings.Fields(value.Draw(t, "text")), " "),
			Kind:   rapid.SampledFrom(append(lookup.Kinds(), "")).Draw(t, "kind"),
			Op:     rapid.SampledFrom(append(lookup.Ops(), "", lookup.QuestionOps, lookup.AnyOp)).Draw(t, "op"),
			Result: rapid.SampledFrom([]string{"", "ok", "49", "-1", "busy"}).Draw(t, "result"),
			Slow:   time.Duration(rapid.Int64Min(0).Draw(t, "slow")), Conn: rapid.Uint64().Draw(t, "conn"),
		}
		if rapid.Bool().Draw(t, "bounded") {
			q.Since, q.Until = moment.Draw(t, "since"), moment.Draw(t, "until")
		}
		got, err := lookup.ParseQuery(q.String(), noon)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		if diff := cmp.Diff(q, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", q, diff)
		}
	})
}

// Whatever results the codec names can be asked for, and nothing else.
func TestResultsByName(t *testing.T) {
	for code := range ldap.ResultCode(5000) {
		name := code.String()
		for _, text := range []string{name, strings.ToUpper(name)} {
			q, err := lookup.ParseQuery("result:"+text, noon)
			if err != nil || !q.Match(&lookup.Record{Op: lookup.OpModify, Result: int(code), ResultName: name}) {
				t.Fatalf("result:%s does not select a lookup with result %d: error %v", text, code, err)
			}
		}
	}
	for _, text := range []string{"code", "code-1", "codeX", "code99999999999", "succes", "error", "ok,empty"} {
		if _, err := lookup.ParseQuery("result:"+text, noon); err == nil {
			t.Errorf("result:%s is accepted", text)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add(`kind:group "user:x" group:"a ""b"" c" since:1h slow:7d x:y`)
	f.Add("until:2026-01-31 conn:18446744073709551615 result:code1")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := lookup.ParseQuery(text, noon)
		if err != nil {
			return
		}
		again, err := lookup.ParseQuery(q.String(), noon.Add(time.Hour))
		if diff := cmp.Diff(q, again); err != nil || diff != "" {
			t.Errorf("%q is %s, which is read as something else: error %v\n%s", text, q, err, diff)
		}
	})
}
