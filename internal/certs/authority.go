package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

const (
	authorityYears = 10
	// MaxDays is how long a server certificate may be valid: Apple's systems
	// refuse one that lasts longer.
	MaxDays = 825
	// DefaultDays leaves a month beyond a yearly renewal.
	DefaultDays = 397

	day = 24 * time.Hour
	// backdated is how far the beginning lies in the past, for clocks that are slow.
	backdated = time.Hour

	rsaBits          = 2048
	rsaBitsAuthority = 3072 // it has to last for longer
)

// authority signs server certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte // of cert, and of those above it if somebody else made it
}

// newAuthority makes an authority, and its key as PEM. It has a name of its own,
// so that a client which knows another one does not take it for that.
//
// It may sign any name. A name constraint would make a stolen key less useful,
// but a second proxy, or a new name, would need another authority, and with
// it another upload to every Jamf server.
func newAuthority(useRSA bool, now time.Time) (*authority, []byte, error) {
	key, err := newKey(useRSA, rsaBitsAuthority)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"jamf-ldap-proxy"}, CommonName: "jamf-ldap-proxy CA " + rand.Text()[:6]},
		NotBefore: now.Add(-backdated), NotAfter: now.AddDate(authorityYears, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	a := &authority{cert: template, key: key}
	if a.cert, err = a.sign(template, key.Public()); err != nil {
		return nil, nil, err
	}
	a.pem = encode(a.cert)
	text, err := encodeKey(key)
	return a, text, err
}

// parseAuthority reads what newAuthority has made, or what an organisation's
// own authority has.
func parseAuthority(cert, key []byte, now time.Time) (*authority, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	switch c := pair.Leaf; {
	case !ok:
		return nil, errors.New("its key cannot sign")
	case !c.IsCA || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, errors.New("it is the certificate of a server, not of an authority")
	case outside(c, now):
		return nil, fmt.Errorf("it is valid from %s until %s only", c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly))
	}
	a := &authority{cert: pair.Leaf, key: signer}
	for _, der := range pair.Certificate {
		a.pem = append(a.pem, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return a, nil
}

// isRSA tells which kind of key the authority has: its servers get the same,
// so that who accepts the one accepts the other.
func (a *authority) isRSA() bool {
	_, is := a.key.(*rsa.PrivateKey)
	return is
}

// issue makes a server certificate and its key, valid for as long as asked or
// as the authority.
func (a *authority) issue(names hostNames, valid time.Duration, now time.Time) (cert *x509.Certificate, key []byte, err error) {
	private, err := newKey(a.isRSA(), rsaBits)
	if err != nil {
		return nil, nil, err
	}
	begin := now.Add(-backdated)
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"jamf-ldap-proxy"}},
		NotBefore: begin, NotAfter: earliest(now.Add(valid), begin.Add(MaxDays*day-time.Second), a.cert.NotAfter),
		DNSNames: names.dns, IPAddresses: names.ips,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if first := names.first(); len(first) <= 64 { // ub-common-name, RFC 5280
		template.Subject.CommonName = first
	}
	if a.isRSA() {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment // old clients hand over the secret with it
	}
	if cert, err = a.sign(template, private.Public()); err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(private)
	return cert, key, err
}

// check verifies a certificate for each of its names, as a client would: an
// authority of somebody else may not be allowed to sign all of them.
func (a *authority) check(c *x509.Certificate, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.pem)
	for _, name := range names(c) {
		if _, err := c.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now}); err != nil {
			return fmt.Errorf("verifying the certificate for %s: %w", name, err)
		}
	}
	return nil
}

// sign makes a certificate with a random serial number.
func (a *authority) sign(template *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// newKey makes an ECDSA key, or an RSA one for clients that know nothing else.
func newKey(useRSA bool, bits int) (crypto.Signer, error) {
	if useRSA {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, fmt.Errorf("making a key: %w", err)
		}
		return key, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func earliest(times ...time.Time) time.Time {
	first := times[0]
	for _, t := range times[1:] {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

// chain is a server's certificate with its authority's, as a server sends them.
func (a *authority) chain(c *x509.Certificate) []byte {
	return bytes.Join([][]byte{encode(c), a.pem}, nil)
}
