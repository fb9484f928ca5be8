package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

// cells reads the rows of a table.
func cells(table *node) [][]string {
	var rows [][]string
	for _, row := range table.tags("tr")[1:] {
		var list []string
		for _, cell := range row.tags("td") {
			list = append(list, cell.text())
		}
		rows = append(rows, list)
	}
	return rows
}

func TestShapesPage(t *testing.T) {
	records := []*lookup.Record{membership(1), membership(2), membership(3), changed(plain(4), func(r *lookup.Record) { r.Entries = 0 })}
	records = append(records, changed(plain(5), func(r *lookup.Record) { r.Op = lookup.OpUnbind }))
	f := start(t, full(t, records...))
	page := f.page("/shapes", http.StatusOK)
	want := [][]string{
		{"(&(cn=?)(member=?)(objectClass=groupOfNames))", "Membership", "3", "3", "50.0 ms", "50.0 ms", "0 %", "0", "group-class group-name member-name", "59 s ago"},
		{"(&(objectClass=inetOrgPerson)(uid=?))", "User", "1", "1", "2.0 ms", "2.0 ms", "100 %", "0", "none", "59 s ago"},
	}
	if diff := cmp.Diff(want, cells(page.class("wide")[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(f.page(page.class("shape")[0].tags("a")[0].attrs["href"], http.StatusOK).id("rows").tags("tr")); n != 3 {
		t.Errorf("the link of a shape selects %d lookups, want 3", n)
	}
}

func TestGroupsPage(t *testing.T) {
	page := start(t, full(t)).page("/groups", http.StatusOK)
	page.says(t, "In mode posix Jamf sees the groups that have a Linux group.", "The groups could not be read 60 s ago", "dialing: refused",
		"Try: open the port", "two groups have the name x", "61 min ago")
	tables := page.class("wide")
	if len(tables) != 4 {
		t.Fatalf("%d tables", len(tables))
	}
	want := [][]string{
		{"gameOfThrones", "got", "7001", "8", "configured", "show"},
		{`The "A" Team <b>`, "ateam", "not known yet", "0", "same members; give it a number", "show"},
	}
	if diff := cmp.Diff(want, cells(tables[0])); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"onetwo", "three 7", "same members", "write a pair"}}, cells(tables[1])); diff != "" {
		t.Errorf("ambiguous (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"CarWash", "", "3", "no group is like it", "tick the box"}}, cells(tables[2])); diff != "" {
		t.Errorf("without a Linux group (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"docker", "999", "1", "no group is like it", "leave it"}}, cells(tables[3])); diff != "" {
		t.Errorf("Linux groups alone (-want +got):\n%s", diff)
	}

	start(t, web.Options{Groups: func() web.Groups { return web.Groups{Mode: "merge"} }}).page("/groups", http.StatusOK).
		says(t, "In mode merge", "Only the pairs of the configuration are known", "No pair is known")
}

func TestHealthPage(t *testing.T) {
	o := full(t)
	f := start(t, o)
	page := f.page("/health", http.StatusOK)
	page.says(t, "ready", "3 h ago", "12345", "passwords travel readable", "10 of at most 100 connections", "5, 2.0 KiB of at most 64.0 MiB",
		"/var/lib/journal.db, 4.0 KiB", "9, since 15 February 2026", "Pages that watch now: 1", "Version v1.2.3", "/etc/proxy.yaml")
	for _, row := range [][]string{
		{"ldaps://ldap.jumpcloud.com:636", "answers", "60 days left"}, {"ldaps://other.example.com:636", "does not answer", "no route to host", "none"},
		{"ldaps://third.example.com:636", "in doubt"}, {"ldaps://fourth.example.com:636", "not asked yet"}, {"0.0.0.0:1636", "ldaps", "8 days left"},
	} {
		found := page.all(func(n *node) bool { return n.tag == "tr" && strings.Contains(n.text(), row[0]) })
		if len(found) != 1 {
			t.Fatalf("%d rows of %s", len(found), row[0])
		}
		found[0].says(t, row...)
	}

	o.Ready = func() error { return errTest }
	o.Health = func() web.Health {
		h := someHealth
		h.Cache, h.Journal = web.Cache{}, &journal.Status{Path: "/x", Error: "disk full"}
		return h
	}
	page = start(t, o).page("/health", http.StatusOK)
	page.says(t, "not ready the test says no", "Off. With cache.ttl", "does not write disk full")
}

func TestDaysUntil(t *testing.T) {
	for _, tt := range []struct {
		left time.Duration
		days int
		mark string
	}{
		{90 * 24 * time.Hour, 90, "ok"}, {14*24*time.Hour + time.Minute, 14, "ok"}, {14*24*time.Hour - time.Minute, 13, "warn"},
		{3*24*time.Hour + time.Minute, 3, "warn"}, {3*24*time.Hour - time.Minute, 2, "fail"}, {time.Minute, 0, "fail"}, {0, 0, "fail"}, {-48 * time.Hour, -2, "fail"},
	} {
		if got := web.DaysUntil(noon, noon.Add(tt.left)); got.Days != tt.days || got.Mark != tt.mark || got.Until == "" {
			t.Errorf("%v: %+v", tt.left, got)
		}
	}
	if got := web.DaysUntil(noon, time.Time{}); got.Until != "" {
		t.Errorf("no certificate: %+v", got)
	}
}

func TestSpark(t *testing.T) {
	counts := make([]int, 60)
	counts[0], counts[58], counts[59] = 1, 1000, 500
	got := web.Spark(counts)
	if len(got) != 3 || got[0].X != 0 || got[0].Height != 2 || got[1].Height != 24 || got[1].Y != 0 || got[2].X != 118 || got[2].Y+got[2].Height != 24 {
		t.Errorf("%+v", got)
	}
	if got := web.Spark(make([]int, 60)); len(got) > 0 {
		t.Errorf("of nothing: %+v", got)
	}
}
