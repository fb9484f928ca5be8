// Package simulate asks a directory what the Test pane of a Jamf LDAP server
// asks, and says what Jamf would show: the command simulate and the page's Try
// tab use it, through the proxy or past it.
//
// A [Jamf] puts single questions; [Compare] lays two answers to one of them side by
// side, and [Shapes] puts every request that Jamf is known to make to both.
//
// It is a model. The filters that Jamf Pro sends are not public; these follow
// from the fields of its mappings, from ruby-jss, which was written against the
// same fields, and from what Java's LDAP library is known to put on the wire:
// aliases dereferenced always, a ManageDsaIT control that is not critical, a time
// limit of one second more than the search timeout, and a compare that turns
// into a search of one entry when its value is a DN. Three things differ from
// Java: a compare carries no control and neither does an unbind, because go-ldap
// has no place for one, and a search has a size limit.
//
// Each question is one connection: bind, searches, unbind. Neither passwords nor
// anything made of them are in an [Answer] or in an error.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"net"

	"jamf-ldap-proxy/internal/secret"
)

// Jamf is one LDAP server as it is set up in Jamf.
type Jamf struct {
	Dial     Dialer
	Account  Account
	Mappings Mappings
}

// Dialer connects to the proxy or the directory, TLS included.
type Dialer func(context.Context) (net.Conn, error)

// Account is who asks.
type Account struct {
	DN       string          // Distinguished Username
	Password secret.Password // Password
}

// User looks users up by name, as the pane's user tab. With use of wildcards the
// name may be a part of one.
//
// ctx bounds every wait, and should have an end. A failure to connect is an error
// without an answer. One that comes later, the end of ctx included, has both: the
// answer then tells how far it got. What the server refuses is no error but a
// problem of the answer.
func (j *Jamf) User(ctx context.Context, name string) (*Answer, error) {
	return j.ask(ctx, QuestionUser, func(s *session) error {
		_, err := s.users(name, s.mappings.UseWildcards)
		return err
	})
}

// Group looks groups up by name, as the pane's group tab. Errors are as with User.
func (j *Jamf) Group(ctx context.Context, name string) (*Answer, error) {
	return j.ask(ctx, QuestionGroup, func(s *session) error {
		_, err := s.groups(name, s.mappings.UseWildcards)
		return err
	})
}

// Membership tells whether the user is in the group, as the pane's last tab. Both
// names are whole ones. Errors are as with User.
func (j *Jamf) Membership(ctx context.Context, user, group string) (*Answer, error) {
	return j.ask(ctx, QuestionMembership, func(s *session) error { return s.membership(user, group) })
}

// ask connects, binds and puts the question.
func (j *Jamf) ask(ctx context.Context, kind string, question func(*session) error) (*Answer, error) {
	if err := j.Mappings.check(); err != nil {
		return nil, err
	}
	conn, err := j.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	s := newSession(ctx, conn, &j.Mappings, kind)
	defer s.close()
	err = s.bind(j.Account)
	if err == nil {
		if err = question(s); err == nil || errors.Is(err, errTold) {
			s.unbind()
		}
	}
	if errors.Is(err, errTold) {
		err = nil
	}
	return s.answer, err
}
