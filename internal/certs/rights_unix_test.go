//go:build unix

package certs_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRights(t *testing.T) {
	dir := t.TempDir()
	create(t, request(dir, "a.test"))
	for file, want := range map[string]os.FileMode{"ca.pem": 0o644, "ca.key": 0o600, "proxy.pem": 0o644, "proxy.key": 0o600} {
		if got := mode(t, filepath.Join(dir, file)); got != want {
			t.Errorf("%s has rights %v, want %v", file, got, want)
		}
	}
	// What a group was given it keeps; what everybody was given by mistake not.
	key := filepath.Join(dir, "proxy.key")
	for _, tc := range []struct{ before, after os.FileMode }{{0o640, 0o640}, {0o644, 0o640}, {0o400, 0o400}} {
		if err := os.Chmod(key, tc.before); err != nil {
			t.Fatal(err)
		}
		r := request(dir)
		r.Force = true
		create(t, r)
		if got := mode(t, key); got != tc.after {
			t.Errorf("renewed from %v to %v, want %v", tc.before, got, tc.after)
		}
	}
}
