package journal

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/lookup"
)

func TestRecordsComeBack(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	records := samples(1200)
	if stored, lost := r.write(records...); stored != len(records) {
		t.Fatalf("%d stored, %d lost", stored, lost)
	}
	entries := r.all()
	if len(entries) != len(records) {
		t.Fatalf("%d of %d records came back", len(entries), len(records))
	}
	for i, e := range entries {
		n := len(records) - 1 - i
		if diff := cmp.Diff(Entry{int64(n + 1), records[n]}, e); diff != "" {
			t.Fatalf("record %d (-written +read):\n%s", n, diff)
		}
	}
	// The same after the end of the process, through a Reader of another one.
	r.end()
	reader, err := OpenReader(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	got, err := reader.Find(t.Context(), 7)
	if diff := cmp.Diff(records[6], got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := reader.Find(t.Context(), 1201); got != nil || err != nil {
		t.Errorf("a row that is not there is %v, %v", got, err)
	}
}

func TestWithoutAPathThereIsNone(t *testing.T) {
	j := Open(DefaultConfig(), Options{})
	if j != nil {
		t.Fatal("there is one")
	}
	if err := j.Close(t.Context()); err != nil || j.Status() != (Status{}) {
		t.Error(err, j.Status())
	}
}

func TestABatchIsWrittenAfterItsTimeOrWhenItIsFull(t *testing.T) {
	r := newRig(t, testConfig(t), func(o *Options) { o.internal.gather = time.Hour; o.Now = func() time.Time { return noon } })
	for _, rec := range samples(batchRows + 3) {
		r.Journal.Write(rec)
	}
	wait(t, r.stored, batchRows)
	select {
	case n := <-r.stored:
		t.Fatalf("%d more were written before their time", n)
	case <-time.After(20 * time.Millisecond):
	}
	r.end() // writes the rest
	wait(t, r.stored, 3)

	r = newRig(t, testConfig(t), func(o *Options) { o.internal.gather = 10 * time.Millisecond })
	r.Journal.Write(sample(0))
	wait(t, r.stored, 1)
}

func TestABatchOfLongTextsIsFullSooner(t *testing.T) {
	r := newRig(t, testConfig(t), func(o *Options) { o.internal.gather = time.Hour; o.Now = func() time.Time { return noon } })
	long := sample(0)
	long.Filter = "(cn=" + strings.Repeat("x", maxText) + ")"
	for range r.room.batchBytes()/maxText + 1 {
		r.Journal.Write(long)
	}
	select {
	case n := <-r.stored:
		if n >= batchRows {
			t.Errorf("%d records of %d bytes were one batch", n, maxText)
		}
	case <-time.After(longWait):
		t.Fatal("nothing was written")
	}
}

func wait[T comparable](t *testing.T, c <-chan T, want T) {
	t.Helper()
	select {
	case got := <-c:
		if got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	case <-time.After(longWait):
		t.Fatalf("waited too long for %v", want)
	}
}

func TestAfterCloseRecordsAreLost(t *testing.T) {
	r := newRig(t, testConfig(t), nil)
	r.end()
	r.Journal.Write(sample(0))
	wait(t, r.lost, 1)
}

// TestARowIsBounded writes what a hostile client, or a fault of the proxy, could put
// into a record.
func TestARowIsBounded(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	huge := strings.Repeat("\x00", 1<<20)
	list := make([]string, 3000)
	for i := range list {
		list[i] = huge[:5000]
	}
	r.write(&lookup.Record{
		Time: noon, ClientAddr: huge, ClientKind: huge, BindDN: huge, Op: huge, Kind: huge, Base: huge, Scope: huge,
		Filter: "(uid=" + huge + ")", Attrs: list, Controls: list, Name: huge, Mode: huge, Rules: list, Hints: list[:200], Cache: huge,
		ResultName: huge, Diagnostic: huge,
		Upstream: lookup.UpstreamPart{Server: huge, Base: huge, Filter: huge, Attrs: list},
	})
	var bytes int
	db := inspect(t, cfg.Path)
	columns := strings.Fields(strings.ReplaceAll(written, ",", " "))
	query := "SELECT length(CAST(ifnull(" + strings.Join(columns, ", '') AS BLOB)) + length(CAST(ifnull(") + ", '') AS BLOB)) FROM lookups"
	if err := db.QueryRow(query).Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	t.Logf("the largest row has %d bytes", bytes)
	if bytes > 400_000 { // docs/journal.md says so
		t.Errorf("a row has %d bytes", bytes)
	}
	e := r.all()
	if len(e) != 1 || !strings.HasSuffix(e[0].Record.Attrs[maxItems], "2900 more") {
		t.Errorf("got %d entries", len(e))
	}
	for _, s := range []string{e[0].Record.Filter, e[0].Record.User(), e[0].Record.Attrs[0]} {
		if strings.Contains(s, "\x00") && s != e[0].Record.User() {
			t.Error("a control character is in the file")
		}
	}
}

// inspect opens the file as any other program would.
func inspect(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", address(path, "_pragma=busy_timeout(10000)"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func number(t testing.TB, db *sql.DB, query string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestFilesAreForTheProxyAlone(t *testing.T) {
	for _, touched := range []bool{false, true} {
		cfg := testConfig(t)
		if touched {
			if err := os.WriteFile(cfg.Path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		newRig(t, cfg, nil).write(sample(0))
		for _, name := range []string{cfg.Path, cfg.Path + "-wal", cfg.Path + "-shm"} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o600 {
				t.Errorf("%s has mode %o", filepath.Base(name), mode)
			}
		}
	}
}

func TestStatus(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	if s := r.Status(); !s.Working || s.Error != "" || s.Rows != 0 || !s.Oldest.IsZero() || s.Path != cfg.Path || s.MaxBytes != int64(cfg.MaxBytes) {
		t.Errorf("before the first lookup: %+v", s)
	}
	r.write(samples(700)...)
	deadline := time.Now().Add(longWait)
	for s := r.Status(); ; s = r.Status() {
		if s.Rows == 700 && s.Oldest.Equal(noon) && s.Bytes > 300_000 && s.Working {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v", s)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestRowsNeverComeBack: what follows a journal goes by them.
func TestRowsNeverComeBack(t *testing.T) {
	cfg := testConfig(t)
	cfg.Keep = time.Hour
	clock := newClock(noon)
	r := newRig(t, cfg, func(o *Options) { o.Now = clock.now; o.internal.sweepEvery = time.Millisecond })
	r.write(samples(3)...)
	clock.set(noon.Add(2 * time.Hour))
	eventually(t, "every lookup is too old", func() bool { return len(r.all()) == 0 })
	late := sample(0)
	late.Time = clock.now()
	r.write(late)
	if e := r.all(); len(e) != 1 || e[0].Row != 4 {
		t.Errorf("got %+v", e)
	}
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(longWait); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// TestCloseDoesNotWaitForever: a disk can hang.
func TestCloseDoesNotWaitForever(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{})
	r := newRig(t, testConfig(t), func(o *Options) {
		o.internal.stored = func(int) { close(entered); <-release }
	})
	r.Journal.Write(sample(0))
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); err == nil || !strings.Contains(err.Error(), "closing the journal "+r.path+": ") {
		t.Errorf("Close returned %v", err)
	}
	close(release)
}
