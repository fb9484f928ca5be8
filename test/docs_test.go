package test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/config"
)

// documents are all Markdown files of the project.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "dist"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		docs[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
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

// TestConfigurationMistakeInDocuments makes the mistake that the page shows.
func TestConfigurationMistakeInDocuments(t *testing.T) {
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
	found := false
	for _, b := range block.FindAllStringSubmatch(documents(t)["../docs/configuration.md"], -1) {
		if !strings.HasPrefix(b[2], "proxy.yaml:5:3: upstream.srvers") {
			continue
		}
		found = true
		if !strings.Contains(got, b[2]) {
			t.Errorf("docs/configuration.md shows\n%s\nserve says\n%s", b[2], got)
		}
	}
	if !found {
		t.Error("docs/configuration.md does not show the mistake")
	}
}

var link = regexp.MustCompile(`\]\(([^):#]*)(#[^):]*)?\)`)

// TestLinksLeadSomewhere follows every link within the project, to the heading
// when it names one.
func TestLinksLeadSomewhere(t *testing.T) {
	docs := documents(t)
	found := 0
	for file, text := range docs {
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			found++
			target := file
			if l[1] != "" {
				target = filepath.Join(filepath.Dir(file), l[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, l[1], err)
			} else if l[2] != "" && !slices.Contains(anchors(docs[target]), l[2]) {
				t.Errorf("%s links to %s%s, which has no such heading", file, l[1], l[2])
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d links found", found)
	}
}

var (
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the links that GitHub gives to the headings of a document.
func anchors(text string) (all []string) {
	for _, h := range heading.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		all = append(all, "#"+strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return all
}

// TestEveryPageIsInTheIndex: docs/README.md leads to every page.
func TestEveryPageIsInTheIndex(t *testing.T) {
	docs := documents(t)
	index := docs["../docs/README.md"]
	for file := range docs {
		if filepath.Dir(file) == "../docs" && filepath.Base(file) != "README.md" && !strings.Contains(index, "]("+filepath.Base(file)) {
			t.Errorf("docs/README.md does not lead to %s", file)
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

// TestTestsNamedInDocumentsExist: a claim is as good as the test it names.
func TestTestsNamedInDocumentsExist(t *testing.T) {
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			declared[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`")
	for file, text := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if !declared[m[1]] {
				t.Errorf("%s names %s, which no test file declares", file, m[1])
			}
		}
	}
}
