package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/config"
)

// testNames are the test functions of the whole repository, and the folder of each.
func testNames(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[f.Name.Name] = filepath.Dir(path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var testName = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

// tableRows are the rows of a document's tables, by their first cell.
func tableRows(text string) map[string][]string {
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[cells[0]] = cells
	}
	return rows
}

// TestAttacksInDocument holds the table of attacks against the tests: every class
// is there, with a test of its name, and every test that is named exists.
func TestAttacksInDocument(t *testing.T) {
	text := documents(t)["../docs/security-attacks.md"]
	rows, names := tableRows(text), testNames(t)
	for class := 1; class <= 22; class++ {
		key := fmt.Sprintf("A%02d", class)
		row := rows[key]
		if row == nil {
			t.Errorf("no row for %s", key)
			continue
		}
		tests := testName.FindAllStringSubmatch(row[len(row)-1], -1)
		if len(tests) == 0 || class != 17 && !strings.HasPrefix(tests[0][1], "TestAttack"+key) {
			t.Errorf("%s: the first test is not TestAttack%s...: %v", key, key, tests)
		}
	}
	for _, m := range testName.FindAllStringSubmatch(text, -1) {
		if names[m[1]] == "" {
			t.Errorf("there is no %s", m[1])
		}
	}
	for name, folder := range names {
		if folder == "../test" && regexp.MustCompile(`^Test(AttackA\d\d|Crowd(Of|Without))`).MatchString(name) && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s is not in the document", name)
		}
	}
}

// TestLimitsInDocument: every limit has a row, with the default that
// docs/configuration.md has, and tests that exist.
func TestLimitsInDocument(t *testing.T) {
	docs := documents(t)
	rows, defaults, names := tableRows(docs["../docs/limits.md"]), tableRows(docs["../docs/configuration.md"]), testNames(t)
	var keys []string
	for section, limits := range map[string]any{"limits.": config.Default().Limits, "upstream.": config.Default().Upstream} {
		of := reflect.TypeOf(limits)
		for i := range of.NumField() {
			switch f := of.Field(i); f.Type.Kind() {
			case reflect.Int, reflect.Int64: // counts, sizes and times
				keys = append(keys, section+f.Tag.Get("yaml"))
			}
		}
	}
	if len(keys) < 20 {
		t.Fatalf("keys %v", keys)
	}
	for _, key := range keys {
		row := rows["`"+key+"`"]
		if len(row) != 6 {
			t.Errorf("%s has no row of six cells: %q", key, row)
			continue
		}
		if known := defaults["`"+key+"`"]; len(known) < 2 || known[1] != row[1] {
			t.Errorf("%s: default %s, docs/configuration.md says %q", key, row[1], known)
		}
		if !testName.MatchString(row[5]) {
			t.Errorf("%s names no test", key)
		}
	}
	for first, row := range rows {
		if key := strings.Trim(first, "`"); len(row) == 6 && key != "key" && key != "---" && !strings.HasPrefix(key, "---|") && !slices.Contains(keys, key) {
			t.Errorf("%s is no limit", key)
		}
	}
	for _, m := range testName.FindAllStringSubmatch(docs["../docs/limits.md"], -1) {
		if names[m[1]] == "" {
			t.Errorf("there is no %s", m[1])
		}
	}
}
