package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestStandInFiltersAreThoseOfSlapd gives the stand-in's own filter table a
// slapd to hold it against, which that package by itself has not. One row is
// left out: slapadd -s, which lets the suites load odd entries, does not write
// structuralObjectClass.
func TestStandInFiltersAreThoseOfSlapd(t *testing.T) {
	up := startedSlapd(t)
	noteSources()
	cmd := exec.Command("go", "test", "-count=1", "-v", "-run", "^TestFiltersOfSlapd$", "-skip", "/structuralObjectClass", "./internal/directory")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "DIRECTORY_TEST_SLAPD="+up.addr)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFiltersOfSlapd") {
		t.Errorf("%v\n%s", err, out)
	}
}
