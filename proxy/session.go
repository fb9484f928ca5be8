package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// session is one client connection. The reader goroutine owns it; fields
// above ctx are touched by nobody else, except raw for deadlines and Close.
// Which goroutine is the reader can change, see turn.go.
type session struct {
	server   *Server
	listener *ListenOptions
	id       uint64
	peer     netip.AddrPort
	peerText string
	raw      net.Conn  // the TCP connection, below TLS
	below    *belowTLS // nil without TLS
	framer   *ldap.Framer
	tlsOn    bool
	partial  bool // the read deadline is that of half a message

	ctx      context.Context // ends with the session
	cancel   context.CancelFunc
	slots    chan struct{}  // limits.in_flight
	turn     turn           // whose it is to read
	running  sync.WaitGroup // operations that are served concurrently
	out      writer
	client   clientKind
	lastSeen atomic.Int64 // Unix nanoseconds of the last request or end of one
	finds    atomic.Bool  // a search of the session's present identity has found something

	mu       sync.Mutex
	state    state
	identity *upstream.Identity   // of a bound session
	inFlight map[int32]*operation // operations that can be abandoned
	bye      *farewell            // why the proxy ends the session, if it does
	cursors  cursors
}

func newSession(s *Server, conn net.Conn, peer netip.AddrPort, o *ListenOptions) *session {
	cfg := s.settings()
	n := &session{
		server:   s,
		listener: o,
		id:       s.conns.Add(1),
		peer:     peer,
		peerText: peer.String(),
		raw:      conn,
		framer:   ldap.NewFramer(conn),
		slots:    make(chan struct{}, max(1, min(cfg.Limits.InFlight, cfg.Upstream.Share()))),
		out:      writer{conn: conn, stall: cfg.Limits.WriteStall},
		inFlight: make(map[int32]*operation),
		cursors:  cursors{limit: cfg.Limits.Cursors},
	}
	n.turn.quick.Store(true)
	if cfg.Trace {
		n.out.trace = n.trace
	}
	return n
}

// trace logs a message in its text form, in which no password shows.
func (s *session) trace(direction string, message []byte) {
	s.server.log.Debug(direction, zap.Uint64("conn", s.id), zap.ByteString("message", ldap.AppendTrace(nil, message)))
}

// run begins the life of the connection; read is the rest of it.
func (s *session) run() {
	s.ctx, s.cancel = context.WithCancel(s.server.ctx)
	if s.begin() {
		s.end()
		return
	}
	s.read()
}

// begin prepares the session for its first request, or returns true when it is
// over before that.
func (s *session) begin() (over bool) {
	defer s.fence(&over)
	if s.listener.Implicit && s.handshake() != nil {
		return true
	}
	s.lastSeen.Store(s.server.now().UnixNano())
	s.arm(s.server.settings().Limits.Idle)
	return false
}

// read is the reader's work: one request after the other, to the end of the
// session or until another goroutine has taken the turn.
func (s *session) read() {
	if s.readOn() {
		s.end()
	}
}

// readOn returns true when the session has to end, and false when reading is
// another goroutine's turn.
func (s *session) readOn() (over bool) {
	defer s.fence(&over)
	for {
		frame, err := s.next()
		if err != nil {
			s.readFailed(err)
			return true
		}
		if !s.dispatch(frame) {
			return false
		}
	}
}

// end is the last act of the session: of the goroutine that reads then.
func (s *session) end() {
	s.close()
	s.server.forget(s)
	s.server.running.Done()
}

// fence keeps a panic of the reader itself inside its connection.
func (s *session) fence(over *bool) {
	if p := recover(); p != nil {
		s.server.reportPanic(p, s.id)
		*over = true
	}
}

func (s *Server) reportPanic(p any, conn uint64) {
	// The value of a panic may quote the request; its type and the runtime's
	// own texts do not.
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	s.metrics.Panic()
	s.log.Error("panic while serving a client; its operation is lost, nothing else",
		zap.Uint64("conn", conn), zap.String("panic", what), zap.ByteString("stack", debug.Stack()))
}

var (
	errClosing = errors.New("session is closing")
	errIdle    = errors.New("idle for longer than limits.idle")
	errPartial = errors.New("message incomplete for longer than limits.partial_pdu")
)

