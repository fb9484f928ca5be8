package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	releaseHeading = regexp.MustCompile(`^## (\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)$`)
	changeHeading  = regexp.MustCompile(`^### (Added|Changed|Deprecated|Removed|Fixed|Security)$`)
)

// TestChangelog: what is not released yet first, then the releases from the newest
// on, each change under what kind of change it is.
func TestChangelog(t *testing.T) {
	for _, fault := range changelogFaults(documents(t)["../CHANGELOG.md"]) {
		t.Error(fault)
	}
}

// TestChangelogFaultsAreSeen makes each of them.
func TestChangelogFaultsAreSeen(t *testing.T) {
	good := "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing\n  of two lines.\n\n" +
		"## 1.2.0 - 2026-05-01\n\n### Fixed\n\n- A fault.\n\n## 1.1.9 - 2026-04-30\n\n### Changed\n\n- A way.\n"
	if faults := changelogFaults(good); len(faults) != 0 {
		t.Errorf("a good one has faults: %q", faults)
	}
	for old, bad := range map[string]string{
		"## Unreleased":         "## Next",
		"1.2.0 - 2026-05-01":    "1.2.0",
		"## 1.2.0":              "## 1.1.8",
		"2026-04-30":            "2026-05-02",
		"### Fixed":             "### Repaired",
		"### Fixed\n\n":         "",
		"- A way.":              "",
		"### Added\n\n- A":      "- B\n\n### Added\n\n- A",
		"# Changelog\n\n## Unr": "# Changelog\n\n- C\n\n## Unr",
	} {
		if faults := changelogFaults(strings.Replace(good, old, bad, 1)); len(faults) == 0 {
			t.Errorf("%q in place of %q goes unseen", bad, old)
		}
	}
}

func changelogFaults(text string) (faults []string) {
	fault := func(line, what string) { faults = append(faults, "CHANGELOG.md: "+strconv.Quote(line)+": "+what) }
	var last []string // of the release before: version and date
	section, kind, changes := "", "", 1
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "## "):
			if changes == 0 {
				fault(line, "the section before it has no change")
			}
			heading := releaseHeading.FindStringSubmatch(line)
			switch {
			case section == "" && line != "## Unreleased":
				fault(line, `the first section is "## Unreleased"`)
			case section != "" && heading == nil:
				fault(line, `a release is "## 1.2.3 - 2026-05-01"`)
			case heading != nil && last != nil && !isBefore(heading, last):
				fault(line, "it is not older than the one above it")
			}
			section, kind, last = line, "", heading
			changes = 0
			if line == "## Unreleased" {
				changes = 1 // may be empty
			}
		case strings.HasPrefix(line, "### "):
			if kind = line; !changeHeading.MatchString(line) {
				fault(line, "a change is Added, Changed, Deprecated, Removed, Fixed or Security")
			}
		case strings.HasPrefix(line, "- "):
			changes++
			if kind == "" {
				fault(line, "stands under no heading that says what kind of change it is")
			}
		}
	}
	if changes == 0 {
		fault(section, "has no change")
	}
	return faults
}

// isBefore compares two headings of releases.
func isBefore(a, b []string) bool {
	for i := 1; i <= 3; i++ {
		x, _ := strconv.Atoi(a[i])
		y, _ := strconv.Atoi(b[i])
		if x != y {
			return x < y && a[4] <= b[4]
		}
	}
	return false
}

// TestReleaseNotes: the notes of a release are its section of the changelog.
func TestReleaseNotes(t *testing.T) {
	root := t.TempDir()
	script := filepath.Join(root, "deploy", "packages", "notes")
	if err := os.MkdirAll(filepath.Dir(script), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../deploy/packages/notes")
	if err != nil {
		t.Fatal(err)
	}
	log := "# Changelog\n\n## Unreleased\n\n## 1.10.0 - 2026-05-01\n\n### Fixed\n\n- A fault.\n\n## 1.1.0 - 2026-04-30\n\n### Changed\n\n- A way.\n"
	for file, text := range map[string]string{script: string(text), filepath.Join(root, "CHANGELOG.md"): log} {
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := runIn(t, root, nil, script, "v1.1.0"), "### Changed\n\n- A way.\n"; got != want {
		t.Errorf("the notes are %q, want %q", got, want)
	}
	if out, err := exec.Command(script, "v1.1").CombinedOutput(); err == nil {
		t.Errorf("notes of a version that is not there: %s", out)
	}
}
