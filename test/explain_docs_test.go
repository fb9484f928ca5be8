package test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"jamf-ldap-proxy/rewrite"
)

var update = flag.Bool("update", false, "write what explain prints into the documents")

// explained is a console block of a document: a command and its output.
var explained = regexp.MustCompile("(?s)```console\n\\$ (jamf-ldap-proxy explain [^\n]*(?:\\\\\n[^\n]*)*)\n(.*?)```")

// TestExplainInDocuments runs every explain command of the documents and holds
// the output that they show against the real one.
func TestExplainInDocuments(t *testing.T) {
	dir := explainFolder(t)
	found := 0
	for file, text := range documents(t) {
		changed := explained.ReplaceAllStringFunc(text, func(block string) string {
			found++
			m := explained.FindStringSubmatch(block)
			cmd := exec.Command("sh", "-c", m[1])
			cmd.Dir, cmd.Env = dir, append(cleanEnv(), "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", file, m[1], err, out)
				return block
			}
			if !*update && string(out) != m[2] {
				t.Errorf("%s shows for\n%s\n\n%s\nreal is\n\n%s", file, m[1], m[2], out)
			}
			return strings.TrimSuffix(block, m[2]+"```") + string(out) + "```"
		})
		if *update && changed != text {
			if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if found == 0 {
		t.Error("no explain command in any document")
	}
}

// explainFolder holds the program and the files that the documents name.
func explainFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(plainBinary(t), filepath.Join(dir, "jamf-ldap-proxy")); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range parseLDIF(t, orgLDIF) {
		switch e.DN {
		case groupDN("gameOfThrones"):
			files["group.ldif"] = plainLDIF(e, "objectClass", "cn", "member")
		case groupDN("got"):
			files["linux-group.ldif"] = plainLDIF(e, "objectClass", "cn", "gidNumber", "memberUid")
		}
	}
	for name, mode := range map[string]string{"proxy.yaml": "posix", "posix.yaml": "posix", "merge.yaml": "merge", "off.yaml": "off"} {
		files[name] = "upstream:\n  servers: [\"ldaps://ldap.jumpcloud.com:636\"]\n  base: " + usersBase +
			"\ngroups:\n  mode: " + mode + "\n  pairs:\n    - { legacy: gameOfThrones, posix: got, gid: 7001 }\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// plainLDIF writes some attributes of an entry, in this order, two values at
// most: a document is not for counting members.
func plainLDIF(e entry, attrs ...string) string {
	text := "dn: " + e.DN + "\n"
	for _, name := range attrs {
		for _, v := range e.Attrs[name][:min(2, len(e.Attrs[name]))] {
			text += name + ": " + v + "\n"
		}
	}
	return text
}

// TestHintsInDocument: docs/groups.md lists every hint with its text.
func TestHintsInDocument(t *testing.T) {
	text := documents(t)["../docs/groups.md"]
	for id, hint := range rewrite.HintText {
		if row := "| `" + id + "` | " + hint + " |\n"; !strings.Contains(text, row) {
			t.Errorf("docs/groups.md lacks the row\n%s", row)
		}
	}
	if rows := strings.Count(text[strings.Index(text, "## Hints"):], "\n| `"); rows != len(rewrite.HintText) {
		t.Errorf("docs/groups.md lists %d hints, there are %d", rows, len(rewrite.HintText))
	}
}
