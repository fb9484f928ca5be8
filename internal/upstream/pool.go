// Package upstream keeps the connections to the directory that the proxy asks.
//
// A connection carries one identity: it is bound once, after the dial, and
// never as somebody else. Whoever needs one leases it, alone, and gives it back.
// Between leases it waits in the idle set under a keyed hash of its DN and
// password, and only a lease for exactly these finds it there. A bind of a
// client always goes to the server.
//
// Locks are never held over I/O, and every connection counts, in the Observer
// and for Close, until its socket is closed.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Options are what a Pool needs besides its configuration. All may be left out.
type Options struct {
	Observer Observer
	Logger   *zap.Logger
	Now      func() time.Time // ages idle connections; deadlines follow the system's clock
}

// Pool leases connections to the servers of one configuration. It is safe for
// concurrent use.
type Pool struct {
	cfg      Config
	servers  []*server
	observer observer
	log      *zap.Logger
	now      func() time.Time

	base   context.Context // ends when Close runs out of patience
	cutAll context.CancelFunc
	stop   chan struct{} // closed by Close: ends the reaper
	reaper sync.WaitGroup

	mu     sync.Mutex
	closed bool
	idle   idleSet
	live   map[*link]struct{} // every open connection
	busy   int                // leases, and dials that will become one
	quiet  chan struct{}      // closed once closed and not busy
}

// New checks the configuration, reads the CA file and starts the reaper of idle
// connections. It does not dial. Errors name the key to change.
func New(cfg Config, opt Options) (*Pool, error) {
	servers, err := parseServers(&cfg)
	if err := errors.Join(err, checkLimits(&cfg)); err != nil {
		return nil, err
	}
	p := &Pool{
		cfg: cfg, servers: servers, observer: observer{opt.Observer}, log: opt.Logger, now: opt.Now,
		stop: make(chan struct{}), quiet: make(chan struct{}), live: make(map[*link]struct{}),
	}
	if p.log == nil {
		p.log = zap.NewNop()
	}
	if p.now == nil {
		p.now = time.Now
	}
	p.base, p.cutAll = context.WithCancel(context.Background())
	p.reaper.Go(p.reap)
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
		{"max_pdu", int64(cfg.MaxPDU)},
	} {
		if limit.value <= 0 {
			failed = errors.Join(failed, fmt.Errorf("upstream.%s: must be more than 0", limit.knob))
		}
	}
	return failed
}

// Acquire leases a connection that is bound as exactly id: an idle one that is
// alive, else a new one. A new one is bound as id without being asked, unless
// id is the anonymous identity, which every fresh connection has (RFC 4513
// section 4). When upstream refuses that bind, because the password changed
// since the client's own, Error.BindCode is its answer; nothing is retried.
func (p *Pool) Acquire(ctx context.Context, id *Identity) (*Conn, error) {
	return p.acquire(ctx, id, p.takeIdle)
}

// AcquireFresh is Acquire without the idle connections, for the one repetition
// that Retryable allows.
func (p *Pool) AcquireFresh(ctx context.Context, id *Identity) (*Conn, error) {
	return p.acquire(ctx, id, func(*Identity) *link { return nil })
}

func (p *Pool) acquire(ctx context.Context, id *Identity, idle func(*Identity) *link) (*Conn, error) {
	if err := id.usable(); err != nil {
		return nil, &Error{Doing: "acquiring a connection", Err: err}
	}
	c, err := p.lease(ctx, id, idle)
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

// lease returns an idle connection of id, or dials one that is anonymous still.
func (p *Pool) lease(ctx context.Context, id *Identity, idle func(*Identity) *link) (*Conn, error) {
	if !p.enter() {
		return nil, &Error{Doing: "acquiring a connection", Err: ErrClosed}
	}
	l := idle(id)
	if l == nil {
		var err error
		if l, err = p.dial(ctx); err != nil {
			p.leave()
			return nil, err
		}
	}
	c := &Conn{pool: p, link: l, reused: l.used}
	l.used = true
	return c, nil
}

// adopt enters a new connection into the books, as leased. One that comes after
// Close has cut all others is cut here; its user finds it dead.
func (p *Pool) adopt(l *link) {
	p.observer.connection(l.server, stateLeased, +1)
	p.mu.Lock()
	p.live[l] = struct{}{}
	p.mu.Unlock()
	if p.base.Err() != nil {
		l.cut()
	}
}

// takeIdle returns a live idle connection of id in the leased state, or nil.
// Those that it finds dead or too old are closed.
func (p *Pool) takeIdle(id *Identity) *link {
	for {
		p.mu.Lock()
		l := p.idle.take(id.key)
		p.mu.Unlock()
		if l == nil {
			return nil
		}
		p.observer.connection(l.server, stateLeased, +1)
		p.observer.connection(l.server, stateIdle, -1)
		if p.now().Sub(l.idleSince) < p.cfg.IdleTimeout && l.alive() {
			return l
		}
		p.retire(l, stateLeased, l.cut)
	}
}

// giveBack makes a leased connection idle.
func (p *Pool) giveBack(l *link) {
	p.observer.connection(l.server, stateIdle, +1)
	p.observer.connection(l.server, stateLeased, -1)
	excess := l
	p.mu.Lock()
	if !p.closed {
		excess = p.idle.put(l, p.now())
	}
	p.mu.Unlock()
	if excess != nil {
		p.retire(excess, stateIdle, excess.sayGoodbye)
	}
}

// retire closes a connection that is in nobody's hands any more. state is the
// one it counts in until then.
func (p *Pool) retire(l *link, state string, closing func()) {
	closing()
	p.mu.Lock()
	delete(p.live, l)
	p.mu.Unlock()
	p.observer.connection(l.server, state, -1)
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

// reap closes what has been idle for too long. It looks four times in that
// span, so that a connection outstays it by a quarter at most; takeIdle keeps
// to it exactly.
func (p *Pool) reap() {
	tick := time.NewTicker(max(p.cfg.IdleTimeout/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.closeExpired()
		}
	}
}

func (p *Pool) closeExpired() {
	p.mu.Lock()
	expired := p.idle.expire(p.now().Add(-p.cfg.IdleTimeout))
	p.mu.Unlock()
	for _, l := range expired {
		p.retire(l, stateIdle, l.sayGoodbye)
	}
}

// Close refuses new leases, closes what is idle, and waits until the leases
// have ended. When ctx ends first it cuts their connections, so that their
// users fail at once, and says so.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.stop)
		if p.busy == 0 {
			close(p.quiet)
		}
	}
	idle := p.idle.drain()
	p.mu.Unlock()
	p.reaper.Wait()
	for _, l := range idle {
		p.retire(l, stateIdle, l.sayGoodbye)
	}
	defer p.cutAll()
	select {
	case <-p.quiet:
		return nil
	default: // ctx may have ended already, and quiet comes first
	}
	select {
	case <-p.quiet:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing upstream connections: %w with %d in use", ctx.Err(), p.cut())
	}
}

// cut ends dials and closes every connection under its user's hands.
func (p *Pool) cut() (inUse int) {
	p.cutAll()
	p.mu.Lock()
	inUse = p.busy
	links := slices.Collect(maps.Keys(p.live))
	p.mu.Unlock()
	for _, l := range links {
		l.cut()
	}
	return inUse
}
