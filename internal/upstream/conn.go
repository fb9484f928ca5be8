package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// Conn is the lease of a connection: for one operation after the other, each
// sent and then received to its end. Exactly one of Release, Abandon and
// Discard ends it; what is called afterwards fails or does nothing. A Conn is
// for one goroutine; to interrupt it, cancel the context it receives with.
type Conn struct {
	pool   *Pool
	link   *link
	reused bool
	ended  bool
	broken bool // nothing more can be read or written

	answered bool // something has come during this lease

	op      ber.Tag // request in flight, 0 when there is none
	id      int32
	limit   timeoutError
	expires time.Time
	latest  time.Time // to which expires may move, see extend
	flows   bool      // something has come since expires was set
	watch   watch
}

var (
	errEnded       = errors.New("lease has ended")
	errOutstanding = errors.New("operation before has not been received to its end")
	errNothing     = errors.New("no operation is outstanding")
)

// Server is the URL of the server at the other end.
func (c *Conn) Server() string { return c.link.server.name }

// Reused tells whether the connection had carried an operation before this lease.
func (c *Conn) Reused() bool { return c.reused }

// Send sends one request under a new message ID. controls is the contents of
// its controls element, nil for none. Nothing of the request is kept.
//
// Requests that change whose connection this is (bind) or that have no answer
// (unbind, abandon) are refused: they belong to the pool.
func (c *Conn) Send(op ber.Tag, body, controls []byte) error {
	if op == ldap.OpBindRequest || ldap.ResponseOp(op) == 0 {
		return c.failure("sending to", fmt.Errorf("operation 0x%02x cannot be sent through a lease", byte(op)))
	}
	if err := c.begin(op, "upstream.search_timeout", c.pool.cfg.SearchTimeout); err != nil {
		return c.failure("sending to", err)
	}
	l := c.link
	message := ldap.AppendOperation(l.out[:0], c.id, op, body, controls)
	l.out = nil
	if cap(message) <= keepWriteBuffer {
		l.out = message[:0]
	}
	return c.write(message)
}

// begin opens an operation that must have ended after the time given.
func (c *Conn) begin(op ber.Tag, knob string, after time.Duration) error {
	switch {
	case c.ended:
		return errEnded
	case c.op != 0:
		return errOutstanding
	case c.broken:
		return net.ErrClosed
	}
	c.watch.disarm()
	c.op, c.id = op, c.link.nextID()
	c.limit = timeoutError{what: "no complete answer", knob: knob, after: after}
	c.flows = false
	c.expires = time.Now().Add(after)
	c.latest = c.expires.Add((flowFactor - 1) * after)
	return nil
}

func (c *Conn) write(message []byte) error {
	if err := c.link.write(message, writeTimeout); err != nil {
		c.broken = true
		c.blame(err)
		e := c.failure("sending to", err)
		e.Sent = true // a part of it may have left
		return e
	}
	return nil
}

// Receive returns the next message of the answer, the last of which has the
// response tag of the request sent. It is valid until the next call. A Receive
// ends with ctx, with the deadline of ctx whether ctx has a timer for it or not,
// and when nothing has come for upstream.search_timeout, so that the caller
// needs no timer of its own. After an error the lease can only be ended.
//
// Calls with the same context cost nothing extra: it is watched from the first
// of them to the last message of the answer, and what happens to it after that
// message does not hurt the connection.
func (c *Conn) Receive(ctx context.Context) (ldap.Message, error) {
	m, err := c.receive(ctx)
	if err != nil {
		return ldap.Message{}, c.readFailure(ctx, err)
	}
	return m, nil
}

func (c *Conn) receive(ctx context.Context) (ldap.Message, error) {
	switch {
	case c.ended:
		return ldap.Message{}, errEnded
	case c.op == 0:
		return ldap.Message{}, errNothing
	case c.broken:
		return ldap.Message{}, net.ErrClosed
	case ctx.Err() != nil: // also when the next message is here already
		return ldap.Message{}, ctx.Err()
	}
	if err := c.watch.arm(ctx, c.link.tcp, c.expires); err != nil {
		return ldap.Message{}, err
	}
	for {
		m, err := c.link.read(int64(c.pool.cfg.MaxPDU))
		if isTimeout(err) && c.extend(ctx) {
			continue
		}
		if err != nil {
			c.broken = !isTimeout(err)
			return m, err
		}
		if m.ID == 0 {
			if err := unsolicited(&m); err != nil {
				c.broken = true
				return m, err
			}
			continue
		}
		if err := c.expected(&m); err != nil {
			c.broken = true
			return m, err
		}
		c.answered, c.flows = true, true
		if m.Op == ldap.ResponseOp(c.op) {
			c.op = 0
			c.watch.disarm()
		}
		return m, nil
	}
}

// flowFactor bounds how long an answer that keeps coming may take altogether, in
// search timeouts.
const flowFactor = 10

// extend gives an answer that keeps coming another upstream.search_timeout: a
// large one is not slow, and a client that reads slowly holds it up only as long
// as limits.write_stall allows. It costs nothing before the time is up.
func (c *Conn) extend(ctx context.Context) bool {
	now := time.Now()
	deadline, limited := ctx.Deadline()
	if !c.flows || ctx.Err() != nil || limited && !now.Before(deadline) || !now.Before(c.latest) {
		return false
	}
	c.flows = false
	c.expires = now.Add(c.limit.after)
	if c.expires.After(c.latest) {
		c.expires = c.latest
	}
	c.watch.disarm()
	return c.watch.arm(ctx, c.link.tcp, c.expires) == nil
}

