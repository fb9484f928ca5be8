package cache

import (
	"bytes"
	"sync/atomic"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// Answer is a complete answer of upstream. Its bytes are shared by everybody
// who is given it, and never change.
type Answer struct {
	messages      []byte
	fresh, usable time.Time    // until when
	recheckAt     atomic.Int64 // Unix nanoseconds; see recheck
}

// Messages returns the messages of the answer.
func (a *Answer) Messages() Messages { return Messages{ber.Read(a.messages)} }

func (a *Answer) size() int { return len(a.messages) + overhead }

// Messages goes through recorded messages, the result last. Its zero value has none.
type Messages struct{ rest ber.Reader[[]byte] }

// Next returns the next message, ok false at the end. What it returns must not
// be changed, nor appended to.
func (m *Messages) Next() (_ ldap.Message, ok bool) {
	before := m.rest.Rest()
	if _, _, err := m.rest.Next(); err != nil { // at the end; a Recording writes nothing else
		return ldap.Message{}, false
	}
	frame := before[: len(before)-len(m.rest.Rest()) : len(before)-len(m.rest.Rest())]
	message, err := ldap.ParseMessage(frame)
	return message, err == nil
}

// Recording is an answer that is coming in. It is for one goroutine, and
// Release ends it.
type Recording struct {
	cache    *Cache
	messages []byte
	entries  int
	held     int64
}

// Record starts a recording.
func (c *Cache) Record() *Recording { return &Recording{cache: c} }

// Add copies a message. It returns false when the answer is too large, or too
// many are coming in at this time; what was added before is still there.
func (r *Recording) Add(m *ldap.Message) bool {
	const header = 16
	need := len(r.messages) + len(m.Tail) + header
	if need+overhead > r.cache.perAnswer {
		return false
	}
	if need > cap(r.messages) && !r.grow(max(need, min(2*need, r.cache.perAnswer))) {
		return false
	}
	r.messages = ldap.AppendEnvelope(r.messages, 0, m.Tail)
	if m.Op == ldap.OpSearchResultEntry {
		r.entries++
	}
	return true
}

func (r *Recording) grow(size int) bool {
	more := int64(size+overhead) - r.held
	if !r.cache.hold(more) {
		return false
	}
	r.held += more
	r.messages = append(make([]byte, 0, size), r.messages...)
	return true
}

// hold takes some of what recordings may hold, if there is enough of it.
func (c *Cache) hold(more int64) bool {
	for {
		held := c.held.Load()
		if held+more > c.mayHold {
			return false
		}
		if c.held.CompareAndSwap(held, held+more) {
			return true
		}
	}
}

// Entries tells how many entries were added.
func (r *Recording) Entries() int { return r.entries }

// Messages returns what was added so far.
func (r *Recording) Messages() Messages { return Messages{ber.Read(r.messages)} }

// Release gives back what the recording holds of the cache's bytes.
func (r *Recording) Release() {
	r.cache.held.Add(-r.held)
	r.held = 0
}

// answer makes an Answer of what was recorded, in memory of the right size.
func (r *Recording) answer() *Answer { return &Answer{messages: bytes.Clone(r.messages)} }
