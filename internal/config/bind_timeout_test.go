package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jamf-ldap-proxy/internal/config"
)

// TestBindTimeout: 65s by itself where users confirm on a phone, what was
// written everywhere else, and a warning when Jamf would not wait that long.
func TestBindTimeout(t *testing.T) {
	const (
		jamf = "upstream.bind_timeout is 1m5s, but Jamf gives up a login after 15 s unless told otherwise; " +
			"try: raise Connection Timeout in Jamf's LDAP server to 70 seconds"
		phone = "upstream.bind_timeout is 20s: ldap-mfa.jumpcloud.com gives a user 60 s to confirm a login on a phone, " +
			"and who takes longer than that setting cannot log in; try: 65s, or remove the line"
		short = "upstream.bind_timeout is 20s, but Jamf gives up a login after 15 s unless told otherwise; " +
			"try: raise Connection Timeout in Jamf's LDAP server to 25 seconds"
	)
	for name, tc := range map[string]struct {
		server, more string
		want         time.Duration
		warnings     []string
	}{
		"usual host":              {server: "ldap.jumpcloud.com:636", want: 10 * time.Second},
		"MFA host":                {server: "ldap-mfa.jumpcloud.com:636", want: 65 * time.Second, warnings: []string{jamf}},
		"MFA host, other letters": {server: "LDAP-MFA.jumpcloud.com.", want: 65 * time.Second, warnings: []string{jamf}},
		"MFA host, too short": {
			server: "ldap-mfa.jumpcloud.com", more: "  bind_timeout: 20s\n", want: 20 * time.Second, warnings: []string{phone, short},
		},
		"MFA host, written": {
			server: "ldap-mfa.jumpcloud.com", more: "  bind_timeout: 65s\n", want: 65 * time.Second, warnings: []string{jamf},
		},
		"usual host, long":   {server: "dc1", more: "  bind_timeout: 20s\n", want: 20 * time.Second, warnings: []string{short}},
		"usual host, 15 s":   {server: "dc1", more: "  bind_timeout: 15s\n", want: 15 * time.Second},
		"name with a prefix": {server: "x.ldap-mfa.jumpcloud.com.example.com", want: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := mustParse(t, strings.Replace(minimal, "ldap.jumpcloud.com:636", tc.server, 1)+tc.more)
			if cfg.Upstream.BindTimeout != tc.want {
				t.Errorf("got %v, want %v", cfg.Upstream.BindTimeout, tc.want)
			}
			if diff := cmp.Diff(tc.warnings, cfg.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBindTimeoutFromTheEnvironment: a variable is written down, too.
func TestBindTimeoutFromTheEnvironment(t *testing.T) {
	path := write(t, t.TempDir(), "proxy.yaml", []byte(strings.Replace(minimal, "ldap.", "ldap-mfa.", 1)))
	cfg, err := config.Load(path, []string{config.EnvPrefix + "UPSTREAM_BIND_TIMEOUT=12s"})
	if err != nil || cfg.Upstream.BindTimeout != 12*time.Second {
		t.Errorf("got %v, %v", cfg.Upstream.BindTimeout, err)
	}
}
