// Package cache keeps answers of upstream for a while: as they came, before the
// undo of any client, under a key that holds who asked and the whole question.
//
// An answer is kept only when it is complete and says success or noSuchObject.
// Identical lookups in flight share one, see [Cache.Join]. While upstream fails
// an expired answer may serve, within a bound, see [Cache.Stale].
//
// What is accounted never exceeds Config.MaxBytes: three quarters are for the
// answers that are kept, one is for those that are coming in, which hold their
// part until the table has made room for them.
package cache

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

const (
	// overhead is what an answer costs besides its bytes: its key, the table's
	// node and the Answer itself, rounded up.
	overhead = 512
	// recheck is how long after a failure of upstream an expired answer is
	// served without asking again: each attempt may take all of
	// upstream.connect_timeout, and a client waits for it.
	recheck = 5 * time.Second
)

// Cache is safe for concurrent use. A nil one is switched off; only Stats and
// Close may be called on it.
type Cache struct {
	cfg       Config
	now       func() time.Time
	table     *otter.Cache[Key, *Answer]
	perAnswer int   // the largest answer
	mayHold   int64 // by recordings, together

	held      atomic.Int64
	evictions atomic.Uint64

	mu      sync.Mutex
	flights map[Key]*flight
}

// New returns a cache, or nil when cfg does not ask for one. now, if not nil,
// is the clock that answers expire by. Close ends it.
func New(cfg Config, now func() time.Time) *Cache {
	if cfg.TTL <= 0 {
		return nil
	}
	c := &Cache{
		cfg:       cfg,
		now:       now,
		perAnswer: int(min(int64(cfg.MaxBytes/8), math.MaxInt32)),
		mayHold:   int64(cfg.MaxBytes / 4),
		flights:   make(map[Key]*flight),
	}
	options := otter.Options[Key, *Answer]{
		MaximumWeight:    uint64(max(1, cfg.MaxBytes-cfg.MaxBytes/4)),
		Weigher:          func(_ Key, a *Answer) uint32 { return uint32(a.size()) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[Key, *Answer]) time.Duration { return e.Value.usable.Sub(c.now()) }),
		OnAtomicDeletion: c.count,
		// Whoever writes makes room: it waited for upstream, and then Keep knows
		// when there is room.
		Executor: func(f func()) { f() },
		Logger:   &otter.NoopLogger{},
	}
	if now == nil {
		c.now = time.Now
	} else {
		options.Clock = clock(now)
	}
	c.table = otter.Must(&options)
	return c
}

// clock lets the table expire by the clock of a test.
type clock func() time.Time

func (c clock) NowNano() int64                          { return c().UnixNano() }
func (clock) Tick(every time.Duration) <-chan time.Time { return time.Tick(every) }

func (c *Cache) count(e otter.DeletionEvent[Key, *Answer]) {
	if e.Cause == otter.CauseOverflow {
		c.evictions.Add(1)
	}
}

// Close stops the cleaning up. It must be the last call.
func (c *Cache) Close() {
	if c != nil {
		c.table.StopAllGoroutines()
		c.table.InvalidateAll()
	}
}

// Stats are what the cache holds at a moment.
type Stats struct {
	Bytes     int64 // accounted: kept and coming in
	Entries   int
	Evictions uint64 // answers that made room for others, ever
}

// Stats returns them; those of a nil cache are zero.
func (c *Cache) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	return Stats{
		Bytes: int64(c.table.WeightedSize()) + c.held.Load(), Entries: c.table.EstimatedSize(), Evictions: c.evictions.Load(),
	}
}

// find returns the answer that may be given without asking upstream: one that
// is fresh, or one that is stale when upstream has failed a moment ago.
func (c *Cache) find(key Key) (a *Answer, stale bool) {
	a, ok := c.table.GetIfPresent(key)
	if !ok {
		return nil, false
	}
	now := c.now()
	switch {
	case now.Before(a.fresh):
		return a, false
	case now.UnixNano() < a.recheckAt.Load() && now.Before(a.usable):
		return a, true
	}
	return nil, false
}

// Stale returns an answer that has expired no longer than Config.Stale ago, nil
// if there is none. It is for a lookup that upstream failed, and lets those that
// follow within a few seconds have it without asking.
func (c *Cache) Stale(key Key) *Answer {
	a, ok := c.table.GetIfPresent(key)
	now := c.now()
	if !ok || !now.Before(a.usable) {
		return nil
	}
	a.recheckAt.Store(now.Add(recheck).UnixNano())
	return a
}

// Forget drops an answer.
func (c *Cache) Forget(key Key) { c.table.Invalidate(key) }

// keep puts a complete answer into the table, or takes the one before out when
// one like this is not kept: it is not true any more, not even for lack of a
// better one.
func (c *Cache) keep(key Key, a *Answer, asked time.Time, negative bool) {
	ttl := c.cfg.TTL
	if negative {
		ttl = c.cfg.NegativeTTL
	}
	a.fresh = asked.Add(ttl)
	a.usable = a.fresh.Add(c.cfg.Stale)
	if ttl <= 0 || !c.now().Before(a.usable) {
		c.Forget(key)
		return
	}
	c.table.Set(key, a)
	c.table.CleanUp() // evicts, before the recording gives up what it holds
}
