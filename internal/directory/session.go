package directory

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
)

const (
	handshakeTimeout = 10 * time.Second
	messageTimeout   = 30 * time.Second // for the rest of a message that has begun
	drainTimeout     = 5 * time.Second  // for gldap to end a connection
)

// session is one client connection and the gldap connection behind it. Its
// goroutine reads the client's requests in order; a second one, the pump,
// passes gldap's responses on.
type session struct {
	dir    *Directory
	ctx    context.Context // ends when the session is cut
	cancel context.CancelFunc

	raw       net.Conn
	tlsConfig *tls.Config // LDAPS when set
	conn      net.Conn    // raw, or TLS over it
	in        *bufio.Reader
	secure    bool

	writeMu sync.Mutex // a response is written whole

	back *net.TCPConn
	pump chan struct{} // closed when the pump has ended

	mu     sync.Mutex // guards the fields below
	who    *entry     // identity, nil when anonymous
	ops    map[int64]*operation
	lastID int64
	cursor *cursor
}

// operation is a request that gldap is working on.
type operation struct {
	session *session
	msg     *message
	who     *entry // identity when the request arrived
	filter  filter // of a search
	ticket  string // what gldap's handler finds it by
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{} // closed when the answer is with the client, or never will be
}

func newSession(d *Directory, conn net.Conn, cfg *tls.Config) *session {
	s := &session{
		dir:       d,
		raw:       conn,
		conn:      conn,
		tlsConfig: cfg,
		in:        bufio.NewReader(conn),
		pump:      make(chan struct{}),
		ops:       make(map[int64]*operation),
	}
	s.ctx, s.cancel = context.WithCancel(d.ctx)
	return s
}

// cut ends the session from outside, in whatever it is doing.
func (s *session) cut() {
	s.cancel()
	s.raw.Close()
}

// serve runs the session to its end and returns when nothing of it is left.
func (s *session) serve() {
	defer s.cut()
	if s.tlsConfig != nil && s.startTLS(s.tlsConfig) != nil {
		return
	}
	back, err := s.dir.backend.dial()
	if err != nil {
		return
	}
	s.back = back
	go s.runPump()
	defer s.closeBack()
	for {
		frame, err := s.next()
		if err == nil {
			err = s.handle(frame)
		}
		if err != nil {
			s.say(err)
			return
		}
	}
}

// closeBack ends the gldap connection the way gldap understands: it reads the
// end of the stream, waits for its handlers and closes. The pump sees that
// close, so when it has ended no handler of this session is running.
func (s *session) closeBack() {
	s.cut()
	s.back.CloseWrite()
	s.back.SetReadDeadline(time.Now().Add(drainTimeout))
	<-s.pump
	s.back.Close()

	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.ops {
		s.finish(id)
	}
}

// errUnbind ends a session without a word.
var errUnbind = errors.New("client has unbound")

// say sends the notice of disconnection (RFC 4511 section 4.4.1) when the
// client has broken the protocol.
func (s *session) say(err error) {
	if !errors.Is(err, errMalformed) && !errors.Is(err, errTooLarge) {
		return
	}
	r := result{code: protocolError, diagnostic: err.Error()}
	s.write(encodeResult(0, opExtendedAnswer, r, contextString(10, oidDisconnection)))
}

// next reads the next message. A connection is idle when nothing arrives and
// nothing is being answered.
func (s *session) next() ([]byte, error) {
	for {
		var deadline time.Time
		if idle := s.dir.cfg.IdleTimeout; idle > 0 {
			deadline = time.Now().Add(idle)
		}
		s.conn.SetReadDeadline(deadline)
		_, err := s.in.Peek(1)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || len(s.pending()) == 0 {
			return nil, err
		}
	}
	s.conn.SetReadDeadline(time.Now().Add(messageTimeout))
	limit := maxMessage
	if s.identity() != nil {
		limit = maxMessageBound
	}
	return readFrame(s.in, limit)
}

// startTLS puts TLS on the connection. Octets that the client sent before its
// handshake could have been put there by anybody, so they end the session.
func (s *session) startTLS(cfg *tls.Config) error {
	if s.in.Buffered() > 0 {
		return errMalformed
	}
	ctx, cancel := context.WithTimeout(s.ctx, handshakeTimeout)
	defer cancel()
	s.raw.SetReadDeadline(time.Time{})
	conn := tls.Server(s.raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	s.conn, s.in, s.secure = conn, bufio.NewReader(conn), true
	return nil
}

// write sends one whole message. A client that cannot be written to is gone.
func (s *session) write(frame []byte) {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if _, err := s.conn.Write(frame); err != nil {
		s.cut()
	}
}

// answer sends a response of the relay's own, as late as gldap's would be.
func (s *session) answer(m *message, r result, extra ...*ber.Packet) {
	tag, ok := responseTag(m.op.Tag)
	if ok && sleep(s.ctx, s.dir.cfg.Latency) {
		s.write(encodeResult(m.id, tag, r, extra...))
	}
}

func (s *session) identity() *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.who
}

func (s *session) become(who *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.who = who
}

func (s *session) pending() []*operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*operation, 0, len(s.ops))
	for _, op := range s.ops {
		list = append(list, op)
	}
	return list
}

// wait returns when op is done or the session over.
func (s *session) wait(op *operation) {
	select {
	case <-op.done:
	case <-s.ctx.Done():
	}
}