// next returns the next frame. The socket's deadline is moved rarely: while
// whole messages come in it stays where it is, and when it passes, the session
// looks at what has happened in the meantime.
func (s *session) next() ([]byte, error) {
	for {
		limit, open := s.reading()
		if !open {
			return nil, errClosing
		}
		frame, err := s.framer.Next(limit, s.halfMessage)
		switch {
		case err == nil:
			s.wholeMessage()
			return frame, nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return nil, err
		case s.isClosing():
			return nil, errClosing
		case s.partial:
			return nil, errPartial
		}
		left := s.idleLeft()
		if left <= 0 {
			return nil, errIdle
		}
		s.arm(left)
	}
}

// reading tells how long a message may be now, open false when none is read.
func (s *session) reading() (limit int64, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limits := &s.server.settings().Limits
	if s.state == bound {
		return int64(limits.PDUAfterBind), true
	}
	return int64(limits.PDUBeforeBind), s.state != closing
}

func (s *session) halfMessage() {
	s.partial = true
	s.arm(s.server.settings().Limits.PartialPDU)
}

func (s *session) wholeMessage() {
	if s.partial {
		s.partial = false
		s.arm(s.server.settings().Limits.Idle)
	}
}

// idleLeft is what remains of limits.idle. Waiting for upstream is not idling.
func (s *session) idleLeft() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := s.server.settings().Limits.Idle
	if len(s.inFlight) > 0 {
		return idle
	}
	return idle - s.server.now().Sub(time.Unix(0, s.lastSeen.Load()))
}

// arm sets the read deadline, unless hangUp has set it to wake the reader.
func (s *session) arm(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != closing {
		_ = s.raw.SetReadDeadline(time.Now().Add(d))
	}
}

func (s *session) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == closing
}

func (s *session) isBound() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == bound
}

// readFailed decides what a client whose stream ends is told, and the log.
func (s *session) readFailed(err error) {
	var frame *ldap.FrameError
	log := s.server.log.With(zap.Uint64("conn", s.id), zap.Stringer("client", s.peer), zap.String("listener", s.listener.Name))
	switch {
	case errors.As(err, &frame) && frame.First == tlsHandshakeRecord && !s.tlsOn:
		log.Warn("client speaks TLS to an LDAP port: point it to a listener with protocol ldaps, or switch SSL off in the client")
		s.hangUp(farewell{}) // it could not read a notice
	case errors.As(err, &frame) && looksLikeHeader(frame.First) && !s.tlsOn:
		logUnexpectedHeader(log)
		s.hangUp(farewell{code: ldap.ProtocolError, text: s.frameText(frame)})
	case errors.As(err, &frame):
		text := s.frameText(frame)
		log.Info("client sent what is not an acceptable LDAP message", zap.String("diagnostic", text), zap.Error(err))
		s.hangUp(farewell{code: ldap.ProtocolError, text: text})
	case errors.Is(err, errIdle):
		log.Info("closing a client connection", zap.Error(err))
		s.hangUp(farewell{code: ldap.Unavailable, text: err.Error()})
	case errors.Is(err, errPartial):
		log.Info("closing a client connection", zap.Error(err))
		s.hangUp(farewell{code: ldap.ProtocolError, text: err.Error()})
	}
}

// tlsHandshakeRecord is the first octet of a ClientHello.
const tlsHandshakeRecord = 0x16

func (s *session) frameText(e *ldap.FrameError) string {
	if e.Max == 0 {
		return "not an LDAP message"
	}
	knob := "limits.pdu_before_bind"
	if s.isBound() {
		knob = "limits.pdu_after_bind"
	}
	return fmt.Sprintf("message of %d octets exceeds %s (%d)", e.Length, knob, e.Max)
}

// farewell is why the proxy ends a session and what it tells the client: a
// notice of disconnection, or nothing when code is success.
type farewell struct {
	code  ldap.ResultCode
	text  string
	drain bool // operations in flight are finished and answered first
}

var farewellShutdown = farewell{code: ldap.Unavailable, text: "the proxy is shutting down", drain: true}

// hangUp makes the reader end the session. The first reason counts.
func (s *session) hangUp(why farewell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bye == nil {
		s.bye = &why
	}
	s.state = closing
	_ = s.raw.SetReadDeadline(time.Unix(1, 0))
}

// close ends the session: the reader's last act.
func (s *session) close() {
	s.mu.Lock()
	s.state = closing
	bye := s.bye
	s.mu.Unlock()
	if bye != nil && bye.drain {
		s.running.Wait()
	}
	s.abandonAll()
	if bye != nil && bye.code != ldap.Success {
		s.sendNotice(bye)
	}
	s.closeConn()
	s.cancel()
	s.running.Wait()
	s.cursors.drop()
	s.forgetIdentity()
	s.framer.Wipe()
	if s.below != nil {
		s.below.wipe()
	}
}

