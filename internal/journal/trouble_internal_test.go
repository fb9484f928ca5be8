package journal

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// impatient is a clock that goes on a minute with every look, so that the next
// attempt is due at once.
func impatient(o *Options) {
	at := newClock(noon)
	o.Now = func() time.Time {
		at.set(at.now().Add(latest + time.Second))
		return at.now()
	}
}

// oneEach checks that the log has one warning and then one line that says that it
// works again.
func (r *rig) oneEach(advice string) {
	r.t.Helper()
	var messages []string
	for _, e := range r.logs.All() {
		messages = append(messages, e.Level.String()+": "+e.Message)
	}
	want := []string{"warn: the journal cannot be written; lookups go on and are not kept", "info: the journal is written again"}
	if strings.Join(messages, "\n") != strings.Join(want, "\n") {
		r.t.Fatalf("the log has\n%s\nwant\n%s", strings.Join(messages, "\n"), strings.Join(want, "\n"))
	}
	fields := r.logs.All()[0].ContextMap()
	if fields["journal.path"] != r.path || fields["error"] == "" || !strings.Contains(fields["try"].(string), advice) {
		r.t.Errorf("the warning says %v, want the path, the cause and %q", fields, advice)
	}
}

func fields(e observer.LoggedEntry) map[string]any { return e.ContextMap() }

func TestAFolderThatIsNotThere(t *testing.T) {
	cfg := testConfig(t)
	dir := filepath.Join(filepath.Dir(cfg.Path), "later")
	cfg.Path = filepath.Join(dir, "journal.db")
	r := newRig(t, cfg, impatient)
	for range 3 {
		if stored, lost := r.write(samples(10)...); stored != 0 || lost != 10 {
			t.Fatalf("%d stored, %d lost", stored, lost)
		}
	}
	if s := r.Status(); s.Working || !strings.Contains(s.Error, "no such file") {
		t.Errorf("status %+v", s)
	}
	if len(r.errors) < 3 {
		t.Errorf("%d attempts were counted as errors", len(r.errors))
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if stored, _ := r.write(samples(5)...); stored != 5 {
		t.Errorf("%d of 5 stored", stored)
	}
	eventually(t, "it works", func() bool { return r.Status().Working })
	r.oneEach("make the folder " + dir)
	if got := fields(r.logs.All()[1])["lost"]; got != int64(30) {
		t.Errorf("it says that %v were lost, want 30", got)
	}
}

func TestAPathThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{t.TempDir(), "/dev/null", filepath.Join(file, "journal.db"), "/proc/journal.db", strings.Repeat("x/", 3000)} {
		cfg := testConfig(t)
		cfg.Path = path
		r := newRig(t, cfg, nil)
		if stored, lost := r.write(samples(3)...); stored != 0 || lost != 3 {
			t.Errorf("%s: %d stored, %d lost", path, stored, lost)
		}
		if n := r.logs.FilterLevelExact(zap.WarnLevel).Len(); n != 1 || r.logs.Len() != 1 {
			t.Errorf("%s: the log has %v", path, r.logs.All())
		}
		if r.logs.Len() > 0 && fields(r.logs.All()[0])["try"] == "" {
			t.Errorf("%s: nothing to try", path)
		}
	}
}

// TestAttemptsBecomeRare: what is lost in between costs no system call.
func TestAttemptsBecomeRare(t *testing.T) {
	cfg := testConfig(t)
	cfg.Path = filepath.Join(cfg.Path, "no", "journal.db")
	at := newClock(noon)
	r := newRig(t, cfg, func(o *Options) { o.Now = at.now })
	var waits []time.Duration
	last, attempts := noon, len(r.errors)
	for len(waits) < 9 {
		at.set(at.now().Add(500 * time.Millisecond))
		r.write(sample(0))
		if n := len(r.errors); n > attempts {
			waits = append(waits, at.now().Sub(last))
			last, attempts = at.now(), n
		}
	}
	for i, want := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		if waits[i] != time.Duration(want)*time.Second {
			t.Errorf("attempt %d came after %v, want %d s", i+2, waits[i], want)
		}
	}
}

