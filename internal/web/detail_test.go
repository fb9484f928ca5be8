package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

func itoa[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }

// detail is the page of one lookup.
func detail(t *testing.T, r *lookup.Record) *node {
	t.Helper()
	return start(t, full(t, r)).page("/lookups/"+strconv.FormatUint(r.ID, 10), http.StatusOK)
}

func TestDetails(t *testing.T) {
	page := detail(t, membership(1))
	page.id("detail-title").says(t, "Membership gameOfThrones member=jon.snow")
	page.says(t, "1 entry", "translated", "in 50.0 ms", "The directory answered the question.")
	page.class("hintbox")[0].says(t, "Hint: username-where-dn", "member=jon.snow", `tick "Use distinguished name of member users when searching"`)
	page.class("rules")[0].says(t, "member-name", "group-class")
	want := map[string]string{
		"Result": "success (0)", "Entries": "1, translated, 312 bytes sent", "When": "Sunday, 1 March 2026, 12:00:00.001 " + noon.Format("MST"),
		"Client": "10.0.0.7:50001 (Java (JNDI), as Jamf Pro)", "Asked as": "uid=jamf.ldap," + base, "Operation": "search, scope sub",
		"Client's limits": "100 entries 61 s", "Controls": "2.16.840.1.113730.3.4.2",
		"Directory": "ldaps://ldap.jumpcloud.com:636, over an open connection", "Cache": "miss", "Number": "lookup 1 of this run, connection 7",
	}
	got := page.facts()
	for _, rule := range membership(1).Rules {
		delete(got, rule)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDetailsSayWhatTheAnswerMeans(t *testing.T) {
	for _, r := range outcomes() {
		page := detail(t, r)
		want := map[uint64]string{
			1: "The directory accepted user and password.", 2: "The directory refused the user or the password.", 3: "The directory answered the question.",
			4: "The directory answered, and found nothing that fits", 5: "The directory could not be asked.", 6: "The answer to the comparison is yes.",
			7: "The directory answered the question.", 8: "Nothing was answered", 9: "Nothing was answered", 10: "The directory answered",
			11: "The directory answered", 12: "it only reads", 13: "not LDAP as version 3",
		}[r.ID]
		page.says(t, want)
		page.class("mark")[0].says(t, "")
		if class := page.class("mark")[0].attrs["class"]; class != "mark "+string(r.Outcome()) {
			t.Errorf("lookup %d is marked %q", r.ID, class)
		}
	}
}

func TestDetailsPutRequestsSideBySide(t *testing.T) {
	page := detail(t, membership(1))
	var got []string
	for _, row := range page.class("diff")[0].tags("tr")[1:] {
		var cells []string
		for _, cell := range row.all(func(n *node) bool { return n.tag == "td" || n.tag == "th" }) {
			cells = append(cells, cell.text())
		}
		got = append(got, strings.TrimSpace(row.attrs["class"]+" "+strings.Join(cells, " | ")))
	}
	want := []string{
		"Base | " + base,
		"Filter | (& | (&",
		"removed − removed: (objectClass=groupOfNames) |",
		"added  | + added: (objectClass=posixGroup)",
		"added  | + added: (|",
		"added  | + added: (cn=got)",
		"(cn=gameOfThrones) | (cn=gameOfThrones))",
		"removed − removed: (member=jon.snow)) |",
		"added  | + added: (memberUid=jon.snow))",
		"Attributes | cn",
		"gidNumber",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	page.says(t, "What was asked, and what the directory was asked instead")
	detail(t, plain(1)).says(t, "It went to the directory as it came.")
	detail(t, outcomes()[6]).says(t, "The directory was not asked for this.")
	if tables := detail(t, outcomes()[0]).class("diff"); len(tables) > 0 {
		t.Error("a login has a request to compare")
	}
}

// A filter may have the same assertions, differently put together.
func TestDetailsSeeAChangeOfStructureAlone(t *testing.T) {
	detail(t, changed(plain(1), func(r *lookup.Record) {
		r.Filter, r.Upstream.Filter = "(&(|(a=1)(b=2)))", "(&(|(a=1))(b=2))"
	})).says(t, "what the directory was asked instead")
}

func TestTimingAddsUp(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct{ queue, upstream, total time.Duration }{
		{5 * ms, 40 * ms, 50 * ms}, {0, 0, 0}, {0, 0, 7 * ms}, {3 * ms, 0, 3 * ms}, {0, 9 * ms, 9 * ms}, {1, 1, 3}, {ms / 3, ms / 3, ms},
		{10 * ms, 100 * ms, 50 * ms}, // asked twice: upstream's time is that of both
		{time.Hour, 2 * time.Hour, 4 * time.Hour},
	} {
		page := detail(t, changed(plain(1), func(r *lookup.Record) { r.Queue, r.Upstream.Duration, r.Total = tt.queue, tt.upstream, tt.total }))
		x := 0
		for _, rect := range page.class("timing")[0].tags("rect") {
			if rect.attrs["x"] != itoa(x) {
				t.Errorf("%v: a part begins at %s, where the one before ends at %d", tt, rect.attrs["x"], x)
			}
			width, err := strconv.Atoi(rect.attrs["width"])
			if err != nil || width < 0 {
				t.Errorf("%v: width %s", tt, rect.attrs["width"])
			}
			x += width
		}
		if x != web.BarWidth && tt.total > 0 {
			t.Errorf("%v: the bar ends at %d of %d", tt, x, web.BarWidth)
		}
	}
	detail(t, membership(1)).class("legend")[0].says(t, "waiting for a connection 5.0 ms", "directory 40.0 ms", "proxy and client 5.0 ms")
}

func TestExplainLink(t *testing.T) {
	f := start(t, full(t, membership(1), outcomes()[5]))
	link := func(id string) string {
		for _, a := range f.page("/lookups/"+id, http.StatusOK).tags("a") {
			if strings.HasPrefix(a.attrs["href"], "/explain?") {
				return a.attrs["href"]
			}
		}
		return ""
	}
	page := f.page(link("1"), http.StatusOK)
	page.says(t, "Answered from the groups of mode posix", "member-name", "(memberUid=jon.snow)")
	if got := page.id("filter").text(); got != membership(1).Filter {
		t.Errorf("the form shows the filter %s", got)
	}
	if got := page.id("base").attrs["value"]; got != base {
		t.Errorf("the form shows the base %s", got)
	}
	f.page(link("6"), http.StatusOK).says(t, "memberUid")

	for name, change := range map[string]func(*lookup.Record){
		"too long":                func(r *lookup.Record) { r.Attrs = []string{strings.Repeat("x", 9000)} },
		"a field has no newline":  func(r *lookup.Record) { r.Base = "a\nb" },
		"a login":                 func(r *lookup.Record) { r.Op = lookup.OpBind },
		"control characters show": func(r *lookup.Record) { r.Attrs = []string{"a\x00"} },
	} {
		if html := detail(t, changed(plain(1), change)); len(html.all(func(n *node) bool { return strings.HasPrefix(n.attrs["href"], "/explain?") })) > 0 {
			t.Errorf("%s: there is a link", name)
		}
	}
}

func TestHashedSite(t *testing.T) {
	hashed := lookup.NewHasher([]byte("key")).Record(membership(1))
	o := full(t, hashed)
	o.Site.Hashed = true
	page := start(t, o).page("/lookups/1", http.StatusOK)
	page.says(t, "Names and values are shown as hashes", "member=h:")
	for _, secret := range []string{"jon.snow", "gameOfThrones", "jamf.ldap", "5f0e1d2c3b4a59687766554a"} {
		if text := page.text(); strings.Contains(text, secret) {
			t.Errorf("the page names %s: %s", secret, text)
		}
	}
	if len(page.class("copy")) > 0 || len(page.all(func(n *node) bool { return strings.HasPrefix(n.attrs["href"], "/explain?") })) > 0 {
		t.Error("there is a command or an explanation of hashes")
	}
}

func TestMaskedValuesStayMasked(t *testing.T) {
	page := detail(t, changed(plain(1), func(r *lookup.Record) {
		r.Filter, r.Upstream.Filter = "(&(uid=a)(userPassword=***))", "(&(uid=a)(userPassword=***))"
	}))
	page.says(t, "(userPassword=***)")
	if len(page.class("copy")) > 0 {
		t.Error("there is a command with a masked value in it")
	}
}

func TestDetailsForTheScript(t *testing.T) {
	f := start(t, full(t, membership(1)))
	_, body := f.get("/lookups/1?part=drawer")
	if part := parse(t, body); len(part.tags("html")) > 0 || part.id("detail-title") == nil {
		t.Errorf("got\n%s", body)
	}
	const gone = "This lookup is not among the latest any more. The journal keeps them longer, if there is one.\n"
	if answer, body := f.get("/lookups/2?part=drawer"); answer.StatusCode != http.StatusNotFound || body != gone {
		t.Errorf("one that is gone: %s %s", answer.Status, body)
	}
}

func TestDetailsOfTheJournal(t *testing.T) {
	f := start(t, full(t, plain(1), membership(2)))
	page := f.page("/journal/102", http.StatusOK)
	page.says(t, "jon.snow")
	if len(page.all(func(n *node) bool { return n.attrs["href"] == "/api/journal?row=102" })) != 1 {
		t.Error("no link to the JSON")
	}
	f.page("/journal/900", http.StatusNotFound).says(t, "not in the journal any more", "journal.keep")
	f.page("/journal/x", http.StatusNotFound)
	f.page("/lookups/900", http.StatusNotFound).says(t, "not among the latest any more")
	f.page("/lookups/-1", http.StatusNotFound)
}

func TestLinksOfADetailSelectIt(t *testing.T) {
	f := start(t, full(t, membership(1), plain(2), changed(plain(3), func(r *lookup.Record) { r.Conn = 8 })))
	for text, want := range map[string]int{"connection 7": 2, "Lookups of the same shape": 1} {
		for _, a := range f.page("/lookups/1", http.StatusOK).tags("a") {
			if a.text() == text {
				if n := len(f.page(a.attrs["href"], http.StatusOK).id("rows").tags("tr")); n != want {
					t.Errorf("%s: %d lookups, want %d", text, n, want)
				}
				want = 0
			}
		}
		if want != 0 {
			t.Errorf("there is no link %q", text)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("x", 50_000)
	f := start(t, full(t, changed(membership(1), func(r *lookup.Record) {
		r.BindDN, r.Base, r.Diagnostic, r.Hints = long, long, long, []string{"unknown-group: " + long}
		r.Upstream.Base, r.Attrs, r.Controls, r.Name = long, []string{long, long}, []string{long}, long
	})))
	_, body := f.get("/lookups/1")
	if len(body) > 50_000 {
		t.Errorf("the page has %d bytes", len(body))
	}
	if _, body = f.get("/"); len(body) > 20_000 {
		t.Errorf("the list has %d bytes", len(body))
	}
}

func TestLinkOfAGroup(t *testing.T) {
	for _, name := range []string{"gameOfThrones", `The "A" Team <b>`, "Night's Watch (Wall)", "a:b", "x&y=z"} {
		r := changed(membership(1), func(r *lookup.Record) {
			r.Filter = "(cn=" + strings.NewReplacer("(", `\28`, ")", `\29`).Replace(name) + ")"
		})
		f := start(t, full(t, r, plain(2)))
		if n := len(f.page(web.Pair{Legacy: name}.Lookups(), http.StatusOK).id("rows").tags("tr")); n != 1 {
			t.Errorf("%s: %d lookups, want 1", name, n)
		}
	}
	if _, err := url.Parse(web.Pair{Legacy: "%"}.Lookups()); err != nil {
		t.Error(err)
	}
}
