package proxy_test

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/rewrite"
)

// caching switches the cache on, by the clock of the rig. answers is how the
// upstream answers a search; nil: honestly.
func caching(t *testing.T, cfg cache.Config, answers script) (*rig, *cache.Cache) {
	t.Helper()
	var c *cache.Cache
	k := newClock()
	r := start(t, func(s *setup) {
		c = cache.New(cfg, k.now)
		s.config.Cache, s.config.Now = c, k.now
		s.config.ServiceBind = cache.NewServiceBind(cfg, jamfDN, k.now)
		s.script = func(c *upstreamConn, m ldap.Message) {
			if answers != nil && m.Op == ldap.OpSearchRequest {
				answers(c, m)
				return
			}
			answer(c, m)
		}
	})
	r.clock = k
	t.Cleanup(func() {
		_ = r.shutdown(0)
		c.Close()
	})
	return r, c
}

var hour = cache.Config{TTL: time.Hour, NegativeTTL: time.Minute, MaxBytes: bytesize.MiB}

func (r *rig) outcomes(want ...string) {
	r.Helper()
	r.record(lookup.OpSearch, len(want))
	var got []string
	for _, rec := range r.records.of(lookup.OpSearch) {
		got = append(got, rec.Cache)
	}
	if !slices.Equal(got, want) {
		r.Errorf("outcomes %q, want %q", got, want)
	}
}

// octets is an answer without its message IDs.
func octets(entries []ldap.Message, done ldap.Message) []byte {
	var all []byte
	for _, m := range append(entries, done) {
		all = append(all, m.Tail...)
	}
	return all
}

func (c *client) answer(id int32, request []byte, want ldap.ResultCode) []byte {
	c.Helper()
	c.send(request)
	entries, done := c.results(id, want)
	return octets(entries, done)
}

func TestKeptAnswerIsByteIdentical(t *testing.T) {
	// As no encoder of ours would write it; see TestUnbridgedSearchPassesByteForByte.
	entry := entryBody("CN=Odd, "+usersBase, "JPEGphoto;x", "\x00\xff")
	r, _ := caching(t, hour, func(c *upstreamConn, m ldap.Message) {
		c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultEntry, entry, nil))
		c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultReference, ber.Append(nil, ber.OctetString, "ldap://other/"), nil))
		c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultEntry, entry, encodeControls([]ldap.Control{{OID: "1.2.3"}})))
		c.done(m, ldap.Result{Diagnostic: "two", MatchedDN: "dc=com"})
	})
	c := r.bound()
	live := c.answer(2, searchRequest(2, userFilter("jon.snow"), manageDsaIT), ldap.Success)
	kept := c.answer(300, searchRequest(300, userFilter("jon.snow"), manageDsaIT), ldap.Success)
	other := r.bound().answer(4, searchRequest(4, userFilter("jon.snow"), manageDsaIT), ldap.Success)
	if !bytes.Equal(live, kept) || !bytes.Equal(live, other) || r.up.count(ldap.OpSearchRequest) != 1 {
		t.Errorf("%d questions\n%q\n%q\n%q", r.up.count(ldap.OpSearchRequest), live, kept, other)
	}
	r.outcomes(lookup.CacheMiss, lookup.CacheHit, lookup.CacheHit)
	hit := r.record(lookup.OpSearch, 2)
	if !hit.Upstream.IsZero() || hit.Entries != 2 {
		t.Errorf("record of a hit: %+v", hit)
	}
}

