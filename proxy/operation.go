package proxy

import (
	"context"
	"sync/atomic"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/upstream"
)

// operation is one request being served: by the reader, or, when concurrent,
// by a goroutine of its own. Others may only call giveUp.
type operation struct {
	session  *session
	cfg      *settings
	pool     *upstream.Pool // of cfg, or of later settings; see followReload
	id       int32
	tag      ber.Tag
	kind     request
	verdict  verdict
	identity *upstream.Identity // of the session when the request was read; nil: anonymous
	repeated bool               // the message ID is in use

	message        ldap.Message // shares the reader's buffer; not for concurrent operations
	body, controls string       // what those have instead

	concurrent bool
	slots      int             // of limits.in_flight that it takes
	ctx        context.Context // of a concurrent operation; ends when it is given up
	cancel     context.CancelFunc
	gone       atomic.Bool // nobody waits for the answer

	lease    *upstream.Conn // nil when there is none to give back
	asked    time.Time      // when upstream was asked, for the record
	answered bool           // a final response was appended
	rec      *lookup.Record // private until it is published
}

func (s *session) newOperation(m ldap.Message) *operation {
	cfg := s.server.settings()
	o := &operation{session: s, cfg: cfg, pool: cfg.Upstream, id: m.ID, tag: m.Op, message: m}
	extended := extendedOID(&m)
	o.kind = requestOf(m.Op, extended)
	s.mu.Lock()
	o.verdict = legality[s.state][o.kind]
	if s.state == bound {
		o.identity = s.identity
	}
	_, o.repeated = s.inFlight[m.ID]
	s.mu.Unlock()
	o.beginRecord()
	o.rec.Name = clip(extended)
	return o
}

// extendedOID returns the name of an extended request, "" for anything else;
// what is wrong with a request shows when it is served.
func extendedOID(m *ldap.Message) string {
	if m.Op != ldap.OpExtendedRequest {
		return ""
	}
	e, err := ldap.DecodeExtendedRequest(m.Body)
	if err != nil {
		return ""
	}
	return e.OID
}

// handler chooses who serves the request.
func (o *operation) handler() func(*operation) error {
	switch {
	case o.kind == reqUnbind && o.verdict == serve:
		return (*operation).unbind // whatever its message ID
	case o.id == 0 || o.repeated:
		return (*operation).badMessageID
	}
	switch o.verdict {
	case serve, serveRoot:
		return o.servant()
	case needBind:
		return (*operation).unbound
	case readOnly:
		return (*operation).update
	case malformed:
		return (*operation).unknown
	}
	return (*operation).late
}

func (o *operation) servant() func(*operation) error {
	switch o.kind {
	case reqBind:
		return (*operation).bind
	case reqAbandon:
		return (*operation).abandon
	case reqSearch:
		o.concurrent = true
		return (*operation).search
	case reqCompare:
		o.concurrent = true
		return (*operation).compare
	case reqStartTLS:
		return (*operation).startTLS
	case reqWhoAmI:
		return (*operation).whoAmI
	case reqExtended:
		return (*operation).extended
	}
	return (*operation).unknown
}

// keepRequest copies what a concurrent operation needs out of the reader's
// buffer: once, as strings, so that everything decoded from them can be kept.
func (o *operation) keepRequest() {
	o.body, o.controls = string(o.message.Body), string(o.message.Controls)
	o.message = ldap.Message{}
	o.ctx, o.cancel = context.WithCancel(o.session.ctx)
}

// limitTime ends the operation after the client's own time limit, in seconds.
// Upstream's pool sees to upstream.search_timeout; a client that allows more
// needs no second timer, only to be heard when an answer takes longer than that.
func (o *operation) limitTime(seconds int32) (stop context.CancelFunc) {
	limit, ours := time.Duration(seconds)*time.Second, o.cfg.SearchTimeout
	switch {
	case limit == 0:
		return func() {}
	case ours > 0 && limit >= ours:
		o.ctx = untimed{o.ctx, time.Now().Add(limit)}
		return func() {}
	}
	var cancel context.CancelFunc
	o.ctx, cancel = context.WithTimeout(o.ctx, limit)
	return cancel
}

// untimed is a context with a deadline and without a timer for it.
type untimed struct {
	context.Context
	deadline time.Time
}

func (u untimed) Deadline() (time.Time, bool) { return u.deadline, true }

// expired tells whether the client's time limit has passed. It looks at the
// clock, because a socket's deadline can be noticed before the context's timer.
func (o *operation) expired() bool {
	if o.ctx == nil {
		return false
	}
	deadline, ok := o.ctx.Deadline()
	return ok && time.Until(deadline) <= 0
}

// run serves the operation to its end, whatever happens.
func (o *operation) run(serve func(*operation) error) {
	defer o.end()
	defer o.fence()
	if err := serve(o); err != nil {
		o.fail(err)
	}
}

// fence turns a panic into a result of this operation.
func (o *operation) fence() {
	p := recover()
	if p == nil {
		return
	}
	o.session.server.reportPanic(p, o.session.id)
	if !o.answered {
		o.fail(errPanicked)
	}
}

func (o *operation) end() {
	o.endLease()
	o.session.leave(o)
	if o.cancel != nil {
		o.cancel()
	}
	o.publish()
}

// endLease is how a lease ends that was not released: upstream is still at
// work, or cannot be trusted.
func (o *operation) endLease() {
	if o.lease == nil {
		return
	}
	if o.gone.Load() {
		o.lease.Abandon()
	} else {
		o.lease.Discard()
	}
	o.lease = nil
}

// giveUp stops the operation: nothing is sent for it from now on.
func (o *operation) giveUp() {
	o.gone.Store(true)
	o.cancel()
}

// reply sends the final response.
func (o *operation) reply(res *ldap.Result, controls []byte) error {
	return o.finish(res, func(dst []byte) []byte {
		return ldap.AppendResult(dst, o.id, ldap.ResponseOp(o.tag), res, controls)
	})
}

// finish appends the final response, gives the lease back and only then
// writes: a client that sends its next request at once finds the connection
// free, and one that reads slowly does not hold it.
func (o *operation) finish(res *ldap.Result, encode func(dst []byte) []byte) error {
	o.answered = true
	o.session.leave(o)
	if err := o.emit(encode); err != nil {
		return err
	}
	o.recordResult(res)
	if o.lease != nil {
		o.lease.Release() // closes one that is in the middle of something
		o.lease = nil
	}
	return o.flush()
}

// clientControls decodes the request's controls and names them in the record.
func (o *operation) clientControls() ([]ldap.Control, error) {
	encoded := o.controls
	if !o.concurrent {
		encoded = string(o.message.Controls)
	}
	list, err := ldap.DecodeControls(encoded, o.cfg.Limits.Controls)
	o.recordControls(list, encoded)
	return list, err
}

// localControls is clientControls for what the proxy answers itself: it knows
// no control but ManageDsaIT, which has nothing to manage here.
func (o *operation) localControls() error {
	list, err := o.clientControls()
	if err != nil {
		return err
	}
	return refuseCritical(list, isManageDsaIT)
}

// refuseCritical fails on the first critical control that is not known.
func refuseCritical(list []ldap.Control, known func(oid string) bool) error {
	for i := range list {
		if list[i].Critical && !known(list[i].OID) {
			return errCritical(list[i].OID)
		}
	}
	return nil
}
