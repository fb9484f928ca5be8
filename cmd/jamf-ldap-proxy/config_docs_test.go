package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/directory"
)

var update = flag.Bool("update", false, "write what config check prints into docs/configuration.md")

var checked = regexp.MustCompile("(?s)```console\n\\$ jamf-ldap-proxy (config check [^\n]*)\n(.*?)```")

// TestCheckInDocuments holds the output that the document shows against the real
// one, for the preset jumpcloud in the folder /etc/jamf-ldap-proxy.
func TestCheckInDocuments(t *testing.T) {
	file, err := filepath.Abs("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	var preset strings.Builder
	_, org, _ := strings.Cut(directory.SampleBase, ",")
	if err := configExample(&preset, "jumpcloud", org); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"proxy.yaml": preset.String(), "jamf.ldap.password": "hunter2"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	after := checked.ReplaceAllStringFunc(string(before), func(block string) string {
		found++
		m := checked.FindStringSubmatch(block)
		var out strings.Builder
		if code := run(t.Context(), strings.Fields(m[1]), &out, &out); code != exitOK {
			t.Errorf("%s ends with %d", m[1], code)
		}
		real := strings.ReplaceAll(out.String(), dir, "/etc/jamf-ldap-proxy")
		if real != m[2] && !*update {
			t.Errorf("the document shows for %s\n%s\nreal is\n%s", m[1], m[2], real)
		}
		return strings.TrimSuffix(block, m[2]+"```") + real + "```"
	})
	if found == 0 {
		t.Error("the document shows no check")
	}
	if *update && after != string(before) {
		if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
