package proxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/upstream"
)

// refusal is an error that knows its LDAP result. Its text is for the client
// and for the lookup record.
type refusal struct {
	code   ldap.ResultCode
	text   string
	hangUp bool // told as a notice of disconnection, and the connection ends
}

func (r *refusal) Error() string { return r.text }

// naming adds the configuration key of the limit that was hit, if any.
func (r *refusal) naming(knob string) *refusal {
	if knob == "" {
		return r
	}
	named := *r
	named.text += " (" + knob + ")"
	return &named
}

// Everything that the proxy refuses by itself. 49 is not here: only upstream
// may say that a password is wrong. Nor is 2 for a bind that a v3 client could
// have sent: JNDI would try again as LDAPv2.
var (
	errMessageID     = &refusal{code: ldap.ProtocolError, text: "message ID is 0 or in use", hangUp: true}
	errUnknownTag    = &refusal{code: ldap.ProtocolError, text: "unknown operation", hangUp: true}
	errOnlyV3        = &refusal{code: ldap.ProtocolError, text: "only LDAPv3"}
	errSASL          = &refusal{code: ldap.AuthMethodNotSupported, text: "only simple binds are supported"}
	errEmptyPassword = &refusal{code: ldap.UnwillingToPerform, text: "bind with a DN and an empty password is refused (RFC 4513 section 5.1.2)"}
	errEmptyDN       = &refusal{code: ldap.UnwillingToPerform, text: "bind with a password but without a DN is refused"}
	errNeedsTLS      = &refusal{code: ldap.ConfidentialityRequired, text: "this listener takes no password without TLS (listeners.require_tls); send StartTLS first"}
	errGuardedBind   = &refusal{code: ldap.UnwillingToPerform, text: "this DN may not bind here (guards.bind_dns)"}
	errGuardedBase   = &refusal{code: ldap.InsufficientAccessRights, text: "this base is not open here (guards.bases)"}
	errUnbound       = &refusal{code: ldap.InsufficientAccessRights, text: "bind first"}
	errReadOnly      = &refusal{code: ldap.UnwillingToPerform, text: "read-only proxy"}
	errExtended      = &refusal{code: ldap.ProtocolError, text: "unsupported extended operation"}
	errTLSActive     = &refusal{code: ldap.OperationsError, text: "TLS is active already"}
	errOutstanding   = &refusal{code: ldap.OperationsError, text: "operations are outstanding"}
	errOutOfTurn     = &refusal{code: ldap.OperationsError, text: "request while the connection changes hands"}
	errPaging        = &refusal{code: ldap.ProtocolError, text: "malformed paged results control"}
	errCookie        = &refusal{code: ldap.UnwillingToPerform, text: "paged results cookie is unknown, was used or was dropped (limits.paged_cursors)"}
	errSizeLimit     = &refusal{code: ldap.SizeLimitExceeded, text: ""}
	errTimeLimit     = &refusal{code: ldap.TimeLimitExceeded, text: "upstream directory did not finish in time"}
	errReferral      = &refusal{code: ldap.Unavailable, text: "upstream directory answered with a referral, which is not followed"}
	errUnavailable   = &refusal{code: ldap.Unavailable, text: "upstream directory is unavailable"}
	errFull          = &refusal{code: ldap.Busy, text: "too many lookups are waiting for the upstream directory"}
	errTooSlow       = &refusal{code: ldap.Unavailable, text: "upstream directory is unavailable: no answer in time"}
	errManyBinds     = &refusal{code: ldap.Busy, text: "too many binds as this DN wait for the upstream directory (limits.failed_binds)"}
	errBroken        = &refusal{code: ldap.Unavailable, text: "upstream directory broke off its answer"}
	errLeaving       = &refusal{code: ldap.Unavailable, text: "the proxy is about to stop (limits.drain_delay)"}
	errPanicked      = &refusal{code: ldap.OtherError, text: "internal error"}
	// The client's bind was right when it was made, so 49 would be a lie about
	// this operation, and 50 reads like missing rights in the directory. 52
	// makes a client reconnect, and its bind then tells the truth.
	errPasswordChanged = &refusal{code: ldap.Unavailable, text: "upstream no longer accepts this session's password; bind again"}
)

// No answer is due for these.
var (
	errAbandoned  = errors.New("operation was abandoned")
	errClientGone = errors.New("writing to the client failed")
)

func errCritical(oid string) *refusal {
	return &refusal{code: ldap.UnavailableCriticalExtension, text: "critical control " + lookup.Clip(oid, 64) + " is not supported here"}
}

