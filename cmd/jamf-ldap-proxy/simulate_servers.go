package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/dial"
	"jamf-ldap-proxy/internal/ldap"
)

// twoServers are the directory and the proxy before it, as a configuration names
// them or flags do.
type twoServers struct {
	config, direct, proxy, under, ca string
}

func (o *twoServers) register(f *pflag.FlagSet) {
	f.StringVar(&o.config, "config", "", "configuration file (YAML), which names both servers")
	f.StringVar(&o.direct, "direct", "", "directory, ldaps://HOST or ldap://HOST; default: upstream.servers")
	f.StringVar(&o.proxy, "proxy", "", "proxy, likewise; default: the first listener")
	f.StringVar(&o.under, "base", "", "DN in place of upstream.base; default without it: above --dn")
	f.StringVar(&o.ca, "ca", "", "PEM file of trusted roots, for --direct and --proxy")
}

// load reads the configuration, if there is one.
func (o *twoServers) load(notes output) (config.Config, error) {
	if o.config == "" {
		if o.direct == "" && o.proxy == "" {
			return config.Config{}, &usageError{
				errors.New("it is not known whom to ask: there is no --config, and neither --direct nor --proxy"),
				"--config FILE, or --direct URL and --proxy URL",
			}
		}
		return config.Config{}, nil
	}
	cfg, err := loadConfig(o.config)
	if err != nil {
		return cfg, err
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(notes, "Warning: %s\n", warning)
	}
	return cfg, nil
}

// open finds out where the two servers are; one of them may be nil.
func (o *twoServers) open(cfg config.Config) (direct, proxied *dial.Server, err error) {
	switch {
	case o.direct != "":
		direct, err = serverAt("--direct", o.direct, o.ca)
	case o.config != "":
		direct, err = upstreamServer(cfg)
	}
	if err != nil {
		return nil, nil, err
	}
	switch {
	case o.proxy != "":
		proxied, err = serverAt("--proxy", o.proxy, o.ca)
	case o.config != "":
		proxied, err = ownListener(cfg, o.ca)
	}
	return direct, proxied, err
}

// base is where users and groups are; "" if nobody said so.
func (o *twoServers) base(cfg config.Config, dn string) string {
	if o.under != "" {
		return o.under
	}
	if cfg.Upstream.Base != "" {
		return cfg.Upstream.Base
	}
	if parsed, err := ldap.ParseDN(dn); err == nil && len(parsed) > 1 {
		return parsed.Parent().String()
	}
	return ""
}

// serverAt is a server that a flag names. Plain text goes no farther than this
// machine.
func serverAt(flag, address, ca string) (*dial.Server, error) {
	options := dial.Options{URL: address, CA: ca}
	if u, err := url.Parse(address); err == nil {
		options.StartTLS = u.Scheme == "ldap" && !onThisMachine(u.Hostname())
	}
	s, err := dial.New(options)
	if err != nil {
		return nil, &usageError{fmt.Errorf("%s: %w", flag, err), flag + " ldaps://HOST:636"}
	}
	return s, nil
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// upstreamServer is the first of the configuration's directory.
func upstreamServer(cfg config.Config) (*dial.Server, error) {
	up := &cfg.Upstream
	s, err := dial.New(dial.Options{
		URL: up.Servers[0], StartTLS: up.StartTLS && strings.HasPrefix(up.Servers[0], "ldap://"), AllowPlaintext: up.AllowPlaintext,
		CA: up.TLS.CA, ServerName: up.TLS.ServerName, MinVersion: up.TLS.MinVersion,
	})
	if err != nil {
		return nil, &usageError{fmt.Errorf("upstream.servers: %w", err), "--direct URL"}
	}
	return s, nil
}

// ownListener is where the proxy of the configuration listens. Its certificate is
// trusted because the configuration names its file, and under the name that is in it.
func ownListener(cfg config.Config, ca string) (*dial.Server, error) {
	l := cfg.Listeners[0]
	if strings.HasSuffix(l.Address, ":0") {
		return nil, &usageError{fmt.Errorf("listeners[0].address %s does not tell the port", l.Address), "--proxy URL"}
	}
	options := dial.Options{URL: l.Protocol + "://" + reachable(l.Address), CA: ca}
	host, _, _ := net.SplitHostPort(reachable(l.Address))
	switch {
	case l.Protocol == "ldaps", l.TLS.Certificate != "" && !onThisMachine(host):
		options.StartTLS = l.Protocol == "ldap"
		if cert, err := readCertificate(l.TLS.Certificate); err == nil && ca == "" {
			options.CA, options.ServerName = l.TLS.Certificate, nameIn(cert)
		}
	default:
		options.AllowPlaintext = true // an address of this machine
	}
	s, err := dial.New(options)
	if err != nil {
		return nil, &usageError{fmt.Errorf("listeners[0].address %s: %w", l.Address, err), "--proxy URL"}
	}
	return s, nil
}

// nameIn is a name that a certificate is for; "" if it tells none.
func nameIn(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return ""
}

// readCertificate returns the first certificate of a PEM file, which is a server's
// own.
func readCertificate(file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s does not begin with a PEM certificate", file)
	}
	return x509.ParseCertificate(block.Bytes)
}
