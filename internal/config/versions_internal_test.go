package config

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRenamedKey: whoever upgrades learns the new name, and nothing else is said to
// be missing because of it.
func TestRenamedKey(t *testing.T) {
	renamed["upstream.base_dn"] = "upstream.base"
	t.Cleanup(func() { delete(renamed, "upstream.base_dn") })
	_, err := Parse("proxy.yaml", []byte("upstream:\n  servers: [\"ldaps://ldap.jumpcloud.com:636\"]\n  base_dn: ou=Users,o=1,dc=jumpcloud,dc=com\n"))
	const want = "proxy.yaml:3:3: upstream.base_dn: has another name in this version"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "try: write upstream.base") {
		t.Errorf("the error is\n%v\nwant\n%s", err, want)
	}
}

// TestRenamedKeysLeadToKeys that there are, and are none themselves.
func TestRenamedKeysLeadToKeys(t *testing.T) {
	known := map[string]bool{}
	for _, key := range Keys() {
		known[key] = true
	}
	for before, now := range renamed {
		if known[before] || !known[now] {
			t.Errorf("%s became %s", before, now)
		}
	}
}

// TestConfigurationsOfEarlierVersions: every key of a release is still understood,
// with its default of then. testdata/earlier has the full.yaml of each.
func TestConfigurationsOfEarlierVersions(t *testing.T) {
	files, err := filepath.Glob("testdata/earlier/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		if _, err := Load(file, nil); err != nil {
			t.Errorf("%v", err)
		}
	}
}
