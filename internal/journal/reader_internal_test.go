package journal

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

func TestWhatIsNoJournal(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"missing":   {func(*testing.T, string) {}, "there is no such file"},
		"empty":     {func(t *testing.T, path string) { writeFile(t, path, nil) }, "it is not a journal: the file is empty"},
		"text":      {func(t *testing.T, path string) { writeFile(t, path, bytes.Repeat([]byte("text\n"), 100)) }, "file is not a database"},
		"folder":    {func(t *testing.T, path string) { os.Mkdir(path, 0o700) }, "it is not a regular file"},
		"other":     {makeForeign, "it is an SQLite database of another program"},
		"newer":     {makeNewer, "it has schema version 2, this version of the proxy knows 1"},
		"no folder": {func(t *testing.T, path string) {}, "there is no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			if name == "no folder" {
				path = filepath.Join(path, "journal.db")
			}
			c.make(t, path)
			r, err := OpenReader(path)
			if err == nil {
				r.Close()
				t.Fatal("it was opened")
			}
			if want := "reading the journal " + path + ": "; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %s", err, c.want)
			}
			if is := errors.Is(err, fs.ErrNotExist); is != strings.HasPrefix(c.want, "there is no such") {
				t.Errorf("errors.Is(fs.ErrNotExist) is %v", is)
			}
		})
	}
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestReadingWhileItIsWritten follows a journal, searches it and looks lookups up
// while it is written. Nothing is missed, nothing comes twice.
func TestReadingWhileItIsWritten(t *testing.T) {
	total := 20_000
	if raceEnabled {
		total = 2000
	}
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	reader, err := OpenReader(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), longWait)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range total {
			r.Journal.Write(sample(i))
		}
	})
	wg.Go(func() { // follows all
		for row := int64(0); row < int64(total); {
			entries, err := reader.After(ctx, lookup.Query{}, row, 700)
			if err != nil {
				t.Error(err)
				return
			}
			for _, e := range entries {
				if row++; e.Row != row || e.Record.ID != uint64(row) {
					t.Errorf("row %d came where %d was due", e.Row, row)
					return
				}
			}
		}
	})
	for range 2 {
		wg.Go(func() {
			for last := int64(0); last < int64(total); {
				entries, err := reader.Select(ctx, lookup.Query{Kind: lookup.KindUser}, 5, 0)
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range entries {
					if found, err := r.Find(ctx, e.Row); err != nil || found.ID != e.Record.ID {
						t.Errorf("row %d: %v, %v", e.Row, found, err)
					}
				}
				if last, err = reader.Newest(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if len(r.lost) > 0 {
		t.Errorf("%d batches were lost", len(r.lost))
	}
}

// TestASearchEndsWithItsContext and gives what it found.
func TestASearchEndsWithItsContext(t *testing.T) {
	r := newRig(t, testConfig(t), func(o *Options) { o.Now = func() time.Time { return noon } })
	r.write(samples(3000)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Select(ctx, lookup.Query{Text: "nobody has this"}, 10, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.window = 100
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	found, err := r.Select(&endsAfter{Context: ctx, cancel: cancel, looks: 60}, lookup.Query{}, 3000, 0)
	if !errors.Is(err, context.Canceled) || len(found) == 0 || len(found) == 3000 {
		t.Errorf("got %d lookups and %v", len(found), err)
	}
}

// endsAfter is a context that ends when it was looked at some times.
type endsAfter struct {
	context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	looks  int
}

func (c *endsAfter) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looks--; c.looks == 0 {
		c.cancel()
	}
	return c.Context.Done()
}

func TestAfterCloseNothingIsRead(t *testing.T) {
	cfg := testConfig(t)
	newRig(t, cfg, nil).end()
	r, err := OpenReader(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Select(t.Context(), lookup.Query{}, 1, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestAnotherFileInItsPlace: a Reader lives as long as the web page.
func TestAnotherFileInItsPlace(t *testing.T) {
	cfg := testConfig(t)
	now := func(o *Options) { o.Now = func() time.Time { return noon } }
	reader := NewReader(cfg.Path)
	defer reader.Close()
	if _, err := reader.Newest(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before there is a file: %v", err)
	}
	r := newRig(t, cfg, now)
	r.write(samples(10)...)
	if n, err := reader.Newest(t.Context()); n != 10 || err != nil {
		t.Errorf("newest is %d, %v", n, err)
	}
	r.end()
	for _, suffix := range []string{"-shm", "-wal", ""} { // the reader keeps them alive
		if err := os.Rename(cfg.Path+suffix, cfg.Path+".old"+suffix); err != nil {
			t.Fatal(err)
		}
	}
	r = newRig(t, cfg, now)
	r.write(samples(3)...)
	if n, err := reader.Newest(t.Context()); n != 3 || err != nil {
		t.Errorf("newest is %d, %v", n, err)
	}
	// Who followed the old file goes on with all of the new one.
	if entries, err := reader.After(t.Context(), lookup.Query{}, 10, 100); len(entries) != 3 || err != nil {
		t.Errorf("got %d lookups, %v", len(entries), err)
	}
}
