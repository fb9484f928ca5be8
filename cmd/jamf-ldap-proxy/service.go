package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/journal"
	"jamf-ldap-proxy/internal/logging"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/metrics"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/internal/web"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

// output is where the log goes.
type output struct {
	io.Writer
	terminal bool
}

func newOutput(w io.Writer) output { return output{w, isTerminal(w)} }

// isTerminal tells whether a stream of this process is one.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// service is everything that serve and demo run: the order of the fields is
// the order in which they start; they stop in reverse.
type service struct {
	log      *zap.Logger
	level    zap.AtomicLevel
	closeLog func() error
	started  time.Time
	metrics  *metrics.Metrics
	hasher   *lookup.Hasher // nil unless log.privacy is hash
	ring     *lookup.Ring
	shapes   *lookup.Shapes
	journal  *journal.Journal // nil when there is none
	records  *lookup.Fanout
	table    *discovery.Table
	server   *proxy.Server
	inside   *inside
	web      *web.Server
	webAddr  net.Addr
	webTLS   proxy.ListenOptions

	sockets  sockets               // of the service manager
	current  atomic.Pointer[state] // what a reload replaces
	reloaded atomic.Pointer[reloadResult]
	wasReady atomic.Bool
	retiring sync.WaitGroup  // pools that a reload has replaced
	retired  context.Context // ends when they have no more time
	endAll   context.CancelFunc

	serving  sync.WaitGroup
	failed   chan error    // a listener that ended by itself
	stopping chan struct{} // closed when stop begins
}

// state is what a configuration was made into. A reload makes another one; one
// that is in use does not change any more.
type state struct {
	cfg config.Config
	prepared
	cache     *cache.Cache       // nil when it is off
	binds     *cache.ServiceBind // the same
	discover  *discovering       // nil when pairs are not discovered
	listeners []openListener
}

type openListener struct {
	net.Listener
	config  proxy.ListenerConfig
	options proxy.ListenOptions
	end     context.CancelFunc // ends the accepting; nil before it begins
}

func (s *service) state() *state { return s.current.Load() }

// startService opens everything or nothing.
func startService(cfg config.Config, out output, sockets sockets) (*service, error) {
	s := &service{sockets: sockets, started: time.Now(), inside: newInside(), failed: make(chan error, 1), stopping: make(chan struct{})}
	s.retired, s.endAll = context.WithCancel(context.Background())
	st := &state{cfg: cfg}
	s.current.Store(st)
	s.startLog(out)
	var err error
	if st.prepared, err = prepare(cfg, s.upstreamOptions(), nil); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.table = discovery.NewTable(st.rules)
	st.startCache()
	s.metrics.Cache(func() metrics.CacheStats { return metrics.CacheStats(s.state().cache.Stats()) })
	st.discover = newDiscovering(s, st)
	s.server = proxy.New(s.proxyConfig(st))
	s.metrics.HeldBack(s.server.HeldBack)
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.startWeb(st.auth); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.serve()
	return s, nil
}

func (s *service) upstreamOptions() upstream.Options {
	return upstream.Options{Observer: s.metrics, Logger: s.log}
}

func (s *service) proxyConfig(st *state) proxy.Config {
	return proxy.Config{
		Limits:         st.cfg.Limits,
		Rules:          s.table.Rules,
		LearnGIDs:      s.table.LearnGIDs,
		Upstream:       st.pool,
		Cache:          st.cache,
		ServiceBind:    st.binds,
		SearchTimeout:  st.cfg.Upstream.SearchTimeout,
		NamingContext:  st.cfg.Upstream.Base,
		MaskAttributes: st.cfg.Log.MaskedAttributes,
		Guards:         st.guards,
		Trace:          st.cfg.Log.Level == "debug" && st.cfg.Log.Privacy != "hash",
		ShowDN:         s.shownDN(),
		Recorder:       s.records,
		Metrics:        s.metrics,
		Logger:         s.log,
	}
}

func (s *service) startLog(out output) {
	cfg := &s.state().cfg
	s.metrics = metrics.New(version().Version)
	s.log, s.level, s.closeLog = logging.New(logging.Options{
		Level: levelOf(cfg), Format: logging.Format(cfg.Log.Format),
		Out: out.Writer, Terminal: out.terminal, Color: true,
		HintText: func(id string) string { return rewrite.HintText[id] },
		OnDrop:   func() { s.metrics.DroppedRecord("log") },
	})
	s.note(&reloadResult{at: s.started})
	s.showConfig(cfg)
	s.startRecords(cfg)
}

