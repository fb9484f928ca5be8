package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/upstream"
)

// A reload makes another state of the configuration as it is now, and everything
// that can fail in it comes before the first change: the one before stays whole, or
// goes as a whole. No client is disconnected; what a lookup began with serves it to
// its end. See docs/reload.md.

// reloadResult is how the latest reload went, for the page; the start counts as one.
type reloadResult struct {
	at    time.Time
	err   error    // nil: it took effect
	needs []string // keys whose new value waits for a restart
}

func (s *service) note(r *reloadResult) {
	s.reloaded.Store(r)
	s.metrics.ConfigReload(r.err == nil, r.at)
}

// reload applies what load returns. It is called by one goroutine at a time, and
// not while the service stops.
func (s *service) reload(load func() (config.Config, error)) {
	result := &reloadResult{at: time.Now()}
	defer func() { s.note(result) }()
	cfg, err := load()
	if err == nil {
		result.needs, err = s.apply(cfg)
	}
	if result.err = err; err == nil {
		return
	}
	for _, text := range mistakesOf(err) {
		s.log.Error("configuration was not reloaded, the one before stays in use: " + text)
	}
}

// mistakesOf has a text for each mistake of a file, as `config check` words it.
func mistakesOf(err error) []string {
	if err == nil {
		return nil
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		var usage *usageError
		if errors.As(err, &usage) && usage.try != "" {
			return []string{err.Error() + "; try: " + usage.try}
		}
		return []string{err.Error()}
	}
	var texts []string
	for _, p := range problems {
		alone := *p
		alone.Snippet = "" // a log line is one line
		texts = append(texts, strings.Join(strings.Fields(alone.Error()), " "))
	}
	return texts
}

// apply puts a configuration in force, all of it or nothing, but for the keys that it
// returns, which need a restart.
func (s *service) apply(cfg config.Config) (needs []string, err error) {
	before := s.state()
	changed := config.Changes(before.cfg, cfg)
	needs = keepUntilRestart(&cfg, before.cfg, changed)
	changed = slices.DeleteFunc(changed, func(key string) bool { return slices.Contains(needs, key) })

	next := &state{cfg: cfg, cache: before.cache, binds: before.binds, discover: before.discover}
	otherPool := touches(changed, "upstream")
	keep := before.pool
	if otherPool {
		keep = nil
	}
	if next.prepared, err = prepare(cfg, s.upstreamOptions(), keep); err != nil {
		return nil, err
	}
	listeners, err := planListeners(before.listeners, cfg.Listeners, s.open)
	if err != nil {
		if otherPool {
			s.retire(next.pool, nil)
		}
		return nil, err
	}
	s.swap(before, next, listeners, changed)
	s.showChanges(&cfg, changed, needs)
	return needs, nil
}

func (s *service) showChanges(cfg *config.Config, changed, needs []string) {
	s.level.SetLevel(min(s.level.Level(), levelOf(cfg))) // this is to be seen under either
	defer s.level.SetLevel(levelOf(cfg))
	switch {
	case len(changed) > 0:
		s.log.Info("configuration was reloaded", zap.Strings("changed", changed))
	case len(needs) == 0:
		s.log.Info("configuration was reloaded: nothing has changed")
	}
	for _, key := range needs {
		s.log.Warn("needs a restart: " + key)
	}
	s.showConfig(cfg)
}

// swap is the part of a reload that cannot fail.
func (s *service) swap(before, next *state, listeners *listenerPlan, changed []string) {
	otherPool, rediscover := next.pool != before.pool, touches(changed, "upstream", "groups")
	if rediscover {
		before.discover.stop()
		s.rediscover(before, next)
	}
	if touches(changed, "upstream", "cache") {
		next.startCache()
	}
	s.server.Reload(s.proxyConfig(next))
	listeners.begin(s)
	next.listeners = listeners.next
	s.journal.Configure(next.cfg.Journal)
	if s.web != nil {
		s.web.Reload(s.site(next), next.auth)
	}
	s.current.Store(next)
	listeners.end(s)
	if rediscover {
		next.discover.start()
	}
	if otherPool {
		s.retire(before.pool, before.cache)
	} else if next.cache != before.cache {
		s.retire(nil, before.cache)
	}
}

// rediscover makes the rules, and what discovers pairs for them, anew. What was
// found stays, until it is found again, unless it is about another directory.
func (s *service) rediscover(before, next *state) {
	next.discover = newDiscovering(s, next)
	keep := next.discover != nil && next.cfg.Upstream.Base == before.cfg.Upstream.Base &&
		next.cfg.Groups.LegacyClass == before.cfg.Groups.LegacyClass
	s.table.Replace(next.rules, keep)
	if keep {
		next.discover.follow(before.discover)
		return
	}
	for _, state := range []string{
		discovery.StateDiscovered, discovery.StateAmbiguous, discovery.StateNoLinuxGroup, discovery.StateNoLegacyGroup,
	} {
		s.metrics.Pairs(state, 0)
	}
}

// retire closes what a reload has replaced, or made in vain, when the last lookup
// that uses it has ended.
func (s *service) retire(pool *upstream.Pool, kept *cache.Cache) {
	s.retiring.Go(func() {
		if pool != nil {
			servers, _, _ := pool.Status()
			_ = pool.Close(s.retired)
			s.forgetServers(servers)
		}
		kept.Close()
	})
}

// forgetServers takes servers that are not asked any more out of the metrics.
func (s *service) forgetServers(old []upstream.ServerStatus) {
	now, _, _ := s.state().pool.Status()
	for _, server := range old {
		if !slices.ContainsFunc(now, func(n upstream.ServerStatus) bool { return n.Server == server.Server }) {
			s.metrics.ForgetUpstream(server.Server)
		}
	}
}

// touches tells whether a key of one of the sections is among those.
func touches(changed []string, sections ...string) bool {
	return slices.ContainsFunc(changed, func(key string) bool {
		section, _, _ := strings.Cut(key, ".")
		return slices.Contains(sections, section)
	})
}

// restartKeys are those that are read once.
var restartKeys = []string{
	"journal.path",
	"log.format", "log.privacy", "log.privacy_key_file",
	"web.address", "web.tls.certificate", "web.tls.key", "web.try",
}

// keepUntilRestart takes the values that cannot change back to those in force, and
// returns the keys. With web.address, all of the section waits: who may read the page
// is judged together with who can reach it.
func keepUntilRestart(cfg *config.Config, current config.Config, changed []string) (needs []string) {
	wholeWeb := slices.Contains(changed, "web.address")
	for _, key := range changed {
		if slices.Contains(restartKeys, key) || wholeWeb && strings.HasPrefix(key, "web.") {
			needs = append(needs, key)
		}
	}
	cfg.Journal.Path = current.Journal.Path
	cfg.Log.Format, cfg.Log.Privacy = current.Log.Format, current.Log.Privacy
	cfg.Log.PrivacyKeyFile, cfg.Log.PrivacyKey = current.Log.PrivacyKeyFile, current.Log.PrivacyKey
	if wholeWeb {
		cfg.Web = current.Web
	}
	cfg.Web.TLS, cfg.Web.Try = current.Web.TLS, current.Web.Try
	return needs
}
