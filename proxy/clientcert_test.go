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
	"os"
	"path/filepath"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/proxy"
)

// clientCA issues certificates of clients.
type clientCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newClientCA(t *testing.T, name string) clientCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return clientCA{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a clientCA) issue(t *testing.T, cn string, usage x509.ExtKeyUsage, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: cn}, DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	ours, foreign, next := newClientCA(t, "ours"), newClientCA(t, "foreign"), newClientCA(t, "next")
	server := newCertificate(t, "proxy")
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	options := func(names ...string) proxy.ListenOptions {
		o, err := proxy.Options(proxy.ListenerConfig{Address: "127.0.0.1:0", Protocol: "ldaps", TLS: proxy.ListenerTLS{
			Certificate: file("c.pem", server.certPEM), Key: file("k.pem", server.keyPEM), ClientCA: file("ca.pem", ours.pem), ClientNames: names,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	const forClients = x509.ExtKeyUsageClientAuth
	resumed := tls.NewLRUClientSessionCache(8)
	// serves tells whether a client with these certificates gets an answer: with TLS
	// 1.3 the handshake ends for the client before its certificate is judged.
	serves := func(r *rig, certificates ...tls.Certificate) bool {
		conn, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true, ClientSessionCache: resumed, Certificates: certificates})
		if err != nil {
			return false
		}
		defer conn.Close()
		_, err = conn.Write(bindRequest(1, jamfDN, password))
		c := &client{T: t, Conn: conn, framer: ldap.NewFramer(conn)}
		if err != nil {
			return false
		}
		m, err := c.next()
		return err == nil && m.Op == ldap.OpBindResponse
	}
	t.Run("any of the authority", func(t *testing.T) {
		r := start(t, func(s *setup) { s.listen = options() })
		one := ours.issue(t, "one", forClients)
		for name, c := range map[string]struct {
			certificates []tls.Certificate
			want         bool
		}{
			"none":                 {nil, false},
			"ours":                 {[]tls.Certificate{one}, true},
			"another authority's":  {[]tls.Certificate{foreign.issue(t, "one", forClients)}, false},
			"ours, for servers":    {[]tls.Certificate{ours.issue(t, "one", x509.ExtKeyUsageServerAuth)}, false},
			"the proxy's own pair": {[]tls.Certificate{server.pair}, false},
		} {
			if got := serves(r, c.certificates...); got != c.want {
				t.Errorf("%s: served %v", name, got)
			}
		}
		r.eventually("counts", func() bool { return r.counts.get("connection "+proxy.ConnectionTLSFailed) == 4 })
		if r.logs.FilterMessageSnippet("listeners.tls.client_ca").Len() != 4 {
			t.Errorf("log %v", r.logs.All())
		}
		// The authority is replaced: who was served before is not any more, by no
		// resumed session either.
		stamp := time.Now().Add(time.Minute)
		if err := os.Chtimes(file("ca.pem", next.pem), stamp, stamp); err != nil {
			t.Fatal(err)
		}
		r.eventually("the new authority", func() bool { return serves(r, next.issue(t, "two", forClients)) })
		if serves(r, one) {
			t.Error("a certificate of the authority before is served")
		}
	})
	t.Run("names", func(t *testing.T) {
		r := start(t, func(s *setup) { s.listen = options("jamf.example.com", "Jamf Two", "") })
		for _, c := range []struct {
			cn   string
			dns  []string
			want bool
		}{
			{"jamf two", nil, true},
			{"x", []string{"y.example.com", "JAMF.example.com"}, true},
			{"x", []string{"jamf.example.com.evil"}, false},
			{"*.example.com", []string{"*.example.com"}, false},
			{"", nil, false},
		} {
			if got := serves(r, ours.issue(t, c.cn, forClients, c.dns...)); got != c.want {
				t.Errorf("%q %v: served %v", c.cn, c.dns, got)
			}
		}
	})
}

func TestClientCANeedsItsFile(t *testing.T) {
	dir := t.TempDir()
	server := newCertificate(t, "proxy")
	certificate, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	for path, text := range map[string][]byte{certificate: server.certPEM, key: server.keyPEM} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, ca := range []string{filepath.Join(dir, "nowhere.pem"), key} {
		if _, err := proxy.Options(proxy.ListenerConfig{
			Address: "127.0.0.1:0", TLS: proxy.ListenerTLS{Certificate: certificate, Key: key, ClientCA: ca},
		}); err == nil {
			t.Errorf("%s was taken", ca)
		}
	}
}
