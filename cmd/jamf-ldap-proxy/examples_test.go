package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"jamf-ldap-proxy/internal/directory"
)

// endless are examples that run until Ctrl-C, with what they say when they are
// at it.
var endless = map[string]string{
	"serve":            "ready",
	"demo":             "Ctrl-C ends the demo",
	"lookups --follow": "jon.snow",
}

// elsewhere is put behind an example: flags that lead it away from ports that
// somebody else may have.
var elsewhere = map[string]string{
	"demo":             " --ldap 127.0.0.1:0 --ldaps 127.0.0.1:0 --web 127.0.0.1:0",
	"lookups --follow": " --url http://$PAGE",
	"simulate":         " --proxy ldap://$PLAIN",
	"doctor":           " || test $? = 1", // something is wrong, which it is there to say
	"jamf-settings":    " || test $? = 1",
	"health --config":  " || test $? = 1", // nobody listens there
	"health --address": " || jamf-ldap-proxy health --address $PLAIN",
	"replay --config":  " --b ldap://$PLAIN || test $? = 1", // the two answers differ
}

// before is what an example goes on from, as commands of a shell.
var before = map[string]string{
	"cert create --force": "jamf-ldap-proxy cert create --host proxy.example.com --dir certs; ",
	"cert fetch proxy":    "jamf-ldap-proxy cert create --host proxy.example.com --dir certs; ",
	"cert fetch --config": "JAMF_LDAP_PROXY_UPSTREAM_SERVERS=ldaps://$SECURE; ",
}

// TestExamples runs every example that --help shows, before a running proxy and
// in a folder of its own that holds the files of testdata/examples.
func TestExamples(t *testing.T) {
	folder, err := os.ReadFile("testdata/examples/folder.txt")
	if err != nil {
		t.Fatal(err)
	}
	svc := startSample(t)
	askFor(t, svc, "jon.snow")
	scripts := t.TempDir()
	names := realNames(svc)
	for _, cmd := range allCommands() {
		for i, line := range examplesOf(cmd) {
			name := fmt.Sprintf("%s-%d.txtar", strings.Join(append(arguments(cmd), "example"), "-"), i+1)
			script := exampleScript(line, names) + string(folder)
			if err := os.WriteFile(filepath.Join(scripts, name), []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: scripts, Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PAGE", svc.webAddr.String())
			env.Setenv("PLAIN", svc.state().listeners[0].Addr().String())
			env.Setenv("SECURE", svc.state().listeners[1].Addr().String())
			env.Setenv("PLAIN", svc.state().listeners[0].Addr().String())
			env.Setenv("JAMF_LDAP_PROXY_UPSTREAM_SERVERS", svc.state().cfg.Upstream.Servers[0])
			env.Setenv(passwordVariable, directory.SamplePassword)
			return writeJournal(filepath.Join(env.WorkDir, "lookups.db"))
		},
	})
}

// realNames puts what runs here in place of what examples name.
func realNames(svc *service) *strings.Replacer {
	plain, secure := svc.state().listeners[0].Addr().String(), svc.state().listeners[1].Addr().String()
	return strings.NewReplacer(
		"https://proxy.example.com:8389", "http://"+svc.webAddr.String(),
		"proxy.example.com:1636", secure, "fetch ldap.jumpcloud.com", "fetch "+secure, "ldaps://ldap.jumpcloud.com", "ldaps://"+secure, "ldap://dc1.example.com", "ldap://"+plain,
		"/etc/jamf-ldap-proxy/config.yaml", "proxy.yaml", ",BASE", ","+directory.SampleBase, "ou=Users,o=ORG,dc=jumpcloud,dc=com", directory.SampleBase,
	)
}

// examplesOf are the lines of an example; one that ends in a backslash goes on.
func examplesOf(cmd *cobra.Command) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(cmd.Example, "\\\n", ""), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// exampleScript runs a line in a shell, as its reader will.
func exampleScript(line string, names *strings.Replacer) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	line, _, _ = strings.Cut(line, " #")
	line = strings.TrimSpace(line)
	command := names.Replace(line) + startOf(elsewhere, line)
	sign := startOf(endless, line)
	if sign == "" {
		return "exec sh -euc " + quote(startOf(before, line)+command) + "\n! stderr panic\n"
	}
	return "exec sh -euc " + quote("exec "+command+" > out 2>&1") + " &it&\nawait out " + quote(sign) + "\nkill -INT it\nwait it\n"
}

// startOf is the value of the key that a command of this program begins with.
func startOf(table map[string]string, command string) string {
	for start, value := range table {
		if strings.HasPrefix(command+" ", "jamf-ldap-proxy "+start) {
			return value
		}
	}
	return ""
}

// await waits until a file has a text in it.
func await(ts *testscript.TestScript, _ bool, args []string) {
	file, want := ts.MkAbs(args[0]), args[1]
	var text []byte
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text, _ = os.ReadFile(file); strings.Contains(string(text), want) {
			return
		}
	}
	ts.Fatalf("%q is not in it after 30 s:\n%s", want, text)
}

// askFor has the proxy answer a lookup of a user, so that there is something to show.
func askFor(t *testing.T, svc *service, user string) {
	t.Helper()
	conn := boundTo(t, svc)
	defer conn.Close()
	if _, err := conn.Search(goldap.NewSearchRequest(directory.SampleBase, goldap.ScopeWholeSubtree, 0, 0, 0, false, "(uid="+user+")", nil, nil)); err != nil {
		t.Fatal(err)
	}
}
