package discovery

import (
	"context"
	"errors"
	"fmt"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
)

// Outcomes of a discovery, for metrics and to tell one trouble from another.
const (
	Success       = "success"
	Unreachable   = "unreachable"    // no server answers, or not to the end
	BindRefused   = "bind_refused"   // upstream does not take the account or its password
	SearchRefused = "search_refused" // upstream answers a search with an error
	Truncated     = "truncated"      // upstream does not return all groups
	NoGroups      = "no_groups"      // upstream shows the account not a single group
	Other         = "other"
)

// Outcomes lists them.
func Outcomes() []string {
	return []string{Success, Unreachable, BindRefused, SearchRefused, Truncated, NoGroups, Other}
}

// Error is a discovery that failed.
type Error struct {
	Outcome string
	Try     string // what to do about it
	Err     error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// outcomeOf is the outcome that err is.
func outcomeOf(err error) string {
	var e *Error
	switch {
	case err == nil:
		return Success
	case errors.As(err, &e):
		return e.Outcome
	}
	return Other
}

// resultError is a search that upstream did not end with success.
type resultError struct {
	kind   string // class of the groups that were asked for
	read   int    // entries before
	result ldap.Result
}

func (e *resultError) Error() string {
	s := fmt.Sprintf("reading %s entries: upstream answers %v (%d)", e.kind, e.result.Code, int32(e.result.Code))
	if e.read > 0 {
		s += fmt.Sprintf(" after %d", e.read)
	}
	if e.result.Diagnostic != "" {
		s += ": " + e.result.Diagnostic
	}
	return s
}

var (
	errNoGroups   = errors.New("upstream shows not a single group")
	errManyGroups = fmt.Errorf("upstream returns more than %d groups", maxGroups)
	errNoProgress = errors.New("upstream returns one empty page after the other")
)

// explain says what to do about an error of a reading.
func (s *Source) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err // whoever ended ctx knows why
	}
	byHand := "; or write the pairs into groups.pairs and set groups.discover.enabled: false"
	mayRead := fmt.Sprintf("is \"Enable as LDAP Bind DN\" still set for %s, and upstream.base right?", s.Account)
	var (
		conn    *upstream.Error
		refusal *resultError
	)
	switch {
	case errors.As(err, &conn) && conn.BindCode != 0:
		return &Error{BindRefused, fmt.Sprintf("check %s and its password", s.Knob), err}
	case errors.As(err, &conn):
		return &Error{Unreachable, "check upstream.servers, and whether this machine reaches them", err}
	case errors.As(err, &refusal):
		switch refusal.result.Code {
		case ldap.SizeLimitExceeded, ldap.TimeLimitExceeded, ldap.AdminLimitExceeded:
			return &Error{Truncated, fmt.Sprintf("have upstream's limit raised for %s", s.Account) + byHand, err}
		case ldap.NoSuchObject, ldap.InsufficientAccessRights:
			return &Error{SearchRefused, mayRead, err}
		}
		return &Error{SearchRefused, "see upstream's answer" + byHand, err}
	case errors.Is(err, errNoGroups):
		return &Error{NoGroups, mayRead, err}
	case errors.Is(err, errManyGroups), errors.Is(err, errNoProgress):
		return &Error{Truncated, "check upstream.base" + byHand, err}
	}
	return &Error{Other, "", err}
}
