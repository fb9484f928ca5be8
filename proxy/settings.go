package proxy

import (
	"errors"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// settings are what Reload replaces, as a whole: an operation takes them once,
// and so sees one configuration from its beginning to its end.
type settings struct {
	Config
	decode ldap.Limits
}

func newSettings(cfg *Config) *settings {
	l := &cfg.Limits
	return &settings{Config: *cfg, decode: ldap.Limits{
		Nesting: l.Nesting, FilterTerms: l.FilterTerms, Controls: l.Controls, Attributes: l.Attributes,
	}}
}

// settings returns those in force now. Whatever needs two of them that belong
// together asks once.
func (s *Server) settings() *settings { return s.current.Load() }

// Reload puts another configuration in place of the one before, for every
// operation that begins from now on. Recorder, Metrics, Logger and Now stay.
//
// Sessions live on and are bound as before: their identity binds anew on the
// new pool. They keep what they were given when they began: in_flight,
// paged_cursors, write_stall, and whether they are traced. An open paged search
// stays on the connection that it has.
//
// The caller closes the pool before, once this has returned. An operation that
// comes too late for it goes to the new one.
func (s *Server) Reload(cfg Config) {
	s.current.Store(newSettings(&cfg))
	s.backoff.configure(&cfg.Limits)
}

// followReload takes the pool of the latest configuration when the operation's
// own has been closed since it began.
func (o *operation) followReload(err error) bool {
	pool := o.session.server.settings().Upstream
	if !errors.Is(err, upstream.ErrClosed) || pool == o.pool {
		return false
	}
	o.pool = pool
	return true
}
