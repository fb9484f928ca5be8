package upstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// dripping answers a search with an entry every now and then, until the client
// has had enough or entries have been sent.
func dripping(t *testing.T, every time.Duration, entries int) *fake {
	return newFake(t, func(f *fake) {
		f.intercept = func(c *fakeConn, m ldap.Message) bool {
			if m.Op != ldap.OpSearchRequest {
				return false
			}
			for range entries {
				if _, err := c.Write(entry(m.ID, c.dn)); err != nil {
					return true
				}
				time.Sleep(every)
			}
			_, _ = c.Write(done(m.ID))
			return true
		}
	})
}

// An answer that keeps coming is not too slow because it is long, but it has to
// end some time, and at the latest when the caller's own time is up.
func TestAnswerThatKeepsComing(t *testing.T) {
	const timeout = 400 * time.Millisecond
	flow := func(t *testing.T, ctx context.Context, entries int) (got int, took time.Duration, err error) {
		t.Parallel()
		f := dripping(t, timeout/8, entries)
		p := newPool(t, func(c *upstream.Config) { c.SearchTimeout = timeout }, f.url("ldap"))
		c := mustAcquire(t, p, identity("cn=a", "pw-a"))
		defer c.Abandon()
		began := time.Now()
		dns, err := search(ctx, c, "cn=a")
		return len(dns), time.Since(began), err
	}
	t.Run("longer than the timeout", func(t *testing.T) {
		if got, took, err := flow(t, t.Context(), 24); err != nil || got != 24 || took < 2*timeout {
			t.Errorf("%d entries after %v, %v", got, took, err)
		}
	})
	t.Run("without an end", func(t *testing.T) {
		got, took, err := flow(t, t.Context(), 1000)
		if !errors.Is(err, context.DeadlineExceeded) || got == 0 || took < 9*timeout || took > 60*timeout {
			t.Errorf("%d entries after %v, %v; want an end after ten times %v", got, took, err, timeout)
		}
	})
	t.Run("the caller's deadline, without a timer", func(t *testing.T) {
		ctx := untimed{t.Context(), time.Now().Add(3 * timeout)}
		_, took, err := flow(t, ctx, 1000)
		if !errors.Is(err, context.DeadlineExceeded) || took > 9*timeout {
			t.Errorf("ended after %v with %v, want soon after %v", took, err, 3*timeout)
		}
	})
}

type untimed struct {
	context.Context
	deadline time.Time
}

func (u untimed) Deadline() (time.Time, bool) { return u.deadline, true }
