package main

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/lookup"
)

// writeJournal keeps a few lookups of two days in a file.
func writeJournal(file string) error {
	day := time.Date(2026, 3, 1, 20, 14, 3, 123_000_000, time.UTC)
	j := journal.Open(journal.Config{Path: file, Keep: 100 * 365 * 24 * time.Hour, MaxBytes: 64 << 20}, journal.Options{})
	for i, r := range []lookup.Record{
		{Op: lookup.OpBind, Kind: lookup.KindBind, BindDN: demoBindDN, ResultName: "success"},
		{Op: lookup.OpSearch, Kind: lookup.KindGroup, Scope: "sub", Base: directory.SampleBase, Filter: "(&(objectClass=groupOfNames)(cn=gameOfThrones))",
			Entries: 1, ResultName: "success", Bridged: true, Rules: []string{"class", "group-name"}},
		{Op: lookup.OpSearch, Kind: lookup.KindMembership, Scope: "sub", Base: directory.SampleBase,
			Filter:     "(&(objectClass=groupOfNames)(cn=CarWash)(member=uid=jon.snow," + directory.SampleBase + "))",
			ResultName: "success", Bridged: true, Rules: []string{"class", "member-dn"}, Hints: []string{"group-without-linux-group"}},
		{Op: lookup.OpUnbind, Kind: lookup.KindOther, Result: lookup.NoResult},
		{Op: lookup.OpSearch, Kind: lookup.KindUser, Scope: "sub", Base: directory.SampleBase, Filter: "(uid=\\3dHYPERLINK)", Result: 52, ResultName: "unavailable"},
	} {
		r.ID, r.Conn, r.ClientAddr, r.ClientKind, r.Cache = uint64(i+1), 1, "10.0.0.7:50000", lookup.ClientJNDI, lookup.CacheOff
		r.Time, r.Total = day.Add(time.Duration(i)*6*time.Hour), time.Duration(i+1)*time.Millisecond
		j.Write(&r)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return j.Close(ctx)
}

// TestLookupsFollowsARunningProxy asks a proxy while the command follows it.
func TestLookupsFollowsARunningProxy(t *testing.T) {
	svc := startSample(t)
	askFor(t, svc, "jon.snow")
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"lookups", "--url", "http://" + svc.webAddr.String(), "--follow", "--json", "kind:user"}, w, io.Discard)
		w.Close()
	}()
	lines := make(chan string)
	go func() {
		defer close(lines)
		var text strings.Builder
		buffer := make([]byte, 4096)
		for {
			n, err := r.Read(buffer)
			if err != nil {
				return
			}
			text.Write(buffer[:n])
			lines <- text.String()
		}
	}()
	awaitText := func(want string) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for {
			select {
			case got := <-lines:
				if strings.Contains(got, want) {
					return
				}
			case <-deadline:
				t.Fatalf("%q did not show", want)
			}
		}
	}
	awaitText(`"user":"jon.snow"`)
	askFor(t, svc, "arya.stark")
	awaitText(`"user":"arya.stark"`)
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("Ctrl-C ended it with %d", code)
	}
	for range lines {
	}
}

// TestLookupsWithAToken: a page that asks who is there.
func TestLookupsWithAToken(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	svc := startSample(t, func(cfg *config.Config) { cfg.Web.TokenFile = token })
	at := (&url.URL{Scheme: "http", Host: svc.webAddr.String()}).String()
	var out, stderr strings.Builder
	if code := run(t.Context(), []string{"lookups", "--url", at}, &out, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "Try: --token-file") {
		t.Errorf("without a token: %d %s", code, stderr.String())
	}
	stderr.Reset()
	if code := run(t.Context(), []string{"lookups", "--url", at, "--token-file", token}, &out, &stderr); code != exitOK || !strings.Contains(stderr.String(), "No lookup fits") {
		t.Errorf("with the token: %d %s%s", code, out.String(), stderr.String())
	}
}

// startSample runs directory and proxy as the demo does, until the test ends.
func startSample(t *testing.T, change ...func(*config.Config)) *service {
	t.Helper()
	return startBefore(t, sampleDirectory(t), change...)
}
