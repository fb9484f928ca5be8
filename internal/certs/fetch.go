package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

// Chain is what a server presented.
type Chain struct {
	Target       Target
	Certificates []*x509.Certificate // as it sent them, its own first; at least one
	Version      uint16              // of TLS
	Refused      error               // the server ended the handshake behind them, or nil
}

// Fetch shakes hands with a server and returns the certificates that it sends,
// whatever they are worth: nothing is verified, and nothing but StartTLS is
// asked. It ends with ctx. Its errors are of type *Error.
func Fetch(ctx context.Context, t Target) (*Chain, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return nil, t.explainDial(fmt.Errorf("connecting to %s: %w", t, err))
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if t.StartTLS {
		if _, err := AskStartTLS(conn); err != nil {
			return nil, t.explainStartTLS(fmt.Errorf("asking %s for StartTLS: %w", t, inTime(ctx, err)))
		}
	}
	chain := &Chain{Target: t}
	client := tls.Client(conn, &tls.Config{
		ServerName: t.Name,
		// Judge verifies. Old versions are offered so that a server which knows
		// no better can be told from one that knows no TLS.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		VerifyConnection: func(s tls.ConnectionState) error {
			chain.Certificates, chain.Version = s.PeerCertificates, s.Version
			return nil
		},
	})
	// A server that wants a certificate of us, too, shows its own before it refuses.
	chain.Refused = client.HandshakeContext(ctx)
	if len(chain.Certificates) == 0 {
		return nil, t.explainTLS(fmt.Errorf("shaking hands with %s: %w", t, inTime(ctx, chain.Refused)))
	}
	return chain, nil
}

// errSilent is wrapped by the error of a server that has taken the connection
// and said nothing more.
var errSilent = errors.New("no answer in time")

func inTime(ctx context.Context, err error) error {
	if isTimeout(ctx.Err()) {
		return errSilent
	}
	return err
}

// errRefused is wrapped by the error of a server that does not switch to TLS.
var errRefused = errors.New("the server refuses")

// AskStartTLS asks for the switch to TLS, RFC 4511 section 4.14, and returns how
// many bytes came behind the answer, in clear text. Whoever trusts the server has to
// hang up if there are any; here, where nobody is trusted, they are no danger.
func AskStartTLS(conn net.Conn) (behind int, err error) {
	const id, limit = 1, 64 << 10 // an answer of one line
	body := ldap.AppendExtendedRequest(nil, ldap.OIDStartTLS)
	if _, err := conn.Write(ldap.AppendOperation(nil, id, ldap.OpExtendedRequest, body, nil)); err != nil {
		return 0, err
	}
	framer := ldap.NewFramer(conn)
	frame, err := framer.Next(limit, nil)
	if err != nil {
		return 0, err
	}
	m, err := ldap.ParseMessage(frame)
	switch {
	case err != nil:
		return 0, err
	case m.ID != id || m.Op != ldap.OpExtendedResponse:
		return 0, errors.New("the server answers something else")
	}
	result, _, err := ldap.DecodeResult(m.Body)
	switch {
	case err != nil:
		return 0, err
	case result.Code != ldap.Success:
		return 0, fmt.Errorf("%w: %v (%d) %s", errRefused, result.Code, int32(result.Code), result.Diagnostic)
	}
	return framer.Buffered(), nil
}

// VersionName is the version of TLS in words.
func (c *Chain) VersionName() string { return tls.VersionName(c.Version) }

// Notes says what else is remarkable about the server.
func (c *Chain) Notes() []string {
	var notes []string
	if c.Version < tls.VersionTLS12 {
		notes = append(notes, "The server knows only "+c.VersionName()+"; the proxy speaks 1.2 and 1.3, and refuses it.")
	}
	if c.Refused != nil {
		notes = append(notes, "Behind its certificates the server ended the handshake: "+c.Refused.Error()+". It may want a certificate of its clients.")
	}
	return notes
}