// One answer of upstream serves clients whose translations differ; none of
// them changes what the next one gets.
func TestUndoLeavesTheKeptAnswerAlone(t *testing.T) {
	modes := map[string]*rewrite.Rules{}
	for name, mode := range map[string]rewrite.Mode{"posix": rewrite.ModePosix, "off": rewrite.ModeOff} {
		rules, err := rewrite.Compile(rewrite.Config{Mode: mode, Base: usersBase,
			Pairs: []rewrite.PairConfig{{Legacy: "gameOfThrones", Posix: "got", GID: 7001}}})
		if err != nil {
			t.Fatal(err)
		}
		modes[name] = rules
	}
	var mode atomic.Pointer[rewrite.Rules]
	var kept *cache.Cache
	r := start(t, func(s *setup) {
		kept = cache.New(hour, nil)
		s.config.Cache, s.config.Guards = kept, withoutJava(t)
		s.config.Rules = mode.Load
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			c.entry(m, "cn=got,"+usersBase, "objectClass", "posixGroup", "cn", "got", "gidNumber", "7001",
				"memberUid", "jon.snow", "javaClassName", "Evil")
			c.done(m, ldap.Result{})
		}
	})
	t.Cleanup(func() { _ = r.shutdown(0); kept.Close() })
	legacy := request(ldap.And(ldap.Equal("objectClass", "groupOfNames"), ldap.Equal("member", jonDN)))
	posix := request(ldap.And(ldap.Equal("memberUid", "jon.snow"), ldap.Equal("objectClass", "posixGroup")))
	legacy.Attributes, posix.Attributes = []string{"cn", "gidNumber"}, []string{"cn", "gidNumber"}
	ask := func(c *client, with string, req ldap.SearchRequest) []byte {
		mode.Store(modes[with])
		return c.answer(7, encodeSearch(7, &req), ldap.Success)
	}
	c, d := r.bound(), r.bound()
	first := [][]byte{ask(c, "posix", legacy), ask(d, "off", posix)}
	if bytes.Equal(first[0], first[1]) || !bytes.Contains(first[0], []byte("gameOfThrones")) || bytes.Contains(first[0], []byte("Evil")) {
		t.Fatalf("\n%q\n%q", first[0], first[1])
	}
	for range 3 {
		again := [][]byte{ask(d, "posix", legacy), ask(c, "off", posix)}
		if !bytes.Equal(again[0], first[0]) || !bytes.Equal(again[1], first[1]) {
			t.Fatalf("answers changed:\n%q\n%q\n%q\n%q", first[0], again[0], first[1], again[1])
		}
	}
	if asked := r.up.count(ldap.OpSearchRequest); asked != 1 {
		t.Errorf("%d questions", asked)
	}
}

func TestTypesOnlyIsAnotherQuestion(t *testing.T) {
	r, _ := caching(t, hour, nil)
	c := r.bound()
	req := request(userFilter("jon.snow"))
	c.answer(2, encodeSearch(2, &req), ldap.Success)
	req.TypesOnly = true
	c.answer(3, encodeSearch(3, &req), ldap.Success)
	r.outcomes(lookup.CacheMiss, lookup.CacheMiss)
}

func TestKeptAnswersExpire(t *testing.T) {
	empty := func(c *upstreamConn, m ldap.Message) { c.done(m, ldap.Result{}) }
	absent := func(c *upstreamConn, m ldap.Message) {
		c.done(m, ldap.Result{Code: ldap.NoSuchObject, MatchedDN: usersBase})
	}
	for name, tc := range map[string]struct {
		answers script
		code    ldap.ResultCode
		ttl     time.Duration
	}{
		"entries": {nil, ldap.Success, time.Hour}, "empty": {empty, ldap.Success, time.Minute}, "absent": {absent, ldap.NoSuchObject, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := caching(t, hour, tc.answers)
			c := r.bound()
			c.search(2, userFilter("a"), tc.code)
			r.clock.advance(tc.ttl - 5*time.Second)
			c.search(3, userFilter("a"), tc.code)
			r.clock.advance(5 * time.Second)
			c.search(4, userFilter("a"), tc.code)
			r.outcomes(lookup.CacheMiss, lookup.CacheHit, lookup.CacheMiss)
		})
	}
}

func TestIdentitiesDoNotShareAnswers(t *testing.T) {
	r, _ := caching(t, hour, func(c *upstreamConn, m ldap.Message) {
		c.entry(m, c.dn, "uid", "x")
		c.done(m, ldap.Result{})
	})
	var all sync.WaitGroup
	for i := range 8 {
		dn := []string{jamfDN, jonDN}[i%2]
		c := r.dial()
		c.bind(1, dn, password, ldap.Success)
		all.Go(func() {
			for id := range int32(50) {
				for _, m := range c.search(id+2, userFilter("x"), ldap.Success) {
					if got, _ := names(t, m); got != dn {
						t.Errorf("%s got the answer of %s", dn, got)
					}
				}
			}
		})
	}
	all.Wait()
	if asked := r.up.count(ldap.OpSearchRequest); asked != 2 {
		t.Errorf("%d questions for two identities", asked)
	}
}

