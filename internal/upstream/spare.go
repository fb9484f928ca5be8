package upstream

import (
	"slices"
	"time"
)

// takeSpare returns a live spare in the leased state, of the first server in
// the ranking that has one, or nil. While a server answers, none of a server
// that does not is taken.
func (p *Pool) takeSpare(ranked []*server) *link {
	for {
		p.mu.Lock()
		l := p.newestSpare(ranked)
		p.mu.Unlock()
		if l == nil {
			return nil
		}
		p.poke() // there is one to replace
		p.move(l, stateLeased)
		if p.fit(l) {
			p.mu.Lock()
			l.server.lost = backoff{}
			p.mu.Unlock()
			return l
		}
		p.retire(l, l.cut)
	}
}

// fit judges a spare, and takes note of one that the server closed: if that
// happens again and again, there is no point in replacing it at once.
func (p *Pool) fit(l *link) bool {
	if l.outstayed(p.now(), p.cfg.IdleTimeout) {
		return false
	}
	l.judging.Lock()
	alive := l.alive()
	l.judging.Unlock()
	if !alive {
		p.lost(l.server)
	}
	return alive
}

func (p *Pool) lost(s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.lost.add(p.now())
}

// keepSpare is allot for a connection in the caller's hands.
func (p *Pool) keepSpare(l *link) {
	p.mu.Lock()
	excess := p.allot(l, p.orphans())
	p.mu.Unlock()
	if excess != nil {
		p.retire(excess, excess.sayGoodbye)
	}
}

// What follows is called with p.mu held.

// orphans is the room for spares that somebody wanted, who may come again: for
// one even with warm: 0.
func (p *Pool) orphans() int { return max(p.cfg.Warm, 1) }

// stock adds a spare and returns the one that is too many, if any.
func (p *Pool) stock(l *link, room int) (excess *link) {
	if room == 0 || p.closed || !p.wanted(l.server) {
		return l
	}
	if l.stale.IsZero() {
		l.idleSince = p.now()
		// Replaced well before its time, and not all at the same time.
		l.stale = l.idleSince.Add(p.cfg.IdleTimeout/2 + spread(p.cfg.IdleTimeout/4))
	}
	l.server.spares = append(l.server.spares, l)
	if targets := p.targets(); count(targets) > room {
		return p.oldestSpare(targets)
	}
	return nil
}

// wanted tells whether spares of s are kept. Those of a suspect are: more often
// than not it is cleared in a second.
func (p *Pool) wanted(s *server) bool {
	return s.state == suspect || slices.Contains(p.targets(), s)
}

// targets are the servers whose spares are wanted: those that a new connection
// would go to now.
func (p *Pool) targets() []*server {
	ranked := slices.Clone(p.servers)
	rank(ranked)
	if p.cfg.Policy == PolicyOrdered {
		return ranked[:1]
	}
	return answering(ranked)
}

// answering are those in front of a ranking that answer, or all when none does.
func answering(ranked []*server) []*server {
	n := 0
	for n < len(ranked) && ranked[n].usable() {
		n++
	}
	if n == 0 {
		return ranked
	}
	return ranked[:n]
}

func count(servers []*server) (n int) {
	for _, s := range servers {
		n += len(s.spares)
	}
	return n
}

// newestSpare removes and returns the spare most likely to be alive, of the
// first server that has one.
func (p *Pool) newestSpare(ranked []*server) *link {
	for _, s := range answering(ranked) {
		if len(s.spares) > 0 {
			return s.removeSpare(slices.MaxFunc(s.spares, byAge))
		}
	}
	return nil
}

// oldestSpare removes and returns the spare that would end first.
func (p *Pool) oldestSpare(servers []*server) *link {
	var oldest *link
	for _, s := range servers {
		for _, l := range s.spares {
			if oldest == nil || byAge(l, oldest) < 0 {
				oldest = l
			}
		}
	}
	if oldest == nil {
		return nil
	}
	return oldest.server.removeSpare(oldest)
}

func byAge(a, b *link) int { return a.created.Compare(b.created) }

// removeSpare returns l, or nil when somebody else has taken it.
func (s *server) removeSpare(l *link) *link {
	i := slices.Index(s.spares, l)
	if i < 0 {
		return nil
	}
	s.spares = slices.Delete(s.spares, i, i+1)
	return l
}

func (p *Pool) drainSpares() (all []*link) {
	for _, s := range p.servers {
		all = append(all, s.spares...)
		s.spares = nil
	}
	return all
}

// freshSpares counts those that need no replacement yet.
func (s *server) freshSpares(now time.Time) (n int) {
	for _, l := range s.spares {
		if now.Before(l.stale) && !l.pastLifetime(now) {
			n++
		}
	}
	return n
}
