// Package upstream keeps the connections to the directory that the proxy asks.
//
// A connection carries one identity: it is bound once, and never as somebody
// else. Whoever needs one leases it, alone, and gives it back. Between leases it
// waits in the idle set under a keyed hash of its DN and password, and only a
// lease for exactly these finds it there. A bind of a client always goes to the
// server.
//
// Spares are connected but not bound yet, and nobody's: the first identity that
// has no idle connection takes one instead of dialing. One goroutine, the
// keeper, replaces them, and asks after servers that do not answer.
//
// Every dial runs in a goroutine of its own. Who waits for a connection gets the
// first that fits, not necessarily the one dialed for him, and may leave; what
// arrives for nobody becomes a spare.
//
// Locks are never held over I/O, and every connection counts, in the Observer,
// for upstream.max_connections and for Close, until its socket is closed.
package upstream

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Options are what a Pool needs besides its configuration. All may be left out.
type Options struct {
	Observer Observer
	Logger   *zap.Logger
	Now      func() time.Time // ages connections and failures; deadlines follow the system's clock
}

// Pool leases connections to the servers of one configuration. It is safe for
// concurrent use.
type Pool struct {
	cfg      Config
	servers  []*server
	observer observer
	log      *zap.Logger
	now      func() time.Time

	base       context.Context // ends when nothing may go on: at the end of Close
	cutAll     context.CancelFunc
	stop       chan struct{} // closed by Close: ends the keeper
	wake       chan struct{} // tells the keeper that there may be work
	keeper     sync.WaitGroup
	background sync.WaitGroup // dials and evictions; started under mu

	mu       sync.Mutex // also guards the marked fields of each server
	closed   bool
	idle     idleSet
	live     map[*link]struct{} // every open connection
	open     int                // live, and dials: what upstream.max_connections limits
	evicting int                // connections that are closed to make room
	wants    list.List          // of *want, longest waiting first
	turn     int                // of round-robin
	busy     int                // leases, and attempts to get one
	quiet    chan struct{}      // closed once closed and not busy
}

// New checks the configuration, reads the CA file and starts the keeper, which
// dials the spares. It waits for none of them. Errors name the key to change.
func New(cfg Config, opt Options) (*Pool, error) {
	servers, err := parseServers(&cfg)
	if err := errors.Join(err, checkLimits(&cfg)); err != nil {
		return nil, err
	}
	p := &Pool{
		cfg: cfg, servers: servers, observer: observer{opt.Observer}, log: opt.Logger, now: opt.Now,
		stop: make(chan struct{}), wake: make(chan struct{}, 1), quiet: make(chan struct{}),
		live: make(map[*link]struct{}),
	}
	if p.log == nil {
		p.log = zap.NewNop()
	}
	if p.now == nil {
		p.now = time.Now
	}
	for _, s := range p.servers {
		if s.roots != nil {
			s.roots.log = p.log
		}
		s.probeAt = p.now().Add(jitter(probeEvery))
	}
	p.base, p.cutAll = context.WithCancel(context.Background())
	p.keeper.Go(p.keep)
	return p, nil
}

func checkLimits(cfg *Config) (failed error) {
	for _, limit := range []struct {
		knob  string
		value int64
	}{
		{"connect_timeout", int64(cfg.ConnectTimeout)},
		{"bind_timeout", int64(cfg.BindTimeout)},
		{"search_timeout", int64(cfg.SearchTimeout)},
		{"idle_timeout", int64(cfg.IdleTimeout)},
		{"lifetime", int64(cfg.Lifetime)},
		{"max_connections", int64(cfg.MaxConnections)},
		{"max_pdu", int64(cfg.MaxPDU)},
	} {
		if limit.value <= 0 {
			failed = errors.Join(failed, fmt.Errorf("upstream.%s: must be more than 0", limit.knob))
		}
	}
	if cfg.Warm < 0 || cfg.Warm > cfg.MaxConnections {
		failed = errors.Join(failed, errors.New("upstream.warm: must be from 0 to upstream.max_connections"))
	}
	if cfg.Policy != PolicyOrdered && cfg.Policy != PolicyRoundRobin {
		failed = errors.Join(failed, fmt.Errorf("upstream.policy: %q is neither %s nor %s", cfg.Policy, PolicyOrdered, PolicyRoundRobin))
	}
	return failed
}

// Share is how many leases one client may hold at a time: a quarter of
// upstream.max_connections, because a client that stops reading keeps what it has
// for as long as limits.write_stall lets it.
func (p *Pool) Share() int { return max(1, p.cfg.MaxConnections/4) }

