//go:build linux

package journal

import (
	"syscall"
	"testing"
)

// mountSmall mounts a file system of a megabyte at dir, if that is permitted here.
func mountSmall(t *testing.T, dir string) bool {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("no small file system: %v", err)
		return false
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return true
}
