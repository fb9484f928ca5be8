package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
)

// dial connects to the listener as Jamf does, which knows no StartTLS. Over TLS it
// takes nobody but the holder of the configured certificate.
func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.cfg.Address)
	if err != nil || !l.isLDAPS() {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{
		ServerName: cmp.Or(l.jamfHost(), "localhost"), MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // verified below, by more than a name
		VerifyConnection: func(s tls.ConnectionState) error {
			if !l.isOurs(s.PeerCertificates[0].Raw) {
				return errors.New("the certificate is not the configured one")
			}
			return nil
		},
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// connect is dial with LDAP on top.
func (l *listener) connect(ctx context.Context) (*client, error) {
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	return newClient(conn, true), nil
}

// whoAnswers reads the rootDSE, which the proxy shows to everybody.
func (l *listener) whoAnswers(ctx context.Context) *Finding {
	ctx, cancel := limited(ctx, localWait, "on this machine")
	defer cancel()
	const another = "end the other program, or choose another port in listeners.address"
	c, err := l.connect(ctx)
	if err != nil {
		return fail(err.Error(), another)
	}
	defer c.close()
	var found *goldap.SearchResult
	err = c.do(ctx, func() (err error) {
		found, err = c.ldap.Search(at("", "vendorName", "namingContexts"))
		return err
	})
	if err != nil || len(found.Entries) != 1 || found.Entries[0].GetEqualFoldAttributeValue("vendorName") != "jamf-ldap-proxy" {
		return fail("what answers is not this proxy", another)
	}
	base := found.Entries[0].GetEqualFoldAttributeValue("namingContexts")
	if mine := l.o.Config.Upstream.Base; !sameDN(base, mine) {
		return fail(fmt.Sprintf("a proxy for %s, not for %s", base, mine), "restart the proxy: it runs with another configuration")
	}
	l.isProxy = true
	return ok("jamf-ldap-proxy, for %s", base)
}

func sameDN(a, b string) bool {
	x, errX := ldap.ParseDN(a)
	y, errY := ldap.ParseDN(b)
	return errX == nil && errY == nil && x.Equal(y)
}
