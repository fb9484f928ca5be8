package cache

import (
	"context"
	"errors"
	"time"
)

// flight is a question that has been asked upstream and not been answered yet.
// The fields below done are written before it is closed and read after.
type flight struct {
	done   chan struct{}
	answer *Answer
	err    error
}

// What a follower gets in place of an answer, besides a failure of upstream.
var (
	// ErrLeft: the leader went away for a reason of its own, its client's
	// cancellation or a panic. Join again; somebody will be the next leader.
	ErrLeft = errors.New("lookup that asked upstream was given up")
	// ErrAlone: the answer cannot be shared. Ask upstream without Join.
	ErrAlone = errors.New("answer cannot be shared")
)

// Ticket is how a lookup comes by its answer: it is there already, or the
// lookup leads and asks upstream for itself and all who follow, or it follows.
type Ticket struct {
	Answer *Answer // not nil: this is it
	Stale  bool    // and it has expired; upstream has failed a moment ago

	cache *Cache
	key   Key
	asked time.Time
	mine  *flight // of a leader, until it has ended
	other *flight // that a follower waits for
}

// Join looks for the answer to a question. A leader has to call Ticket.End,
// deferred, whatever happens to it; a follower calls Ticket.Wait.
func (c *Cache) Join(key Key) Ticket {
	if a, stale := c.find(key); a != nil {
		return Ticket{Answer: a, Stale: stale}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil {
		return Ticket{other: f}
	}
	// The flight of the one who was here before may have landed since the first look.
	if a, stale := c.find(key); a != nil {
		return Ticket{Answer: a, Stale: stale}
	}
	f := &flight{done: make(chan struct{})}
	c.flights[key] = f
	return Ticket{cache: c, key: key, asked: c.now(), mine: f}
}

// Leads tells whether the lookup has to ask upstream.
func (t *Ticket) Leads() bool { return t.mine != nil }

// Wait waits for the leader. Leaving with ctx hurts nobody. An error is
// ErrLeft, ErrAlone, ctx's, or what the leader called Fail with.
func (t *Ticket) Wait(ctx context.Context) (*Answer, error) {
	select {
	case <-t.other.done:
		return t.other.answer, t.other.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Share ends the flight with a complete answer of success or noSuchObject,
// which is kept as long as the configuration says for one with or without
// entries, counted from when it was asked for.
func (t *Ticket) Share(r *Recording) *Answer {
	a := r.answer()
	t.cache.keep(t.key, a, t.asked, r.entries == 0)
	t.land(a, nil)
	return a
}

// Decline ends the flight when the answer is none to share.
func (t *Ticket) Decline() { t.land(nil, ErrAlone) }

// Fail ends the flight with a failure of upstream, which would be the
// followers' as well. What was kept before stays, for Cache.Stale.
func (t *Ticket) Fail(err error) { t.land(nil, err) }

// End ends the flight of a leader that got no answer. After any of the others
// it does nothing.
func (t *Ticket) End() { t.land(nil, ErrLeft) }

func (t *Ticket) land(a *Answer, err error) {
	f := t.mine
	if f == nil {
		return
	}
	t.mine = nil
	t.cache.mu.Lock()
	delete(t.cache.flights, t.key)
	t.cache.mu.Unlock()
	f.answer, f.err = a, err
	close(f.done)
}
