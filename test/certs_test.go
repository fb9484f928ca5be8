package test

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
	"sync"
	"testing"
	"time"
)

// serverHost is the DNS name in the server certificate.
const serverHost = "ldap.example.test"

// authority is the CA of the run, with one server certificate for 127.0.0.1
// and serverHost, and the CA of somebody else.
type authority struct {
	caPEM, serverPEM, serverKey string // files
	foreignPEM                  string // a CA that signed nothing here
	ca                          *x509.Certificate
	caKey                       *ecdsa.PrivateKey
	pool                        *x509.CertPool
	server                      tls.Certificate
}

var makePKI = sync.OnceValues(newAuthority)

func pki(t testing.TB) *authority {
	t.Helper()
	a, err := makePKI()
	if err != nil {
		t.Fatalf("making certificates: %v", err)
	}
	return a
}

func newAuthority() (*authority, error) {
	caKey, ca, caDER, err := newCA("jamf-ldap-proxy test CA")
	if err != nil {
		return nil, err
	}
	_, _, foreignDER, err := newCA("somebody else's CA")
	if err != nil {
		return nil, err
	}
	a := &authority{ca: ca, caKey: caKey, pool: x509.NewCertPool()}
	a.pool.AddCert(ca)
	serverPEM, serverKey, server, err := a.issue(2)
	if err != nil {
		return nil, err
	}
	a.server = server
	for _, file := range []struct {
		path *string
		name string
		text []byte
	}{
		{&a.caPEM, "ca.pem", encode("CERTIFICATE", caDER)},
		{&a.foreignPEM, "foreign-ca.pem", encode("CERTIFICATE", foreignDER)},
		{&a.serverPEM, "server.pem", serverPEM},
		{&a.serverKey, "server.key", serverKey},
	} {
		*file.path = filepath.Join(workDir, file.name)
		if err := os.WriteFile(*file.path, file.text, 0o600); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// issue makes a server certificate for 127.0.0.1 and serverHost.
func (a *authority) issue(serial int64) (certPEM, keyPEM []byte, pair tls.Certificate, err error) {
	return a.issueUntil(serial, time.Now().Add(48*time.Hour))
}

func (a *authority) issueUntil(serial int64, end time.Time) (certPEM, keyPEM []byte, pair tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, pair, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: serverHost},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{serverHost},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.ca, &key.PublicKey, a.caKey)
	if err != nil {
		return nil, nil, pair, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, pair, err
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func newCA(name string) (*ecdsa.PrivateKey, *x509.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(48 * time.Hour),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return key, cert, der, err
}
