package discovery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"jamf-ldap-proxy/rewrite"
)

// Times of a Refresher that nobody needs to choose.
const (
	longestReading = 5 * time.Minute // a reading that takes longer has failed
	soonest        = 15 * time.Second
	refusedAtLeast = 5 * time.Minute
	refusedAtMost  = time.Hour
)

// Metrics receives what the metrics show of discovery.
type Metrics interface {
	// Pairs tells how many pairs or groups are in one of the states below.
	Pairs(state string, n int)
	// Discovery counts a finished discovery by its outcome, and tells when one
	// succeeded.
	Discovery(outcome string)
	DiscoverySucceeded(at time.Time)
}

// States of pairs and groups in the metrics.
const (
	StateConfigured    = "configured"
	StateDiscovered    = "discovered"
	StateNoLinuxGroup  = "no_linux_group"
	StateNoLegacyGroup = "no_legacy_group"
	StateAmbiguous     = "ambiguous"
)

// Options are what a Refresher works with. Those behind Table may be left out.
type Options struct {
	Read       func(context.Context) (Groups, error) // as Source.Read
	Configured []rewrite.PairConfig
	Every      time.Duration
	Table      *Table

	Metrics Metrics
	Logger  *zap.Logger
	NoNames bool // the log says how many groups, not which

	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// Refresher keeps a Table in step with the directory.
type Refresher struct {
	Options
	attempted chan struct{} // closed after the first attempt

	last     *Result // the last good one; nil before
	seen     sizes   // of what it was made of
	outcome  string  // of the last attempt
	failures int     // in a row

	mu     sync.Mutex
	status Status
}

// Status is how discovery goes, for a page that shows it.
type Status struct {
	Result      *Result // the last good one, not to be changed; nil before
	LastSuccess time.Time
	LastAttempt time.Time
	Outcome     string // of the last attempt; "" before
	Err         error  // of the last attempt; *Error says what to try
}

// Status returns how it goes now.
func (r *Refresher) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// remember keeps the end of an attempt for who asks.
func (r *Refresher) remember(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	r.status.Result, r.status.LastAttempt, r.status.Err, r.status.Outcome = r.last, now, err, outcomeOf(err)
	if err == nil {
		r.status.LastSuccess = now
	}
}

// NewRefresher returns a Refresher that does nothing before Run.
func NewRefresher(o Options) *Refresher {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	return &Refresher{Options: o, attempted: make(chan struct{}), outcome: Success}
}

// Continue takes over what another Refresher knows, whose Run has ended, so that
// this one begins where that stopped. It is to be called before Run.
func (r *Refresher) Continue(before *Refresher) {
	r.last, r.seen, r.status = before.last, before.seen, before.Status()
}

var errFirst = errors.New("reading the groups for the first time")

// Ready returns nil once the first attempt has ended, well or not: a proxy
// without discovered pairs still serves, and better than none.
func (r *Refresher) Ready() error {
	select {
	case <-r.attempted:
		return nil
	default:
		return errFirst
	}
}

// Run discovers at once and then again and again, until ctx ends. It is to be
// called once; its caller owns the goroutine.
func (r *Refresher) Run(ctx context.Context) {
	for {
		err := r.fenced(ctx)
		if ctx.Err() != nil {
			return
		}
		r.note(err)
		r.remember(err)
		if r.Ready() != nil {
			close(r.attempted)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.After(jittered(r.pause())):
		}
	}
}

// fenced survives a panic: without discovered pairs the proxy serves worse, without
// the proxy nobody logs in. Its value may quote the directory, its type does not.
func (r *Refresher) fenced(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Logger.Error("panic while discovering pairs", zap.String("panic", fmt.Sprintf("%T", p)), zap.ByteString("stack", debug.Stack()))
			err = fmt.Errorf("discovering pairs: panic (%T)", p)
		}
	}()
	return r.refresh(ctx)
}

// refresh is one discovery.
func (r *Refresher) refresh(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, longestReading)
	defer cancel()
	groups, err := r.Read(limited)
	switch {
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return &Error{Unreachable, "check upstream.servers", fmt.Errorf("reading the groups has not ended within %v", longestReading)}
	case err != nil:
		return err
	case r.seen.legacy > 0 && len(groups.Legacy) == 0, r.seen.posix > 0 && len(groups.Posix) == 0:
		return &Error{NoGroups, `is "Enable as LDAP Bind DN" still set for the user of upstream.service_account?`, errVanished}
	}
	result := Match(groups, r.Configured)
	if r.last != nil {
		result.keep(r.last)
	}
	r.Table.Apply(result.Discovered())
	r.Table.LearnGIDs(result.configuredGIDs())
	r.report(&result)
	r.last, r.seen = &result, sizes{len(groups.Legacy), len(groups.Posix)}
	return nil
}

type sizes struct{ legacy, posix int }

// errVanished is more likely a matter of access than of an organisation whose
// groups are all gone at once.
var errVanished = errors.New("upstream shows not a single group of a kind that had some before")

// configuredGIDs are Linux group IDs that the configuration may leave out.
func (r *Result) configuredGIDs() map[string]int {
	gids := make(map[string]int)
	for _, p := range r.Pairs {
		if p.Reason == Configured {
			gids[p.Posix] = p.GID
		}
	}
	return gids
}

// pause is the time to the next attempt. A server that cannot be reached may be
// back soon. A refused bind is repeated ever more slowly, because it counts
// against the account, which is Jamf's own as a rule.
func (r *Refresher) pause() time.Duration {
	doubled := func(d, most time.Duration) time.Duration {
		for range r.failures - 1 {
			if d *= 2; d >= most {
				break
			}
		}
		return min(d, most)
	}
	switch r.outcome {
	case Success:
		return r.Every
	case BindRefused:
		return doubled(max(r.Every, refusedAtLeast), max(r.Every, refusedAtMost))
	}
	return doubled(soonest, r.Every)
}

// jittered spreads the proxies of one organisation by a tenth.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // nobody gains by guessing it
}
