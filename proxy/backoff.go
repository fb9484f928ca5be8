package proxy

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	backoffEntries = 16384 // (address, DN) pairs with failures: some 6 MB at most
	backoffDoubled = 16    // largest multiple of the first wait
	backoffForget  = 30 * time.Minute
	backoffQueue   = 10 * time.Second // longest wait for others to be answered
)

// backoff slows down guessing before upstream sees it: upstream counts failed
// binds too, and locks the account of the person whose password is guessed. It
// is safe for concurrent use.
//
// It counts per client address and DN. There is no count of a DN over all
// addresses: with one, anybody who reaches the listener could keep Jamf out by
// guessing at Jamf's account from elsewhere. A guesser with many addresses is
// for listeners[].allow. Nor is there a count of an address over all DNs: Jamf's
// is everybody's, and upstream counts per account.
//
// At most limits.failed_binds attempts of one key are failed or unanswered at a
// time: who guesses on many connections at once waits for the answers. A
// password that upstream has just accepted does not wait, so that Jamf's binds
// go side by side; but only while nobody else asks and nothing has failed, or
// it would tell a guesser, ahead of upstream, which of his guesses is right.
type backoff struct {
	now func() time.Time
	log *zap.Logger
	dn  func(string) string // as the log may show it

	mu     sync.Mutex
	after  int // failures in a row that cost nothing; 0: switched off
	first  time.Duration
	exempt map[dnKey]identityKey // limits.failed_binds_exempt, and what upstream accepted last
	// entries are those with failures or attempts. The ones with failures are
	// in one of two lists, the stalest first: counting below the limit, held
	// beyond it.
	entries        map[backoffKey]*backoffEntry
	counting, held list.List
}

type backoffEntry struct {
	key      backoffKey
	dn       string // as somebody wrote it, for the log
	fails    int
	wait     time.Duration // 0 below the limit
	last     time.Time
	until    time.Time     // nobody is admitted before
	place    *list.Element // in counting or held; nil without failures
	users    int           // attempts, waiting ones included
	asking   []*attempt    // not answered yet, with a password that upstream has not accepted
	accepted identityKey   // what upstream has accepted since there are users
	changed  chan struct{} // closed when an attempt has ended; nil when nobody waits
}

func newBackoff(l *Limits, now func() time.Time, log *zap.Logger, dn func(string) string) *backoff {
	if dn == nil {
		dn = func(dn string) string { return dn }
	}
	b := &backoff{now: now, log: log, dn: dn, entries: make(map[backoffKey]*backoffEntry)}
	b.configure(l)
	return b
}

// configure changes the limits; what has been counted stays, and what upstream
// has accepted of exempt DNs that stay exempt.
func (b *backoff) configure(l *Limits) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.after, b.first = l.FailedBinds, l.FailedBindWait
	exempt := make(map[dnKey]identityKey, len(l.FailedBindsExempt))
	for _, dn := range l.FailedBindsExempt {
		key := backoffKeyOf(netip.Addr{}, dn).dn
		exempt[key] = b.exempt[key]
	}
	b.exempt = exempt
}

// active returns how many keys are held back.
func (b *backoff) active() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	return b.held.Len()
}

// begin admits a bind with the password that id stands for, or says why not.
// The attempt has to be ended. It waits, no longer than backoffQueue, while too
// many others of this key are unanswered.
func (b *backoff) begin(ctx context.Context, key backoffKey, dn string, id identityKey) (*attempt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	e := b.entries[key]
	if e == nil {
		e = &backoffEntry{key: key, dn: clip(dn)}
		b.entries[key] = e
	}
	e.users++
	a := &attempt{backoff: b, entry: e, id: id}
	for waiting := ctx; ; {
		left, admitted := b.admit(a)
		if admitted {
			return a, nil
		}
		err := error(errBackoff(left))
		if left == 0 {
			if waiting == ctx {
				var cancel context.CancelFunc
				waiting, cancel = context.WithTimeout(ctx, backoffQueue)
				defer cancel()
			}
			err = b.await(waiting, e)
		}
		if err != nil {
			b.leave(e)
			return nil, err
		}
	}
}

