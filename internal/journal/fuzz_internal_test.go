package journal

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// FuzzReader reads damaged files: whatever is in them, the Reader neither panics nor
// hangs, and what it finds is what was asked for. The fuzzer chooses which bytes of
// a whole file, or of its write-ahead log, are replaced and where it ends; with the
// file itself in its hands it would get nowhere.
func FuzzReader(f *testing.F) {
	cfg := testConfig(f)
	r := newRig(f, cfg, func(o *Options) { o.Now = func() time.Time { return noon }; o.internal.sweepEvery = time.Hour })
	r.write(samples(120)...)
	begun, log := contentOf(f, cfg.Path), contentOf(f, cfg.Path+"-wal")
	r.end()
	whole := contentOf(f, cfg.Path)

	f.Add([]byte{}, uint32(0), false)
	f.Add([]byte{}, uint32(0), true)
	f.Add([]byte{0, 0, 100, 5, 0, 0, 105, 200}, uint32(0), false) // kind of the first page, where its cells begin
	f.Add([]byte{1, 20, 3, 255}, uint32(9000), true)
	f.Fuzz(func(t *testing.T, changes []byte, end uint32, inLog bool) {
		path := testConfig(t).Path
		if inLog {
			writeFile(t, path, begun)
			writeFile(t, path+"-wal", damaged(log, changes, end))
		} else {
			writeFile(t, path, damaged(whole, changes, end))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		readAll(ctx, t, path)
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

func contentOf(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// damaged replaces bytes: each change is three bytes of place and the new value.
func damaged(data, changes []byte, end uint32) []byte {
	data = bytes.Clone(data)
	if end > 0 {
		data = data[:int(end)%len(data)]
	}
	for ; len(changes) >= 4 && len(data) > 0; changes = changes[4:] {
		data[(int(changes[0])<<16|int(changes[1])<<8|int(changes[2]))%len(data)] = changes[3]
	}
	return data
}

func readAll(ctx context.Context, t *testing.T, path string) {
	r := NewReader(path)
	defer r.Close()
	for _, q := range []lookup.Query{
		{}, {User: "user.name0"}, {Hint: "any"}, {Text: "group"}, {Result: "failed"}, {Since: noon, Until: noon.Add(time.Hour)},
	} {
		found, _ := r.Select(ctx, q, 50, 0)
		more, _ := r.After(ctx, q, 3, 50)
		for _, e := range append(found, more...) {
			if !q.Match(e.Record) {
				t.Errorf("%v found %+v", q, e.Record)
			}
		}
	}
	_, _ = r.Find(ctx, 5)
	_, _ = r.Newest(ctx)
}
