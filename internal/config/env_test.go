package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/config"
)

func TestEnvironmentAlone(t *testing.T) {
	cfg, err := config.Load("", []string{
		"PATH=/bin",
		"JAMF_LDAP_PROXY_UPSTREAM_SERVERS=ldaps://a:636, ldaps://b:636",
		"JAMF_LDAP_PROXY_UPSTREAM_BASE=" + base,
		"JAMF_LDAP_PROXY_UPSTREAM_TLS_MIN_VERSION=1.3",
		"JAMF_LDAP_PROXY_LOG_LEVEL=debug",
		"JAMF_LDAP_PROXY_WEB_ADDRESS=off",
		"JAMF_LDAP_PROXY_LIMITS_FAILED_BINDS=9",
		"JAMF_LDAP_PROXY_LIMITS_FAILED_BIND_WAIT=1s",
		"JAMF_LDAP_PROXY_LISTENERS_0_ADDRESS=0.0.0.0:1389",
		"JAMF_LDAP_PROXY_LISTENERS_0_ALLOW=10.0.0.0/8,127.0.0.1/32",
		"JAMF_LDAP_PROXY_LISTENERS_1_ADDRESS=127.0.0.1:1390",
		"JAMF_LDAP_PROXY_GROUPS_MODE=", // empty: not set
		// Kubernetes adds these for a Service of our name.
		"JAMF_LDAP_PROXY_SERVICE_HOST=10.96.0.7",
		"JAMF_LDAP_PROXY_SERVICE_PORT=389",
		"JAMF_LDAP_PROXY_SERVICE_PORT_LDAPS=636",
		"JAMF_LDAP_PROXY_PORT=tcp://10.96.0.7:389",
		"JAMF_LDAP_PROXY_PORT_389_TCP=tcp://10.96.0.7:389",
		"JAMF_LDAP_PROXY_PORT_389_TCP_ADDR=10.96.0.7",
		"JAMF_LDAP_PROXY_WEB_PORT=tcp://10.96.0.8:80",
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ldaps://a:636", "ldaps://b:636"}, cfg.Upstream.Servers); diff != "" {
		t.Error(diff)
	}
	if cfg.Groups.Base != base || cfg.Log.Level != "debug" || cfg.Web.Address != "" || cfg.Upstream.TLS.MinVersion != "1.3" ||
		cfg.Limits.FailedBinds != 9 || cfg.Groups.Mode != "posix" {
		t.Errorf("got %+v", cfg)
	}
	if len(cfg.Listeners) != 2 || cfg.Listeners[0].Address != "0.0.0.0:1389" || len(cfg.Listeners[0].Allow) != 2 ||
		cfg.Listeners[1].Protocol != "ldap" {
		t.Errorf("listeners %+v", cfg.Listeners)
	}
}

func TestEnvironmentOverridesFile(t *testing.T) {
	dir := t.TempDir()
	writeCertificates(t, dir)
	path := write(t, dir, "proxy.yaml", []byte("upstream:\n  servers: [\"ldaps://a\", \"ldaps://b\"]\n  tls: { ca: proxy.pem }\nlog: { level: warn }\n"))
	t.Chdir(t.TempDir())
	writeCertificates(t, ".")
	cfg, err := config.Load(path, []string{"JAMF_LDAP_PROXY_UPSTREAM_BASE=" + base, "JAMF_LDAP_PROXY_UPSTREAM_SERVERS=ldaps://c"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Upstream.Base != base || len(cfg.Upstream.Servers) != 1 || cfg.Log.Level != "warn" || cfg.Upstream.TLS.CA != filepath.Join(dir, "proxy.pem") {
		t.Errorf("got %+v", cfg.Upstream)
	}
	// A file named in a variable is looked for where the command was started.
	cfg, err = config.Load(path, []string{"JAMF_LDAP_PROXY_UPSTREAM_BASE=" + base, "JAMF_LDAP_PROXY_UPSTREAM_TLS_CA=proxy.pem"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Upstream.TLS.CA == filepath.Join(dir, "proxy.pem") || !filepath.IsAbs(cfg.Upstream.TLS.CA) {
		t.Errorf("ca is %s", cfg.Upstream.TLS.CA)
	}
}

func TestEnvironmentMistakes(t *testing.T) {
	path := write(t, t.TempDir(), "proxy.yaml", []byte(minimal+"log: { privacy: secret }\n"))
	_, err := config.Load(path, []string{
		"JAMF_LDAP_PROXY_LOG_LEVEL=loud",
		"JAMF_LDAP_PROXY_UPSTRAEM_BASE=x",
		"JAMF_LDAP_PROXY_JOURNAL_PATH=j.db",
		"JAMF_LDAP_PROXY_LIMITS_IDLE=15",
		"JAMF_LDAP_PROXY_LISTENERS_2_ADDRESS=127.0.0.1:1",
		"JAMF_LDAP_PROXY_LISTENERS_1_PROTOCOL=ldap",
		"JAMF_LDAP_PROXY_UPSTREAM_SERVERS=ldaps://a,,http://b",
		"JAMF_LDAP_PROXY_BIND_PASSWORD=hunter2",
		"JAMF_LDAP_PROXY_UPSTREAM_TLS_SERVER_NAME=ldap://u:hunter3@h",
	})
	if err == nil {
		t.Fatal("accepted")
	}
	got := strings.ReplaceAll(err.Error(), filepath.Dir(path), "$DIR") + "\n"
	if strings.Contains(got, "hunter") {
		t.Error("a secret is shown")
	}
	compareGolden(t, "testdata/environment.txt", got)
}

func TestNothingAtAll(t *testing.T) {
	_, err := config.Load("", nil)
	if err == nil {
		t.Fatal("accepted")
	}
	compareGolden(t, "testdata/nothing.txt", err.Error()+"\n")

	_, err = config.Load("", []string{"JAMF_LDAP_PROXY_UPSTREAM_BASE=" + base})
	if err == nil || !strings.Contains(err.Error(), "set JAMF_LDAP_PROXY_UPSTREAM_SERVERS") {
		t.Errorf("got %v", err)
	}
}

// The passwords of commands are exported in a shell; serve in the same shell
// takes no notice of them.
func TestPasswordOfACommandIsNoKey(t *testing.T) {
	_, err := config.Load(write(t, t.TempDir(), "proxy.yaml", []byte(minimal)), []string{
		config.CommandPasswordVariable + "=hunter2", config.CommandUserPasswordVariable + "=hunter3",
	})
	if err != nil {
		t.Error(err)
	}
}
