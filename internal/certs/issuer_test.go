package certs_test

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
	"os"
	"path/filepath"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/certs"
)

// issuer is an authority of the tests, which shares no code with the package's.
type issuer struct {
	t      *testing.T
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	parent *issuer // nil: its own
}

func newIssuer(t *testing.T, parent *issuer, name string, change ...func(*x509.Certificate)) *issuer {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	for _, c := range change {
		c(template)
	}
	i := &issuer{t: t, parent: parent}
	i.cert, i.key = sign(t, parent, template)
	return i
}

// sign makes a certificate, valid from yesterday for another day unless the
// template says otherwise.
func sign(t *testing.T, by *issuer, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-24 * time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// serving is the TLS side of a server with a certificate made from template,
// which sends the given authorities behind it.
func (i *issuer) serving(template *x509.Certificate, sends ...*issuer) *tls.Config {
	i.t.Helper()
	cert, key := sign(i.t, i, template)
	pair := tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	for _, s := range sends {
		pair.Certificate = append(pair.Certificate, s.cert.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// roots is a file that trusts the issuer.
func (i *issuer) roots() certs.Roots {
	i.t.Helper()
	file := filepath.Join(i.t.TempDir(), "roots.pem")
	write(i.t, file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}))
	roots, err := certs.LoadRoots(file)
	if err != nil {
		i.t.Fatal(err)
	}
	return roots
}

// files writes the issuer, and those above it, as the authority of a folder.
func (i *issuer) files(dir string) {
	i.t.Helper()
	var chain []byte
	for at := i; at != nil; at = at.parent {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: at.cert.Raw})...)
	}
	key, err := x509.MarshalECPrivateKey(i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	write(i.t, filepath.Join(dir, "ca.pem"), chain)
	write(i.t, filepath.Join(dir, "ca.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key}))
}

func loopback() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "directory.test"}, DNSNames: []string{"directory.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
