package proxy

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/rewrite"
)

// Recorder takes finished lookup records; *lookup.Fanout is one. Publish must
// not block.
type Recorder interface {
	Publish(*lookup.Record)
}

// Metrics counts what no lookup record tells.
type Metrics interface {
	ClientConnected()
	ClientDisconnected()
	ClientConnection(outcome string) // one of the Connection constants
	BindFailed(reason string)        // one of the BindFailed constants
	Panic()
	SearchReference() // a reference from upstream was dropped
}

// Outcomes of a client's attempt to connect.
const (
	ConnectionAccepted   = "accepted"
	ConnectionNotAllowed = "refused_allow"       // not in the listener's allow list
	ConnectionLimit      = "refused_limit"       // limits.connections
	ConnectionPerAddress = "refused_per_address" // limits.connections_per_address
	ConnectionTLSFailed  = "tls_failed"
	// A peer in listeners[].proxy_protocol.from sent no PROXY header, or a wrong one.
	ConnectionProxyHeader = "refused_proxy_header"
)

// Reasons why a bind failed.
const (
	BindFailedCredentials   = "invalid_credentials" // upstream said invalidCredentials
	BindFailedRefused       = "refused"             // upstream said something else
	BindFailedUpstream      = "unavailable"         // upstream said nothing
	BindFailedBackoff       = "backoff"             // limits.failed_binds
	BindFailedEmptyPassword = "empty_password"
	BindFailedMethod        = "method"       // SASL, LDAPv2, a control
	BindFailedTLS           = "tls_required" // listeners[].require_tls
	BindFailedGuard         = "not_allowed"  // guards.bind_dns
)

// Config is what a Server works with. Rules, Upstream and Limits are required.
type Config struct {
	Limits   Limits
	Rules    func() *rewrite.Rules // asked once per operation, so that a reload shows at once
	Upstream *upstream.Pool
	// Cache, if not nil, keeps answers of searches, and ServiceBind the password
	// of one account.
	Cache       *cache.Cache
	ServiceBind *cache.ServiceBind
	// LearnGIDs, if not nil, is told Linux group IDs that a lookup had to read,
	// by posix name, so that Rules knows them the next time.
	LearnGIDs func(map[string]int)
	// SearchTimeout is upstream.search_timeout, which the pool enforces: a
	// client's time limit that is no shorter needs no timer of its own.
	SearchTimeout time.Duration
	// NamingContext is told in the rootDSE before bind; empty: not told.
	NamingContext string
	// MaskAttributes are attributes whose asserted values are written as ***
	// in records, besides userPassword.
	MaskAttributes []string
	// Guards, if not nil, are what clients may not ask for or get to see.
	Guards *Guards

	// Trace logs every message as text at debug level, names and values
	// included: decoding all of them again is not for production.
	Trace bool

	// ShowDN is a DN as the log may have it; nil: as it is.
	ShowDN   func(string) string
	Recorder Recorder         // nil: records are not kept
	Metrics  Metrics          // nil: nothing is counted
	Logger   *zap.Logger      // nil: nothing is logged
	Now      func() time.Time // nil: time.Now; the clock of records and back-off
}

// Server accepts clients and serves them until Shutdown.
type Server struct {
	current  atomic.Pointer[settings]
	recorder Recorder
	metrics  Metrics
	log      *zap.Logger
	now      func() time.Time
	backoff  *backoff
	mask     func(attr string) bool // masked, bound once

	ctx context.Context // parent of every session's
	cut context.CancelFunc

	leaving  atomic.Bool    // Leave was called
	stopping chan struct{}  // closed when Shutdown begins
	running  sync.WaitGroup // accept loops, sessions, refusals

	lookups, conns atomic.Uint64 // numbers given out
	refusals       atomic.Int64  // when a refusal was logged last, Unix nanoseconds
	farewells      chan struct{} // slots for telling a refused client why

	gidReads  gidReads
	sightings sightings

	mu        sync.Mutex
	stopped   bool
	listeners map[net.Listener]*atomic.Pointer[ListenOptions]
	sessions  map[*session]struct{}
	internal  int // of them
	perAddr   map[netip.Addr]int
	headless  list.List // of *headless: connections whose PROXY header is not there yet, oldest first
}

