package proxy

import (
	"bufio"
	"container/list"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pires/go-proxyproto"
	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/ldap"
)

// A load balancer tells for whom it speaks in a PROXY protocol header, version 1
// or 2 (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt), before the
// client's first octet and below TLS. Whoever may send one can claim any
// address, so that the peers are a list, and for those on it there is no going
// without: a client that reaches the port past the balancer would be counted as
// the balancer.
//
// A version 1 header has at most 107 octets and has to arrive in one piece, as
// the protocol demands of its sender; one of version 2 has at most 16+4096. What
// it says besides the client's address, TLVs and the address that the client
// had connected to, is not used.

// headerBuffer is what a connection takes while its header is awaited.
const headerBuffer = 256

// headless is a connection whose PROXY header is not there yet. It counts
// against limits.connections only, and is the first to make room there: half
// headers, however many, keep nobody out who says who he is.
type headless struct {
	conn    net.Conn
	place   *list.Element // in Server.headless; guarded by Server.mu
	evicted bool          // the same
}

// admitHeadless waits for the header in a goroutine of its own, and then goes on
// with admitClient.
func (s *Server) admitHeadless(conn net.Conn, peer netip.AddrPort, o *ListenOptions) {
	h := &headless{conn: conn}
	switch s.registerHeadless(h) {
	case ConnectionAccepted:
		go s.awaitHeader(h, peer, o)
	case ConnectionLimit:
		s.turnAway(conn, peer, o, ConnectionLimit, "limits.connections", s.settings().Limits.Connections)
	default: // shutting down
		_ = conn.Close()
	}
}

func (s *Server) registerHeadless(h *headless) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return ""
	case !s.hasRoom(s.settings().Limits.Connections):
		return ConnectionLimit
	}
	h.place = s.headless.PushBack(h)
	s.running.Add(1)
	return ConnectionAccepted
}

// hasRoom tells whether one more connection may be counted in, and makes room
// for it where it can. The caller holds s.mu.
func (s *Server) hasRoom(limit int) bool {
	if limit <= 0 || len(s.sessions)+s.headless.Len() < limit {
		return true
	}
	oldest := s.headless.Front()
	if oldest == nil {
		return false
	}
	h := s.headless.Remove(oldest).(*headless)
	h.evicted = true
	_ = h.conn.Close()
	return true
}

// forgetHeadless counts the connection out, and tells whether the server has
// closed it meanwhile, and whether that was to make room.
func (s *Server) forgetHeadless(h *headless) (closed, evicted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headless.Remove(h.place) // no more than a look when it was removed before
	return s.stopped || h.evicted, h.evicted
}

func (s *Server) awaitHeader(h *headless, peer netip.AddrPort, o *ListenOptions) {
	defer s.running.Done()
	defer func() {
		if p := recover(); p != nil {
			s.forgetHeadless(h)
			_ = h.conn.Close()
			s.reportPanic(p, 0)
		}
	}()
	wait := s.settings().Limits.ProxyHeader
	_ = h.conn.SetReadDeadline(time.Now().Add(wait)) // a session sets its own
	client, conn, err := readProxyHeader(h.conn)
	closed, evicted := s.forgetHeadless(h)
	switch {
	case evicted:
		s.metrics.ClientConnection(ConnectionLimit)
		s.logRefusal("too many connections (limits.connections), and the PROXY header of this one had not come", peer, o,
			s.settings().Limits.Connections)
		fallthrough
	case closed, errors.Is(err, errNothingSent):
		_ = h.conn.Close()
	case err != nil:
		s.refuseHeader(err, h.conn, peer, o)
	case !client.IsValid():
		s.admitClient(conn, peer, o)
	default:
		s.admitClient(conn, client, o)
	}
}

// refuseHeader is for a peer that had to send a header and did not. It tells an
// LDAP client why, because that is most likely an administrator's own.
func (s *Server) refuseHeader(err error, conn net.Conn, peer netip.AddrPort, o *ListenOptions) {
	const knob = "the peer is in listeners.proxy_protocol.from"
	why := fmt.Sprintf("%s, but its PROXY header is not valid: %v", knob, err)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		why = knob + ", but no whole PROXY header came within limits.proxy_header"
	case errors.Is(err, proxyproto.ErrNoProxyProtocol):
		why = knob + ", but sent no PROXY header: let the load balancer send one (HAProxy: send-proxy), or take the address off the list"
	}
	s.metrics.ClientConnection(ConnectionProxyHeader)
	s.logRefusal(why, peer, o, 0)
	s.tellWhy(conn, o, ldap.ProtocolError, "a PROXY header was due (listeners.proxy_protocol)")
}

var (
	// A load balancer's simplest check, or a port scan: connect and close.
	errNothingSent = errors.New("connection ended before its first octet")
	errNotTCP      = errors.New("the client's address is not one of TCP")
)

// readProxyHeader reads the header at the beginning of conn, and no further than
// what came together with it, which rest hands out again. The client is the zero
// AddrPort when the peer speaks for itself (LOCAL), as in its checks, or does not
// know (UNKNOWN).
func readProxyHeader(conn net.Conn) (client netip.AddrPort, rest net.Conn, err error) {
	r := bufio.NewReaderSize(conn, headerBuffer)
	if _, err := r.Peek(1); err != nil {
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			err = errNothingSent
		}
		return client, nil, err
	}
	header, err := proxyproto.Read(r)
	if err != nil {
		return client, nil, err
	}
	if client, err = clientOf(header); err != nil {
		return client, nil, err
	}
	behind, _ := r.Peek(r.Buffered())
	if len(behind) == 0 {
		return client, conn, nil
	}
	early := append([]byte(nil), behind...)
	clear(behind) // it may hold a password
	return client, &behindHeader{Conn: conn, early: early}, nil
}

func clientOf(h *proxyproto.Header) (netip.AddrPort, error) {
	if h.Command.IsLocal() { // UNKNOWN too
		return netip.AddrPort{}, nil
	}
	source, _, ok := h.TCPAddrs()
	if !ok {
		return netip.AddrPort{}, errNotTCP
	}
	client := source.AddrPort()
	return netip.AddrPortFrom(client.Addr().Unmap(), client.Port()), nil
}

// behindHeader is a connection of which early has been read already.
type behindHeader struct {
	net.Conn
	early []byte
}

// Read implements net.Conn.
func (c *behindHeader) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	clear(c.early[:n])
	c.early = c.early[n:]
	return n, nil
}

// CloseWrite is for linger.
func (c *behindHeader) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// looksLikeHeader tells by the first octet what cannot be LDAP or TLS. Behind a
// load balancer that nobody has listed it is a header.
func looksLikeHeader(first byte) bool {
	return first == proxyproto.SIGV1[0] || first == proxyproto.SIGV2[0]
}

// logUnexpectedHeader says so, with the knob.
func logUnexpectedHeader(log *zap.Logger) {
	log.Warn("client sent what looks like a PROXY header: list its address in listeners.proxy_protocol.from if it is a load balancer")
}
