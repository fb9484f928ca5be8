package upstream

import (
	"context"
	"crypto/sha256"
	"errors"

	"jamf-ldap-proxy/internal/ldap"
)

// Key is a keyed hash of DN and password, equal for equal identities in this
// process and of no use outside it.
func (i *Identity) Key() [sha256.Size]byte { return i.key }

// IsTrouble tells whether err says that the directory could not be reached, was
// too slow, busy or broke off: what would happen to anybody who asks now. It is
// not when the directory refused this identity, when the caller gave up, and
// when identity or pool are not in use any more. Whose deadline passed, only
// the caller can tell.
func IsTrouble(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.BindCode {
	case ldap.Success: // no bind, or none that was refused
	case ldap.Busy, ldap.Unavailable:
		return true
	default:
		return false
	}
	for _, ours := range []error{context.Canceled, errForgotten, errUnauthenticated, errEnded, errOutstanding, errNothing, ErrClosed} {
		if errors.Is(err, ours) {
			return false
		}
	}
	return true
}
