package proxy

import (
	"context"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/rewrite"
)

// query is a search on its way.
type query struct {
	req      ldap.SearchRequest
	controls []ldap.Control // the client's
	page     *page          // nil when paged results were not asked for
	plan     *rewrite.Plan
}

// search is the pipeline: decode, plan, lease and send, undo per entry, result.
func (o *operation) search() error {
	var q query
	if err := o.decodeSearch(&q); err != nil {
		return err
	}
	if o.identity == nil {
		return o.searchUnbound(&q)
	}
	if err := o.guardSearch(&q.req); err != nil {
		return err
	}
	defer o.limitTime(q.req.TimeLimit)()
	if err := o.planSearch(&q); err != nil {
		return err
	}
	defer o.recordHints(&q)

	m, err := o.answer(&q, &q.plan.Request, (*operation).askSearch)
	if err == nil && q.plan.Fallback != nil && o.rec.Entries == 0 && codeOf(&m) == ldap.NoSuchObject {
		m, err = o.answer(&q, q.plan.Fallback, (*operation).askFallback)
	}
	if err != nil {
		return err
	}
	return o.finishSearch(&q, &m)
}

func (o *operation) decodeSearch(q *query) (err error) {
	s := o.session
	if q.req, err = ldap.DecodeSearchRequest(o.body, o.cfg.decode); err != nil {
		return err
	}
	o.recordSearch(&q.req)
	if q.controls, err = o.clientControls(); err != nil {
		return err
	}
	s.client.learn(clientOfSearch(&q.req, q.controls))
	return nil
}

// searchUnbound lets the rootDSE be read before bind, and nothing else.
func (o *operation) searchUnbound(q *query) error {
	if !isRootDSE(&q.req) {
		return errUnbound
	}
	if err := refuseCritical(q.controls, isManageDsaIT); err != nil {
		return err
	}
	return o.answerRootDSE(&q.req)
}

func isManageDsaIT(oid string) bool { return oid == ldap.OIDManageDsaIT }

// keepsMeaning names the controls that mean the same after a translation. Any
// other, a server-side sort for one, speaks of upstream's entries.
func keepsMeaning(oid string) bool {
	return oid == ldap.OIDManageDsaIT || oid == ldap.OIDPagedResults
}

// answer asks upstream and passes the entries on, and returns the result. asked
// is the request that ask sends.
func (o *operation) answer(
	q *query, asked *ldap.SearchRequest, ask func(*operation, *query) (ldap.Message, error),
) (ldap.Message, error) {
	if o.cacheable(q) {
		return o.answerCached(q, asked, ask)
	}
	m, err := ask(o, q)
	if err != nil {
		return m, err
	}
	return o.relay(q, m)
}

func (o *operation) planSearch(q *query) error {
	if err := o.openPage(q); err != nil {
		return err
	}
	var mode rewrite.Mode
	if o.withGIDs(func(r *rewrite.Rules) []string {
		mode, q.plan = r.Mode(), r.Search(&q.req)
		return q.plan.UnknownGIDs
	}) {
		q.plan.Rules = append(q.plan.Rules, rewrite.RuleGroupIDRead)
	}
	o.recordPlan(mode, q.plan.Bridged, q.plan.Rules, q.plan.Hints)
	if q.plan.Bridged {
		return refuseCritical(q.controls, keepsMeaning)
	}
	return nil
}

// askSearch sends the search: the client's own bytes where nothing changed.
func (o *operation) askSearch(q *query) (ldap.Message, error) {
	wire := getBuffer()
	defer putBuffer(wire)
	if q.plan.Changed {
		*wire = ldap.AppendSearchRequest(*wire, &q.plan.Request)
	} else {
		*wire = append(*wire, o.body...)
	}
	split := len(*wire)
	if q.plan.Bridged || q.page != nil {
		*wire = q.appendControls(*wire, true)
	} else {
		*wire = append(*wire, o.controls...)
	}
	o.recordAsked(&q.plan.Request, q.plan.Changed)
	return o.ask(ldap.OpSearchRequest, (*wire)[:split], orNil((*wire)[split:]))
}

