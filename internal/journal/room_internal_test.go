package journal

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/lookup"
)

func TestLookupsThatAreTooOldGo(t *testing.T) {
	cfg := testConfig(t)
	cfg.Keep = time.Hour
	at := newClock(noon)
	r := newRig(t, cfg, func(o *Options) { o.Now = at.now; o.internal.sweepEvery = time.Millisecond })
	var list []*lookup.Record
	for i := range 3000 { // 50 minutes
		rec := long(i)
		rec.Time = noon.Add(-50*time.Minute + time.Duration(i)*time.Second)
		list = append(list, rec)
	}
	// A clock that was wrong for a moment.
	list[10].Time, list[2990].Time = noon.Add(20*time.Minute), noon.Add(-55*time.Minute)
	r.write(list...)
	before := size(t, cfg.Path)

	at.set(noon.Add(30 * time.Minute))
	isGone := func(rec *lookup.Record) bool { return rec.Time.Before(noon.Add(-30 * time.Minute)) }
	want := 0
	for _, rec := range list {
		if !isGone(rec) {
			want++
		}
	}
	eventually(t, "the old ones are gone", func() bool { return len(r.all()) == want })
	for _, e := range r.all() {
		if isGone(e.Record) {
			t.Errorf("a lookup of %v is still there", e.Record.Time)
		}
	}
	checkHints(t, cfg.Path)

	at.set(noon.Add(3 * time.Hour))
	eventually(t, "all are gone", func() bool { return len(r.all()) == 0 })
	checkHints(t, cfg.Path)
	eventually(t, "the status says so", func() bool { s := r.Status(); return s.Rows == 0 && s.Oldest.IsZero() })
	// What is gone cannot be found in the file, and the file is small.
	eventually(t, "the file shrinks", func() bool {
		at.set(at.now().Add(checkpointEvery))
		return size(t, cfg.Path) < before/4
	})
	r.end()
	data, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	if containsText(data, "user.name") || containsText(data, "jamf.ldap") {
		t.Error("deleted lookups are still in the file")
	}
}

// long is a sample with a long filter: more bytes in less time.
func long(i int) *lookup.Record {
	r := sample(i)
	r.Filter = "(|" + strings.Repeat(r.Filter, 3000/len(r.Filter)) + ")"
	return r
}

func containsText(data []byte, s string) bool {
	for i := 0; i+len(s) <= len(data); i++ {
		if string(data[i:i+len(s)]) == s {
			return true
		}
	}
	return false
}

// checkHints holds the side table against the lookups.
func checkHints(t *testing.T, path string) {
	t.Helper()
	db := inspect(t, path)
	defer db.Close()
	hinted := number(t, db, "SELECT count(*) FROM lookups WHERE hints <> '[]'")
	if n := number(t, db, "SELECT count(*) FROM hints WHERE hint = 'any'"); n != hinted {
		t.Errorf("%d lookups have hints, the table of hints has %d", hinted, n)
	}
	if n := number(t, db, "SELECT count(*) FROM hints WHERE row NOT IN (SELECT row FROM lookups)"); n != 0 {
		t.Errorf("%d hints are left of lookups that are gone", n)
	}
}

// size is what the journal takes on the disk.
func size(t testing.TB, path string) int64 {
	t.Helper()
	var n int64
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			n += info.Size()
		}
	}
	return n
}

// TestMaxBytes writes several times as much as there is room for, and measures all
// the time.
func TestMaxBytes(t *testing.T) {
	type load struct {
		limit  bytesize.Size
		record func(int) *lookup.Record
		size   int // of one, roughly, with its part of the indexes
	}
	loads := map[string]load{"8 MiB of long ones": {8 * bytesize.MiB, long, 5000}}
	if !raceEnabled {
		loads["8 MiB of short ones"] = load{8 * bytesize.MiB, sample, 900}
		loads["24 MiB of short ones"] = load{24 * bytesize.MiB, sample, 900}
	}
	for name, c := range loads {
		t.Run(name, func(t *testing.T) {
			limit := c.limit
			cfg := testConfig(t)
			cfg.MaxBytes = limit
			r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
			stop := make(chan struct{})
			var most int64
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(200 * time.Microsecond):
						most = max(most, size(t, cfg.Path))
					}
				}
			})
			n := 3 * int(limit) / c.size
			for i := range n {
				r.Journal.Write(c.record(i))
			}
			r.await(n)
			r.write(sample(n))
			close(stop)
			wg.Wait()
			t.Logf("%d lookups written, %d are there; at most %.1f MiB on the disk", n, r.Status().Rows, float64(most)/(1<<20))
			if most > int64(limit) {
				t.Errorf("the journal had %d bytes, %d are allowed", most, int64(limit))
			}
			if s := r.Status(); s.Rows < int64(limit)/2/int64(c.size) {
				t.Errorf("only %d lookups are left", s.Rows)
			}
			newest, err := r.Select(t.Context(), lookup.Query{}, 1, 0)
			if err != nil || len(newest) != 1 || newest[0].Record.ID != uint64(n+1) {
				t.Errorf("the newest is %+v, %v", newest, err)
			}
			checkHints(t, cfg.Path)
		})
	}
}

func TestLoweringMaxBytesShrinksTheFile(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	for i := range 5000 {
		r.Journal.Write(long(i))
	}
	r.await(5000)
	r.end()
	before := size(t, cfg.Path)
	if before < 16<<20 {
		t.Fatalf("only %d bytes were written", before)
	}
	cfg.MaxBytes = 8 * bytesize.MiB
	at := newClock(noon)
	r = newRig(t, cfg, func(o *Options) { o.Now = at.now; o.internal.sweepEvery = time.Millisecond })
	// Nobody waits long for that.
	if stored, _ := r.write(samples(200)...); stored != 200 {
		t.Error("not stored")
	}
	eventually(t, "the file is small", func() bool {
		at.set(at.now().Add(checkpointEvery))
		return size(t, cfg.Path) <= int64(cfg.MaxBytes)
	})
	t.Logf("from %d to %d KiB", before>>10, size(t, cfg.Path)>>10)
	db := inspect(t, cfg.Path)
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check: %s %v", verdict, err)
	}
}
