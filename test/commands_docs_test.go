package test

import (
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
)

var (
	namedCommand = regexp.MustCompile("jamf-ldap-proxy ([a-z][a-z-]+)( [a-z][a-z-]+)?([^`\n|;]*)")
	namedFlag    = regexp.MustCompile(`(?:^|[\s[])(--[a-z][a-z-]*)`)
)

// TestCommandsInDocumentsExist: a command that a document names is one, and has the
// flags that stand behind it.
func TestCommandsInDocumentsExist(t *testing.T) {
	t.Parallel()
	var helped sync.Map
	help := func(command ...string) string {
		key := strings.Join(command, " ")
		if text, ok := helped.Load(key); ok {
			return text.(string)
		}
		out, err := exec.Command(plainBinary(t), append(command, "--help")...).CombinedOutput()
		text := string(out)
		if err != nil || !strings.Contains(text, "jamf-ldap-proxy "+key) {
			text = ""
		}
		helped.Store(key, text)
		return text
	}
	found := 0
	for file, text := range documents(t) {
		text = strings.ReplaceAll(text, "\\\n", " ")
		for _, m := range namedCommand.FindAllStringSubmatch(text, -1) {
			usage := help(m[1])
			if sub := strings.TrimSpace(m[2]); sub != "" {
				if specific := help(m[1], sub); specific != "" {
					usage = specific
				}
			}
			if usage == "" {
				if len(namedFlag.FindAllString(m[3], -1)) > 0 {
					t.Errorf("%s names a command %q", file, m[1])
				}
				continue // prose: the program's name before a word
			}
			found++
			for _, flag := range namedFlag.FindAllStringSubmatch(m[2]+m[3], -1) {
				if !strings.Contains(usage, flag[1]+" ") && !strings.Contains(usage, flag[1]+"\n") {
					t.Errorf("%s: %s %s has no flag %s", file, m[1], m[2], flag[1])
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d commands found", found)
	}
}
