package cache_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
)

func TestOffByDefault(t *testing.T) {
	c := cache.New(cache.DefaultConfig(), nil)
	if c != nil {
		t.Error("the defaults switch the cache on")
	}
	c.Close()
	if got := c.Stats(); got != (cache.Stats{}) {
		t.Errorf("%+v", got)
	}
}

func TestAnswerExpires(t *testing.T) {
	c, k := newCache(t, minutes)
	share(t, c, key(1), "a", "b")
	share(t, c, key(2)) // nothing found
	for _, step := range []struct {
		after             time.Duration
		positive, nothing bool
	}{
		{0, true, true},
		{10*time.Second - 1, true, true},
		{1, true, false},
		{50*time.Second - 1, true, false},
		{1, false, false},
	} {
		k.advance(step.after)
		if got := slices.Equal(kept(c, key(1)), []string{"a", "b"}); got != step.positive {
			t.Errorf("after %v more: entries kept: %v", step.after, got)
		}
		if got := kept(c, key(2)) != nil; got != step.nothing {
			t.Errorf("after %v more: empty answer kept: %v", step.after, got)
		}
	}
}

// What has expired gives its memory back by itself.
func TestExpiredAnswersGo(t *testing.T) {
	c, k := newCache(t, minutes)
	share(t, c, key(1), "a")
	k.advance(time.Minute)
	for end := time.Now().Add(10 * time.Second); c.Stats() != (cache.Stats{}); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", c.Stats())
		}
	}
}

// The time counts from the question: a slow answer may be old when it comes.
func TestTimeCountsFromTheQuestion(t *testing.T) {
	c, k := newCache(t, minutes)
	ticket := c.Join(key(1))
	r := c.Record()
	defer r.Release()
	k.advance(59 * time.Second)
	r.Add(entry("a"))
	ticket.Share(r)
	if kept(c, key(1)) == nil {
		t.Error("gone at once")
	}
	k.advance(time.Second)
	if kept(c, key(1)) != nil {
		t.Error("older than its time to live")
	}
}

// An answer that is not kept must not leave an older one behind to be served
// stale: it is known to be wrong.
func TestUnkeptAnswerEndsTheOneBefore(t *testing.T) {
	cfg := minutes
	cfg.NegativeTTL, cfg.Stale = 0, time.Hour
	c, k := newCache(t, cfg)
	share(t, c, key(1), "member")
	k.advance(2 * time.Minute)
	share(t, c, key(1))
	if a := c.Stale(key(1)); a != nil {
		t.Errorf("%q is served stale although it is gone", texts(a.Messages()))
	}
}

func TestStaleWithinItsBound(t *testing.T) {
	cfg := minutes
	cfg.Stale = time.Hour
	c, k := newCache(t, cfg)
	share(t, c, key(1), "a")
	k.advance(time.Minute)
	if kept(c, key(1)) != nil {
		t.Fatal("an expired answer was given although nothing has failed")
	}
	if a := c.Stale(key(1)); a == nil || !slices.Equal(texts(a.Messages()), []string{"a"}) {
		t.Fatal("no stale answer after a failure")
	}
	// For a moment nobody asks upstream for it again.
	ticket := c.Join(key(1))
	if ticket.Answer == nil || !ticket.Stale {
		t.Error("upstream is asked again at once")
	}
	k.advance(5 * time.Second)
	if ticket := c.Join(key(1)); !ticket.Leads() {
		t.Error("upstream is not asked again")
	} else {
		ticket.End()
	}
	k.advance(time.Hour - 5*time.Second - 1)
	if c.Stale(key(1)) == nil {
		t.Error("gone too early")
	}
	k.advance(1)
	if c.Stale(key(1)) != nil {
		t.Error("served past the bound")
	}
	if ticket := c.Join(key(1)); !ticket.Leads() {
		t.Error("the moment after a failure outlasts the bound")
	} else {
		ticket.End()
	}
}

