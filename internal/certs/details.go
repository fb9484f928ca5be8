package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// Details are what an administrator wants to know of a certificate. Text that
// its maker chose is made safe to print: on one line, and nothing in it that a
// terminal obeys.
type Details struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names"` // subject alternative names; DNS names and addresses as they are
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	DaysLeft  int       `json:"days_left"` // whole ones; negative when it has ended
	Key       string    `json:"key"`       // such as ECDSA P-256 or RSA 2048
	CA        bool      `json:"ca"`
	Root      bool      `json:"root"`   // its issuer is itself
	SHA256    string    `json:"sha256"` // as openssl writes it
	PEM       string    `json:"pem"`
}

// maxName bounds a name in Details, in bytes.
const maxName = 300

// Describe returns the details of a certificate, with the days left from now.
func Describe(c *x509.Certificate, now time.Time) Details {
	return Details{
		Subject: lookup.Clip(c.Subject.String(), maxName), Issuer: lookup.Clip(c.Issuer.String(), maxName), Names: names(c),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		DaysLeft: int(math.Floor(c.NotAfter.Sub(now).Hours() / 24)),
		Key:      keyKind(c.PublicKey), CA: c.IsCA, Root: isRoot(c), SHA256: fingerprint(c), PEM: string(encode(c)),
	}
}

// names returns the subject alternative names.
func names(c *x509.Certificate) []string {
	list := make([]string, 0, len(c.DNSNames)+len(c.IPAddresses))
	for _, name := range c.DNSNames {
		list = append(list, lookup.Clip(name, maxName))
	}
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	for _, mail := range c.EmailAddresses {
		list = append(list, "email:"+lookup.Clip(mail, maxName))
	}
	for _, uri := range c.URIs {
		list = append(list, "URI:"+lookup.Clip(uri.Redacted(), maxName))
	}
	return list
}

func keyKind(public any) string {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

// isRoot tells whether a certificate names itself as its issuer.
func isRoot(c *x509.Certificate) bool { return string(c.RawSubject) == string(c.RawIssuer) }

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
