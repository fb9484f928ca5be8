package main

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// completed returns what a shell would get for a line, and its directive.
func completed(t *testing.T, words ...string) (values []string, directive string) {
	t.Helper()
	var out strings.Builder
	if code := run(t.Context(), append([]string{"__complete"}, words...), &out, io.Discard); code != exitOK {
		t.Fatalf("completing %q ends with %d", words, code)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := len(lines) - 1
	for _, line := range lines[:last] {
		value, _, _ := strings.Cut(line, "\t")
		values = append(values, value)
	}
	return values, lines[last]
}

// What cobra tells a shell to do with the values.
const (
	anyFile     = ":0"
	nothingElse = ":4"
	theseFiles  = ":8"
	folders     = ":16"
	moreToCome  = ":6"
)

func TestCompletion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	text := minimalUpstream + "groups:\n  pairs:\n    - { legacy: gameOfThrones, posix: got }\n    - { legacy: \"Night's Watch (Wall), South\", posix: nw }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const base = "ou=Users,o=1,dc=jumpcloud,dc=com"
	for _, tc := range []struct {
		line      []string
		want      []string
		directive string
	}{
		{[]string{"lookups", "--kind", "mem"}, []string{"membership", "members"}, nothingElse},
		{[]string{"lookups", "--kind=user-"}, []string{"user-groups"}, nothingElse},
		{[]string{"lookups", "--op", "s"}, []string{"search"}, nothingElse},
		{[]string{"lookups", "--result", "e"}, []string{"empty"}, nothingElse},
		{[]string{"lookups", "--hint", "posix-n"}, []string{"posix-name-in-group", "posix-native"}, nothingElse},
		{[]string{"lookups", "--hint", "an"}, []string{"any"}, nothingElse},
		{[]string{"lookups", "--rule", "group-id"}, []string{"group-id", "group-id-read"}, nothingElse},
		{[]string{"lookups", "--config", file, "--group", ""}, []string{"gameOfThrones", "Night's Watch (Wall), South"}, nothingElse},
		{[]string{"lookups", "--config", file, "--group", "NIGHT"}, []string{"Night's Watch (Wall), South"}, nothingElse},
		{[]string{"lookups", "--config", "nowhere.yaml", "--group", ""}, nil, nothingElse},
		{[]string{"lookups", "--group", ""}, nil, nothingElse},
		{[]string{"lookups", "--user", ""}, nil, nothingElse},
		{[]string{"explain", "--config", file, "--base", "cn=n"}, []string{`cn=Night's Watch (Wall)\, South,` + base}, nothingElse},
		{[]string{"explain", "--config", file, "--base", "ou"}, []string{base}, nothingElse},
		{[]string{"explain", "--base", ""}, nil, nothingElse},
		{[]string{"explain", "--scope", ""}, []string{"base", "one", "sub", "children"}, nothingElse},
		{[]string{"simulate", "--set", "group-u"}, []string{"group-uuid="}, moreToCome},
		{[]string{"pairs", "--format", ""}, []string{"json", "table", "yaml"}, nothingElse},
		{[]string{"config", "example", "--preset", "jumpcloud-m"}, []string{"jumpcloud-merge", "jumpcloud-mfa"}, nothingElse},
		{[]string{"serve", "--config", ""}, []string{"yaml", "yml"}, theseFiles},
		{[]string{"config", "check", "--config", "x"}, []string{"yaml", "yml"}, theseFiles},
		{[]string{"lookups", "--journal", ""}, []string{"db"}, theseFiles},
		{[]string{"pairs", "--password-file", ""}, nil, anyFile},
		{[]string{"man", "--dir", ""}, nil, folders},
		{[]string{"serve", ""}, nil, nothingElse},
		{[]string{"config", "ch"}, []string{"check"}, nothingElse},
	} {
		got, directive := completed(t, tc.line...)
		if !slices.Equal(got, tc.want) || directive != tc.directive {
			t.Errorf("%q completes to %q %s, want %q %s", tc.line, got, directive, tc.want, tc.directive)
		}
	}
}

// TestEveryChoiceIsTaken: what is offered for lookups is what lookups accepts.
func TestEveryChoiceIsTaken(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "lookups.db")
	if err := writeJournal(journal); err != nil {
		t.Fatal(err)
	}
	for _, c := range conditionFlags {
		values, _ := completed(t, "lookups", "--"+c.name, "")
		for _, v := range values {
			var stderr strings.Builder
			if code := run(t.Context(), []string{"lookups", "--journal", journal, "--" + c.name, v}, io.Discard, &stderr); code != exitOK {
				t.Errorf("--%s %s is refused: %s", c.name, v, stderr.String())
			}
		}
	}
}

// TestFlagsThatNameAFileCompleteFiles, and what completion.go lists is there.
func TestFlagsThatNameAFileCompleteFiles(t *testing.T) {
	namesFile := regexp.MustCompile(`(?i)\b(file|folder)\b`)
	seen := map[string]bool{}
	for _, cmd := range allCommands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			seen[flagKey(cmd, f.Name)], seen[f.Name] = true, true
			if f.Value.Type() != "bool" && namesFile.MatchString(f.Usage) && completionOf(cmd, f.Name) == nil {
				t.Errorf("%s: name it in fileFlags or folderFlags", flagKey(cmd, f.Name))
			}
		})
	}
	for _, key := range slices.Concat(slices.Collect(maps.Keys(valueFlags)), slices.Collect(maps.Keys(fileFlags)), folderFlags) {
		if !seen[key] {
			t.Errorf("%s is not a flag", key)
		}
	}
}
