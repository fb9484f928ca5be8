package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

// decode reads an answer of 200 that is JSON.
func decode[T any](t *testing.T, answer *http.Response, body string) T {
	t.Helper()
	var v T
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != "application/json" {
		t.Fatalf("%s: %s, %s: %s", answer.Request.URL, answer.Status, got, body)
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v
}

func TestLookupsJSON(t *testing.T) {
	f := start(t, full(t, outcomes()...))
	ids := func(path string) []uint64 {
		t.Helper()
		answer, body := f.get(path)
		list := []uint64{}
		for _, r := range decode[struct{ Lookups []*lookup.Record }](t, answer, body).Lookups {
			list = append(list, r.ID)
		}
		return list
	}
	for path, want := range map[string][]uint64{
		"/api/lookups":                       {13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1},
		"/api/lookups?q=op:question&limit=5": {13, 12, 11, 10, 8},
		"/api/lookups?limit=2":               {13, 12},
		"/api/lookups?limit=0&q=hint:any":    {4, 3},
		"/api/lookups?limit=-1&q=hint:any":   {4, 3},
		"/api/lookups?limit=x&q=hint:any":    {4, 3},
		"/api/lookups?q=kind:schema":         {},
	} {
		if diff := cmp.Diff(want, ids(path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	answer, body := f.get("/api/lookups/3")
	if diff := cmp.Diff(membership(3), decode[*lookup.Record](t, answer, body)); diff != "" {
		t.Errorf("one (-want +got):\n%s", diff)
	}
	for _, path := range []string{"/api/lookups/99", "/api/lookups/x", "/api/lookups/-3"} {
		if answer, body := f.get(path); answer.StatusCode != http.StatusNotFound || body != `{"error":"this lookup is not among the latest"}`+"\n" {
			t.Errorf("%s: %s %s", path, answer.Status, body)
		}
	}
}

func TestJournalJSON(t *testing.T) {
	f := start(t, full(t, outcomes()...))
	type entry struct {
		Row    int64
		Lookup *lookup.Record
	}
	rows := func(path string) []int64 {
		t.Helper()
		answer, body := f.get(path)
		list := []int64{}
		for _, e := range decode[struct{ Lookups []entry }](t, answer, body).Lookups {
			if e.Lookup.ID != uint64(e.Row-firstRow+1) {
				t.Errorf("row %d has lookup %d", e.Row, e.Lookup.ID)
			}
			list = append(list, e.Row)
		}
		return list
	}
	for path, want := range map[string][]int64{
		"/api/journal?limit=3":            {113, 112, 111},
		"/api/journal?limit=3&before=111": {110, 109, 108},
		"/api/journal?q=hint:any":         {104, 103},
		"/api/journal?before=101":         {},
	} {
		if diff := cmp.Diff(want, rows(path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	answer, body := f.get("/api/journal?row=103")
	if diff := cmp.Diff(membership(3), decode[*lookup.Record](t, answer, body)); diff != "" {
		t.Errorf("one (-want +got):\n%s", diff)
	}
	if answer, body := f.get("/api/journal?row=1"); answer.StatusCode != http.StatusNotFound || body != `{"error":"this row is not in the journal"}`+"\n" {
		t.Errorf("%s %s", answer.Status, body)
	}
	if answer, body := f.get("/api/journal?q=kind:x"); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("%s %s", answer.Status, body)
	}
}

func TestLimitHasALimit(t *testing.T) {
	var records []*lookup.Record
	for id := uint64(1); id <= 3000; id++ {
		records = append(records, plain(id))
	}
	f := start(t, full(t, records...))
	answer, body := f.get("/api/journal?limit=1000000")
	if n := len(decode[map[string][]json.RawMessage](t, answer, body)["lookups"]); n != 2500 {
		t.Errorf("%d lookups", n)
	}
}

// TestEveryFieldIsDocumented holds docs/api.md against what is served, both ways.
func TestEveryFieldIsDocumented(t *testing.T) {
	documented := readAPI(t)
	for section, want := range produced(t) {
		got, found := documented[section]
		if !found {
			t.Errorf("docs/api.md has no section %q", section)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-served +documented):\n%s", section, diff)
		}
		delete(documented, section)
	}
	for section := range documented {
		t.Errorf("docs/api.md has a section %q of which nothing is served", section)
	}
}

// produced is what each address serves, by the section that describes it.
func produced(t *testing.T) map[string]fields {
	t.Helper()
	compare := outcomes()[5]
	f := start(t, full(t, membership(1), compare))
	get := func(path string, elsewhere ...string) fields {
		t.Helper()
		answer, body := f.get(path)
		return fields{}.add(decode[any](t, answer, body), elsewhere...)
	}
	groups := get("/api/groups", "no_linux_group[]", "no_legacy_group[]", "ambiguous[].legacy[]", "ambiguous[].posix[]")
	_, wrong := f.get("/api/lookups/99")
	found := map[string]fields{
		"the beginning":    fields{}.add(anyOf(t, wrong)),
		"A lookup":         get("/api/lookups/1").with(get("/api/lookups/6")),
		"GET /api/lookups": get("/api/lookups", "lookups[]"),
		"GET /api/journal": get("/api/journal", "lookups[].lookup"),
		"GET /api/shapes":  get("/api/shapes"),
		"GET /api/groups":  groups,
		"GET /api/health":  get("/api/health"),
	}
	_, body := f.get("/api/groups")
	list := anyOf(t, body).(map[string]any)
	found["A group"] = fields{}.add(list["no_linux_group"].([]any)[0]).with(fields{}.add(list["no_legacy_group"].([]any)[0]))
	found["GET /api/explain"] = producedByExplain(t)
	found["POST /api/try"], found["An entry"] = producedByTry(t)
	return found
}

func producedByExplain(t *testing.T) fields {
	merge := full(t)
	merge.Rules = rulesOf(t, func(c *rewriteConfig) { c.Mode, c.Pairs[0].GID = "merge", 0 })
	merge.Guards = func() web.Guards { return noneOutside{} }
	all := fields{}
	for filter, f := range map[string]*fixture{
		"(&(objectClass=groupOfNames)(cn=*ot*))": start(t, full(t)), "(&(objectClass=groupOfNames)(member=jon.snow))": start(t, full(t)),
		"(&(objectClass=groupOfNames)(gidNumber=7001))": start(t, merge),
	} {
		for _, where := range []string{base, "cn=gameOfThrones," + base} {
			answer, body := f.get("/api/explain?" + url.Values{"filter": {filter}, "base": {where}, "attrs": {"cn gidNumber"}}.Encode())
			all = all.with(fields{}.add(decode[any](t, answer, body), "upstream", "fallback"))
		}
	}
	return all
}

func producedByTry(t *testing.T) (answers, entries fields) {
	f := tryServer(t, generated)
	answers, entries = fields{}, fields{}
	for _, change := range []string{
		`"question":"user","user":"user00001"`, `"question":"group","group":"lx0001","group_id":"memberUid"`,
		`"question":"membership","user":"user00001","group":"lx0001"`, `"question":"user","user":"nobody"`,
	} {
		answer, body := f.tryAPI(fmt.Sprintf(`{"dn":%q,"password":%q,%s}`, account, samplePassword, change))
		v := decode[map[string]any](t, answer, body)
		answers.add(v, "answer.users[]", "answer.groups[]")
		for _, kind := range []string{"users", "groups"} {
			for _, entry := range v["answer"].(map[string]any)[kind].([]any) {
				entries.add(entry)
			}
		}
	}
	return answers, entries
}

// TestEveryInputOfTryIsDocumented takes the names from the reader of the body.
func TestEveryInputOfTryIsDocumented(t *testing.T) {
	f := tryServer(t)
	for name := range readTable(t, "input")["POST /api/try"] {
		if _, body := f.tryAPI(`{"` + name + `":null}`); !strings.Contains(body, "the Distinguished Username is missing") {
			t.Errorf("%s: %s", name, body)
		}
	}
	if diff := cmp.Diff(tryInputs(t), readTable(t, "input")["POST /api/try"]); diff != "" {
		t.Errorf("(-read +documented):\n%s", diff)
	}
}
