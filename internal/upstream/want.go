package upstream

import (
	"container/list"
	"context"
	"fmt"
	"time"
)

// want is a caller who waits for a connection.
type want struct {
	request request
	server  *server // that would be dialed for it
	got     chan delivery
	place   *list.Element // in Pool.wants; nil once it is answered
}

// delivery is a connection, or how the dial went that it was waited for.
type delivery struct {
	link *link
	err  *Error
}

// await waits for a connection, dialing one server after the other until one
// answers.
func (p *Pool) await(ctx context.Context, r request, ranked []*server) (*link, error) {
	patience := time.NewTimer(r.patience)
	defer patience.Stop()
	var failed allFailed
	timeouts := 0
	for _, s := range ranked {
		d := p.awaitFrom(ctx, &want{request: r, server: s, got: make(chan delivery, 1)}, patience.C)
		if d.err == nil {
			p.move(d.link, stateLeased)
			return d.link, nil
		}
		if d.err.Timeout {
			timeouts++
		}
		failed = append(failed, d.err)
		if d.err.final || ctx.Err() != nil || p.base.Err() != nil {
			break
		}
	}
	if len(failed) == 1 {
		return nil, failed[0]
	}
	return nil, &Error{Doing: "trying every server", Err: failed, Timeout: timeouts == len(failed)}
}

func (p *Pool) awaitFrom(ctx context.Context, w *want, patience <-chan time.Time) delivery {
	failed := &Error{Server: w.server.name, Doing: "dialing"}
	if ctx.Err() != nil {
		failed.Err, failed.Timeout = ctx.Err(), isTimeout(ctx.Err())
		return delivery{err: failed}
	}
	p.mu.Lock()
	w.place = p.wants.PushBack(w)
	w.server.waiting++
	p.pump()
	p.mu.Unlock()
	select {
	case d := <-w.got:
		return d
	case <-p.base.Done():
		failed.Err = ErrClosed
	case <-ctx.Done():
		failed.Err, failed.Timeout = ctx.Err(), isTimeout(ctx.Err())
	case <-patience:
		failed = p.outOfPatience(w)
	}
	p.withdraw(w)
	return delivery{err: failed}
}

// outOfPatience tells which limit it was that kept a caller waiting.
func (p *Pool) outOfPatience(w *want) *Error {
	r := w.request
	limit := &timeoutError{what: "no connection", knob: r.knob, after: r.patience}
	failed := &Error{Server: w.server.name, Doing: "waiting for a connection to", Err: limit, Timeout: true, final: true}
	p.mu.Lock()
	full := p.open >= p.cfg.MaxConnections
	p.mu.Unlock()
	if full {
		failed.Err = fmt.Errorf("%w: %w (%d)", limit, ErrBusy, p.cfg.MaxConnections)
	}
	return failed
}

// withdraw ends the wait of a caller who leaves. What has been delivered to him
// meanwhile goes to the next one.
func (p *Pool) withdraw(w *want) {
	p.mu.Lock()
	if w.place != nil {
		p.dequeue(w)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	switch l := (<-w.got).link; {
	case l == nil:
	case l.owner != (identityKey{}):
		p.giveBack(l)
	default:
		p.keepSpare(l)
	}
}

// What follows is called with p.mu held.

func (p *Pool) dequeue(w *want) {
	p.wants.Remove(w.place)
	w.place = nil
	w.server.waiting--
}

// deliver never blocks: a want has room for the one thing that it gets.
func (p *Pool) deliver(w *want, d delivery) {
	p.dequeue(w)
	w.got <- d
}

// taker returns who should get a connection that its user gave back: the first
// in the queue who can use it, unless somebody before him cannot have any
// without a place being freed.
func (p *Pool) taker(l *link) *want {
	full := p.open >= p.cfg.MaxConnections
	for e := p.wants.Front(); e != nil; e = e.Next() {
		w := e.Value.(*want)
		if w.request.key == l.owner && !w.request.fresh {
			return w
		}
		if full && w.server.uncovered() > 0 {
			return nil
		}
	}
	return nil
}

// allot hands a connection that is nobody's to the first who waits for its
// server, or, unless that is under suspicion, to the first who waits at all, or
// makes it a spare. It returns the one to close instead, if any.
func (p *Pool) allot(l *link, room int) (excess *link) {
	var next *want
	for e := p.wants.Front(); e != nil; e = e.Next() {
		w := e.Value.(*want)
		if w.server == l.server {
			next = w
			break
		}
		if next == nil && l.server.usable() {
			next = w
		}
	}
	if next == nil {
		return p.stock(l, room)
	}
	p.deliver(next, delivery{link: l})
	return nil
}

// disappoint answers those who waited for a dial that failed, and whom no other
// dial to the server is for. When it was known to be down all of them take this
// failure for their own: dialing for each would not help them, and would be a
// storm.
func (p *Pool) disappoint(s *server, all bool, err *Error) {
	for e := p.wants.Front(); e != nil && s.waiting > s.dialing; {
		w := e.Value.(*want)
		e = e.Next()
		if w.server != s {
			continue
		}
		p.deliver(w, delivery{err: err})
		if !all {
			return
		}
	}
}

// uncovered is how many dials those who wait for s lack.
func (s *server) uncovered() int { return max(0, min(s.waiting, maxDials)-s.dialing) }

// pump starts the dials that are lacking, as far as there are places.
func (p *Pool) pump() {
	if p.wants.Len() == 0 || p.base.Err() != nil {
		return
	}
	for {
		s := p.neediest()
		if s == nil {
			return
		}
		if p.open >= p.cfg.MaxConnections {
			p.makeRoom()
			return
		}
		p.startDial(s, p.orphans())
	}
}

// neediest is the server that lacks a dial for who has waited longest.
func (p *Pool) neediest() *server {
	for e := p.wants.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*want).server; s.uncovered() > 0 {
			return s
		}
	}
	return nil
}

// makeRoom closes what nobody uses. Who waits could not use it either: it is
// bound as somebody else, or a spare of a server that is not asked now.
func (p *Pool) makeRoom() {
	lacking := 0
	for _, s := range p.servers {
		lacking += s.uncovered()
	}
	for p.evicting < lacking {
		l := p.idle.oldest()
		if l == nil {
			l = p.oldestSpare(p.servers)
		}
		if l == nil {
			return
		}
		p.evicting++
		p.background.Go(func() { p.evict(l) })
	}
}

func (p *Pool) evict(l *link) {
	l.sayGoodbye()
	p.observer.connection(l.server, l.state, -1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.evicting--
	p.forget(l)
}
