package test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// TestVersionsAgree: the program that go build makes says one version everywhere.
// TestPackage has the same of a release.
func TestVersionsAgree(t *testing.T) {
	t.Parallel()
	path := raceBinary(t)
	_, said, _ := strings.Cut(runIn(t, "/", nil, path, "version"), " ")
	want, _, _ := strings.Cut(said, " ")
	checkVersion(t, path, start(t, embedded(t)), want)
}

// checkVersion: the program, its JSON and its metric say the same.
func checkVersion(t *testing.T, path string, p *proxy, want string) {
	t.Helper()
	if out := runIn(t, "/", nil, path, "--version"); !strings.HasPrefix(out, "jamf-ldap-proxy "+want+" ") {
		t.Errorf("--version says %q, want %s", out, want)
	}
	var v struct{ Version string }
	if err := json.Unmarshal([]byte(runIn(t, "/", nil, path, "version", "--json")), &v); err != nil || v.Version != want {
		t.Errorf("version --json says %q (%v), want %s", v.Version, err, want)
	}
	if info := regexp.MustCompile(`build_info\{[^}]*version="([^"]*)"`).FindStringSubmatch(p.get("/metrics")); info == nil || info[1] != want {
		t.Errorf("build_info says %q, want %s", info, want)
	}
}
