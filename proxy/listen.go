package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"
)

// ListenOptions is what Serve has to know of a listener besides its socket.
type ListenOptions struct {
	Name       string         // for the log
	TLS        *tls.Config    // nil: StartTLS is not offered
	Implicit   bool           // ldaps: the handshake comes first
	RequireTLS bool           // a bind with a password needs TLS before it
	Allow      []netip.Prefix // client addresses accepted; empty: all
	ProxyFrom  []netip.Prefix // peers that have to send a PROXY header first

	// Internal is where the proxy asks itself whether it answers: no client, in no
	// limit and no record.
	Internal bool

	certificate *followed[*tls.Certificate] // nil when the caller made TLS
	clientRoots *followed[*x509.CertPool]   // nil when clients need no certificate
}

// CertificateExpiry returns the end of the certificate's validity as it is
// presented now, and the zero time when there is none.
func (o *ListenOptions) CertificateExpiry() time.Time {
	if c := o.certificate.get(); c != nil {
		return c.Leaf.NotAfter
	}
	return time.Time{}
}

// logTo is where the files tell that they have changed.
func (o *ListenOptions) logTo(log *zap.Logger) {
	o.certificate.logTo(log)
	o.clientRoots.logTo(log)
}

func (o *ListenOptions) allows(addr netip.Addr) bool {
	return len(o.Allow) == 0 || within(o.Allow, addr)
}

// awaitsHeader tells whether a peer is a load balancer that has to say for whom
// it speaks.
func (o *ListenOptions) awaitsHeader(peer netip.Addr) bool { return within(o.ProxyFrom, peer) }

func within(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Listen opens the socket that cfg describes and loads its certificate.
func Listen(cfg ListenerConfig) (net.Listener, ListenOptions, error) {
	o, err := Options(cfg)
	if err != nil {
		return nil, o, err
	}
	l, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, o, fmt.Errorf("opening listener %s: %w", cfg.Address, err)
	}
	o.Name = l.Addr().String()
	return l, o, nil
}

// Options makes of cfg all but the socket, for one that is open already. Name
// is the configured address.
func Options(cfg ListenerConfig) (ListenOptions, error) {
	o := ListenOptions{
		Name: cfg.Address, Allow: cfg.Allow, ProxyFrom: cfg.ProxyProtocol.From,
		Implicit: cfg.Protocol == "ldaps", RequireTLS: cfg.RequireTLS || cfg.TLS.ClientCA != "",
	}
	switch {
	case cfg.TLS.Certificate != "" || cfg.TLS.Key != "":
		if err := o.secure(&cfg.TLS); err != nil {
			return o, fmt.Errorf("loading certificate of listener %s: %w", cfg.Address, err)
		}
	case o.Implicit:
		return o, fmt.Errorf("listener %s: protocol ldaps needs tls.certificate and tls.key", cfg.Address)
	case o.RequireTLS:
		return o, fmt.Errorf("listener %s: require_tls needs tls.certificate and tls.key", cfg.Address)
	}
	return o, nil
}

// secure makes the TLS side of a listener.
func (o *ListenOptions) secure(cfg *ListenerTLS) error {
	files := cfg.Server()
	pair, err := follow("listener certificate", files.load, files.Certificate, files.Key)
	if err != nil {
		return err
	}
	o.certificate = pair
	o.TLS = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.get(), nil },
	}
	if cfg.ClientCA == "" {
		return nil
	}
	return o.askClients(cfg)
}

// load reads the pair.
func (files ServerTLS) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", files.Certificate, files.Key, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, err
		}
	}
	return &pair, nil
}
