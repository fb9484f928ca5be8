// Package ldap is the wire codec of the proxy: LDAPv3 messages (RFC 4511) as
// far as a proxy has to understand them. What it need not understand it
// carries as bytes.
//
// Who owns the bytes: a frame returned by Framer.Next is valid until the next
// call of Next. A Message and everything decoded from a []byte shares that
// memory. Requests are decoded from a string, so their parts can be kept.
//
// One file per operation; every decoder takes its Limits as an argument.
package ldap

import (
	"errors"
	"fmt"
)

// Limits bound what a single request may make the decoder do. They are passed
// to each call and never global, because two listeners may differ.
type Limits struct {
	Nesting     int // levels of a filter
	FilterTerms int // nodes of a filter, and pieces of its substrings
	Controls    int
	Attributes  int // of a search's attribute list
}

// LimitError is a well-formed request that asks for more than a limit allows:
// adminLimitExceeded (11), the connection lives on.
type LimitError struct {
	Limit string // the configuration key below limits
	Max   int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("request exceeds limits.%s (%d)", e.Limit, e.Max)
}

// ErrMalformed is wrapped by every decoding error: protocolError (2), and the
// connection ends because its next message cannot be trusted either.
var ErrMalformed = errors.New("malformed LDAP message")

func malformed(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrMalformed, what, err)
}
