package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// simulated is a console block with one of the commands of docs/simulate.md.
var simulated = regexp.MustCompile("(?s)```console\n\\$ (jamf-ldap-proxy (?:simulate|jamf-settings|replay) [^\n]*)\n(.*?)```")

// TestSimulateInDocuments runs the commands of docs/simulate.md before a directory
// and a proxy, and holds the output that it shows against the real one.
func TestSimulateInDocuments(t *testing.T) {
	up := embedded(t)
	p := startWith(t, settings{servers: []string{up.url()}, stableUUID: true})
	dir := simulateFolder(t)
	const file = "../docs/simulate.md"
	text := documents(t)[file]
	found := 0
	changed := simulated.ReplaceAllStringFunc(text, func(block string) string {
		found++
		m := simulated.FindStringSubmatch(block)
		cmd := exec.Command("sh", "-c", m[1])
		cmd.Dir, cmd.Env = dir, append(cleanEnv(), "PATH="+dir+":"+os.Getenv("PATH"))
		if !strings.Contains(m[1], "jamf-settings") { // that one asks nobody
			cmd.Env = append(cmd.Env, "JAMF_LDAP_PROXY_UPSTREAM_SERVERS="+up.url(), "JAMF_LDAP_PROXY_LISTENERS_0_ADDRESS="+p.ldap)
		}
		out, err := cmd.Output()
		if _, differs := err.(*exec.ExitError); err != nil && !differs {
			t.Errorf("%s: %v", m[1], err)
			return block
		}
		shown := renamed(renamed(string(out), up.url(), "ldaps://ldap.jumpcloud.com:636"), "ldap://"+p.ldap, "ldap://127.0.0.1:1389")
		if !*update && shown != m[2] {
			t.Errorf("%s shows for\n%s\n\n%s\nreal is\n\n%s", file, m[1], m[2], shown)
		}
		return strings.TrimSuffix(block, m[2]+"```") + shown + "```"
	})
	if found < 5 {
		t.Errorf("%d commands in %s", found, file)
	}
	if *update && changed != text {
		if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// renamed puts another address in place of one, and keeps the columns behind it.
func renamed(text, address, name string) string {
	inColumn := regexp.MustCompile(regexp.QuoteMeta(address) + `(?:  +)?`)
	return inColumn.ReplaceAllStringFunc(text, func(found string) string {
		if found == address {
			return name
		}
		return name + strings.Repeat(" ", max(2, len(found)-len(name)))
	})
}

// simulateFolder holds the program and the files that the document names.
func simulateFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(plainBinary(t), filepath.Join(dir, "jamf-ldap-proxy")); err != nil {
		t.Fatal(err)
	}
	export, err := os.ReadFile("../internal/jamf/testdata/kb2017.xml")
	if err != nil {
		t.Fatal(err)
	}
	line := func(op, base, rest string) string {
		return `{"time":"2026-03-01T20:00:00Z","op":"` + op + `","base":"` + base + `",` + rest + "}\n"
	}
	for name, text := range map[string]string{
		"proxy.yaml": "upstream:\n  servers: [\"ldaps://ldap.jumpcloud.com:636\"]\n  base: " + usersBase +
			"\n  service_account: { dn: \"" + service + "\", password_file: password }\ngroups: { stable_uuid: true }\n",
		"password": password + "\n",
		"jamf.xml": string(export),
		"lookups.jsonl": line("search", usersBase, `"scope":"sub","filter":"(&(objectClass=inetOrgPerson)(uid=jon.snow))","attrs":["uid","mail"]`) +
			line("search", usersBase, `"scope":"sub","filter":"(&(objectClass=groupOfNames)(cn=gameOfThrones))","attrs":["cn","gidNumber","member"]`) +
			line("compare", groupDN("gameOfThrones"), `"filter":"(memberUid=jon.snow)","name":"memberUid"`) +
			line("bind", "", `"bind_dn":"`+endUser+`"`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
