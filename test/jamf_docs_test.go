package test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// walked is a console block of docs/jamf.md.
var walked = regexp.MustCompile("(?s)```console\n\\$ (jamf-ldap-proxy [^\n]*)\n(.*?)```")

// TestWalkThrough goes the way of docs/jamf.md, before a directory and a proxy, and
// holds what it shows against what is printed.
func TestWalkThrough(t *testing.T) {
	up := embedded(t)
	p := startWith(t, settings{servers: []string{up.url()}, stableUUID: true})
	dir := simulateFolder(t)
	const file = "../docs/jamf.md"
	text := documents(t)[file]
	found := 0
	changed := walked.ReplaceAllStringFunc(text, func(block string) string {
		found++
		m := walked.FindStringSubmatch(block)
		listener := p.ldap
		if strings.Contains(m[1], " doctor ") {
			listener = free(t) // the proxy is not started yet
		}
		cmd := exec.Command("sh", "-c", m[1])
		cmd.Dir, cmd.Env = dir, append(cleanEnv(), "PATH="+dir+":"+os.Getenv("PATH"),
			"JAMF_LDAP_PROXY_UPSTREAM_SERVERS="+up.url(), "JAMF_LDAP_PROXY_LISTENERS_0_ADDRESS="+listener)
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v\n%s", m[1], err, out)
			return block
		}
		shown := renamed(renamed(string(out), strings.TrimPrefix(up.url(), "ldap://"), "127.0.0.1:389"), listener, "127.0.0.1:1389")
		shown = renamed(shown, listener[strings.LastIndexByte(listener, ':')+1:], "1389")
		shown = regexp.MustCompile(`(in|most) [0-9.]+(µs|ms|s)\b|\b[0-9.]+(µs|ms), at`).ReplaceAllStringFunc(shown, func(s string) string {
			return regexp.MustCompile(`[0-9.]+(µs|ms|s)`).ReplaceAllString(s, "4ms")
		})
		if !*update && shown != m[2] {
			t.Errorf("%s shows for\n%s\n\n%s\nreal is\n\n%s", file, m[1], m[2], shown)
		}
		return strings.TrimSuffix(block, m[2]+"```") + shown + "```"
	})
	if found < 6 {
		t.Errorf("%d commands in %s", found, file)
	}
	if *update && changed != text {
		if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
