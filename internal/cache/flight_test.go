package cache_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"jamf-ldap-proxy/internal/cache"
)

var errUpstream = errors.New("connection refused")

// flying returns a leader, and followers that wait for it.
func flying(t *testing.T, c *cache.Cache, followers int) (leader cache.Ticket, waiting []cache.Ticket) {
	t.Helper()
	leader = c.Join(key(1))
	if !leader.Leads() {
		t.Fatal("the first one does not lead")
	}
	for range followers {
		f := c.Join(key(1))
		if f.Leads() || f.Answer != nil {
			t.Fatal("two ask the same at the same time")
		}
		waiting = append(waiting, f)
	}
	return leader, waiting
}

func TestFollowersShare(t *testing.T) {
	c, _ := newCache(t, minutes)
	leader, waiting := flying(t, c, 3)
	r := c.Record()
	defer r.Release()
	r.Add(entry("a"))
	leader.Share(r)
	leader.End()
	for _, f := range waiting {
		if a, err := f.Wait(t.Context()); err != nil || !slices.Equal(texts(a.Messages()), []string{"a"}) {
			t.Errorf("follower got %v", err)
		}
	}
}

func TestFollowersOfALeaderWithoutAnswer(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*cache.Ticket)
		want error
	}{
		{"gave up", (*cache.Ticket).End, cache.ErrLeft},
		{"panicked", func(t *cache.Ticket) {
			defer func() { _ = recover() }()
			defer t.End()
			panic("bug")
		}, cache.ErrLeft},
		{"cannot share", (*cache.Ticket).Decline, cache.ErrAlone},
		{"upstream failed", func(t *cache.Ticket) { t.Fail(errUpstream) }, errUpstream},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := newCache(t, minutes)
			leader, waiting := flying(t, c, 3)
			tc.end(&leader)
			leader.End() // deferred by every leader
			for _, f := range waiting {
				if a, err := f.Wait(t.Context()); a != nil || !errors.Is(err, tc.want) {
					t.Errorf("follower got %v, %v", a, err)
				}
			}
			if !share(t, c, key(1), "b") || !slices.Equal(kept(c, key(1)), []string{"b"}) {
				t.Error("nobody can lead afterwards")
			}
		})
	}
}

func TestFollowerLeavesAlone(t *testing.T) {
	c, _ := newCache(t, minutes)
	leader, waiting := flying(t, c, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := waiting[0].Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r := c.Record()
	defer r.Release()
	r.Add(entry("a"))
	leader.Share(r)
	if a, err := waiting[1].Wait(t.Context()); err != nil || a == nil {
		t.Errorf("the other follower got %v", err)
	}
}

// However many die, everybody who stays gets an answer, and at every moment one
// at most asks upstream.
func TestDyingLeaders(t *testing.T) {
	c, _ := newCache(t, minutes)
	var asking, deaths atomic.Int32
	var all sync.WaitGroup
	lead := func(ticket *cache.Ticket) bool {
		defer ticket.End()
		defer asking.Add(-1)
		if asking.Add(1) > 1 {
			t.Error("two ask at the same time")
		}
		if deaths.Add(1) <= 20 {
			return false
		}
		r := c.Record()
		defer r.Release()
		r.Add(entry("a"))
		asking.Add(-1) // before the others are let go
		defer asking.Add(1)
		ticket.Share(r)
		return true
	}
	for range 100 {
		all.Go(func() {
			for {
				ticket := c.Join(key(1))
				switch {
				case ticket.Answer != nil:
					return
				case ticket.Leads():
					if !lead(&ticket) {
						return // it is dead
					}
					return
				}
				if _, err := ticket.Wait(t.Context()); err == nil {
					return
				} else if !errors.Is(err, cache.ErrLeft) {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if deaths.Load() < 21 {
		t.Errorf("%d leaders", deaths.Load())
	}
}
