package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
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
	cfg      config.Config
	log      *zap.Logger
	closeLog func() error
	started  time.Time
	metrics  *metrics.Metrics
	hasher   *lookup.Hasher // nil unless log.privacy is hash
	ring     *lookup.Ring
	shapes   *lookup.Shapes
	journal  *journal.Journal // nil when there is none
	records  *lookup.Fanout
	pool     *upstream.Pool
	cache    *cache.Cache       // nil when it is off
	binds    *cache.ServiceBind // the same
	table    *discovery.Table
	discover *discovering // nil when pairs are not discovered
	server   *proxy.Server
	inside   *inside
	web      *web.Server
	webAddr  net.Addr
	webTLS   proxy.ListenOptions

	listeners []openListener
	serving   sync.WaitGroup
	failed    chan error    // a listener that ended by itself
	stopping  chan struct{} // closed when stop begins
}

type openListener struct {
	net.Listener
	options proxy.ListenOptions
}

// startService opens everything or nothing.
func startService(cfg config.Config, out output) (*service, error) {
	s := &service{cfg: cfg, started: time.Now(), inside: newInside(), failed: make(chan error, len(cfg.Listeners)+1), stopping: make(chan struct{})}
	s.startLog(out)
	ready, err := prepare(cfg, upstream.Options{Observer: s.metrics, Logger: s.log})
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.pool = ready.pool
	s.table = discovery.NewTable(ready.rules)
	s.startCache()
	s.discover = newDiscovering(s)
	s.server = proxy.New(proxy.Config{
		Limits:         cfg.Limits,
		Rules:          s.table.Rules,
		LearnGIDs:      s.table.LearnGIDs,
		Upstream:       s.pool,
		Cache:          s.cache,
		ServiceBind:    s.binds,
		SearchTimeout:  cfg.Upstream.SearchTimeout,
		NamingContext:  cfg.Upstream.Base,
		MaskAttributes: cfg.Log.MaskedAttributes,
		Trace:          cfg.Log.Level == "debug" && cfg.Log.Privacy != "hash",
		Recorder:       s.records,
		Metrics:        s.metrics,
		Logger:         s.log,
	})
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.startWeb(ready.auth); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.serve()
	return s, nil
}

func (s *service) startLog(out output) {
	level, err := zapcore.ParseLevel(s.cfg.Log.Level)
	if err != nil {
		level = zapcore.InfoLevel
	}
	s.metrics = metrics.New(version().Version)
	s.log, _, s.closeLog = logging.New(logging.Options{
		Level: level, Format: logging.Format(s.cfg.Log.Format),
		Out: out.Writer, Terminal: out.terminal, Color: true,
		HintText: func(id string) string { return rewrite.HintText[id] },
		OnDrop:   func() { s.metrics.DroppedRecord("log") },
	})
	s.metrics.ConfigReload(true)
	s.metrics.Pairs(discovery.StateConfigured, len(s.cfg.Groups.Pairs))
	for _, warning := range s.cfg.Warnings {
		s.log.Warn(warning)
	}
	s.startRecords()
}

