package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Roots are what a chain is judged by. The zero value is the system's.
type Roots struct {
	File string
	pool *x509.CertPool
}

// LoadRoots reads a PEM file of trusted roots; an empty name means the system's.
func LoadRoots(file string) (Roots, error) {
	if file == "" {
		return Roots{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return Roots{}, &Error{fmt.Errorf("reading trusted roots: %w", err), "name a PEM file that can be read"}
	}
	roots := Roots{File: file, pool: x509.NewCertPool()}
	if !roots.pool.AppendCertsFromPEM(text) {
		return Roots{}, &Error{fmt.Errorf("%s holds no PEM certificate", file), "name a file that has -----BEGIN CERTIFICATE-----"}
	}
	return roots, nil
}

func (r Roots) String() string {
	if r.File == "" {
		return "the roots that this machine trusts"
	}
	return "the roots in " + r.File
}

// Verdict is what a client that verifies makes of a chain.
type Verdict struct {
	Problems []Problem         // none: it is trusted
	Root     *x509.Certificate // that the chain leads to; nil when it leads nowhere
	Unsent   bool              // the server does not send Root
	Missing  string            // issuer of the last certificate, when it was not sent
}

// Judge verifies a chain as the proxy does. Each kind of trouble is looked for
// by itself: an expired certificate may have the wrong name, too.
func (c *Chain) Judge(roots Roots, now time.Time) Verdict {
	var v Verdict
	own := c.Certificates[0]
	if err := own.VerifyHostname(c.Target.Name); err != nil {
		v.Problems = append(v.Problems, wrongName(own, c.Target.Name))
	}
	root, err := c.verify(roots, now)
	if i := slices.IndexFunc(c.Certificates, func(x *x509.Certificate) bool { return outside(x, now) }); i >= 0 && err != nil {
		late := c.Certificates[i]
		v.Problems = append(v.Problems, wrongTime(late, i, now))
		root, err = c.verify(roots, within(late, now))
	}
	last := c.last()
	if !isRoot(last) {
		v.Missing = Describe(last, now).Issuer
	}
	var (
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case err == nil:
		v.Root, v.Unsent = root, !slices.ContainsFunc(c.Certificates, root.Equal)
	case errors.As(err, &authority):
		v.Problems = append(v.Problems, unknownAuthority(err, last, v.Missing))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && len(v.Problems) > 0:
		// It was said already.
	default:
		v.Problems = append(v.Problems, Problem{
			Kind: Unusable, Why: strings.TrimPrefix(err.Error(), "x509: "), Try: "have the server's owner replace the certificate",
		})
	}
	return v
}

// verify returns the root that the chain leads to. The name is not looked at.
func (c *Chain) verify(roots Roots, now time.Time) (*x509.Certificate, error) {
	between := x509.NewCertPool()
	for _, cert := range c.Certificates[1:] {
		between.AddCert(cert)
	}
	chains, err := c.Certificates[0].Verify(x509.VerifyOptions{Roots: roots.pool, Intermediates: between, CurrentTime: now})
	if err != nil {
		return nil, err
	}
	return chains[0][len(chains[0])-1], nil
}

// last follows the issuers, by name, from the server's own certificate to the
// last one that was sent, whatever the order and whatever else was sent.
func (c *Chain) last() *x509.Certificate {
	at, left := c.Certificates[0], slices.Clone(c.Certificates[1:])
	for !isRoot(at) {
		i := slices.IndexFunc(left, func(x *x509.Certificate) bool { return string(x.RawSubject) == string(at.RawIssuer) })
		if i < 0 {
			break
		}
		at = left[i]
		left = slices.Delete(left, i, i+1)
	}
	return at
}

func outside(c *x509.Certificate, now time.Time) bool {
	return now.Before(c.NotBefore) || now.After(c.NotAfter)
}

// within is the moment nearest to now at which c is valid.
func within(c *x509.Certificate, now time.Time) time.Time {
	if now.After(c.NotAfter) {
		return c.NotAfter
	}
	return c.NotBefore
}
