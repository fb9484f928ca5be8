package main

import (
	"errors"
	"slices"

	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/web"
	"jamf-ldap-proxy/rewrite"
)

// What the page shows of the service.

// health tells how everything does at this moment.
func (s *service) health() web.Health {
	st := s.state()
	h := web.Health{
		Version: version().String(), Started: s.started, Config: st.cfg.File, Warnings: append([]string{}, st.cfg.Warnings...),
		Clients: s.server.Clients(), Lookups: s.server.Lookups(), HeldBack: s.server.HeldBack(), Sinks: s.records.Status(), Watching: s.ring.Watchers(),
	}
	if r := s.reloaded.Load(); r != nil {
		h.Reload = web.Reload{At: r.at, Mistakes: mistakesOf(r.err), NeedsRestart: r.needs}
	}
	for _, l := range st.listeners {
		h.Listeners = append(h.Listeners, web.Listener{
			Address: l.Addr().String(), Protocol: protocolOf(&l), CertExpires: l.options.CertificateExpiry(),
		})
	}
	if s.webTLS.TLS != nil {
		h.Listeners = append(h.Listeners, web.Listener{Address: s.webAddr.String(), Protocol: "https", CertExpires: s.webTLS.CertificateExpiry()})
	}
	servers, open, most := st.pool.Status()
	h.Connections = web.Connections{Open: open, Max: most}
	for _, u := range servers {
		h.Upstream = append(h.Upstream, web.Upstream{
			Server: u.Server, State: u.State, Error: u.Error, CertExpires: u.TLSExpiry,
			Leased: u.Leased, Idle: u.Idle, Spare: u.Spare, Dialing: u.Dialing,
		})
	}
	stats := st.cache.Stats()
	h.Cache = web.Cache{
		Enabled: st.cache != nil, Entries: stats.Entries, Bytes: stats.Bytes,
		MaxBytes: int64(st.cfg.Cache.MaxBytes), Evictions: stats.Evictions,
	}
	if s.journal != nil {
		status := s.journal.Status()
		h.Journal = &status
	}
	return h
}

func protocolOf(l *openListener) string {
	switch {
	case l.options.Implicit:
		return "ldaps"
	case l.options.TLS != nil:
		return "ldap with StartTLS"
	}
	return "ldap"
}

// groups tells which two entries are one group, as far as is known. With
// log.privacy: hash the names are hashed as in lookups.
func (s *service) groups() web.Groups {
	st := s.state()
	g := web.Groups{Mode: string(st.cfg.Groups.Mode)}
	d := st.discover.status()
	g.Discovery = web.Discovery{
		Enabled: st.discover != nil, Outcome: d.Outcome, LastSuccess: d.LastSuccess, LastAttempt: d.LastAttempt,
	}
	if d.Err != nil {
		g.Discovery.Error = d.Err.Error()
		var e *discovery.Error
		if errors.As(d.Err, &e) {
			g.Discovery.Try = e.Try
		}
	}
	s.addPairs(&g, d.Result)
	if d.Result != nil {
		addUnpaired(&g, d.Result)
		g.Warnings = slices.Clone(d.Result.Warnings)
	}
	if s.hasher != nil {
		s.hashGroups(&g)
	}
	return g
}

// addPairs lists the pairs that lookups use now, with what discovery knows of
// them.
func (s *service) addPairs(g *web.Groups, found *discovery.Result) {
	known := make(map[rewrite.PairConfig]discovery.Pair)
	if found != nil {
		for _, p := range found.Pairs {
			known[rewrite.PairConfig{Legacy: p.Legacy, Posix: p.Posix}] = p
		}
	}
	for _, p := range s.table.Rules().Pairs() {
		shown := web.Pair{Legacy: p.Legacy, Posix: p.Posix, GID: p.GID, Why: discovery.Configured.Why()}
		if k, ok := known[rewrite.PairConfig{Legacy: p.Legacy, Posix: p.Posix}]; ok {
			shown.Members, shown.Why, shown.Try = k.Members, k.Reason.Why(), k.Reason.Try()
		}
		g.Pairs = append(g.Pairs, shown)
	}
}

func addUnpaired(g *web.Groups, found *discovery.Result) {
	for _, a := range found.Ambiguous {
		g.Ambiguous = append(g.Ambiguous, web.Ambiguity{
			Legacy: shownGroups(a.Legacy), Posix: shownGroups(a.Posix), Why: a.Reason.Why(), Try: a.Reason.Try(),
		})
	}
	for _, u := range found.NoLinuxGroup {
		g.NoLinux = append(g.NoLinux, web.Group{Name: u.Name, Members: u.Members, Why: u.Reason.Why(), Try: u.Reason.Try()})
	}
	for _, u := range found.NoLegacyGroup {
		g.NoLegacy = append(g.NoLegacy, web.Group{Name: u.Name, GID: u.GID, Members: u.Members, Why: u.Reason.Why(), Try: u.Reason.Try()})
	}
}

func shownGroups(groups []discovery.Group) []web.Group {
	list := make([]web.Group, len(groups))
	for i, g := range groups {
		list[i] = web.Group{Name: g.Name, GID: g.GID, Members: g.Members}
	}
	return list
}

// hashGroups hashes every name; sentences that quote names are left out.
func (s *service) hashGroups(g *web.Groups) {
	hash := s.hasher.Value
	g.Hashed = true
	for i := range g.Pairs {
		g.Pairs[i].Legacy, g.Pairs[i].Posix = hash(g.Pairs[i].Legacy), hash(g.Pairs[i].Posix)
	}
	lists := [][]web.Group{g.NoLinux, g.NoLegacy}
	for _, a := range g.Ambiguous {
		lists = append(lists, a.Legacy, a.Posix)
	}
	for _, list := range lists {
		for i := range list {
			list[i].Name = hash(list[i].Name)
		}
	}
	if n := len(g.Warnings); n > 0 {
		g.Warnings = []string{"There are doubts about pairs; `jamf-ldap-proxy pairs` names them."}
	}
	if g.Discovery.Error != "" {
		g.Discovery.Error = "outcome " + g.Discovery.Outcome + "; `jamf-ldap-proxy pairs` says more"
	}
}
