package config

import (
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

// minCacheBytes leaves room for answers worth keeping: one may have an eighth.
const minCacheBytes = bytesize.MiB

func (l *loader) validateCache() {
	c := &l.cfg.Cache
	for _, d := range []struct {
		path  string
		value time.Duration
	}{
		{"cache.ttl", c.TTL},
		{"cache.negative_ttl", c.NegativeTTL},
		{"cache.stale", c.Stale},
		{"cache.service_bind_ttl", c.ServiceBindTTL},
	} {
		if d.value < 0 {
			l.mistake(d.path, shortDuration(d.value), "must not be negative", "write a time such as 30s, or 0s to switch it off")
		}
	}
	if c.MaxBytes < minCacheBytes {
		l.mistake("cache.max_bytes", c.MaxBytes.String(), "must be at least "+minCacheBytes.String(),
			"write a larger size, for example 64MiB; cache.ttl: 0s switches the cache off")
	}
	l.validateCacheTimes()
	if c.ServiceBindTTL > 0 && l.cfg.Upstream.ServiceAccount.DN == "" {
		l.missing("upstream.service_account.dn",
			"cache.service_bind_ttl remembers the password of this user: write uid=NAME,"+l.exampleBase()+", or set cache.service_bind_ttl: 0s")
	}
}

// validateCacheTimes checks the times that say nothing without cache.ttl.
func (l *loader) validateCacheTimes() {
	c := &l.cfg.Cache
	if c.TTL < 0 || l.isBad("cache.ttl") {
		return
	}
	switch {
	case c.NegativeTTL > 0 && c.TTL == 0:
		l.mistake("cache.negative_ttl", shortDuration(c.NegativeTTL), "has no effect without cache.ttl", "set cache.ttl too, or remove it")
	case c.NegativeTTL > c.TTL:
		l.mistake("cache.negative_ttl", shortDuration(c.NegativeTTL), "must not be more than cache.ttl ("+shortDuration(c.TTL)+"): somebody waits for what is missing",
			"write a shorter time; a quarter of cache.ttl is a good start")
	}
	if c.Stale > 0 && c.TTL == 0 {
		l.mistake("cache.stale", shortDuration(c.Stale), "has no effect without cache.ttl", "set cache.ttl too, or remove it")
	}
}
