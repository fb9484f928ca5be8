package upstream

import (
	"context"
	"net"
	"time"
)

// watch lets a context interrupt the reads of one operation. It is set up by
// the operation's first Receive and costs the others a comparison: an answer
// of ten thousand entries must not start ten thousand timers.
type watch struct {
	armed bool
	done  <-chan struct{} // of the context watched
	stop  func() bool
	fired bool // a context interrupted the reads: the socket's deadline is not ours any more
}

// arm makes reads of c end with ctx and at the latest at limit.
func (w *watch) arm(ctx context.Context, c net.Conn, limit time.Time) error {
	// Two contexts with one Done channel end together; contexts themselves
	// may not be comparable.
	if w.armed && w.done == ctx.Done() {
		return nil
	}
	w.disarm()
	if w.fired {
		return context.Canceled
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(limit) {
		limit = deadline
	}
	if err := c.SetReadDeadline(limit); err != nil {
		return err
	}
	w.armed, w.done = true, ctx.Done()
	if w.done != nil {
		w.stop = context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(longAgo) })
	}
	return nil
}

// disarm ends the watch. When it comes too late the interruption may still be
// on its way to the socket, which therefore must not be used for anything else.
func (w *watch) disarm() {
	if w.stop != nil && !w.stop() {
		w.fired = true
	}
	w.armed, w.stop = false, nil
}
