package replay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/dial"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/secret"
)

// Bounds of one question.
const (
	patience = 70 * time.Second // more than the proxy takes for a search
	maxBytes = 64 << 20         // of an answer
)

// Server is one of the two that are asked. Its methods are called by one goroutine
// at a time.
type Server struct {
	Name string // as reports call it
	Dial func(context.Context) (net.Conn, error)

	DN       string // who asks, always
	Password secret.Password

	raw  *dial.Limited
	conn *goldap.Conn
}

// Answer is what a server says to a question.
type Answer struct {
	Code    int // LDAP result code
	Entries []*goldap.Entry
	Err     error // there was no answer; the rest is empty
}

// RefusedError is a bind that a server refuses. It is not tried again: failed binds
// may lock an account.
type RefusedError struct {
	DN   string
	Code ldap.ResultCode
	Said string
}

func (e *RefusedError) Error() string {
	s := fmt.Sprintf("binding as %s: %v (%d)", clip(e.DN), e.Code, int32(e.Code))
	if e.Said != "" {
		s += ": " + clip(e.Said)
	}
	return s
}

// open connects and binds.
func (s *Server) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := s.Dial(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	s.raw = dial.Limit(conn, maxBytes)
	s.conn = goldap.NewConn(s.raw, false)
	s.conn.Start()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	_, err = s.conn.SimpleBind(&goldap.SimpleBindRequest{Username: s.DN, Password: string(s.Password.Reveal())})
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		s.cut()
		var refused *goldap.Error
		if errors.As(err, &refused) && refused.ResultCode < goldap.ErrorNetwork {
			return &RefusedError{s.DN, ldap.ResultCode(refused.ResultCode), refused.Err.Error()}
		}
		return fmt.Errorf("binding: %w", err)
	}
	return nil
}

// close says good-bye, and hangs up.
func (s *Server) close() {
	if s.conn == nil {
		return
	}
	_ = s.raw.SetWriteDeadline(time.Now().Add(time.Second))
	_ = s.conn.Unbind()
	s.cut()
}

// cut begins at the bottom: go-ldap waits for a write that is on its way.
func (s *Server) cut() {
	if s.conn != nil {
		_ = s.raw.Close()
		_ = s.conn.Close()
		s.conn = nil
	}
}

// ask puts a question. A connection that breaks is opened anew once, and the
// question put again: it only reads. The second result is what ends a replay: the
// end of ctx, or a bind that is refused now.
func (s *Server) ask(ctx context.Context, q *Question) (Answer, error) {
	var a Answer
	for range 2 {
		limited, cancel := context.WithTimeout(ctx, patience)
		a = s.try(limited, q)
		cancel()
		var refused *RefusedError
		switch {
		case ctx.Err() != nil:
			return a, context.Cause(ctx)
		case errors.As(a.Err, &refused):
			return a, a.Err
		case a.Err == nil:
			return a, nil
		}
	}
	return a, nil
}

func (s *Server) try(ctx context.Context, q *Question) (a Answer) {
	if s.conn == nil {
		if err := s.open(ctx); err != nil {
			return Answer{Err: err}
		}
	}
	s.raw.Allow()
	conn := s.raw
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	if q.Op == lookup.OpCompare {
		a = s.compare(q)
	} else {
		a = s.search(q)
	}
	if !stop() {
		a = Answer{Err: fmt.Errorf("no answer within %v", patience)}
	}
	if a.Err != nil {
		s.cut()
	}
	return a
}

func (s *Server) search(q *Question) Answer {
	req := &goldap.SearchRequest{
		BaseDN: q.Base, Scope: scopes[q.Scope], Filter: q.Filter, Attributes: q.Attrs, SizeLimit: q.SizeLimit, TimeLimit: q.TimeLimit,
	}
	if q.isJava {
		req.DerefAliases = goldap.DerefAlways
		req.Controls = []goldap.Control{goldap.NewControlManageDsaIT(false)}
	}
	found, err := s.conn.Search(req)
	a := answerOf(err)
	if found != nil && a.Err == nil {
		a.Entries = found.Entries
	}
	return a
}

func (s *Server) compare(q *Question) Answer {
	yes, err := s.conn.Compare(q.Base, q.attr, q.value)
	a := answerOf(err)
	switch {
	case err != nil:
	case yes:
		a.Code = goldap.LDAPResultCompareTrue
	default:
		a.Code = goldap.LDAPResultCompareFalse
	}
	return a
}

// answerOf tells a result of the server from a failure to get one.
func answerOf(err error) Answer {
	var e *goldap.Error
	switch {
	case err == nil:
		return Answer{}
	case errors.As(err, &e) && e.ResultCode < goldap.ErrorNetwork:
		return Answer{Code: int(e.ResultCode)}
	}
	return Answer{Err: err}
}
