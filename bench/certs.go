package main

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
	"time"
)

// certificates are made for one run: a CA and a server at 127.0.0.1.
type certificates struct {
	ca, server, key string // PEM files
	both            string // server and key in one file, as HAProxy wants it
	client          *tls.Config
}

func makeCertificates(dir string) (*certificates, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	valid := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
			BasicConstraintsValid: true,
		}
	}
	ca := valid(1, "jamf-ldap-proxy bench CA")
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	server := valid(2, "localhost")
	server.KeyUsage, server.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	server.DNSNames, server.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	serverDER, err := x509.CreateCertificate(rand.Reader, server, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return writeCertificates(dir, caDER, serverDER, keyDER)
}

func writeCertificates(dir string, ca, server, key []byte) (*certificates, error) {
	text := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	c := &certificates{}
	caText, serverText, keyText := text("CERTIFICATE", ca), text("CERTIFICATE", server), text("PRIVATE KEY", key)
	for _, f := range []struct {
		path *string
		name string
		text []byte
	}{
		{&c.ca, "ca.pem", caText}, {&c.server, "server.pem", serverText}, {&c.key, "server.key", keyText},
		{&c.both, "both.pem", append(append([]byte(nil), serverText...), keyText...)},
	} {
		*f.path = filepath.Join(dir, f.name)
		if err := os.WriteFile(*f.path, f.text, 0o600); err != nil {
			return nil, err
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(caText)
	// Without a session cache every handshake is a full one, as Jamf's are.
	c.client = &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	return c, nil
}
