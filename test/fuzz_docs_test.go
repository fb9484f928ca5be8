package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fuzzFunction = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// TestFuzzFunctionsAreDocumented: the table in docs/fuzzing.md has a row for every fuzz
// function, and no other.
func TestFuzzFunctionsAreDocumented(t *testing.T) {
	t.Parallel()
	functions := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range fuzzFunction.FindAllSubmatch(text, -1) {
			functions[strings.TrimPrefix(filepath.Dir(path), "../")+" "+string(m[1])] = true
		}
		return err
	})
	document, readErr := os.ReadFile("../docs/fuzzing.md")
	if err != nil || readErr != nil {
		t.Fatal(err, readErr)
	}
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([\\w/]+ Fuzz\\w+)` \\|").FindAllSubmatch(document, -1) {
		row := string(m[1])
		rows[row] = true
		if !functions[row] {
			t.Errorf("the document has %s, which is no fuzz function", row)
		}
	}
	for function := range functions {
		if !rows[function] {
			t.Errorf("the document has no row for %s", function)
		}
	}
}
