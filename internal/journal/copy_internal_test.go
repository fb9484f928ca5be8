//go:build unix

package journal

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestACopyThatMayOnlyBeRead is a journal without its other files, in a folder that
// the reader may not write: a backup, or another user's.
func TestACopyThatMayOnlyBeRead(t *testing.T) {
	cfg := testConfig(t)
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	r.write(samples(10)...)
	r.end()
	dir := t.TempDir()
	copied := filepath.Join(dir, "copy.db")
	data, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, data, 0o444); err != nil {
		t.Fatal(err)
	}
	// root may write everything, so somebody else has to try.
	program := filepath.Join(t.TempDir(), "test")
	if data, err = os.ReadFile(os.Args[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	for d, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o755, dir: 0o555} {
		if err := os.Chmod(d, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	cmd := exec.Command(program)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), readVariable+"="+copied)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "10\n" {
		t.Errorf("%v: %s", err, out)
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 1 {
		t.Errorf("the folder has %v", left)
	}
}