// unsolicited judges a message that answers no request. RFC 4511 section 4.4:
// one that is not understood is ignored; the notice of disconnection is an end.
func unsolicited(m *ldap.Message) error {
	if m.Op != ldap.OpExtendedResponse {
		return fmt.Errorf("%w: operation 0x%02x under message ID 0", ldap.ErrMalformed, byte(m.Op))
	}
	result, rest, err := ldap.DecodeResult(m.Body)
	if err != nil {
		return err
	}
	r := ber.Read(rest)
	for !r.Empty() {
		tag, contents, err := r.Next()
		if err != nil {
			return fmt.Errorf("%w: extended response: %w", ldap.ErrMalformed, err)
		}
		if tag == ber.Context(10) && string(contents) == ldap.OIDNoticeOfDisconnection {
			return &DisconnectedError{Result: result}
		}
	}
	return nil
}

// expected refuses a message that cannot be part of the answer. One with a
// foreign ID would be another operation's answer, perhaps another user's:
// nothing that this connection says can be believed then.
func (c *Conn) expected(m *ldap.Message) error {
	if m.ID != c.id {
		return fmt.Errorf("%w: answer to message %d where %d was asked", ldap.ErrMalformed, m.ID, c.id)
	}
	switch m.Op {
	case ldap.ResponseOp(c.op), ldap.OpIntermediateResponse:
		return nil
	case ldap.OpSearchResultEntry, ldap.OpSearchResultReference:
		if c.op == ldap.OpSearchRequest {
			return nil
		}
	}
	return fmt.Errorf("%w: operation 0x%02x answers 0x%02x", ldap.ErrMalformed, byte(m.Op), byte(c.op))
}

// HasMessage tells whether Receive would return without waiting. (It does not
// look into the message: an unsolicited one, which Receive skips, counts.)
func (c *Conn) HasMessage() bool { return !c.ended && c.op != 0 && c.link.framer.HasFrame() }

// Release gives the connection back, to be leased again for the same identity.
// One that cannot be, because its operation is not finished or failed, is
// closed.
func (c *Conn) Release() {
	if c.finish() {
		return
	}
	if c.op != 0 || c.broken || c.watch.fired || c.link.framer.Buffered() > 0 || c.link.owner == (identityKey{}) {
		c.retire(nil)
		return
	}
	c.pool.giveBack(c.link)
	c.pool.leave()
}

// Abandon stops the operation at the server (RFC 4511 section 4.11) and closes
// the connection, because parts of the answer may be on their way. With nothing
// to stop it is Release.
func (c *Conn) Abandon() {
	if c.op == 0 {
		c.Release()
		return
	}
	if c.finish() {
		return
	}
	c.retire(ldap.AppendAbandonRequest(nil, c.link.nextID(), c.id))
}

// Discard closes the connection.
func (c *Conn) Discard() {
	if !c.finish() {
		c.retire(nil)
	}
}

// finish ends the lease and tells whether it had ended before.
func (c *Conn) finish() (before bool) {
	before, c.ended = c.ended, true
	c.watch.disarm()
	return before
}

// retire closes the connection with last words, if it can still speak.
func (c *Conn) retire(words []byte) {
	closing := func() { c.link.hangUp(words) }
	if c.broken {
		closing = c.link.cut
	}
	c.pool.retire(c.link, closing)
	c.pool.leave()
}

// failure wraps err, with the flags that hold before anything was sent.
func (c *Conn) failure(doing string, err error) *Error {
	if errors.Is(err, net.ErrClosed) && c.pool.base.Err() != nil {
		err = ErrClosed
	}
	if c.op == ldap.OpBindRequest {
		doing = "binding at"
	}
	return &Error{Server: c.Server(), Doing: doing, Err: hangUpText(err), Timeout: isTimeout(err), stale: c.stale(err)}
}

// stale is the answer of Retryable: an operation that can be repeated without
// harm met a connection that had died before, or a server that hung up where
// another one can be asked. It is the first of its lease: a later one may need
// what the server remembers of those before, as the next page of a search does.
func (c *Conn) stale(err error) bool {
	harmless := c.op == ldap.OpSearchRequest || c.op == ldap.OpCompareRequest
	elsewhere := len(c.pool.servers) > 1
	return harmless && (c.reused || elsewhere) && !c.answered && c.link.framer.Buffered() == 0 && isHangUp(err)
}

// readFailure wraps an error of receive. Of a passed deadline it tells whose
// it was.
func (c *Conn) readFailure(ctx context.Context, err error) *Error {
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case isTimeout(err) && time.Now().Before(c.expires):
		err = context.DeadlineExceeded // ctx is about to say so itself
	case isTimeout(err):
		limit := c.limit
		err = &limit
	default:
		err = withLimit(err)
	}
	c.blame(err)
	e := c.failure("receiving from", err)
	e.Sent = c.op != 0
	return e
}

// blame casts suspicion on the server for a connection that it broke, or an
// operation that it left unanswered. That it closes connections which nobody
// uses says nothing: such a connection was used before, and is silent now.
func (c *Conn) blame(err error) {
	var ours *timeoutError
	if errors.As(err, &ours) || isHangUp(err) && (!c.reused || c.answered) {
		c.pool.suspect(c.link.server)
	}
}
