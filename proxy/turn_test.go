package proxy_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

// slowly is a script that waits before it answers a search.
func slowly(wait func(c *upstreamConn, req ldap.SearchRequest)) func(*setup) {
	return func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				req, _ := decodeSearch(m)
				wait(c, req)
			}
			answer(c, m)
		}
	}
}

// A slow lookup does not keep its connection from being read, whether it is
// served by the goroutine that read it or not.
func TestSlowLookupIsNotInTheWay(t *testing.T) {
	hold := make(chan struct{})
	r := start(t, slowly(func(c *upstreamConn, req ldap.SearchRequest) {
		if req.Filter.Value == "slow" {
			c.wait(hold)
		}
	}))
	c := r.bound()
	for id := range int32(3) { // quick ones first: the reader serves the next itself
		c.search(2+id, userFilter("x"), ldap.Success)
	}
	slow := ldap.Equal("uid", "slow")
	c.send(searchRequest(10, slow))
	r.eventually("the slow search upstream", func() bool { return r.up.count(ldap.OpSearchRequest) == 4 })
	c.search(11, userFilter("x"), ldap.Success)
	c.send(searchRequest(12, slow), ldap.AppendAbandonRequest(nil, 13, 12))
	r.eventually("an abandon upstream", func() bool { return r.up.count(ldap.OpAbandonRequest) == 1 })
	close(hold)
	if id := c.receive().ID; id != 10 {
		t.Errorf("answer to %d, want 10", id)
	}
	c.results(10, ldap.Success)
	c.search(14, userFilter("x"), ldap.Success)
}

// Whoever reads, every request is answered once and in its own words, and the
// session ends properly: answers take about as long as the reader has patience.
func TestReadersTakeTurns(t *testing.T) {
	r := start(t, slowly(func(*upstreamConn, ldap.SearchRequest) {
		time.Sleep(time.Duration(rand.IntN(6000)) * time.Microsecond)
	}))
	var clients sync.WaitGroup
	for range 8 {
		c := r.bound()
		clients.Go(func() {
			for id := int32(2); id < 150; id++ {
				c.send(searchRequest(id, userFilter("x")))
				if id%7 == 0 { // two at once
					c.send(searchRequest(id+1000, userFilter("y")))
					seen := map[int32]bool{}
					for len(seen) < 2 {
						if m := c.receive(); m.Op == ldap.OpSearchResultDone {
							seen[m.ID] = true
						}
					}
					if !seen[id] || !seen[id+1000] {
						t.Errorf("answers to %v", seen)
					}
					continue
				}
				c.results(id, ldap.Success)
			}
			_ = c.Close()
		})
	}
	clients.Wait()
	r.eventually("the end of all sessions", func() bool { return r.counts.get("disconnected") == 8 })
}
