package test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Descriptors run out: nobody who is connected notices, accepting goes on when
// there are some again, and the process lives.
func TestCrowdWithoutDescriptors(t *testing.T) {
	t.Parallel()
	p := besiege(t, settings{servers: []string{embedded(t).url()}})
	w := p.session()
	usable(t, wireClient{w})
	limitDescriptors(t, p, p.footprint().files+20)
	all := dialAll(t, p.ldap, 100) // the kernel connects them, the proxy cannot accept them
	p.awaitRecord("that accepting fails", func(r record) bool { return strings.HasPrefix(r.text("msg"), "accepting a connection failed") })
	for range 20 {
		usable(t, wireClient{w})
	}
	for _, c := range all {
		c.Close()
	}
	fresh := p.session()
	usable(t, wireClient{fresh})
	if n := strings.Count(p.log(), "accepting a connection failed"); n > 100 {
		t.Errorf("the log says %d times that accepting fails", n)
	}
}

// limitDescriptors leaves a running proxy n descriptors.
func limitDescriptors(t testing.TB, p *proxy, n int) {
	t.Helper()
	limit := unix.Rlimit{Cur: uint64(n), Max: uint64(n)}
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatalf("limiting descriptors: %v", err)
	}
}
