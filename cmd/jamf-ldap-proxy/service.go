package main

import (
	"context"
	"errors"
	"fmt"
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

// startRecords opens everything that lookups are noted in.
func (s *service) startRecords(cfg *config.Config) {
	if cfg.Log.Privacy == "hash" {
		s.hasher = lookup.NewHasher(cfg.Log.PrivacyKey)
	}
	s.ring = lookup.NewRing(func() { s.metrics.DroppedRecord("stream") })
	s.shapes = lookup.NewShapes(nil)
	sinks := []lookup.Sink{s.hashed(logging.NewSink(s.log))}
	if cfg.Web.Address != "" { // else nobody could read either
		sinks = append(sinks, s.metrics.Sink(), s.hashed(lookup.Together("page", s.ring, s.shapes)))
	}
	if cfg.Journal.Path != "" {
		s.journal = journal.Open(cfg.Journal, journal.Options{
			Logger:  s.log,
			OnError: s.metrics.JournalError,
			OnLost: func(n int) {
				for range n {
					s.metrics.DroppedRecord("journal")
				}
			},
		})
		sinks = append(sinks, s.hashed(s.journal))
	}
	s.records = lookup.NewFanout(s.metrics.DroppedRecord, sinks...)
	s.metrics.Sinks(s.sinkStats)
}

// hashed has a sink get hashes in place of values, if that is wanted.
func (s *service) hashed(sink lookup.Sink) lookup.Sink {
	if s.hasher == nil {
		return sink
	}
	return s.hasher.Sink(sink)
}

// shownDN is how the log may name who binds, nil for as he wrote it.
func (s *service) shownDN() func(string) string {
	if s.hasher == nil {
		return nil
	}
	return s.hasher.DN
}

func (s *service) sinkStats() []metrics.SinkStats {
	var stats []metrics.SinkStats
	for _, lane := range s.records.Status() {
		stats = append(stats, metrics.SinkStats{Name: lane.Sink, Queued: lane.Queued})
	}
	return stats
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

func (s *service) startWeb(auth *web.Auth) error {
	st := s.state()
	c := st.cfg.Web
	if c.Address == "" {
		return nil
	}
	l, listening, err := proxy.Listen(proxy.ListenerConfig{Address: c.Address, TLS: proxy.ListenerTLS{Certificate: c.TLS.Certificate, Key: c.TLS.Key}})
	if err != nil {
		return whenTaken(fmt.Errorf("web.address: %w", err), "web.address")
	}
	host, _, _ := net.SplitHostPort(c.Address)
	s.webAddr, s.webTLS = l.Addr(), listening
	o := web.Options{
		Metrics: s.metrics.Handler(), Ready: s.ready, Host: host, Auth: auth, TLS: listening.TLS, ErrorLog: zap.NewStdLog(s.log),
		Ring: s.ring, Shapes: s.shapes, Rules: s.table.Rules, Guards: func() web.Guards { return s.state().guards },
		Groups: s.groups, Health: s.health, Site: s.site(st),
	}
	if s.journal != nil {
		o.Past = s.journal
	}
	if c.Try {
		o.Try = s.inside.dialer
	}
	s.web = web.New(l, o)
	return nil
}

// site is what every page says of this proxy.
func (s *service) site(st *state) web.Site {
	site := web.Site{
		Version: version().Version, Mode: string(st.cfg.Groups.Mode), Base: st.cfg.Upstream.Base, Hashed: s.hasher != nil,
	}
	if len(st.listeners) > 0 {
		l := &st.listeners[0]
		scheme := "ldap"
		if l.options.Implicit {
			scheme = "ldaps"
		}
		site.ProxyURL = scheme + "://" + reachable(l.Addr().String())
	}
	return site
}

// reachable puts this machine in place of all its networks.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return address
}

var errStopping = errors.New("stopping")

func (s *service) ready() error {
	if s.isStopping() {
		return errStopping
	}
	if s.wasReady.Load() { // a reload discovers anew, with what was known before
		return nil
	}
	err := s.state().discover.ready()
	s.wasReady.Store(err == nil)
	return err
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

// endAtMost is what the end may take behind the drain.
const endAtMost = 2 * time.Second

func (s *service) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// stop drains and closes what was started, and waits for it.
func (s *service) stop() error {
	close(s.stopping)
	s.tellStopping()
	st := s.state()
	if delay := st.cfg.Limits.DrainDelay; delay > 0 && s.server != nil {
		s.log.Info("stopping soon: not ready any more, and serving for limits.drain_delay", zap.Duration("drain_delay", delay))
		s.server.Leave()
		time.Sleep(delay) // a second signal ends this too, as it ends the process
	}
	ctx, cancel := context.WithTimeout(context.Background(), st.cfg.Limits.Drain)
	defer cancel()
	s.log.Info("stopping", zap.Duration("at_most", st.cfg.Limits.Drain))
	st.discover.stop()
	var err error
	if s.server != nil {
		if cut := s.server.Shutdown(ctx); cut != nil {
			s.log.Warn("lookups were cut off at the end of limits.drain", zap.Error(cut))
		}
	}
	for _, l := range st.listeners {
		_ = l.Close() // the server has closed those it served
	}
	// What follows has nothing left to wait for; a short time of its own lets
	// it end in order even when the drain used up all.
	end, cancelEnd := context.WithTimeout(context.Background(), endAtMost)
	defer cancelEnd()
	_ = s.inside.Close()
	if s.web != nil {
		err = errors.Join(err, s.web.Shutdown(end))
	}
	s.serving.Wait()
	st.cache.Close()
	if st.pool != nil {
		err = errors.Join(err, st.pool.Close(end))
	}
	s.endAll()
	s.retiring.Wait()
	err = errors.Join(err, s.records.Close(end))
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close(end))
	}
	s.log.Info("stopped")
	return errors.Join(err, s.closeLog())
}