// admit gives an attempt its place, or tells how long it has to wait; 0 is until
// another one is answered.
func (b *backoff) admit(a *attempt) (left time.Duration, admitted bool) {
	e, now := a.entry, b.now()
	right, exempt := b.exempt[e.key.dn]
	switch {
	case exempt && right == a.id:
		a.exempt = true
		return 0, true
	case e.accepted == a.id && e.fails == 0 && len(e.asking) == 0:
		return 0, true // but not where a guesser's would wait
	case e.wait > 0 && now.Before(e.until):
		return e.until.Sub(now), false
	case e.wait > 0:
		// One attempt per wait goes through, on however many connections.
		e.until = now.Add(e.wait)
	case b.after > 0 && e.fails+len(e.asking) >= b.after:
		return 0, false
	}
	e.asking = append(e.asking, a)
	return 0, true
}

// await lets go of the lock until an attempt has ended.
func (b *backoff) await(ctx context.Context, e *backoffEntry) error {
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	changed := e.changed
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return errManyBinds
	}
}

// leave is the end of an attempt for its entry.
func (b *backoff) leave(e *backoffEntry) {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
	if e.users--; e.users == 0 && e.place == nil {
		delete(b.entries, e.key)
	}
}

// failed counts a failure of the entry.
func (b *backoff) failed(e *backoffEntry) {
	if b.after <= 0 {
		return
	}
	now := b.now()
	e.fails++
	e.last = now
	if e.fails < b.after {
		b.file(e, &b.counting)
		return
	}
	began := e.wait == 0
	e.wait = min(max(b.first, 2*e.wait), backoffDoubled*b.first)
	e.until = now.Add(e.wait)
	b.file(e, &b.held)
	if began {
		b.log.Warn("holding back binds after wrong passwords in a row; another program with an old password? "+
			"The right one ends this at once when the wait is over, and limits.failed_binds sets when it begins", b.about(e, zap.Duration("wait", e.wait))...)
	}
}

// file puts the entry at the fresh end of a list. When the table is full an
// entry below the limit makes room, if there is one: whoever wants to be
// forgotten by pushing himself out would have to bring thousands of other DNs
// to the limit first, which takes longer than waiting.
func (b *backoff) file(e *backoffEntry, in *list.List) {
	b.unfile(e)
	if b.counting.Len()+b.held.Len() >= backoffEntries {
		stalest := b.counting.Front()
		if stalest == nil {
			stalest = b.held.Front()
		}
		b.forget(stalest.Value.(*backoffEntry), "too many others are counted")
	}
	e.place = in.PushBack(e)
}

func (b *backoff) unfile(e *backoffEntry) {
	if e.place == nil {
		return
	}
	b.counting.Remove(e.place) // does nothing to an element of the other list
	b.held.Remove(e.place)
	e.place = nil
}

// expire forgets what has been quiet for long.
func (b *backoff) expire() {
	now := b.now()
	for _, l := range []*list.List{&b.counting, &b.held} {
		for front := l.Front(); front != nil; front = l.Front() {
			e := front.Value.(*backoffEntry)
			if now.Sub(e.last) <= backoffForget {
				break
			}
			b.forget(e, "nobody has tried for a while")
		}
	}
}

// forget ends the counting of an entry, for a reason that the log tells.
func (b *backoff) forget(e *backoffEntry, why string) {
	if e.wait > 0 {
		b.log.Info("no longer holding back binds: "+why, b.about(e)...)
	}
	b.unfile(e)
	e.fails, e.wait = 0, 0
	if e.users == 0 {
		delete(b.entries, e.key)
	}
}

func (b *backoff) about(e *backoffEntry, more ...zap.Field) []zap.Field {
	return append([]zap.Field{
		zap.Stringer("client", e.key.addr), zap.String("dn", b.dn(e.dn)), zap.Int("failures", e.fails),
	}, more...)
}
