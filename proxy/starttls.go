package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"syscall"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/ldap"
)

// startTLS upgrades the connection, RFC 4511 section 4.14. The response leaves
// in clear, then the handshake runs under the write lock, so that nothing else
// can leave in clear behind it.
//
// Octets that came together with the request are not part of a handshake: they
// are clear text that somebody hopes will be taken for protected. The
// connection ends. Afterwards the session is anonymous, because whoever bound
// before did so in clear.
func (o *operation) startTLS() error {
	s := o.session
	if err := o.localControls(); err != nil {
		return err
	}
	switch {
	case s.listener.TLS == nil:
		return errExtended
	case s.tlsOn:
		return errTLSActive
	case s.outstanding():
		return errOutstanding
	case s.framer.Buffered() > 0:
		s.server.log.Warn("closing a connection: octets behind the StartTLS request")
		o.noAnswer()
		s.hangUp(farewell{})
		return nil
	}
	s.running.Wait() // operations that are answered but not quite gone
	s.cursors.drop()
	s.forgetIdentity()
	s.become(startingTLS, nil)
	defer s.become(anonymous, nil)
	return o.upgrade()
}

func (o *operation) upgrade() error {
	s := o.session
	res := &ldap.Result{}
	err := o.finish(res, func(dst []byte) []byte {
		return ldap.AppendExtendedResponse(dst, o.id, res, ldap.OIDStartTLS, nil)
	})
	if err != nil {
		return err
	}
	s.out.mu.Lock()
	err = s.handshake()
	s.out.mu.Unlock()
	if err != nil {
		s.hangUp(farewell{}) // RFC 4511 section 4.14.2 would allow going on in clear; nobody should
		return nil
	}
	s.arm(s.server.settings().Limits.Idle) // the handshake had a deadline of its own
	return nil
}

func (s *session) outstanding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inFlight) > 0
}

// offersStartTLS tells what the rootDSE says.
func (s *session) offersStartTLS() bool { return s.listener.TLS != nil && !s.tlsOn }

// needsTLS tells whether a password must not come yet. It has been read in clear
// then, and is refused so that the client learns of it the first time. With a
// client certificate demanded it is more: without this, who leaves StartTLS out
// would need none.
func (s *session) needsTLS() bool { return s.listener.RequireTLS && !s.tlsOn }

// handshake swaps the connection for its TLS form. Nothing else may use the
// connection meanwhile.
func (s *session) handshake() error {
	s.arm(s.server.settings().Limits.TLSHandshake) // the deadline in force may be an old one about to pass
	s.below = &belowTLS{Conn: s.raw, left: handshakeOctets}
	conn := tls.Server(s.below, s.listener.TLS)
	ctx, cancel := context.WithTimeout(s.ctx, s.server.settings().Limits.TLSHandshake)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		s.handshakeFailed(err)
		return err
	}
	s.below.left = -1
	s.framer.Wipe()
	s.framer = ldap.NewFramer(conn)
	s.out.conn = conn
	s.tlsOn = true
	return nil
}

func (s *session) handshakeFailed(err error) {
	if s.ctx.Err() != nil || s.isClosing() {
		return
	}
	s.server.metrics.ClientConnection(ConnectionTLSFailed)
	log := s.server.log.With(zap.Uint64("conn", s.id), zap.Stringer("client", s.peer), zap.String("listener", s.listener.Name))
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record) && looksLikeHeader(record.RecordHeader[0]):
		logUnexpectedHeader(log)
	case errors.As(err, &record) && record.RecordHeader[0] == 0x30:
		log.Warn("client speaks LDAP without TLS to an ldaps port: tick Use SSL in the client, or point it to a listener with protocol ldap")
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		// A port scan or a load balancer's check: connect, close, or reset as HAProxy does.
	case s.listener.clientRoots != nil:
		log.Warn("TLS handshake with a client failed; this listener asks for a client certificate (listeners.tls.client_ca)", zap.Error(err))
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		log.Warn("TLS handshake with a client did not end within limits.tls_handshake", zap.Error(err))
	default:
		log.Warn("TLS handshake with a client failed", zap.Error(err))
	}
}
