package web_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/web"
)

// nasty are texts that mean something to a shell.
var nasty = []string{
	"", "plain", "two words", "it's", "''", "'", `"`, `\n`, `a\b`, "$HOME", "$(touch pwned)", "`touch pwned`", "a;touch pwned", "a&touch pwned",
	"a|touch pwned", "a>pwned", "*", "?", "[a]", "{a,b}", "~", "!!", "#", "-n", "--help", "=ls", "%s", `'$(touch pwned)'`, `'"'"'`, "ä…x", "a=b", "~root",
}

func TestShellQuoted(t *testing.T) {
	dir := t.TempDir()
	var words strings.Builder
	for _, word := range nasty {
		words.WriteString(" " + web.ShellQuoted(word))
	}
	cmd := exec.Command("sh", "-c", `printf '<%s>\n' `+words.String())
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if diff := cmp.Diff("<"+strings.Join(nasty, ">\n<")+">\n", string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if found, _ := os.ReadDir(dir); len(found) > 0 {
		t.Errorf("a word was run: %v", found)
	}
	for _, word := range []string{"uid=jon,ou=Users,dc=x", "ldap://127.0.0.1:389", "cn", "-LLL", "ldif-wrap=no", "1.1", "entry_1@x+"} {
		if got := web.ShellQuoted(word); got != word {
			t.Errorf("%s is quoted without need: %s", word, got)
		}
	}
	if got := web.ShellQuoted("=ls"); got != "'=ls'" { // the path of ls to zsh
		t.Errorf("=ls is %s", got)
	}
}

// run puts a command before programs that only show their arguments, and returns
// those, the program first.
func run(t *testing.T, command string) []string {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"ldapsearch", "ldapcompare", "ldapwhoami"} {
		script := "#!/bin/sh\nprintf '%s\\0' " + name + ` "$@"` + "\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	if found, _ := os.ReadDir(dir); len(found) > 0 {
		t.Errorf("%s left %v", command, found)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// commandOf is the command that the page offers for a lookup, "" when there is none.
func commandOf(t *testing.T, r *lookup.Record) string {
	t.Helper()
	page := start(t, web.Options{Ring: ringOf(r), Now: clock, Site: site}).page("/lookups/1", 200)
	if copies := page.class("copy"); len(copies) > 0 {
		return copies[0].tags("code")[0].raw()
	}
	return ""
}

func TestCommandOfASearch(t *testing.T) {
	got := run(t, commandOf(t, membership(1)))
	want := []string{
		"ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-x", "-H", "ldap://127.0.0.1:1389", "-D", "uid=jamf.ldap," + base, "-W",
		"-b", base, "-s", "sub", "--", "(&(objectClass=groupOfNames)(cn=gameOfThrones)(member=jon.snow))", "cn", "gidNumber",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCommandOfOthers(t *testing.T) {
	compare := outcomes()[5]
	compare.ID = 1
	got := run(t, commandOf(t, compare))
	want := []string{
		"ldapcompare", "-x", "-H", "ldap://127.0.0.1:1389", "-D", "uid=jamf.ldap," + base, "-W", "--", "cn=gameOfThrones," + base, "memberUid:jon.snow",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("compare (-want +got):\n%s", diff)
	}
	got = run(t, commandOf(t, outcomes()[0]))
	want = []string{"ldapwhoami", "-x", "-H", "ldap://127.0.0.1:1389", "-D", "uid=jamf.ldap," + base, "-W"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bind (-want +got):\n%s", diff)
	}
	anonymous := run(t, commandOf(t, changed(plain(1), func(r *lookup.Record) { r.BindDN, r.Base, r.Scope = "", "", "base" })))
	if slices.Contains(anonymous, "-D") || slices.Contains(anonymous, "-W") || !slices.Contains(anonymous, "") {
		t.Errorf("anonymous: %q", anonymous)
	}
}

// Whatever a client puts into its request, the command has it as one word in its
// place, or there is no command.
func TestCommandOfANastyLookup(t *testing.T) {
	for _, text := range nasty {
		r := changed(plain(1), func(r *lookup.Record) {
			r.BindDN, r.Base, r.Attrs = "x"+text, text, []string{text, "-Hldap://evil.example.com", "-w", "cn"}
		})
		args := run(t, commandOf(t, r))
		want := []string{"-D", "x" + text, "-W", "-b", text, "-s", "sub", "--", r.Filter, text, "-Hldap://evil.example.com", "-w", "cn"}
		if diff := cmp.Diff(want, args[7:]); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestLookupsWithoutCommand(t *testing.T) {
	for name, change := range map[string]func(*lookup.Record){
		"a newline, which some terminals send as Enter": func(r *lookup.Record) { r.Base = "a\ntouch pwned\n" },
		"Ctrl-C, which ends the line in any quotes":     func(r *lookup.Record) { r.BindDN = "a\x03touch pwned" },
		"the end of a bracketed paste":                  func(r *lookup.Record) { r.Attrs = []string{"\x1b[201~touch pwned"} },
		"text that reads from right to left":            func(r *lookup.Record) { r.Base = "a\u202eb" },
		"what is not UTF-8":                             func(r *lookup.Record) { r.Base = "a\xff" },
		"fish reads the backslash before a quote":       func(r *lookup.Record) { r.Base = `x\` },
		"and before a quote of the word":                func(r *lookup.Record) { r.BindDN = `x\';touch pwned;'` },
		"a filter that was cut":                         func(r *lookup.Record) { r.Filter = "(cn=aaa…" },
		"a base that was cut":                           func(r *lookup.Record) { r.Base = "ou=aaa…" },
		"a masked value":                                func(r *lookup.Record) { r.Filter = "(userPassword=***)" },
		"a filter without an assertion":                 func(r *lookup.Record) { r.Filter = "(&)" },
		"a write":                                       func(r *lookup.Record) { r.Op = lookup.OpModify },
		"an unbind":                                     func(r *lookup.Record) { r.Op = lookup.OpUnbind },
		"a compare with an escaped value":               func(r *lookup.Record) { r.Op, r.Filter = lookup.OpCompare, `(cn=a\28)` },
		"a compare with a value that reads as base64":   func(r *lookup.Record) { r.Op, r.Filter = lookup.OpCompare, "(cn=:YQ==)" },
		"a masked compare":                              func(r *lookup.Record) { r.Op, r.Filter = lookup.OpCompare, "(userPassword=***)" },
	} {
		if got := commandOf(t, changed(plain(1), change)); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