func TestLargeAnswersAreNotKept(t *testing.T) {
	c, _ := newCache(t, minutes) // an eighth of 1 MiB for each
	share(t, c, key(1), strings.Repeat("x", 100<<10))
	share(t, c, key(2), strings.Repeat("x", 70<<10), strings.Repeat("x", 70<<10))
	if kept(c, key(1)) == nil || kept(c, key(2)) != nil {
		t.Error("the bound of one answer is not kept")
	}
}

// Never more than max_bytes, at no moment, whatever comes.
func TestSizeBound(t *testing.T) {
	c, _ := newCache(t, minutes)
	text := strings.Repeat("x", 120<<10)
	stop := make(chan struct{})
	var watch, work sync.WaitGroup
	var most atomic.Int64
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				most.Store(max(most.Load(), c.Stats().Bytes))
				time.Sleep(10 * time.Microsecond) // leave the lock to the others
			}
		}
	})
	for i := range 8 {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		work.Go(func() {
			for range 150 {
				size := random.IntN(120 << 10)
				share(t, c, key(random.IntN(1000)), text[:size])
			}
		})
	}
	work.Wait()
	close(stop)
	watch.Wait()
	s := c.Stats()
	t.Logf("at most %d octets; %+v", most.Load(), s)
	if most.Load() > int64(bytesize.MiB) {
		t.Errorf("%d octets", most.Load())
	}
	if s.Entries == 0 || s.Evictions == 0 || s.Bytes > int64(bytesize.MiB)*3/4 || s.Bytes < int64(bytesize.MiB)/4 {
		t.Errorf("%+v", s)
	}
}

// What recordings hold is given back on every way out.
func TestRecordingsGiveBack(t *testing.T) {
	c, _ := newCache(t, minutes)
	var all []*cache.Recording
	for range 100 {
		r := c.Record()
		all = append(all, r)
		r.Add(entry(strings.Repeat("x", 50<<10)))
	}
	if held := c.Stats().Bytes; held > int64(bytesize.MiB)/4 {
		t.Errorf("recordings hold %d octets", held)
	}
	for _, r := range all {
		r.Release()
		r.Release()
	}
	if held := c.Stats().Bytes; held != 0 {
		t.Errorf("%d octets are held by nobody", held)
	}
}

// Twelve goroutines of three identities ask four questions in a random order
// while answers expire, are evicted and forgotten: an answer is always one of
// the identity and the question that it is given to.
func TestIdentitiesNeverShare(t *testing.T) {
	cfg := minutes
	cfg.Stale = time.Minute
	c, k := newCache(t, cfg)
	var all sync.WaitGroup
	for i := range 12 {
		random := rand.New(rand.NewPCG(2, uint64(i)))
		all.Go(func() {
			for range 1000 {
				who, what := random.IntN(3), random.IntN(4)
				id := [32]byte{byte(who)}
				req := &ldap.SearchRequest{Base: "dc=x", Filter: ldap.Equal("cn", fmt.Sprint(what))}
				got, ok := ask(t, c, cache.KeyOf(id, req, nil), fmt.Sprint(who, " asks ", what), random)
				if want := fmt.Sprint(who, " asks ", what); ok && got != want {
					t.Errorf("%q is given %q", want, got)
				}
				if random.IntN(50) == 0 {
					k.advance(20 * time.Second)
				}
			}
		})
	}
	all.Wait()
}

// ask is a lookup: it leads, follows or takes what is there, and sometimes fails.
func ask(t *testing.T, c *cache.Cache, k cache.Key, truth string, random *rand.Rand) (string, bool) {
	ticket := c.Join(k)
	defer ticket.End()
	a := ticket.Answer
	switch {
	case a != nil:
	case !ticket.Leads():
		var err error
		if a, err = ticket.Wait(t.Context()); err != nil {
			return "", false
		}
	default:
		switch random.IntN(6) {
		case 0:
			ticket.Decline()
			return "", false
		case 1:
			ticket.Fail(errUpstream)
			if a = c.Stale(k); a == nil {
				return "", false
			}
		case 2:
			c.Forget(k)
			return "", false
		default:
			r := c.Record()
			defer r.Release()
			r.Add(entry(truth))
			a = ticket.Share(r)
		}
	}
	return texts(a.Messages())[0], true
}