func (s *session) sendNotice(bye *farewell) {
	w := &s.out
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	w.append(func(dst []byte) []byte {
		return ldap.AppendNoticeOfDisconnection(dst, bye.code, bye.text)
	})
	if w.flush() == nil && !bye.drain {
		linger(s.raw)
	}
}

// closeConn closes with TLS's own goodbye where that can succeed.
func (s *session) closeConn() {
	if s.tlsOn && s.ctx.Err() == nil {
		_ = s.raw.SetWriteDeadline(time.Now().Add(lingerFor))
		_ = s.out.conn.Close()
	}
	_ = s.raw.Close()
}

const lingerFor = 500 * time.Millisecond

// linger reads away what a client has sent before the close: the kernel
// answers a close with unread data by a reset, which would overtake the notice
// that says why.
func linger(c net.Conn) {
	if tcp, ok := c.(interface{ CloseWrite() error }); ok {
		_ = tcp.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(lingerFor))
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 1<<20))
}

// dispatch serves one frame, or starts the goroutine that does. It returns false
// when in the meantime another goroutine has become the reader.
func (s *session) dispatch(frame []byte) (reader bool) {
	if s.out.trace != nil {
		s.trace("from client", frame)
	}
	m, err := ldap.ParseMessage(frame)
	if err != nil {
		s.hangUp(farewell{code: ldap.ProtocolError, text: err.Error()})
		return true
	}
	o := s.newOperation(m)
	serve := o.handler()
	if !o.concurrent {
		o.run(serve)
		return true
	}
	o.keepRequest()
	s.occupy(o)
	alone, entered := s.enter(o)
	if !entered {
		s.vacate(o)
		o.run((*operation).late)
		return true
	}
	s.running.Add(1)
	if o.identity == nil { // a stranger waits for nobody but himself, and holds one request at a time
		s.serveOperation(o, serve)
		return true
	}
	if alone && s.turn.quick.Load() && !s.framer.HasFrame() {
		s.turn.lend(s)
		s.serveOperation(o, serve)
		return s.turn.back()
	}
	go s.serveOperation(o, serve)
	return true
}

func (s *session) serveOperation(o *operation, serve func(*operation) error) {
	defer s.running.Done()
	defer s.vacate(o)
	defer s.turn.judge(time.Now())
	o.run(serve)
}

// slotSize is how much of a request one of limits.in_flight is for. A larger
// request takes several, so that the limit bounds octets as well.
const slotSize = 16 << 10

// occupy is where the reader waits while limits.in_flight are busy. Nobody else
// takes slots, so an operation that needs several gets them in the end.
func (s *session) occupy(o *operation) {
	o.slots = min(1+(len(o.body)+len(o.controls))/slotSize, cap(s.slots))
	for range o.slots {
		s.slots <- struct{}{}
	}
}

func (s *session) vacate(o *operation) {
	for range o.slots {
		<-s.slots
	}
}

// enter makes an operation one that can be abandoned, and tells whether it is
// the only one.
func (s *session) enter(o *operation) (alone, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == closing {
		return false, false
	}
	s.inFlight[o.id] = o
	return len(s.inFlight) == 1, true
}

// leave ends that, before the final answer leaves: the client may use the
// message ID again as soon as it has read it. Idling begins here, in the same
// breath, or the reader could find nothing in flight and an old lastSeen, and
// close the connection under the answer.
func (s *session) leave(o *operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight[o.id] == o {
		delete(s.inFlight, o.id)
		s.lastSeen.Store(s.server.now().UnixNano())
	}
}

// abandonAll stops every operation; none of them sends anything any more.
func (s *session) abandonAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.inFlight {
		delete(s.inFlight, id)
		o.giveUp()
	}
}

// become moves to another state. A session that is closing stays so.
func (s *session) become(to state, id *upstream.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != closing {
		s.state = to
	}
	s.identity = id
	s.finds.Store(false)
}

// forgetIdentity wipes the password and makes the session nobody's.
func (s *session) forgetIdentity() {
	s.mu.Lock()
	id := s.identity
	s.identity = nil
	s.mu.Unlock()
	if id != nil {
		id.Forget()
	}
}

// demote makes the session anonymous when upstream takes back what it said
// about id. Another identity, bound in the meantime, is not touched.
func (s *session) demote(id *upstream.Identity) {
	s.mu.Lock()
	if s.identity == id && s.state == bound {
		s.state, s.identity = anonymous, nil
	}
	s.mu.Unlock()
	id.Forget()
}