func TestLockedByAnotherProgram(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) {
		impatient(o)
		o.internal.busy = 10 * time.Millisecond
		o.internal.sweepEvery = time.Hour
	})
	r.write(sample(0))
	db := inspect(t, cfg.Path)
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if stored, lost := r.write(samples(4)...); stored != 0 || lost != 4 {
		t.Errorf("%d stored, %d lost", stored, lost)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if stored, _ := r.write(sample(0)); stored != 1 {
		t.Error("not stored")
	}
	eventually(t, "it works", func() bool { return r.Status().Working })
	r.oneEach("end the program that has the file locked")
}

// TestAReaderThatHoldsOn: while an old state is read, the write-ahead log cannot be
// emptied. It is bounded all the same.
func TestAReaderThatHoldsOn(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxBytes = 8 << 20
	at := newClock(noon)
	r := newRig(t, cfg, func(o *Options) { o.internal.sweepEvery = time.Hour; o.Now = at.now })
	r.write(sample(0))
	db := inspect(t, cfg.Path)
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN"); err != nil {
		t.Fatal(err)
	}
	number(t, db, "SELECT count(*) FROM lookups")
	lost := 0
	for i := 0; lost == 0; i++ {
		if i == 200 {
			t.Fatal("the log grows without end")
		}
		_, lost = r.write(samples(200)...)
	}
	info, err := os.Stat(cfg.Path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the log stopped at %d KiB of %d", info.Size()>>10, r.room.log>>10)
	if info.Size() > 2*r.room.log {
		t.Errorf("the log has %d bytes", info.Size())
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	at.set(noon.Add(latest))
	if stored, _ := r.write(sample(0)); stored != 1 {
		t.Error("not stored")
	}
	if got := fields(r.logs.All()[0])["try"].(string); !strings.Contains(got, "end the program") {
		t.Errorf("it says try %q", got)
	}
}

func TestDamagedFiles(t *testing.T) {
	// A whole file to damage.
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	r.write(samples(3000)...)
	r.end()
	whole, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]func(data []byte) []byte{
		"text":              func([]byte) []byte { return []byte("this is no database\n") },
		"a long text":       func([]byte) []byte { return bytes.Repeat([]byte("this is no database\n"), 1000) },
		"zeroes":            func(data []byte) []byte { clear(data); return data },
		"zeroed header":     func(data []byte) []byte { clear(data[:100]); return data },
		"half of it":        func(data []byte) []byte { return data[:len(data)/2] },
		"noise behind":      func(data []byte) []byte { rand.Read(data[4096:]); return data },
		"noise in the head": func(data []byte) []byte { rand.Read(data[100:4096]); return data },
		"zeroes behind":     func(data []byte) []byte { clear(data[4096:]); return data },
	}
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			data := f(bytes.Clone(whole))
			if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
			// The first batch must not be lost: the new file is there at once.
			if stored, lost := r.write(samples(600)...); lost != 0 {
				t.Errorf("%d stored, %d lost", stored, lost)
			}
			aside, _ := filepath.Glob(cfg.Path + ".corrupt-*Z")
			if len(aside) != 1 {
				t.Fatalf("moved aside: %v", aside)
			}
			if kept, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(kept[:16], data[:16]) {
				t.Errorf("the damaged file is not what it was: %v", err)
			}
			if n := r.logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
				t.Errorf("the log has %v", r.logs.All())
			}
			if n := len(r.all()); n != 600 {
				t.Errorf("%d lookups are in the new file", n)
			}
		})
	}
}

// TestDamageThatShowsLater is found by deleting what is too old.
func TestDamageThatShowsLater(t *testing.T) {
	cfg := testConfig(t)
	cfg.Keep = time.Hour
	at := newClock(noon)
	r := newRig(t, cfg, func(o *Options) { o.Now = at.now })
	r.write(samples(3000)...)
	r.end()
	data, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	db := inspect(t, cfg.Path)
	root := number(t, db, "SELECT rootpage FROM sqlite_schema WHERE name = 'lookups_shape'")
	db.Close()
	clear(data[(root-1)*pageSize : root*pageSize])
	if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	at.set(noon.Add(2 * time.Hour))
	r = newRig(t, cfg, func(o *Options) { o.Now = at.now; o.internal.sweepEvery = time.Millisecond })
	eventually(t, "the damage is found", func() bool {
		aside, _ := filepath.Glob(cfg.Path + ".corrupt-*Z")
		return len(aside) == 1
	})
	if stored, _ := r.write(sample(0)); stored != 1 {
		t.Error("the new file is not written")
	}
}

