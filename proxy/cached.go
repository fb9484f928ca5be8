package proxy

import (
	"errors"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/cache"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/rewrite"
)

// Answers by way of the cache. What is kept and shared is upstream's answer;
// each client's own undo comes behind it, as behind a live one.

// cacheable tells whether the cache may answer a search. It may not for a page,
// whose cursor is upstream's state; for one with a control other than
// ManageDsaIT, which may mean anything; and for the rootDSE, which is read to
// learn whether the directory is there.
func (o *operation) cacheable(q *query) bool {
	if o.cfg.Cache == nil || q.page != nil || isRootDSE(&q.req) {
		return false
	}
	for i := range q.controls {
		// A bridged search keeps no other control on its way upstream.
		if !isManageDsaIT(q.controls[i].OID) && !q.plan.Bridged {
			return false
		}
	}
	return true
}

// answerCached is what answer does for a search that is cacheable.
func (o *operation) answerCached(
	q *query, asked *ldap.SearchRequest, ask func(*operation, *query) (ldap.Message, error),
) (ldap.Message, error) {
	key := cache.KeyOf(o.identity.Key(), asked, q.controls)
	got, err := o.fetch(key, func() (ldap.Message, error) { return ask(o, q) })
	if err != nil {
		return ldap.Message{}, err
	}
	if o.rec.Cache == lookup.CacheStale {
		q.plan.Hint(rewrite.HintStaleAnswer)
	}
	for m, ok := got.recorded.Next(); ok; m, ok = got.recorded.Next() {
		if m.Op == ldap.OpSearchResultDone {
			return m, nil
		}
		if err := o.relayEntry(q, &m); err != nil {
			if errors.Is(err, errBroken) {
				err = o.breakOff(&got)
			}
			return m, err
		}
	}
	return o.relay(q, got.first)
}

// fetched is an answer on its way to a client: what is recorded of it, all or a
// beginning, and then what comes over the lease.
type fetched struct {
	key      cache.Key
	recorded cache.Messages
	live     bool         // something comes behind what is recorded
	first    ldap.Message // the first message of that
}

// next returns the next message. The caller stops at the result.
func (f *fetched) next(o *operation) (ldap.Message, error) {
	if m, ok := f.recorded.Next(); ok {
		return m, nil
	}
	if f.live {
		f.live = false
		return f.first, nil
	}
	return o.lease.Receive(o.ctx)
}

// breakOff is for an answer that turns out to be broken: it is not kept.
func (o *operation) breakOff(f *fetched) error {
	if c := o.cfg.Cache; c != nil {
		c.Forget(f.key)
	}
	return errBroken
}

// fetch returns the answer to a question: one that is kept, one that another
// lookup is waiting for, or upstream's.
func (o *operation) fetch(key cache.Key, ask func() (ldap.Message, error)) (fetched, error) {
	for {
		t := o.cfg.Cache.Join(key)
		switch {
		case t.Stale:
			return o.given(key, t.Answer, lookup.CacheStale), nil
		case t.Answer != nil:
			return o.given(key, t.Answer, lookup.CacheHit), nil
		case t.Leads():
			return o.lead(&t, key, ask)
		}
		a, err := t.Wait(o.ctx)
		switch {
		case err == nil:
			return o.given(key, a, lookup.CacheCoalesced), nil
		case errors.Is(err, cache.ErrLeft):
		case errors.Is(err, cache.ErrAlone):
			return o.askAlone(key, ask)
		default:
			return o.orStale(key, err)
		}
	}
}

func (o *operation) given(key cache.Key, a *cache.Answer, outcome string) fetched {
	o.recordCache(outcome)
	return fetched{key: key, recorded: a.Messages()}
}

// lead asks upstream, for this lookup and for those that wait for the same. It
// waits for the whole answer before the client gets any of it, so that nobody
// waits for a client that reads slowly, and so that an answer that breaks off
// can still be replaced by a stale one.
func (o *operation) lead(t *cache.Ticket, key cache.Key, ask func() (ldap.Message, error)) (fetched, error) {
	defer t.End() // whoever waits is not left alone by a panic
	o.recordCache(lookup.CacheMiss)
	r := o.cfg.Cache.Record()
	defer r.Release()
	m, err := ask()
	whole := false
	if err == nil {
		m, whole, err = o.collect(r, m)
	}
	switch {
	case err != nil:
		if o.sharesFate(err) {
			t.Fail(err)
		}
		return o.orStale(key, err)
	case !whole:
		o.cfg.Cache.Forget(key)
		t.Decline()
		return fetched{key: key, recorded: r.Messages(), live: true, first: m}, nil
	}
	return o.conclude(t, key, r, &m), nil
}

