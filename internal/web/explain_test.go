package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/explain"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/web"
)

func explainQuery(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return "/explain?" + v.Encode()
}

func TestExplainPage(t *testing.T) {
	f := start(t, full(t))
	page := f.page("/explain", http.StatusOK)
	if got := page.id("base").attrs["value"]; got != base {
		t.Errorf("the base is %q at first", got)
	}

	page = f.page(explainQuery("filter", "(&(objectClass=groupOfNames)(member=jon.snow))", "base", base, "attrs", "cn, member"), http.StatusOK)
	page.says(t, "Answered from the groups of mode posix", "Hint: username-where-dn", "(objectClass=posixGroup)", "(memberUid=jon.snow)", "member-name")
	for field, want := range map[string]string{"base": base, "attrs": "cn, member"} {
		if got := page.id(field).attrs["value"]; got != want {
			t.Errorf("%s is %q afterwards", field, got)
		}
	}
	f.page(explainQuery("filter", "(uid=jon.snow)", "base", ""), http.StatusOK).says(t, "Passed on as it is", "Nothing in it is of the legacy vocabulary")
	f.page(explainQuery("filter", "member=uid=jon.snow,"+base, "op", "compare", "base", "cn=gameOfThrones,"+base), http.StatusOK).
		says(t, "Answered from the groups of mode posix", "cn=got")
}

func TestExplainSaysWhatIsWrong(t *testing.T) {
	f := start(t, full(t))
	for filter, want := range map[string]string{
		"(cn=":         "reading the filter (cn=",
		"(&(a=1)":      "reading the filter",
		"<script>":     "reading the filter (<script>)",
		"(a=1)(b=2)":   "reading the filter",
		"((((((((((((": "reading the filter",
	} {
		page := f.page(explainQuery("filter", filter), http.StatusBadRequest)
		page.id("wrong").says(t, want)
		if page.id("filter").text() != filter {
			t.Errorf("%s is lost", filter)
		}
	}
	f.page(explainQuery("filter", "(a=1)", "scope", "tree"), http.StatusBadRequest).id("wrong").says(t, `scope "tree" is none of base, one, sub, children`)
	f.page(explainQuery("filter", "(&(a=1)(b=2))", "op", "compare"), http.StatusBadRequest).id("wrong").says(t, "a compare has one assertion")
	if answer, body := f.get("/api/explain"); answer.StatusCode != http.StatusBadRequest || !strings.HasPrefix(body, `{"error":"reading the filter`) {
		t.Errorf("%s %s", answer.Status, body)
	}
}

// noneOutside refuses searches at other bases.
type noneOutside struct{}

func (noneOutside) RefusesSearch(r *ldap.SearchRequest) string {
	if r.Base == base {
		return ""
	}
	return "not open (guards.bases)"
}

func (noneOutside) RefusesCompare(*ldap.CompareRequest) string { return "" }

func TestExplainSaysWhatGuardsRefuse(t *testing.T) {
	o := full(t)
	o.Guards = func() web.Guards { return noneOutside{} }
	f := start(t, o)
	f.page(explainQuery("filter", "(uid=jon.snow)", "base", "dc=com"), http.StatusOK).says(t, "Refused, and not asked upstream", "guards.bases")
	if _, body := f.get("/api" + explainQuery("filter", "(uid=jon.snow)", "base", base)); strings.Contains(body, "refused") {
		t.Errorf("refused what is open: %s", body)
	}
}

func TestExplainJSON(t *testing.T) {
	f := start(t, full(t))
	_, body := f.get("/api" + explainQuery("filter", "(&(objectClass=groupOfNames)(cn=gameOfThrones))", "base", base, "attrs", "cn gidNumber", "scope", "one"))
	var x explain.Explanation
	if err := json.Unmarshal([]byte(body), &x); err != nil {
		t.Fatal(err)
	}
	if !x.Bridged || x.Mode != "posix" || x.Request.Scope != "one" || len(x.Request.Attributes) != 2 || !strings.Contains(x.Upstream.Filter, "(cn=got)") {
		t.Errorf("%s", body)
	}
}
