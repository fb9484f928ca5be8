package test

import (
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/directory"
)

// upstream is a directory with the sample organisation, in front of which a
// test puts the proxy.
type upstream struct {
	name    string
	addr    string // speaks ldap, with StartTLS
	tlsAddr string // speaks ldaps
	log     func() string
}

func (u *upstream) url() string    { return "ldap://" + u.addr }
func (u *upstream) tlsURL() string { return "ldaps://" + u.tlsAddr }

// forEachUpstream runs the same test in front of OpenLDAP and of the embedded
// directory.
func forEachUpstream(t *testing.T, test func(t *testing.T, up *upstream)) {
	t.Run("slapd", func(t *testing.T) { test(t, startedSlapd(t)) })
	t.Run("embedded", func(t *testing.T) { test(t, embedded(t)) })
}

// forEachMode runs the same test in front of both, in each mode that bridges.
func forEachMode(t *testing.T, test func(t *testing.T, up *upstream, v view)) {
	forEachUpstream(t, func(t *testing.T, up *upstream) { inEachMode(t, func(t *testing.T, v view) { test(t, up, v) }) })
}

func inEachMode(t *testing.T, test func(t *testing.T, v view)) {
	for _, v := range []view{posixView, mergeView} {
		t.Run(v.mode, func(t *testing.T) { test(t, v) })
	}
}

// forEachUpstreamHolding is forEachUpstream with other data.
func forEachUpstreamHolding(t *testing.T, ldif string, test func(t *testing.T, up *upstream)) {
	t.Run("slapd", func(t *testing.T) { test(t, slapdHolding(t, ldif)) })
	t.Run("embedded", func(t *testing.T) {
		up, _ := embeddedWith(t, directory.Config{LDIF: strings.NewReader(ldif)})
		test(t, up)
	})
}

// embedded starts the product's own stand-in directory.
func embedded(t testing.TB) *upstream {
	t.Helper()
	up, _ := embeddedWith(t, directory.Config{})
	return up
}

func embeddedWith(t testing.TB, config directory.Config) (*upstream, *directory.Directory) {
	t.Helper()
	if config.LDIF == nil {
		config.LDIF = strings.NewReader(orgLDIF)
	}
	config.TLS = &tls.Config{Certificates: []tls.Certificate{pki(t).server}}
	d, err := directory.New(config)
	if err != nil {
		t.Fatalf("embedded directory: %v", err)
	}
	t.Cleanup(func() { d.Close() })
	if err := errors.Join(d.Listen("127.0.0.1:0"), d.ListenTLS("127.0.0.1:0", config.TLS)); err != nil {
		t.Fatalf("embedded directory: %v", err)
	}
	return &upstream{name: "embedded", addr: d.Addr(), tlsAddr: d.TLSAddr(), log: func() string { return "" }}, d
}

//go:embed testdata/slapd.conf
var slapdConf string

//go:embed testdata/jumpcloud.schema
var slapdSchema string

var slapd struct {
	sync.Once
	up  *upstream
	err error
}

// startedSlapd returns the slapd of the run; the first caller starts it. It is
// read-only, so tests can share it.
func startedSlapd(t testing.TB) *upstream {
	t.Helper()
	need(t, "slapd", "slapadd")
	slapd.Do(func() {
		var stop func()
		if slapd.up, stop, slapd.err = newSlapd(filepath.Join(workDir, "slapd"), pki(t), orgLDIF); slapd.err == nil {
			atExit(stop)
		}
	})
	if slapd.err != nil {
		t.Fatalf("slapd: %v", slapd.err)
	}
	from := len(slapd.up.log())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of slapd:\n%s", tail(slapd.up.log()[from:], 40))
		}
	})
	return slapd.up
}

// slapdHolding starts a slapd of the test's own with other data.
func slapdHolding(t testing.TB, ldif string) *upstream {
	t.Helper()
	need(t, "slapd", "slapadd")
	up, stop, err := newSlapd(t.TempDir(), pki(t), ldif)
	if err != nil {
		t.Fatalf("slapd: %v", err)
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("log of slapd:\n%s", tail(up.log(), 40))
		}
	})
	return up
}

// newSlapd loads a database in a folder and serves it. It reads the entries
// without checking them against the schema.
func newSlapd(dir string, keys *authority, ldif string) (up *upstream, stop func(), err error) {
	if err := os.MkdirAll(filepath.Join(dir, "db"), 0o700); err != nil {
		return nil, nil, err
	}
	conf := fmt.Sprintf("TLSCACertificateFile %s\nTLSCertificateFile %s\nTLSCertificateKeyFile %s\n%s",
		keys.caPEM, keys.serverPEM, keys.serverKey, slapdConf)
	for name, text := range map[string]string{"slapd.conf": conf, "jumpcloud.schema": slapdSchema, "org.ldif": ldif} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, nil, err
		}
	}
	load := exec.Command(findProgram("slapadd"), "-s", "-f", "slapd.conf", "-l", "org.ldif")
	load.Dir = dir
	if out, err := load.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("slapadd: %w\n%s", err, out)
	}
	for range 5 { // another process may take a free port before slapd does
		if up, stop, err = runSlapd(dir); err == nil {
			return up, stop, nil
		}
	}
	return nil, nil, err
}

func runSlapd(dir string) (*upstream, func(), error) {
	plain, secure, err := freeAddresses()
	if err != nil {
		return nil, nil, err
	}
	log := &transcript{}
	cmd := exec.Command(findProgram("slapd"), "-d", "stats", "-f", "slapd.conf",
		"-h", fmt.Sprintf("ldap://%s ldaps://%s", plain, secure))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	dieWithUs(cmd)
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	stop := func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(patience):
			cmd.Process.Kill()
			<-ended
		}
	}
	deadline := time.Now().Add(patience)
	for _, address := range []string{plain, secure} {
		for {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
				break
			}
			select {
			case <-ended:
				return nil, nil, fmt.Errorf("ended at once\n%s", tail(log.String(), 20))
			default:
			}
			if time.Now().After(deadline) {
				stop()
				return nil, nil, fmt.Errorf("does not listen on %s: %w\n%s", address, err, tail(log.String(), 20))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return &upstream{name: "slapd", addr: plain, tlsAddr: secure, log: log.String}, stop, nil
}

// freeAddresses returns two loopback addresses that nobody listens on.
func freeAddresses() (a, b string, err error) {
	var found [2]string
	for i := range found {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer l.Close()
		found[i] = l.Addr().String()
	}
	return found[0], found[1], nil
}
