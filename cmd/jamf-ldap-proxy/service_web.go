package main

import (
	"errors"
	"fmt"
	"net"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/web"
	"jamf-ldap-proxy/proxy"
)

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
		Metrics: s.metrics.Handler(), Ready: s.ready, Host: host, Auth: auth, TLS: listening.TLS, ErrorLog: zap.NewStdLog(s.log), Panicked: s.metrics.Panic,
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
