package upstream_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// TestCAFollowsItsFile: a CA that replaces another one counts for the next
// connection, also where a TLS session of before could be resumed; what is no CA
// changes nothing.
func TestCAFollowsItsFile(t *testing.T) {
	first, second := newAuthority(t), newAuthority(t)
	f := newTLSFake(t, first.serve(loopback()), nil)
	core, logs := observer.New(zapcore.InfoLevel)
	cfg := upstream.DefaultConfig()
	cfg.Servers, cfg.Warm, cfg.TLS.CA = []string{f.url("ldaps")}, 0, first.file
	p, err := upstream.New(cfg, upstream.Options{Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	mustBindFresh := func() {
		t.Helper()
		c, err := p.AcquireFresh(t.Context(), identity("cn=a", "pw-a"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := search(t.Context(), c, "cn=a"); err != nil { // reads the session ticket
			t.Fatal(err)
		}
		c.Discard()
	}
	mustBindFresh()

	for range 2 {
		overwrite(t, first.file, []byte("no certificate"))
		mustBindFresh()
	}
	if n := logs.FilterMessageSnippet("keeping the old certificates").Len(); n != 1 {
		t.Errorf("%d lines about a file that is no CA, want 1", n)
	}
	if err := os.Remove(first.file); err != nil {
		t.Fatal(err)
	}
	mustBindFresh()

	other, err := os.ReadFile(second.file)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, first.file, other)
	_, err = p.Bind(t.Context(), identity("cn=b", "pw-b"), nil)
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		t.Errorf("a certificate of the CA of before: %v", err)
	}
	g := newTLSFake(t, second.serve(loopback()), nil)
	q := newPool(t, func(c *upstream.Config) { c.TLS.CA = first.file }, g.url("ldaps"))
	mustBind(t, q, identity("cn=a", "pw-a"), ldap.Success)
}

func overwrite(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
