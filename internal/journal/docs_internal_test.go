package journal

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/journal.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheDocumentedSchemaIsTheReal compares the table of columns, in their order.
func TestTheDocumentedSchemaIsTheReal(t *testing.T) {
	cfg := testConfig(t)
	newRig(t, cfg, nil).end()
	rows, err := inspect(t, cfg.Path).Query("SELECT '| `' || name || '` | ' || type || ' | ' FROM pragma_table_info('lookups')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var real []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		real = append(real, line)
	}
	documented := regexp.MustCompile("(?m)^\\| `[a-z_]+` \\| (INTEGER|TEXT) \\| ").FindAllString(document(t), -1)
	if strings.Join(documented, "\n") != strings.Join(real, "\n") {
		t.Errorf("docs/journal.md has\n%s\nthe file has\n%s", strings.Join(documented, "\n"), strings.Join(real, "\n"))
	}
}

// documentedQueries are the blocks of SQL.
func documentedQueries(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, b := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(document(t), -1) {
		list = append(list, b[1])
	}
	if len(list) < 8 {
		t.Fatalf("only %d queries are documented", len(list))
	}
	return list
}

// TestDocumentedQueries runs each; each has to find something.
func TestDocumentedQueries(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, nil)
	var list []*lookup.Record
	for i := range 500 {
		rec := sample(i)
		rec.Time = time.Now().Add(-time.Duration(i) * time.Minute)
		if i%7 == 0 {
			rec.Filter = "(&(objectClass=groupOfNames)(member=uid=Jon.Snow,ou=Users,dc=x))"
		}
		if i%11 == 0 {
			rec.Kind, rec.Filter, rec.Entries = lookup.KindGroup, "(&(objectClass=groupOfNames)(cn=Wildlings))", 0
		}
		list = append(list, rec)
	}
	r.write(list...)
	db := inspect(t, cfg.Path)
	for _, query := range documentedQueries(t) {
		rows, err := db.Query(query)
		if err != nil {
			t.Errorf("%s%v", query, err)
			continue
		}
		if !rows.Next() {
			t.Errorf("%sfinds nothing: %v", query, rows.Err())
		}
		rows.Close()
	}
}

// TestReadable shows times and durations as people write them.
func TestReadable(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon }; o.Started = noon.Add(-time.Hour) })
	rec := sample(1)
	rec.Time = noon.Add(59*time.Second + 999_999*time.Microsecond)
	r.write(rec)
	var at, run string
	var ms, upstream float64
	row := inspect(t, cfg.Path).QueryRow("SELECT time, run, ms, upstream_ms FROM readable")
	if err := row.Scan(&at, &run, &ms, &upstream); err != nil {
		t.Fatal(err)
	}
	if at != "2026-03-14T12:00:59.999Z" || run != "2026-03-14T11:00:00Z" || ms != 24.567 || upstream != 23.456 {
		t.Errorf("got %s %s %v %v", at, run, ms, upstream)
	}
}
