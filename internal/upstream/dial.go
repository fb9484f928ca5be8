package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/ldap"
)

// dial connects to the first server that answers, in the configured order. The
// connection is anonymous and has carried nothing.
func (p *Pool) dial(ctx context.Context) (*link, error) {
	var failed allFailed
	timeouts := 0
	for _, s := range p.servers {
		l, err := p.dialServer(ctx, s)
		if err == nil {
			return l, nil
		}
		if err.Timeout {
			timeouts++
		}
		failed = append(failed, err)
		if ctx.Err() != nil || p.base.Err() != nil {
			break
		}
	}
	if len(failed) == 1 {
		return nil, failed[0]
	}
	return nil, &Error{Doing: "trying every server", Err: failed, Timeout: timeouts == len(failed)}
}

// dialServer gives one server upstream.connect_timeout for everything that
// comes before the first request: DNS, TCP, StartTLS and TLS.
func (p *Pool) dialServer(ctx context.Context, s *server) (*link, *Error) {
	p.observer.connection(s, stateDialing, +1)
	defer p.observer.connection(s, stateDialing, -1)
	dialing, cancel := context.WithTimeoutCause(ctx, p.cfg.ConnectTimeout,
		&timeoutError{what: "no connection", knob: "upstream.connect_timeout", after: p.cfg.ConnectTimeout})
	defer cancel()
	defer context.AfterFunc(p.base, cancel)() // Pool.Close ends dials too

	l, err := s.connect(dialing)
	switch {
	case err == nil:
	case p.base.Err() != nil:
		return nil, &Error{Server: s.name, Doing: "dialing", Err: ErrClosed}
	case dialing.Err() != nil:
		err = fmt.Errorf("%w: %w", context.Cause(dialing), err)
	}
	if err != nil {
		failed := &Error{Server: s.name, Doing: "dialing", Err: withHint(s, err), Timeout: isTimeout(err)}
		if ctx.Err() == nil { // a caller who left says nothing about the server
			p.report(s, failed)
		}
		return nil, failed
	}
	p.adopt(l)
	p.report(s, nil)
	if end, ok := l.tlsExpiry(); ok {
		p.observer.tlsExpiry(s, end)
	}
	return l, nil
}

// report passes on whether the server answers, and logs it when that changes.
func (p *Pool) report(s *server, failed *Error) {
	now := int32(serverUp)
	if failed != nil {
		now = serverDown
	}
	p.observer.up(s, failed == nil)
	switch before := s.up.Swap(now); {
	case before == now:
	case failed != nil:
		p.log.Warn("upstream does not answer", zap.String("server", s.name), zap.Error(failed))
	default:
		p.log.Info("upstream answers", zap.String("server", s.name))
	}
}

// connect returns a connection that is ready for the first request.
func (s *server) connect(ctx context.Context) (*link, error) {
	// A peer that vanished is noticed within two minutes even when idle. Go
	// resolves at each call, spreads the time over the addresses of a name and
	// sets TCP_NODELAY.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4,
	}}
	tcp, err := dialer.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	l := newLink(s, tcp)
	if err := l.secure(ctx); err != nil {
		l.cut()
		return nil, err
	}
	return l, nil
}

// secure brings the connection to the protection its server is configured
// with. It does so or fails: nothing continues in clear text that was meant to
// be encrypted.
func (l *link) secure(ctx context.Context) error {
	s := l.server
	if s.tls == nil {
		if s.local && !isLoopback(l.tcp.RemoteAddr()) {
			return fmt.Errorf("%v is not on this machine, and plain text goes nowhere else "+
				"(see upstream.starttls, upstream.allow_plaintext)", l.tcp.RemoteAddr())
		}
		return nil
	}
	if s.startTLS {
		if err := l.startTLS(ctx); err != nil {
			return fmt.Errorf("starting TLS: %w", err)
		}
	}
	t := tls.Client(l.tcp, s.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("shaking hands over TLS: %w", err)
	}
	l.speakTLS(t)
	return nil
}

// startTLS asks for the switch to TLS, RFC 4511 section 4.14.
func (l *link) startTLS(ctx context.Context) error {
	const limit = 64 << 10 // an answer of one line
	stop := context.AfterFunc(ctx, func() { _ = l.tcp.SetReadDeadline(longAgo) })
	defer stop()

	id := l.nextID()
	body := ldap.AppendExtendedRequest(nil, ldap.OIDStartTLS)
	message := ldap.AppendOperation(nil, id, ldap.OpExtendedRequest, body, nil)
	if err := l.write(message, writeTimeout); err != nil {
		return err
	}
	m, err := l.read(limit)
	if err != nil {
		return hangUpText(err)
	}
	if m.ID != id || m.Op != ldap.OpExtendedResponse {
		return errors.New("server answers something else")
	}
	result, _, err := ldap.DecodeResult(m.Body)
	if err != nil {
		return err
	}
	if result.Code != ldap.Success {
		return fmt.Errorf("server refuses: %s (see upstream.starttls)", describeResult(result))
	}
	// What stands behind the answer came in clear text and would be read as if
	// it had come encrypted: the injection of CVE-2011-0411 and its relatives.
	if l.framer.Buffered() > 0 {
		return errors.New("server sends data between its answer and the handshake")
	}
	if !stop() {
		return context.Cause(ctx)
	}
	return l.tcp.SetReadDeadline(time.Time{})
}
