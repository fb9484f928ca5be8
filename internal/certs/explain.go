package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"jamf-ldap-proxy/internal/ldap"
)

const (
	recordTLS    = 0x15 // first byte of a TLS alert
	messageLDAP  = 0x30 // first byte of an LDAP message
	headerOfHTTP = "HTTP/"
)

// explainDial says what to do when there is no connection.
func (t Target) explainDial(err error) error {
	host, _, _ := net.SplitHostPort(t.Address)
	var lookup *net.DNSError
	switch {
	case errors.As(err, &lookup):
		return &Error{err, "check the name: this machine knows no address of " + host}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{err, "check the port: LDAPS is 636 as a rule, StartTLS 389 (ldap://" + host + "), the proxy's own listeners 1636 and 1389"}
	case isTimeout(err):
		return &Error{err, "check address and port; perhaps a firewall between here and there drops what is sent"}
	}
	return &Error{err, "check address and port, and whether this machine reaches them"}
}

// explainStartTLS says what may be wrong with a server that is asked for
// StartTLS.
func (t Target) explainStartTLS(err error) error {
	host, _, _ := net.SplitHostPort(t.Address)
	var frame *ldap.FrameError
	switch {
	case errors.Is(err, errRefused):
		return &Error{err, "ldaps://" + host + ", if it has a port for LDAPS"}
	case errors.As(err, &frame) && frame.First == recordTLS, isHangUp(err):
		return &Error{err, "ldaps://" + t.Address + ": this port may speak TLS from the first byte"}
	}
	return &Error{err, "check the port: no LDAP server that knows StartTLS answers there"}
}

// explainTLS says what may be wrong with a server that answers, but not in TLS.
func (t Target) explainTLS(err error) error {
	plain := "ldap://" + t.Address + ", if the port speaks LDAP without TLS: StartTLS is asked for then"
	var record tls.RecordHeaderError
	isRecord := errors.As(err, &record)
	switch {
	case isRecord && string(record.RecordHeader[:]) == headerOfHTTP:
		return &Error{err, "check the port: a web server answers there"}
	case t.StartTLS:
		return &Error{err, "see the log of the server"}
	case isRecord && record.RecordHeader[0] == messageLDAP:
		return &Error{err, "ldap://" + t.Address + ": the port speaks LDAP without TLS, and StartTLS is asked for then"}
	case isRecord, isHangUp(err):
		return &Error{err, plain}
	case errors.Is(err, errSilent):
		return &Error{err, plain + "; or --timeout 1m for a slow server"}
	}
	return &Error{err, "see the log of the server"}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
