package journal

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// twoSteps is a made-up future: a column more, filled from what is there.
var twoSteps = append(steps[:len(steps):len(steps)], `
	ALTER TABLE lookups ADD COLUMN seconds REAL;
	UPDATE lookups SET seconds = total_us / 1e6;`)

func TestMigration(t *testing.T) {
	cfg := testConfig(t)
	now := func(o *Options) { o.Now = func() time.Time { return noon } }
	r := newRig(t, cfg, now)
	r.write(samples(700)...)
	r.end()
	r = newRig(t, cfg, func(o *Options) { now(o); o.internal.steps = twoSteps })
	if stored, _ := r.write(samples(3)...); stored != 3 {
		t.Fatalf("not stored: %s", r.Status().Error)
	}
	db := inspect(t, cfg.Path)
	if n := number(t, db, "PRAGMA user_version"); n != int64(len(twoSteps)) {
		t.Errorf("the file has version %d", n)
	}
	if n := number(t, db, "SELECT count(*) FROM lookups WHERE seconds = 0.024567"); n != 700 {
		t.Errorf("%d of 700 old lookups were filled in", n)
	}
	if n := number(t, db, "SELECT count(*) FROM lookups"); n != 703 {
		t.Errorf("%d lookups are there", n)
	}
}

// TestAMigrationThatFails leaves the file as it was, and usable by the version that
// wrote it.
func TestAMigrationThatFails(t *testing.T) {
	cfg := testConfig(t)
	now := func(o *Options) { o.Now = func() time.Time { return noon } }
	r := newRig(t, cfg, now)
	r.write(samples(700)...)
	r.end()
	r = newRig(t, cfg, func(o *Options) {
		now(o)
		o.internal.steps = append(twoSteps[:len(twoSteps):len(twoSteps)], "DROP TABLE lookups; CREATE INDEX broken ON nothing (x)")
	})
	if stored, lost := r.write(samples(3)...); stored != 0 || lost != 3 {
		t.Errorf("%d stored, %d lost", stored, lost)
	}
	if s := r.Status(); !strings.Contains(s.Error, "bringing schema version 1 to 3") {
		t.Errorf("status %+v", s)
	}
	r.end()
	r = newRig(t, cfg, now)
	if n := len(r.all()); n != 700 {
		t.Errorf("%d of 700 lookups are there", n)
	}
	if stored, _ := r.write(samples(3)...); stored != 3 {
		t.Error("not stored")
	}
}

// TestKilledWhileBegun: between the creation of the file and its tables the process
// may die.
func TestKilledWhileBegun(t *testing.T) {
	cfg := testConfig(t)
	db, err := sql.Open("sqlite", address(cfg.Path, "_pragma=auto_vacuum(incremental)&_pragma=journal_mode(wal)"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE x (y); DROP TABLE x"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	r := newRig(t, cfg, nil)
	if stored, _ := r.write(sample(0)); stored != 1 {
		t.Errorf("not stored: %s", r.Status().Error)
	}
}

// TestColumns holds the statement that inserts against the table.
func TestColumns(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, nil)
	r.end()
	var inTable []string
	rows, err := inspect(t, cfg.Path).Query("SELECT name FROM pragma_table_info('lookups')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		inTable = append(inTable, name)
	}
	inStatement := strings.Fields("row " + strings.ReplaceAll(written, ",", " "))
	if strings.Join(inTable, " ") != strings.Join(inStatement, " ") {
		t.Errorf("the table has\n%v\nthe statement\n%v", inTable, inStatement)
	}
}

// TestEveryIndexIsUsed asks SQLite how it would search: along an index, in the order
// of rows, sorting nothing.
func TestEveryIndexIsUsed(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	r.write(samples(2000)...)
	db := inspect(t, cfg.Path)
	for index, q := range map[string]lookup.Query{
		"lookups_usr (usr=? AND rowid>? AND rowid<?)":        {User: "jon.snow", Kind: "group", Hint: "any", Result: "failed", Op: "search", Shape: "x"},
		"lookups_grp (grp=? AND rowid>? AND rowid<?)":        {Group: "Night's Watch", Kind: "group", Hint: "any", Shape: "x"},
		"PRIMARY KEY (hint=? AND row>? AND row<?)":           {Hint: "any", Kind: "group", Result: "failed"},
		"lookups_shape (shape=? AND rowid>? AND rowid<?)":    {Shape: "bind", Kind: "bind", Result: "49"},
		"lookups_failed (outcome=? AND rowid>? AND rowid<?)": {Result: "invalidCredentials", Kind: "bind"},
		"lookups_kind (kind=? AND rowid>? AND rowid<?)":      {Kind: "bind", Op: "bind", Result: "ok"},
		"INTEGER PRIMARY KEY (rowid>? AND rowid<?)":          {Text: "jon", Slow: time.Second},
	} {
		for _, o := range []order{newestFirst, oldestFirst} {
			s := searchFor(&q)
			plan := explained(t, db, s.statement(o), append([]any{1, 100}, s.args...)...)
			if !strings.Contains(plan, index) || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%+v is searched for by\n%s\nwant %s", q, plan, index)
			}
		}
	}
}

func explained(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return strings.Join(plan, "\n")
}

// TestTheFileSaysWhatItIs: `file` and the header show it.
func TestTheFileSaysWhatItIs(t *testing.T) {
	cfg := testConfig(t)
	newRig(t, cfg, nil).end()
	data, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(data[68:72]); got != "JLDP" {
		t.Errorf("the header has %q", got)
	}
	if left, _ := filepath.Glob(cfg.Path + "*"); len(left) != 1 {
		t.Errorf("after Close there are %v", left)
	}
	if n := number(t, inspect(t, cfg.Path), "PRAGMA auto_vacuum"); n != 2 {
		t.Errorf("auto_vacuum is %d: the file would never shrink", n)
	}
}
