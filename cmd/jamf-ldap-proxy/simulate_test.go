package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/jamf"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/proxy"
)

// startBefore runs a proxy before a directory, as the demo does but for what is
// changed, until the test ends.
func startBefore(t *testing.T, dir *directory.Directory, change ...func(*config.Config)) *service {
	t.Helper()
	certificate, key, err := makeCertificate(t.TempDir(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	any := "127.0.0.1:0"
	cfg := demoConfig(demoOptions{ldap: any, ldaps: any, web: any}, dir.Addr(), certificate, key, filepath.Join(t.TempDir(), "lookups.db"))
	for _, c := range change {
		c(&cfg)
	}
	svc, err := startService(cfg, output{Writer: io.Discard}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.stop(); err != nil {
			t.Error(err)
		}
	})
	return svc
}

// Every field of --set is one of Jamf's, and takes what it should.
func TestEverySettingIsAField(t *testing.T) {
	notes := output{Writer: io.Discard}
	document, err := os.ReadFile("../../docs/simulate.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, elements := range mappingFields {
		if !strings.Contains(string(document), "| `"+name+"` | ") {
			t.Errorf("docs/simulate.md does not list %s", name)
		}
		fields := jamf.New().Fields()
		for _, e := range elements {
			n := 0
			for _, f := range fields {
				if strings.HasSuffix(f.Path, "/"+e) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s is %d fields of Jamf (%s)", name, n, e)
			}
		}
		value := map[string]string{
			"user-limit": "any", "group-limit": "any", "user-scope": "one", "group-scope": "First Level Only", "stored-in": "user",
			"use-dn": "false", "use-compare": "true", "wildcards": "false", "connection-timeout": "5", "search-timeout": "5",
		}[name]
		if value == "" {
			value = "changed"
		}
		change := func(set ...string) string {
			o := mappingOptions{set: set}
			s, err := o.server("dc=x", config.Config{}, false, notes)
			if err != nil {
				t.Fatalf("--set %s=%s: %v", name, value, err)
			}
			var all []string
			for _, f := range s.Fields() {
				all = append(all, f.Path+"="+f.Value)
			}
			return strings.Join(all, "\n")
		}
		if change() == change(name+"="+value) {
			t.Errorf("--set %s=%s changes nothing", name, value)
		}
	}
}

// The listener is found from the configuration, with what is needed to trust it.
func TestOwnListener(t *testing.T) {
	certificate, _, err := makeCertificate(t.TempDir(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	tls := proxy.ListenerTLS{Certificate: certificate}
	for _, c := range []struct {
		l    proxy.ListenerConfig
		want string
	}{
		{proxy.ListenerConfig{Address: "127.0.0.1:1389", Protocol: "ldap"}, "ldap://127.0.0.1:1389"},
		{proxy.ListenerConfig{Address: "0.0.0.0:1636", Protocol: "ldaps", TLS: tls}, "ldaps://localhost:1636"},
		{proxy.ListenerConfig{Address: "[::]:1389", Protocol: "ldap", TLS: tls}, "ldap://localhost:1389"},
		{proxy.ListenerConfig{Address: "10.0.0.5:1389", Protocol: "ldap"}, "ldap://10.0.0.5:1389"}, // an address of this machine
		{proxy.ListenerConfig{Address: "10.0.0.5:1389", Protocol: "ldap", TLS: tls}, "ldap://10.0.0.5:1389"},
	} {
		s, err := ownListener(config.Config{Listeners: []proxy.ListenerConfig{c.l}}, "")
		if err != nil || s.String() != c.want {
			t.Errorf("%+v: %v, %v", c.l, s, err)
		}
	}
	if _, err := ownListener(config.Config{Listeners: []proxy.ListenerConfig{{Address: "127.0.0.1:0", Protocol: "ldap"}}}, ""); err == nil {
		t.Error("a listener without a port is found")
	}
}

// On a narrow terminal the answers stand one below the other; on a wide one long
// values are cut into lines, and nothing gets lost.
func TestSimulationOnTerminals(t *testing.T) {
	long := "cn=" + strings.Repeat("x", 60) + ",dc=example"
	blocks := []simulate.Block{{Lines: []simulate.Line{{Label: "Groups found", Direct: "1", Proxy: "1"}}},
		{Title: "cn=a,dc=x", Lines: []simulate.Line{{Label: "Group ID", Direct: "missing", Proxy: "7001", Differs: true}, {Label: "DN", Direct: long, Proxy: long + "2", Differs: true}}}}
	direct, err := serverAt("--direct", "ldap://127.0.0.1:389", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{0, 40, 71, 72, 100, 200} {
		var out strings.Builder
		p := simulationPrinter{out: output{Writer: &out}, width: width, blocks: blocks, sides: []*simulated{{name: directly, server: direct}, {name: throughProxy, server: direct}}}
		if width > 0 && width < narrowTerminal {
			p.stacked()
		} else {
			p.table()
		}
		text := out.String()
		if n := strings.Count(text, "differs"); n != 2 || p.err != nil {
			t.Errorf("%d columns: %d differences told, %v\n%s", width, n, p.err, text)
		}
		joined := strings.Join(strings.Fields(text), "")
		if width < narrowTerminal && !strings.Contains(joined, long+"2") {
			t.Errorf("%d columns: a value is not whole\n%s", width, text)
		}
		for _, line := range strings.Split(text, "\n") {
			if width >= narrowTerminal && len(line) > width {
				t.Errorf("%d columns: a line has %d: %s", width, len(line), line)
			}
		}
	}
}
