package config_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jamf-ldap-proxy/configs"
	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

const minimal = `upstream:
  servers: ["ldaps://ldap.jumpcloud.com:636"]
  base: ou=Users,o=1,dc=jumpcloud,dc=com
`

const base = "ou=Users,o=1,dc=jumpcloud,dc=com"

var equalPrefixes = cmpopts.EquateComparable(netip.Prefix{})

func mustParse(t *testing.T, text string) config.Config {
	t.Helper()
	cfg, err := config.Parse("proxy.yaml", []byte(text))
	if err != nil {
		t.Fatalf("refused:\n%v\n%s", err, text)
	}
	return cfg
}

func TestMinimal(t *testing.T) {
	want := config.Default()
	want.Upstream.Servers = []string{"ldaps://ldap.jumpcloud.com:636"}
	want.Upstream.Base = base
	want.Groups.Base = base
	if diff := cmp.Diff(want, mustParse(t, minimal), equalPrefixes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEverySection(t *testing.T) {
	dir := t.TempDir()
	writeCertificates(t, dir)
	path := write(t, dir, "proxy.yaml", []byte(`
listeners:
  - address: "[::1]:0"
  - address: 0.0.0.0:1636
    protocol: ldaps
    tls: { certificate: proxy.pem, key: ./proxy.key }
    allow: [10.1.2.3/8, 127.0.0.1/32]
upstream:
  servers:
    - ldap://ldap.jumpcloud.com
    - ldaps://ldap.jumpcloud.com:636/
  base: >-
    ou=Users,o=1,dc=jumpcloud,dc=com
  starttls: true
  tls: { ca: proxy.pem, min_version: 1.3 }
  bind_timeout: 12s
  max_pdu: 4096
groups:
  mode: off
  legacy_class: GROUPOFUNIQUENAMES
  pairs:
    - { legacy: gameOfThrones, posix: got, gid: 7001 }
    - legacy: 42
      posix: answer
  strip_suffixes: ["@example.com"]
web: { address: off }
log: { level: debug, masked_attributes: [sshPublicKey] }
limits:
`))
	got, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Listeners = []proxy.ListenerConfig{
		{Address: "[::1]:0", Protocol: "ldap"},
		{
			Address: "0.0.0.0:1636", Protocol: "ldaps",
			TLS:   proxy.ListenerTLS{Certificate: filepath.Join(dir, "proxy.pem"), Key: filepath.Join(dir, "proxy.key")},
			Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")},
		},
	}
	want.Upstream.Servers = []string{"ldap://ldap.jumpcloud.com", "ldaps://ldap.jumpcloud.com:636/"}
	want.Upstream.Base, want.Groups.Base = base, base
	want.Upstream.StartTLS = true
	want.Upstream.TLS.CA = filepath.Join(dir, "proxy.pem")
	want.Upstream.TLS.MinVersion = "1.3"
	want.Upstream.BindTimeout = 12 * time.Second
	want.Upstream.MaxPDU = 4096 * bytesize.Size(1)
	want.Groups.Mode = rewrite.ModeOff
	want.Groups.LegacyClass = "groupOfUniqueNames"
	want.Groups.Pairs = []rewrite.PairConfig{{Legacy: "gameOfThrones", Posix: "got", GID: 7001}, {Legacy: "42", Posix: "answer"}}
	want.Groups.StripSuffixes = []string{"@example.com"}
	want.Web.Address = ""
	want.Log.Level = "debug"
	want.Log.MaskedAttributes = []string{"sshPublicKey", "userPassword"}
	if diff := cmp.Diff(want, got, equalPrefixes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestAccepted holds spellings that must not be refused.
func TestAccepted(t *testing.T) {
	for name, text := range map[string]string{
		"byte order mark":       "\ufeff" + minimal,
		"windows line ends":     strings.ReplaceAll(minimal, "\n", "\r\n"),
		"document markers":      "%YAML 1.2\n---\n" + minimal + "...\n",
		"plaintext to loopback": strings.Replace(minimal, "ldaps://ldap.jumpcloud.com:636", "ldap://localhost:389", 1),
		"plaintext allowed":     strings.Replace(minimal, "ldaps", "ldap", 1) + "  allow_plaintext: true\n",
		"starttls":              strings.Replace(minimal, "ldaps", "ldap", 1) + "  starttls: true\n",
		"web on ::1":            minimal + "web: { address: '[::1]:8389' }\n",
		"web empty":             minimal + "web: { address: '' }\n",
		"empty sections":        minimal + "listeners:\nweb:\nlog:\ngroups:\n  pairs:\n",
		"same name both ways":   minimal + "groups:\n  pairs: [{ legacy: a, posix: b }, { legacy: b, posix: a }]\n",
	} {
		t.Run(name, func(t *testing.T) { mustParse(t, text) })
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	big := write(t, dir, "big.yaml", []byte(strings.Repeat("# much\n", 200_000)))
	for path, want := range map[string]string{
		filepath.Join(dir, "nowhere.yaml"): "does not exist",
		dir:                                "is not a regular file",
		big:                                "is larger than 1 MiB",
		os.DevNull:                         "is not a regular file",
	} {
		_, err := config.Load(path, nil)
		var problems config.Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("Load(%s) = %v, want %q", path, err, want)
		}
	}
}

// TestProblemFields checks what a program gets to see of a mistake.
func TestProblemFields(t *testing.T) {
	_, err := config.Parse("/etc/p.yaml", []byte(minimal+"log:\n  level: loud\n"))
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Fatalf("got %v", err)
	}
	want := &config.Problem{
		File: "/etc/p.yaml", Line: 5, Column: 10, Key: "log.level", Value: `"loud"`,
		Message: "is not one of its choices", Try: "write debug, info, warn or error",
		Snippet: "    5 |   level: loud\n      |          ^",
	}
	if diff := cmp.Diff(want, problems[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	_, err := config.Parse("p.yaml", []byte(minimal+"groups:\n  pairs:\n"+strings.Repeat("    - { legacy: x }\n", 300)))
	if err == nil || !strings.Contains(err.Error(), "more mistakes are not shown") {
		t.Fatalf("got %v", err)
	}
	if n := strings.Count(err.Error(), "\n"); n > 450 {
		t.Errorf("the report has %d lines", n)
	}
}

// TestListenerOfThePresets: the one that is commented out has to work when the #
// is removed.
func TestListenerOfThePresets(t *testing.T) {
	dir := t.TempDir()
	writeCertificates(t, dir)
	write(t, dir, "jamf.ldap.password", []byte("hunter2"))
	for _, p := range configs.Presets() {
		if !strings.HasPrefix(p.Name, "jumpcloud") {
			continue
		}
		text := strings.NewReplacer("  # - address: 0.0.0.0", "  - address: 0.0.0.0", "  #   protocol", "    protocol",
			"  #   tls", "    tls", "  #   allow", "    allow").Replace(p.Text)
		cfg, err := config.Load(write(t, dir, "proxy.yaml", []byte(text)), nil)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if len(cfg.Listeners) != 2 || cfg.Listeners[1].Protocol != "ldaps" || cfg.Listeners[1].TLS.Key != filepath.Join(dir, "proxy.key") {
			t.Errorf("%s: the uncommented listener is %+v", p.Name, cfg.Listeners)
		}
	}
}
