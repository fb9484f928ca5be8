package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jamf-ldap-proxy/configs"
	"jamf-ldap-proxy/internal/config"
)

// folder holds what the files name: the password of the account.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jamf.ldap.password"), []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEveryPresetLoads: what we ship has to work as it stands.
func TestEveryPresetLoads(t *testing.T) {
	dir := folder(t)
	presets := configs.Presets()
	if len(presets) < 5 {
		t.Errorf("only %d files", len(presets))
	}
	for _, p := range presets {
		if _, err := config.Parse(filepath.Join(dir, p.Name+".yaml"), []byte(p.Text)); err != nil {
			t.Errorf("%s is refused:\n%v", p.Name, err)
		}
		if !strings.HasPrefix(p.Text, "# "+p.About) || len(p.About) < 30 || len(p.About) > 80 {
			t.Errorf("%s does not say in its first line what it is: %q", p.Name, p.About)
		}
		if strings.Count(p.Text, configs.OrgID) == 0 {
			t.Errorf("%s has no place for the ID of an organisation", p.Name)
		}
	}
}