// startRecords opens everything that lookups are noted in.
func (s *service) startRecords() {
	if s.cfg.Log.Privacy == "hash" {
		s.hasher = lookup.NewHasher(s.cfg.Log.PrivacyKey)
	}
	s.ring = lookup.NewRing(func() { s.metrics.DroppedRecord("stream") })
	s.shapes = lookup.NewShapes(nil)
	sinks := []lookup.Sink{s.hashed(logging.NewSink(s.log))}
	if s.cfg.Web.Address != "" { // else nobody could read either
		sinks = append(sinks, s.metrics.Sink(), s.hashed(lookup.Together("page", s.ring, s.shapes)))
	}
	if s.cfg.Journal.Path != "" {
		s.journal = journal.Open(s.cfg.Journal, journal.Options{
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

func (s *service) sinkStats() []metrics.SinkStats {
	var stats []metrics.SinkStats
	for _, lane := range s.records.Status() {
		stats = append(stats, metrics.SinkStats{Name: lane.Sink, Queued: lane.Queued})
	}
	return stats
}

func (s *service) startCache() {
	s.binds = cache.NewServiceBind(s.cfg.Cache, s.cfg.Upstream.ServiceAccount.DN, nil)
	s.cache = cache.New(s.cfg.Cache, nil)
	s.metrics.Cache(func() metrics.CacheStats { return metrics.CacheStats(s.cache.Stats()) })
}

func (s *service) listen() error {
	for _, c := range s.cfg.Listeners {
		l, options, err := proxy.Listen(c)
		if err != nil {
			return whenTaken(err, "listeners.address")
		}
		s.listeners = append(s.listeners, openListener{l, options})
	}
	return nil
}

// whenTaken says what to try when a port is not free.
func whenTaken(err error, key string) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	return &usageError{err, "another port in " + key + "; another program, or another copy of this one, has this port"}
}

func (s *service) startWeb(auth *web.Auth) error {
	c := s.cfg.Web
	if c.Address == "" {
		return nil
	}
	l, listening, err := proxy.Listen(proxy.ListenerConfig{Address: c.Address, TLS: c.TLS})
	if err != nil {
		return whenTaken(fmt.Errorf("web.address: %w", err), "web.address")
	}
	host, _, _ := net.SplitHostPort(c.Address)
	s.webAddr, s.webTLS = l.Addr(), listening
	o := web.Options{
		Metrics: s.metrics.Handler(), Ready: s.ready, Host: host, Auth: auth, TLS: listening.TLS, ErrorLog: zap.NewStdLog(s.log),
		Ring: s.ring, Shapes: s.shapes, Rules: s.table.Rules, Groups: s.groups, Health: s.health, Site: s.site(),
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
func (s *service) site() web.Site {
	site := web.Site{
		Version: version().Version, Mode: string(s.cfg.Groups.Mode), Base: s.cfg.Upstream.Base, Hashed: s.hasher != nil,
	}
	if len(s.listeners) > 0 {
		l := &s.listeners[0]
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
	select {
	case <-s.stopping:
		return errStopping
	default:
		return s.discover.ready()
	}
}

// serve starts the goroutines that stop waits for.
func (s *service) serve() {
	for _, l := range s.listeners {
		protocol := "ldap"
		if l.options.Implicit {
			protocol = "ldaps"
		}
		s.log.Info("listening", zap.String("address", l.Addr().String()), zap.String("protocol", protocol),
			zap.Bool("starttls", l.options.TLS != nil && !l.options.Implicit))
		s.serving.Go(func() { s.report(s.server.Serve(context.Background(), l.Listener, l.options)) })
	}
	if s.web != nil {
		s.log.Info("web listening", zap.String("address", s.webAddr.String()))
		s.serving.Go(func() { s.report(s.web.Serve()) })
		s.serving.Go(func() { s.report(s.server.Serve(context.Background(), s.inside, proxy.ListenOptions{Name: "page"})) })
	}
	s.serving.Go(s.watchCertificates)
	s.discover.start()
	s.log.Info("ready", zap.Strings("upstream", s.cfg.Upstream.Servers), zap.String("base", s.cfg.Upstream.Base),
		zap.String("mode", string(s.cfg.Groups.Mode)), zap.Int("pairs", len(s.cfg.Groups.Pairs)))
}

func (s *service) report(err error) {
	if err == nil || errors.Is(err, proxy.ErrServerClosed) {
		return
	}
	select {
	case <-s.stopping:
	default:
		s.failed <- err
	}
}

// watchCertificates keeps the expiry metric in step with renewed files.
func (s *service) watchCertificates() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		for _, l := range s.listeners {
			if end := l.options.CertificateExpiry(); !end.IsZero() {
				s.metrics.ListenerTLSExpiry(l.options.Name, end)
			}
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

// stop drains and closes what was started, and waits for it.
func (s *service) stop() error {
	close(s.stopping)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Limits.Drain)
	defer cancel()
	s.log.Info("stopping", zap.Duration("at_most", s.cfg.Limits.Drain))
	s.discover.stop()
	var err error
	if s.server != nil {
		if cut := s.server.Shutdown(ctx); cut != nil {
			s.log.Warn("lookups were cut off at the end of limits.drain", zap.Error(cut))
		}
	}
	for _, l := range s.listeners {
		_ = l.Close() // the server has closed those it served
	}
	// What follows has nothing left to wait for; a short time of its own lets
	// it end in order even when the drain used up all.
	end, cancelEnd := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancelEnd()
	_ = s.inside.Close()
	if s.web != nil {
		err = errors.Join(err, s.web.Shutdown(end))
	}
	s.serving.Wait()
	s.cache.Close()
	if s.pool != nil {
		err = errors.Join(err, s.pool.Close(end))
	}
	err = errors.Join(err, s.records.Close(end))
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close(end))
	}
	s.log.Info("stopped")
	return errors.Join(err, s.closeLog())
}
