// Package web serves what is watched over HTTP: metrics, health, readiness, and a
// page that links them. There is no authentication, so it listens on loopback
// unless configured otherwise; there is no profiling endpoint.
package web

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"
)

// Bounds of what one HTTP client may cost. Answers are small; the longest is the
// metrics page.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute // longer than the usual scrape interval
	maxHeaderBytes    = 16 << 10
)

// Options is what a server shows.
type Options struct {
	// Metrics serves /metrics. Nil: there is no such page.
	Metrics http.Handler
	// Ready returns nil while the proxy takes LDAP clients, else a short reason
	// for /readyz. It must return at once. Nil: always ready.
	Ready func() error
	// Host is the host part of the configured address. On a loopback listener it
	// is accepted as a Host header, beside localhost, 127.0.0.1 and ::1.
	Host string
	// ErrorLog receives what net/http has to say. Nil: the standard logger.
	ErrorLog *log.Logger
}

// Server serves HTTP on one listener.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// New returns a server for l, which it owns from then on. It serves nothing yet.
func New(l net.Listener, o Options) *Server {
	handler := readOnly(newMux(o))
	if isLoopback(l.Addr()) {
		handler = onlyHosts(o.Host, handler)
	}
	return &Server{
		listener: l,
		http: &http.Server{
			Handler:           hardened(handler),
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          o.ErrorLog,
		},
	}
}

// Serve answers requests until Shutdown, and then returns nil.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving http on %s: %w", s.listener.Addr(), err)
	}
	return nil
}

// Shutdown closes the listener and waits for requests in progress. When ctx ends
// first, their connections are closed and ctx's error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	_ = s.listener.Close() // if Serve was never called, nobody else closes it
	if err != nil && ctx.Err() != nil {
		_ = s.http.Close()
		return fmt.Errorf("ending http requests: %w", err)
	}
	return nil // else err is about closing the listener twice
}
