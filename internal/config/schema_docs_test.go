package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/configs"
	"jamf-ldap-proxy/internal/config"
)

// TestTablesInDocuments holds the tables of presets and of keys against the code.
// With -update it writes them.
func TestTablesInDocuments(t *testing.T) {
	const file = "../../docs/configuration.md"
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	after := string(before)
	for name, table := range map[string]string{"presets": presetTable(), "keys": keyTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
		head, rest, found := strings.Cut(after, begin)
		_, tail, ends := strings.Cut(rest, end)
		if !found || !ends {
			t.Fatalf("%s has no place for the table of %s", file, name)
		}
		after = head + begin + table + end + tail
	}
	if *update {
		if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(before), after); diff != "" {
		t.Errorf("%s is not what the code says (-file +code), run with -update:\n%s", file, diff)
	}
}

func presetTable() string {
	var b strings.Builder
	b.WriteString("| preset | what it is |\n|---|---|\n")
	for _, p := range configs.Presets() {
		b.WriteString("| `" + p.Name + "` | " + p.About + " |\n")
	}
	return b.String()
}

func keyTable() string {
	var b strings.Builder
	b.WriteString("| key | default | what it is for |\n|---|---|---|\n")
	for path, key := range config.NewSchema().Keys() {
		value := key.DefaultText()
		if value != "" {
			value = "`" + value + "`"
		}
		b.WriteString("| `" + path + "` | " + value + " | " + strings.ReplaceAll(key.Description, "|", `\|`) + " |\n")
	}
	return b.String()
}
