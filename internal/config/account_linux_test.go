package config_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"jamf-ldap-proxy/internal/config"
)

// TestPasswordFileThatMayNotBeRead runs as somebody else where it is root's,
// who may read everything: rights on files are those of the thread's file system
// user, setfsuid(2).
func TestPasswordFileThatMayNotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(write(t, dir, "pw", []byte("hunter2")), 0); err != nil {
		t.Fatal(err)
	}
	proxy := write(t, dir, "proxy.yaml", []byte(withAccount("pw")))
	for _, d := range []string{filepath.Dir(dir), dir} { // a folder of the test is its user's alone
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(proxy, 0o644); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if os.Getuid() == 0 {
			const nobody = 65534
			_ = syscall.Setfsuid(nobody)
		}
		_, err := config.Load(proxy, nil)
		failed <- err
	}()
	err := <-failed
	if err == nil || !strings.Contains(err.Error(), "let the user that runs the proxy read it") {
		t.Errorf("got %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "hunter") {
		t.Errorf("a secret is shown:\n%v", err)
	}
}