// What is not for the cache passes as ever, and what is no success is not kept.
func TestNotKept(t *testing.T) {
	sorting := ldap.Control{OID: "1.2.840.113556.1.4.473"}
	page := ldap.PagedResults{Size: 10}.Control(false)
	rootDSE := ldap.SearchRequest{Filter: ldap.Present("objectClass"), Attributes: []string{"+"}}
	var code atomic.Int32
	r, _ := caching(t, hour, func(c *upstreamConn, m ldap.Message) {
		c.entry(m, jonDN, "uid", "jon.snow")
		c.done(m, ldap.Result{Code: ldap.ResultCode(code.Load())})
	})
	c := r.bound()
	want := []string{}
	for _, tc := range []struct {
		request []byte
		code    ldap.ResultCode
		outcome string
	}{
		{searchRequest(2, userFilter("a"), sorting), ldap.Success, lookup.CacheOff},
		{searchRequest(2, userFilter("a"), page), ldap.Success, lookup.CacheOff},
		{encodeSearch(2, &rootDSE), ldap.Success, lookup.CacheOff},
		{searchRequest(2, userFilter("b")), ldap.SizeLimitExceeded, lookup.CacheMiss},
		{searchRequest(2, userFilter("b")), ldap.TimeLimitExceeded, lookup.CacheMiss},
		{searchRequest(2, userFilter("b")), ldap.InsufficientAccessRights, lookup.CacheMiss},
		{searchRequest(2, userFilter("b")), ldap.NoSuchObject, lookup.CacheMiss},
	} {
		for range 2 {
			code.Store(int32(tc.code))
			c.answer(2, tc.request, tc.code)
			want = append(want, tc.outcome)
		}
	}
	r.outcomes(want...)
}

func TestLargeAnswerStreams(t *testing.T) {
	big := string(bytes.Repeat([]byte("x"), 50<<10))
	r, c := caching(t, hour, func(c *upstreamConn, m ldap.Message) {
		for range 20 {
			c.entry(m, jonDN, "photo", big)
		}
		c.done(m, ldap.Result{Diagnostic: "end"})
	})
	client := r.bound()
	for id := range int32(2) {
		client.send(searchRequest(id+2, userFilter("a")))
		if entries, _ := client.results(id+2, ldap.Success); len(entries) != 20 {
			t.Errorf("%d entries", len(entries))
		}
	}
	r.outcomes(lookup.CacheMiss, lookup.CacheMiss)
	if s := c.Stats(); s.Bytes != 0 || s.Entries != 0 {
		t.Errorf("%+v", s)
	}
	client.search(9, userFilter("a"), ldap.Success) // the connection and its lease are fine
}

// held answers each search when it is told to.
type held struct {
	release chan struct{}
	asked   atomic.Int32
	last    script // nil: honest
}

func (h *held) answer(c *upstreamConn, m ldap.Message) {
	h.asked.Add(1)
	c.wait(h.release)
	if h.last != nil {
		h.last(c, m)
		return
	}
	answer(c, m)
}

func TestIdenticalLookupsShareOneQuestion(t *testing.T) {
	h := &held{release: make(chan struct{})}
	r, _ := caching(t, hour, h.answer)
	leader := r.bound()
	leader.send(searchRequest(2, userFilter("a")))
	r.eventually("the question", func() bool { return h.asked.Load() == 1 })
	var others []*client
	for range 5 {
		c := r.bound()
		c.send(searchRequest(2, userFilter("a")))
		others = append(others, c)
	}
	// These leave: one is abandoned, one is cut off, one has no more time.
	abandoned := r.bound()
	abandoned.send(searchRequest(2, userFilter("a")), ldap.AppendAbandonRequest(nil, 3, 2), searchRequest(4, userFilter("b")))
	r.bound().send(searchRequest(2, userFilter("a")))
	hasty := request(userFilter("a"))
	hasty.TimeLimit = 1
	late := r.bound()
	late.send(encodeSearch(2, &hasty))
	late.results(2, ldap.TimeLimitExceeded)
	gone := r.bound()
	gone.send(searchRequest(2, userFilter("a")))
	_ = gone.Conn.(*net.TCPConn).SetLinger(0)
	_ = gone.Close()
	r.eventually("the question behind an abandoned one", func() bool { return h.asked.Load() == 2 })
	close(h.release)
	for _, c := range append(others, leader) {
		if entries, _ := c.results(2, ldap.Success); len(entries) != 1 {
			t.Errorf("%d entries", len(entries))
		}
	}
	abandoned.results(4, ldap.Success)
	if n := h.asked.Load(); n != 2 {
		t.Errorf("%d questions", n)
	}
	r.eventually("records of five coalesced lookups", func() bool {
		coalesced := 0
		for _, rec := range r.records.of(lookup.OpSearch) {
			if rec.Cache == lookup.CacheCoalesced {
				coalesced++
			}
		}
		return coalesced >= 5
	})
}