// TestFewDamagedFilesAreKept: a failing disk must not fill with them.
func TestFewDamagedFilesAreKept(t *testing.T) {
	cfg := testConfig(t)
	for i := range 6 {
		for _, suffix := range []string{"", "-wal"} {
			if err := os.WriteFile(cfg.Path+suffix, []byte{byte(i)}, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := moveAside(cfg.Path, noon.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	left, _ := filepath.Glob(filepath.Dir(cfg.Path) + "/*")
	if len(left) != 2*keptCorrupt {
		t.Errorf("left are %v", left)
	}
	if data, err := os.ReadFile(cfg.Path + ".corrupt-20260314T170000.000Z"); err != nil || data[0] != 5 {
		t.Errorf("the latest is gone: %v %v", err, left)
	}
	if err := os.WriteFile(cfg.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := moveAside(cfg.Path, noon.Add(5*time.Hour)); err == nil {
		t.Error("a file that was moved aside was overwritten")
	}
}

func TestDeletedWhileOpen(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.internal.sweepEvery = time.Hour; o.Now = func() time.Time { return noon } })
	r.write(samples(10)...)
	if len(r.all()) != 10 {
		t.Fatal("not written")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(cfg.Path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if stored, _ := r.write(samples(3)...); stored != 3 {
		t.Error("not stored")
	}
	if n := len(r.all()); n != 3 {
		t.Errorf("the new file has %d lookups", n)
	}
	if r.logs.FilterMessageSnippet("deleted or replaced").Len() != 1 {
		t.Errorf("the log has %v", r.logs.All())
	}
}

// TestOthersFilesAreLeftAlone: not a byte of them, nor of their folder, changes.
func TestOthersFilesAreLeftAlone(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"newer": makeNewer,
		"newer with a write-ahead log": func(t *testing.T, path string) {
			cfg := testConfig(t)
			r := newRig(t, cfg, func(o *Options) { o.internal.steps = twoSteps })
			r.write(sample(0))
			db := inspect(t, cfg.Path)
			if _, err := db.Exec("PRAGMA wal_checkpoint"); err != nil {
				t.Fatal(err)
			}
			r.write(sample(0))
			for _, suffix := range []string{"", "-wal"} {
				data, err := os.ReadFile(cfg.Path + suffix)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path+suffix, data, 0o640); err != nil {
					t.Fatal(err)
				}
			}
		},
		"another program": makeForeign,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			make(t, cfg.Path)
			before := contents(t, filepath.Dir(cfg.Path))
			r := newRig(t, cfg, nil)
			if stored, lost := r.write(samples(3)...); stored != 0 || lost != 3 {
				t.Errorf("%d stored, %d lost", stored, lost)
			}
			if s := r.Status(); s.Working || s.Error == "" {
				t.Errorf("status %+v", s)
			}
			r.end()
			if after := contents(t, filepath.Dir(cfg.Path)); after != before {
				t.Errorf("the folder was\n%s\nand is\n%s", before, after)
			}
			w := r.logs.FilterLevelExact(zap.WarnLevel).All()
			if len(w) != 1 || !strings.Contains(fields(w[0])["try"].(string), "name another file") {
				t.Errorf("the log has %v", r.logs.All())
			}
		})
	}
}

func makeNewer(t *testing.T, path string) {
	cfg := testConfig(t)
	cfg.Path = path
	r := newRig(t, cfg, func(o *Options) { o.internal.steps = twoSteps })
	r.write(sample(0))
	r.end()
}

func makeForeign(t *testing.T, path string) {
	db, err := sql.Open("sqlite", address(path, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)"); err != nil {
		t.Fatal(err)
	}
}

// contents is all that a folder holds.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, _ := e.Info()
		out.WriteString(e.Name() + " " + info.Mode().String() + " " + info.ModTime().String() + "\n" + string(data) + "\n")
	}
	return out.String()
}

// TestPanic: a record that the journal cannot digest costs a batch.
func TestPanic(t *testing.T) {
	first := true
	r := newRig(t, testConfig(t), func(o *Options) {
		impatient(o)
		stored := o.internal.stored
		o.internal.stored = func(n int) {
			if first {
				first = false
				panic("cannot digest this")
			}
			stored(n)
		}
	})
	r.write(sample(0))
	if stored, _ := r.write(sample(0)); stored != 1 {
		t.Error("not stored after a panic")
	}
	if r.logs.FilterMessage("panic in the journal").Len() != 1 {
		t.Errorf("the log has %v", r.logs.All())
	}
}
