package upstream

import (
	"bytes"
	"context"
	"errors"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

// BindAnswer is what upstream said to a bind, kept by the caller as long as it
// likes.
type BindAnswer struct {
	Result ldap.Result
	Tail   []byte // operation and controls as they came; see ldap.AppendEnvelope
	Server string
	Reused bool          // the connection had carried an operation before
	Waited time.Duration // for the connection; told also with an error
}

// Bind performs a client's simple bind upstream, always: success can only come
// from there. controls is the contents of the request's controls element, nil
// for none. An idle connection that is bound as exactly id, or a spare, saves
// the dial, and after success the connection is idle, for the Acquire that follows.
//
// An answer of any code is no error. An error is no answer: the request is
// never repeated once it may have left (see Error.Sent), on no server, because a wrong
// password that is counted twice locks accounts out at half the attempts.
func (p *Pool) Bind(ctx context.Context, id *Identity, controls []byte) (BindAnswer, error) {
	if err := id.usable(); err != nil {
		return BindAnswer{}, &Error{Doing: "acquiring a connection", Err: err}
	}
	start := p.now()
	c, err := p.lease(ctx, request{key: id.key, knob: "upstream.bind_timeout", patience: p.cfg.BindTimeout})
	waited := p.now().Sub(start)
	if err != nil {
		return BindAnswer{Waited: waited}, err
	}
	// Release gives back a connection that a success left bound as id. After
	// any other answer it is anonymous (RFC 4511 section 4.2.1), and nobody
	// else's either: it is closed.
	m, result, err := c.bind(ctx, id, controls)
	if err != nil {
		c.Discard()
		return BindAnswer{Waited: waited}, err
	}
	answer := BindAnswer{
		Result: result, Tail: bytes.Clone(m.Tail), Server: c.Server(), Reused: c.Reused(), Waited: waited,
	}
	if result.Code == ldap.Success {
		c.Release()
	} else {
		c.Discard()
	}
	return answer, nil
}

// assume makes a fresh connection id's.
func (c *Conn) assume(ctx context.Context, id *Identity) error {
	if id.anonymous() {
		c.link.owner = id.key
		return nil
	}
	_, result, err := c.bind(ctx, id, nil)
	if err != nil {
		return err
	}
	if result.Code != ldap.Success {
		return &Error{
			Server: c.Server(), Doing: "binding at", Sent: true, BindCode: result.Code,
			Err: errors.New(describeResult(result)),
		}
	}
	c.answered = false // what came was for us, not for the operation of this lease
	return nil
}

// bind binds the connection, which must be id's already or nobody's.
func (c *Conn) bind(ctx context.Context, id *Identity, controls []byte) (m ldap.Message, r ldap.Result, err error) {
	c.link.owner = identityKey{} // nobody's, until upstream says success
	if err := c.begin(ldap.OpBindRequest, "upstream.bind_timeout", c.pool.cfg.BindTimeout); err != nil {
		return m, r, c.failure("binding at", err)
	}
	message, err := id.appendBind(c.id, controls)
	if err != nil {
		c.op = 0 // nothing has left
		return m, r, c.failure("binding at", err)
	}
	if err := c.write(message); err != nil {
		return m, r, err
	}
	for c.op != 0 {
		if m, err = c.Receive(ctx); err != nil {
			return m, r, err
		}
	}
	if r, _, err = ldap.DecodeResult(m.Body); err != nil {
		c.broken = true
		return m, r, &Error{Server: c.Server(), Doing: "binding at", Err: err, Sent: true}
	}
	if r.Code == ldap.Success {
		c.link.owner = id.key
	}
	return m, r, nil
}
