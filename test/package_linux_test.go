package test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Where the package has its things.
const (
	installedProgram = "/usr/bin/jamf-ldap-proxy"
	installedConfig  = "/etc/jamf-ldap-proxy/config.yaml"
	installedState   = "/var/lib/jamf-ldap-proxy"
	installedUnit    = "/usr/lib/systemd/system/jamf-ldap-proxy.service"
	installedUser    = "jamf-ldap-proxy"
)

// TestPackage takes the packages through their life on this machine: built twice
// with the same bytes, installed, configured, started as the unit starts it, asked,
// upgraded, taken back a version, removed, purged.
//
// It changes the machine that it runs on, so it asks to be wanted:
// TEST_OF_JAMF_LDAP_PROXY_INSTALL=1. test/run sets that for CI, where it is root on
// Debian.
func TestPackage(t *testing.T) {
	if os.Getenv("TEST_OF_JAMF_LDAP_PROXY_INSTALL") == "" {
		lacks(t, "installs a package on this machine: set TEST_OF_JAMF_LDAP_PROXY_INSTALL=1 to have that, as root on Debian")
	}
	t.Parallel()
	need(t, "nfpm", "dpkg", "setpriv", "useradd")
	refuseIfInstalled(t)
	up := embedded(t)

	source := copyOfSource(t, "..", "source")
	first := buildRelease(t, source, "1.2.3")
	buildRelease(t, copyOfSource(t, source, "another/longer/path"), "1.2.3").sameAs(t, first)
	next := buildRelease(t, source, "1.3.0-rc.1")

	other := start(t, up) // a proxy that is none of the package's business
	t.Cleanup(func() { purge(t) })
	began := time.Now()
	said := dpkg(t, "-i", first.deb)
	if block := installDocs(t, "dpkg -i "); !strings.Contains(said, block) {
		t.Errorf("docs/install.md shows\n%s\nthe installation says\n%s", block, said)
	}
	checkInstalled(t)
	checkUnconfigured(t)

	configureInstalled(t, up)
	p := startUnit(t)
	ask(t, p)
	t.Logf("from dpkg -i to the first answer: %v", time.Since(began).Round(time.Millisecond))
	checkVersion(t, installedProgram, p, "v1.2.3")
	p.stop()
	edited := fileText(t, installedConfig)

	for i, release := range []release{next, first} { // there and back
		said := dpkg(t, "-i", release.deb)
		if strings.Contains(said, "1. write") {
			t.Errorf("an upgrade tells how to begin:\n%s", said)
		}
		if text := fileText(t, installedConfig); text != edited {
			t.Errorf("the edited configuration became\n%s", text)
		}
		if n := kept(t); n != i+1 {
			t.Errorf("after change %d of the version the journal has %d lookups of jon.snow", i+1, n)
		}
		p := startUnit(t)
		ask(t, p)
		checkVersion(t, installedProgram, p, []string{"v1.3.0-rc.1", "v1.2.3"}[i])
		p.stop()
	}

	dpkg(t, "-r", installedUser)
	if exists(installedProgram) || exists(installedUnit) {
		t.Error("program or unit are there after the removal")
	}
	if !exists(installedConfig) || !exists(installedState+"/lookups.db") {
		t.Error("configuration or journal are gone after the removal")
	}
	dpkg(t, "-P", installedUser)
	for _, path := range []string{filepath.Dir(installedConfig), installedState, "/usr/share/doc/jamf-ldap-proxy"} {
		if exists(path) {
			t.Errorf("%s is there after the purge", path)
		}
	}
	if _, err := user.Lookup(installedUser); err == nil {
		t.Error("the user is there after the purge")
	}
	other.session() // goes on
}

// installDocs returns what docs/install.md shows behind a command.
func installDocs(t *testing.T, command string) string {
	t.Helper()
	for _, b := range block.FindAllStringSubmatch(documents(t)["../docs/install.md"], -1) {
		if typed, shown, _ := strings.Cut(b[2], "\n"); b[1] == "console" && strings.HasPrefix(typed, "$ "+command) {
			return shown
		}
	}
	t.Fatalf("docs/install.md does not show %s", command)
	return ""
}

// refuseIfInstalled leaves a machine alone on which the proxy is in use.
func refuseIfInstalled(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("TEST_OF_JAMF_LDAP_PROXY_INSTALL needs root")
	}
	if _, err := user.Lookup(installedUser); err == nil {
		t.Fatalf("a user %s exists on this machine: it is not for this test", installedUser)
	}
	for _, path := range []string{installedProgram, filepath.Dir(installedConfig), installedState, installedUnit} {
		if exists(path) {
			t.Fatalf("%s exists on this machine: it is not for this test", path)
		}
	}
}

func dpkg(t *testing.T, args ...string) string {
	t.Helper()
	return runIn(t, "/", []string{"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"}, "dpkg", args...)
}