func levelOf(cfg *config.Config) zapcore.Level {
	level, err := zapcore.ParseLevel(cfg.Log.Level)
	if err != nil {
		return zapcore.InfoLevel
	}
	return level
}

// showConfig tells what a configuration means for log and metrics.
func (s *service) showConfig(cfg *config.Config) {
	s.metrics.Pairs(discovery.StateConfigured, len(cfg.Groups.Pairs))
	for _, warning := range cfg.Warnings {
		s.log.Warn(warning)
	}
}

func (st *state) startCache() {
	st.binds = cache.NewServiceBind(st.cfg.Cache, st.cfg.Upstream.ServiceAccount.DN, nil)
	st.cache = cache.New(st.cfg.Cache, nil)
}

func (s *service) listen() error {
	st := s.state()
	for _, c := range st.cfg.Listeners {
		l, err := s.open(c)
		if err != nil {
			return err
		}
		st.listeners = append(st.listeners, l)
	}
	return nil
}

// open opens a listener, or takes a socket that is open already.
func (s *service) open(c proxy.ListenerConfig) (openListener, error) {
	l, err := s.sockets.listen(c.Address)
	var options proxy.ListenOptions
	switch {
	case err != nil:
	case l == nil:
		l, options, err = proxy.Listen(c)
	default:
		if options, err = proxy.Options(c); err != nil {
			_ = l.Close()
		}
		options.Name = l.Addr().String()
	}
	if err != nil {
		return openListener{}, whenTaken(err, "listeners.address")
	}
	return openListener{Listener: l, config: c, options: options}, nil
}

// whenTaken says what to try when a port is not free.
func whenTaken(err error, key string) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	return &usageError{err, "another port in " + key + "; another program, or another copy of this one, has this port"}
}

// serve starts the goroutines that stop waits for.
func (s *service) serve() {
	st := s.state()
	for i := range st.listeners {
		s.serveListener(&st.listeners[i])
	}
	if s.web != nil {
		s.log.Info("web listening", zap.String("address", s.webAddr.String()))
		s.serving.Go(func() { s.report(s.web.Serve()) })
		s.serving.Go(func() { s.report(s.server.Serve(context.Background(), s.inside, proxy.ListenOptions{Name: "page"})) })
	}
	s.serving.Go(s.watchCertificates)
	st.discover.start()
	s.warnOfSockets(st)
	s.supervise()
	s.log.Info("ready", zap.Strings("upstream", st.cfg.Upstream.Servers), zap.String("base", st.cfg.Upstream.Base),
		zap.String("mode", string(st.cfg.Groups.Mode)), zap.Int("pairs", len(st.cfg.Groups.Pairs)))
}

// serveListener accepts until l.end is called, or the server shuts down.
func (s *service) serveListener(l *openListener) {
	protocol := "ldap"
	if l.options.Implicit {
		protocol = "ldaps"
	}
	s.log.Info("listening", zap.String("address", l.Addr().String()), zap.String("protocol", protocol),
		zap.Bool("starttls", l.options.TLS != nil && !l.options.Implicit))
	ctx, end := context.WithCancel(context.Background())
	l.end = end
	accept, options := l.Listener, l.options
	s.serving.Go(func() {
		defer end()
		s.report(s.server.Serve(ctx, accept, options))
	})
}

func (s *service) report(err error) {
	if err == nil || errors.Is(err, proxy.ErrServerClosed) {
		return
	}
	select {
	case <-s.stopping:
	case s.failed <- err:
	default: // one has failed before
	}
}

// watchCertificates keeps the expiry metric in step with renewed files.
func (s *service) watchCertificates() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		for _, l := range s.state().listeners {
			s.metrics.ListenerTLSExpiry(l.options.Name, l.options.CertificateExpiry())
		}
		if end := s.webTLS.CertificateExpiry(); !end.IsZero() {
			s.metrics.ListenerTLSExpiry(s.webTLS.Name, end)
		}
		select {
		case <-tick.C:
		case <-s.stopping:
			return
		}
	}
}