func TestDyingLeaderPassesTheLead(t *testing.T) {
	h := &held{release: make(chan struct{})}
	r, _ := caching(t, hour, h.answer)
	leader := r.bound()
	leader.send(searchRequest(2, userFilter("a")))
	r.eventually("the first question", func() bool { return h.asked.Load() == 1 })
	follower := r.bound()
	follower.send(searchRequest(2, userFilter("a")))
	leader.send(ldap.AppendAbandonRequest(nil, 3, 2))
	r.eventually("the second question", func() bool { return h.asked.Load() == 2 })
	close(h.release)
	if entries, _ := follower.results(2, ldap.Success); len(entries) != 1 {
		t.Errorf("%d entries", len(entries))
	}
}

// A leader's time limit is its own.
func TestLeaderOutOfTime(t *testing.T) {
	h := &held{release: make(chan struct{})}
	r, _ := caching(t, hour, h.answer)
	hasty := request(userFilter("a"))
	hasty.TimeLimit = 1
	leader := r.bound()
	leader.send(encodeSearch(2, &hasty))
	r.eventually("the first question", func() bool { return h.asked.Load() == 1 })
	follower := r.bound()
	follower.send(searchRequest(2, userFilter("a")))
	leader.results(2, ldap.TimeLimitExceeded)
	r.eventually("the second question", func() bool { return h.asked.Load() == 2 })
	close(h.release)
	follower.results(2, ldap.Success)
}

// panicking is metrics that panic at the first search reference.
type panicking struct {
	*counts
	done atomic.Bool
}

func (p *panicking) SearchReference() {
	if !p.done.Swap(true) {
		panic("bug")
	}
}

func TestPanickingLeader(t *testing.T) {
	h := &held{release: make(chan struct{}), last: func(c *upstreamConn, m ldap.Message) {
		c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultReference, ber.Append(nil, ber.OctetString, "ldap://other/"), nil))
		answer(c, m)
	}}
	var kept *cache.Cache
	r := start(t, func(s *setup) {
		kept = cache.New(hour, nil)
		s.config.Cache, s.config.Metrics = kept, &panicking{counts: &counts{n: map[string]int{}}}
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				h.answer(c, m)
				return
			}
			answer(c, m)
		}
	})
	t.Cleanup(func() { _ = r.shutdown(0); kept.Close() })
	leader, follower := r.bound(), r.bound()
	leader.send(searchRequest(2, userFilter("a")))
	r.eventually("the first question", func() bool { return h.asked.Load() == 1 })
	follower.send(searchRequest(2, userFilter("a")))
	close(h.release)
	leader.results(2, ldap.OtherError)
	if entries, _ := follower.results(2, ldap.Success); len(entries) != 1 {
		t.Errorf("%d entries", len(entries))
	}
	if s := kept.Stats(); s.Entries != 1 || s.Bytes > 2000 {
		t.Errorf("%+v", s)
	}
}

// What upstream says to one lookup alone is asked for by each.
func TestUnsharedResult(t *testing.T) {
	h := &held{release: make(chan struct{}), last: func(c *upstreamConn, m ldap.Message) {
		c.done(m, ldap.Result{Code: ldap.SizeLimitExceeded})
	}}
	r, _ := caching(t, hour, h.answer)
	clients := []*client{r.bound(), r.bound(), r.bound()}
	for _, c := range clients {
		c.send(searchRequest(2, userFilter("a")))
	}
	r.eventually("the first question", func() bool { return h.asked.Load() == 1 })
	close(h.release)
	for _, c := range clients {
		c.results(2, ldap.SizeLimitExceeded)
	}
	if n := h.asked.Load(); n < 2 || n > 3 {
		t.Errorf("%d questions", n)
	}
}

