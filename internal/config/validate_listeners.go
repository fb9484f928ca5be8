package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"jamf-ldap-proxy/proxy"
)

// The protocols of a listener.
const (
	protocolLDAP  = "ldap"
	protocolLDAPS = "ldaps"
)

func (l *loader) validateListeners() {
	if len(l.cfg.Listeners) == 0 {
		l.mistake("listeners", "", "is an empty list, so Jamf could connect nowhere",
			"remove the key to listen on 127.0.0.1:1389, or add an item with an address")
	}
	seen := map[string]int{}
	for i := range l.cfg.Listeners {
		path, c := item("listeners", i), &l.cfg.Listeners[i]
		l.validateListenAddress(path, c.Address, i, seen)
		l.oneOf(join(path, "protocol"), c.Protocol)
		l.validateServerTLS(path, c)
		l.validateClientCertificates(join(path, "tls"), c)
		for _, networks := range [][]netip.Prefix{c.Allow, c.ProxyProtocol.From} {
			for n, prefix := range networks {
				networks[n] = prefix.Masked()
			}
		}
	}
}

func (l *loader) validateListenAddress(path, address string, i int, seen map[string]int) {
	key := join(path, "address")
	if address == "" {
		l.missing(key, "add an address with a port: address: 127.0.0.1:1389")
		return
	}
	if _, ok := l.checkAddress(key, address); !ok {
		return
	}
	if first, twice := seen[address]; twice && !hasPortZero(address) {
		l.mistake(key, address, fmt.Sprintf("is already the address of listeners[%d]", first),
			"give each listener its own port: 1389 and 1636 are usual")
		return
	}
	seen[address] = i
}

func hasPortZero(address string) bool {
	_, port, _ := net.SplitHostPort(address)
	return port == "0"
}

func (l *loader) validateServerTLS(path string, c *proxy.ListenerConfig) {
	section := join(path, "tls")
	certificate, key := join(section, "certificate"), join(section, "key")
	excused := l.isBad(certificate) || l.isBad(key) || l.isExcused(certificate) || l.isExcused(key)
	if c.TLS.Server() == (proxy.ServerTLS{}) && c.Protocol == protocolLDAPS && !excused {
		l.mistake(section, "", "is missing: protocol ldaps needs a certificate",
			"add tls: { certificate: proxy.pem, key: proxy.key }, or use protocol: ldap")
	}
	files := c.TLS.Server()
	l.validateTLSFiles(section, &files)
	c.TLS.Certificate, c.TLS.Key = files.Certificate, files.Key
}

// validateClientCertificates checks what a listener asks of its clients.
func (l *loader) validateClientCertificates(section string, c *proxy.ListenerConfig) {
	ca, names, certificate := join(section, "client_ca"), join(section, "client_names"), join(section, "certificate")
	hasTLS := c.TLS.Certificate != "" || c.Protocol == protocolLDAPS || l.isBad(certificate) || l.isExcused(certificate)
	switch needs := join(parent(section), "require_tls"); {
	case hasTLS:
	case c.TLS.ClientCA != "":
		l.missing(certificate, "clients present a certificate over TLS, which needs one of the proxy, too: name its PEM file here")
	case c.RequireTLS:
		l.mistake(needs, "true", "needs TLS, which this listener does not offer, so nobody could log in",
			"add tls: { certificate: proxy.pem, key: proxy.key }, or remove the key")
	}
	if c.TLS.ClientCA != "" {
		c.TLS.ClientCA = l.absolute(ca, c.TLS.ClientCA)
		l.checkCA(ca, c.TLS.ClientCA, "ask clients for no certificate")
	} else if len(c.TLS.ClientNames) > 0 && !l.isBad(ca) && !l.isExcused(ca) {
		l.missing(ca, "name the PEM file of the authority that issues the certificates of client_names")
	}
	for i, name := range c.TLS.ClientNames {
		if at := item(names, i); strings.TrimSpace(name) == "" || strings.Contains(name, "*") {
			l.mistake(at, name, "is not the name of one client",
				"write the whole DNS name or common name of its certificate, or remove the list to allow all of client_ca")
		}
	}
}

// validateTLSFiles checks what a section tls names, if it names anything.
func (l *loader) validateTLSFiles(section string, files *proxy.ServerTLS) {
	certificate, key := join(section, "certificate"), join(section, "key")
	switch {
	case files.Certificate == "" && files.Key == "":
	case files.Key == "":
		l.missing(key, "name the PEM file with the private key of "+files.Certificate)
	case files.Certificate == "":
		l.missing(certificate, "name the PEM file with the certificate that belongs to the key")
	default:
		files.Certificate = l.absolute(certificate, files.Certificate)
		files.Key = l.absolute(key, files.Key)
		l.checkKeyPair(certificate, key, *files)
	}
}
