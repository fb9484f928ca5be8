package upstream_test

import (
	"context"
	"testing"

	"jamf-ldap-proxy/internal/upstream"
)

// BenchmarkAcquireRelease is what a lookup pays for its connection when one is
// idle: one look at the socket, and nothing else that leaves the process.
func BenchmarkAcquireRelease(b *testing.B) {
	f := newFake(b, nil)
	cfg := upstream.DefaultConfig()
	cfg.Servers = []string{f.url("ldap")}
	p, err := upstream.New(cfg, upstream.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = p.Close(context.Background()) }()
	id := identity("cn=a", "pw-a")
	if _, err := p.Bind(b.Context(), id, nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c, err := p.Acquire(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		c.Release()
	}
}
