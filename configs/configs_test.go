package configs_test

import (
	"io/fs"
	"testing"

	"jamf-ldap-proxy/configs"
	"jamf-ldap-proxy/internal/config"
)

// TestEveryFileLoads: what we ship has to work as it stands.
func TestEveryFileLoads(t *testing.T) {
	files, err := fs.Glob(configs.Files, "*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		data, err := configs.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := config.Parse(file, data); err != nil {
			t.Errorf("%s is refused:\n%v", file, err)
		}
	}
}
