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

// maxDials is the number of dials to one server at a time. A restart of Jamf
// asks for more connections at once than a server, or a firewall before it,
// likes to see.
const maxDials = 16

// startDial begins a dial in a goroutine of its own. It ends in landed or
// failed, whoever waits for it or does not any more. With nobody there, the
// connection becomes a spare if there are fewer than room. p.mu is held.
func (p *Pool) startDial(s *server, room int) {
	s.dialing++
	p.open++
	p.background.Go(func() {
		l, err := p.dialServer(s)
		if err != nil {
			p.failed(s, err)
			return
		}
		p.landed(l, room)
	})
}

// dialServer gives one server upstream.connect_timeout for everything that
// comes before the first request: DNS, TCP, StartTLS and TLS. The connection is
// anonymous, has carried nothing, and counts as a spare.
func (p *Pool) dialServer(s *server) (*link, *Error) {
	p.observer.connection(s, stateDialing, +1)
	defer p.observer.connection(s, stateDialing, -1)
	ctx, cancel := context.WithTimeoutCause(p.base, p.cfg.ConnectTimeout,
		&timeoutError{what: "no connection", knob: "upstream.connect_timeout", after: p.cfg.ConnectTimeout})
	defer cancel()

	l, err := s.connect(ctx)
	switch {
	case err == nil:
	case p.base.Err() != nil:
		return nil, &Error{Server: s.name, Doing: "dialing", Err: ErrClosed}
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if err != nil {
		return nil, &Error{Server: s.name, Doing: "dialing", Err: withHint(s, err), Timeout: isTimeout(err)}
	}
	l.created = p.now()
	l.expires = l.created.Add(p.cfg.Lifetime - spread(p.cfg.Lifetime/10))
	l.state = stateSpare
	p.observer.connection(s, stateSpare, +1)
	if end, ok := l.tlsExpiry(); ok {
		p.observer.tlsExpiry(s, end)
	}
	return l, nil
}

// landed enters a new connection into the books and hands it to who waits, or
// keeps it as a spare. One that comes after Close has cut all others is cut
// here; its user finds it dead.
func (p *Pool) landed(l *link, room int) {
	s := l.server
	p.mu.Lock()
	before := s.state
	s.answered(p.now())
	s.tlsEnd, _ = l.tlsExpiry()
	p.mu.Unlock()
	p.report(s, before, nil)

	p.mu.Lock()
	p.live[l] = struct{}{}
	s.dialing--
	excess := p.allot(l, room)
	cut := p.base.Err() != nil
	p.mu.Unlock()
	p.poke()
	if cut {
		l.cut()
	}
	if excess != nil {
		p.retire(excess, excess.sayGoodbye)
	}
}

// failed takes note of a dial and tells those who waited for it.
func (p *Pool) failed(s *server, err *Error) {
	p.mu.Lock()
	before := s.state
	ours := p.base.Err() != nil // says nothing about the server
	if !ours {
		s.refused(p.now())
		s.lastError = err.Error()
	}
	p.mu.Unlock()
	if !ours {
		p.report(s, before, err)
	}

	p.mu.Lock()
	s.dialing--
	p.open--
	p.disappoint(s, before == down, err)
	p.pump()
	p.mu.Unlock()
	p.poke()
}

// report passes on whether the server answers, and logs it when that changes.
func (p *Pool) report(s *server, before serverState, failed *Error) {
	p.observer.up(s, failed == nil)
	switch {
	case failed != nil && before != down:
		p.log.Warn("upstream does not answer", zap.String("server", s.name), zap.Error(failed))
	case failed == nil && (before == down || before == unknown):
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
	l.below = &belowTLS{Conn: l.tcp}
	t := tls.Client(l.below, s.clientTLS())
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