// New returns a server that serves nothing yet.
func New(cfg Config) *Server {
	if cfg.Recorder == nil {
		cfg.Recorder = discard{}
	}
	if cfg.Metrics == nil {
		cfg.Metrics = discard{}
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	ctx, cut := context.WithCancel(context.Background())
	s := &Server{
		recorder:  cfg.Recorder,
		metrics:   cfg.Metrics,
		log:       cfg.Logger,
		now:       cfg.Now,
		backoff:   newBackoff(&cfg.Limits, cfg.Now, cfg.Logger, cfg.ShowDN),
		ctx:       ctx,
		cut:       cut,
		stopping:  make(chan struct{}),
		farewells: make(chan struct{}, 64),
		listeners: make(map[net.Listener]*atomic.Pointer[ListenOptions]),
		sessions:  make(map[*session]struct{}),
		perAddr:   make(map[netip.Addr]int),
	}
	s.mask = s.masked
	s.current.Store(newSettings(&cfg))
	return s
}

// discard is a Recorder and Metrics that keeps nothing.
type discard struct{}

func (discard) Publish(*lookup.Record)  {}
func (discard) ClientConnected()        {}
func (discard) ClientDisconnected()     {}
func (discard) ClientConnection(string) {}
func (discard) BindFailed(string)       {}
func (discard) Panic()                  {}
func (discard) SearchReference()        {}

// ErrServerClosed is returned by Serve after Shutdown.
var ErrServerClosed = errors.New("proxy: server closed")

const (
	minAcceptWait = 5 * time.Millisecond
	maxAcceptWait = time.Second
)

// Serve accepts connections from l until ctx ends (it then returns nil; what
// was accepted lives on until Shutdown), Shutdown is called or l is closed.
// It closes l. No other error ends it: a process out of file descriptors must
// come back by itself when some are free again.
func (s *Server) Serve(ctx context.Context, l net.Listener, o ListenOptions) error {
	defer l.Close()
	options := s.addListener(l, &o)
	if options == nil {
		return ErrServerClosed
	}
	defer s.removeListener(l)
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	o.logTo(s.log)

	var wait time.Duration
	for {
		conn, err := l.Accept()
		if err == nil {
			wait = 0
			s.admit(conn, options.Load())
			continue
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case s.isStopping():
			return ErrServerClosed
		case errors.Is(err, net.ErrClosed):
			return err
		}
		wait = min(max(2*wait, minAcceptWait), maxAcceptWait)
		s.log.Warn("accepting a connection failed, trying again",
			zap.String("listener", o.Name), zap.Duration("in", wait), zap.Error(err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		case <-s.stopping:
		}
	}
}

// addListener returns where the listener's options are from now on, or nil when
// nothing is served any more.
func (s *Server) addListener(l net.Listener, o *ListenOptions) *atomic.Pointer[ListenOptions] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	options := new(atomic.Pointer[ListenOptions])
	options.Store(o)
	s.listeners[l] = options
	s.running.Add(1)
	return options
}

// Reconfigure gives a listener that is being served other options, for the
// connections that it accepts from now on.
func (s *Server) Reconfigure(l net.Listener, o ListenOptions) {
	o.logTo(s.log)
	s.mu.Lock()
	defer s.mu.Unlock()
	if options := s.listeners[l]; options != nil {
		options.Store(&o)
	}
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	s.running.Done()
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// admit starts a session for conn, or turns it away.
func (s *Server) admit(conn net.Conn, o *ListenOptions) {
	peer := peerOf(conn)
	if o.awaitsHeader(peer.Addr()) {
		s.admitHeadless(conn, peer, o)
		return
	}
	s.admitClient(conn, peer, o)
}

// admitClient is admit when it is known who the client is.
func (s *Server) admitClient(conn net.Conn, peer netip.AddrPort, o *ListenOptions) {
	if !o.allows(peer.Addr()) {
		s.metrics.ClientConnection(ConnectionNotAllowed)
		s.logRefusal("client address is not in the allow list of the listener", peer, o, 0)
		_ = conn.Close()
		return
	}
	sess := newSession(s, conn, peer, o)
	switch outcome := s.register(sess); outcome {
	case ConnectionAccepted:
		if !o.Internal {
			s.metrics.ClientConnection(outcome)
			s.metrics.ClientConnected()
		}
		go sess.run()
	case "": // shutting down
		_ = conn.Close()
	case ConnectionLimit:
		s.turnAway(conn, peer, o, outcome, "limits.connections", s.settings().Limits.Connections)
	case ConnectionPerAddress:
		s.turnAway(conn, peer, o, outcome, "limits.connections_per_address", s.settings().Limits.PerAddress)
	}
}

// register counts the session in, or names the limit that it hits.
func (s *Server) register(sess *session) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.settings().Limits
	addr := sess.peer.Addr()
	switch {
	case s.stopped:
		return ""
	case sess.listener.Internal:
		s.internal++
	case l.PerAddress > 0 && s.perAddr[addr] >= l.PerAddress:
		return ConnectionPerAddress
	case !s.hasRoom(l.Connections):
		return ConnectionLimit
	}
	s.sessions[sess] = struct{}{}
	s.perAddr[addr]++
	s.running.Add(1)
	return ConnectionAccepted
}

func (s *Server) forget(sess *session) {
	s.mu.Lock()
	delete(s.sessions, sess)
	addr := sess.peer.Addr()
	if s.perAddr[addr]--; s.perAddr[addr] == 0 {
		delete(s.perAddr, addr)
	}
	if sess.listener.Internal {
		s.internal--
	}
	s.mu.Unlock()
	if !sess.listener.Internal {
		s.metrics.ClientDisconnected()
	}
}

// turnAway tells a client over a limit why, without making the accept loop
// wait for it; when many are turned away at once the later ones are just cut.
func (s *Server) turnAway(conn net.Conn, peer netip.AddrPort, o *ListenOptions, outcome, knob string, limit int) {
	s.metrics.ClientConnection(outcome)
	s.logRefusal("too many connections, raise "+knob+" if they are legitimate", peer, o, limit)
	s.tellWhy(conn, o, ldap.Busy, "too many connections ("+knob+")")
}

// tellWhy closes a connection that gets no session, with a notice if there is
// time for it.
func (s *Server) tellWhy(conn net.Conn, o *ListenOptions, code ldap.ResultCode, text string) {
	select {
	case s.farewells <- struct{}{}:
	default:
		_ = conn.Close()
		return
	}
	s.running.Add(1) // the caller is counted in it, so this cannot race with Wait
	go func() {
		defer s.running.Done()
		defer func() { <-s.farewells }()
		defer conn.Close()
		if o.Implicit {
			return // a handshake would cost more than the connection that is refused
		}
		_ = conn.SetDeadline(time.Now().Add(lingerFor))
		notice := ldap.AppendNoticeOfDisconnection(nil, code, text)
		if _, err := conn.Write(notice); err == nil {
			linger(conn)
		}
	}()
}

// logRefusal writes one line a second at most: whoever floods the listener
// does not get to flood the log as well.
func (s *Server) logRefusal(why string, peer netip.AddrPort, o *ListenOptions, limit int) {
	now, last := time.Now().UnixNano(), s.refusals.Load()
	if now-last < int64(time.Second) || !s.refusals.CompareAndSwap(last, now) {
		return
	}
	s.log.Warn("refused a connection: "+why,
		zap.Stringer("client", peer), zap.String("listener", o.Name), zap.Int("limit", limit))
}

// Leave tells the load balancers that the server will stop: anonymous binds, which
// they check with, are refused from now on. Everybody else is served as before.
func (s *Server) Leave() { s.leaving.Store(true) }

// Shutdown stops accepting, lets operations in flight finish, sends each
// client a notice of disconnection and closes. When ctx ends first it cuts
// what is left and returns ctx's error. Either way no goroutine of the server
// is left when it returns.
func (s *Server) Shutdown(ctx context.Context) error {
	s.beginShutdown()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.cut()
		return nil
	case <-ctx.Done():
	}
	s.cut()
	s.mu.Lock()
	for sess := range s.sessions {
		_ = sess.raw.Close()
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}

func (s *Server) beginShutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		close(s.stopping)
	}
	for l := range s.listeners {
		_ = l.Close()
	}
	for e := s.headless.Front(); e != nil; e = e.Next() {
		_ = e.Value.(*headless).conn.Close()
	}
	for sess := range s.sessions {
		sess.hangUp(farewellShutdown)
	}
}

// Clients returns how many are connected.
func (s *Server) Clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions) - s.internal
}

// HeldBack returns how many pairs of a client address and a DN have to wait
// before they may bind, after wrong passwords.
func (s *Server) HeldBack() int { return s.backoff.active() }

// Lookups returns how many operations clients have asked for.
func (s *Server) Lookups() uint64 { return s.lookups.Load() }

func peerOf(conn net.Conn) netip.AddrPort {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	return ap
}
