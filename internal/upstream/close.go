package upstream

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Close refuses new leases, closes what is idle or spare, and waits until the
// leases have ended. When ctx ends first it cuts their connections, so that
// their users fail at once, and says so.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.stop)
		if p.busy == 0 {
			close(p.quiet)
		}
	}
	unused := append(p.idle.drain(), p.drainSpares()...)
	p.mu.Unlock()
	p.keeper.Wait()
	for _, l := range unused {
		p.retire(l, l.sayGoodbye)
	}
	defer p.endBackground()
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

// endBackground ends dials that nobody waits for any more. Under the lock,
// because nothing starts in the background once base has ended.
func (p *Pool) endBackground() {
	p.mu.Lock()
	p.cutAll()
	p.mu.Unlock()
	p.background.Wait()
}

// cut ends dials and closes every connection under its user's hands.
func (p *Pool) cut() (inUse int) {
	p.mu.Lock()
	p.cutAll()
	inUse = p.busy
	links := slices.Collect(maps.Keys(p.live))
	p.mu.Unlock()
	for _, l := range links {
		l.cut()
	}
	return inUse
}
