package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/secret"
)

func TestIsTrouble(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{io.EOF, false}, // not upstream's
		{&Error{Doing: "dialing", Err: errors.New("connection refused")}, true},
		{&Error{Doing: "trying every server", Err: allFailed{io.EOF, io.EOF}}, true},
		{&Error{Doing: "receiving from", Err: io.ErrUnexpectedEOF, Sent: true}, true},
		{fmt.Errorf("asking: %w", &Error{Err: &timeoutError{}, Timeout: true}), true},
		{&Error{Err: context.DeadlineExceeded, Timeout: true}, true}, // whose, the caller knows
		{&Error{Err: context.Canceled}, false},
		{&Error{Err: errForgotten}, false},
		{&Error{Err: errUnauthenticated}, false},
		{&Error{Err: ErrClosed}, false},
		{&Error{Err: errOutstanding}, false},
		{&Error{Err: errors.New("refused"), BindCode: ldap.InvalidCredentials}, false},
		{&Error{Err: errors.New("refused"), BindCode: ldap.UnwillingToPerform}, false},
		{&Error{Err: errors.New("later"), BindCode: ldap.Busy}, true},
		{&Error{Err: errors.New("later"), BindCode: ldap.Unavailable}, true},
	} {
		if got := IsTrouble(tc.err); got != tc.want {
			t.Errorf("%v: %v", tc.err, got)
		}
	}
}

func TestKeyOfAnIdentity(t *testing.T) {
	key := func(dn, pw string) [32]byte { return NewIdentity(dn, secret.New([]byte(pw))).Key() }
	again := key("a", "b")
	if key("a", "b") != again || key("a", "b") == key("a", "c") || key("a", "b") == key("b", "b") || key("ab", "c") == key("a", "bc") {
		t.Error("keys of equal identities must be equal, and of others not")
	}
}
