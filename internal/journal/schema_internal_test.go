package journal

import (
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// twoSteps is a made-up future: a column more, filled from what is there.
var twoSteps = append(steps[:len(steps):len(steps)], step{statements: `
	ALTER TABLE lookups ADD COLUMN seconds REAL;
	UPDATE lookups SET seconds = total_us / 1e6;`})

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

// additiveSteps are a future that this version can go back from.
var additiveSteps = append(steps[:len(steps):len(steps)], step{additive: true, statements: `
	ALTER TABLE lookups ADD COLUMN seconds REAL;
	CREATE INDEX lookups_seconds ON lookups (seconds);`})

// TestThereAndBack: a later version opens the file, this one goes on writing and
// reading it, then the later one again. Nothing is lost on the way.
func TestThereAndBack(t *testing.T) {
	cfg := testConfig(t)
	later := func(o *Options) { o.internal.steps = additiveSteps }
	for i, version := range []func(*Options){nil, later, nil, later} {
		r := newRig(t, cfg, func(o *Options) {
			o.Now = func() time.Time { return noon }
			if version != nil {
				version(o)
			}
		})
		if stored, _ := r.write(samples(100)...); stored != 100 {
			t.Fatalf("round %d: not stored: %s", i, r.Status().Error)
		}
		if n := len(r.all()); n != 100*(i+1) {
			t.Errorf("round %d: %d lookups are there", i, n)
		}
		r.end()
	}
	if n := number(t, inspect(t, cfg.Path), "PRAGMA user_version"); n != 1<<16|2 {
		t.Errorf("the file has version %#x", n)
	}
}

func TestStamp(t *testing.T) {
	old, additive := step{}, step{additive: true}
	for _, tc := range []struct {
		steps                  []step
		stamp, version, oldest int64
	}{
		{[]step{old}, 1, 1, 1},
		{[]step{old, old}, 2, 2, 2},
		{[]step{old, additive}, 0x10002, 2, 1},
		{[]step{old, additive, additive}, 0x10003, 3, 1},
		{[]step{old, old, additive}, 0x20003, 3, 2},
		{[]step{old, additive, old}, 3, 3, 3},
	} {
		stamp := stampOf(tc.steps)
		version, oldest := stamped(stamp)
		if stamp != tc.stamp || version != tc.version || oldest != tc.oldest {
			t.Errorf("%v: %#x says version %d, oldest %d", tc.steps, stamp, version, oldest)
		}
	}
}

// TestFilesOfEarlierVersions: testdata has a file of every version, written by the
// program of that time. Each is read, and goes on.
func TestFilesOfEarlierVersions(t *testing.T) {
	for version := 1; version <= len(steps); version++ {
		cfg := testConfig(t)
		if err := os.WriteFile(cfg.Path, unzipped(t, fmt.Sprintf("testdata/version%d.db.gz", version)), 0o600); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
		if stored, _ := r.write(samples(3)...); stored != 3 {
			t.Fatalf("version %d: not stored: %s", version, r.Status().Error)
		}
		found := r.all()
		if len(found) != 9+3 {
			t.Fatalf("version %d: %d lookups", version, len(found))
		}
		first := found[len(found)-1].Record
		if first.Op != "bind" || first.BindDN != "uid=jamf.ldap,ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com" {
			t.Errorf("version %d: the first lookup is %+v", version, first)
		}
	}
}

func unzipped(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatalf("%v: put there a journal of nine lookups that the last release of this version wrote", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
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
		o.internal.steps = append(twoSteps[:len(twoSteps):len(twoSteps)], step{statements: "DROP TABLE lookups; CREATE INDEX broken ON nothing (x)"})
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
