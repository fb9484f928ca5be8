package proxy

import (
	"container/list"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

const (
	backoffEntries = 4096 // (address, DN) pairs remembered; the stalest goes first
	backoffDoubled = 16   // largest multiple of the first wait
	backoffForget  = 30 * time.Minute
)

// backoff slows down guessing before upstream sees it: upstream counts failed
// binds too, and locks the account of the person whose password is guessed.
// It counts per client address and DN, so that a guesser elsewhere does not
// lock Jamf out. It is safe for concurrent use.
type backoff struct {
	after int // failures in a row that cost nothing; 0: switched off
	first time.Duration
	now   func() time.Time

	mu      sync.Mutex
	entries map[backoffKey]*list.Element // of *backoffEntry
	order   list.List                    // stalest first
}

type backoffKey struct {
	addr netip.Addr
	dn   [sha256.Size]byte // a hash, because a DN can be as long as a message
}

type backoffEntry struct {
	key   backoffKey
	fails int
	wait  time.Duration // 0 below the threshold
	last  time.Time
	until time.Time
}

func newBackoff(l *Limits, now func() time.Time) *backoff {
	return &backoff{after: l.FailedBinds, first: l.FailedBindWait, now: now, entries: make(map[backoffKey]*list.Element)}
}

// backoffKeyOf folds the DN, or every spelling of it would be a fresh start.
func backoffKeyOf(addr netip.Addr, name string) backoffKey {
	if dn, err := ldap.ParseDN(name); err == nil {
		name = dn.String()
	}
	return backoffKey{addr, sha256.Sum256([]byte(ldap.FoldValue(name)))}
}

// admit tells how long the client still has to wait, 0 for go ahead. Once the
// back-off has begun only one attempt per wait goes through, however many
// connections try at the same time.
func (b *backoff) admit(key backoffKey) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	el, ok := b.entries[key]
	if !ok {
		return 0
	}
	e := el.Value.(*backoffEntry)
	if e.wait == 0 {
		return 0
	}
	now := b.now()
	if left := e.until.Sub(now); left > 0 {
		return left
	}
	e.until = now.Add(e.wait)
	return 0
}

// failed notes an invalidCredentials of upstream.
func (b *backoff) failed(key backoffKey) {
	if b.after <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	e := b.entry(key)
	if now.Sub(e.last) > backoffForget {
		e.fails, e.wait = 0, 0
	}
	e.fails++
	e.last = now
	switch {
	case e.fails < b.after:
		return
	case e.wait == 0:
		e.wait = b.first
	default:
		e.wait = min(2*e.wait, backoffDoubled*b.first)
	}
	e.until = now.Add(e.wait)
}

// entry returns the entry of key as the freshest, making it and room for it.
func (b *backoff) entry(key backoffKey) *backoffEntry {
	if el, ok := b.entries[key]; ok {
		b.order.MoveToBack(el)
		return el.Value.(*backoffEntry)
	}
	if len(b.entries) >= backoffEntries {
		stalest := b.order.Front()
		delete(b.entries, stalest.Value.(*backoffEntry).key)
		b.order.Remove(stalest)
	}
	e := &backoffEntry{key: key}
	b.entries[key] = b.order.PushBack(e)
	return e
}

// succeeded forgets the failures: the right password was given.
func (b *backoff) succeeded(key backoffKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if el, ok := b.entries[key]; ok {
		delete(b.entries, key)
		b.order.Remove(el)
	}
}
