//go:build unix

package certs_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestRenewKeepsOwner: a proxy that runs as another user reads the new key as
// it read the old one. Only root can give files away; for others the group is
// what they may change.
func TestRenewKeepsOwner(t *testing.T) {
	dir := t.TempDir()
	create(t, request(dir, "a.test"))
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 65534, 65533
	} else if groups, err := os.Getgroups(); err == nil && len(groups) > 0 {
		gid = groups[len(groups)-1]
	}
	files := []string{"proxy.key", "proxy.pem"}
	for _, name := range files {
		if err := os.Chown(filepath.Join(dir, name), uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	r := request(dir)
	r.Force = true
	create(t, r)
	for _, name := range append(files, "proxy.key.bak", "proxy.pem.bak") {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); int(s.Uid) != uid || int(s.Gid) != gid {
			t.Errorf("%s belongs to %d:%d, want %d:%d", name, s.Uid, s.Gid, uid, gid)
		}
	}
}
