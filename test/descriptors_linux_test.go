package test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// limitDescriptors leaves a running proxy n descriptors.
func limitDescriptors(t testing.TB, p *proxy, n int) {
	t.Helper()
	limit := unix.Rlimit{Cur: uint64(n), Max: uint64(n)}
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatalf("limiting descriptors: %v", err)
	}
}
