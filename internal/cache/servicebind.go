package cache

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"
)

// ServiceBind remembers the password that upstream accepted for one DN, that of
// the service account, as a keyed hash of both. Jamf binds as this account
// before every lookup. It is safe for concurrent use; a nil one is switched off.
type ServiceBind struct {
	dn  string
	ttl time.Duration
	now func() time.Time

	mu     sync.Mutex
	key    [sha256.Size]byte
	until  time.Time
	doubts uint64 // how often Doubt was called
}

// NewServiceBind returns a memory for binds of dn, byte for byte, or nil when
// cfg does not ask for one. now may be nil.
func NewServiceBind(cfg Config, dn string, now func() time.Time) *ServiceBind {
	if cfg.ServiceBindTTL <= 0 || dn == "" {
		return nil
	}
	if now == nil {
		now = time.Now
	}
	return &ServiceBind{dn: dn, ttl: cfg.ServiceBindTTL, now: now}
}

// Covers tells whether dn is the one whose binds are remembered.
func (b *ServiceBind) Covers(dn string) bool { return b != nil && b.dn == dn }

// Knows tells whether upstream has accepted exactly this identity a while ago.
func (b *ServiceBind) Knows(identity [sha256.Size]byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now().Before(b.until) && subtle.ConstantTimeCompare(b.key[:], identity[:]) == 1
}

// Asking returns what to call with the identity when upstream accepts it. The
// time counts from now, and a doubt that comes up in between is heard.
func (b *ServiceBind) Asking() (accepted func(identity [sha256.Size]byte)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	doubts, until := b.doubts, b.now().Add(b.ttl)
	return func(identity [sha256.Size]byte) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.doubts == doubts {
			b.key, b.until = identity, until
		}
	}
}

// Doubt forgets the password when dn is the account's: upstream has refused
// one, so the next bind has to be its own.
func (b *ServiceBind) Doubt(dn string) {
	if !b.Covers(dn) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doubts++
	b.key, b.until = [sha256.Size]byte{}, time.Time{}
}
