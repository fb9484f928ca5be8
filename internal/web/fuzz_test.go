package web_test

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

// FuzzRequest: whatever stands in the query of a page or in a lookup that it shows, the
// answer is no failure of the server, comes at once, and has the elements and attributes of our
// templates only, and no more scripts than without it.
func FuzzRequest(f *testing.F) {
	paths := []string{"/", "/rows", "/explain", "/shapes", "/groups", "/lookups/1", "/journal/101", "/api/lookups", "/api/journal", "/api/explain", "/api/shapes"}
	for _, text := range []string{
		"q=kind:group+user:x", "q=%22%3E%3Czq+onzq=1%3E", "filter=(cn=*)&base=x&scope=base&attrs=cn,ou", "filter=(member=%3Czq%3E)&op=compare",
		"before=-1&limit=99999999999999999999&row=0x1", "source=journal&q=since:1h", "part=drawer", "part=%00&q=%ff", "q=a;b&&&=%", "filter=" + strings.Repeat("(%26", 200),
	} {
		for i := range paths {
			f.Add(byte(i), text, `"'><zq onzq=1>`)
		}
	}
	templates := templateText(f)
	f.Fuzz(func(t *testing.T, which byte, query, hostile string) {
		path := paths[int(which)%len(paths)]
		record := &lookup.Record{
			ID: 1, Time: noon, Op: "search", Kind: hostile, Base: hostile, Scope: "sub", Filter: hostile, BindDN: hostile, ClientAddr: hostile,
			Result: 49, ResultName: "invalidCredentials", Diagnostic: hostile, Rules: []string{hostile}, Hints: []string{hostile},
		}
		server := web.New(listen(t), full(t, record))
		defer server.Shutdown(t.Context())
		ask := func(query string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", path, nil)
			r.URL.RawQuery, r.Host = query, "localhost"
			w := httptest.NewRecorder()
			began := time.Now()
			server.Handler().ServeHTTP(w, r)
			if took := time.Since(began); took > patience {
				t.Errorf("%s?%s took %v", path, query, took)
			}
			if w.Code >= 500 {
				t.Errorf("%s?%s: status %d: %s", path, query, w.Code, w.Body)
			}
			return w
		}
		answer := ask(query)
		if !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html") {
			return
		}
		page := parse(t, printable(answer.Body.String()))
		for _, n := range page.all(func(*node) bool { return true }) {
			if !strings.Contains(templates, "<"+n.tag) {
				t.Errorf("%s?%s with %q has an element %s", path, query, hostile, n.tag)
			}
			for name := range maps.Keys(n.attrs) {
				if !strings.Contains(templates, name) || strings.HasPrefix(name, "on") {
					t.Errorf("%s?%s with %q has an attribute %s", path, query, hostile, name)
				}
			}
		}
		if want := parse(t, printable(ask("").Body.String())).tags("script"); answer.Code == 200 && len(page.tags("script")) > len(want) {
			t.Errorf("%s?%s with %q has %d scripts, without it %d", path, query, hostile, len(page.tags("script")), len(want))
		}
	})
}

// printable puts a space where XML, with which the pages are read, has no such letter.
func printable(html string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == '\ufffe' || r == '\uffff' {
			return ' '
		}
		return r
	}, html)
}

func templateText(tb testing.TB) string {
	tb.Helper()
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) == 0 {
		tb.Fatal("no templates", err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintln(&all, string(text))
	}
	return all.String()
}
