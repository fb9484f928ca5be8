package certs

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// The kinds of trouble with a chain.
const (
	UnknownAuthority = "unknown-authority"
	NameMismatch     = "name-mismatch"
	Expired          = "expired"
	NotYetValid      = "not-yet-valid"
	Unusable         = "unusable" // anything else
)

// Problem is a reason not to trust a chain, and what to do about it here and in
// Jamf.
type Problem struct {
	Kind string `json:"kind"`
	Why  string `json:"why"`
	Try  string `json:"try,omitempty"`
	Jamf string `json:"jamf,omitempty"`
}

func wrongName(c *x509.Certificate, name string) Problem {
	const makeOne = "; for a listener of this proxy, jamf-ldap-proxy cert create makes one"
	list := names(c)
	if len(c.DNSNames)+len(c.IPAddresses) == 0 {
		return Problem{
			Kind: NameMismatch, Why: "it has no subject alternative name, so that it is for no server at all",
			Try:  "have the server's owner replace it" + makeOne,
			Jamf: "the same: Java may take such a certificate, the proxy does not",
		}
	}
	return Problem{
		Kind: NameMismatch, Why: fmt.Sprintf("it is for %s, not for %s", strings.Join(list[:min(len(list), 20)], ", "), name),
		Try: "name the server by one of these names in upstream.servers, or, if it is the right one, set upstream.tls.server_name: " +
			strings.Replace(list[0], "*", "ldap", 1) + makeOne + " for other names",
		Jamf: "the server's name there has to be one of these names; no setting overrides that",
	}
}

func wrongTime(c *x509.Certificate, i int, now time.Time) Problem {
	const day = "2006-01-02 15:04 UTC"
	clock := now.UTC().Format(day)
	p := Problem{
		Kind: Expired, Why: fmt.Sprintf("certificate %d ended on %s, and it is %s now", i+1, c.NotAfter.UTC().Format(day), clock),
		Try:  "have the server's owner renew it, or set the clock of this machine; for a listener of this proxy, jamf-ldap-proxy cert create --force renews it",
		Jamf: "nothing to set: Jamf refuses it as well",
	}
	if now.Before(c.NotBefore) {
		p.Kind = NotYetValid
		p.Why = fmt.Sprintf("certificate %d begins on %s, and it is %s now", i+1, c.NotBefore.UTC().Format(day), clock)
		p.Try = "set the clock of this machine, or wait"
	}
	return p
}

func unknownAuthority(err error, last *x509.Certificate, missing string) Problem {
	p := Problem{Kind: UnknownAuthority, Why: strings.TrimPrefix(err.Error(), "x509: ")}
	if missing != "" {
		p.Try = "get the certificate of " + missing + ", which the server does not send, from the server's owner, and name its PEM file in upstream.tls.ca"
		p.Jamf = "upload that certificate under Use SSL"
		return p
	}
	p.Try = "have the server's owner confirm the SHA-256 of the last certificate, " + fingerprint(last) + ", then save it (--out FILE) and name the file in upstream.tls.ca"
	p.Jamf = "upload that certificate under Use SSL"
	return p
}
