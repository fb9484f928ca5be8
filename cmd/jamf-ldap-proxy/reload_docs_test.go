package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/config"
)

// TestReloadDocs: the table of docs/reload.md has every key, and says of the right
// ones that they need a restart.
func TestReloadDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/reload.md")
	if err != nil {
		t.Fatal(err)
	}
	needs := map[string]bool{}
	code := regexp.MustCompile("`([a-z_.]+)`")
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(cells[1], -1) {
			needs[m[1]] = strings.Contains(cells[2], "**needs a restart**")
		}
	}
	if len(needs) < 10 {
		t.Fatalf("the table has %d keys", len(needs))
	}
	for _, key := range config.Keys() {
		key, _, _ = strings.Cut(key, "[]")
		row := key
		for {
			if _, ok := needs[row]; ok {
				break
			}
			end := strings.LastIndexByte(row, '.')
			if end < 0 {
				t.Errorf("%s is not in the table", key)
				break
			}
			row = row[:end]
		}
		if got, want := needs[row], slices.Contains(restartKeys, key); got != want {
			t.Errorf("%s: the table says that it needs a restart: %v, the code: %v", key, got, want)
		}
	}
}

// TestRestartKeysAreKept: whatever they are changed to, the value in force stays, and
// with another web.address nobody else may read the page.
func TestRestartKeysAreKept(t *testing.T) {
	before, after := config.Default(), config.Default()
	after.Journal.Path, after.Log.Format, after.Log.Privacy, after.Log.PrivacyKeyFile = "x", "slapd", "hash", "k"
	after.Web.TLS.Certificate, after.Web.TLS.Key, after.Web.Try = "c", "k", false
	changed := config.Changes(before, after)
	needs := keepUntilRestart(&after, before, changed)
	if !slices.Equal(needs, changed) || len(needs) != 7 {
		t.Errorf("changed %v, need a restart %v", changed, needs)
	}
	if left := config.Changes(before, after); len(left) > 0 {
		t.Errorf("changed all the same: %v", left)
	}

	before.Web.Address, before.Web.UsersFile = "0.0.0.0:8389", "users"
	after = before
	after.Web.Address, after.Web.UsersFile, after.Limits.Connections = "127.0.0.1:8389", "", 7
	needs = keepUntilRestart(&after, before, config.Changes(before, after))
	if !slices.Equal(needs, []string{"web.address", "web.users_file"}) || after.Web.UsersFile != "users" {
		t.Errorf("need a restart %v, users of %q", needs, after.Web.UsersFile)
	}
	if after.Limits.Connections != 7 {
		t.Error("a limit waits for a restart, too")
	}
}