func errBackoff(left time.Duration) *refusal {
	return &refusal{code: ldap.Busy, text: fmt.Sprintf(
		"too many failed binds (limits.failed_binds, limits.failed_bind_wait); wait %v", left.Round(time.Second)+time.Second)}
}

func errUpstreamBind(res *ldap.Result) *refusal {
	return &refusal{code: ldap.Unavailable, text: "upstream directory refused the bind: " + res.Code.String() + " " + res.Diagnostic}
}

// fail answers the operation with what err means.
func (o *operation) fail(err error) {
	o.answered = true
	r := o.meaning(err)
	switch {
	case r == nil:
		o.noAnswer()
		o.noteClientGone(err)
	case r.hangUp:
		o.recordResult(&ldap.Result{Code: r.code, Diagnostic: r.text})
		o.session.hangUp(farewell{code: r.code, text: r.text})
	case ldap.ResponseOp(o.tag) == 0:
		o.noAnswer()
	default:
		o.answerRefusal(r)
	}
}

func (o *operation) answerRefusal(r *refusal) {
	o.endLease()
	if err := o.reply(&ldap.Result{Code: r.code, Diagnostic: r.text}, nil); err != nil {
		o.noAnswer()
		o.noteClientGone(err)
	}
}

// meaning is the one place where a Go error becomes an LDAP result; nil means
// that nobody is to be answered.
func (o *operation) meaning(err error) *refusal {
	var (
		known *refusal
		limit *ldap.LimitError
		up    *upstream.Error
	)
	switch {
	case o.gone.Load(), o.session.ctx.Err() != nil, errors.Is(err, errAbandoned), errors.Is(err, errClientGone):
		return nil
	case errors.As(err, &known):
		return known
	case errors.As(err, &limit):
		return &refusal{code: ldap.AdminLimitExceeded, text: limit.Error()}
	case errors.As(err, &up):
		return o.upstreamMeaning(up)
	case errors.Is(err, context.DeadlineExceeded):
		return errTimeLimit
	case errors.Is(err, ldap.ErrMalformed):
		return &refusal{code: ldap.ProtocolError, text: err.Error(), hangUp: true}
	}
	o.session.server.log.Error("operation failed for a reason that has no result code",
		zap.Uint64("conn", o.session.id), zap.Error(err))
	return errPanicked
}

// upstreamMeaning tells the client which kind of trouble upstream is in, and
// the log the whole story.
func (o *operation) upstreamMeaning(e *upstream.Error) *refusal {
	o.session.server.log.Warn("upstream directory failed an operation",
		zap.Uint64("conn", o.session.id), zap.String("op", o.rec.Op), zap.Error(e))
	if o.rec.Upstream.Server == "" {
		o.rec.Upstream.Server = e.Server
	}
	if o.lease != nil {
		o.recordAnswered()
	}
	switch knob := upstream.Knob(e); {
	case errors.Is(e, upstream.ErrBusy):
		return errFull.naming(knob)
	case e.BindCode == ldap.InvalidCredentials:
		o.cfg.ServiceBind.Doubt(o.identity.DN())
		o.session.demote(o.identity)
		return errPasswordChanged
	case e.BindCode != ldap.Success:
		return errUpstreamBind(&ldap.Result{Code: e.BindCode})
	case e.Timeout && o.kind != reqBind && (o.lease != nil || o.expired()):
		return errTimeLimit.naming(knob)
	case e.Timeout:
		return errTooSlow.naming(knob)
	case e.Sent:
		return errBroken.naming(knob)
	}
	return errUnavailable
}

// noteClientGone ends a session whose client cannot be written to; the reader
// finds out by the closed socket.
func (o *operation) noteClientGone(err error) {
	if !errors.Is(err, errClientGone) {
		return
	}
	s := o.session
	s.server.log.Info("client connection failed while an answer was written (limits.write_stall bounds how long a client may not read)",
		zap.Uint64("conn", s.id), zap.Stringer("client", s.peer), zap.Error(err))
	_ = s.raw.Close()
}

// passable tells whether an upstream result goes to the client as it is.
func passable(res *ldap.Result) error {
	if res.Code == ldap.Referral {
		return errReferral
	}
	return nil
}

// Requests that are answered with nothing but a refusal.

func (o *operation) badMessageID() error { return errMessageID }
func (o *operation) unknown() error      { return errUnknownTag }
func (o *operation) unbound() error      { return errUnbound }

// late is for a request that comes when nothing is served any more, or that
// the reader should not have read; the first is not answered.
func (o *operation) late() error {
	if o.session.isClosing() {
		return errAbandoned
	}
	return errOutOfTurn
}
