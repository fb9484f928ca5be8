package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// askClients makes the listener demand a certificate of its clients, which the
// roots of cfg.ClientCA have signed for client authentication.
//
// There is no session to resume: a certificate counts by the roots and names of
// now, and a connection of Jamf lives for hours.
func (o *ListenOptions) askClients(cfg *ListenerTLS) error {
	file, names := cfg.ClientCA, cfg.ClientNames
	roots, err := follow("listener client_ca", func() (*x509.CertPool, error) { return loadRoots(file) }, file)
	if err != nil {
		return fmt.Errorf("reading tls.client_ca: %w", err)
	}
	o.clientRoots = roots
	asking := o.TLS.Clone()
	asking.ClientAuth, asking.SessionTicketsDisabled = tls.RequireAndVerifyClientCert, true
	if len(names) > 0 {
		asking.VerifyConnection = func(c tls.ConnectionState) error { return checkClientName(names, c.PeerCertificates[0]) }
	}
	o.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		current := asking.Clone()
		current.ClientCAs = roots.get()
		return current, nil
	}
	return nil
}

func loadRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New(file + " holds no PEM certificate")
	}
	return roots, nil
}

// checkClientName compares whole names. A wildcard in a client's certificate is
// none here: it would stand for clients that nobody has listed.
func checkClientName(allowed []string, leaf *x509.Certificate) error {
	for _, name := range append([]string{leaf.Subject.CommonName}, leaf.DNSNames...) {
		if name != "" && slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, name) }) {
			return nil
		}
	}
	return fmt.Errorf("the client certificate of %q is not in listeners.tls.client_names", leaf.Subject.CommonName)
}
