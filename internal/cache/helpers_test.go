package cache_test

import (
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
)

// clock is moved by hand.
type clock struct {
	mu   sync.Mutex
	time time.Time
}

func newClock() *clock { return &clock{time: time.Unix(1e9, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
}

var minutes = cache.Config{TTL: time.Minute, NegativeTTL: 10 * time.Second, MaxBytes: bytesize.MiB}

func newCache(t testing.TB, cfg cache.Config) (*cache.Cache, *clock) {
	k := newClock()
	c := cache.New(cfg, k.now)
	t.Cleanup(c.Close)
	return c, k
}

func message(op ber.Tag, body []byte) *ldap.Message {
	m, err := ldap.ParseMessage(ldap.AppendOperation(nil, 7, op, body, nil))
	if err != nil {
		panic(err)
	}
	return &m
}

func entry(text string) *ldap.Message {
	return message(ldap.OpSearchResultEntry, ber.Append(ber.Append(nil, ber.OctetString, text), ber.Sequence, ""))
}

func done(code ldap.ResultCode) *ldap.Message {
	return message(ldap.OpSearchResultDone, ldap.AppendResultBody(nil, &ldap.Result{Code: code}))
}

// key is a key like any other.
func key(n int) (k cache.Key) {
	k[0], k[1], k[2] = byte(n), byte(n>>8), byte(n>>16)
	return k
}

// share leads the flight to an answer of these entries and tells whether there
// was one to lead.
func share(t testing.TB, c *cache.Cache, k cache.Key, entries ...string) bool {
	t.Helper()
	ticket := c.Join(k)
	if !ticket.Leads() {
		return false
	}
	defer ticket.End()
	r := c.Record()
	defer r.Release()
	for _, e := range entries {
		if !r.Add(entry(e)) {
			ticket.Decline()
			return true
		}
	}
	if !r.Add(done(ldap.Success)) {
		t.Fatal("no room for a result")
	}
	ticket.Share(r)
	return true
}

// kept returns the entries of the answer that is there, nil for none.
func kept(c *cache.Cache, k cache.Key) []string {
	ticket := c.Join(k)
	defer ticket.End()
	if ticket.Answer == nil {
		return nil
	}
	return texts(ticket.Answer.Messages())
}

func texts(messages cache.Messages) []string {
	list := []string{}
	for m, ok := messages.Next(); ok; m, ok = messages.Next() {
		if m.Op == ldap.OpSearchResultEntry {
			e, _ := ldap.DecodeEntry(m.Body)
			list = append(list, string(e.DN))
		}
	}
	return list
}