// Acquire leases a connection that is bound as exactly id: an idle one that is
// alive, else a spare or a new one. Those are bound as id without being asked,
// unless id is the anonymous identity, which every fresh connection has (RFC
// 4513 section 4). When upstream refuses that bind, because the password
// changed since the client's own, Error.BindCode is its answer; nothing is
// retried.
func (p *Pool) Acquire(ctx context.Context, id *Identity) (*Conn, error) {
	return p.acquire(ctx, id, false)
}

// AcquireFresh is Acquire without what was there before, for the one repetition
// that Retryable allows.
func (p *Pool) AcquireFresh(ctx context.Context, id *Identity) (*Conn, error) {
	return p.acquire(ctx, id, true)
}

func (p *Pool) acquire(ctx context.Context, id *Identity, fresh bool) (*Conn, error) {
	if err := id.usable(); err != nil {
		return nil, &Error{Doing: "acquiring a connection", Err: err}
	}
	c, err := p.lease(ctx, request{
		key: id.key, fresh: fresh, knob: "upstream.search_timeout", patience: p.cfg.SearchTimeout,
	})
	if err != nil {
		return nil, err
	}
	if c.link.owner == id.key {
		return c, nil
	}
	if err := c.assume(ctx, id); err != nil {
		c.Discard()
		return nil, err
	}
	return c, nil
}

// request says which connections will do.
type request struct {
	key      identityKey
	fresh    bool // nothing that was there before
	knob     string
	patience time.Duration // how long to wait for one, and the key that says so
}

// lease returns an idle connection of the identity, or one that is nobody's.
func (p *Pool) lease(ctx context.Context, r request) (*Conn, error) {
	if !p.enter() {
		return nil, &Error{Doing: "acquiring a connection", Err: ErrClosed}
	}
	l, err := p.find(ctx, r)
	if err != nil {
		p.leave()
		return nil, err
	}
	c := &Conn{pool: p, link: l, reused: l.used}
	l.used = true
	return c, nil
}

func (p *Pool) find(ctx context.Context, r request) (*link, error) {
	if !r.fresh {
		if l := p.takeIdle(r.key); l != nil {
			return l, nil
		}
	}
	ranked := p.ranking()
	if !r.fresh {
		if l := p.takeSpare(ranked); l != nil {
			return l, nil
		}
	}
	return p.await(ctx, r, ranked)
}

// takeIdle returns a live idle connection of an identity in the leased state,
// or nil. Those that it finds dead or too old are closed.
func (p *Pool) takeIdle(key identityKey) *link {
	for {
		p.mu.Lock()
		l := p.idle.take(key)
		p.mu.Unlock()
		if l == nil {
			return nil
		}
		p.move(l, stateLeased)
		if !l.outstayed(p.now(), p.cfg.IdleTimeout) && l.alive() {
			return l
		}
		p.retire(l, l.cut)
	}
}

// outstayed tells whether a connection that nobody uses is too old for it.
func (l *link) outstayed(now time.Time, idle time.Duration) bool {
	return now.Sub(l.idleSince) >= idle || l.pastLifetime(now)
}

func (l *link) pastLifetime(now time.Time) bool {
	return !l.expires.IsZero() && !now.Before(l.expires)
}

// giveBack hands a leased connection to who waits for one of its identity, or
// makes it idle.
func (p *Pool) giveBack(l *link) {
	p.move(l, stateIdle)
	excess := l
	p.mu.Lock()
	switch w := p.taker(l); {
	case w != nil:
		p.deliver(w, delivery{link: l})
		excess = nil
	case !p.closed:
		excess = p.idle.put(l, p.now())
		p.pump()
	}
	p.mu.Unlock()
	if excess != nil {
		p.retire(excess, excess.sayGoodbye)
	}
}

// move counts a connection in another state. It is for whoever has the
// connection in his hands.
func (p *Pool) move(l *link, state string) {
	p.observer.connection(l.server, state, +1)
	p.observer.connection(l.server, l.state, -1)
	l.state = state
}

// retire closes a connection that is in nobody else's hands.
func (p *Pool) retire(l *link, closing func()) {
	closing()
	p.observer.connection(l.server, l.state, -1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(l)
}

// forget gives the place of a closed connection to who waits for one. p.mu is
// held.
func (p *Pool) forget(l *link) {
	if _, ok := p.live[l]; ok {
		delete(p.live, l)
		p.open--
	}
	p.pump()
}

// enter announces a lease; leave ends it, or the attempt to get one.
func (p *Pool) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.busy++
	return true
}

func (p *Pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy--; p.closed && p.busy == 0 {
		close(p.quiet)
	}
}
