package web_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/web"
)

// fields are the paths of the fields of a JSON value: pairs[].legacy.
type fields map[string]bool

// add notes the fields of v. What is below the paths given is described elsewhere.
func (f fields) add(v any, elsewhere ...string) fields {
	f.walk("", v, elsewhere)
	return f
}

func (f fields) walk(path string, v any, elsewhere []string) {
	if slices.Contains(elsewhere, path) {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			f.walk(path+"[]", item, elsewhere)
		}
	case map[string]any:
		for name, value := range v {
			below := strings.TrimPrefix(path+"."+name, ".")
			f[below] = true
			f.walk(below, value, elsewhere)
		}
	}
}

func (f fields) with(more fields) fields {
	maps.Copy(f, more)
	return f
}

func anyOf(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// tryInputs are the fields that the body of a try may have.
func tryInputs(t *testing.T) fields {
	t.Helper()
	inputs := fields{"password": true}
	text, err := json.Marshal(web.TryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return inputs.add(anyOf(t, string(text)))
}

var documentedField = regexp.MustCompile("^\\| \\*?`([^`]+)`\\*? \\|")

// readAPI reads the fields that docs/api.md describes, by section.
func readAPI(t *testing.T) map[string]fields { return readTable(t, "field") }

// readTable reads the first column of each table of docs/api.md that is headed by
// that word.
func readTable(t *testing.T, head string) map[string]fields {
	t.Helper()
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]fields)
	section, in := "the beginning", false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "##"):
			section = strings.TrimSpace(strings.TrimLeft(line, "#"))
		case strings.HasPrefix(line, "| "+head+" |"):
			in = true
		case line == "":
			in = false
		}
		if m := documentedField.FindStringSubmatch(line); in && m != nil {
			if found[section] == nil {
				found[section] = fields{}
			}
			if found[section][m[1]] {
				t.Errorf("docs/api.md, %s: %s stands there twice", section, m[1])
			}
			found[section][m[1]] = true
		}
	}
	return found
}
