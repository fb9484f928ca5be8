package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"syscall"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/doctor"
)

var connectionMistakes = []mistake{
	{"no such host", sample(func(t *testing.T, v *visit) { v.servers = []string{"ldaps://nosuch.invalid:636"} }),
		"resolve", doctor.Fail, "", "nslookup nosuch.invalid"},
	{"closed port", sample(func(t *testing.T, v *visit) {
		free, _, err := freeAddresses()
		if err != nil {
			t.Fatal(err)
		}
		v.servers = []string{"ldaps://" + free}
	}), "tcp", doctor.Fail, "refused", "LDAPS has 636"},
	{"black hole", sample(func(t *testing.T, v *visit) {
		v.servers = []string{"ldaps://" + blackHole(t)}
		v.upstream = yamlMap{"connect_timeout": "500ms"}
	}), "tcp", doctor.Fail, "no answer within 500ms (upstream.connect_timeout)", "firewall"},
	{"not offered", func(t *testing.T) *visit {
		up := slapdWith(t, func(s *slapdSet) { s.noTLS = true })
		return &visit{servers: []string{up.url()}, upstream: yamlMap{"starttls": true}}
	}, "starttls", doctor.Fail, "refuses", "without upstream.starttls"},
	{"port of LDAPS", sample(func(t *testing.T, v *visit) {
		v.servers = []string{"ldap://" + startedSlapd(t).tlsAddr}
		v.upstream = yamlMap{"starttls": true, "connect_timeout": "2s"}
	}), "starttls", doctor.Fail, "", "this port may speak TLS from the first byte"},
	{"plain text over the network", sample(func(t *testing.T, v *visit) {
		_, port := host(t, startedSlapd(t).addr)
		v.servers = []string{"ldap://0.0.0.0:" + port} // which is this machine, and no loopback address
		v.upstream = yamlMap{"allow_plaintext": true}
	}), "starttls", doctor.Warn, "readable", "upstream.starttls: true"},
	{"port without TLS", sample(func(t *testing.T, v *visit) {
		v.servers = []string{"ldaps://" + startedSlapd(t).addr}
		v.upstream = yamlMap{"connect_timeout": "2s"}
	}), "tls", doctor.Fail, "", "StartTLS"},
	{"accepts and is silent", sample(func(t *testing.T, v *visit) {
		v.servers = []string{"ldaps://" + silence(t)}
		v.upstream = yamlMap{"connect_timeout": "500ms"}
	}), "tls", doctor.Fail, "no answer within 500ms", ""},
	{"old TLS", embeddedTLS(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }),
		"tls", doctor.Fail, "TLS 1.1", "TLS 1.2 or 1.3"},
	{"TLS 1.3 demanded", func(t *testing.T) *visit {
		v := embeddedTLS(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })(t)
		v.upstream["tls"].(yamlMap)["min_version"] = "1.3"
		return v
	}, "tls", doctor.Fail, "TLS 1.2", "TLS 1.2 or 1.3"},
	{"certificate of the client demanded", embeddedTLS(func(c *tls.Config) {
		c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
	}), "tls", doctor.Fail, "ends the handshake", "no certificate of its clients"},
	{"certificate of the client demanded, TLS 1.3", embeddedTLS(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }),
		"bind", doctor.Fail, "certificate required", ""},
	{"the second of two servers", sample(func(t *testing.T, v *visit) {
		v.servers = []string{startedSlapd(t).url(), "ldaps://nosuch.invalid:636"}
	}), "resolve", doctor.Fail, "", "nslookup nosuch.invalid"},
}

