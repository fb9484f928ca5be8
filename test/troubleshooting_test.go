package test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/doctor"
	"jamf-ldap-proxy/rewrite"
)

// TestTroubleshootingNamesWhatThereIs: every hint has its symptom, and what the page
// calls a hint or a check is one.
func TestTroubleshootingNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for hint := range rewrite.HintText {
		if !strings.Contains(page, "`"+hint+"`") {
			t.Errorf("the hint %s has no symptom", hint)
		}
	}
	for _, m := range regexp.MustCompile("Hint `([^`]+)`").FindAllStringSubmatch(page, -1) {
		if rewrite.HintText[m[1]] == "" {
			t.Errorf("there is no hint %s", m[1])
		}
	}
	checks := map[string]bool{}
	for _, c := range doctor.Checks() {
		checks[c.ID] = true
	}
	for _, m := range regexp.MustCompile("[Cc]hecks? ((?:`[^`]+`(?:, | and )?)+)").FindAllStringSubmatch(page, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			if !checks[name[1]] {
				t.Errorf("there is no check %s", name[1])
			}
		}
	}
	for _, section := range strings.Split(page, "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		if !strings.Contains(body, "`") {
			t.Errorf("%q leads to nothing that can be looked at", title)
		}
	}
}
