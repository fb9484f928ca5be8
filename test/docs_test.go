package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/config"
)

func documents(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, f := range append(files, more...) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		docs[f] = string(text)
	}
	return docs
}

var block = regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```")

func TestYAMLInDocumentsLoads(t *testing.T) {
	found := 0
	for file, text := range documents(t) {
		for _, b := range block.FindAllStringSubmatch(text, -1) {
			if b[1] != "yaml" {
				continue
			}
			found++
			if _, err := config.Parse("block.yaml", []byte(b[2])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if found == 0 {
		t.Error("no YAML block in any document")
	}
}

// TestDemoInReadme holds the printed demo against the real one.
func TestDemoInReadme(t *testing.T) {
	out, err := exec.Command(plainBinary(t), "demo", "--once", "--ldap", "127.0.0.1:0", "--ldaps", "127.0.0.1:0", "--web", "127.0.0.1:0").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	port := regexp.MustCompile(`ldap://127\.0\.0\.1:\d+ \\`)
	real := port.ReplaceAllString(string(out), `ldap://127.0.0.1:1389 \`)
	for _, b := range block.FindAllStringSubmatch(documents(t)["../README.md"], -1) {
		if b[1] == "console" && strings.Contains(b[2], "ldapsearch") && !strings.Contains(real, b[2]) {
			t.Errorf("README shows\n%s\nthe demo prints\n%s", b[2], real)
		}
	}
}

// TestConfigurationMistakeInReadme makes the mistake that the README shows.
func TestConfigurationMistakeInReadme(t *testing.T) {
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	text := "listeners:\n  - address: 127.0.0.1:0\nupstream:\n  base: ou=Users,o=x,dc=jumpcloud,dc=com\n  srvers: [\"ldaps://ldap.jumpcloud.com:636\"]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(plainBinary(t), "serve", "--config", file).CombinedOutput()
	if err == nil {
		t.Fatal("a wrong configuration was accepted")
	}
	got := strings.ReplaceAll(string(out), filepath.Dir(file)+"/", "")
	for _, b := range block.FindAllStringSubmatch(documents(t)["../README.md"], -1) {
		if strings.HasPrefix(b[2], "proxy.yaml:") && !strings.Contains(got, b[2]) {
			t.Errorf("README shows\n%s\nserve says\n%s", b[2], got)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for file, text := range documents(t) {
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), l[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, l[1], err)
			}
		}
	}
}

// TestFilesNamedInDocumentsExist checks code-quoted paths.
func TestFilesNamedInDocumentsExist(t *testing.T) {
	path := regexp.MustCompile("`((?:proxy|rewrite|internal|test|configs|bench|cmd|docs)/[a-z_/.-]+)`")
	for file, text := range documents(t) {
		for _, m := range path.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("%s names %s: %v", file, m[1], err)
			}
		}
	}
}