// embeddedTLS visits the embedded directory over LDAPS.
func embeddedTLS(change func(*tls.Config)) func(*testing.T) *visit {
	return func(t *testing.T) *visit {
		d, err := directory.New(directory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		cfg := &tls.Config{Certificates: []tls.Certificate{pki(t).server}}
		change(cfg)
		if err := d.ListenTLS("127.0.0.1:0", cfg); err != nil {
			t.Fatal(err)
		}
		return &visit{servers: []string{"ldaps://" + d.TLSAddr()}, upstream: yamlMap{"tls": yamlMap{"ca": pki(t).caPEM}}}
	}
}

// blackHole is an address at which connections are neither accepted nor refused:
// its queue is full.
func blackHole(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
	for range 100 {
		conn, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue of connections has no end")
	return ""
}

// silence is an address that takes connections and says nothing.
func silence(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// certificate is what a certificate says.
type certificate struct {
	names      []string
	ips        []net.IP
	begin, end time.Duration // from now
	usage      x509.ExtKeyUsage
}

// issued writes a certificate of the run's CA and its key.
func issued(t testing.TB, change func(*certificate)) (certFile, keyFile string) {
	t.Helper()
	c := certificate{
		names: []string{serverHost}, ips: []net.IP{net.IPv4(127, 0, 0, 1)},
		begin: -time.Hour, end: 100 * 24 * time.Hour, usage: x509.ExtKeyUsageServerAuth,
	}
	if change != nil {
		change(&c)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: serverHost},
		NotBefore: time.Now().Add(c.begin), NotAfter: time.Now().Add(c.end), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{c.usage}, DNSNames: c.names, IPAddresses: c.ips,
	}, pki(t).ca, &key.PublicKey, pki(t).caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "it.pem", encode("CERTIFICATE", der)), write(t, "it.key", encode("PRIVATE KEY", keyDER))
}

// slapdCertified visits a slapd with such a certificate.
func slapdCertified(change func(*certificate)) func(*testing.T) *visit {
	return func(t *testing.T) *visit {
		up := slapdWith(t, func(s *slapdSet) { s.certificate, s.key = issued(t, change) })
		return &visit{servers: []string{up.tlsURL()}, upstream: yamlMap{"tls": yamlMap{"ca": pki(t).caPEM}}}
	}
}

var certificateMistakes = []mistake{
	{"unknown CA", secure(func(t *testing.T, v *visit) { v.upstream = nil }),
		"tls-chain", doctor.Fail, "unknown authority", "upstream.tls.ca"},
	{"shown by a command", secure(func(t *testing.T, v *visit) { v.upstream = nil }),
		"tls-chain", doctor.Fail, "", "jamf-ldap-proxy cert fetch ldaps://127.0.0.1:"},
	{"another CA", secure(func(t *testing.T, v *visit) { v.upstream = yamlMap{"tls": yamlMap{"ca": pki(t).foreignPEM}} }),
		"tls-chain", doctor.Fail, "unknown authority", "Use SSL"},
	{"over StartTLS", sample(func(t *testing.T, v *visit) { v.upstream = yamlMap{"starttls": true} }),
		"tls-chain", doctor.Fail, "unknown authority", "jamf-ldap-proxy cert fetch ldap://127.0.0.1:"},
	{"not for a server", slapdCertified(func(c *certificate) { c.usage = x509.ExtKeyUsageClientAuth }),
		"tls-chain", doctor.Fail, "usage", "have the server's owner replace the certificate"},
	{"another host", secure(func(t *testing.T, v *visit) {
		_, port := host(t, startedSlapd(t).tlsAddr)
		v.servers = []string{"ldaps://localhost:" + port}
	}), "tls-name", doctor.Fail, "not for localhost", "upstream.tls.server_name: " + serverHost},
	{"another server_name", secure(func(t *testing.T, v *visit) { v.upstream["tls"].(yamlMap)["server_name"] = "ldap.jumpcloud.com" }),
		"tls-name", doctor.Fail, "not for ldap.jumpcloud.com", "--server-name ldap.jumpcloud.com"},
	{"expired", slapdCertified(func(c *certificate) { c.begin, c.end = -48*time.Hour, -time.Hour }),
		"tls-expiry", doctor.Fail, "ended on", "renew it"},
	{"not yet valid", slapdCertified(func(c *certificate) { c.begin = 24 * time.Hour }),
		"tls-expiry", doctor.Fail, "begins on", "clock"},
	{"ends soon", slapdCertified(func(c *certificate) { c.end = 12*24*time.Hour + time.Hour }),
		"tls-expiry", doctor.Warn, "12 days left", "renew it in time"},
}