func TestStaleAnswer(t *testing.T) {
	cfg := hour
	cfg.Stale = time.Hour
	for name, trouble := range map[string]script{
		"hangs up":      func(c *upstreamConn, _ ldap.Message) { _ = c.Close() },
		"breaks off":    func(c *upstreamConn, m ldap.Message) { c.entry(m, "cn=half", "cn", "half"); _ = c.Close() },
		"is busy":       func(c *upstreamConn, m ldap.Message) { c.done(m, ldap.Result{Code: ldap.Busy}) },
		"is not there":  func(c *upstreamConn, m ldap.Message) { c.done(m, ldap.Result{Code: ldap.Unavailable}) },
		"takes forever": func(c *upstreamConn, m ldap.Message) { c.done(m, ldap.Result{Code: ldap.TimeLimitExceeded}) },
	} {
		t.Run(name, func(t *testing.T) {
			var down atomic.Bool
			r, _ := caching(t, cfg, func(c *upstreamConn, m ldap.Message) {
				if down.Load() {
					trouble(c, m)
					return
				}
				answer(c, m)
			})
			c := r.bound()
			live := c.answer(2, searchRequest(2, userFilter("a")), ldap.Success)
			down.Store(true)
			c.answer(3, searchRequest(3, userFilter("a")), ldap.Success) // a hit, and no hint
			r.clock.advance(time.Hour)
			if stale := c.answer(4, searchRequest(4, userFilter("a")), ldap.Success); !bytes.Equal(stale, live) {
				t.Errorf("\n%q\n%q", live, stale)
			}
			asked := r.up.count(ldap.OpSearchRequest)
			c.answer(5, searchRequest(5, userFilter("a")), ldap.Success)
			if again := r.up.count(ldap.OpSearchRequest); again != asked {
				t.Error("upstream is asked again at once")
			}
			r.outcomes(lookup.CacheMiss, lookup.CacheHit, lookup.CacheStale, lookup.CacheStale)
			for n, want := range []bool{false, false, true, true} {
				if got := slices.Contains(r.record(lookup.OpSearch, n+1).Hints, rewrite.HintStaleAnswer); got != want {
					t.Errorf("lookup %d has the hint: %v", n+1, got)
				}
			}
			// Another question has no answer to fall back to.
			if got := c.code(6, userFilter("b")); got != ldap.Busy && got != ldap.Unavailable && got != ldap.TimeLimitExceeded {
				t.Errorf("another question: %v", got)
			}
			r.clock.advance(time.Hour)
			c = r.bound()
			if got := c.code(7, userFilter("a")); got == ldap.Success {
				t.Error("served past the bound")
			}
			down.Store(false)
			c.answer(8, searchRequest(8, userFilter("a")), ldap.Success)
		})
	}
}

// code asks and returns the code of the answer.
func (c *client) code(id int32, f ldap.Filter) ldap.ResultCode {
	c.Helper()
	c.send(searchRequest(id, f))
	for {
		m := c.receive()
		if m.Op != ldap.OpSearchResultDone {
			continue
		}
		res, _, err := ldap.DecodeResult(m.Body)
		if err != nil {
			c.Fatal(err)
		}
		return res.Code
	}
}

// A password that upstream does not accept any more is no trouble of upstream's.
func TestNothingStaleForARefusedIdentity(t *testing.T) {
	cfg := hour
	cfg.Stale = time.Hour
	var changed atomic.Bool
	var c *cache.Cache
	k := newClock()
	r := start(t, func(s *setup) {
		c = cache.New(cfg, k.now)
		s.config.Cache = c
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpBindRequest && changed.Load() {
				c.result(m, ldap.Result{Code: ldap.InvalidCredentials})
				return
			}
			answer(c, m)
		}
	})
	t.Cleanup(func() { _ = r.shutdown(0); c.Close() })
	client := r.bound()
	client.search(2, userFilter("a"), ldap.Success)
	k.advance(time.Hour)
	changed.Store(true)
	r.up.cut()
	client.search(3, userFilter("a"), ldap.Unavailable)
	client.search(4, userFilter("a"), ldap.InsufficientAccessRights) // bind first
}