// collect records an answer, m being its first message, as long as there is
// room for it. It returns the last message: the result if whole, which is
// recorded too, and else one that is not.
func (o *operation) collect(r *cache.Recording, m ldap.Message) (_ ldap.Message, whole bool, err error) {
	for ; err == nil; m, err = o.lease.Receive(o.ctx) {
		if m.Op == ldap.OpSearchResultReference {
			o.session.server.metrics.SearchReference()
			continue
		}
		if m.Op == ldap.OpIntermediateResponse || !r.Add(&m) {
			return m, false, nil
		}
		if m.Op == ldap.OpSearchResultDone {
			o.recordAnswered()
			return m, true, nil
		}
	}
	return m, false, err
}

// conclude decides what becomes of a whole answer.
func (o *operation) conclude(t *cache.Ticket, key cache.Key, r *cache.Recording, m *ldap.Message) fetched {
	code := codeOf(m)
	o.lease.Release()
	o.lease = nil
	switch {
	case code == ldap.TimeLimitExceeded, code == ldap.Busy, code == ldap.Unavailable:
		if a := o.staleFor(key); a != nil { // the ticket's end makes followers find it too
			o.noteStale(errors.New("directory answered " + code.String()))
			return o.given(key, a, lookup.CacheStale)
		}
		t.Decline()
	case code == ldap.Success, code == ldap.NoSuchObject && r.Entries() == 0:
		t.Share(r)
	default: // upstream has answered, and not with what was kept before
		o.cfg.Cache.Forget(key)
		t.Decline()
	}
	return fetched{key: key, recorded: r.Messages()}
}

// askAlone asks upstream for this lookup only.
func (o *operation) askAlone(key cache.Key, ask func() (ldap.Message, error)) (fetched, error) {
	o.recordCache(lookup.CacheMiss)
	m, err := ask()
	if err != nil {
		return o.orStale(key, err)
	}
	return fetched{key: key, live: true, first: m}, nil
}

// orStale returns a stale answer in place of a failure of upstream.
func (o *operation) orStale(key cache.Key, failure error) (fetched, error) {
	if !upstream.IsTrouble(failure) {
		return fetched{}, failure
	}
	a := o.staleFor(key)
	if a == nil {
		return fetched{}, failure
	}
	o.noteStale(failure)
	return o.given(key, a, lookup.CacheStale), nil
}

// staleFor returns a stale answer for a client that is still waiting for one.
func (o *operation) staleFor(key cache.Key) *cache.Answer {
	if o.ctx.Err() != nil || o.expired() {
		return nil
	}
	return o.cfg.Cache.Stale(key)
}

// noteStale ends the lease, with which nothing more can be done, and tells the
// log what the client does not get to see.
func (o *operation) noteStale(failure error) {
	o.endLease()
	o.session.server.log.Warn("upstream directory failed an operation, which was answered from the cache (cache.stale)",
		zap.Uint64("conn", o.session.id), zap.String("op", o.rec.Op), zap.Error(failure))
}

// sharesFate tells whether a failure is that of everybody who asks the same as
// the same identity, and not of this client: it left, or its time was up.
func (o *operation) sharesFate(err error) bool {
	if o.ctx.Err() != nil || o.expired() {
		return false
	}
	var up *upstream.Error
	return upstream.IsTrouble(err) || errors.As(err, &up) && up.BindCode != ldap.Success
}

// recordCache notes how the answer came. A lookup of two questions is what the
// slower of them is.
func (o *operation) recordCache(outcome string) {
	if outcomeRank(outcome) > outcomeRank(o.rec.Cache) {
		o.rec.Cache = outcome
	}
}

func outcomeRank(outcome string) int {
	switch outcome {
	case lookup.CacheHit:
		return 1
	case lookup.CacheCoalesced:
		return 2
	case lookup.CacheMiss:
		return 3
	case lookup.CacheStale:
		return 4
	}
	return 0
}

// recallBind tells whether a bind is one that upstream has accepted a while ago
// (cache.service_bind_ttl). If not, accepted has to be told when it is.
func (o *operation) recallBind(id *upstream.Identity, controls []ldap.Control) (accepted func(), known bool) {
	b := o.cfg.ServiceBind
	if !b.Covers(id.DN()) {
		return func() {}, false
	}
	for i := range controls {
		if !isManageDsaIT(controls[i].OID) { // upstream might have more to say
			return func() {}, false
		}
	}
	if b.Knows(id.Key()) {
		o.rec.Cache = lookup.CacheHit
		return nil, true
	}
	o.rec.Cache = lookup.CacheMiss
	remember := b.Asking()
	return func() { remember(id.Key()) }, false
}
