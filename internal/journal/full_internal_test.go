package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFullDisk fills a real file system where that can be mounted.
func TestFullDisk(t *testing.T) {
	cfg := testConfig(t)
	dir := t.TempDir()
	if !mountSmall(t, dir) {
		t.Log("the limit of pages stands for it, which is the same error")
		return
	}
	cfg.Path = filepath.Join(dir, "journal.db")
	filler := filepath.Join(dir, "filler")
	at := newClock(noon)
	r := newRig(t, cfg, func(o *Options) { o.Now = at.now; o.internal.sweepEvery = time.Hour })
	r.write(samples(100)...)
	for size := 1 << 16; size > 0; size /= 2 { // until nothing fits any more
		f, err := os.OpenFile(filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		f.Close()
	}
	lost := 0
	for i := 0; lost == 0 && i < 100; i++ {
		_, lost = r.write(samples(200)...)
	}
	if lost != 200 {
		t.Fatalf("%d were lost", lost)
	}
	if s := r.Status(); s.Working || !strings.Contains(s.Error, "full") {
		t.Errorf("status %+v", s)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	at.set(noon.Add(latest))
	if stored, _ := r.write(samples(50)...); stored != 50 {
		t.Errorf("%d of 50 stored: %s", stored, r.Status().Error)
	}
	eventually(t, "it works", func() bool { return r.Status().Working })
	r.oneEach("make room on the disk")
	checkWhole(t, cfg.Path)
}

// TestFullFile is the same error from SQLite itself, for where nothing can be
// mounted.
func TestFullFile(t *testing.T) {
	cfg := testConfig(t)
	at := newClock(noon)
	limit := "PRAGMA max_page_count = 100"
	r := newRig(t, cfg, func(o *Options) {
		o.Now, o.internal.sweepEvery, o.internal.statements = at.now, time.Hour, []string{limit}
	})
	lost, stored := 0, 0
	for i := 0; lost == 0 && i < 100; i++ {
		n, l := r.write(samples(100)...)
		stored, lost = stored+n, lost+l
	}
	if lost != 100 || stored == 0 {
		t.Fatalf("%d stored, %d lost", stored, lost)
	}
	if n := len(r.all()); n != stored {
		t.Errorf("%d are there, %d were stored: a batch is all or nothing", n, stored)
	}
	r.opt.internal.statements[0] = "PRAGMA max_page_count = 100000" // there is room again
	at.set(noon.Add(latest))
	if n, _ := r.write(samples(50)...); n != 50 {
		t.Errorf("%d of 50 stored: %s", n, r.Status().Error)
	}
	eventually(t, "it works", func() bool { return r.Status().Working })
	r.oneEach("make room on the disk")
	checkWhole(t, cfg.Path)
}

func checkWhole(t *testing.T, path string) {
	t.Helper()
	var verdict string
	if err := inspect(t, path).QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check: %s %v", verdict, err)
	}
}
