package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// slapdSet is a slapd of the test's own that is set up wrongly.
type slapdSet struct {
	ldif        string
	conf        string
	certificate string // files; the run's when empty
	key         string
	noTLS       bool
}

func slapdWith(t testing.TB, change func(*slapdSet)) *upstream {
	t.Helper()
	s := slapdSet{ldif: orgLDIF, conf: slapdConf, certificate: pki(t).serverPEM, key: pki(t).serverKey}
	change(&s)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if !s.noTLS {
		s.conf = fmt.Sprintf("TLSCertificateFile %s\nTLSCertificateKeyFile %s\n%s", s.certificate, s.key, s.conf)
	}
	for name, text := range map[string]string{"slapd.conf": s.conf, "jumpcloud.schema": slapdSchema, "org.ldif": s.ldif} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := exec.Command(findProgram("slapadd"), "-s", "-f", "slapd.conf", "-l", "org.ldif")
	load.Dir = dir
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	var (
		up   *upstream
		stop func()
		err  error
	)
	for range 5 { // another process may take a free port before slapd does
		if up, stop, err = runSlapd(dir); err == nil {
			t.Cleanup(stop)
			return up
		}
	}
	t.Fatalf("slapd: %v", err)
	return nil
}

// inSlapd is a visit to a slapd of its own.
func inSlapd(change func(*slapdSet)) func(*testing.T) *visit {
	return func(t *testing.T) *visit { return &visit{servers: []string{slapdWith(t, change).url()}} }
}

// entries edits an LDIF entry by entry; "" removes one.
func entries(ldif string, edit func(dn, entry string) string) string {
	var kept []string
	for _, e := range strings.Split(ldif, "\n\n") {
		_, dn, _ := strings.Cut(e, "dn: ")
		dn, _, _ = strings.Cut(dn, "\n")
		if e = edit(dn, e); e != "" {
			kept = append(kept, e)
		}
	}
	return strings.Join(kept, "\n\n") + "\n"
}

// holding is a visit to a slapd whose entries are edited.
func holding(edit func(dn, entry string) string) func(*testing.T) *visit {
	return inSlapd(func(s *slapdSet) { s.ldif = entries(s.ldif, edit) })
}

// withoutLines removes what matches from the entries of a class.
func withoutLines(class, pattern string) func(*testing.T) *visit {
	line := regexp.MustCompile(`(?m)^` + pattern + `$\n?`)
	return holding(func(_, e string) string {
		if strings.Contains(e, "objectClass: "+class) {
			return line.ReplaceAllString(e, "")
		}
		return e
	})
}

func withoutClass(class string) func(*testing.T) *visit {
	return holding(func(_, e string) string {
		if strings.Contains(e, "objectClass: "+class) {
			return ""
		}
		return e
	})
}

// sample visits the sample organisation in the slapd of the run.
func sample(change func(*testing.T, *visit)) func(*testing.T) *visit {
	return func(t *testing.T) *visit {
		v := &visit{servers: []string{startedSlapd(t).url()}}
		change(t, v)
		return v
	}
}

// secure visits it over TLS.
func secure(change func(*testing.T, *visit)) func(*testing.T) *visit {
	return sample(func(t *testing.T, v *visit) {
		v.servers = []string{startedSlapd(t).tlsURL()}
		v.upstream = yamlMap{"tls": yamlMap{"ca": pki(t).caPEM}}
		change(t, v)
	})
}

func host(t testing.TB, address string) (name, port string) {
	t.Helper()
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return name, port
}
