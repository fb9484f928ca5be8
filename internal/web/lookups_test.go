package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

func TestListOfLookups(t *testing.T) {
	f := start(t, full(t, outcomes()...))
	page := f.page("/", http.StatusOK)
	var got []string
	for _, row := range page.id("rows").tags("tr") {
		var cells []string
		for _, cell := range row.tags("td")[1:] {
			cells = append(cells, cell.text())
		}
		got = append(got, row.attrs["class"]+": "+strings.Join(cells, " | "))
	}
	want := []string{
		"failed: unknown | (no name in it) | protocolError | 0 µs | ",
		"failed: modify | x | unwillingToPerform | 0 µs | ",
		"ok: Server information | (no name in it) | 1 entry | 0 µs | ",
		"ok: extended | WhoAmI | done | 0 µs | ",
		"none: User | arya.stark | no answer | 2.0 ms | ", // the unbind is left out
		"ok: User | arya.stark | 1 entry | 2.0 ms | cache hit",
		"ok: Membership | gameOfThrones memberUid=jon.snow | yes | 2.0 ms | ",
		"failed: User | arya.stark | unavailable | 3.00 s | ",
		"empty: User | arya.stark | nothing found | 2.0 ms | unknown-group",
		"ok: Membership | gameOfThrones member=jon.snow | 1 entry | 50.0 ms | translatedusername-where-dn",
		"failed: Login | jamf.ldap | wrong password or user | 0 µs | ",
		"ok: Login | jamf.ldap | accepted | 0 µs | ",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the list is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if slow := page.class("slow"); len(slow) != 1 || slow[0].text() != "3.00 s" {
		t.Errorf("%d lookups stand out as slow", len(slow))
	}
	if table := page.class("lookups")[0]; table.attrs["data-live"] != "yes" || table.attrs["data-last"] != "13" {
		t.Errorf("the script is told %v", table.attrs)
	}
	if !page.id("nothing").has("hidden") {
		t.Error("the list says that it is empty")
	}
}

func (n *node) has(name string) bool { _, found := n.attrs[name]; return found }

func TestLookupsOfAnotherDaySayWhich(t *testing.T) {
	f := start(t, web.Options{Now: clock, Ring: ringOf(plain(1), changed(plain(2), func(r *lookup.Record) { r.Time = noon.AddDate(0, 0, -1) }))})
	rows := f.page("/", http.StatusOK).id("rows").tags("tr")
	rows[0].says(t, "2026-02-28 12:00:00.000")
	if days := rows[1].class("day"); len(days) > 0 {
		t.Errorf("one of today says %s", days[0].text())
	}
}

func TestFilteredList(t *testing.T) {
	f := start(t, full(t, outcomes()...))
	for q, want := range map[string]int{
		"result:failed": 4, "result:empty": 1, "hint:any": 2, "slow:1s": 1, "op:bind": 2, "kind:membership": 2, "op:any": 13, "op:unbind": 1,
		"jon.snow": 2, "conn:7 user:arya*": 4, "no such thing": 0,
	} {
		page := f.page("/?q="+url.QueryEscape(q), http.StatusOK)
		if n := len(page.id("rows").tags("tr")); n != want {
			t.Errorf("%s: %d lookups, want %d", q, n, want)
		}
		if got := page.id("q").attrs["value"]; got != q {
			t.Errorf("the field shows %q, want %q", got, q)
		}
	}
}

func TestChips(t *testing.T) {
	f := start(t, full(t, outcomes()...))
	chips := f.page("/?q=hint:any", http.StatusOK).class("chips")[0].tags("a")
	for _, chip := range chips {
		if on := chip.has("aria-current"); on != (chip.attrs["data-query"] == "hint:any") {
			t.Errorf("chip %s: current %v", chip.text(), on)
		}
		if page := f.page(chip.attrs["href"], http.StatusOK); page.id("q").attrs["value"] != chip.attrs["data-query"] {
			t.Errorf("chip %s leads to the filter %q, and says %q", chip.text(), page.id("q").attrs["value"], chip.attrs["data-query"])
		}
	}
}

func TestListWithNothingInIt(t *testing.T) {
	f := start(t, web.Options{Ring: lookup.NewRing(nil), Now: clock, Site: site})
	f.page("/", http.StatusOK).id("nothing").says(t, "No lookup yet", "Settings > LDAP Servers", "click Test", "ldapsearch -x -H ldap://127.0.0.1:1389")
	f.page("/?q=kind:user", http.StatusOK).id("nothing").says(t, "No lookup yet")

	f = start(t, full(t, plain(1)))
	f.page("/?q=kind:group", http.StatusOK).id("nothing").says(t, "No lookup fits this filter", "show all")
	f.page("/?q=kind:group&source=journal", http.StatusOK).id("nothing").says(t, "No lookup fits this filter")
}

func TestWrongFilter(t *testing.T) {
	f := start(t, full(t, plain(1)))
	for q, want := range map[string]string{
		"kind:grup":               `kind: "grup" is none of user, group`,
		"slow:soon":               `slow: "soon" is no length of time`,
		`result:"<b>"`:            `result: "<b>" is none of ok`,
		strings.Repeat("x", 2001): "the filter is longer than 2000 bytes",
		strings.Repeat("x ", 21):  "the filter has 21 words, and 20 are the most that it may have",
	} {
		page := f.page("/?q="+url.QueryEscape(q), http.StatusBadRequest)
		page.id("wrong").says(t, want)
		if page.id("wrong").has("hidden") || page.id("q").attrs["value"] != q {
			t.Errorf("%q is shown as %q", q, page.id("q").attrs["value"])
		}
		page.id("nothing").says(t, "No lookup fits this filter")
		if answer, body := f.get("/rows?q=" + url.QueryEscape(q)); answer.StatusCode != http.StatusBadRequest || !strings.HasPrefix(body, want) {
			t.Errorf("rows of %q: %s %s", q, answer.Status, body)
		}
		if answer, body := f.get("/api/lookups?q=" + url.QueryEscape(q)); answer.StatusCode != http.StatusBadRequest || !strings.HasPrefix(body, `{"error":"`) {
			t.Errorf("JSON of %q: %s %s", q, answer.Status, body)
		}
	}
}

func TestRowsAlone(t *testing.T) {
	f := start(t, full(t, outcomes()...))
	answer, body := f.get("/rows?q=result:empty")
	if got := answer.Header.Get("Last-Lookup"); got != "13" {
		t.Errorf("Last-Lookup is %q", got)
	}
	rows := parse(t, body)
	if len(rows.tags("tr")) != 1 || len(rows.tags("html")) > 0 {
		t.Errorf("got\n%s", body)
	}
}

// The script knows a row by its id. After a restart of the proxy the numbers begin
// anew, and the page is still open.
func TestRowsOfTwoProcessesDiffer(t *testing.T) {
	id := func(r *lookup.Record) string {
		return start(t, web.Options{Ring: ringOf(r), Now: clock}).page("/", http.StatusOK).id("rows").tags("tr")[0].attrs["id"]
	}
	if a, b := id(plain(1)), id(changed(plain(1), func(r *lookup.Record) { r.Time = noon.Add(time.Hour) })); a == b {
		t.Errorf("both are %s", a)
	}
}

func TestJournalPage(t *testing.T) {
	var records []*lookup.Record
	for id := uint64(1); id <= 450; id++ {
		records = append(records, plain(id))
	}
	o := full(t, records...)
	f := start(t, o)
	next, seen := "/?source=journal&q=kind:user", 0
	for pages := 0; next != ""; pages++ {
		page := f.page(next, http.StatusOK)
		rows := page.id("rows").tags("tr")
		if first, want := rows[0].tags("a")[0].attrs["href"], "/journal/"+itoa(firstRow+449-seen); first != want {
			t.Errorf("page %d begins with %s, want %s", pages, first, want)
		}
		seen += len(rows)
		if page.class("lookups")[0].attrs["data-live"] != "" {
			t.Error("the journal is said to be live")
		}
		if next = ""; len(page.class("more")) > 0 {
			next = page.class("more")[0].tags("a")[0].attrs["href"]
		}
		if pages > 10 {
			t.Fatal("there is no end")
		}
	}
	if seen != 450 {
		t.Errorf("%d lookups on all pages", seen)
	}
	page := f.page("/?source=journal&before=nonsense", http.StatusOK)
	for _, chip := range page.class("chips")[0].tags("a") {
		if !strings.Contains(chip.attrs["href"], "source=journal") {
			t.Errorf("%s leads out of the journal", chip.attrs["href"])
		}
	}
	if !o.Past.(*past).limited {
		t.Error("a search in the journal has no end")
	}
}

func TestJournalThatDoesNotAnswer(t *testing.T) {
	o := full(t, plain(1))
	o.Past.(*past).err = errGone
	log := &logBook{}
	o.ErrorLog = log.logger()
	f := start(t, o)
	page := f.page("/?source=journal&q=jon", http.StatusOK)
	page.class("wrong")[1].says(t, "The journal does not answer: the disk is gone")
	if page.id("q").attrs["value"] != "jon" {
		t.Error("the filter is lost")
	}
	if answer, body := f.get("/journal/101"); answer.StatusCode != http.StatusInternalServerError || !strings.Contains(body, `the disk\x0ais gone`) {
		t.Errorf("%s %s", answer.Status, body)
	}
	if !strings.Contains(log.String(), "web: the disk") {
		t.Errorf("the log says %q", log.String())
	}
	for _, path := range []string{"/api/journal", "/api/journal?row=101"} {
		if answer, body := f.get(path); answer.StatusCode != http.StatusServiceUnavailable || body != `{"error":"the disk\nis gone"}`+"\n" {
			t.Errorf("%s: %s %s", path, answer.Status, body)
		}
	}
}

func TestWithoutAJournalThereIsNoLinkToIt(t *testing.T) {
	f := start(t, web.Options{Ring: ringOf(plain(1)), Now: clock})
	if page := f.page("/?source=journal", http.StatusOK); page.id("older") != nil || len(page.id("rows").tags("tr")) != 1 {
		t.Error("the page speaks of a journal")
	}
}
