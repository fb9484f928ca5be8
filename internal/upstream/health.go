package upstream

import (
	"math/rand/v2"
	"slices"
	"time"
)

// serverState is what is known of a server. It decides the order in which
// servers are tried, never whether: a server that failed may have come back
// this moment, and with no other left it is tried.
type serverState int

const (
	unknown serverState = iota // not dialed yet; counts as up
	up
	suspect // broke a connection or left an operation unanswered, a moment ago
	down    // the last dial failed
)

// probeEvery is how long a server is taken at its last word. A probe is a dial
// and nothing more: it passes the network, TCP and TLS, works where anonymous
// requests are refused, and counts towards nobody's failed binds.
const probeEvery = time.Minute

// health is a server's state and when the keeper dials it next to find out.
type health struct {
	state    serverState
	failures backoff // dials
	doubts   backoff // what made it suspect
	probeAt  time.Time
}

func (h *health) usable() bool { return h.state == unknown || h.state == up }

// answered notes a dial that succeeded. For a moment that does not clear a
// server of suspicion: it may accept connections and serve none of them.
func (h *health) answered(now time.Time) {
	if h.state == suspect && now.Before(h.doubts.until) {
		return
	}
	h.state, h.failures = up, backoff{}
	h.probeAt = now.Add(jitter(probeEvery))
}

// refused notes a dial that failed.
func (h *health) refused(now time.Time) {
	h.state = down
	h.failures.add(now)
	h.probeAt = h.failures.until
}

// doubt notes that the server misbehaved on a connection. Doubts that follow
// one another last ever longer.
func (h *health) doubt(now time.Time) {
	if !h.usable() {
		return
	}
	if now.Sub(h.doubts.until) > probeEvery {
		h.doubts = backoff{}
	}
	h.doubts.add(now)
	h.state, h.probeAt = suspect, h.doubts.until
}

// suspect sends new connections to other servers, if there are any, until the
// keeper has dialed this one.
func (p *Pool) suspect(s *server) {
	p.mu.Lock()
	s.doubt(p.now())
	p.mu.Unlock()
	p.poke()
}

// ranking is the order in which a new connection is looked for.
func (p *Pool) ranking() []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	ranked := slices.Clone(p.servers)
	if p.cfg.Policy == PolicyRoundRobin {
		n := p.turn % len(ranked)
		ranked = append(ranked[n:], ranked[:n]...)
		p.turn++
	}
	rank(ranked)
	return ranked
}

// rank puts the servers that answer first, otherwise keeping their order.
func rank(servers []*server) {
	slices.SortStableFunc(servers, func(a, b *server) int { return max(int(a.state), int(up)) - max(int(b.state), int(up)) })
}

// shunned tells whether connections of s are not to be used, because it failed
// and another server answers. p.mu is held.
func (p *Pool) shunned(s *server) bool {
	return s.state == down && slices.ContainsFunc(p.servers, func(o *server) bool { return o.usable() })
}

const (
	firstBackoff = time.Second
	lastBackoff  = 30 * time.Second
)

// backoff spaces what fails again and again. Failures during one wait count as
// one: they were on their way already.
type backoff struct {
	times int
	until time.Time
}

func (b *backoff) add(now time.Time) {
	if now.Before(b.until) {
		return
	}
	wait := lastBackoff
	if b.times < 5 {
		wait = min(wait, firstBackoff<<b.times)
	}
	b.times++
	b.until = now.Add(jitter(wait))
}

// jitter is d, give or take a quarter, so that proxies and connections that
// began together do not go on together.
func jitter(d time.Duration) time.Duration { return d - d/4 + spread(d/2) }

// spread is anything from nothing to d.
func spread(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d) + 1)) }
