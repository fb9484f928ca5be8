package proxy

import (
	"sync/atomic"
	"time"
)

// A lookup that is the only one of its connection is served by the goroutine
// that read it: a second one would have to be woken, which costs more than all
// that the proxy does to a small lookup. Meanwhile nobody reads; so when the
// lookup takes longer than patience, another goroutine becomes the reader, who
// sees that the client abandons it, asks something else or goes away. On a
// connection where that happens lookups get a goroutine of their own again,
// until one has been quick.

// patience is how long a client's next request may lie unread. It is short
// beside what makes it pass: a directory that is far away.
const patience = 3 * time.Millisecond

// turn decides who reads a session.
type turn struct {
	quick atomic.Bool // the last lookup took less than patience
	lent  atomic.Bool // the reader serves a lookup; whoever swaps this reads on
	timer *time.Timer // of the reader
}

// lend lets another goroutine read when patience ends before back is called.
func (t *turn) lend(s *session) {
	if t.timer == nil {
		t.timer = time.AfterFunc(time.Hour, s.takeTurn)
		t.timer.Stop()
	}
	t.lent.Store(true)
	t.timer.Reset(patience)
}

// back tells whether the caller is still the reader.
func (t *turn) back() bool {
	if !t.lent.CompareAndSwap(true, false) {
		return false
	}
	t.timer.Stop()
	return true
}

// takeTurn goes on reading in place of a reader that is busy.
func (s *session) takeTurn() {
	if s.turn.lent.CompareAndSwap(true, false) {
		s.turn.quick.Store(false)
		s.read()
	}
}

// judge notes whether a lookup that began at start was quick.
func (t *turn) judge(start time.Time) { t.quick.Store(time.Since(start) < patience) }