// purge takes everything away, however far the test came.
func purge(t *testing.T) {
	if exec.Command("dpkg", "-s", installedUser).Run() == nil {
		dpkg(t, "-P", "--force-all", installedUser)
	}
	os.RemoveAll(filepath.Dir(installedConfig))
	os.RemoveAll(installedState)
	if _, err := user.Lookup(installedUser); err == nil {
		exec.Command(findProgram("userdel"), installedUser).Run()
	}
}

// checkInstalled looks at what lies where, and whose it is.
func checkInstalled(t *testing.T) {
	t.Helper()
	for path, mode := range map[string]fs.FileMode{
		installedProgram: 0o755, installedConfig: 0o644, filepath.Dir(installedConfig): fs.ModeDir | 0o755,
		installedState: fs.ModeDir | 0o700, installedUnit: 0o644,
		"/usr/share/doc/jamf-ldap-proxy/copyright":               0o644,
		"/usr/share/doc/jamf-ldap-proxy/examples/full.yaml":      0o644,
		"/usr/share/man/man1/jamf-ldap-proxy-serve.1.gz":         0o644,
		"/usr/share/man/man5/jamf-ldap-proxy.yaml.5.gz":          0o644,
		"/usr/share/bash-completion/completions/jamf-ldap-proxy": 0o644,
	} {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(path, "/usr/share/") && excludesDocumentation() {
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), mode)
		}
		owner := "0"
		if path == installedState {
			owner = uidOf(t, installedUser)
		}
		if got := fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid); got != owner {
			t.Errorf("%s belongs to user %s, want %s", path, got, owner)
		}
	}
	if links, _ := filepath.Glob("/etc/systemd/system/*.wants/jamf-ldap-proxy*"); len(links) != 0 {
		t.Errorf("it starts by itself, before it is configured: %v", links)
	}
}

func uidOf(t *testing.T, name string) string {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return u.Uid
}

// excludesDocumentation reports whether this machine's dpkg is told to leave out
// manuals and the like, as in containers.
func excludesDocumentation() bool {
	files, _ := filepath.Glob("/etc/dpkg/dpkg.cfg.d/*")
	for _, file := range files {
		if text, _ := os.ReadFile(file); strings.Contains(string(text), "path-exclude") {
			return true
		}
	}
	return false
}

// checkUnconfigured: before anybody has edited the file the proxy refuses to start,
// and says what is missing.
func checkUnconfigured(t *testing.T) {
	t.Helper()
	shown := installDocs(t, "jamf-ldap-proxy config check")
	for _, args := range [][]string{{"config", "check"}, {"serve"}} {
		out, err := exec.Command(installedProgram, append(args, "--config", installedConfig)...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), shown) {
			t.Errorf("%v as it is installed: %v\n%s", args, err, out)
		}
	}
}

// configureInstalled edits the file as its first lines say, for the test's directory
// in place of JumpCloud.
func configureInstalled(t *testing.T, up *upstream) {
	t.Helper()
	text := strings.NewReplacer(
		"#base: ou=Users,o=YOUR_ORG_ID,dc=jumpcloud,dc=com", "base: "+usersBase,
		"ldaps://ldap.jumpcloud.com:636", up.url(),
		"#journal:", "journal:",
	).Replace(fileText(t, installedConfig))
	text += "listeners: [{ address: 127.0.0.1:0 }]\nweb: { address: 127.0.0.1:0 }\nlog: { format: json }\n"
	if err := os.WriteFile(installedConfig, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out := runIn(t, "/", nil, installedProgram, "config", "check", "--config", installedConfig)
	if !strings.Contains(out, installedConfig+" is fine") {
		t.Errorf("config check says\n%s", out)
	}
}

// startUnit runs what the unit runs, as the user of the package: there need be no
// systemd where the test runs.
func startUnit(t *testing.T) *proxy {
	t.Helper()
	command := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(fileText(t, installedUnit))
	if command == nil {
		t.Fatalf("no ExecStart in %s", installedUnit)
	}
	args := append([]string{"--reuid", installedUser, "--regid", installedUser, "--init-groups", "--no-new-privs", "--"}, strings.Fields(command[1])...)
	p := launch(t, exec.Command(findProgram("setpriv"), args...), installedConfig)
	p.awaitAddresses(false)
	p.awaitReady()
	return p
}

// ask makes one lookup of jon.snow, with the other project's client.
func ask(t *testing.T, p *proxy) {
	t.Helper()
	need(t, "ldapsearch")
	out := runIn(t, "/", nil, findProgram("ldapsearch"), "-x", "-LLL", "-H", "ldap://"+p.ldap, "-D", service, "-w", password,
		"-b", usersBase, "(uid=jon.snow)", "mail")
	if !strings.Contains(out, "dn: uid=jon.snow") {
		t.Errorf("ldapsearch found\n%s", out)
	}
	eventually(t, "the journal has it", func() error {
		if kept(t) == 0 {
			return errors.New("nothing")
		}
		return nil
	})
}

// kept counts the searches for jon.snow in the journal.
func kept(t *testing.T) int {
	t.Helper()
	out := runIn(t, "/", nil, installedProgram, "lookups", "--config", installedConfig, "--json", "--op", "search", "--user", "jon.snow")
	return strings.Count(out, "\n")
}
