package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

// TestEveryPage walks from the first page along every link, and looks at each page
// as a browser with the policy would.
func TestEveryPage(t *testing.T) {
	for name, records := range map[string][]*lookup.Record{"usual": outcomes(), "hostile": {evil(1), evil(2)}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			w := &walk{fixture: start(t, full(t, records...)), seen: make(map[string]bool)}
			w.visit("/", "the start")
			for len(w.todo) > 0 {
				next := w.todo[0]
				w.todo = w.todo[1:]
				w.look(next)
			}
			for _, page := range []string{"/shapes", "/groups", "/health", "/explain", "/try", "/metrics", "/healthz", "/readyz"} {
				if !w.seen[page] {
					t.Errorf("no link leads to %s", page)
				}
			}
			if records != nil && !slices.ContainsFunc(w.all(), func(s string) bool { return strings.HasPrefix(s, "/journal/") }) {
				t.Error("no link leads to a lookup in the journal")
			}
		})
	}
}

// walk keeps where it has been.
type walk struct {
	*fixture
	seen map[string]bool
	todo []string
}

func (w *walk) all() []string {
	var list []string
	for address := range w.seen {
		list = append(list, address)
	}
	return list
}

func (w *walk) visit(address, from string) {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		if !strings.HasPrefix(address, "#") {
			w.t.Errorf("%s links %q, which is not an address of this server", from, address)
		}
		return
	}
	if !w.seen[address] {
		w.seen[address] = true
		w.todo = append(w.todo, address)
	}
}

func (w *walk) look(address string) {
	answer, body := w.get(address)
	if answer.StatusCode >= 400 {
		w.t.Errorf("%s: %s: %s", address, answer.Status, body)
	}
	if got := answer.Header.Get("Content-Security-Policy"); got != web.Policy {
		w.t.Errorf("%s: policy %q", address, got)
	}
	if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
		return
	}
	page := parse(w.t, body)
	for _, e := range page.all(func(*node) bool { return true }) {
		w.check(address, e)
	}
}

// check refuses what the policy would, and what nobody wrote.
func (w *walk) check(address string, e *node) {
	for name, value := range e.attrs {
		switch {
		case name == "style", strings.HasPrefix(name, "on"), name == "srcdoc":
			w.t.Errorf("%s: <%s %s=%q>", address, e.tag, name, value)
		case name == "href", name == "src", name == "action" && e.attrs["method"] != "post":
			w.visit(value, address)
		}
	}
	switch {
	case e.tag == "style", e.tag == "base", e.tag == "iframe", e.tag == "object":
		w.t.Errorf("%s has a <%s>", address, e.tag)
	case e.tag == "script" && (e.attrs["src"] == "" || e.text() != ""):
		w.t.Errorf("%s has a script in the page: %s", address, e.text())
	case e.attrs["id"] == "evil":
		w.t.Errorf("%s took a text for an element", address)
	}
}

func TestIDsOfAPageAreUnique(t *testing.T) {
	f := start(t, full(t, outcomes()...))
	for _, path := range []string{"/", "/?source=journal", "/lookups/3", "/shapes", "/groups", "/health", "/explain", "/try"} {
		seen := make(map[string]bool)
		for _, e := range f.page(path, http.StatusOK).all(func(n *node) bool { return n.attrs["id"] != "" }) {
			if seen[e.attrs["id"]] {
				t.Errorf("%s: id %q twice", path, e.attrs["id"])
			}
			seen[e.attrs["id"]] = true
		}
	}
}

func TestPagesOfAServerWithoutAnything(t *testing.T) {
	f := start(t, web.Options{})
	for path, want := range map[string]string{
		"/":                             "No lookup yet",
		"/?source=journal":              "No lookup yet",
		"/rows":                         "",
		"/shapes":                       "Nothing has been asked yet",
		"/groups":                       "No pair is known",
		"/health":                       "ready",
		"/explain":                      "What the proxy makes of a request",
		"/api/lookups":                  `{"lookups":[]}`,
		"/api/shapes":                   `{"shapes":[]}`,
		"/explain?filter=(cn=x)":        "there are no rules here",
		"/api/explain?filter=(cn=x)":    "there are no rules here",
		"/try":                          "Trying is switched off",
		"/journal/1":                    "There is no such lookup",
		"/lookups/1":                    "There is no such lookup",
		"/api/lookups/1":                "not among the latest",
		"/api/journal":                  "set journal.path",
		"/api/stream":                   "no lookups are kept here",
		"/stream":                       "no lookups are kept here",
		"/api/groups":                   `"pairs":[]`,
		"/api/health":                   `"listeners":[]`,
		"/lookups/99999999999999999999": "There is no such lookup",
	} {
		answer, body := f.get(path)
		if answer.StatusCode >= 500 || !strings.Contains(body, want) {
			t.Errorf("%s: %s %s, want %q", path, answer.Status, body, want)
		}
	}
	if tabs := f.page("/", http.StatusOK).tags("nav")[0].text(); strings.Contains(tabs, "Try") {
		t.Errorf("without trying there is a tab for it: %s", tabs)
	}
}
