package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/config"
)

const (
	accountDN        = "uid=jamf.ldap," + base
	passwordVariable = config.PasswordVariable + "="
)

// withAccount is a configuration that discovers, with the password in a file.
func withAccount(passwordFile string) string {
	return minimal + "  service_account: { dn: '" + accountDN + "', password_file: '" + passwordFile + "' }\n" +
		"groups: { discover: { enabled: true } }\n"
}

func TestPasswordOfTheServiceAccount(t *testing.T) {
	noFile := strings.Replace(withAccount(""), ", password_file: ''", "", 1)
	for name, tc := range map[string]struct{ content, variable, want string }{
		"file":                       {content: "hunter2", want: "hunter2"},
		"file with a newline":        {content: "hunter2\n", want: "hunter2"},
		"file from Windows":          {content: "\xef\xbb\xbfhunter2\r\n", want: "hunter2"},
		"spaces belong to it":        {content: " hunter 2 \n", want: " hunter 2 "},
		"only one newline is taken":  {content: "hünter\t2\n", want: "hünter\t2"},
		"variable":                   {variable: "hunter2", want: "hunter2"},
		"variable looks like a list": {variable: "a,b: {c} #d", want: "a,b: {c} #d"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text, environ := noFile, []string{passwordVariable + tc.variable}
			if tc.content != "" {
				write(t, dir, "pw", []byte(tc.content))
				text, environ = withAccount("pw"), nil
			}
			cfg, err := config.Load(write(t, dir, "proxy.yaml", []byte(text)), environ)
			if err != nil {
				t.Fatal(err)
			}
			account := cfg.Upstream.ServiceAccount
			if got := string(account.Password.Reveal()); got != tc.want {
				t.Errorf("password %q, want %q", got, tc.want)
			}
			if !account.Complete() || !cfg.Groups.Discover.Enabled || len(cfg.Warnings) > 0 {
				t.Errorf("complete %v, enabled %v, warnings %v", account.Complete(), cfg.Groups.Discover.Enabled, cfg.Warnings)
			}
			if printed := fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg); strings.Contains(printed, tc.want) {
				t.Errorf("the configuration prints its password: %s", printed)
			}
		})
	}
}

// TestPasswordFileMistakes: each names the key and its line, and none quotes
// what the file or the variable holds.
func TestPasswordFileMistakes(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty": "", "newline": "\n", "lines": "hunter2\nhunter3\n", "utf16": "\xff\xfeh\x00u\x00n\x00t\x00e\x00r\x00",
		"long": strings.Repeat("hunter", 200), "good": "hunter2\n",
	} {
		write(t, dir, name, []byte(content))
	}
	for name, tc := range map[string]struct {
		file, variable string
		want           []string
	}{
		"empty":          {file: "empty", want: []string{":4:", "upstream.service_account.password_file: is empty", "one line and nothing else"}},
		"only a newline": {file: "newline", want: []string{"is empty"}},
		"two lines":      {file: "lines", want: []string{"holds more than one line"}},
		"not text":       {file: "utf16", want: []string{"is not plain text in UTF-8"}},
		"too long":       {file: "long", want: []string{"holds more than 1024 bytes"}},
		"a folder":       {file: ".", want: []string{"is not a regular file"}},
		"none, absolute": {file: dir + "/none", want: []string{"does not exist (got \"" + dir + "/none\")"}},
		"none, relative": {file: "hunter2", want: []string{"does not exist", "not the password", "starts at " + dir}},
		"both": {file: "good", variable: "hunter9",
			want: []string{"is given together with the variable " + config.PasswordVariable, "keep one of the two"}},
		"variable": {variable: "hunter\n2", want: []string{"environment variable " + config.PasswordVariable + ": holds more than one line"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, environ := withAccount(tc.file), []string{passwordVariable + tc.variable}
			_, err := config.Load(write(t, dir, "proxy.yaml", []byte(text)), environ)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Errorf("a secret is shown:\n%v", err)
			}
		})
	}
}

// TestPasswordFileOpenToAll: it works, and a warning says how to close it.
func TestPasswordFileOpenToAll(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(write(t, dir, "pw", []byte("hunter2")), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(write(t, dir, "proxy.yaml", []byte(withAccount("pw"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0], "chmod o-r "+filepath.Join(dir, "pw")) {
		t.Errorf("warnings %q", cfg.Warnings)
	}
}

// TestAccountWithoutDiscovery: an account without a password is for `pairs`,
// which asks for it.
func TestAccountWithoutDiscovery(t *testing.T) {
	cfg := mustParse(t, minimal+"  service_account: { dn: '"+accountDN+"' }\n")
	if cfg.Upstream.ServiceAccount.Complete() || cfg.Upstream.ServiceAccount.DN != accountDN {
		t.Errorf("got %+v", cfg.Upstream.ServiceAccount)
	}
}

// TestMisspelledPasswordVariable: the message names the right one and not the value.
func TestMisspelledPasswordVariable(t *testing.T) {
	path := write(t, t.TempDir(), "proxy.yaml", []byte(minimal))
	_, err := config.Load(path, []string{"JAMF_LDAP_PROXY_UPSTREAM_SERVICE_ACCOUNT_PASWORD=hunter2"})
	if err == nil || !strings.Contains(err.Error(), "did you mean "+config.PasswordVariable+"?") || strings.Contains(err.Error(), "hunter") {
		t.Errorf("got %v", err)
	}
}
