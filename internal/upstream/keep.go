package upstream

import (
	"slices"
	"time"
)

// longestNap is how long a spare that the server closed may go unnoticed. Whoever
// takes a spare looks again; this is for having a live one ready.
const longestNap = 5 * time.Second

// keep is the keeper: it closes what nobody should use any more, replaces
// spares, and dials servers to know whether they answer. It never waits for the
// network itself.
func (p *Pool) keep() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-p.wake:
		case <-timer.C:
		}
		timer.Reset(p.upkeep())
	}
}

// poke wakes the keeper.
func (p *Pool) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// upkeep is one round. It tells when the next one is due, if nothing happens
// before.
func (p *Pool) upkeep() time.Duration {
	p.closeIdle()
	p.closeSpares()
	return p.replenish()
}

// closeIdle closes what has been idle for too long, lived for too long, or
// belongs to a server that failed. A round in each quarter of idle_timeout lets
// a connection outstay it by a quarter at most; takeIdle keeps to it exactly.
func (p *Pool) closeIdle() {
	now := p.now()
	p.mu.Lock()
	expired := p.idle.takeIf(func(l *link) bool {
		return l.outstayed(now, p.cfg.IdleTimeout) || p.shunned(l.server)
	})
	p.mu.Unlock()
	for _, l := range expired {
		p.retire(l, l.sayGoodbye)
	}
}

// closeSpares closes the spares that would not do.
func (p *Pool) closeSpares() {
	for _, l := range p.allSpares() {
		if p.stillFit(l) {
			continue
		}
		p.mu.Lock()
		mine := l.server.removeSpare(l) != nil
		p.mu.Unlock()
		if mine {
			p.retire(l, l.sayGoodbye)
		}
	}
}

// stillFit is fit for a spare that stays within everybody's reach: whoever takes
// it meanwhile waits for the judgement, which is a look and no more. One that
// is not among the spares any more is in other hands and must not be looked at.
func (p *Pool) stillFit(l *link) bool {
	p.mu.Lock()
	if !slices.Contains(l.server.spares, l) {
		p.mu.Unlock()
		return true
	}
	wanted := p.wanted(l.server)
	l.judging.Lock() // free, as long as it is among the spares
	p.mu.Unlock()
	alive := l.alive()
	l.judging.Unlock()
	if !alive {
		p.lost(l.server)
	}
	return alive && wanted && !l.outstayed(p.now(), p.cfg.IdleTimeout)
}

func (p *Pool) allSpares() (all []*link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.servers {
		all = append(all, s.spares...)
	}
	return all
}

// replenish starts the dials that are due: probes, then spares. Whoever waits
// for a connection comes first.
func (p *Pool) replenish() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	next := min(max(p.cfg.IdleTimeout/4, time.Millisecond), longestNap)
	if p.closed || p.neediest() != nil {
		return next
	}
	for _, s := range p.servers {
		if s.dialing == 0 && !now.Before(s.probeAt) && p.open < p.cfg.MaxConnections {
			p.startDial(s, p.cfg.Warm)
		}
		if s.dialing == 0 {
			next = min(next, s.probeAt.Sub(now))
		}
	}
	p.refill(now)
	return max(next, time.Millisecond)
}

// refill dials the spares that are missing. At a server that is down a single
// dial is on its way at most, the probe, so that an outage sees no storm.
func (p *Pool) refill(now time.Time) {
	targets := slices.DeleteFunc(p.targets(), func(s *server) bool { return s.state == down })
	missing := p.cfg.Warm
	for _, s := range targets {
		missing -= s.coming(now)
	}
	for ; missing > 0 && p.open < p.cfg.MaxConnections; missing-- {
		s := thirstiest(targets, now)
		if s == nil {
			return
		}
		p.startDial(s, p.cfg.Warm)
	}
}

// coming is the number of spares that s has, or will have when its dials succeed.
func (s *server) coming(now time.Time) int {
	return s.freshSpares(now) + max(0, s.dialing-s.waiting)
}

// thirstiest is the server with the fewest spares that can be given one now.
func thirstiest(servers []*server, now time.Time) *server {
	var least *server
	for _, s := range servers {
		if s.dialing >= maxDials || now.Before(s.lost.until) {
			continue
		}
		if least == nil || s.coming(now) < least.coming(now) {
			least = s
		}
	}
	return least
}
