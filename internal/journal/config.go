package journal

import (
	"time"

	"jamf-ldap-proxy/internal/bytesize"
)

// Config is the `journal` section. Without a path there is no journal.
type Config struct {
	Path string        `yaml:"path"` // of the SQLite file; "": no journal
	Keep time.Duration `yaml:"keep"` // a lookup is deleted when it is older
	// MaxBytes bounds the file and its write-ahead log together; the oldest
	// lookups make room.
	MaxBytes bytesize.Size `yaml:"max_bytes"`
}

// DefaultConfig returns every default of the section: it is off.
func DefaultConfig() Config { return Config{Keep: 14 * 24 * time.Hour, MaxBytes: bytesize.GiB} }
