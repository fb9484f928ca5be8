package upstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// server is one of upstream.servers.
type server struct {
	name     string      // scheme://host:port, in errors and metrics
	address  string      // host:port, resolved anew at each dial
	tls      *tls.Config // of ldaps and StartTLS, else nil; see clientTLS
	roots    *roots      // nil: the system's
	startTLS bool
	local    bool // plain text is spoken, and only to this machine

	// Guarded by Pool.mu.
	health
	lastError string    // of the last dial that failed
	tlsEnd    time.Time // of the certificate presented last
	spares    []*link
	lost      backoff // spares that the server closed
	dialing   int
	waiting   int // of Pool.wants
}

// parseServers turns the configuration into servers. All mistakes are reported
// together, each with the key to change.
func parseServers(cfg *Config) ([]*server, error) {
	if len(cfg.Servers) == 0 {
		return nil, errors.New("upstream.servers: none given (an example: ldaps://ldap.jumpcloud.com:636)")
	}
	base, failed := tlsConfig(&cfg.TLS)
	roots, err := newRoots(cfg.TLS.CA)
	failed = errors.Join(failed, err)
	var servers []*server
	for i, text := range cfg.Servers {
		s, err := parseServer(text)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("upstream.servers[%d]: %w", i, err))
			continue
		}
		if err := s.protect(cfg, base); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		s.roots = roots
		servers = append(servers, s)
	}
	return servers, failed
}

// parseServer reads an LDAP URL (RFC 4516) that names a server and nothing
// else. Its errors never repeat the user part, where a password might stand.
func parseServer(text string) (*server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL (want ldaps://host[:636] or ldap://host[:389])")
	}
	port := u.Port()
	switch {
	case u.Scheme == "ldap" && port == "":
		port = "389"
	case u.Scheme == "ldaps" && port == "":
		port = "636"
	}
	number, err := strconv.ParseUint(port, 10, 16)
	switch {
	case u.Scheme != "ldap" && u.Scheme != "ldaps":
		return nil, fmt.Errorf("scheme %q is neither ldap nor ldaps", u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q names no host", u.Redacted())
	case err != nil || number == 0:
		return nil, fmt.Errorf("port %q is not between 1 and 65535", port)
	case u.User != nil:
		return nil, errors.New("a user has no place in the URL")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q has more than a host and a port (the base DN goes into upstream.base)", text)
	}
	address := net.JoinHostPort(u.Hostname(), port)
	return &server{name: u.Scheme + "://" + address, address: address, startTLS: u.Scheme == "ldap"}, nil
}

// protect decides how the server is spoken to. Passwords travel in every bind,
// so that plain text is refused unless it cannot leave this machine or somebody
// wrote down that it may.
func (s *server) protect(cfg *Config, base *tls.Config) error {
	host, _, _ := net.SplitHostPort(s.address)
	if ldaps := !s.startTLS; ldaps || cfg.StartTLS {
		s.tls = base.Clone()
		// One cache for each server: a session of one is of no use to another,
		// and crypto/tls files sessions by ServerName.
		s.tls.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		if s.tls.ServerName == "" {
			s.tls.ServerName = host
		}
		return nil
	}
	s.startTLS = false
	if cfg.AllowPlaintext {
		return nil
	}
	if !isLoopbackName(host) {
		return fmt.Errorf("upstream.servers: %s would carry passwords over the network in plain text "+
			"(write ldaps://, or set upstream.starttls: true; upstream.allow_plaintext: true permits it)", s.name)
	}
	s.local = true
	return nil
}

func isLoopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// isLoopback tells whether a connection ends on this machine.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

var tlsVersions = map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func tlsConfig(cfg *TLSConfig) (*tls.Config, error) {
	out := &tls.Config{ServerName: cfg.ServerName, MinVersion: tls.VersionTLS12}
	var failed error
	version, ok := tlsVersions[cfg.MinVersion]
	if !ok {
		failed = fmt.Errorf("upstream.tls.min_version: %q is neither 1.2 nor 1.3", cfg.MinVersion)
	} else {
		out.MinVersion = version
	}
	return out, failed
}

// tlsExpiry is when the certificate that the server presented ends.
func (l *link) tlsExpiry() (time.Time, bool) {
	t, ok := l.conn.(*tls.Conn)
	if !ok {
		return time.Time{}, false
	}
	return t.ConnectionState().PeerCertificates[0].NotAfter, true
}