// An entry that cannot be translated is not kept to fail everybody for an hour.
func TestBrokenAnswerIsNotKept(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	r, _ := caching(t, hour, func(c *upstreamConn, m ldap.Message) {
		if broken.Load() {
			c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultEntry, []byte{0x04, 0x7f}, nil))
			c.done(m, ldap.Result{})
			return
		}
		c.entry(m, "cn=got,"+usersBase, "objectClass", "posixGroup", "cn", "got")
		c.done(m, ldap.Result{})
	})
	c := r.bound()
	groups := ldap.And(ldap.Equal("objectClass", "groupOfNames"), ldap.Equal("cn", "gameOfThrones"))
	c.search(2, groups, ldap.Unavailable)
	broken.Store(false)
	c.search(3, groups, ldap.Success)
}

// A compare that is asked as a search shares the answer of that search.
func TestCompareByWayOfTheCache(t *testing.T) {
	cfg := hour
	cfg.Stale = time.Hour
	var down atomic.Bool
	r, _ := caching(t, cfg, func(c *upstreamConn, m ldap.Message) {
		if down.Load() {
			_ = c.Close()
			return
		}
		c.entry(m, "cn=got,"+usersBase)
		c.done(m, ldap.Result{})
	})
	c := r.bound()
	compare := func(id int32, want ldap.ResultCode) {
		t.Helper()
		c.send(compareRequest(id, "cn=gameOfThrones,"+usersBase, "member", jonDN))
		c.result(id, want)
	}
	compare(2, ldap.CompareTrue)
	compare(3, ldap.CompareTrue)
	down.Store(true)
	r.clock.advance(time.Hour)
	compare(4, ldap.CompareTrue)
	for n, want := range []string{lookup.CacheMiss, lookup.CacheHit, lookup.CacheStale} {
		rec := r.record(lookup.OpCompare, n+1)
		if rec.Cache != want || rec.Upstream.Duration < 0 || rec.Upstream.Duration > time.Hour ||
			slices.Contains(rec.Hints, rewrite.HintStaleAnswer) != (want == lookup.CacheStale) {
			t.Errorf("compare %d: %+v", n+1, rec)
		}
	}
}

// The question under the client's own name, when the group is gone, is another
// one, and each has its own answer.
func TestFallbackByWayOfTheCache(t *testing.T) {
	r, _ := caching(t, hour, func(c *upstreamConn, m ldap.Message) {
		if req, _ := decodeSearch(m); req.Base == "cn=got,"+usersBase {
			c.done(m, ldap.Result{Code: ldap.NoSuchObject, MatchedDN: usersBase})
			return
		}
		c.done(m, ldap.Result{})
	})
	c := r.bound()
	req := request(ldap.Present("objectClass"))
	req.Base, req.Scope = "cn=gameOfThrones,"+usersBase, ldap.ScopeBase
	for id := range int32(3) {
		c.answer(id+2, encodeSearch(id+2, &req), ldap.Success)
	}
	r.outcomes(lookup.CacheMiss, lookup.CacheHit, lookup.CacheHit)
	if asked := r.up.count(ldap.OpSearchRequest); asked != 2 {
		t.Errorf("%d questions", asked)
	}
}

// A size limit that the proxy counts is each client's own.
func TestSizeLimitOfAKeptAnswer(t *testing.T) {
	r, _ := caching(t, hour, func(c *upstreamConn, m ldap.Message) {
		for _, name := range []string{"got", "bb", "x"} {
			c.entry(m, "cn="+name+","+usersBase, "objectClass", "posixGroup", "cn", name)
		}
		c.done(m, ldap.Result{})
	})
	c := r.bound()
	req := request(ldap.Or(ldap.Equal("objectClass", "groupOfNames"), ldap.Equal("uid", "x")))
	for id, limit := range []int32{0, 2, 1, 0} {
		req.SizeLimit = limit
		want, n := ldap.SizeLimitExceeded, int(limit)
		if limit == 0 {
			want, n = ldap.Success, 3
		}
		c.send(encodeSearch(int32(id)+2, &req))
		if entries, _ := c.results(int32(id)+2, want); len(entries) != n {
			t.Errorf("limit %d: %d entries", limit, len(entries))
		}
	}
	r.outcomes(lookup.CacheMiss, lookup.CacheHit, lookup.CacheHit, lookup.CacheHit)
}
