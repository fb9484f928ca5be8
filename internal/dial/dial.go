// Package dial connects commands that ask a directory, as one of its clients, to
// the directory or to the proxy: TCP, then TLS or StartTLS if they are wanted.
//
// What the proxy itself connects with is internal/upstream, which has a pool and
// spares; the rules are the same. Passwords travel over these connections, so
// plain text goes to this machine only, unless somebody says otherwise.
package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"jamf-ldap-proxy/internal/certs"
)

// Options say where a server is, and how it is trusted.
type Options struct {
	URL            string // ldap://host[:389] or ldaps://host[:636]
	StartTLS       bool   // switch to TLS before anything else is sent; of ldap:// only
	AllowPlaintext bool   // ldap:// without StartTLS to other machines, too
	CA             string // PEM file of trusted roots; "": the system's
	ServerName     string // expected in the certificate; "": the host of URL
	MinVersion     string // of TLS: 1.2, which is also "", or 1.3
}

// Server is where to connect.
type Server struct {
	url      string
	address  string
	tls      *tls.Config // nil: plain text
	startTLS bool
	local    bool // plain text, for this machine
}

// New checks the options and reads the roots. It connects to nothing.
func New(o Options) (*Server, error) {
	if !strings.Contains(o.URL, "://") {
		return nil, fmt.Errorf("%q is no URL of a server; write ldaps://HOST:PORT or ldap://HOST:PORT", o.URL)
	}
	target, err := certs.ParseTarget(o.URL)
	if err != nil {
		return nil, fmt.Errorf("%w; write ldaps://HOST:PORT or ldap://HOST:PORT", err)
	}
	s := &Server{url: target.String(), address: target.Address}
	plain := target.StartTLS // how certs reads ldap://
	switch {
	case plain && o.StartTLS:
		s.startTLS = true
	case plain && !o.AllowPlaintext && !isThisMachine(target.Name):
		return nil, fmt.Errorf("%s would carry passwords over the network in plain text", s.url)
	case plain:
		s.local = !o.AllowPlaintext
		return s, nil
	}
	s.tls, err = tlsConfig(o, target.Name)
	return s, err
}

func tlsConfig(o Options, host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if o.MinVersion == "1.3" {
		c.MinVersion = tls.VersionTLS13
	}
	if o.CA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(o.CA)
	if err != nil {
		return nil, fmt.Errorf("reading trusted roots: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading trusted roots: %s holds no PEM certificate", o.CA)
	}
	return c, nil
}

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// String is the server as a URL.
func (s *Server) String() string { return s.url }

// Dial connects. It ends with ctx, which should have an end; the connection does not.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	secured, err := s.secure(ctx, conn)
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, explain(err)
	}
	return secured, nil
}

func (s *Server) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if s.tls == nil {
		if to, isTCP := conn.RemoteAddr().(*net.TCPAddr); s.local && (!isTCP || !to.IP.IsLoopback()) {
			return nil, fmt.Errorf("%v is not this machine, and passwords are not sent elsewhere in plain text", conn.RemoteAddr())
		}
		return conn, nil
	}
	if s.startTLS {
		if err := startTLS(ctx, conn); err != nil {
			return nil, fmt.Errorf("starting TLS: %w", err)
		}
	}
	secured := tls.Client(conn, s.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("shaking hands over TLS: %w", err)
	}
	return secured, nil
}

// explain adds what is most likely wrong to the failure of a handshake.
func explain(err error) error {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("%w (if the server is the right one, name the PEM file of its root)", err)
	case errors.As(err, &hostname):
		return fmt.Errorf("%w (connect by a name that is in the certificate)", err)
	case errors.As(err, &record):
		return fmt.Errorf("%w (no TLS on this port? write ldap://, with StartTLS if it is offered)", err)
	}
	return err
}
