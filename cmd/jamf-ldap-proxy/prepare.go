package main

import (
	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/internal/web"
	"jamf-ldap-proxy/proxy"
	"jamf-ldap-proxy/rewrite"
)

// prepared is what serve makes of a configuration before it opens a port.
type prepared struct {
	rules  *rewrite.Rules
	guards *proxy.Guards
	auth   *web.Auth // nil when the page asks nobody, or when there is none
	pool   *upstream.Pool
}

// prepare does everything that a loaded configuration can still fail at, short of
// opening ports. `config check` calls it too, so that what it finds fine starts.
// A reload calls it too, with the pool to keep where that need not be another one.
func prepare(cfg config.Config, o upstream.Options, keep *upstream.Pool) (p prepared, err error) {
	if p.rules, err = rewrite.Compile(cfg.Groups); err != nil {
		return p, &usageError{err: err}
	}
	if p.guards, err = proxy.NewGuards(cfg.Guards); err != nil {
		return p, &usageError{err: err}
	}
	if w := cfg.Web; w.Address != "" && (w.UsersFile != "" || w.TokenFile != "") {
		if p.auth, err = web.NewAuth(w.UsersFile, w.TokenFile); err != nil {
			return p, &usageError{err: err}
		}
	}
	if p.pool = keep; keep != nil {
		return p, nil
	}
	if p.pool, err = upstream.New(cfg.Upstream, o); err != nil {
		return p, &usageError{err: err}
	}
	return p, nil
}
