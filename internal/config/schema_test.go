package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"jamf-ldap-proxy/internal/config"
)

// compiledSchema is the schema as another program understands it.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(config.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("config.json") // checks it against the dialect
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON returns a YAML document as the validator wants it, if it is one.
func asJSON(data []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestSchemaAcceptsWhatIsShipped: the presets, and the examples of the documents.
func TestSchemaAcceptsWhatIsShipped(t *testing.T) {
	schema := compiledSchema(t)
	accept := func(file string, data []byte) {
		t.Helper()
		v, err := asJSON(data)
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, pattern := range []string{"../../configs/*.yaml", "../../*.md", "../../docs/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, ".yaml") {
				accept(file, data)
				continue
			}
			for _, block := range yamlBlock.FindAllSubmatch(data, -1) {
				accept(file, block[1])
			}
		}
	}
}

// formMistakes are the messages about mistakes that a schema can see.
var formMistakes = regexp.MustCompile(`^(there is no such key|must be (text|true or false|a (list|duration|size|network|whole number))|must hold keys|has no value|has no unit` +
	`|is not (a duration|a size|a network|one of its choices)|a configuration is a list of)`)

// agree holds the schema against the loader over one file: it has to find what is
// wrong with the form, and to accept what the loader accepts. It reports whether
// the form was wrong.
func agree(t *testing.T, schema *jsonschema.Schema, name, file string, data []byte) bool {
	t.Helper()
	v, err := asJSON(data)
	if err != nil {
		return false // no YAML, and so nothing for a schema
	}
	_, loading := config.Parse(file, data)
	var problems config.Problems
	errors.As(loading, &problems)
	wrongForm := slices.ContainsFunc(problems, func(p *config.Problem) bool {
		return formMistakes.MatchString(p.Message) || missingInItem(p)
	})
	switch err := schema.Validate(v); {
	case err == nil && wrongForm:
		t.Errorf("%s: the schema accepts what the loader refuses:\n%v", name, loading)
	case err != nil && loading == nil:
		t.Errorf("%s: the schema refuses what the loader accepts: %v", name, err)
	}
	return wrongForm
}

// TestSchemaFindsWrongForm in the files that are wrong.
func TestSchemaFindsWrongForm(t *testing.T) {
	schema := compiledSchema(t)
	files, err := filepath.Glob("testdata/invalid-*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeCertificates(t, dir)
	found := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if agree(t, schema, file, filepath.Join(dir, "proxy.yaml"), data) {
			found++
		}
	}
	if found < 15 {
		t.Errorf("only %d files of wrong form", found)
	}
}

// TestSchemaAgreesWithTheLoader about values of every kind at every key.
func TestSchemaAgreesWithTheLoader(t *testing.T) {
	schema := compiledSchema(t)
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	for path := range config.NewSchema().Keys() {
		for _, value := range []string{
			"", "{}", "[]", "[x]", "[1s]", "[10.0.0.0/8]", "[{}]", "[~]", "~", "true", "yes", `"true"`, "0", "1", "-1", "1.5", "1.2", "2147483648", `"7"`,
			"x", `""`, "0s", "30s", "-30s", "+1h2m3.5s", ".5s", "5.m", "1d", "1h 2m", "4KiB", "4 KiB", `" 4KiB "`, "4kb", "1.5MiB", "-4KiB", "16B",
			"10.0.0.0/8", "::1/128", "10.0.0.1", "127.0.0.1:7", "ldaps", "posix", "merge", "info", "json", "hash", "round-robin", "'1.3'",
		} {
			data := []byte(documentWith(path, value))
			agree(t, schema, string(data), file, data)
		}
	}
}

// documentWith is a configuration with one key set, complete but for that.
func documentWith(path, value string) string {
	steps := strings.Split(path, ".")
	var b strings.Builder
	if steps[0] != "upstream" {
		b.WriteString("upstream: { servers: [\"ldaps://ldap.jumpcloud.com:636\"], base: \"dc=x\" }\n")
	}
	for i, step := range steps {
		name, isList := strings.CutSuffix(step, "[]")
		b.WriteString(strings.Repeat("    ", i) + name + ":")
		if i == len(steps)-1 {
			break
		}
		b.WriteString("\n")
		if isList {
			b.WriteString(strings.Repeat("    ", i) + "  - # one\n")
		}
		for key, needs := range map[string]string{
			"upstream.servers": "[\"ldaps://ldap.jumpcloud.com:636\"]", "upstream.base": "dc=x",
			"listeners[].address": "127.0.0.1:0", "groups.pairs[].legacy": "a", "groups.pairs[].posix": "b",
		} {
			if up := strings.Join(steps[:i+1], "."); key != path && strings.HasPrefix(key, up+".") && strings.Count(key, ".") == i+1 {
				b.WriteString(strings.Repeat("    ", i+1) + key[len(up)+1:] + ": " + needs + "\n")
			}
		}
	}
	return b.String() + " " + value + "\n"
}

// missingInItem tells of an item of a list without a key that it needs.
func missingInItem(p *config.Problem) bool {
	path := regexp.MustCompile(`\[\d+\]`).ReplaceAllString(p.Key, "[]")
	return p.Message == "is missing" && strings.Contains(path, "[].") && config.Needed(path)
}

// TestEveryKeyIsDescribed, so that an editor has something to show.
func TestEveryKeyIsDescribed(t *testing.T) {
	n := 0
	for path, key := range config.NewSchema().Keys() {
		n++
		if !strings.HasSuffix(key.Description, ".") {
			t.Errorf("%s: configs/full.yaml has no sentence above it: %q", path, key.Description)
		}
		if key.Type == nil && key.Enum == nil {
			t.Errorf("%s may be anything", path)
		}
	}
	if n < len(config.Keys()) {
		t.Errorf("%d of %d keys", n, len(config.Keys()))
	}
}

// TestNeededKeysMayNotBeEmpty, and others may.
func TestNeededKeysMayNotBeEmpty(t *testing.T) {
	for path, key := range config.NewSchema().Keys() {
		if key.Enum != nil || key.Pattern != "" || key.Properties != nil {
			continue // they have no empty value
		}
		value := `""`
		if key.Items != nil {
			value = "[]"
		}
		_, err := config.Parse("proxy.yaml", []byte(documentWith(path, value)))
		var problems config.Problems
		errors.As(err, &problems)
		empty := slices.ContainsFunc(problems, func(p *config.Problem) bool { return p.Message == "is empty" })
		if empty != config.Needed(path) {
			t.Errorf("%s: needed is %v, the loader says %v", path, config.Needed(path), err)
		}
	}
}
