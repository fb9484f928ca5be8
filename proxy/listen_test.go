package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/proxy"
)

type certificate struct {
	pair            tls.Certificate
	certPEM, keyPEM []byte
}

func newCertificate(t *testing.T, name string) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := certificate{
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
	if c.pair, err = tls.X509KeyPair(c.certPEM, c.keyPEM); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCertificateFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	files := proxy.ServerTLS{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem")}
	stamp := time.Now().Add(-time.Hour)
	write := func(file string, content []byte) {
		t.Helper()
		stamp = stamp.Add(time.Second)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	one, two := newCertificate(t, "one"), newCertificate(t, "two")
	write(files.Certificate, one.certPEM)
	write(files.Key, one.keyPEM)
	l, o, err := proxy.Listen(proxy.ListenerConfig{Address: "127.0.0.1:0", Protocol: "ldaps", TLS: proxy.ListenerTLS{Certificate: files.Certificate, Key: files.Key}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	presented := func() string {
		t.Helper()
		pair, err := o.TLS.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.Subject.CommonName
	}
	if got := presented(); got != "one" || o.CertificateExpiry().Before(time.Now()) {
		t.Errorf("presents %q", got)
	}
	write(files.Certificate, two.certPEM) // half of a renewal
	time.Sleep(1100 * time.Millisecond)
	if got := presented(); got != "one" {
		t.Errorf("presents %q with a key that does not fit", got)
	}
	write(files.Key, two.keyPEM)
	time.Sleep(1100 * time.Millisecond)
	if got := presented(); got != "two" {
		t.Errorf("presents %q after the renewal", got)
	}
}

func TestListenErrorsNameTheListener(t *testing.T) {
	for _, cfg := range []proxy.ListenerConfig{
		{Address: "127.0.0.1:0", Protocol: "ldaps"},
		{Address: "127.0.0.1:0", TLS: proxy.ListenerTLS{Certificate: "/nowhere"}},
		{Address: "127.0.0.1:none"},
	} {
		if _, _, err := proxy.Listen(cfg); err == nil || !strings.Contains(err.Error(), cfg.Address) {
			t.Errorf("Listen(%+v): %v", cfg, err)
		}
	}
}

func TestConnectionLimits(t *testing.T) {
	for knob, change := range map[string]func(*setup){
		"limits.connections":             func(s *setup) { s.config.Limits.Connections = 2 },
		"limits.connections_per_address": func(s *setup) { s.config.Limits.PerAddress = 2 },
	} {
		t.Run(knob, func(t *testing.T) {
			r := start(t, change)
			first, _ := r.bound(), r.bound()
			third := r.dial()
			third.send(bindRequest(1, jamfDN, password)) // unread data must not cost the notice
			if res := third.notice(ldap.Busy); !strings.Contains(res.Diagnostic, knob) {
				t.Errorf("diagnostic %q", res.Diagnostic)
			}
			r.eventually("log line", func() bool { return r.logs.FilterMessageSnippet(knob).Len() == 1 })
			_ = first.Close()
			r.eventually("end of the first", func() bool { return r.counts.get("disconnected") == 1 })
			r.bound()
		})
	}
}

func TestAllowList(t *testing.T) {
	r := start(t, func(s *setup) { s.listen.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	r.dial().closed()
	r.eventually("count", func() bool { return r.counts.get("connection "+proxy.ConnectionNotAllowed) == 1 })
	r = start(t, func(s *setup) { s.listen.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	r.bound()
}

// exhausted is a listener of a process that has no file descriptor left, for a
// while.
type exhausted struct {
	net.Listener
	fail *atomic.Int32
}

func (e exhausted) Accept() (net.Conn, error) {
	if e.fail.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return e.Listener.Accept()
}

func TestAcceptErrorsDoNotEndTheServer(t *testing.T) {
	var fail atomic.Int32
	fail.Store(4)
	r := start(t, func(s *setup) {
		s.wrap = func(l net.Listener) net.Listener { return exhausted{l, &fail} }
	})
	r.bound()
	if r.logs.FilterMessageSnippet("accepting a connection failed").Len() != 4 {
		t.Error("not logged")
	}
}
