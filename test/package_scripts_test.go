package test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackageScripts runs what dpkg and rpm run, on a machine of a few files whose
// systemd, users and proxy only write down what they are asked. $ROOT stands for it.
func TestPackageScripts(t *testing.T) {
	t.Parallel()
	const (
		make   = "useradd --system --user-group --home-dir $ROOT/var/lib/jamf-ldap-proxy --no-create-home --shell /usr/sbin/nologin jamf-ldap-proxy\n"
		folder = "install -d -m 0700 -o jamf-ldap-proxy -g jamf-ldap-proxy $ROOT/var/lib/jamf-ldap-proxy\n"
		reload = "systemctl daemon-reload\n"
		ask    = "systemctl is-active --quiet jamf-ldap-proxy.service\n"
		check  = "jamf-ldap-proxy config check --config $ROOT/etc/jamf-ldap-proxy/config.yaml\n"
		again  = "systemctl try-restart jamf-ldap-proxy.service\n"
		end    = "systemctl disable --now jamf-ldap-proxy.socket jamf-ldap-proxy.service\n"
		drop   = "userdel jamf-ldap-proxy\n"
	)
	for name, tc := range map[string]struct {
		script  string // and its arguments
		machine string // what is so on it: no-systemd, user, active, refused
		does    string
		says    string
	}{
		"deb installs":                       {"postinstall configure", "", make + folder + reload + ask, "3. systemctl enable"},
		"deb installs once more":             {"postinstall configure ", "user", folder + reload + ask, "3. systemctl enable"},
		"deb installs without systemd":       {"postinstall configure", "no-systemd", make + folder, "3. systemctl enable"},
		"deb upgrades what runs":             {"postinstall configure 1.2.2", "user active", folder + reload + ask + check + again, ""},
		"deb upgrades what does not run":     {"postinstall configure 1.2.2", "user", folder + reload + ask, ""},
		"deb upgrades to one that refuses":   {"postinstall configure 1.2.2", "user active refused", folder + reload + ask + check, "left alone"},
		"deb takes an upgrade back":          {"postinstall abort-upgrade 1.2.2", "user active", "", ""},
		"rpm installs":                       {"postinstall 1", "", make + folder + reload + ask, "3. systemctl enable"},
		"rpm upgrades what runs":             {"postinstall 2", "user active", folder + reload + ask + check + again, ""},
		"deb is about to be upgraded":        {"preremove upgrade 1.2.3", "user active", "", ""},
		"deb is about to be removed":         {"preremove remove", "user active", end, ""},
		"deb is to be removed, no systemd":   {"preremove remove", "user no-systemd", "", ""},
		"rpm is about to be upgraded":        {"preremove 1", "user active", "", ""},
		"rpm is about to be removed":         {"preremove 0", "user active", end, ""},
		"deb was removed":                    {"postremove remove", "user", reload, ""},
		"deb was upgraded":                   {"postremove upgrade 1.2.3", "user", reload, ""},
		"deb is purged":                      {"postremove purge", "user", reload + drop, ""},
		"deb is purged and the user is gone": {"postremove purge", "", reload, ""},
		"rpm was removed":                    {"postremove 0", "user", reload, ""},
		"rpm was upgraded":                   {"postremove 1", "user", reload, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := machineOf(t, tc.machine)
			words := strings.Split(tc.script, " ")
			text := fileText(t, "../deploy/packages/"+words[0])
			for _, folder := range []string{"/etc/", "/var/lib/", "/run/systemd"} {
				text = strings.ReplaceAll(text, folder, root+folder)
			}
			cmd := exec.Command("sh", append([]string{"-c", text, words[0]}, words[1:]...)...)
			cmd.Env = []string{"PATH=" + root + "/bin:" + os.Getenv("PATH"), "ROOT=" + root}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if tc.says == "" && len(out) > 0 || !strings.Contains(string(out), tc.says) {
				t.Errorf("it says %q, want %q", out, tc.says)
			}
			done, _ := os.ReadFile(root + "/done")
			if got := strings.ReplaceAll(string(done), root, "$ROOT"); got != tc.does {
				t.Errorf("it does\n%swant\n%s", got, tc.does)
			}
			if purged := strings.HasSuffix(tc.script, "purge"); exists(root+"/var/lib/jamf-ldap-proxy") == purged {
				t.Errorf("purged: %v, and the state is there: %v", purged, !purged)
			}
			if !exists(root + "/etc/jamf-ldap-proxy/proxy.key") {
				t.Error("the administrator's key is gone")
			}
		})
	}
}

// machineOf makes the machine that the scripts see.
func machineOf(t *testing.T, is string) string {
	t.Helper()
	root := t.TempDir()
	folders := []string{"bin", "etc/jamf-ldap-proxy", "var/lib/jamf-ldap-proxy", "run/systemd/system"}
	if strings.Contains(is, "no-systemd") {
		folders = folders[:3]
	}
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	says := func(yes bool) string {
		if yes {
			return "exit 0\n"
		}
		return "exit 1\n"
	}
	const note = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$ROOT/done\"\n"
	for name, text := range map[string]string{
		"bin/useradd": note, "bin/userdel": note, "bin/install": note,
		"bin/getent":                    "#!/bin/sh\n" + says(strings.Contains(is, "user")),
		"bin/systemctl":                 note + "[ $1 != is-active ] || " + says(strings.Contains(is, "active")),
		"bin/jamf-ldap-proxy":           note + says(!strings.Contains(is, "refused")),
		"etc/jamf-ldap-proxy/proxy.key": "",
		"var/lib/jamf-ldap-proxy/kept":  "",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
