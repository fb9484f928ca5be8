package certs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/certs"
)

func TestSave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "chain.pem")
	if err := certs.Save(file, []byte("one"), 0o644, false); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ path, want, try string }{
		{file, "chain.pem exists", "--force"},
		{filepath.Join(filepath.Dir(file), "no", "chain.pem"), "its folder does not exist", "mkdir -p "},
	} {
		err := certs.Save(tc.path, []byte("two"), 0o644, false)
		var mistake *certs.Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(mistake.Try, tc.try) {
			t.Errorf("%v, %+v", err, mistake)
		}
	}
	if got := read(t, file); got != "one" {
		t.Errorf("overwritten with %q", got)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := certs.Save(file, []byte("three"), 0o644, true); err != nil || read(t, file) != "three" || mode(t, file) != 0o600 {
		t.Errorf("%v, %q with rights %v", err, read(t, file), mode(t, file))
	}
	onlyThese(t, filepath.Dir(file), "chain.pem")
	if err := certs.Save(filepath.Join(file, "x"), nil, 0o644, true); err == nil {
		t.Error("a file became a folder")
	}
}
