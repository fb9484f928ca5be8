// Package web serves what is watched over HTTP: the page with every lookup, the
// same as JSON under /api, metrics, health and readiness.
//
// Pages are made on the server and complete without JavaScript; the script that
// comes with them only keeps them up to date and opens details in place. Nothing
// is loaded from elsewhere, and the content security policy allows nothing else.
//
// Reading needs no secret on a loopback address; on any other, or when users are
// configured, every page but /healthz and /readyz asks who is there. See
// [Auth]. There is no profiling endpoint.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

// Bounds of what one HTTP client may cost. What is streamed sets deadlines of its
// own.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute // longer than the usual scrape interval
	maxHeaderBytes    = 16 << 10
	maxBodyBytes      = 16 << 10
)

// Options is what a server shows. What is nil is not there, and the page says so.
type Options struct {
	// Metrics serves /metrics.
	Metrics http.Handler
	// Ready returns nil while the proxy takes LDAP clients, else a short reason
	// for /readyz. It must return at once. Nil: always ready.
	Ready func() error
	// Host is the host part of the configured address. On a loopback listener it
	// is accepted as a Host header, beside localhost, 127.0.0.1 and ::1.
	Host string
	// Auth says who may read. Nil: everybody who can connect.
	Auth *Auth
	// TLS, if not nil, makes it HTTPS.
	TLS *tls.Config
	// ErrorLog receives what net/http has to say. Nil: the standard logger.
	ErrorLog *log.Logger
	// Panicked is called when serving a request has panicked, to count it. May be nil.
	Panicked func()

	Ring   *lookup.Ring          // the latest lookups, and those to come
	Shapes *lookup.Shapes        // what is asked, by shape
	Past   Past                  // lookups of before, in the journal
	Rules  func() *rewrite.Rules // as they are now, to explain a request
	Guards func() Guards         // the same; nil refuses nothing
	Groups func() Groups         // the pair table
	Health func() Health         // what the proxy is made of, and how it does
	Try    Trier                 // Jamf's Test pane; nil when web.try is off
	Now    func() time.Time      // time.Now when nil
	Site   Site                  // what is the same on every page
}

// Site is what every page says of the proxy it belongs to.
type Site struct {
	Version  string
	Mode     string // groups.mode
	Base     string // upstream.base
	ProxyURL string // of the first LDAP listener, for commands to copy
	Hashed   bool   // log.privacy is hash: names and values are hashes
}

// Server serves HTTP on one listener.
type Server struct {
	Options
	listener net.Listener
	nowSite  atomic.Pointer[Site] // Options.Site, or what Reload made of it
	nowAuth  atomic.Pointer[Auth]
	http     *http.Server
	conns    connections

	ending context.Context // ends when Shutdown begins, and the streams with it
	end    context.CancelFunc

	streams chan struct{} // a place for each stream
	tries   chan struct{} // and for each question of somebody who tries

	silence, stuck time.Duration // streamSilence and streamStuck
}

// New returns a server for l, which it owns from then on. It serves nothing yet.
func New(l net.Listener, o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		Options: o, listener: l, streams: make(chan struct{}, maxStreams), tries: make(chan struct{}, maxTries),
		silence: streamSilence, stuck: streamStuck,
	}
	s.Reload(o.Site, o.Auth)
	s.ending, s.end = context.WithCancel(context.Background())
	handler := s.onlyReading(s.routes())
	handler = http.NewCrossOriginProtection().Handler(handler)
	handler = s.authorized(handler)
	if isLoopback(l.Addr()) {
		handler = onlyHosts(o.Host, handler)
	}
	s.http = &http.Server{
		Handler:           s.fence(hardened(handler)),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          o.ErrorLog,
		TLSConfig:         o.TLS,
		ConnState:         s.conns.changed,
	}
	return s
}

// Serve answers requests until Shutdown, and then returns nil.
func (s *Server) Serve() error {
	serve := s.http.Serve
	if s.TLS != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving http on %s: %w", s.listener.Addr(), err)
	}
	return nil
}

// Shutdown closes the listener, ends the streams and waits for requests in
// progress. When ctx ends first, their connections are closed and ctx's error is
// returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.end()
	s.conns.end()
	err := s.http.Shutdown(ctx)
	_ = s.listener.Close() // if Serve was never called, nobody else closes it
	if err != nil && ctx.Err() != nil {
		_ = s.http.Close()
		return fmt.Errorf("ending http requests: %w", err)
	}
	return nil // else err is about closing the listener twice
}

// report tells the log of trouble that a visitor cannot do anything about.
func (s *Server) report(err error) {
	if s.ErrorLog != nil {
		s.ErrorLog.Printf("web: %v", err)
	}
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", showHealth)
	mux.HandleFunc("/readyz", showReadiness(s.Ready))
	if s.Metrics != nil {
		mux.Handle("/metrics", s.Metrics)
	}
	mux.Handle("/static/", http.FileServerFS(assets))

	mux.HandleFunc("/{$}", s.showLookups)
	mux.HandleFunc("/rows", s.showRows)
	mux.HandleFunc("/stream", s.streamRows)
	mux.HandleFunc("/lookups/{id}", s.showLookup)
	mux.HandleFunc("/journal/{row}", s.showPast)
	mux.HandleFunc("/shapes", s.showShapes)
	mux.HandleFunc("/groups", s.showGroups)
	mux.HandleFunc("/health", s.showState)
	mux.HandleFunc("/explain", s.showExplanation)
	mux.HandleFunc("/try", s.showTry)

	mux.HandleFunc("/api/lookups", s.apiLookups)
	mux.HandleFunc("/api/lookups/{id}", s.apiLookup)
	mux.HandleFunc("/api/journal", s.apiJournal)
	mux.HandleFunc("/api/stream", s.apiStream)
	mux.HandleFunc("/api/shapes", s.apiShapes)
	mux.HandleFunc("/api/groups", s.apiGroups)
	mux.HandleFunc("/api/health", s.apiHealth)
	mux.HandleFunc("/api/explain", s.apiExplain)
	mux.HandleFunc("/api/try", s.apiTry)
	return mux
}