// appendControls appends the controls that go upstream in another form than
// the client's.
func (q *query) appendControls(dst []byte, paged bool) []byte {
	for _, c := range q.controls {
		switch {
		case c.OID == ldap.OIDPagedResults:
			if paged {
				dst = ldap.AppendControl(dst, q.page.upstream(c.Critical))
			}
		case !q.plan.Bridged || keepsMeaning(c.OID):
			dst = ldap.AppendControl(dst, c)
		}
	}
	return dst
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// ask leases a connection, sends and waits for the first message of the
// answer. A connection that turns out to be dead before anything came of it is
// replaced once, by a fresh one, which is to another server if this one hung up
// on a fresh one. A lease that is there already, pinned by a cursor, is used as
// it is.
func (o *operation) ask(tag ber.Tag, body, controls []byte) (ldap.Message, error) {
	if o.lease != nil {
		o.recordLease(o.session.server.now())
		return o.exchange(tag, body, controls)
	}
	m, err := o.askOver((*upstream.Pool).Acquire, tag, body, controls)
	if err != nil && upstream.Retryable(err) && o.ctx.Err() == nil {
		o.endLease()
		m, err = o.askOver((*upstream.Pool).AcquireFresh, tag, body, controls)
	}
	return m, err
}

func (o *operation) askOver(
	acquire func(*upstream.Pool, context.Context, *upstream.Identity) (*upstream.Conn, error), tag ber.Tag, body, controls []byte,
) (m ldap.Message, err error) {
	start := o.session.server.now()
	o.lease, err = acquire(o.pool, o.ctx, o.identity)
	if o.followReload(err) {
		o.lease, err = acquire(o.pool, o.ctx, o.identity)
	}
	o.recordLease(start)
	if err != nil {
		return m, err
	}
	return o.exchange(tag, body, controls)
}

func (o *operation) exchange(tag ber.Tag, body, controls []byte) (m ldap.Message, err error) {
	if err := o.lease.Send(tag, body, controls); err != nil {
		return m, err
	}
	return o.lease.Receive(o.ctx)
}

// relay passes the answer on, m being its first message, and returns its last.
// What was appended leaves when upstream has nothing more at hand.
func (o *operation) relay(q *query, m ldap.Message) (ldap.Message, error) {
	for {
		var err error
		switch m.Op {
		case ldap.OpSearchResultDone:
			o.recordAnswered()
			return m, nil
		case ldap.OpSearchResultEntry:
			err = o.relayEntry(q, &m)
		case ldap.OpSearchResultReference:
			// JNDI raises on one, or follows it past the proxy.
			o.session.server.metrics.SearchReference()
		case ldap.OpIntermediateResponse:
			err = o.relayIntermediate(q, &m)
		}
		if err == nil && !o.lease.HasMessage() {
			err = o.flush()
		}
		if err == nil {
			m, err = o.lease.Receive(o.ctx)
		}
		if err != nil {
			return m, err
		}
	}
}

// relayEntry appends one entry: as it is, with a new message ID, unless the
// plan or an option has something to undo.
func (o *operation) relayEntry(q *query, m *ldap.Message) error {
	var (
		kept   = true
		full   bool
		failed error
	)
	if o.cfg.Guards.stripsJava() {
		if err := stripJava(m); err != nil {
			return errBroken
		}
	}
	err := o.emit(func(dst []byte) []byte {
		before := len(dst)
		switch {
		case isRootDSE(&q.req):
			dst, failed = o.appendRootDSE(dst, &q.req, m)
		case q.plan.Bridged:
			dst, kept, failed = q.plan.AppendEntry(dst, o.id, m.Body, m.Controls)
		default:
			dst = ldap.AppendEnvelope(dst, o.id, m.Tail)
		}
		full = kept && q.plan.SizeLimit > 0 && o.rec.Entries >= int(q.plan.SizeLimit)
		if failed != nil || full {
			return dst[:before]
		}
		return dst
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return errBroken
	case full:
		if o.lease != nil { // there is none for an answer that was kept
			o.lease.Abandon()
			o.lease = nil
		}
		return errSizeLimit
	case kept:
		o.rec.Entries++
	}
	return nil
}

// relayIntermediate passes on what some control asked for (RFC 4511 section
// 4.13); for a bridged search no such control was sent.
func (o *operation) relayIntermediate(q *query, m *ldap.Message) error {
	if q.plan.Bridged {
		return nil
	}
	return o.emit(func(dst []byte) []byte { return ldap.AppendEnvelope(dst, o.id, m.Tail) })
}

// askFallback asks whether the base that the client named exists under its own
// name; see rewrite.Plan.Fallback. It is one answer, so it is not paged.
func (o *operation) askFallback(q *query) (ldap.Message, error) {
	wire := getBuffer()
	defer putBuffer(wire)
	*wire = ldap.AppendSearchRequest(*wire, q.plan.Fallback)
	split := len(*wire)
	*wire = q.appendControls(*wire, false)
	if o.lease == nil { // the first answer was kept
		return o.ask(ldap.OpSearchRequest, (*wire)[:split], orNil((*wire)[split:]))
	}
	return o.exchange(ldap.OpSearchRequest, (*wire)[:split], orNil((*wire)[split:]))
}

// codeOf peeks at the code of a result; what is wrong with one shows later.
func codeOf(m *ldap.Message) ldap.ResultCode {
	r := ber.Read(m.Body)
	code, err := r.Int(ber.Enumerated)
	if err != nil {
		return ldap.OtherError
	}
	return ldap.ResultCode(code)
}

// finishSearch sends upstream's result back through the plan.
func (o *operation) finishSearch(q *query, m *ldap.Message) error {
	res, rest, err := ldap.DecodeResult(m.Body)
	if err != nil {
		return errBroken
	}
	if err := passable(&res); err != nil {
		return err
	}
	if !q.plan.Bridged && q.page == nil && len(rest) == 0 {
		o.hintAnswer(q, &res)
		return o.finish(&res, func(dst []byte) []byte { return ldap.AppendEnvelope(dst, o.id, m.Tail) })
	}
	q.plan.Result(&res)
	o.hintAnswer(q, &res)
	controls := m.Controls
	if q.page != nil {
		if controls, err = o.turnPage(q, &res, controls); err != nil {
			return err
		}
	}
	return o.reply(&res, controls)
}
