package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"jamf-ldap-proxy/internal/directory"
)

// withAccount lets the proxy read groups for itself.
func withAccount(t *testing.T, s settings) settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), "service.password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.upstream = map[string]any{"service_account": yamlMap{"dn": service, "password_file": file}}
	return s
}

// runPairs runs the command pairs and returns what it prints.
func runPairs(t *testing.T, s settings, args ...string) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "proxy.yaml")
	if err := os.WriteFile(config, withAccount(t, s).yaml(t), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(raceBinary(t), append([]string{"pairs", "--config", config}, args...)...)
	cmd.Env = cleanEnv()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("pairs: %v\n%s", err, stderr.String())
	}
	return string(out)
}

// What the command prints can be pasted, and the proxy then answers as with
// pairs that were written by hand.
func TestPairsThatWereFoundServe(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		var printed struct {
			Groups struct{ Pairs []yamlMap }
		}
		if err := yaml.Unmarshal([]byte(runPairs(t, settings{servers: []string{up.url()}, noPairs: true})), &printed); err != nil {
			t.Fatal(err)
		}
		p := startWith(t, settings{servers: []string{up.url()}, pairs: printed.Groups.Pairs})
		w := p.session()
		for _, cn := range []string{"gameOfThrones", "Los Pollos Hermanos", "Night's Watch (Wall)", "Everyone"} {
			q := read(groupDN(cn), "(objectClass=groupOfNames)")
			check(t, q, w.in(t).search(q), found(groups(cn)))
		}
	})
}

// With nothing but a service account, every certain pair is served, in either
// mode, and the file's own pairs come first.
func TestDiscoveryWhileServing(t *testing.T) {
	t.Parallel()
	forEachUpstream(t, func(t *testing.T, up *upstream) {
		for _, mode := range []string{"posix", "merge"} {
			t.Run(mode, func(t *testing.T) {
				p := startWith(t, withAccount(t, settings{
					servers: []string{up.url()}, mode: mode, discover: true,
					pairs: []yamlMap{{"legacy": "breakingBad", "posix": "bb"}},
				}))
				w := p.session()
				// Heisenberg Crew is no longer ambiguous, because breakingBad is settled.
				for cn, gid := range map[string]string{"gameOfThrones": "7001", "breakingBad": "7002", "Heisenberg Crew": "7003", "Everyone": "7006"} {
					a := w.in(t).search(read(groupDN(cn), "(objectClass=groupOfNames)", "gidNumber"))
					if len(a.Entries) != 1 || fmt.Sprint(a.Entries[0].Attrs["gidNumber"]) != "["+gid+"]" {
						t.Errorf("%s: %+v", cn, a)
					}
				}
				if metrics := p.get("/metrics"); !strings.Contains(metrics, `jamf_ldap_proxy_pairs{state="discovered"} 5`) {
					t.Error("the metrics do not tell of five discovered pairs")
				}
			})
		}
	})
}

// More groups than a page holds: the cursor is the directory's own.
func TestPairsOfALargeOrganisation(t *testing.T) {
	t.Parallel()
	var ldif bytes.Buffer
	directory.Generate(&ldif, 300, 1100, 30)
	forEachUpstreamHolding(t, ldif.String(), func(t *testing.T, up *upstream) {
		out := runPairs(t, settings{servers: []string{up.url()}, noPairs: true})
		if n := strings.Count(out, "\n    - {"); n < 900 {
			t.Errorf("%d pairs of 1100 groups:\n%s", n, tail(out, 20))
		}
		for _, line := range strings.Split(out, "\n") {
			var team, linux, gid int
			if _, err := fmt.Sscanf(line, "    - { legacy: \"Team %d (Site", &team); err != nil {
				continue
			}
			_, rest, _ := strings.Cut(line, "posix: ")
			if _, err := fmt.Sscanf(rest, "lx%d, gid: %d }", &linux, &gid); err != nil || team != linux || gid != 7000+team {
				t.Errorf("wrong pair: %s", line)
			}
		}
	})
}
