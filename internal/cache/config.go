package cache

import (
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

// Config is the `cache` section. Without a TTL nothing is cached.
type Config struct {
	TTL         time.Duration `yaml:"ttl"`          // how long an answer with entries counts; 0: no cache
	NegativeTTL time.Duration `yaml:"negative_ttl"` // the same for one without; 0: not kept
	Stale       time.Duration `yaml:"stale"`        // how long past that it may serve while upstream fails; 0: never
	MaxBytes    bytesize.Size `yaml:"max_bytes"`
	// ServiceBindTTL is how long a successful bind of upstream.service_account.dn
	// is remembered; 0: every bind goes upstream.
	ServiceBindTTL time.Duration `yaml:"service_bind_ttl"`
}

// DefaultConfig returns every default of the section: all is off.
func DefaultConfig() Config { return Config{MaxBytes: 64 * bytesize.MiB} }
