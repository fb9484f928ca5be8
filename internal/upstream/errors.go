package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

// Error is what every method of Pool and Conn fails with.
type Error struct {
	Server   string // as Conn.Server; empty when none was involved yet
	Doing    string // "dialing", "binding at", "sending to", "receiving from"
	Err      error
	Timeout  bool            // a deadline passed, ours or the caller's
	Sent     bool            // the request may have reached the server
	BindCode ldap.ResultCode // upstream's answer when it refused the bind of an Acquire, else 0

	stale bool // see Retryable
	final bool // no other server would help
}

func (e *Error) Error() string {
	if e.Server == "" {
		return e.Doing + ": " + e.Err.Error()
	}
	return e.Doing + " " + e.Server + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// ErrClosed is wrapped by errors of a pool after Close.
var ErrClosed = errors.New("upstream connections are closed")

// ErrBusy is wrapped by errors of callers who waited in vain for one of
// upstream.max_connections.
var ErrBusy = errors.New("all of upstream.max_connections are in use")

// Retryable tells whether err is the end of a connection of which the operation
// received nothing, and another one may do better: because this one had been
// used before, so that most likely the server had closed it while it was idle,
// or because there is another server. The operation may then be repeated once,
// with AcquireFresh, which asks the server that hung up on a new connection last. Only a search or compare that is the first operation of its
// lease qualifies, never a bind or anything else that does harm when it is
// carried out twice.
func Retryable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.stale
}

// DisconnectedError is a notice of disconnection, RFC 4511 section 4.4.1: the
// server says why it is about to close the connection.
type DisconnectedError struct{ Result ldap.Result }

func (e *DisconnectedError) Error() string {
	return "server disconnects: " + describeResult(e.Result)
}

// describeResult writes a result for humans: code name, number, text.
func describeResult(r ldap.Result) string {
	s := fmt.Sprintf("%v (%d)", r.Code, int32(r.Code))
	if r.Diagnostic != "" {
		s += ": " + r.Diagnostic
	}
	return s
}

// timeoutError is a limit of the configuration that ran out.
type timeoutError struct {
	what, knob string
	after      time.Duration
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("%s within %s (%v)", e.what, e.knob, e.after)
}

// Is makes the limit look like any other deadline to callers who do not care
// whose it was.
func (e *timeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded || target == os.ErrDeadlineExceeded
}

// Knob is the configuration key of the limit that err ran into, "" when it is
// none of ours.
func Knob(err error) string {
	var (
		timeout *timeoutError
		frame   *ldap.FrameError
	)
	switch {
	case errors.Is(err, ErrBusy):
		return "upstream.max_connections"
	case errors.As(err, &timeout):
		return timeout.knob
	case errors.As(err, &frame) && frame.Max > 0:
		return "upstream.max_pdu"
	}
	return ""
}

func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// isHangUp tells whether err says that the peer went away, as opposed to
// saying something wrong.
func isHangUp(err error) bool {
	var notice *DisconnectedError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED) ||
		errors.Is(err, syscall.ETIMEDOUT) || // TCP gave up; not a deadline of ours
		errors.As(err, &notice)
}

// hangUpText gives EOF words that mean something in a log.
func hangUpText(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("server closed the connection: %w", err)
	}
	return err
}

// withHint adds the configuration key that most likely cures a TLS failure.
// The error keeps its type.
func withHint(s *server, err error) error {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("%w (if the server is the right one, name the PEM file of its root in upstream.tls.ca)", err)
	case errors.As(err, &hostname):
		return fmt.Errorf("%w (if the server is the right one, set upstream.tls.server_name to a name in its certificate)", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w (the server needs a new certificate, unless this machine's clock is wrong)", err)
	case errors.As(err, &record) && !s.startTLS:
		return fmt.Errorf("%w (no TLS on this port? for StartTLS write ldap:// and upstream.starttls: true)", err)
	}
	return err
}

// withLimit adds the configuration key to a message that was too large.
func withLimit(err error) error {
	var frame *ldap.FrameError
	if errors.As(err, &frame) && frame.Max > 0 {
		return fmt.Errorf("%w (see upstream.max_pdu)", err)
	}
	return err
}

// allFailed is the failure of every server in turn.
type allFailed []error

func (a allFailed) Error() string {
	texts := make([]string, len(a))
	for i, err := range a {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (a allFailed) Unwrap() []error { return a }
